"""Greedy search: one field after the other takes the size that scores best, the others fixed.

Coordinate ascent, the simplest search that uses what it sees. It begins with the largest uniform
size within the budget, without one with the middle candidate. The fields come by their cardinality,
the largest first, so that the first to shrink free the most of a budget. Sweeps go on until none
changes a size: then no single change helps.
"""

from __future__ import annotations

from dataclasses import dataclass

from aesbench import Context
from aesbench.plugins.scored_search import (
    Proposals,
    ScoredConfig,
    ScoredSearch,
    largest_uniform,
)


@dataclass(frozen=True)
class GreedyConfig(ScoredConfig):
    """The settings of greedy search: those of all searches by scores."""

    owner = "greedy"


class Greedy(ScoredSearch):
    """Coordinate ascent over the fields."""

    name = "greedy"
    title = "Greedy search"
    Config = GreedyConfig

    def strategy(self, context: Context, seed: int) -> Proposals:
        """Yield the changes of one field at a time.

        Raises:
            ConfigError: the budget is below the smallest allocation.
        """
        sizes = context.candidates
        start = sizes[len(sizes) // 2] if context.budget is None else largest_uniform(context)
        here = (start,) * len(context.fields)
        best = yield here  # None where the budget leaves no other uniform size than 0.
        rows = [field.cardinality for field in context.fields]
        order = sorted(range(len(rows)), key=lambda field: -rows[field])
        improved = True
        while improved:
            improved = False
            for field in order:
                for size in sizes:
                    if size == here[field]:
                        continue
                    changed = (*here[:field], size, *here[field + 1 :])
                    score = yield changed
                    if score is not None and (best is None or score > best):
                        here, best, improved = changed, score, True
