"""Reading the files of a custom data set lazily, and saying what is wrong with them.

Text is read as text: 007 stays 007. polars pads lines that are too short with missing values and
names no line when it fails, so a file is read line by line, which is slow, once something is off.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from aesbench.datasets.custom_config import Table
from aesbench.datasets.delimited import read_delimited, read_text
from aesbench.errors import ConfigError, DataError

_COMPRESSED = (".gz", ".zst")
_SEPARATORS = {".csv": ",", ".tsv": "\t"}


def scan(table: Table, names: Sequence[str], files: Mapping[str, Path]) -> pl.LazyFrame:
    """Return the rows of the named files one after the other, text columns as text.

    Raises:
        ConfigError: a file's format cannot be told.
        DataError: a file is damaged, or the files have different columns.
    """
    frames = [_scan_file(table, files[name]) for name in names]
    columns = [_columns(frame, name) for frame, name in zip(frames, names, strict=True)]
    for name, found in zip(names, columns, strict=True):
        if found != columns[0]:
            raise DataError(
                f"{names[0]} has the columns {', '.join(columns[0])}, but {name} has"
                f" {', '.join(found)}; files that are read together must agree"
            )
    return pl.concat(frames)


def check_lines(table: Table, names: Sequence[str], files: Mapping[str, Path]) -> None:
    """Check that no line is too short, reading line by line only where one may be.

    Raises:
        DataError: a line has another number of columns; the message names file and line.
    """
    for name in names:
        separator = _separator(table, files[name])
        if len(separator) != 1:
            continue
        frame = _scan_file(table, files[name])
        last = frame.collect_schema().names()[-1]
        gaps = frame.select(pl.col(last).null_count()).collect(engine="streaming").item()
        if gaps:
            inspect(table, [name], files)


def inspect(table: Table, names: Sequence[str], files: Mapping[str, Path]) -> None:
    """Read text files line by line.

    Raises:
        DataError: a line is in another encoding or has another number of columns; the message
            names file and line.
    """
    for name in names:
        path = files[name]
        separator = _separator(table, path)
        # zstd has no reader in older Pythons' standard library: polars' own words must do.
        if len(separator) != 1 or path.suffix == ".zst":
            continue
        opened = gzip.open if path.suffix == ".gz" else open
        number = 1
        try:
            with opened(path, "rt", encoding=table.encoding, newline="") as file:
                reader = csv.reader(file, delimiter=separator)
                expected = len(table.columns)
                for row in reader:
                    expected = expected or len(row)
                    # polars takes a blank line for a row of missing values or skips it.
                    if row and len(row) != expected:
                        raise DataError(
                            f"{path}:{number}: expected {expected} columns separated by"
                            f" {separator!r}, got {len(row)}: {separator.join(row)[:80]!r};"
                            " mend the line, or fetch the file again if it was cut short"
                        )
                    number = reader.line_num + 1
        except UnicodeDecodeError as error:
            number = _undecodable_line(path, table.encoding)
            raise DataError(
                f"{path}:{number}: byte 0x{error.object[error.start]:02x} is not"
                f" {table.encoding}; save the file as {table.encoding} or name its encoding:"
                ' encoding = "latin-1"'
            ) from error
        except (EOFError, OSError, csv.Error) as error:
            raise DataError(f"{path}:{number}: {error}; fetch the file again") from error


def _undecodable_line(path: Path, encoding: str) -> int:
    with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as file:
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
        raise DataError(f"cannot read {name}: {error}; check that it is what its name says") from (
            error
        )


def _separator(table: Table, path: Path) -> str:
    """Return the separator of a text file, or nothing for parquet."""
    stem = path.with_suffix("") if path.suffix in _COMPRESSED else path
    if stem.suffix == ".parquet":
        return ""
    separator = table.separator or _SEPARATORS.get(stem.suffix)
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
        frame = read_delimited(path, schema, separator, encoding=table.encoding)
        gaps = ["", *table.missing]
        return frame.lazy().with_columns(pl.when(~pl.all().is_in(gaps)).then(pl.all()).name.keep())
    source: Path | bytes = path
    if table.encoding.lower().replace("_", "-") not in ("utf-8", "utf8", "ascii"):
        if path.suffix in _COMPRESSED:
            raise ConfigError(
                f"'{path.name}' is compressed and in {table.encoding}; unpack it or save it as"
                " utf-8"
            )
        source = read_text(path, table.encoding).encode()
    return pl.scan_csv(
        source,
        separator=separator,
        has_header=not schema,
        schema=schema or None,
        infer_schema=False,
        null_values=list(table.missing) or None,
    )
