"""The best allocations within a budget, by a surrogate.

What is summed over fields has an exact answer: for the fields from one on, the combinations that
none of no more parameters beats form a frontier, and a field's frontier comes from that of the
fields behind it. The next best ones are found by forbidding choices of the best (Lawler, "A
procedure for computing the K best solutions to discrete optimization problems", 1972). Where a
surrogate has interactions, the best of its sums are where a search begins that changes one or two
fields at a time while that helps; then nothing is promised.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray

from aesbench.tabular.surrogate import Array

Sizes = tuple[int, ...]

STARTS = 8
"""Allocations from which a search with interactions begins."""


@dataclass(frozen=True)
class _Frontier:
    """Combinations of the fields from one on that none of no more parameters beats.

    Attributes:
        parameters: ascending.
        values: of the combinations, ascending, too.
        choices: of the first of these fields, a place among the sizes.
        behind: the combination of the fields behind it, a place in their frontier.
    """

    parameters: NDArray[np.int64]
    values: Array
    choices: NDArray[np.int64]
    behind: NDArray[np.int64]

    def within(self, budget: int) -> int:
        """Return the place of the best combination of at most so many parameters; -1 for none."""
        return int(np.searchsorted(self.parameters, budget, side="right")) - 1


class SummedFront:
    """The best allocations where every field adds what its size is worth."""

    def __init__(self, cardinalities: Sequence[int], sizes: Sequence[int], values: Array) -> None:
        """Find the frontiers.

        Args:
            cardinalities: of the fields.
            sizes: to choose from, ascending.
            values: (fields, sizes), what each adds.
        """
        self._sizes, self._values = tuple(sizes), values
        self._costs = np.outer(cardinalities, sizes).astype(np.int64)  # (fields, sizes)
        empty = np.zeros(1, np.int64)
        self._frontiers = [_Frontier(empty, np.zeros(1), empty, empty)]
        for field in reversed(range(len(cardinalities))):
            self._frontiers.append(self._before(field, self._frontiers[-1]))
        self._frontiers.reverse()  # Now that of the fields from ``field`` on, and of none.

    def _before(self, field: int, behind: _Frontier) -> _Frontier:
        """Return the frontier of the fields from one on, from that of the fields behind it."""
        parameters = (self._costs[field][:, None] + behind.parameters[None, :]).ravel()
        values = (self._values[field][:, None] + behind.values[None, :]).ravel()
        order = np.lexsort((-values, parameters))
        ranked = values[order]
        is_best = np.r_[True, ranked[1:] > np.maximum.accumulate(ranked)[:-1]]
        kept = order[is_best]
        choices, places = np.divmod(kept, len(behind.parameters))
        return _Frontier(parameters[kept], values[kept], choices, places)

    def best(self, budget: int, count: int) -> list[Sizes]:
        """Return the best allocations of at most so many parameters, the best first.

        Fewer where there are no more.
        """
        waiting: list[tuple[float, tuple[int, ...], int, frozenset[int]]] = []

        def consider(prefix: tuple[int, ...], forbidden: frozenset[int]) -> None:
            """Note the best allocation that begins so and goes on with none of some choices."""
            found = self._complete(prefix, forbidden, budget)
            if found is not None:
                value = sum(self._values[field][choice] for field, choice in enumerate(found))
                heapq.heappush(waiting, (-float(value), found, len(prefix), forbidden))

        consider((), frozenset())
        best: list[Sizes] = []
        while waiting and len(best) < count:
            _, found, fixed, forbidden = heapq.heappop(waiting)
            best.append(tuple(self._sizes[choice] for choice in found))
            for field in range(fixed, len(found)):
                taken = frozenset([found[field]])
                consider(found[:field], forbidden | taken if field == fixed else taken)
        return best

    def _complete(
        self, prefix: tuple[int, ...], forbidden: frozenset[int], budget: int
    ) -> tuple[int, ...] | None:
        """Return the best choices that begin with a prefix; None where none fit."""
        field = len(prefix)
        left = budget - int(sum(self._costs[n][choice] for n, choice in enumerate(prefix)))
        behind = self._frontiers[field + 1]
        options = [
            (self._values[field][choice] + behind.values[place], choice, place)
            for choice in range(len(self._sizes))
            if choice not in forbidden
            and (place := behind.within(left - int(self._costs[field][choice]))) >= 0
        ]
        if not options:
            return None
        _, choice, place = max(options, key=lambda option: (option[0], -option[1]))
        choices = [*prefix, choice]
        for frontier in self._frontiers[field + 1 : -1]:
            choices.append(int(frontier.choices[place]))
            place = int(frontier.behind[place])
        return tuple(choices)


def climb(
    starts: Iterable[Sizes],
    cardinalities: Sequence[int],
    sizes: Sequence[int],
    budget: int,
    predict: Callable[[Array], Array],
) -> dict[Sizes, float]:
    """Return what a search from some allocations saw within a budget, {sizes: predicted score}.

    From each it takes the best change of one field, or a doubling of one with a halving of another,
    while there is a better one.
    """
    rows = np.array(cardinalities)
    seen: dict[Sizes, float] = {}
    moved = set[Sizes]()
    for start in starts:
        here = start
        while here not in moved:
            moved.add(here)
            near = [one for one in {here, *_neighbours(here, sizes)} if one not in seen]
            near = [one for one in near if int(rows @ np.array(one)) <= budget]
            if near:
                seen |= zip(near, map(float, predict(np.array(near, float))), strict=True)
            known = [one for one in {here, *_neighbours(here, sizes)} if one in seen]
            here = max(known, key=lambda one: (seen[one], one), default=here)
    return seen


def _neighbours(here: Sizes, sizes: Sequence[int]) -> Iterable[Sizes]:
    places = [sizes.index(size) for size in here]
    for field, size in product(range(len(here)), sizes):
        yield (*here[:field], size, *here[field + 1 :])
    for one, other in combinations(range(len(here)), 2):
        for up, down in ((one, other), (other, one)):
            if places[up] + 1 < len(sizes) and places[down] > 0:
                changed = list(here)
                changed[up], changed[down] = sizes[places[up] + 1], sizes[places[down] - 1]
                yield tuple(changed)
