"""The overall comparison: what records add up to."""

import dataclasses

import pytest

from aesbench.errors import RecordError
from aesbench.report.evidence import gather
from aesbench.report.statistics.overall import COLUMNS, overall
from aesbench.report.statistics.summary import summarise


def rows_of(records):
    """{method: its row} of records of one place."""
    return {row["method"]: row for row in overall(gather(records)).to_dict("records")}


def test_means_deviations_and_intervals_are_over_seeds(uniform):
    """As of a sample of three; the counts are of the methods' own runs."""
    row, expected = rows_of(uniform)["ues:8"], summarise([0.80, 0.81, 0.82])
    names = ("auc_mean", "auc_std", "auc_low", "auc_high")
    assert tuple(row[name] for name in names) == pytest.approx(
        (expected.mean, expected.std, expected.low, expected.high), rel=1e-12
    )
    assert (row["logloss_mean"], row["logloss_std"], row["n"]) == (0.5, 0.0, 3)
    assert (row["embedding_params"], row["flops"]) == (960, 1000)
    assert set(COLUMNS) <= row.keys()


def test_reductions_are_shares_of_ues_32(uniform):
    """UES-8 saves 3/4 of the tables, and 2880 of the 4160 parameters of the whole model."""
    found = rows_of(uniform)
    reference, small = found["ues:32"], found["ues:8"]
    assert (reference["param_reduction"], reference["model_reduction"]) == (0, 0)
    assert small["param_reduction"] == 1 - 8 / 32
    assert small["model_reduction"] == 1 - (960 + 320) / (3840 + 320)


def test_without_ues_32_the_models_reduction_is_missing(uniform):
    """The tables' reduction needs only their rows; the model's needs a run of UES-32."""
    (row,) = rows_of(uniform[3:]).values()
    assert row["param_reduction"] == 0.75 and row["model_reduction"] is None


def test_the_search_counts_with_what_it_prepared(uniform):
    """Search seconds include the preparation: 1 + 2."""
    assert {(r["search_s"], r["retrain_s"]) for r in rows_of(uniform).values()} == {(3.0, 4.0)}


def test_failed_runs_are_counted_apart(uniform, failed):
    """A failed seed changes no number."""
    without, with_failure = (rows_of(r)["ues:32"] for r in (uniform, [*uniform, failed(seed=9)]))
    assert with_failure == {**without, "failed": 1} and without["failed"] == 0


def test_a_method_that_only_failed_keeps_its_row(uniform, failed):
    """With n = 0, and nothing in any other column."""
    row = rows_of([*uniform, failed("mde")])["mde"]
    assert (row["n"], row["failed"]) == (0, 1)
    assert all(row[name] is None for name in COLUMNS[4:])


def test_a_single_run_has_no_spread(make_record):
    """With n = 1 there is a mean, and what it can't tell is missing."""
    row = rows_of([make_record()])["ues:32"]
    assert row["auc_mean"] == 0.75
    assert all(row[name] is None for name in ("auc_std", "auc_low", "auc_high", "logloss_std"))


def test_rows_come_by_place_then_uniform_sizes_then_papers_then_name(make_record):
    """Numbers inside a label sort by their value; a paper's methods keep its order."""
    labels = ["zeta", "ues:16", "zeta:9", "zeta:10", "autodim", "ues:32+transform", "mde:value"]
    labels += ["ues:8", "ues:32", "ues:2"]
    places = [{"backbone": "widedeep"}, {"backbone": "deepfm"}]
    rows = overall(gather(make_record(label, **place) for label in labels for place in places))
    expected = ["ues:2", "ues:8", "ues:16", "ues:32", "ues:32+transform", "mde:value", "autodim"]
    expected += ["zeta", "zeta:9", "zeta:10"]
    assert list(zip(rows["backbone"], rows["method"], strict=True)) == [
        (backbone, label) for backbone in ("deepfm", "widedeep") for label in expected
    ]


def test_only_ues_itself_comes_first(make_record):
    """A method whose name begins like UES's is sorted among the others."""
    rows = rows_of(make_record(label) for label in ("uesx", "autodim", "ues:2"))
    assert list(rows) == ["ues:2", "autodim", "uesx"]


def test_methods_that_take_no_budget_are_marked_beside_those_that_do(make_record):
    """Without a budgeted method on the same data and backbone there is nothing to mark."""
    records = [
        make_record("autodim", takes_budget=False),
        make_record("mde@0.5", budget=1000, takes_budget=True),
        make_record("autodim", backbone="deepfm", takes_budget=False),
        make_record("ues:32"),
    ]
    rows = overall(gather(records))
    marked = rows[rows["unbudgeted"]]
    assert [tuple(row) for row in marked[["backbone", "method"]].to_numpy()] == [
        ("widedeep", "autodim")
    ]


def test_searches_of_one_seed_are_one_observation(make_record):
    """Their mean enters the mean over seeds: .6 and (.7 + .9) / 2, not three values."""
    records = [
        make_record(auc=0.6),
        make_record(seed=1, auc=0.7, dims=(8, 8)),
        make_record(seed=1, auc=0.9, search_index=1, dims=(8, 8)),
    ]
    row, expected = rows_of(records)["ues:32"], summarise([0.6, 0.8])
    assert (row["n"], row["auc_mean"], row["auc_std"]) == (2, expected.mean, expected.std)
    assert row["embedding_params"] == (3840 + 960) / 2


def test_the_true_auc_is_there_where_every_run_has_it(make_record):
    """Its mean and deviation; one run without it, and the method has none."""
    known = [make_record("mde", seed, true_auc=0.9 + seed / 100) for seed in range(2)]
    row = rows_of(known)["mde"]
    assert row["true_auc"] == pytest.approx(0.905)
    assert row["true_auc_std"] == pytest.approx(0.01 / 2**0.5)
    assert rows_of([*known, make_record("mde", 2)])["mde"]["true_auc"] is None


def test_a_run_without_retraining_is_never_compared(uniform, make_record):
    """Neither in a row of its own nor in that of the same label; with no others it is an error."""
    searched = make_record("ues:32+search-only", 9, retrain=False)
    same = dataclasses.replace(
        searched, spec=dataclasses.replace(searched.spec, label="ues:32", seed=10)
    )
    assert rows_of([*uniform, searched, same]) == rows_of(uniform)
    with pytest.raises(RecordError, match="only searches without a retraining"):
        overall(gather([searched]))


def test_no_records_is_an_error_that_names_the_next_step():
    """An empty results folder leads to `aesbench run`."""
    with pytest.raises(RecordError, match="aesbench run"):
        overall(gather([]))


def test_what_was_retrained_in_packs_has_no_cost(uniform, packed):
    """The mean is over the seeds that were alone, whose number is told; scores count as ever."""
    slow = dataclasses.replace(uniform[2], seconds={**uniform[2].seconds, "retrain": 7.0})
    mixed = rows_of([packed(uniform[0]), uniform[1], slow, *map(packed, uniform[3:])])
    found = {name: (r["retrain_s"], r["retrain_n"], r["packed"]) for name, r in mixed.items()}
    assert found == {"ues:32": (5.5, 2, True), "ues:8": (None, 0, True)}
    alone = rows_of(uniform)
    assert {(r["retrain_n"], r["packed"]) for r in alone.values()} == {(3, False)}
    same = ("n", "auc_mean", "search_s", "flops")
    assert all(mixed[m][name] == alone[m][name] for m in alone for name in same)
