"""Records as a pandas frame: one row per run, ready to group."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from aesbench.core.record import RunRecord
from aesbench.core.spec import REFERENCE_DIM

_PARTS = ("embedding", "transform", "wide", "dense")
_PHASES = ("prepare", "search", "retrain", "evaluate")
_METRICS = [
    f"{split}_{metric}"
    for split in ("validation", "test", "test_expected")
    for metric in ("auc", "logloss")
]
_COLUMNS = [
    *("dataset", "data_hash", "backbone", "method", "base_method", "unification", "budget"),
    *("seed", "search_index", "retrained", "status", "error", "run_id", "prepare_id"),
    *_METRICS,
    *(f"{part}_params" for part in _PARTS),
    *("total_params", "param_reduction", "table_rows", "flops"),
    *(f"{phase}_s" for phase in _PHASES),
    *("best_epoch", "peak_memory_bytes", "git_commit", "git_dirty"),
]


def records_frame(records: Iterable[RunRecord]) -> pd.DataFrame:
    """Return one row per run, in the records' order.

    ``method`` is the label that tables use, ``ues:32+transform`` for example, ``base_method`` the
    plugin's name. Metrics are ``{validation,test}_{auc,logloss}``, and for generated data
    ``test_expected_auc`` and ``_logloss``, scored against the true probabilities. Parameters are
    ``<part>_params``, seconds ``<phase>_s``; here ``search_s`` is the search alone, the tables add
    ``prepare_s``. ``param_reduction`` is the share of UES-32's embedding parameters that the run
    saves. What a failed run lacks is NaN, and its ``error`` is the message. A run that was searched
    only has ``retrained`` False, a label of its own, and NaN for whatever retraining measures.
    """
    return pd.DataFrame([_row(record) for record in records], columns=_COLUMNS)


def _row(record: RunRecord) -> dict[str, object]:
    spec = record.spec
    row: dict[str, object] = {
        "dataset": spec.dataset,
        "data_hash": spec.data_hash,
        "backbone": spec.backbone,
        "method": spec.label,
        "base_method": spec.method,
        "unification": spec.unification,
        "budget": spec.budget,
        "seed": spec.seed,
        "search_index": spec.search_index,
        "retrained": spec.retrain,
        "status": record.status,
        "error": (record.error or {}).get("message"),
        "run_id": spec.run_id,
        "prepare_id": record.prepare_id,
    }
    nan = float("nan")
    for name in _METRICS:
        split, _, metric = name.rpartition("_")
        row[name] = record.metrics.get(split, {}).get(metric, nan)
    for part in _PARTS:
        row[f"{part}_params"] = record.parameters.get(part, nan)
    row["total_params"] = sum(record.parameters.values()) if record.parameters else nan
    row["param_reduction"] = nan
    if record.allocation is not None:
        row["param_reduction"] = 1 - record.allocation.parameters / (
            REFERENCE_DIM * record.allocation.rows
        )
    row["table_rows"] = record.allocation.rows if record.allocation else nan
    row["flops"] = record.flops if record.flops is not None else nan
    for phase in _PHASES:
        row[f"{phase}_s"] = record.seconds.get(phase, nan)
    row["best_epoch"] = record.epochs.get("best_epoch", nan)
    row["peak_memory_bytes"] = record.peak_memory_bytes or nan
    row["git_commit"] = record.environment.get("git", {}).get("commit")
    row["git_dirty"] = record.environment.get("git", {}).get("dirty")
    return row
