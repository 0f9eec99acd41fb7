"""How well a column alone tells the label, and whether it is known only afterwards.

A column that tells nearly all is the label in disguise, or was written down once the outcome was
known. Two scores are learned on one half of the sample's rows and judged by their AUC on the other:
the rate of positives among the rows with the same value, smoothed by ten rows at the overall rate,
and, of a number or a time, the number itself in the direction that the first half shows.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from aesbench.core.metrics import auc
from aesbench.datasets.sketch.columns import Column

SEED = 0
LEAK = 0.95
SUSPECT = 0.85
_PRIOR_ROWS = 10
_LEAST_ROWS = 40
_LEAST_OF_A_CLASS = 5
_SAME_GAPS = 0.95
_MOST_GAPS = 0.5
_LEAST_GAPS = 10


def alone(columns: Mapping[str, Column], labels: pl.Series) -> dict[str, float]:
    """Return {column: its AUC alone}; nothing where too few rows have a label.

    Args:
        columns: those to judge.
        labels: 0, 1 or missing, of each row of the sample.
    """
    known = labels.is_not_null().to_numpy()
    truth = labels.drop_nulls().to_numpy().astype(np.float64)
    learn = np.random.default_rng(SEED).random(len(truth)) < 0.5
    halves = (truth[learn], truth[~learn])
    if len(truth) < _LEAST_ROWS or any(
        min(half.sum(), len(half) - half.sum()) < _LEAST_OF_A_CLASS for half in halves
    ):
        return {}
    found = {}
    for name, column in columns.items():
        values = column.sample.filter(pl.Series(known))
        scores = [_rates(values, truth, learn)]
        number = _number(column)
        if number is not None:
            scores.append(_directed(number.filter(pl.Series(known)), truth, learn))
        found[name] = max(auc(halves[1], score) for score in scores)
    return found


def _rates(
    values: pl.Series, truth: NDArray[np.float64], learn: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return the smoothed rates of the rows that are not learned from."""
    frame = pl.DataFrame({"value": values, "truth": truth})
    overall = float(truth[learn].mean())
    rate = (pl.col("truth").sum() + _PRIOR_ROWS * overall) / (pl.len() + _PRIOR_ROWS)
    table = frame.filter(pl.Series(learn)).group_by("value").agg(rate.alias("rate"))
    scored = frame.filter(pl.Series(~learn)).join(
        table, on="value", how="left", nulls_equal=True, maintain_order="left"
    )
    return scored["rate"].fill_null(overall).to_numpy()


def _number(column: Column) -> pl.Series | None:
    if column.times is not None:
        return column.moments(column.times).cast(pl.Int64).cast(pl.Float64)
    return column.numbers


def _directed(
    numbers: pl.Series, truth: NDArray[np.float64], learn: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return the numbers of the rows that are not learned from, or their negatives."""
    middle = numbers.filter(pl.Series(learn)).median()
    finite = numbers.fill_null(middle).fill_null(0.0).to_numpy()
    finite = np.nan_to_num(finite)
    sign = 1.0 if auc(truth[learn], finite[learn]) >= 0.5 else -1.0
    scores: NDArray[np.float64] = sign * finite[~learn]
    return scores


def afterwards(columns: Mapping[str, Column], labels: pl.Series) -> dict[str, str]:
    """Return {column: why it seems to be known only once the label is}.

    Such a column is missing where the label is and hardly anywhere else.
    """
    without = labels.is_null()
    gaps = int(without.sum())
    found = {}
    if gaps < _LEAST_GAPS:
        return {}
    for name, column in columns.items():
        empty = column.sample.is_null()
        both, own = int((empty & without).sum()), int(empty.sum())
        if own and both >= _SAME_GAPS * own and both >= _MOST_GAPS * gaps:
            found[name] = (
                f"known only afterwards: {both / own:.0%} of the rows without it lack the label,"
                f" and {both / gaps:.0%} of those without a label lack it"
            )
    return found
