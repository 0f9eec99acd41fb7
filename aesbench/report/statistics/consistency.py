"""Whether a supernet ranks allocations as training them alone does: Kendall's tau and its limits.

Arrays in, numbers out. ``inherited`` is (supernets, allocations), ``alone`` (seeds, allocations);
their columns are the same allocations.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import asin, pi, sqrt

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1000
LEAST_ALLOCATIONS = 10
"""Fewer tell nothing of their own spread."""

Array = NDArray[np.float64]
Interval = tuple[float | None, float | None, float | None]
"""A mean and both ends."""


@dataclass(frozen=True, eq=False)
class Tau:
    """Kendall's tau-b with its uncertainty; what the sample cannot tell is None.

    Attributes:
        mean: over the supernets.
        low, high: its 95 % bootstrap interval over allocations, the supernets as they are.
        std: between supernets.
        allocations: how many were ranked.
        resamples: what the interval comes from, so that taus of the same allocations compare.
    """

    mean: float
    low: float | None
    high: float | None
    std: float | None
    allocations: int
    resamples: Array

    def __str__(self) -> str:
        interval = "" if self.low is None else f" [{self.low:.2f}, {self.high:.2f}]"
        return f"{self.mean:.2f}{interval}"


def rank_correlation(inherited: Array, truth: Array) -> Tau:
    """Return tau-b of each supernet's scores and the truth ``(allocations,)``."""
    count = len(truth)
    weights = np.vstack([np.ones(count), _resampled(count)])
    taus = np.stack([_weighted_tau(scores, truth, weights) for scores in inherited])
    each, resamples = taus[:, 0], taus[:, 1:].mean(0)
    std = float(each.std(ddof=1)) if len(each) > 1 else None
    return Tau(float(each.mean()), *_ends(resamples), std, count, resamples)


def difference(first: Tau | None, second: Tau | None) -> Interval:
    """Return the difference of two taus with its interval; None for what is not known."""
    if first is None or second is None:
        return None, None, None
    mean = first.mean - second.mean
    if first.allocations != second.allocations:  # Their resamples are not paired.
        return mean, None, None
    return mean, *_ends(first.resamples - second.resamples)


def seed_ceiling(alone: Array) -> Tau | None:
    """Return tau between the means of two disjoint halves of the seeds.

    It is how far the stand-alone scores agree with themselves: what a supernet is measured by.

    Returns:
        None for a single seed, or fewer than two allocations.
    """
    if min(alone.shape) < 2:
        return None
    halves = np.stack([alone[::2].mean(0), alone[1::2].mean(0)])
    return rank_correlation(halves[:1], halves[1])


def perfect_tau(alone: Array) -> float | None:
    """Return the tau that the true ranking would have with the mean over all seeds.

    The correlation r of single seeds, averaged over pairs, gives their mean over k seeds the
    reliability k r / (1 + (k - 1) r) (Spearman and Brown), whose root is its correlation with the
    truth. For normal scores a correlation of c is a tau of 2 / pi * arcsin c.

    Returns:
        None for a single seed or allocation, or where seeds do not agree at all.
    """
    if min(alone.shape) < 2 or np.ptp(alone, axis=1).min() == 0:
        return None
    above = np.triu_indices(len(alone), k=1)
    r = float(np.atleast_2d(np.corrcoef(alone))[above].mean())
    if r <= 0:
        return None
    count = len(alone)
    reliability: float = count * r / (1 + (count - 1) * r)
    return 2 / pi * asin(min(1.0, sqrt(reliability)))


def _ends(resamples: Array) -> tuple[float | None, float | None]:
    if not len(resamples):
        return None, None
    low, high = np.percentile(resamples, [2.5, 97.5])
    return float(low), float(high)


@cache
def _resampled(count: int) -> Array:
    """Return how often each resample holds each allocation, ``(resamples, allocations)``.

    Seeded: equal numbers of allocations have equal resamples, which pairs them.
    """
    if count < LEAST_ALLOCATIONS:
        return np.empty((0, count))
    draw = np.random.Generator(np.random.PCG64(0))
    return draw.multinomial(count, np.full(count, 1 / count), size=RESAMPLES).astype(np.float64)


def _weighted_tau(first: Array, second: Array, weights: Array) -> Array:
    """Return tau-b with each allocation counted ``weights (resamples, allocations)`` times.

    An allocation and its copy are tied in both and count in no pair.
    """
    one, other = (np.sign(scores[:, None] - scores[None, :]) for scores in (first, second))

    def pairs(matrix: Array) -> Array:
        return np.asarray(((weights @ matrix) * weights).sum(1))

    untied = np.sqrt(pairs(np.square(one)) * pairs(np.square(other)))
    agreeing = pairs(one * other)
    return np.divide(agreeing, untied, out=np.zeros_like(agreeing), where=untied > 0)
