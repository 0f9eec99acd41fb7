"""Records as one long pandas frame: a row per run, ready to group.

``COLUMNS`` documents them. ``records.parquet`` is this frame, for everybody else's tools;
``benchmark_frame`` is a view of it with the columns that the tools of TabArena read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pandas as pd

from aesbench.core.allocation import sizes_text
from aesbench.core.mask import BYTES_PER_PARAMETER
from aesbench.core.record import RunRecord, provider_id
from aesbench.core.spec import REFERENCE_DIM

_SPLITS = {
    "validation": "on the validation split, of the epoch that was kept",
    "test": "on the test split",
    "test_expected": "on the test split against the true probabilities, of generated data",
}
_METRICS = {
    f"{split}_{metric}": f"{name} {where}"
    for split, where in _SPLITS.items()
    for metric, name in (("auc", "AUC"), ("logloss", "LogLoss, in nats,"))
}
_INT8 = {
    "auc": "AUC on the test split with the tables in int8, a scale per row",
    "logloss": "LogLoss, in nats, of the same",
    "bytes": "of these tables, with their scales",
}
_PARTS = ("embedding", "transform", "wide", "dense")
_INDEX = {"embedding": f"; of masked tables their index too, at {BYTES_PER_PARAMETER} bytes each"}
_PHASES = ("prepare", "search", "score", "retrain", "evaluate")
_ALONE = {"retrain": "; missing if in a pack"}
_COSTS_OF_PACKS = ("retrain_s", "retrain_cpu_s", "peak_memory_bytes")

COLUMNS = {
    "dataset": "registered name of the data set",
    "dataset_title": "what tables call it; missing in records older than titles",
    "data_hash": "of the prepared data",
    "data_provider": "who provides the data set: a package, a plugin file, a TOML file",
    "backbone": "registered name of the backbone",
    "backbone_title": "what tables call it",
    "backbone_provider": "who provides it",
    "method": "the label: name:preset[settings]+unification@budget",
    "base_method": "registered name of the method",
    "provider": "who provides the method: a package with its version, or a file with its hash",
    "preset": "of the method; empty for its plain defaults",
    "choice": "name:preset, the label without what was changed",
    "changes": "what the label changes: settings, unification, budget; empty for nothing",
    "title": "what tables call the method with its preset",
    "family": "kind of method",
    "settings": "of the method, defaults included, as JSON",
    "protocol": "version of what all methods share: trainer, optimizer, stopping, metrics",
    "tuned": "settings of the protocol that were tuned for it, as JSON; empty for none",
    "unification": "how mixed sizes enter the backbone: plain or transform",
    "budget": "the most embedding parameters",
    "budget_share": "the same as a share of uniform size 32",
    "seed": "of the run",
    "search_index": "which of several searches of one prepared state",
    "retrained": "whether the allocation was retrained and tested",
    "inherited": "whether the retraining began with the weights of the search",
    "scored": "how many random allocations were scored in place of a search",
    "status": "ok or failed",
    "error": "the message of a failed run",
    "run_id": "names the record",
    "prepare_id": "names the prepared state; equal ids shared one",
    "takes_budget": "whether the method can keep to a budget",
    **_METRICS,
    **{f"int8_{name}": what for name, what in _INT8.items()},
    **{f"{part}_params": f"trainable parameters: {part}{_INDEX.get(part, '')}" for part in _PARTS},
    "total_params": "all trainable parameters, the index of masked tables with them",
    "kept_values": "embedding values that the masks keep; missing without masks",
    "index_bytes": "what the index of the masked tables takes in memory; missing without masks",
    "unmasked_params": "what the embedding parameters were without masks; missing without masks",
    "param_reduction": "share of the embedding parameters of uniform size 32 that is saved",
    "table_rows": "embedding rows over all fields",
    "fields": "how many fields have sizes",
    "sizes": "the size of each field, joined by hyphens; missing where sizes differ in a field",
    "allocation": "{field: [[rows, size], ...]} as JSON, behind a masked size the mask's counts",
    "flops": "per predicted sample; a multiply-add counts once",
    "pack": "how many models were retrained as one; 1 where it was alone",
    **{f"{phase}_s": f"wall seconds: {phase}{_ALONE.get(phase, '')}" for phase in _PHASES},
    **{
        f"{phase}_cpu_s": f"processor seconds, all threads: {phase}{_ALONE.get(phase, '')}"
        for phase in _PHASES
    },
    "best_epoch": "of the retraining, the one that was kept",
    "peak_memory_bytes": "of the process, or allocated on the GPU; missing if in a pack",
    "aesbench": "version",
    "git_commit": "of the code",
    "git_dirty": "whether tracked files differed from it",
}
"""{column: what it holds}; what a run lacks is missing."""

OF_MASKS = ("kept_values", "index_bytes", "unmasked_params")
"""Columns that are there for masked allocations."""

REALS = (
    *("budget_share", *_METRICS, "int8_auc", "int8_logloss", "param_reduction"),
    *(f"{phase}{unit}" for unit in ("_s", "_cpu_s") for phase in _PHASES),
)
COUNTS = (
    *("protocol", "budget", "seed", "search_index", "scored"),
    *(*(f"{part}_params" for part in _PARTS), "total_params", "table_rows", "fields"),
    *OF_MASKS,
    *("int8_bytes", "flops", "pack", "best_epoch", "peak_memory_bytes"),
)
FLAGS = ("retrained", "inherited", "takes_budget", "git_dirty")
"""Columns that hold numbers, whole numbers and truths; all others hold text."""


def records_frame(records: Iterable[RunRecord]) -> pd.DataFrame:
    """Return one row per run, in the records' order, with ``COLUMNS``.

    A shared preparation counts in full in every run that used it. A run that was searched only has
    ``retrained`` False, a label of its own, and nothing for whatever retraining measures. What a
    pack of models took is no cost of one of them: a run that was retrained in one has none here,
    so that no mean and no comparison can hold it; its record has its share.
    """
    frame = pd.DataFrame([_row(record) for record in records], columns=list(COLUMNS))
    for name in REALS + COUNTS:
        frame[name] = pd.to_numeric(frame[name])  # Also where no run has one.
    return frame.astype({"retrained": bool, "inherited": bool})  # Without a row, too: they choose.


def row_identity(runs: pd.DataFrame) -> pd.Series:
    """Return what runs of one label and place must share to be averaged, as text per run."""
    own = runs[["provider", "settings", "tuned"]].fillna("").astype(str)
    parts = own.assign(provider=own["provider"].map(provider_id))
    texts = ["\n".join(row) for row in parts.itertuples(index=False, name=None)]
    return pd.Series(texts, runs.index, dtype=object)


def benchmark_frame(runs: pd.DataFrame) -> pd.DataFrame:
    """Return a view of ``records_frame`` as TabArena's ``bencheval`` reads it.

    A row per retrained run that succeeded, several searches of a seed as their mean: ``method``
    (the label), ``task`` (``dataset/backbone``), ``seed``, ``metric_error`` (1 - test AUC),
    ``time_train_s`` (prepare, search and retrain; missing if retrained in a pack) and
    ``time_infer_s`` (evaluate).
    """
    own = runs[(runs["status"] == "ok") & runs["retrained"]]
    rows = pd.DataFrame(
        {
            "method": own["method"],
            "task": own["dataset"] + "/" + own["backbone"],
            "seed": own["seed"],
            "metric_error": 1 - own["test_auc"],
            "time_train_s": own[["prepare_s", "search_s", "retrain_s"]].sum(axis=1, skipna=False),
            "time_infer_s": own["evaluate_s"],
        }
    )
    return rows.groupby(["method", "task", "seed"], as_index=False, sort=False).mean()


def _row(record: RunRecord) -> dict[str, object]:
    spec, label, titles = record.spec, record.spec.called, record.titles
    found, git = record.allocation, record.environment.get("git", {})
    row: dict[str, object] = {
        "dataset": spec.dataset,
        "dataset_title": titles.get("dataset"),
        "data_hash": spec.data_hash,
        "data_provider": record.providers.get("dataset"),
        "backbone": spec.backbone,
        "backbone_title": titles.get("backbone"),
        "backbone_provider": record.providers.get("backbone"),
        "method": spec.label,
        "base_method": spec.method,
        "provider": record.providers.get("method"),
        "preset": label.preset,
        "choice": label.method,
        "changes": label.changes,
        "title": titles.get("method"),
        "family": titles.get("family"),
        "settings": _json(spec.method_config),
        "protocol": spec.protocol,
        "tuned": _json(spec.tuned_settings) if spec.tuned else "",
        "unification": spec.unification,
        "budget": spec.budget,
        "budget_share": label.share,
        "seed": spec.seed,
        "search_index": spec.search_index,
        "retrained": spec.retrain,
        "inherited": spec.inherit,
        "scored": spec.scores,
        "status": record.status,
        "error": (record.error or {}).get("message"),
        "run_id": spec.run_id,
        "prepare_id": record.prepare_id,
        "takes_budget": record.takes_budget,
        "flops": record.flops,
        "pack": 1,
        "best_epoch": record.epochs.get("best_epoch"),
        "peak_memory_bytes": record.peak_memory_bytes,
        "aesbench": record.environment.get("aesbench"),
        "git_commit": git.get("commit"),
        "git_dirty": git.get("dirty"),
    }
    for name in _METRICS:
        split, _, metric = name.rpartition("_")
        row[name] = record.metrics.get(split, {}).get(metric)
    for name in _INT8:
        row[f"int8_{name}"] = record.int8.get(name)
    for part in _PARTS:
        row[f"{part}_params"] = record.parameters.get(part)
    row["total_params"] = sum(record.parameters.values()) or None
    if found is not None:
        row["param_reduction"] = 1 - found.memory_parameters / (REFERENCE_DIM * found.rows)
        row["table_rows"], row["fields"] = found.rows, len(found.names)
        row["sizes"] = sizes_text(found.dims) if found.is_field_wise else None
        row["allocation"] = _json(found.to_dict())
    if found is not None and found.masks:
        row["kept_values"], row["index_bytes"] = found.parameters, found.index_bytes
        row["unmasked_params"] = found.dense_parameters
        for name in ("embedding_params", "total_params") if record.parameters else ():
            row[name] += found.memory_parameters - found.parameters  # type: ignore[operator]
    for phase in _PHASES:
        row[f"{phase}_s"] = record.seconds.get(phase)
        row[f"{phase}_cpu_s"] = record.cpu_seconds.get(phase)
    if record.pack is not None:
        row |= {"pack": record.pack.models, **dict.fromkeys(_COSTS_OF_PACKS)}
    return row


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), default=list, allow_nan=False)
