"""The paper's buckets for numeric fields."""

import polars as pl


def bucket(number: pl.Expr) -> pl.Expr:
    """Return the bucket of each number as text: v > 2 gives floor(ln(v)^2), else v's whole part.

    As in the paper and its predecessors, 3 and 4 so fall into the bucket of 1. A missing number
    stays missing and infinity is a bucket of its own; NaN counts as missing.
    """
    number = number.cast(pl.Float64).fill_nan(None)
    squared = (number.log() ** 2).floor()
    return (
        pl.when(number.is_infinite())
        .then(number.cast(pl.String))
        .otherwise(
            pl.when(number > 2)
            .then(squared)
            .otherwise(number.floor())
            .cast(pl.Int64, strict=False)
            .cast(pl.String)
        )
    )
