"""One type for a column that several files hold in different ones.

Files that one program wrote at different times often differ by nothing but a column's type: Int8
beside Int64, whole numbers as floats because pandas had to mark missing ones, categories beside
text, milliseconds beside microseconds. Equal values must come out equal, as numbers and as text,
for a value's text is what a vocabulary counts. So:

- Whole numbers get the widest type; true and false beside numbers are 1 and 0.
- Whole numbers beside floats stay whole numbers if all the floats are whole; else all are floats.
  NaN is missing where it stands beside whole numbers.
- Floats of 32 bits go to 64 by their decimals: 0.1 stays 0.1.
- Categories are text, with or without other files.
- Dates and datetimes become datetimes of the finest unit. One without a time zone is UTC, as
  everywhere in aesbench; where only some have a zone, or they differ, all are put into UTC.
- A column that is missing as a whole takes any type. Lists agree by what is in them.

Text beside numbers does not agree: 7 and 007 are one number and two texts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, cast

import polars as pl

from aesbench.errors import DataError

Change = Callable[[pl.Expr], pl.Expr]
_FINER = ("ms", "us", "ns")


def agree(frames: Sequence[pl.LazyFrame], names: Sequence[str]) -> list[pl.LazyFrame]:
    """Return the frames, all of the same columns, with one type for each column.

    Args:
        frames: at least one; columns in the same order.
        names: the file behind each, for messages.

    Raises:
        DataError: a column is text in one file and a number in another, or the like; the message
            names both files and types.
    """
    schemas = [frame.collect_schema() for frame in frames]
    changed: list[list[pl.Expr]] = [[] for _ in frames]
    for column in schemas[0].names():
        types = [schema[column] for schema in schemas]
        if len({*types}) == 1 and not _is_category(types[0]):
            continue
        values = [frame.select(column) for frame in frames]
        for number, (dtype, change) in enumerate(
            zip(types, _changes(column, types, values, names), strict=True)
        ):
            if change is not None and (len({*types}) > 1 or _is_category(dtype)):
                changed[number].append(change(pl.col(column)))
    return [
        frame.with_columns(changes) if changes else frame
        for frame, changes in zip(frames, changed, strict=True)
    ]


def whole_as_integers(rows: pl.LazyFrame, column: str) -> pl.LazyFrame:
    """Return the rows with whole numbers of a column as integers, if it is of floats that are all
    whole."""
    if not rows.collect_schema()[column].is_float() or not _all_whole([rows.select(column)]):
        return rows
    return rows.with_columns(_to_whole(pl.Int64())(pl.col(column)))


def _is_category(dtype: pl.DataType) -> bool:
    return isinstance(dtype, pl.Categorical | pl.Enum)


def _family(dtype: pl.DataType) -> str:
    """What a type's values are, for agreement."""
    if isinstance(dtype, pl.String) or _is_category(dtype):
        return "text"
    if isinstance(dtype, pl.Boolean) or dtype.is_numeric():
        return "a number"
    if isinstance(dtype, pl.Date | pl.Datetime):
        return "a time"
    if isinstance(dtype, pl.List | pl.Array):
        return "a list"
    return type(dtype).__name__


def _changes(
    column: str,
    types: Sequence[pl.DataType],
    values: Sequence[pl.LazyFrame],
    names: Sequence[str],
) -> list[Change | None]:
    """Return what each file's column has to go through; None for nothing.

    Args:
        column: its name, for messages.
        types: of the column, or of what is in its lists, in each file.
        values: a frame of one column for each file, read only where a type does not tell.
        names: the files.

    Raises:
        DataError: no type holds them all.
    """
    known = [n for n, dtype in enumerate(types) if dtype != pl.Null]
    if not known:
        return [None] * len(types)
    first = known[0]
    for other in known[1:]:
        if _family(types[other]) != _family(types[first]):
            raise _disagreement(column, types, names, first, other)
    present = [types[n] for n in known]
    family = _family(present[0])
    if family == "text":
        return [_cast(pl.String())] * len(types)
    if family == "a number":
        return _number_changes(types, values)
    if family == "a time":
        return _time_changes(types)
    if family == "a list":
        return _list_changes(column, types, values, names)
    if isinstance(present[0], pl.Duration):
        return [_cast(pl.Duration(_finest(present)))] * len(types)
    for other in known[1:]:
        if types[other] != types[first]:
            raise _disagreement(column, types, names, first, other)
    return [_cast(present[0])] * len(types)


def _disagreement(
    column: str, types: Sequence[pl.DataType], names: Sequence[str], one: int, other: int
) -> DataError:
    kinds = [f"{_family(types[n])} ({types[n]})" for n in (one, other)]
    return DataError(
        f"column '{column}' is {kinds[0]} in {names[one]}, but {kinds[1]} in {names[other]}; files"
        " that are read together must agree: write it as the same kind in both (all columns of a"
        " text file are text)"
    )


def _cast(dtype: pl.DataType) -> Change:
    return lambda values: values.cast(dtype)


def _number_changes(
    types: Sequence[pl.DataType], values: Sequence[pl.LazyFrame]
) -> list[Change | None]:
    exact = [t.is_integer() or t in (pl.Boolean, pl.Null) for t in types]
    if all(exact):
        signed = any(t.is_signed_integer() for t in types)
        too_wide = any(t == pl.Int128 for t in types) or (signed and pl.UInt64 in types)
        common = pl.Int128() if too_wide else pl.UInt64() if pl.UInt64 in types else pl.Int64()
        return [_cast(common)] * len(types)
    inexact = [frame for frame, is_exact in zip(values, exact, strict=True) if not is_exact]
    if any(exact) and _all_whole(inexact):
        whole = pl.Int64()
        return [_cast(whole) if is_exact else _to_whole(whole) for is_exact in exact]
    return [_to_float(dtype) for dtype in types]


def _all_whole(values: Sequence[pl.LazyFrame]) -> bool:
    """Whether columns of floats or decimals hold nothing but whole numbers and missing ones."""
    for frame in values:
        (name,) = frame.collect_schema().names()
        number = pl.col(name).cast(pl.Float64).fill_nan(None)
        whole = (number == number.floor()) & (number.abs() < 2**63)
        if not frame.select(whole.all()).collect(engine="streaming").item():
            return False
    return True


def _to_whole(dtype: pl.DataType) -> Change:
    return lambda values: values.cast(pl.Float64).fill_nan(None).cast(dtype)


def _to_float(dtype: pl.DataType) -> Change:
    if dtype == pl.Float32:
        # By way of the shortest decimals, or 0.1 would become 0.10000000149.
        return lambda values: values.cast(pl.String).cast(pl.Float64)
    return _cast(pl.Float64())


def _finest(types: Sequence[pl.DataType]) -> Literal["ns", "us", "ms"]:
    units = [getattr(dtype, "time_unit", None) or "ms" for dtype in types]
    return cast(Literal["ns", "us", "ms"], max(units, key=_FINER.index))


def _time_changes(types: Sequence[pl.DataType]) -> list[Change | None]:
    times = [dtype for dtype in types if dtype != pl.Null]
    unit = _finest(times)
    zones = {getattr(dtype, "time_zone", None) for dtype in times}
    zone = zones.pop() if len(zones) == 1 else "UTC"
    return [_to_moment(dtype, unit, zone) for dtype in types]


def _to_moment(dtype: pl.DataType, unit: Literal["ns", "us", "ms"], zone: str | None) -> Change:
    def change(values: pl.Expr) -> pl.Expr:
        own = getattr(dtype, "time_zone", None)
        moment = values.cast(pl.Datetime(unit, own))
        if own == zone or zone is None:
            return moment
        if own is None:
            return moment.dt.replace_time_zone("UTC").dt.convert_time_zone(zone)
        return moment.dt.convert_time_zone(zone)

    return change


def _list_changes(
    column: str,
    types: Sequence[pl.DataType],
    values: Sequence[pl.LazyFrame],
    names: Sequence[str],
) -> list[Change | None]:
    inner = [t.inner if isinstance(t, pl.List | pl.Array) else pl.Null() for t in types]
    flat = [
        frame.select(pl.col(frame.collect_schema().names()[0]).explode())
        if isinstance(dtype, pl.List)
        else frame.select(pl.first().arr.explode() if isinstance(dtype, pl.Array) else pl.first())
        for frame, dtype in zip(values, types, strict=True)
    ]
    members = _changes(column, cast(Sequence[pl.DataType], inner), flat, names)

    def of_lists(dtype: pl.DataType, member: Change | None) -> Change:
        def change(lists: pl.Expr) -> pl.Expr:
            if isinstance(dtype, pl.Array):
                lists = lists.arr.to_list()
            if dtype == pl.Null:
                lists = lists.cast(pl.List(pl.Null))
            return lists if member is None else lists.list.eval(member(pl.element()))

        return change

    return [of_lists(dtype, member) for dtype, member in zip(types, members, strict=True)]
