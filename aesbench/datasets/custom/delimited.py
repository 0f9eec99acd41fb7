"""Strict reading of separated text: every line whole, every line with the right columns.

The official files of MovieLens, Last.fm and UCI have no quoting, and some separate columns by
``::``, which no csv reader takes. They fit in memory. A file that was cut short must not pass as a
smaller data set, so the last line must end as the others do.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from aesbench.errors import DataError

_LINE = "__line__"


def read_delimited(
    path: Path,
    columns: Mapping[str, type[pl.DataType]],
    separator: str,
    *,
    encoding: str = "utf-8",
    header: bool = False,
) -> pl.DataFrame:
    """Read a whole file as the named columns, each of its type.

    Empty lines at the end are ignored. With a header, the first line must be the columns' names in
    their order.

    Raises:
        DataError: the file is missing, cut short, in another encoding, or a line does not hold
            what it should; the message names file and line.
    """
    text = read_text(path, encoding)
    if not text.endswith("\n"):
        raise DataError(
            f"{path}:{text.count(chr(10)) + 1}: the last line has no line end, so the file was cut"
            f" short ({path.stat().st_size} bytes); fetch it again"
        )
    text = text.rstrip("\n")
    lines = pl.DataFrame({_LINE: [text]}).select(pl.col(_LINE).str.split("\n").explode())
    lines = lines.with_columns(pl.col(_LINE).str.strip_suffix("\r"))
    found = lines.select(pl.col(_LINE).str.count_matches(separator, literal=True) + 1).to_series()
    wrong = (found != len(columns)).arg_true()
    if len(wrong):
        number = int(wrong[0])
        raise DataError(
            f"{path}:{number + 1}: expected {len(columns)} columns separated by {separator!r},"
            f" got {found[number]}: {lines[_LINE][number][:80]!r};"
            " the file is damaged or of another format: fetch it again"
        )
    before = 1  # Lines before the first row, and one since lines are counted from 1.
    if header:
        before, names = 2, separator.join(columns)
        if lines[_LINE][0] != names:
            raise DataError(
                f"{path}:1: expected the header {names[:80]!r}, got {lines[_LINE][0][:80]!r};"
                " the file is of another format: fetch it again"
            )
        lines = lines[1:]
        if lines.is_empty():
            raise DataError(f"{path}: there are no rows after the header; fetch it again")
    parts = lines.select(
        pl.col(_LINE).str.split_exact(separator, len(columns) - 1).struct.rename_fields([*columns])
    ).unnest(_LINE)
    table = parts.select(pl.col(n).cast(t, strict=False) for n, t in columns.items())
    for name, dtype in columns.items():
        lost = (table[name].is_null() & parts[name].is_not_null()).arg_true()
        if len(lost):
            raise DataError(
                f"{path}:{int(lost[0]) + before}: '{name}' must be a number ({dtype.__name__}),"
                f" got {parts[name][int(lost[0])]!r}; the file is damaged: fetch it again"
            )
    return table


def read_text(path: Path, encoding: str) -> str:
    """Read a whole text file, its line ends as they are.

    Raises:
        DataError: the file is missing or in another encoding; the message names the line.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}; put the file there") from error
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        number = raw.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path}:{number}: byte 0x{raw[error.start]:02x} is not {encoding}; save the file as"
            f" {encoding} or name its encoding"
        ) from error
