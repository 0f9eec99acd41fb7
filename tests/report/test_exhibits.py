"""Exhibits: what they say of records made by hand."""

import dataclasses

import pytest

from aesbench.report.claims import CONFIRMED, NOT_CONFIRMED, NOT_TESTABLE, Claim, claims_at
from aesbench.report.contenders import best_uniform, contenders
from aesbench.report.exhibits import BUILDERS, build_exhibits, planted, table1, table2, table3
from aesbench.report.page.exhibit import MISSING
from aesbench.report.statistics.paired import compare, corrected
from aesbench.report.statistics.scores import Place, by_place
from aesbench.report.statistics.stability import end_to_end, modal_shares, of_one_state

JITTER = (0.0, 0.001, -0.0005, 0.0007, -0.0012, 0.0003, -0.0002, 0.0009)


@pytest.fixture
def seeds(make_record):
    """Return the function that makes records of one method for some seeds.

    A seed moves every method's AUC by the same share of ``JITTER``, and ``noise`` of it apart.
    """

    def make(label, auc, n=4, noise=0.1, **values):
        def moved(seed):
            return auc + JITTER[seed] + noise * JITTER[-1 - seed]

        return [make_record(label, seed, auc=moved(seed), **values) for seed in range(n)]

    return make


def rows_of(table):
    """{first cell's text: {column: cell}} of a table."""
    return {row[0].text: dict(zip(table.header, row, strict=True)) for row in table.rows}


def tables_of(exhibits):
    """{name: table} of some exhibits, their figures' data included."""
    found = [table for one in exhibits for table in one.tables]
    return {table.name: table for table in found}


def groups_of(records):
    """{label: records} of records of one place."""
    ((_, groups),) = by_place(records).items()
    return groups


def test_the_best_uniform_size_is_chosen_on_validation(seeds):
    """UES-8 wins on test and UES-16 on validation: the choice may not see the test."""
    records = [
        *seeds("ues:8", 0.80, validation_auc=0.70),
        *seeds("ues:16", 0.75, validation_auc=0.71),
        *seeds("ues:64+transform", 0.75, validation_auc=0.99),
        *seeds("mde:value", 0.75, validation_auc=0.99),
    ]
    assert best_uniform(groups_of(records)) == "ues:16"
    assert best_uniform({}) is None


def test_every_method_of_the_comparison_has_a_row(seeds):
    """With UES-32 alone the others are there and empty; nothing vanishes for want of a run."""
    rows = contenders(groups_of(seeds("ues:32", 0.75)))
    names = [row.name for row in rows]
    for name in ("UES-24", "UES-32 (transform)", "Best UES on validation (UES-32)", "MDE", "SSEDS"):
        assert name in names
    for name in ("AutoDim", "AutoEmb", "ESAPN", "AdaS&S-R", "AdaS&S-E", "AdaS&S supernet, greedy"):
        assert not next(row for row in rows if row.name == name).records
    assert "Random sizes" not in names


def test_whatever_else_ran_has_a_row_too(seeds):
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
    keys = [row.key for row in contenders(groups_of(records))]
    assert "mine" in keys and "sseds@0.5" in keys and "sseds" not in keys
    assert not {"adass:r@0.5", "adass:r[lambda_r=0.1]", "fixed:2-8", "ues:64"} & set(keys)


def test_the_other_unification_is_the_one_that_is_not_the_default(seeds):
    """DeepFM's default is the transform, so its control is plain."""
    records = seeds("ues:32", 0.75, unification="transform", backbone="deepfm")
    assert "ues:32+plain" in [row.key for row in contenders(groups_of(records))]


def claim(ours, published):
    """A claim about differences between seeds, judged as a family of one."""
    one = compare(dict(enumerate(ours)), dict.fromkeys(range(len(ours)), 0.0))
    return Claim("", published, corrected({"": one})[""])


def test_a_clear_difference_confirms_or_refutes_a_claim():
    """The published sign decides."""
    assert claim([0.0030, 0.0031, 0.0029, 0.0032], 0.003).verdict == CONFIRMED
    assert claim([-0.0030, -0.0031, -0.0029, -0.0032], 0.003).verdict == NOT_CONFIRMED


def test_no_difference_refutes_only_what_would_have_been_seen():
    """With a deviation of .0001 four seeds would show .003, and not .0001."""
    flat = [0.0001, -0.0001, 0.00005, -0.00005]
    assert claim(flat, 0.003).verdict == NOT_CONFIRMED
    assert claim(flat, 0.0001).verdict == NOT_TESTABLE
    assert claim([0.003], 0.003).verdict == NOT_TESTABLE
    assert claim([], 0.003).verdict == NOT_TESTABLE


def test_claims_about_a_relative_are_judged_by_our_runs(seeds):
    """On ML-1M static: AdaS&S-E gains as the paper says, and AdaS&S-R saves less than MDE."""
    place = {"dataset": "ml1m-static"}
    records = [
        *seeds("ues:32", 0.80, **place),
        *seeds("mde:value", 0.795, dims=(2, 2), validation_auc=0.9, **place),
        *seeds("autodim", 0.801, validation_auc=0.8, **place),
        *seeds("adass:e", 0.81, **place),
        *seeds("adass:r", 0.80, dims=(16, 16), **place),
    ]
    groups = groups_of(records)
    claims = {c.text: c for c in claims_at(Place("ml1m-static", "widedeep"), contenders(groups))}
    assert claims["AdaS&S-E beats UES-32 by AUC"].verdict == CONFIRMED
    assert claims["MDE is below UES-32 by AUC"].verdict == CONFIRMED
    assert claims["ESAPN is below UES-32 by AUC"].verdict == NOT_TESTABLE
    # The rival is the best on validation, though AutoDim is better on test.
    rival = claims["AdaS&S-E beats the best past AES method (MDE) by AUC"]
    assert rival.comparison.difference.mean == pytest.approx(0.015)
    saving = "AdaS&S-R saves more of the embedding than any past AES method (MDE)"
    assert claims[saving].verdict == NOT_CONFIRMED
    assert claims[saving].comparison.difference.mean == pytest.approx(0.5 - 0.9375)
    assert claims_at(Place("planted", "widedeep"), contenders(groups)) == []


def test_table_3_shows_scores_and_the_papers_beside_them(seeds):
    """Mean, parameters saved, and the published row; what did not run is a dash."""
    records = [
        *seeds("ues:32", 0.80, dataset="ml100k", noise=0),
        *seeds("adass:e", 0.81, dataset="ml100k", dims=(16, 8)),
    ]
    (exhibit,) = table3.build(records)
    table = tables_of([exhibit])["table3-ml100k-widedeep"]
    rows = rows_of(table)
    best, reference = rows["AdaS&S-E"], rows["UES-32"]
    assert best["AUC"].bold and not reference["AUC"].bold
    assert reference["AUC"].value == pytest.approx(0.80 + sum(JITTER[:4]) / 4)
    assert best["embedding params"].value == 100 * 16 + 20 * 8
    assert best["P-R embedding"].value == 1 - 1760 / 3840
    assert best["P-R model"].value == 1 - (1760 + 320) / (3840 + 320)
    assert best["paper AUC"].value == 0.7905 and best["paper P-R"].value == 0.2271
    assert rows["ESAPN"]["AUC"].text == MISSING and rows["ESAPN"]["seeds"].value == 0
    assert any("no ML-100K" in finding for finding in exhibit.findings)


def test_table_3_compares_with_ues_32_and_with_the_best_uniform_size(seeds):
    """Differences, intervals and p-values are those of the paired comparison."""
    records = [
        *seeds("ues:32", 0.80, noise=0),
        *seeds("ues:16", 0.81, noise=0.6),
        *seeds("mde:value", 0.79, noise=0.3),
    ]
    tables = tables_of(table3.build(records))
    mde = rows_of(tables["table3-tiny-widedeep-auc-vs-ues32"])["MDE"]
    expected = compare(
        {r.spec.seed: r.metrics["test"]["auc"] for r in records[8:]},
        {r.spec.seed: r.metrics["test"]["auc"] for r in records[:4]},
    )
    assert mde["difference"].value == expected.difference.mean
    assert (mde["95 % low"].value, mde["bootstrap high"].value) == (
        expected.difference.low,
        expected.boot_high,
    )
    assert mde["t-test p"].value == expected.p
    assert mde["Holm p"].value == pytest.approx(2 * expected.p)  # The smaller of a family of two.
    versus_best = rows_of(tables["table3-tiny-widedeep-auc-vs-best-ues"])
    assert versus_best["MDE"]["difference"].value < mde["difference"].value
    assert "Best UES on validation (UES-16)" not in versus_best and "UES-32" in versus_best


def test_table_3_draws_a_line_for_every_row(seeds):
    """Both panels hold every method, the control under the other unification on one line."""
    records = [
        *seeds("ues:32", 0.80),
        *seeds("ues:32+transform", 0.79),
        *seeds("ues:32", 0.80, backbone="deepfm", unification="transform"),
        *seeds("ues:32+plain", 0.79, backbone="deepfm"),
        *seeds("mine", 0.79, backbone="deepfm"),
    ]
    (exhibit,) = table3.build(records)
    (figure,) = exhibit.figures
    lines = [(row[0].text, row[1].text, row[2].value) for row in figure.data.rows]
    assert ("Wide&Deep", "UES-32, other unification", 4) in lines
    assert ("DeepFM", "UES-32, other unification", 4) in lines
    assert ("Wide&Deep", "mine", 0) in lines and ("DeepFM", "mine", 4) in lines
    assert "n = 4" in figure.caption


def test_deleting_a_record_makes_its_cell_read_as_missing(make_record):
    """A method of one run, deleted, keeps its row; its number is a dash."""
    run = make_record("adass:e", dataset="ml100k", auc=0.81)
    others = [make_record("ues:32", dataset="ml100k"), make_record("ues:32", 1, dataset="ml100k")]
    with_it, without = (
        rows_of(tables_of(table3.build(records))["table3-ml100k-widedeep"])["AdaS&S-E"]
        for records in ([run, *others], others)
    )
    assert with_it["AUC"].text == "0.8100" and without["AUC"].text == MISSING


def test_a_failed_run_is_counted_in_its_row(make_record):
    """It enters no number."""
    failed = dataclasses.replace(
        make_record("mde:value", 1), status="failed", metrics={}, allocation=None, error={}
    )
    records = [make_record("ues:32"), make_record("mde:value"), failed]
    table = tables_of(table3.build(records))["table3-tiny-widedeep"]
    assert rows_of(table)["MDE"]["seeds"].text == "1 (+1 failed)"


def test_agreement_is_the_share_of_the_most_frequent_size(make_record):
    """Of three searches two give user 8 (2/3), and all give item 2 (1)."""
    found = [make_record("m", s, dims=(d, 2)).allocation for s, d in enumerate((8, 8, 16))]
    assert modal_shares(found) == {"user": 2 / 3, "item": 1.0}


def test_searches_end_to_end_are_one_of_each_seed(make_record):
    """Two seeds, of which one searched twice: two end to end, two of one state."""
    records = [
        make_record("m", 0, prepare_id="a"),
        make_record("m", 0, prepare_id="a", search_index=1, dims=(2, 2)),
        make_record("m", 1, prepare_id="b"),
    ]
    assert end_to_end(records) == [records[0].allocation, records[2].allocation]
    assert of_one_state(records) == [records[0].allocation, records[1].allocation]
    assert of_one_state(records[1:]) == []


def test_table_1_puts_numbers_beside_the_papers_marks(seeds, make_record):
    """Stability, the difference from the best UES, and the excess over a budget of 1,000."""
    records = [
        *seeds("ues:32", 0.80),
        *seeds("adass:r", 0.81, n=3),
        make_record("adass:r", 3, dims=(8, 32), auc=0.81),
        make_record("adass:r@0.3", 0, dims=(8, 8), budget=1000),  # 960 parameters.
        make_record("adass:r@0.3", 1, dims=(8, 16), budget=1000),  # 1,120.
        make_record("autodim+search-only", 0, retrain=False),
        make_record("autodim+search-only", 1, retrain=False),
    ]
    (exhibit,) = table1.build(records)
    rows = rows_of(exhibit.tables[0])
    row = rows["AdaS&S-R"]
    assert (row["paper: stable"].text, row["paper: performance"].text) == ("✓", "Better")
    assert row["agree end to end"].value == (3 / 4 + 1) / 2
    assert row["pairs"].value == 4 and row["AUC − best UES"].value == pytest.approx(0.01, abs=1e-3)
    assert row["runs with budget"].value == 2
    assert row["largest excess"].value == pytest.approx(0.12)
    assert row["share used"].value == pytest.approx((0.96 + 1.12) / 2)
    assert rows["AutoDim"]["agree end to end"].value == 1.0 and rows["AutoDim"]["pairs"].value == 0
    assert rows["PEP"]["searches end to end"].value == 0 and "UES-32" not in rows


def test_table_1_keeps_sweeps_out(seeds):
    """Searches with changed settings are no repetitions of the method's own."""
    records = [*seeds("adass:r", 0.8, n=2), *seeds("adass:r[lambda_r=0.1]", 0.8, dims=(2, 2))]
    (exhibit,) = table1.build(records)
    assert rows_of(exhibit.tables[0])["AdaS&S-R"]["searches end to end"].value == 2


def test_table_2_knows_rows_from_the_datasheet(make_record):
    """Interactions, positives and splits; fields and values come from the allocation."""
    sheet = {
        "splits": {
            "train": {"rows": 80, "positives": 40},
            "validation": {"rows": 10, "positives": 5},
            "test": {"rows": 10, "positives": 10},
        }
    }
    records = [
        make_record("ues:32", dataset="ml100k", datasheet=sheet),
        make_record("ues:32", dataset="mine"),
    ]
    (exhibit,) = table2.build(records)
    rows = rows_of(exhibit.tables[0])
    ours = rows["ML-100K"]
    assert (ours["interactions"].value, ours["fields"].value) == (100, 2)
    assert (ours["feature values"].value, ours["positive"].value) == (120, 0.55)
    assert ours["train / validation / test"].text == "80 / 10 / 10"
    assert ours["paper's data set"].text == "ML-1M (a relative)"
    assert rows["mine"]["interactions"].text == MISSING
    assert rows["Criteo"]["paper: feature values"].value == 7_605_436
    assert rows["Criteo"]["fields"].text == MISSING


TRUTH = {
    "bayes_auc": {"test": 0.9},
    "fields": {
        "user": {"rank": 8, "importance": 0.9, "noise": False},
        "item": {"rank": 1, "importance": 0.1, "noise": False},
        "noise": {"rank": 0, "importance": 0.0, "noise": True},
    },
}


def test_planted_sizes_are_held_against_the_truth(make_record):
    """Sizes in the order of the ranks correlate with 1; noise at 2 is at the smallest."""
    known = {"datasheet": {"truth": TRUTH}, "dataset": "planted", "true_auc": 0.85}
    right = {"user": 16, "item": 8, "noise": 2}
    wrong = {"user": 2, "item": 8, "noise": 16}
    records = [
        *(make_record("adass:r", seed, dims=right, **known) for seed in range(2)),
        make_record("esapn", 0, dims=wrong, **known),
        make_record("ues:32", 0, dims=dict.fromkeys(right, 32), **known),
    ]
    (exhibit,) = planted.build(records)
    rows = rows_of(exhibit.tables[0])
    best = rows["AdaS&S-R"]
    assert best["size with rank, Spearman"].value == pytest.approx(1.0)
    assert (best["noise fields at smallest"].value, best["fields of rank at smallest"].value) == (
        1.0,
        0.0,
    )
    assert best["below Bayes"].value == pytest.approx(0.05)
    assert rows["ESAPN"]["size with rank, Spearman"].value == pytest.approx(-1.0)
    assert rows["ESAPN"]["fields of rank at smallest"].value == 0.5
    assert rows["UES-32"]["size with rank, Spearman"].text == MISSING
    assert rows["AutoDim"]["true AUC"].text == MISSING
    sizes = rows_of(exhibit.tables[1])
    assert list(sizes) == ["user", "item", "noise"] and sizes["user"]["AdaS&S-R"].value == 16


def test_without_a_known_truth_there_is_nothing_planted(make_record):
    """Real data, or a datasheet that is missing."""
    assert planted.build([make_record(), make_record("mde:value", dataset="planted")]) == []


def test_no_records_have_no_exhibits():
    """An empty folder is no mistake of an exhibit's."""
    assert build_exhibits([]) == []


def test_searches_alone_have_no_scores(make_record):
    """They bear on stability, and on the data set, and on nothing else."""
    records = [make_record("autodim+search-only", seed, retrain=False) for seed in range(2)]
    assert {one.name for one in build_exhibits(records)} == {
        *("table1", "table2", "fig4-tiny"),
    }


def test_every_table_has_as_many_cells_as_columns_and_no_column_twice(seeds):
    """In each row of each exhibit, whatever records there are."""
    records = [*seeds("ues:32", 0.8), *seeds("adass:r", 0.8), *seeds("mine", 0.8, n=1)]
    for table in tables_of(build_exhibits(records)).values():
        assert len(set(table.header)) == len(table.header), table.name
        assert {len(row) for row in table.rows} == {len(table.header)}, table.name
    assert list(BUILDERS)[:4] == ["table3", "planted", "table1", "table2"]
