"""How far repeated searches agree: arrays of sizes ``(searches, fields)`` in, numbers out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Sizes = NDArray[np.int64]
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Agreement:
    """The chance that two searches give a field the same size, over all fields and pairs.

    Attributes:
        mean: of the pairs at hand, which is unbiased; None for a single search.
        low, high: its 95 % interval; None for fewer than three searches.
    """

    mean: float | None
    low: float | None
    high: float | None


def size_shares(sizes: Sizes, candidates: Sequence[int]) -> Array:
    """Return ``(fields, candidates)``: the share of searches that gave each field each size."""
    return np.stack([(sizes == size).mean(0) for size in candidates], axis=1)


def entropies(shares: Array) -> Array:
    """Return the entropy in bits of each field's sizes: 0 if all searches agree."""
    logs = np.log2(shares, out=np.zeros_like(shares), where=shares > 0)
    bits: Array = np.abs((shares * logs).sum(1))  # No term is above 0; abs spares a -0.
    return bits


def pairwise_agreement(sizes: Sizes) -> Agreement:
    """Return how far searches agree, with an interval by the jackknife over searches.

    A bootstrap would draw a search twice and call it agreement. Student's distribution, cut off
    at 0 and 1.
    """
    count = len(sizes)
    if count < 2:
        return Agreement(None, None, None)
    same = (sizes[:, None, :] == sizes[None, :, :]).mean(2)  # (searches, searches)
    own = same.sum(1) - 1  # Without the search itself.
    mean = float(own.sum() / (count * (count - 1)))
    if count < 3:
        return Agreement(mean, None, None)
    without = (own.sum() - 2 * own) / ((count - 1) * (count - 2))
    error = float(np.sqrt((count - 1) / count * np.square(without - without.mean()).sum()))
    half = float(stats.t.ppf(0.975, count - 1)) * error
    return Agreement(mean, max(0.0, mean - half), min(1.0, mean + half))
