"""Reading the files of a custom data set lazily, and saying what is wrong with them.

Text is read as text: 007 stays 007. polars pads lines that are too short with missing values and
names no line when it fails, so a file is read line by line, which is slow, once something is off.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from aesbench.core.files import DAMAGED
from aesbench.datasets.custom.agreement import agree
from aesbench.datasets.custom.compressed import COMPRESSED, open_bytes, plain_suffix, unpacked
from aesbench.datasets.custom.config import Table
from aesbench.datasets.custom.delimited import read_delimited, read_text
from aesbench.errors import ConfigError, DataError

SEPARATORS = {".csv": ",", ".tsv": "\t"}


def scan(table: Table, names: Sequence[str], files: Mapping[str, Path]) -> pl.LazyFrame:
    """Return the rows of the named files one after the other, text columns as text.

    Raises:
        ConfigError: a file's format cannot be told.
        DataError: a file is damaged, or the files have different columns.
    """
    return pl.concat(scan_each(table, names, files))


def scan_each(table: Table, names: Sequence[str], files: Mapping[str, Path]) -> list[pl.LazyFrame]:
    """Return the rows of each named file; all have the same columns, each of one type.

    The first file's order of columns holds for all.

    Raises:
        ConfigError: a file's format cannot be told.
        DataError: a file is damaged, or the files have different columns or kinds of values.
    """
    frames = [_scan_file(table, files[name]) for name in names]
    columns = [_columns(frame, name) for frame, name in zip(frames, names, strict=True)]
    for name, found in zip(names, columns, strict=True):
        if sorted(found) != sorted(columns[0]):
            raise DataError(
                f"{names[0]} has the columns {', '.join(columns[0])}, but {name} has"
                f" {', '.join(found)}; files that are read together must agree"
            )
    ordered = [
        frame if found == columns[0] else frame.select(columns[0])
        for frame, found in zip(frames, columns, strict=True)
    ]
    try:
        return agree(ordered, names)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(
            f"cannot read {', '.join(names)}: {first_line(error)}; fetch them again"
        ) from error


def columns_of(table: Table, path: Path) -> list[str]:
    """Return the names of a file's columns.

    Raises:
        ConfigError: its format cannot be told.
        DataError: it cannot be read.
    """
    return _columns(_scan_file(table, path), str(path))


def check_lines(table: Table, names: Sequence[str], files: Mapping[str, Path]) -> None:
    """Check that every line of the text files has the right columns.

    Raises:
        DataError: a line has another number of columns or another encoding; the message names
            file and line.
    """
    for name in names:
        path = files[name]
        separator = _separator(table, path)
        if len(separator) != 1:
            continue
        try:
            # polars notices lines that are too long only where it reads every column.
            everything = _scan_file(table, path).select(pl.all().null_count())
            suspect = everything.collect(engine="streaming").row(0)[-1] > 0
        except (pl.exceptions.PolarsError, OSError) as error:
            _read_line_by_line(table, path, separator)
            raise DataError(f"cannot read {path}: {first_line(error)}; fetch it again") from error
        if suspect:
            _read_line_by_line(table, path, separator)


def first_line(error: Exception) -> str:
    """Return what polars says without the query plan that it adds."""
    return str(error).partition("\n")[0]


def _read_line_by_line(table: Table, path: Path, separator: str) -> None:
    # zstd has no reader in older Pythons' standard library: polars' own words must do.
    if path.suffix == ".zst":
        return
    number = 1
    try:
        with io.TextIOWrapper(open_bytes(path), encoding=table.encoding, newline="") as file:
            reader = csv.reader(file, delimiter=separator)
            expected = len(table.columns)
            for row in reader:
                expected = expected or len(row)
                if len(row) != expected:
                    raise DataError(
                        f"{path}:{number}: expected {expected} columns separated by"
                        f" {separator!r}, got {len(row)}: {separator.join(row)[:80]!r};"
                        " mend the line, or fetch the file again if it was cut short"
                    )
                number = reader.line_num + 1
    except UnicodeDecodeError as error:
        number = _undecodable_line(path, table.encoding)
        raise DataError(
            f"{path}:{number}: byte 0x{error.object[error.start]:02x} is not {table.encoding};"
            f' save the file as {table.encoding} or name its encoding: encoding = "latin-1"'
        ) from error
    except (*DAMAGED, csv.Error) as error:
        raise DataError(f"{path}:{number}: {error}; fetch the file again") from error


def _undecodable_line(path: Path, encoding: str) -> int:
    with open_bytes(path) as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode(encoding)
            except UnicodeDecodeError:
                return number
    raise AssertionError(f"{path} decodes line by line, but not as a whole")


def _columns(frame: pl.LazyFrame, name: str) -> list[str]:
    try:
        return frame.collect_schema().names()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(
            f"cannot read {name}: {first_line(error)}; check that it is what its name says"
        ) from error


def _separator(table: Table, path: Path) -> str:
    """Return the separator of a text file, or nothing for parquet."""
    suffix = plain_suffix(path)
    if suffix == ".parquet":
        return ""
    separator = table.separator or SEPARATORS.get(suffix)
    if separator is None:
        raise ConfigError(
            f"cannot tell the format of '{path.name}' from its name; expected .csv, .tsv or"
            ' .parquet, or name what separates its columns: separator = ";"'
        )
    return separator


def _scan_file(table: Table, path: Path) -> pl.LazyFrame:
    separator = _separator(table, path)
    if not separator:
        return pl.scan_parquet(path)
    schema = dict.fromkeys(table.columns, pl.String)
    if len(separator) > 1:
        table_rows = read_delimited(path, schema, separator, encoding=table.encoding)
        return _without_gaps(table_rows.lazy(), table)
    source: Path | bytes = path
    if table.encoding.lower().replace("_", "-") not in ("utf-8", "utf8", "ascii"):
        if path.suffix in COMPRESSED:
            raise ConfigError(
                f"'{path.name}' is compressed and in {table.encoding}; unpack it or save it as"
                " utf-8"
            )
        source = read_text(path, table.encoding).encode()
    elif path.suffix == ".zip":
        source = unpacked(path)
    frame = pl.scan_csv(
        source,
        separator=separator,
        has_header=not schema,
        schema=schema or None,
        infer_schema=False,
    )
    return _without_gaps(frame, table)


def _without_gaps(rows: pl.LazyFrame, table: Table) -> pl.LazyFrame:
    """Make empty text, quoted or not, and what else stands for it missing values."""
    gap = pl.all() == ""
    for value in table.missing:
        gap = gap | (pl.all() == value)
    return rows.with_columns(pl.when(~gap).then(pl.all()).name.keep())
