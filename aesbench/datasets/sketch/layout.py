"""How a file is laid out: what separates its columns, whether they have names, how text is encoded.

Only the beginning of the file is read.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from aesbench.datasets.custom.compressed import open_bytes, plain_suffix
from aesbench.datasets.custom.config import Table
from aesbench.datasets.custom.tables import SEPARATORS, first_line, scan
from aesbench.errors import ConfigError, DataError

_HEAD_BYTES = 1 << 20
_HEAD_LINES = 1000
_PEEK_ROWS = 100_000
_SNIFFED = ("::", "\t", ";", "|", ",")
_GAPS = ("?", "\\N", "#N/A", "N/A", "NULL")
"""Texts that mean a missing value wherever they stand."""
_WORDS_OR_GAPS = ("NA", "NaN", "nan", "null", "None", "none", "-", ".", "n/a", "na", "unknown",
                  "missing")  # fmt: skip
"""Texts that do so if they stand in a column whose other values are all numbers: else they may be
values, such as NA for Namibia."""


def find_layout(
    path: Path, *, separator: str = "", columns: Sequence[str] = (), encoding: str = ""
) -> Table:
    """Find out how to read a file; what the user says holds. ``files`` is not set.

    Raises:
        ConfigError: there is no such file, or the names given are not as many as its columns.
        DataError: it is empty, or has no header line and no names were given.
    """
    if not path.is_file():
        raise ConfigError(f"cannot read {path}: there is no such file; check the path")
    if plain_suffix(path) == ".parquet":
        if columns or separator:
            raise ConfigError(f"{path} is parquet, which names its own columns: leave out --columns"
                              " and --separator")  # fmt: skip
        return Table()
    encoding = encoding or _encoding(path)
    lines = _first_lines(path, encoding)
    if not lines:
        raise DataError(f"{path} is empty; fetch it again")
    default = SEPARATORS.get(plain_suffix(path), "")
    used = separator or _separator(lines, default)
    if not used:
        raise DataError(
            f"cannot tell what separates the columns of {path}; its first line is"
            f" {_shown(lines[0])}; name it: --separator ';'"
        )
    rows = _cells(lines, used)
    if columns and len(columns) != len(rows[0]):
        raise ConfigError(
            f"--columns names {len(columns)} columns, but {path} has {len(rows[0])}: its first line"
            f" is {_shown(lines[0])}"
        )
    if not columns:
        _check_header(path, lines, rows, used)
    table = Table(
        separator="" if used == default else used, columns=tuple(columns), encoding=encoding
    )
    return replace(table, missing=_gaps(path, table))


def _first_lines(path: Path, encoding: str) -> list[str]:
    if path.suffix == ".zst":  # The standard library has no reader for it.
        try:
            scanned = pl.scan_csv(
                path, has_header=False, separator="\x01", quote_char=None, infer_schema=False
            )
            found = scanned.head(_HEAD_LINES).collect()
        except (pl.exceptions.PolarsError, OSError) as error:
            raise DataError(f"cannot read {path}: {first_line(error)}; fetch it again") from error
        return [line or "" for line in found.to_series()]
    raw = _head(path)
    text = raw.decode(encoding, errors="ignore")
    lines = text.splitlines()
    if len(raw) == _HEAD_BYTES and len(lines) > 1:
        lines = lines[:-1]  # It may be cut.
    return [line for line in lines[:_HEAD_LINES] if line]


def _head(path: Path) -> bytes:
    try:
        with open_bytes(path) as file:
            return file.read(_HEAD_BYTES)
    except (OSError, EOFError) as error:
        raise DataError(f"cannot read {path}: {error}; fetch it again") from error


def _encoding(path: Path) -> str:
    if path.suffix == ".zst":
        return "utf-8"
    raw = _head(path)
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if len(raw) == _HEAD_BYTES:
        raw = raw[: raw.rfind(b"\n") + 1] or raw
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8"


def _separator(lines: Sequence[str], default: str) -> str:
    """Return what separates the columns: the ending's, or what divides every line alike."""
    if default and default in lines[0]:
        return default
    for candidate in _SNIFFED:
        widths = {len(row) for row in _cells(lines[:50], candidate)}
        if len(widths) == 1 and widths.pop() > 1:
            return candidate
    return default


def _cells(lines: Sequence[str], separator: str) -> list[list[str]]:
    if len(separator) > 1:
        return [line.split(separator) for line in lines]
    return [row for row in csv.reader(lines, delimiter=separator) if row]


def is_number(text: str) -> bool:
    """Whether a text is a number."""
    return re.fullmatch(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*", text) is not None


def _check_header(
    path: Path, lines: Sequence[str], rows: Sequence[Sequence[str]], separator: str
) -> None:
    """Check that the first line names columns.

    It does not if one of its cells is a number, or if every cell is a value further down.
    """
    first, others = rows[0], rows[1:]
    is_data = any(is_number(cell) for cell in first) or (
        bool(others)
        and all(
            any(len(row) > n and row[n] == cell for row in others) for n, cell in enumerate(first)
        )
    )
    if not is_data and len(separator) == 1:
        return
    example = ",".join(f"column{n}" for n in range(1, len(first) + 1))
    what = {"\t": "a tab", " ": "a space"}.get(separator, f"'{separator}'")
    if not is_data:
        raise DataError(
            f"{path} separates its columns by {what} and has a header line, which is read only with"
            " a separator of one character; remove that line and name the columns: --columns"
            f" {','.join(first)}"
        )
    held = "\n".join(f"  column {n}: {_held(values)}" for n, values in enumerate(_columns(rows), 1))
    raise DataError(
        f"{path} has no header line: its first line is {_shown(lines[0])}. Name its {len(first)}"
        f" columns, separated by {what}, in this order: --columns {example} (with names of your"
        f" own), and which of them is the label: --label NAME\n{held}"
    )


def _columns(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    width = len(rows[0])
    return [[row[n] for row in rows if len(row) == width] for n in range(width)]


def _held(values: Sequence[str]) -> str:
    """What the first values of a column are, in words."""
    different = list(dict.fromkeys(values))
    shown = ", ".join(_shown(value) for value in different[:4])
    more = ", …" if len(different) > 4 else ""
    numbers = [float(v) for v in different if is_number(v)]
    said = ""
    if numbers and len(numbers) == len(different):
        said = ", numbers"
        if all(8e8 < number < 4e9 for number in numbers):
            said = ", seconds since 1970"
        elif all(8e11 < number < 4e12 for number in numbers):
            said = ", milliseconds since 1970"
    return f"{shown}{more} ({len(different)} in the first {len(values):,} lines{said})"


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:79] + "…")


def _gaps(path: Path, table: Table) -> tuple[str, ...]:
    """Return the texts that stand for a missing value in the first rows."""
    try:
        head = scan(table, [path.name], {path.name: path}).head(_PEEK_ROWS).collect()
    except (pl.exceptions.PolarsError, OSError):
        return ()  # Reading all of it says what is wrong, and where.
    candidates = [*_GAPS, *_WORDS_OR_GAPS]
    found = set()
    for column in head.iter_columns():
        values = column.drop_nulls().unique()
        present = values.filter(values.is_in(candidates))
        if not len(present):
            continue
        others = values.filter(~values.is_in(candidates))
        numbers = len(others) and others.cast(pl.Float64, strict=False).null_count() == 0
        found |= {gap for gap in present if numbers or gap in _GAPS}
    return tuple(sorted(found, key=candidates.index))
