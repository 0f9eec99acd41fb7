"""Table 1, measured: numbers beside the paper's ticks and crosses."""

import dataclasses

import pytest

from aesbench import Allocation
from aesbench.report.evidence import gather
from aesbench_methods.adass.paper.exhibits import table1

JITTER = (0.0, 0.001, -0.0005, 0.0007)


@pytest.fixture
def seeds(make_record):
    """Return the function that makes records of one method for some seeds, which move AUC."""

    def make(label, auc, n=4, **values):
        return [make_record(label, seed, auc=auc + JITTER[seed], **values) for seed in range(n)]

    return make


@pytest.fixture
def records(seeds, make_record):
    """UES-32, AdaS&S-R with and without a budget of 1,000, and searches of AutoDim."""
    return [
        *seeds("ues:32", 0.80),
        *seeds("adass:r", 0.81, n=3),
        make_record("adass:r", 3, dims=(8, 32), auc=0.81),
        make_record("adass:r@0.3", 0, dims=(8, 8), budget=1000),  # 960 parameters.
        make_record("adass:r@0.3", 1, dims=(8, 16), budget=1000),  # 1,120.
        make_record("autodim+search-only", 0, retrain=False),
        make_record("autodim+search-only", 1, retrain=False),
    ]


def test_table_1_puts_numbers_beside_the_papers_marks(records, the_only, values):
    """Stability, the difference from the best UES, and the excess over the budget."""
    exhibit = the_only(table1.build, records)
    (table,) = exhibit.tables
    rows = values(table)
    row = rows["AdaS&S-R"]
    assert (row["paper: stable"], row["paper: performance"]) == ("✓", "Better")
    assert row["agree end to end"] == (3 / 4 + 1) / 2
    assert row["pairs"] == 4 and row["AUC − best UES"] == pytest.approx(0.01, abs=1e-3)
    assert row["runs with budget"] == 2
    assert row["largest excess"] == pytest.approx(0.12)
    assert row["share used"] == pytest.approx((0.96 + 1.12) / 2)
    assert rows["AutoDim"]["agree end to end"] == 1.0 and rows["AutoDim"]["pairs"] == 0
    assert "UES-32" not in rows and "(UES-32)" in table.caption
    assert "over the 1 method of" in table.caption
    assert len(exhibit.runs) == len(records) - 4  # All but UES-32's, which have no row.
    assert exhibit.findings == [
        "tiny, Wide&Deep: AdaS&S-R agrees with itself in 88% of 4 searches (mean over fields)."
    ]


def test_methods_without_runs_keep_their_rows(records, the_only, values):
    """AMTL and PEP are in the paper: without runs their marks are shown, their numbers are none."""
    (table,) = the_only(table1.build, records).tables
    rows = values(table)
    assert rows["PEP"]["searches end to end"] == 0
    assert {"AMTL", "PEP"} <= rows.keys()
    shown = dict(zip(table.frame.columns, table.rows()[list(rows).index("PEP")], strict=True))
    assert [shown[name][0] for name in ("paper: stable", "paper: performance", "pairs")] == [
        *("✗", "Sub", "0"),
    ]
    assert {shown[name][0] for name in ("agree end to end", "95 %", "Holm p", "share used")} == {
        "–"
    }


def test_sizes_inside_fields_agree_if_all_blocks_do(records, make_record, the_only, values):
    """Three searches of AMTL, two of them with equal blocks of the first field."""
    searches = []
    for seed, rows in enumerate((10, 10, 11)):
        one = make_record("amtl", seed, auc=0.8)
        (_, first), (_, second) = one.allocation.to_dict().items()
        whole = first[0][0]
        blocks = {
            one.allocation.names[0]: [[rows, 8], [whole - rows, 2]],
            one.allocation.names[1]: second,
        }
        searches.append(dataclasses.replace(one, allocation=Allocation.from_dict(blocks)))
    (table,) = the_only(table1.build, [*records, *searches]).tables
    row = values(table)["AMTL"]
    assert (row["searches end to end"], row["paper: performance"]) == (3, "Sub")
    assert row["agree end to end"] == pytest.approx((2 / 3 + 1) / 2)
    assert row["pairs"] == 3 and row["AUC − best UES"] == pytest.approx(-sum(JITTER[:3]) / 3)


def test_table_1_keeps_sweeps_out(seeds, the_only, values):
    """Searches with changed settings are no repetitions of the method's own."""
    records = [*seeds("adass:r", 0.8, n=2), *seeds("adass:r[lambda_r=0.1]", 0.8, dims=(2, 2))]
    (table,) = the_only(table1.build, records).tables
    assert values(table)["AdaS&S-R"]["searches end to end"] == 2
    assert "none ran" in table.caption


def test_table_1_needs_a_search(seeds):
    """Uniform and given sizes search nothing."""
    assert table1.build(gather([*seeds("ues:32", 0.8), *seeds("fixed:2-8", 0.8)])) == []


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {},
            "of 3 methods with 2 searches each, these agree with themselves most: AutoDim and"
            " AutoEmb, in 100%; least: ESAPN, in 75% (mean over fields).",
        ),
        (
            {"esapn": None},
            "AutoDim and AutoEmb agree with themselves alike, in 100% of 2 searches (mean over"
            " fields).",
        ),
    ],
)
def test_methods_agree_more_or_less_among_as_many_searches(make_record, the_only, changes, text):
    """Equals are named together; four searches of SSEDS are not held against two."""
    found = {"autodim": 2, "autoemb": 2, "esapn": 8, "sseds": 8} | changes
    records = [
        make_record(f"{label}+search-only", seed, dims=(2, size if seed else 2), retrain=False)
        for label, size in found.items()
        if size
        for seed in range(4 if label == "sseds" else 2)
    ]
    assert the_only(table1.build, records).findings == [f"tiny, Wide&Deep: {text}"]


def test_searches_that_all_failed_are_none(failed):
    """Nothing agrees with anything."""
    assert table1.build(gather([failed("adass:r", seed) for seed in range(2)])) == []
