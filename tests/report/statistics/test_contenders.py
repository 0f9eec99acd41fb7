"""Who competes at a place."""

import pytest

from aesbench.report.evidence import gather
from aesbench.report.statistics.contenders import BEST, best_uniform, contenders, differences
from aesbench.report.statistics.scores import by_method


@pytest.fixture
def rows():
    """Return the function that gives the rows of records of one place."""

    def made(records, papers=None):
        evidence = gather(records)
        return contenders(evidence, evidence.runs, papers)

    return made


def test_the_best_uniform_size_is_chosen_on_validation(seeds):
    """UES-8 wins on test and UES-16 on validation: the choice may not see the test."""
    records = [
        *seeds("ues:8", 0.80, validation_auc=0.70),
        *seeds("ues:16", 0.75, validation_auc=0.71),
        *seeds("ues:64+transform", 0.75, validation_auc=0.99),
        *seeds("mde:value", 0.75, validation_auc=0.99),
    ]
    assert best_uniform(by_method(gather(records).runs)) == "ues:16"
    assert best_uniform({}) is None


def test_every_method_of_the_comparison_has_a_row(seeds, rows):
    """With UES-32 alone the others are there and empty; nothing vanishes for want of a run."""
    found = {row.name: row for row in rows(seeds("ues:32", 0.75))}
    assert list(found)[:4] == [
        *("UES-32", "UES-24", "UES-32 (transform)", "Best UES on validation (UES-32)"),
    ]
    for name in ("MDE", "SSEDS", "AutoDim", "AutoEmb", "ESAPN", "AdaS&S-R", "AdaS&S-E"):
        assert not len(found[name].runs)
    assert not len(found["AdaS&S supernet, greedy"].runs)
    assert "Random sizes" not in found, "a control has a row only where it ran"


def test_without_a_uniform_size_there_is_no_best(seeds, rows):
    """Its row is there, without a label and without runs."""
    (best,) = (row for row in rows(seeds("mde:value", 0.75)) if row.key == BEST)
    assert (best.label, best.name, len(best.runs)) == (None, "Best UES on validation", 0)


def test_whatever_else_ran_has_a_row_too(seeds, rows):
    """A third party's method, and one that only ran under a budget; sweeps and fixed sizes not."""
    records = [
        *seeds("mine", 0.75),
        *seeds("sseds@0.5", 0.75, budget=100),
        *seeds("adass:r", 0.75),
        *seeds("adass:r@0.5", 0.75, budget=100),
        *seeds("adass:r[lambda_r=0.1]", 0.75),
        *seeds("fixed:2-8", 0.75),
        *seeds("ues:64", 0.75),
    ]
    keys = [row.key for row in rows(records)]
    assert "mine" in keys and "sseds@0.5" in keys and "sseds" not in keys
    assert not {"adass:r@0.5", "adass:r[lambda_r=0.1]", "fixed:2-8", "ues:64"} & set(keys)
    assert len(set(keys)) == len(keys)


def test_without_papers_whoever_ran_competes(seeds, rows):
    """No line-up is needed: the reference, its control and the best size, then what ran."""
    found = rows([*seeds("ues:8", 0.7), *seeds("mine", 0.75), *seeds("mde:value", 0.7)], papers=[])
    keys = [row.key for row in found]
    assert keys == ["ues:32", "ues:32+transform", BEST, "mde:value", "mine"]


@pytest.mark.parametrize(
    ("unification", "control"), [("transform", "ues:32+plain"), ("plain", "ues:32+transform")]
)
def test_the_other_unification_is_the_one_that_is_not_the_default(
    seeds, rows, unification, control
):
    """DeepFM's default is the transform, so its control is plain."""
    records = seeds("ues:32", 0.75, unification=unification, backbone="deepfm")
    assert control in [row.key for row in rows(records)]


def test_failed_runs_are_counted_apart(make_record, failed, rows):
    """They enter no number; a method that only failed under no budget keeps its row."""
    (row,) = (
        row
        for row in rows([make_record("mde:value"), failed("mde:value", 1)])
        if row.key == "mde:value"
    )
    assert (len(row.runs), row.failed) == (1, 1)


def test_rows_differ_from_the_row_of_a_key(seeds, rows):
    """The best uniform size is a baseline under its own key; it differs from itself by nothing."""
    found = differences(
        rows([*seeds("ues:16", 0.8, noise=0), *seeds("mde:value", 0.79, noise=0)]),
        BEST,
        "test_auc",
    )
    assert found.loc["mde:value", "difference"] == pytest.approx(-0.01)
    assert BEST not in found.index and not found.loc["sseds", "pairs"]
