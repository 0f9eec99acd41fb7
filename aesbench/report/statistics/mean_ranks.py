"""Ranks of methods over data sets: means, how sure they are, and how many data sets would tell.

A seed at a place ranks the methods once. Ranks are averaged over the seeds of a place, over the
backbones of a data set, and then over data sets: these are what methods are to hold on, while
seeds and backbones of one data set repeat each other.

Demšar, "Statistical Comparisons of Classifiers over Multiple Data Sets", JMLR 7 (2006): Friedman's
test, and Nemenyi's critical difference of mean ranks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from aesbench.report.statistics.paired import ALPHA, POWER, holm, standardised, t_test
from aesbench.report.statistics.summary import summarise

RESAMPLES = 2000
LEAST_BLOCKS = 10
"""With fewer data sets Friedman's statistic is not distributed as chi-squared (Demšar, 3.2.2)."""
FEW_DATASETS = 5
"""A bootstrap of fewer values draws little but their range."""

_DIGITS = 10
"""Sums of the same ranks in another order are the same rank."""
_MOST_STEPS = 1000
"""Of so many data sets Student's t is normal to the digit."""

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class MeanRanks:
    """Mean ranks over data sets.

    Attributes:
        by_dataset: (data sets, methods), the mean rank on each data set; methods from the best mean
            rank to the worst.
        methods: by method, in that order: ``mean rank``, ``low``, ``high`` (95 % percentile
            bootstrap over data sets, and within them over the seeds of each place), ``behind``,
            ``behind: low``, ``behind: high`` (by how much the first is ahead, likewise), ``Holm p``
            (t-test of that difference over data sets, corrected over all pairs of methods) and
            ``data sets needed``; None where it is not known.
    """

    by_dataset: pd.DataFrame
    methods: pd.DataFrame

    @property
    def first(self) -> list[str]:
        """Who has the best mean rank."""
        means = self.methods["mean rank"]
        return list(means.index[means == means.iloc[0]])

    @property
    def behind(self) -> list[str]:
        """Who is behind the first beyond chance."""
        p = self.methods["Holm p"].astype(float)
        return list(p.index[p < ALPHA])


def mean_ranks(scores: pd.DataFrame, same: Mapping[str, str] | None = None) -> MeanRanks:
    """Rank methods seed by seed, and average over seeds, backbones and data sets.

    Args:
        scores: a row per seed, indexed by ``dataset``, ``backbone`` and ``seed``; a column per
            method, none missing; higher is better, equal scores share their mean rank.
        same: {data set: the one that it repeats under other conditions}; its places count as that
            one's.
    """
    ranks = scores.rank(axis=1, ascending=False)
    by_place = ranks.groupby(level=["dataset", "backbone"], sort=False).mean()
    by_dataset = by_place.groupby(_datasets(by_place, same), sort=False).mean()
    by_dataset.index.name = "dataset"
    means = by_dataset.mean().round(_DIGITS).sort_values(kind="stable")
    by_dataset = by_dataset[means.index]
    resamples = _resampled(ranks[means.index], same)
    apart = resamples - resamples[:, :1]
    gaps = by_dataset.sub(by_dataset.iloc[:, 0], axis=0)
    (low, high), (least, most) = (
        np.percentile(of, [2.5, 97.5], axis=0) for of in (resamples, apart)
    )
    frame = pd.DataFrame(
        {
            "mean rank": means,
            "low": low,
            "high": high,
            "behind": means - means.iloc[0],
            "behind: low": least,
            "behind: high": most,
        },
        index=means.index,
    )
    frame.iloc[0, 3:] = np.nan
    frame = frame.astype(object).where(frame.notna(), None)
    frame["Holm p"] = pd.Series(_p_values(by_dataset), means.index, dtype=object)
    needed = [None, *(datasets_needed(list(own)) for _, own in list(gaps.items())[1:])]
    frame["data sets needed"] = pd.Series(needed, means.index, dtype=object)
    return MeanRanks(by_dataset, frame)


def datasets_needed(differences: Sequence[float]) -> int | None:
    """Return on how many data sets a difference of the observed size would be found.

    By a two-sided t-test at ``ALPHA`` with a power of ``POWER``, if the mean and the standard
    deviation of the observed differences were the true ones: at least 2.

    Args:
        differences: of mean ranks, one per data set.

    Returns:
        None where no number would do, for a mean of 0, or where one data set has no spread.
    """
    found = summarise(differences)
    mean = round(abs(found.mean), _DIGITS)
    if found.std is None or not mean:
        return None
    # What Student's t comes to for many.
    quantiles = float(stats.norm.isf(ALPHA / 2) + stats.norm.ppf(POWER))
    count = max(2, math.ceil((quantiles * found.std / mean) ** 2))
    while count < _MOST_STEPS and found.std * standardised(count) > mean:
        count += 1
    return count


def friedman_nemenyi(scores: pd.DataFrame) -> tuple[float, float, pd.DataFrame]:
    """Test whether methods differ over data sets.

    Args:
        scores: a row per data set, a column per method; higher is better.

    Returns:
        p of Friedman's test that all are equal; Nemenyi's critical difference of two mean ranks at
        .05; and which pairs differ, ``(methods, methods)``.
    """
    from scikit_posthocs import posthoc_nemenyi_friedman

    values = scores.to_numpy()
    count, methods = values.shape
    is_tied = np.ptp(values, axis=1).max() == 0  # Everywhere, where the statistic is 0 / 0.
    p = 1.0 if is_tied else float(stats.friedmanchisquare(*values.T).pvalue)
    quantile = float(stats.studentized_range.ppf(1 - ALPHA, methods, np.inf)) / 2**0.5
    critical = quantile * (methods * (methods + 1) / (6 * count)) ** 0.5
    pairs = posthoc_nemenyi_friedman(values)
    apart = pd.DataFrame(pairs.to_numpy() < ALPHA, scores.columns, scores.columns)
    return p, critical, apart


def joined(apart: pd.DataFrame, order: Sequence[str]) -> list[tuple[int, int]]:
    """Return which methods cannot be told apart: first and last place in an order.

    Only groups of at least two neighbours, none apart from another, that no other group holds.
    """
    known = apart.loc[list(order), list(order)].to_numpy()
    found: list[tuple[int, int]] = []
    for first in range(len(order)):
        last = first
        while last + 1 < len(order) and not known[first : last + 1, last + 1].any():
            last += 1
        if last > first and (not found or last > found[-1][1]):
            found.append((first, last))
    return found


def _p_values(by_dataset: pd.DataFrame) -> list[float | None]:
    """Return the p of each method against the first one, corrected over all pairs of methods."""
    pairs = list(combinations(by_dataset, 2))
    differences = [(by_dataset[one] - by_dataset[other]).round(_DIGITS) for one, other in pairs]
    p = dict(zip(pairs, holm([t_test(list(own)) for own in differences]), strict=True))
    first, *others = by_dataset
    return [None, *(p[first, other] for other in others)]


def _datasets(frame: pd.DataFrame, same: Mapping[str, str] | None) -> list[str]:
    names = frame.index.get_level_values("dataset")
    return [(same or {}).get(name, name) for name in names]


def _resampled(ranks: pd.DataFrame, same: Mapping[str, str] | None) -> Array:
    """Return mean ranks of bootstrap samples: (resamples, methods).

    Data sets are drawn with replacement; for each that is drawn the seeds of each of its places
    are, anew. Seeded: the same ranks give the same bytes.
    """
    draw = np.random.Generator(np.random.PCG64(0))
    datasets = [
        [place.to_numpy() for _, place in own.groupby(level=["dataset", "backbone"], sort=False)]
        for _, own in ranks.groupby(_datasets(ranks, same), sort=False)
    ]
    chosen = draw.integers(len(datasets), size=(RESAMPLES, len(datasets)))
    total = np.zeros((RESAMPLES, ranks.shape[1]))
    for drawn in chosen.T:  # The first of each resample, the second, ...
        for number, places in enumerate(datasets):
            rows = np.flatnonzero(drawn == number)
            for own in places:
                seeds = draw.multinomial(len(own), np.full(len(own), 1 / len(own)), size=len(rows))
                # Counts times halves: exact, in whatever order they are summed.
                total[rows] += seeds @ own / (len(own) * len(places))
    return total / len(datasets)
