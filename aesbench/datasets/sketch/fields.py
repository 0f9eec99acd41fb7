"""Which columns become fields, of which kind, and which are left out and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from aesbench.datasets.buckets import bucket
from aesbench.datasets.custom.config import CustomField
from aesbench.datasets.sketch.columns import Column, Times, mean
from aesbench.datasets.sketch.label import quoted
from aesbench.datasets.sketch.leaks import LEAK, SUSPECT
from aesbench.datasets.sketch.names import IDS, THINGS, named_like

_UNIQUE = 0.9
_LEAST_UNIQUE = 50
_FREE_TEXT_LETTERS = 40
_FREE_TEXT_DISTINCT = 0.5
_FEW_ROWS = 10
_FEW_SHARE = 0.001
_MAYBE_UNTRAINED_ROWS = 30
_FEW_NUMBERS = 200
_REPEATED = 0.1
_LEAST_BUCKETS = 8
_MOST_NUMBERS = 200
_STEPS = [digit * 10.0**power for power in range(12, -10, -1) for digit in (5, 2, 1)]
_SEPARATORS = ("|", ";", ", ", ",")
_MULTI_SHARE = 0.2
_MULTI_REUSE = 0.5
_DISGUISE = 0.999


@dataclass(frozen=True)
class FieldGuess:
    """One field, or a column that is none.

    Attributes:
        column: where its values are.
        field: the field; None for a column that cannot be one.
        note: a remark beside it.
        out: why it is left out; empty if it is not.
    """

    column: str
    field: CustomField | None
    note: str = ""
    out: str = ""


def guess_fields(
    columns: Mapping[str, Column], auc: Mapping[str, float], afterwards: Mapping[str, str]
) -> list[FieldGuess]:
    """Return the fields and the left-out columns, in the columns' order.

    Args:
        columns: all but the label's.
        auc: what each tells of the label alone.
        afterwards: {column: why it seems to be known only afterwards}.
    """
    found: list[FieldGuess] = []
    taken = {*columns}
    for name, column in columns.items():
        why = _no_field(column)
        if why:
            found.append(FieldGuess(name, None, out=why))
            continue
        alone = auc.get(name, 0.5)
        out, note = "", ""
        if name in afterwards:
            out = afterwards[name] + f" (AUC {alone:.3f} alone)"
        elif alone >= LEAK:
            out = _leak(column, alone)
        elif alone >= SUSPECT:
            note = f"AUC {alone:.3f} alone: CHECK that it is known before the label is"
        for guess in _kinds(column, taken):
            remarks = [text for text in (guess.note, note) if text]
            found.append(FieldGuess(name, guess.field, "; ".join(remarks), out or guess.out))
    return found


def _leak(column: Column, alone: float) -> str:
    if alone >= _DISGUISE:
        return f"the label in disguise: AUC {alone:.3f} alone"
    said = f"it leaks: AUC {alone:.3f} alone, near perfect"
    if column.distinct > _FEW_NUMBERS and column.times is None:
        said += "; rows that share it may share the label: then hold out whole groups of it"
    return said


def _no_field(column: Column) -> str:
    """Say why a column cannot be a field, if it cannot."""
    dtype = column.sample.dtype
    if column.missing == column.rows:
        return "it has no value in any row"
    if column.distinct == 1 and not column.missing:
        return f"it has one value, {column.common[0]!r}"
    if column.rare_rows < _FEW_ROWS and column.rare_rows < _FEW_SHARE * column.rows:
        few = f"{column.rare_rows:,}" if column.rows == len(column.sample) else "hardly one"
        return f"other values than {column.common[0]!r} in {few} of {column.rows:,} rows"
    if isinstance(dtype, pl.Struct | pl.Binary | pl.Object | pl.Time | pl.Duration):
        return f"values of type {dtype} are no field's; make text or numbers of them first"
    if isinstance(dtype, pl.List | pl.Array) and dtype.inner.is_nested():
        return f"values of type {dtype} are no field's; make a list of texts of them first"
    return ""


def _kinds(column: Column, taken: set[str]) -> Iterator[FieldGuess]:
    """Yield the fields that a column gives: one, or those of a time."""
    dtype = column.sample.dtype
    if isinstance(dtype, pl.List | pl.Array):
        yield _field(column, "multi", note="a list of values")
        return
    if column.times is not None:
        yield from _parts(column, column.times, taken)
        return
    present = column.rows - column.missing
    is_unique = column.distinct >= _UNIQUE * present and column.distinct > _LEAST_UNIQUE
    if dtype == pl.Boolean:
        yield _field(column)
    elif column.numbers is not None and not column.has_leading_zeros:
        yield _number(column, is_unique)
    elif is_unique:
        share = f"{column.distinct:,} different values in {present:,} rows"
        yield _field(column, out=f"an id of the row or free text: {share}, so that nothing repeats")
    elif dtype == pl.String and (separator := _separator(column)):
        yield _field(
            column, "multi", separator=separator, note=f"several values, separated by {separator!r}"
        )
    elif dtype == pl.String and _is_free_text(column, present):
        yield _field(
            column, out="free text: long and mostly different; draw words or codes from it"
        )
    else:
        yield _field(column, note=f"{column.distinct:,} values")


def _field(
    column: Column,
    kind: str = "categorical",
    *,
    suffix: str = "",
    note: str = "",
    out: str = "",
    expression: str = "",
    separator: str = "|",
    times: Times | None = None,
) -> FieldGuess:
    name = column.name.lstrip("_") + suffix or "unnamed"
    field = CustomField(
        name=name,
        kind=kind,
        column="" if name == column.name or expression else column.name,
        expression=expression,
        separator=separator,
        unit=(times.unit if times else "") or "s",
        format=times.format if times else "",
        allow_constant=column.rare_rows < _MAYBE_UNTRAINED_ROWS,
    )
    return FieldGuess(column.name, field, note, out)


def _parts(column: Column, times: Times, taken: set[str]) -> Iterator[FieldGuess]:
    parts = ["hour", "weekday"] if times.has_hours else ["weekday"]
    for part in parts:
        suffix = f"_{part}"
        while column.name + suffix in taken:
            suffix += "_utc"
        values = {"hour": "0 to 23", "weekday": "1 (Monday) to 7"}[part]
        note = f"{values}, of the time in UTC"
        if times.doubt and part == parts[0]:
            note += f"; CHECK the format: {times.doubt} fits as well"
        yield _field(column, part, suffix=suffix, times=times, note=note)


def _number(column: Column, is_unique: bool) -> FieldGuess:
    present = column.rows - column.missing
    named = named_like(column.name, THINGS)
    if column.is_whole:
        if is_unique and (named_like(column.name, IDS) or _counts_up(column)):
            share = f"{column.distinct:,} different values in {present:,} rows"
            return _field(column, out=f"an id of the row: {share}, so that nothing repeats")
        repeats = column.distinct <= _REPEATED * present
        if named or column.distinct <= _FEW_NUMBERS or (repeats and column.range[0] >= 0):
            note = f"{column.distinct:,} values"
            if column.distinct > _FEW_NUMBERS and not named:
                note += '; kind = "numeric", in buckets, if it is an amount'
            return _field(column, note=note)
    elif column.distinct <= _FEW_NUMBERS:
        return _field(column, note=f"{column.distinct:,} different numbers, each a value")
    return _bucketed(column)


def _bucketed(column: Column) -> FieldGuess:
    """Return a field of buckets: the paper's if they tell values apart, else by decimals."""
    numbers = column.sample.to_frame().select(bucket(pl.col(column.name).cast(pl.Float64)))
    low, high = column.range
    said = f"{column.distinct:,} different numbers from {low:g} to {high:g}"
    buckets = numbers.to_series().n_unique()
    if buckets >= _LEAST_BUCKETS and low >= -_FEW_NUMBERS:
        return _field(column, "numeric", note=f"{said}, in {buckets} buckets")
    best, values = 0.0, 0
    for step in _STEPS:
        scaled = column.sample.to_frame().select((pl.first().cast(pl.Float64) / step).floor())
        steps = scaled.to_series().n_unique()
        if steps > _MOST_NUMBERS:
            break
        best, values = step, steps
    if values >= _LEAST_BUCKETS:
        return _field(
            column,
            expression=f"FLOOR(CAST({quoted(column.name)} AS DOUBLE) / {best:.12g})",
            note=f"{said}, in steps of {best:g}: {values} values",
        )
    return _field(column, note=f"{said}, each a value")


def _counts_up(column: Column) -> bool:
    found = column.numbers
    return found is not None and found.null_count() == 0 and found.is_sorted()


def _separator(column: Column) -> str:
    """Return what separates several values in one text, or nothing."""
    texts = column.sample.drop_nulls()
    different = texts.unique()
    for separator in _SEPARATORS:
        if mean(texts.str.contains(separator, literal=True)) < _MULTI_SHARE:
            continue
        members = different.str.split(separator).explode()
        short = mean(members.str.len_chars())
        reused = members.n_unique() <= _MULTI_REUSE * len(members)
        if reused and members.n_unique() < len(different) and short <= _FREE_TEXT_LETTERS / 2:
            return separator
    return ""


def _is_free_text(column: Column, present: int) -> bool:
    letters = mean(column.sample.str.len_chars())
    return letters > _FREE_TEXT_LETTERS and column.distinct > _FREE_TEXT_DISTINCT * present
