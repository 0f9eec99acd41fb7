"""Records as a frame of pandas: a row per run, whatever became of it."""

import dataclasses
import json

import pandas as pd
import pytest

from aesbench.core.allocation import Allocation, Block
from aesbench.core.frame import COLUMNS, benchmark_frame, records_frame
from aesbench.core.spec import TrainConfig


@pytest.fixture
def records(make_record):
    """Three seeds of UES-32 and of UES-8."""
    return [
        make_record(label, seed, dims=(dim, dim), auc=auc + seed / 100)
        for label, dim, auc in (("ues:32", 32, 0.70), ("ues:8", 8, 0.80))
        for seed in range(3)
    ]


@pytest.fixture
def failed(make_record):
    """A run that failed in its search."""
    return dataclasses.replace(
        make_record("mde"),
        status="failed",
        error={"type": "ValueError", "message": "a bug", "phase": "search", "traceback": ""},
        allocation=None,
        **{"metrics": {}, "parameters": {}, "flops": None, "seconds": {"prepare": 1.0}},
    )


def test_a_frame_holds_one_row_per_run_and_failures_too(records, failed):
    """Every run is a row; what a failed one lacks is missing."""
    frame = records_frame([*records, failed])
    assert len(frame) == 7 and frame.run_id.is_unique
    assert frame.groupby("method").test_auc.mean()["ues:8"] == pytest.approx(0.81)
    broken = frame[frame.status == "failed"].iloc[0]
    assert broken.method == "mde" and broken.error == "a bug" and broken.prepare_s == 1.0
    lacking = ["test_auc", "total_params", "param_reduction", "sizes", "flops", "retrain_s"]
    assert broken[lacking].isna().all()
    first = frame.iloc[0]
    assert first.total_params == 3840 + 120 + 200 and pd.isna(first.test_expected_auc)
    assert first.git_commit == "c0ffee" * 6 and not first.git_dirty


def test_a_frame_has_the_documented_columns(records):
    """In their order, also before the first run: code that groups by method works then, too."""
    assert list(records_frame([]).columns) == list(COLUMNS) == list(records_frame(records).columns)


def test_a_frame_knows_reductions(records):
    """A run's reduction is at hand without the record."""
    assert list(records_frame(records).param_reduction) == [0.0] * 3 + [0.75] * 3


def test_a_frame_holds_what_was_tuned_of_the_protocol(make_record):
    """With its value, as JSON; nothing where nothing was."""
    tuned = make_record("mde+tuned", train=TrainConfig(l2=1e-4), tuned=("train.l2",))
    assert list(records_frame([tuned, make_record()]).tuned) == ['{"train.l2":0.0001}', ""]


def test_a_label_is_taken_apart(make_record):
    """What to group by is a column: the method, its preset, what was changed, the budget."""
    label = "adass:r[lambda_c=0.1]+plain@0.5"
    row = records_frame([make_record(label, budget=100)]).iloc[0]
    assert (row.method, row.base_method, row.preset, row.choice) == (label, "adass", "r", "adass:r")
    assert (row.changes, row.budget_share, row.budget) == ("[lambda_c=0.1]+plain@0.5", 0.5, 100)
    plain = records_frame([make_record("sseds")]).iloc[0]
    assert (plain.choice, plain.preset, plain.changes) == ("sseds", "", "")
    assert pd.isna(plain.budget_share)


def test_what_a_record_calls_things_is_in_its_row(make_record):
    """Records older than titles have none."""
    named = dict(method="Mine", dataset="Data", backbone="Net", family="a family")
    rows = records_frame([dataclasses.replace(make_record(), titles=named), make_record(seed=1)])
    names = ["title", "dataset_title", "backbone_title", "family"]
    assert list(rows.loc[0, names]) == list(named.values()) and rows.loc[1, names].isna().all()


def test_sizes_are_there_in_full_and_in_short(make_record):
    """Fields in their order; of a field of two blocks only the JSON has the sizes."""
    blocks = ((Block(60, 8), Block(40, 2)), (Block(20, 4),))
    split = dataclasses.replace(
        make_record(seed=1), allocation=Allocation(names=("user", "item"), blocks=blocks)
    )
    rows = records_frame([make_record(dims=(8, 2)), split])
    assert rows.sizes[0] == "8-2" and pd.isna(rows.sizes[1])
    assert json.loads(rows.allocation[0]) == {"user": [[100, 8]], "item": [[20, 2]]}
    assert json.loads(rows.allocation[1]) == {"user": [[60, 8], [40, 2]], "item": [[20, 4]]}
    assert list(rows.table_rows) == [120, 120] and list(rows.fields) == [2, 2]


def test_a_search_has_its_own_numbers_and_none_of_a_retraining(make_record):
    """It found sizes, and tested nothing."""
    row = records_frame([make_record("ues:8+search-only", dims=(8, 8), retrain=False)]).iloc[0]
    assert not row.retrained and pd.isna(row.test_auc) and row.param_reduction == 0.75


def test_tabarenas_tools_find_their_columns(records, failed, make_record):
    """Those that ``bencheval`` 0.1 asks for; of successful runs, searches of a seed as their mean.

    Lower is better; training is preparing, searching and retraining.
    """
    others = [failed, make_record("mde+search-only", retrain=False)]
    again = make_record(seed=0, auc=0.9, search_index=1)
    frame = benchmark_frame(records_frame([*records, *others, again]))
    assert list(frame.columns) == [
        *("method", "task", "seed", "metric_error", "time_train_s", "time_infer_s"),
    ]
    assert len(frame) == 6 and not frame.isna().any(axis=None)
    first = frame[(frame.method == "ues:32") & (frame.seed == 0)].iloc[0]
    assert (first.task, first.time_train_s, first.time_infer_s) == ("tiny/widedeep", 7.0, 0.5)
    assert first.metric_error == pytest.approx(1 - (0.7 + 0.9) / 2)


def test_a_run_of_a_pack_has_no_cost_of_its_own(make_record, packed):
    """Neither its share of the pack's seconds nor the pack's memory; all else it has."""
    alone, in_pack = (
        dataclasses.replace(record, cpu_seconds={"search": 3.0, "retrain": 5.0})
        for record in (make_record(), packed(make_record(seed=1)))
    )
    frame = records_frame([alone, in_pack])
    assert list(frame["pack"]) == [1, 8]
    costs = ["retrain_s", "retrain_cpu_s", "peak_memory_bytes"]
    assert list(frame[costs].iloc[0]) == [4.0, 5.0, 1 << 20] and frame[costs].iloc[1].isna().all()
    rest = frame.drop(columns=[*costs, "pack", "seed", "run_id"])
    pd.testing.assert_series_equal(rest.iloc[0], rest.iloc[1], check_names=False)
    assert in_pack.seconds["retrain"] == 4.0  # The share stays in the record.


def test_tabarenas_tools_get_no_time_of_a_pack(make_record, packed):
    """A sum without the retraining would be too short; of two searches the one alone counts."""
    searches = [packed(make_record(seed=1)), make_record(seed=1, search_index=1)]
    frame = benchmark_frame(records_frame([packed(make_record()), *searches]))
    assert pd.isna(frame.time_train_s[0]) and list(frame.time_train_s[1:]) == [7.0]
    assert list(frame.time_infer_s) == [0.5, 0.5] and frame.metric_error.notna().all()


def test_masked_tables_count_with_their_index(make_record, masked):
    """2,240 values and 400 bytes, which are 100 parameters; others have none of the columns."""
    plain, own = make_record(), masked(make_record(seed=1))
    frame = records_frame([plain, own]).set_index("run_id")
    row = frame.loc[own.spec.run_id]
    assert (row.kept_values, row.index_bytes, row.unmasked_params) == (2240, 400, 3840)
    assert row.embedding_params == 2340 and row.total_params == 2340 + 320
    assert row.param_reduction == 1 - 2340 / 3840 and pd.isna(row.sizes)
    of_plain = frame.loc[plain.spec.run_id, ["kept_values", "index_bytes", "unmasked_params"]]
    assert of_plain.isna().all()
    searched = masked(make_record("ues:8+search-only", dims=(8, 8), retrain=False))
    row = records_frame([dataclasses.replace(searched, parameters={})]).iloc[0]
    assert row.kept_values == 50 * 8 + 20 * 8 and pd.isna(row.embedding_params)
