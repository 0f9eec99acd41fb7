"""Turning the values of people's files into text, numbers and moments, and naming those that fail.

Staging converts strictly, so that good data are read once; only when polars stops is the value
looked for that stopped it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, cast

import polars as pl

from aesbench.errors import DataError

_PEEK_ROWS = 10_000
"""Whether a text column holds numbers is decided on its first rows."""


@dataclass(frozen=True)
class Conversion:
    """How raw values become what is needed: ``convert(strict)``.

    Strictly, a value that is not what was ``expected`` stops polars; else it becomes missing.
    """

    name: str
    raw: pl.Expr
    expected: str
    convert: Callable[[bool], pl.Expr]


def check_conversions(rows: pl.LazyFrame, conversions: Iterable[Conversion]) -> None:
    """Find a value that does not convert.

    Raises:
        DataError: there is one; the message names it.
    """
    for conversion in conversions:
        raw = conversion.raw
        lost = raw.is_not_null() & conversion.convert(False).is_null()
        try:
            found = rows.select(raw.filter(lost).head(1)).collect(engine="streaming")
        except pl.exceptions.PolarsError:
            continue
        if found.height:
            name = conversion.name.strip("_")
            raise DataError(
                f"'{name}' must be {conversion.expected} in every row, got {found.item()!r};"
                " correct the value, leave it empty if it is missing, or choose another kind"
            )


def caster(raw: pl.Expr, number: pl.DataType) -> Callable[[bool], pl.Expr]:
    """Return the conversion of ``raw`` to a type."""
    return lambda strict: raw.cast(number, strict=strict)


def number_types(rows: pl.LazyFrame, names: Sequence[str]) -> dict[str, pl.DataType]:
    """Return each column's type, a number's for text whose first rows are all numbers."""
    head = rows.select(names).head(_PEEK_ROWS).collect()
    types = {}
    for column in head.iter_columns():
        types[column.name] = column.dtype
        if column.dtype == pl.String and column.null_count() < len(column):
            for number in (pl.Float64(), pl.Int64()):
                if column.cast(number, strict=False).null_count() == column.null_count():
                    types[column.name] = number
    return types


def moment(raw: pl.Expr, dtype: pl.DataType, unit: str, text: str, strict: bool) -> pl.Expr:
    """Return timestamps as datetimes in UTC: numbers in ``unit``, or text in the format."""
    if isinstance(dtype, pl.Datetime):
        return raw if dtype.time_zone is None else raw.dt.convert_time_zone("UTC")
    if dtype == pl.Date:
        return raw.cast(pl.Datetime)
    if not text:
        number = raw.cast(pl.Int64, strict=strict)
        return pl.from_epoch(number, time_unit=cast(Literal["s", "ms", "us"], unit))
    if "%H" in text and "%M" not in text:
        # polars wants minutes beside hours.
        raw, text = raw.cast(pl.String) + pl.lit("00"), text + "%M"
    return raw.cast(pl.String).str.to_datetime(text, time_unit="us", strict=strict)
