"""Sizes found against sizes that were planted."""

import pytest

from aesbench.plugins.exhibit import MISSING
from aesbench.report.evidence import gather
from aesbench.report.exhibits import truth

TRUTH = {
    "bayes_auc": {"test": 0.9},
    "fields": {
        "user": {"rank": 8, "importance": 0.9, "noise": False},
        "item": {"rank": 1, "importance": 0.1, "noise": False},
        "noise": {"rank": 0, "importance": 0.0, "noise": True},
    },
}


@pytest.fixture
def records(make_record):
    """Two seeds of sizes in the order of the ranks, one in the opposite order, one of one size."""
    known = {"datasheet": {"truth": TRUTH}, "dataset": "planted", "true_auc": 0.85}
    right = {"user": 16, "item": 8, "noise": 2}
    wrong = {"user": 2, "item": 8, "noise": 16}
    return [
        *(make_record("adass:r", seed, dims=right, **known) for seed in range(2)),
        make_record("esapn", 0, dims=wrong, **known),
        make_record("ues:32", 0, dims=dict.fromkeys(right, 32), **known),
    ]


def test_planted_sizes_are_held_against_the_truth(records, the_only, values, cells):
    """Sizes in the order of the ranks correlate with 1; noise at 2 is at the smallest."""
    exhibit = the_only(truth.build, records)
    found, shown = values(exhibit.tables[0]), cells(exhibit.tables[0])
    best = found["AdaS&S-R"]
    assert best["size with rank, Spearman"] == pytest.approx(1.0)
    assert (best["noise fields at smallest"], best["fields of rank at smallest"]) == (1.0, 0.0)
    assert best["below Bayes"] == pytest.approx(0.05)
    assert found["ESAPN"]["size with rank, Spearman"] == pytest.approx(-1.0)
    assert found["ESAPN"]["fields of rank at smallest"] == 0.5
    assert shown["UES-32"]["size with rank, Spearman"] == MISSING
    assert "AutoDim" not in shown, "what did not run has no row"
    sizes = values(exhibit.tables[1])
    assert list(sizes) == ["user", "item", "noise"] and sizes["user"]["AdaS&S-R"] == 16


def test_the_findings_and_the_map_are_of_those_that_ran(records, the_only):
    """Who leads, over common seeds; a row per method, fields by descending rank."""
    exhibit = the_only(truth.build, records)
    assert exhibit.findings[0].endswith("no model can exceed 0.9000 on average.")
    assert exhibit.findings[1] == (
        "AdaS&S-R has the highest mean Spearman correlation of sizes with planted ranks of 2"
        " methods, 1.00 (n = 1 seed), which a single seed does not tell from chance."
    )
    (figure,) = exhibit.figures
    assert figure.data.frame.columns.tolist() == ["method", "user", "item", "noise"]
    assert figure.data.column("method") == ["UES-32", "ESAPN", "AdaS&S-R"]
    assert "n = 1 to 2 seeds" in figure.caption


def test_one_method_leads_nothing(records, the_only):
    """Its numbers are said, a correlation below 0 as one."""
    exhibit = the_only(truth.build, [record for record in records if record.spec.method == "esapn"])
    assert exhibit.findings == (
        "ESAPN has a mean AUC against the true probabilities of 0.8500 (n = 1 seed); no model can"
        " exceed 0.9000 on average.",
        "ESAPN has a mean Spearman correlation of sizes with planted ranks of −1.00 (n = 1 seed).",
    )
    assert not any(exhibit.tables[0].bold["true AUC"])


def test_methods_of_other_seeds_are_not_compared(make_record, the_only):
    """The findings say so; ranks that are all equal have no correlation."""
    fields = {name: {**own, "rank": 1} for name, own in TRUTH["fields"].items()}
    known = {"datasheet": {"truth": {"fields": fields}}, "true_auc": 0.85}
    known["dims"] = {"user": 16, "item": 8, "noise": 2}
    records = [make_record(label, s, **known) for s, label in enumerate(("esapn", "sseds"))]
    assert the_only(truth.build, records).findings == (
        "By the mean AUC against the true probabilities nobody leads, as no two methods share a"
        " seed.",
    )


def test_the_best_uniform_size_has_no_row_of_its_own(records, the_only, values):
    """It is one of the sizes: what it found is no news."""
    assert not any("Best UES" in name for name in values(the_only(truth.build, records).tables[0]))


def test_without_a_known_truth_there_is_nothing_planted(make_record):
    """Real data, or a datasheet that is missing."""
    records = [make_record(), make_record("mde:value", dataset="planted")]
    assert truth.build(gather(records)) == [] == truth.build(gather([]))


def test_runs_that_all_failed_say_nothing_of_the_truth(failed):
    """Neither do searches: there is no AUC against the true probabilities."""
    assert truth.build(gather([failed(datasheet={"truth": TRUTH}, dataset="planted")])) == []
