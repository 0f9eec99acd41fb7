"""The Pareto front: what nothing else beats in both cost and gain."""

from __future__ import annotations

from collections.abc import Sequence


def pareto_front(costs: Sequence[float], gains: Sequence[float]) -> list[int]:
    """Return the places of the points on the front, cheapest first.

    A point is on it unless another costs no more and gains no less, and is better in one of them;
    of equal points the first is.
    """
    order = sorted(range(len(costs)), key=lambda i: (costs[i], -gains[i], i))
    front: list[int] = []
    for place in order:
        if not front or gains[place] > gains[front[-1]]:
            front.append(place)
    return front
