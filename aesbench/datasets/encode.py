"""The one encoder: from rows of values to ids, counted on the train split alone.

Every source hands its rows over as a lazy polars frame: a column per field (text, or a list of
text for a multi-valued field), ``LABEL``, and the key columns of its split rule. They are staged
once as a parquet file, so that whatever produced them runs once; then each field is counted and
looked up in streams of its own. One field's vocabulary and one field's ids are the most that is
ever held.

Ids are numbered by descending train frequency, equally frequent values by their text. The last id
stands for values that the train split has fewer than ``min_count`` times or not at all. A missing
or empty value is a value like any other; the vocabulary shows it as empty text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from aesbench.datasets.base import PADDING_ID, SPLITS, Field
from aesbench.datasets.histories import EarlierRows, HistorySpec
from aesbench.datasets.splits import SplitRule
from aesbench.datasets.writer import DatasetWriter
from aesbench.errors import ConfigError, DataError

LABEL = "__label__"

_CHUNK_ROWS = 1 << 18


@dataclass(frozen=True)
class FieldSpec:
    """What a source says of a field before it is encoded.

    Attributes:
        name: the field's name and its column in the rows.
        multi: whether its column holds lists of values.
        allow_constant: whether one value in the train split is expected rather than a mistake.
    """

    name: str
    multi: bool = False
    allow_constant: bool = False


def check_min_count(min_count: int) -> None:
    """Check a minimum count.

    Raises:
        ConfigError: it is not a whole number from 1 on.
    """
    if type(min_count) is not int or min_count < 1:
        raise ConfigError(
            f"min_count is how often the train split must have a value for it to get an id of its"
            f" own: a whole number from 1 on, got {min_count!r}"
        )


def encode(
    rows: pl.LazyFrame,
    specs: Sequence[FieldSpec],
    rule: SplitRule,
    writer: DatasetWriter,
    *,
    min_count: int = 1,
    histories: Sequence[HistorySpec] = (),
) -> None:
    """Split the rows, encode them and hand them to the writer, within each split in their order.

    Args:
        rows: a column per field, ``LABEL``, the keys of the split rule and of the histories.
        specs: the fields.
        rule: the split.
        writer: receives the data set.
        min_count: rarer values of the train split share the out-of-vocabulary id.
        histories: of the fields' values.

    Raises:
        ConfigError: a history is of no field with one value.
        DataError: a label is not 0 or 1, a split is empty, a field has one value in train, or no
            row has a history.
    """
    check_min_count(min_count)
    names = [spec.name for spec in specs]
    of = [one.place(names, [spec.name for spec in specs if spec.multi]) for one in histories]
    staged = writer.folder / "staged.parquet"
    keys = (key for one in histories for key in (one.by, one.time))
    columns = list(dict.fromkeys((*names, LABEL, *rule.keys, *keys)))
    rows.select(columns).sink_parquet(staged, compression="lz4")
    table = pl.scan_parquet(staged)
    _check_labels(table)
    assigned = rule.assign(table)
    earlier = [EarlierRows.find(table, one, assigned == 0) for one in histories]
    widths = [*_widths(table, specs), *(found.width for found in earlier)]
    sizes = np.bincount(assigned, minlength=len(SPLITS))
    splits = {
        split: writer.split(split, int(size), sum(widths))
        for split, size in zip(SPLITS, sizes, strict=True)
    }
    dealt = writer.folder / "dealt.parquet"
    pl.DataFrame({"train": assigned == 0}).write_parquet(dealt)

    fields, parts = [], []
    for number, (spec, width) in enumerate(zip(specs, widths, strict=False)):
        vocabulary = _count(table, dealt, spec, min_count)
        writer.vocabulary(number, vocabulary)
        ids = _look_up(table, spec, vocabulary, width)
        part = writer.folder / f"field.{number}.npy"
        np.save(part, ids)
        parts.append(part)
        fields.append(Field(spec.name, vocabulary.height, width, vocabulary["count"].to_numpy()))
    tied: list[Field] = []
    for one, number, found in zip(histories, of, earlier, strict=True):
        part = writer.folder / f"history.{len(tied)}.npy"
        np.save(part, found.ids(np.load(parts[number], mmap_mode="r")[:, 0]))
        parts.append(part)
        cardinality = fields[number].cardinality
        tied.append(Field(one.name, cardinality, found.width, shares=one.of))

    labels = table.select(pl.col(LABEL).cast(pl.UInt8)).collect(engine="streaming")[LABEL]
    _interleave(parts, labels.to_numpy(), assigned, [splits[split][:2] for split in SPLITS])
    for path in (staged, dealt, *parts):
        path.unlink()
    writer.finish(fields, histories=tied)


def _check_labels(table: pl.LazyFrame) -> None:
    values = table.select(pl.col(LABEL).unique()).collect(engine="streaming")[LABEL].to_list()
    wrong = [value for value in values if value not in (0, 1)]
    if wrong:
        shown = ", ".join(sorted("missing" if v is None else repr(v) for v in wrong)[:5])
        raise DataError(
            f"a label is 0 or 1, but the rows also have {shown}; give a rule that is true or"
            " false for every row, such as rating > 3, and leave out rows for which it cannot be"
            ' told: where = "rating IS NOT NULL"'
        )


def _widths(table: pl.LazyFrame, specs: Sequence[FieldSpec]) -> list[int]:
    """Return the id columns of each field: its longest list, over all splits."""
    longest = table.select(
        pl.col(spec.name).list.len().max() if spec.multi else pl.lit(1, pl.UInt32).alias(spec.name)
        for spec in specs
    ).collect(engine="streaming")
    return [max(1, width or 0) for width in longest.row(0)]


def _values(spec: FieldSpec) -> pl.Expr:
    """The field's values as text, one per row or, multi-valued, one per value."""
    column = pl.col(spec.name)
    if spec.multi:
        column = column.cast(pl.List(pl.String))
        # A row without values has the missing value.
        column = pl.when(column.list.len() > 0).then(column).otherwise(pl.lit([""])).explode()
    return column.cast(pl.String).fill_null("")


def _count(table: pl.LazyFrame, dealt: Path, spec: FieldSpec, min_count: int) -> pl.DataFrame:
    """Return the vocabulary: ``value`` and train ``count`` of each id, the last one unseen."""
    with_split = pl.concat([table.select(spec.name), pl.scan_parquet(dealt)], how="horizontal")
    counted = (
        with_split.filter(pl.col("train"))
        .select(_values(spec).alias("value"))
        .group_by("value")
        .agg(pl.len().cast(pl.Int64).alias("count"))
        .collect(engine="streaming")
    )
    if counted.height == 1 and not spec.allow_constant:
        raise DataError(
            f"field '{spec.name}' has one value in the train split, {counted['value'][0]!r}, and"
            " tells a model nothing; leave the field out, or allow it with allow_constant"
        )
    kept = counted.filter(pl.col("count") >= min_count)
    kept = kept.sort(["count", "value"], descending=[True, False])
    rare = int(counted["count"].sum()) - int(kept["count"].sum())
    last = pl.DataFrame({"value": [None], "count": [rare]}, schema=kept.schema)
    return pl.concat([kept, last])


def _look_up(
    table: pl.LazyFrame, spec: FieldSpec, vocabulary: pl.DataFrame, width: int
) -> NDArray[np.int32]:
    """Return the ids ``(rows, width)`` of every row, of whatever split."""
    last = vocabulary.height - 1
    numbered = vocabulary.head(last).select("value", pl.int_range(last, dtype=pl.Int32).alias("id"))
    flat = (
        table.select(_values(spec).alias("value"))
        .join(numbered.lazy(), on="value", how="left", maintain_order="left")
        .select(pl.col("id").fill_null(last))
        .collect(engine="streaming")["id"]
        .to_numpy()
    )
    if not spec.multi:
        return flat.reshape(-1, 1)
    filled = pl.col(spec.name).list.len().fill_null(0).clip(1).cast(pl.Int64)
    lengths = table.select(filled).collect(engine="streaming")[spec.name].to_numpy()
    ids = np.full((len(lengths), width), PADDING_ID, np.int32)
    # Row-major order of the cells that hold a value is the order of the exploded values.
    ids[np.arange(width) < lengths[:, None]] = flat
    return ids


def _interleave(
    parts: Sequence[Path],
    labels: NDArray[np.uint8],
    assigned: NDArray[np.uint8],
    splits: Sequence[tuple[NDArray[np.int32], NDArray[np.uint8]]],
) -> None:
    """Put the fields side by side and deal the rows to their splits, a chunk of rows at a time."""
    columns = [np.load(part, mmap_mode="r") for part in parts]
    filled = [0] * len(splits)
    for start in range(0, len(labels), _CHUNK_ROWS):
        chunk = slice(start, start + _CHUNK_ROWS)
        ids = np.concatenate([column[chunk] for column in columns], axis=1)  # (rows, columns)
        for place, (split_ids, split_labels) in enumerate(splits):
            chosen = assigned[chunk] == place
            into = slice(filled[place], filled[place] + int(chosen.sum()))
            split_ids[into], split_labels[into] = ids[chosen], labels[chunk][chosen]
            filled[place] = into.stop
