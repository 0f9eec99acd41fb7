"""What a click log looks like and which fields are made of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True)
class LogField:
    """One categorical field.

    Attributes:
        name: the field's name.
        column: the column of the file that it is made of.
        convert: makes the field's value of the column's text, missing where it cannot; None to
            take the text as it is. An empty text is the missing value and is not converted.
        expected: what the column's text must be, for an error.
        numeric: whether its values are numbers that a model takes as such: every value of every
            split then has an id, for it is not the id that is learned.
    """

    name: str
    column: str
    convert: Callable[[pl.Expr], pl.Expr] | None = None
    expected: str = ""
    numeric: bool = False


@dataclass(frozen=True)
class LogFormat:
    """A text file of rows, a label and values that are at most eight bytes long.

    Attributes:
        columns: all columns, in the order of the file.
        label: the one that is 0 or 1.
        fields: the fields to encode.
        separator: the character between two columns; there is no quoting.
        header: whether the first line names the columns.
        ordered_by: a column whose text never decreases from row to row, or None.
    """

    columns: tuple[str, ...]
    label: str
    fields: tuple[LogField, ...]
    separator: str
    header: bool
    ordered_by: str | None = None
