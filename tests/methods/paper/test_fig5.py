"""Figure 5: sweeps of both weights, found among whatever ran."""

import pytest

from aesbench.report.evidence import gather
from aesbench_methods.adass.paper.exhibits import fig5


@pytest.fixture
def weighted(make_record):
    """Return the function that makes a run of AdaS&S with these weights."""

    def make(label, seed, r, c, **values):
        config = {"lambda_r": r, "lambda_c": c, "search": "rl"}
        return make_record(label, seed, method="adass", method_config=config, **values)

    return make


@pytest.fixture
def sweep(weighted):
    """λ_r from 0 to .02 at λ_c = .08; AUC falls by .03 in both seeds, P-R rises by 50 %."""
    return [
        weighted(label, seed, r, 0.08, auc=auc + 0.001 * seed, dims=(dim, dim))
        for label, r, auc, dim in (
            ("adass:e[lambda_r=0.0]", 0.0, 0.80, 32),
            ("adass:e", 0.0025, 0.79, 24),
            ("adass:e[lambda_r=0.02]", 0.02, 0.77, 16),
        )
        for seed in (0, 1)
    ]


def test_fig5_finds_the_sweep_and_its_changes(sweep, weighted, the_only, lines_of):
    """A run of another λ_c is not part of it."""
    exhibit = the_only(fig5.build, [*sweep, weighted("adass:r", 0, 0.005, 0.04)])
    lines = lines_of(exhibit.tables[0])
    assert [line["value"] for line in lines] == [0.0, 0.0025, 0.02]
    assert [line["P-R"] for line in lines] == [0, 0.25, 0.5]
    assert lines[0]["test AUC"] == pytest.approx(0.8005)
    assert lines[0]["test AUC: SE"] == pytest.approx(0.0005)  # .001 / sqrt(2) / sqrt(2).
    assert {line["sweep"] for line in lines} == {"λ_r at λ_c = 0.08"}
    assert exhibit.tables[0].column("method") == ["AdaS&S-E"] * 3
    (finding,) = exhibit.findings
    assert "from λ_r = 0 to 0.02" in finding and "−0.0300" in finding and "+50.0%" in finding
    assert sorted(exhibit.runs) == sorted(record.spec.run_id for record in sweep)


def test_fig5_compares_values_over_the_same_seeds(weighted, the_only, lines_of):
    """The preset has a third, worse seed from another study; without common seeds all count."""
    three = [weighted(f"x{r}", seed, r, 0.08) for r in (0.0, 0.1, 0.2) for seed in (0, 1)]
    extra = weighted("x0.1", 2, 0.1, 0.08, auc=0.5)
    lines = lines_of(the_only(fig5.build, [*three, extra]).tables[0])
    assert [line["seeds"] for line in lines] == [2, 2, 2]
    assert [line["test AUC"] for line in lines] == [0.75] * 3
    apart = [weighted(f"x{r}", seed, r, 0.08) for seed, r in enumerate((0.0, 0.1, 0.2))]
    exhibit = the_only(fig5.build, apart)
    assert [line["seeds"] for line in lines_of(exhibit.tables[0])] == [1, 1, 1]
    assert "test AUC by an unknown amount, for want of common seeds" in exhibit.findings[0]
    for shown in (*exhibit.tables, *exhibit.figures):
        assert "λ_r at λ_c = 0.08 have no seed in common" in shown.caption


def test_fig5_has_no_interval_of_one_seed(weighted, failed, the_only):
    """A change is a number then; values whose runs all failed are no sweep."""
    runs = [weighted(f"x{r}", 0, r, 0.08, auc=0.7 + r) for r in (0.0, 0.1, 0.2)]
    exhibit = the_only(fig5.build, runs)
    assert exhibit.findings == [
        "tiny, Wide&Deep, λ_c = 0.08: from λ_r = 0 to 0.2, x0.0 changes test AUC by +0.2000"
        " (n = 1) and P-R by +0.0% (n = 1), paired by seed."
    ]
    assert "in common" not in exhibit.tables[0].caption
    assert fig5.build(gather([failed(f"adass:{r}") for r in "xyz"])) == []


def test_fig5_needs_three_values_that_differ_in_nothing_else(weighted):
    """Two values are no sweep, nor are three of different other settings."""
    two = [weighted(f"x{r}", 0, r, 0.08) for r in (0.0, 0.1)]
    for third in ([], [(0.04, {})], [(0.08, {"budget": 99})]):
        others = [weighted("x", 0, 0.2, c, **values) for c, values in third]
        assert fig5.build(gather([*two, *others])) == []
    assert len(fig5.build(gather([*two, weighted("x", 0, 0.2, 0.08)]))) == 1


def test_a_sweep_of_lambda_c_says_where_its_results_are_not_the_policys(make_record, the_only):
    """λ_c weighs a penalty on the policy: the best allocation scored hardly feels it."""
    records = [
        make_record(
            f"adass:r[lambda_c={c},result={read}]",
            method="adass",
            method_config={"lambda_r": 0.005, "lambda_c": c, "result": read},
        )
        for read in ("best", "likeliest")
        for c in (0.0, 0.04, 0.08)
    ]
    table = the_only(fig5.build, records).tables[0]
    assert set(table.column("sweep")) == {
        "λ_c at λ_r = 0.005, result = best",
        "λ_c at λ_r = 0.005",
    }
