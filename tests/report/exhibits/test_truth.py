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
    assert shown["AutoDim"]["true AUC"] == MISSING
    sizes = values(exhibit.tables[1])
    assert list(sizes) == ["user", "item", "noise"] and sizes["user"]["AdaS&S-R"] == 16


def test_the_findings_and_the_map_are_of_those_that_ran(records, the_only):
    """Who follows the ranks best; a row per method, fields by descending rank."""
    exhibit = the_only(truth.build, records)
    assert exhibit.findings[0].endswith("no model can exceed 0.9000 on average.")
    assert exhibit.findings[1] == (
        "The sizes of AdaS&S-R follow the planted ranks best: Spearman's correlation 1.00 (n = 2)."
    )
    (figure,) = exhibit.figures
    assert figure.data.frame.columns.tolist() == ["method", "user", "item", "noise"]
    assert figure.data.column("method") == ["UES-32", "ESAPN", "AdaS&S-R"]
    assert "n = 1 to 2 seeds" in figure.caption


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
