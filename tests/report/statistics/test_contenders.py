"""Who competes at a place."""

import pytest

from aesbench.report.evidence import gather
from aesbench.report.statistics.contenders import (
    BEST,
    MOST_GIVEN,
    best_uniform,
    contenders,
    contenders_of,
    differences,
    rivals,
)
from aesbench.report.statistics.scores import by_method


@pytest.fixture
def rows():
    """Return the function that gives the rows of records of one place."""

    def made(records):
        evidence = gather(records)
        return contenders(evidence, evidence.runs)

    return made


@pytest.fixture
def line_up():
    """Return the function that gives the rows of records of one place in the paper's table."""

    def made(records):
        evidence = gather(records)
        (paper,) = evidence.papers
        return contenders_of(evidence, evidence.runs, paper)

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


def test_every_method_of_a_line_up_has_a_row(seeds, line_up):
    """With UES-32 alone the others are there and empty; nothing vanishes for want of a run."""
    found = {row.name: row for row in line_up(seeds("ues:32", 0.75))}
    assert list(found)[:4] == [
        *("UES-32", "UES-24", "UES-32 (transform)", "Best UES on validation (UES-32)"),
    ]
    for name in (
        "MDE (25 % saved)",
        "SSEDS",
        "AutoDim",
        "AutoEmb",
        "ESAPN",
        "AdaS&S-R",
        "AdaS&S-E",
    ):
        assert not len(found[name].runs)
    assert not len(found["AdaS&S supernet, greedy"].runs)
    assert "Random sizes" not in found, "a control has a row only where it ran"


def test_without_a_uniform_size_there_is_no_best(seeds, rows, line_up):
    """In a line-up its row is there, without a label and without runs."""
    assert BEST not in [row.key for row in rows(seeds("mde:value", 0.75))]
    (best,) = (row for row in line_up(seeds("mde:value", 0.75)) if row.key == BEST)
    assert (best.label, best.name, len(best.runs)) == (None, "Best UES on validation", 0)


LABELS = (
    *("mine", "sseds@0.5", "adass:r", "adass:r@0.5", "adass:r[lambda_r=0.1]", "mde+tuned"),
    *("fixed:2-8", "ues:64", "ues:5", "ues:32+transform"),
)


def test_whatever_ran_has_a_row(seeds, rows):
    """Third parties, changed settings, budgets, tuned, given and all uniform sizes; no more."""
    records = [record for label in LABELS for record in seeds(label, 0.75)]
    keys = [row.key for row in rows(records)]
    assert sorted(keys) == sorted([*LABELS, BEST])
    assert keys[:3] == ["ues:5", "ues:64", BEST]


def test_a_line_up_has_nobody_else(seeds, line_up):
    """But for a method of its own that ran under budgets only: these are its rows."""
    records = [record for label in LABELS for record in seeds(label, 0.75)]
    keys = [row.key for row in line_up(records)]
    assert {"sseds@0.5", "adass:r"} <= set(keys) and len(set(keys)) == len(keys)
    others = {"sseds", "mine", "adass:r@0.5", "adass:r[lambda_r=0.1]", "fixed:2-8", "ues:64"}
    assert not others & set(keys)


def test_allocations_by_the_dozen_are_no_contenders(seeds, rows):
    """They are the ground of other exhibits; a few given by hand are rows like any other."""
    few = [r for dim in range(1, MOST_GIVEN + 1) for r in seeds(f"fixed:2-{dim}", 0.75)]
    assert len(rows([*few, *seeds("mine", 0.8)])) == MOST_GIVEN + 1
    assert [row.key for row in rows([*few, *seeds("fixed:9-9", 0.7), *seeds("mine", 0.8)])] == [
        "mine"
    ]


def test_a_rival_is_the_best_uniform_size_of_no_more_parameters(seeds, rows):
    """Chosen on validation; else the smallest that ran. None for the one that is it."""
    records = [
        *seeds("ues:2", 0.70, dims=(2, 2)),
        *seeds("ues:8", 0.75, dims=(8, 8), validation_auc=0.6),
        *seeds("ues:32", 0.90, dims=(32, 32)),
        *seeds("mine", 0.80, dims=(8, 8)),
        *seeds("large", 0.80, dims=(64, 64)),
        *seeds("tiny", 0.80, dims=(1, 1)),
    ]
    assert rivals(rows(records)) == {
        **{"ues:8": "ues:2", "mine": "ues:2", "large": "ues:32", "tiny": "ues:2"},
    }


def test_a_tuned_method_has_a_tuned_rival(seeds, rows):
    """What was tuned is held against what was tuned; without any, against plain sizes."""
    plain = [*seeds("ues:8", 0.7, dims=(8, 8)), *seeds("mine", 0.8, dims=(8, 8))]
    tuned = [*seeds("mine+tuned", 0.8, dims=(16, 16)), *seeds("ues+tuned", 0.7, dims=(16, 16))]
    assert rivals(rows([*plain, *tuned])) == {"mine": "ues:8", "mine+tuned": "ues+tuned"}
    assert rivals(rows([*plain, *tuned[:4]])) == {"mine": "ues:8", "mine+tuned": "ues:8"}
    assert rivals(rows(tuned)) == {"mine+tuned": "ues+tuned"}


def test_a_rival_shares_a_seed(make_record, rows):
    """The best of other seeds has nothing to be paired with."""
    records = [
        make_record("ues:2", 0, dims=(2, 2), auc=0.6),
        make_record("ues:8", 1, dims=(8, 8), auc=0.9),
        make_record("mine", 0, dims=(8, 8)),
    ]
    assert rivals(rows(records))["mine"] == "ues:2"


@pytest.mark.parametrize(
    ("unification", "control"), [("transform", "ues:32+plain"), ("plain", "ues:32+transform")]
)
def test_the_other_unification_is_the_one_that_is_not_the_default(
    seeds, line_up, unification, control
):
    """DeepFM's default is the transform, so its control is plain."""
    records = seeds("ues:32", 0.75, unification=unification, backbone="deepfm")
    assert control in [row.key for row in line_up(records)]


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
    assert BEST not in found.index
