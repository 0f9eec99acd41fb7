"""Records as a pandas frame: one row per run, ready to group."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from aesbench.record import RunRecord

_PARTS = ("embedding", "transform", "wide", "dense")
_PHASES = ("prepare", "search", "retrain", "evaluate")


def records_frame(records: Iterable[RunRecord]) -> pd.DataFrame:
    """Return one row per run.

    ``method`` is the label that tables use, ``ues:32+transform`` for example, ``base_method`` the
    plugin's name. Metrics are ``{validation,test}_{auc,logloss}``, and for generated data
    ``test_expected_auc`` and ``_logloss``, scored against the true probabilities. Parameters are
    ``<part>_params``, seconds ``<phase>_s``. What a failed run lacks is NaN.
    """
    return pd.DataFrame([_row(record) for record in records])


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
        "status": record.status,
        "run_id": spec.run_id,
        "prepare_id": record.prepare_id,
    }
    nan = float("nan")
    for split in ("validation", "test", "test_expected"):
        for metric in ("auc", "logloss"):
            row[f"{split}_{metric}"] = record.metrics.get(split, {}).get(metric, nan)
    for part in _PARTS:
        row[f"{part}_params"] = record.parameters.get(part, nan)
    row["total_params"] = sum(record.parameters.values()) if record.parameters else nan
    row["table_rows"] = record.allocation.rows if record.allocation else nan
    row["flops"] = record.flops if record.flops is not None else nan
    for phase in _PHASES:
        row[f"{phase}_s"] = record.seconds.get(phase, nan)
    row["best_epoch"] = record.epochs.get("best_epoch", nan)
    row["peak_memory_bytes"] = record.peak_memory_bytes or nan
    row["git_commit"] = record.environment.get("git", {}).get("commit")
    row["git_dirty"] = record.environment.get("git", {}).get("dirty")
    return row
