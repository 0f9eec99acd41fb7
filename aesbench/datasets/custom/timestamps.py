"""Calendar parts of a timestamp, as text. Everything is UTC.

The paper turns a timestamp into weekday ("indicating whether it is for weekend or not") and hour
in day: here ``weekend`` (2 values) and ``hour`` (24 values).
"""

from collections.abc import Callable

import polars as pl


def _weekend(moment: pl.Expr) -> pl.Expr:
    saturday_on = moment.dt.weekday() >= 6
    return pl.when(saturday_on).then(pl.lit("weekend")).when(~saturday_on).then(pl.lit("weekday"))


PARTS: dict[str, Callable[[pl.Expr], pl.Expr]] = {
    "hour": lambda moment: moment.dt.hour().cast(pl.String),
    "weekday": lambda moment: moment.dt.weekday().cast(pl.String),
    "weekend": _weekend,
    "day": lambda moment: moment.dt.date().cast(pl.String),
}
"""{kind: expression of a datetime}; ``weekday`` counts from Monday, 1. A missing time stays so."""
