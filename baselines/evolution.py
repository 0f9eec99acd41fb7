"""Regularised evolution: tournaments in a population from which the oldest goes.

Real, Aggarwal, Huang, Le, "Regularized Evolution for Image Classifier Architecture Search", AAAI
2019 (aging evolution, algorithm 1): of a random sample of the population the best is copied, the
copy is mutated, scored and added, and the oldest member goes, however good it is. A mutation here
gives one field another size. The paper's population of 100 and sample of 25 are made for 20,000
evaluations; ours are for some sixty to a thousand. A mutation that is over the parameter budget is
drawn again.
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass

from aesbench import Context
from aesbench.core.settings import require_int
from aesbench.plugins.scored_search import (
    Proposals,
    ScoredConfig,
    ScoredSearch,
    Sizes,
    draw_sizes,
)


@dataclass(frozen=True)
class EvolutionConfig(ScoredConfig):
    """The settings of evolution; ours.

    Attributes:
        population: the paper's P.
        sample: the paper's S, of the population.
    """

    population: int = 20
    sample: int = 5

    owner = "evolution"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_int(self.population, "evolution.population", 1)
        require_int(self.sample, "evolution.sample", 1)


class Evolution(ScoredSearch):
    """Aging evolution over the fields' sizes."""

    name = "evolution"
    title = "Evolution"
    Config = EvolutionConfig
    space = {"population": (10, 20, 50), "sample": (2, 5, 10)}

    def strategy(self, context: Context, seed: int) -> Proposals:
        """Yield a random population, then mutations of the best of samples.

        Raises:
            ConfigError: the budget is below the smallest allocation.
        """
        config: EvolutionConfig = self.config
        source = random.Random(seed)
        population: deque[tuple[float, Sizes]] = deque()
        while len(population) < config.population:
            sizes = draw_sizes(context, source)
            score = yield sizes
            if score is not None:
                population.append((score, sizes))
        while True:
            drawn = [
                population[int(source.random() * len(population))] for _ in range(config.sample)
            ]
            child = _mutated(max(drawn)[1], context.candidates, source)
            score = yield child
            if score is not None:
                population.append((score, child))
                population.popleft()


def _mutated(sizes: Sizes, candidates: tuple[int, ...], source: random.Random) -> Sizes:
    """Return the sizes with one field's changed for another candidate."""
    field = int(source.random() * len(sizes))
    others = [size for size in candidates if size != sizes[field]] or [sizes[field]]
    return (*sizes[:field], others[int(source.random() * len(others))], *sizes[field + 1 :])
