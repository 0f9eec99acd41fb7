"""Three million flights in the United States, January to June 2001: more than 15 minutes late?

``flights-3m.parquet`` of vega-datasets: a random sample of the on-time data of the US Bureau of
Transportation Statistics, in time order, with ``date``, ``delay`` (of the arrival, in minutes),
``distance``, ``origin`` and ``destination``. ``date`` is the actual departure, to the minute: the
script that made the file adds the delay of the departure to the schedule. So hour and minute tell
part of the delay (``docs/flights-3m.md`` shows how much), and only its day is used. A flight that
was due before midnight and left after it lies on the next day; it cannot be told from others there.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from aesbench.datasets.download import download_file, existing_files
from aesbench.datasets.encode import LABEL, FieldSpec, encode
from aesbench.datasets.source import Source
from aesbench.datasets.sources.flights import FlightsConfig
from aesbench.datasets.splits import GROUP
from aesbench.datasets.writer import DatasetWriter
from aesbench.errors import DataError

FOLDER = "flights-3m"
FILES = {"flights": "flights-3m.parquet"}
URL = "https://cdn.jsdelivr.net/npm/vega-datasets@3.2.1/data/flights-3m.parquet"
SHA256 = "dbeb920c90f59b6ccaff823dcc3d08f25a97fa1ce128d93f40be4e931f5900b0"

LATE_ABOVE = 15
"""Minutes."""

COLUMNS = {
    "date": pl.Datetime,
    "delay": pl.Int64,
    "distance": pl.Int64,
    "origin": pl.String,
    "destination": pl.String,
}
FIELDS = {
    "day": pl.col("date").dt.date(),
    "weekday": pl.col("date").dt.weekday(),  # From Monday, 1.
    "origin": pl.col("origin"),
    "destination": pl.col("destination"),
    "route": pl.concat_str("origin", pl.lit("-"), "destination"),
    "distance": pl.col("distance"),
}
"""{field: how it is made of the columns}."""


class Flights3M(Source):
    """Flights of 2001 in the United States, six fields."""

    name = "flights-3m"
    title = "Flights-3M"
    Config = FlightsConfig
    config: FlightsConfig

    def files(self, data_dir: Path | None, cache: Path) -> Mapping[str, Path]:
        """Find the file of vega-datasets, or download it."""
        if data_dir is None:
            name, checksum = FILES["flights"], f"sha256:{SHA256}"
            return {"flights": download_file(name, FOLDER, URL, checksum, cache)}
        return existing_files(FOLDER, data_dir, URL, FILES)

    def build(self, files: Mapping[str, Path], writer: DatasetWriter) -> None:
        """Check, derive and encode the rows."""
        config = self.config
        encode(
            checked(files["flights"])
            .gather_every(config.every)
            .select(
                *(made.alias(name) for name, made in FIELDS.items()),
                (pl.col("delay") > LATE_ABOVE).cast(pl.UInt8).alias(LABEL),
                pl.col("date").dt.date().to_physical().alias(GROUP),
            ),
            [FieldSpec(name) for name in FIELDS],
            config.rule,
            writer,
            min_count=config.min_count,
        )


def checked(path: Path) -> pl.LazyFrame:
    """Return the rows of the file, unread, ``COLUMNS`` in time order.

    Raises:
        DataError: it cannot be read, lacks a column, or a row lacks a value or is out of order.
    """
    try:
        rows = pl.scan_parquet(path)
        schema = rows.collect_schema()
        for name, dtype in COLUMNS.items():
            found = schema.get(name, "no such column")
            if found != dtype:
                raise DataError(
                    f"{path}: column '{name}' must be {dtype.__name__}, got {found}; the columns"
                    f" are {', '.join(schema)}: fetch the file again"
                )
            column = rows.select(name).collect()[name]
            if column.is_empty():
                raise DataError(f"{path}: there are no rows; fetch the file again")
            wrong, what = column.is_null(), "is missing"
            if name == "date" and not wrong.any():
                wrong, what = column.to_physical().diff() < 0, "is before that of the row above"
            if wrong.any():
                raise DataError(
                    f"{path}: row {wrong.arg_true()[0] + 1}: '{name}' {what}; fetch the file again"
                )
    except (OSError, pl.exceptions.PolarsError) as error:
        said = str(error).partition("\n")[0]
        raise DataError(f"cannot read {path} as parquet: {said}; fetch it again") from error
    return rows.select(*COLUMNS)
