"""From the records of stand-alone trainings to the table of a place."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from aesbench.core.record import RunRecord
from aesbench.errors import RecordError
from aesbench.tabular.draws import Draw

COLUMNS: Mapping[str, Any] = {
    "number": pl.Int64,
    "kind": pl.String,
    "sizes": pl.List(pl.Int64),
    "seed": pl.Int64,
    "validation_auc": pl.Float64,
    "validation_logloss": pl.Float64,
    "test_auc": pl.Float64,
    "test_logloss": pl.Float64,
    "best_epoch": pl.Int64,
    "epochs_auc": pl.List(pl.Float64),
    "epochs_logloss": pl.List(pl.Float64),
    "parameters": pl.Int64,
    "total_parameters": pl.Int64,
    "seconds": pl.Float64,
    "pack": pl.Int64,
}
"""{column: type} of a table, a row per training.

``number`` and ``kind`` as in ``Draw``; validation and test of the epoch that was kept; then the
validation after every epoch; ``parameters`` of the embedding, and all; wall seconds of the
training, in a pack of several models its share; and how many models the pack had."""


def table_of(records: Iterable[RunRecord], draws: Sequence[Draw]) -> pl.DataFrame:
    """Return a row per training of one of the draws, in their order.

    Args:
        records: of one place; failed ones and those of other sizes or seeds are left out.
        draws: what was to be trained.

    Raises:
        RecordError: a record is older than the LogLoss of every epoch.
    """
    order = {(one.sizes, seed): one for one in draws for seed in one.seeds}
    rows = []
    for record in records:
        if not record.ok or record.allocation is None or not record.allocation.is_field_wise:
            continue
        draw = order.get((record.allocation.dims, record.spec.seed))
        if draw is not None:
            rows.append(_row(record, draw))
    place = {key: number for number, key in enumerate(order)}
    rows.sort(key=lambda row: place[tuple(row["sizes"]), row["seed"]])
    return pl.DataFrame(rows, schema=COLUMNS)


def _row(record: RunRecord, draw: Draw) -> dict[str, Any]:
    if "logloss" not in record.epochs:
        raise RecordError(
            f"the record of run {record.spec.run_id} does not hold the LogLoss of every epoch: an"
            " older aesbench made it; make it again with --force"
        )
    validation, test = record.metrics["validation"], record.metrics["test"]
    return {
        "number": draw.number,
        "kind": draw.kind,
        "sizes": list(draw.sizes),
        "seed": record.spec.seed,
        "validation_auc": validation["auc"],
        "validation_logloss": validation["logloss"],
        "test_auc": test["auc"],
        "test_logloss": test["logloss"],
        "best_epoch": record.epochs["best_epoch"],
        "epochs_auc": list(record.epochs["history"]),
        "epochs_logloss": list(record.epochs["logloss"]),
        "parameters": record.parameters["embedding"],
        "total_parameters": sum(record.parameters.values()),
        "seconds": record.seconds["retrain"],
        "pack": record.pack.models if record.pack else 1,
    }


def parquet(table: pl.DataFrame) -> bytes:
    """Return a table as a Parquet file."""
    buffer = io.BytesIO()
    table.write_parquet(buffer, compression="zstd")
    return buffer.getvalue()
