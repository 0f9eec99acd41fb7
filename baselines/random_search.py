"""Random search: the best of random allocations, each trained alone.

Bergstra & Bengio, "Random Search for Hyper-Parameter Optimization", JMLR 13 (2012); Li & Talwalkar,
"Random Search and Reproducibility for Neural Architecture Search", UAI 2019. Whatever searches must
beat it at as many evaluations. With a parameter budget fields draw in random order, each among the
candidates that leave room for the others, so that no draw is in vain; that is not uniform over the
allocations within the budget: the fields that draw first get more of it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from aesbench import Context
from aesbench.plugins.scored_search import Proposals, ScoredConfig, ScoredSearch, draw_sizes


@dataclass(frozen=True)
class RandomSearchConfig(ScoredConfig):
    """The settings of random search: those of all searches by scores."""

    owner = "random-search"


class RandomSearch(ScoredSearch):
    """The best of random allocations."""

    name = "random-search"
    title = "Random search"
    Config = RandomSearchConfig

    def strategy(self, context: Context, seed: int) -> Proposals:
        """Yield one random allocation after the other."""
        source = random.Random(seed)
        while True:
            yield draw_sizes(context, source)
