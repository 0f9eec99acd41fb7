"""Holm's correction of p-values for the size of their family.

Holm, "A simple sequentially rejective multiple test procedure", Scand. J. Statist. 6 (1979). Ours,
since of our dependencies scipy corrects the false discovery rate only, which is another promise,
and ten lines are no reason to depend on statsmodels.
"""

from __future__ import annotations

from collections.abc import Sequence


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Return adjusted p-values, at their places; what is None is not part of the family.

    The chance that any of the family's adjusted p-values falls below alpha, when none of its
    differences is real, is at most alpha, however the tests depend on each other.
    """
    known = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (p, place) in enumerate(known):
        largest = max(largest, min(1.0, (len(known) - rank) * p))
        adjusted[place] = largest
    return adjusted
