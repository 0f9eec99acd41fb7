"""Whether methods differ over several data sets: Friedman's test and Nemenyi's critical difference.

Demšar, "Statistical Comparisons of Classifiers over Multiple Data Sets", JMLR 7 (2006). Ours, since
scikit-posthocs brings statsmodels and seaborn for what scipy nearly has.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

LEAST_METHODS = 3
LEAST_BLOCKS = 2


@dataclass(frozen=True)
class Ranking:
    """Methods ranked in blocks, a data set and backbone each.

    Attributes:
        ranks: mean rank of each method, 1 the best; ties share theirs.
        p: of Friedman's test that all methods are equal.
        critical: the least difference of two mean ranks that is significant at .05 (Nemenyi).
    """

    ranks: tuple[float, ...]
    p: float
    critical: float

    def groups(self) -> list[tuple[int, int]]:
        """Return which methods cannot be told apart: first and last place in order of rank.

        Only groups of at least two that no other holds.
        """
        ordered = sorted(self.ranks)
        found: list[tuple[int, int]] = []
        for first, rank in enumerate(ordered):
            last = max(i for i, other in enumerate(ordered) if other - rank < self.critical)
            if last > first and (not found or last > found[-1][1]):
                found.append((first, last))
        return found


def rank_methods(scores: NDArray[np.float64]) -> Ranking:
    """Return the ranking by ``scores (blocks, methods)``, higher being better."""
    blocks, methods = scores.shape
    ranks = stats.rankdata(-scores, axis=1).mean(0)
    if np.ptp(scores, axis=1).max() == 0:  # All tied everywhere, where the statistic is 0 / 0.
        p = 1.0
    else:
        p = float(stats.friedmanchisquare(*scores.T).pvalue)
    quantile = float(stats.studentized_range.ppf(0.95, methods, np.inf)) / 2**0.5
    critical = quantile * (methods * (methods + 1) / (6 * blocks)) ** 0.5
    return Ranking(tuple(map(float, ranks)), p, critical)
