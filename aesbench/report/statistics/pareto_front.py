"""The Pareto front: what nothing else beats in both cost and gain."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def pareto_front(costs: ArrayLike, gains: ArrayLike) -> NDArray[np.bool_]:
    """Return which points are on the front: those that no other beats.

    A point is beaten by another that, over the seeds that both have, costs no more and gains no
    less on the mean, and is better in one of them. Equal points do not beat each other, nor do
    points without a seed in common.

    Args:
        costs: (seeds, points), NaN where a point lacks a seed.
        gains: likewise.

    Returns:
        (points,).
    """
    dearer, better = (_differences(np.asarray(values)) for values in (costs, gains))
    known = ~np.isnan(np.asarray(gains, dtype=np.float64))
    share_a_seed = (known[:, :, None] & known[:, None, :]).any(0)
    # By row the point that may be beaten, by column the one that may beat it.
    is_beaten = share_a_seed & (dearer >= 0) & (better <= 0) & ((dearer > 0) | (better < 0))
    return np.asarray(~is_beaten.any(1))


def _differences(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return row minus column, summed over the seeds of both: (points, points)."""
    return np.asarray(np.nansum(values[:, :, None] - values[:, None, :], axis=0))
