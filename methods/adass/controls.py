"""Searches without a policy, on the same supernet, objective and budget of evaluations.

They say what the RL search adds: the objective is nearly a sum over fields, which the simplest
search climbs as well.
"""

from __future__ import annotations

import torch

from aesbench import Context
from aesbench_methods.adass.config import AdaSSConfig
from aesbench_methods.adass.objective import Objective
from aesbench_methods.adass.space import Sizes

POPULATION, ELITE = 20, 5
MUTATION_RATE = 0.1
"""Of each field's size; the usual settings of one-shot searches (Guo et al., 2020)."""


def greedy(objective: Objective, config: AdaSSConfig, context: Context) -> Sizes:
    """Climb one field at a time, in a fresh random order per sweep, until no change helps."""
    current = objective.random()
    fields = len(current)
    improved = True
    while improved and not objective.exhausted:
        improved = False
        for field in torch.randperm(fields, generator=context.generator).tolist():
            options = [
                objective.space.nearest((*current[:field], size, *current[field + 1 :]))
                for size in range(len(objective.space.candidates))
            ]
            best = max(options, key=objective.value)
            if objective.value(best) > objective.value(current):
                current, improved = best, True
            _tell(objective, config, context)
            if objective.exhausted:
                break
    return current


def random(objective: Objective, config: AdaSSConfig, context: Context) -> Sizes:
    """Return the best of random allocations."""
    # A small space may hold fewer allocations than the search may score.
    for _ in range(10 * config.evaluations):
        objective.value(objective.random())
        _tell(objective, config, context)
        if objective.exhausted:
            break
    return objective.best()


def evolution(objective: Objective, config: AdaSSConfig, context: Context) -> Sizes:
    """Return the best of an evolution: an elite, its crossovers and its mutations."""
    generator = context.generator
    population = [objective.random() for _ in range(POPULATION)]
    for _ in range(10 * config.evaluations // POPULATION):
        ranked = sorted(dict.fromkeys(population), key=objective.value, reverse=True)
        _tell(objective, config, context)
        if objective.exhausted:
            break
        elite = ranked[:ELITE]
        population = list(elite)
        while len(population) < POPULATION:
            first, second = (
                elite[int(torch.randint(len(elite), (), generator=generator))] for _ in range(2)
            )
            mask = torch.rand(len(first), generator=generator) < 0.5
            child = [a if own else b for a, b, own in zip(first, second, mask, strict=True)]
            mutated = torch.rand(len(first), generator=generator) < MUTATION_RATE
            drawn = torch.randint(
                len(objective.space.candidates), (len(first),), generator=generator
            )
            sizes = torch.where(mutated, drawn, torch.tensor(child))
            population.append(objective.space.nearest(tuple(sizes.tolist())))
    return objective.best()


def _tell(objective: Objective, config: AdaSSConfig, context: Context) -> None:
    done = min(len(objective.seen), config.evaluations)
    context.progress("subnet", done, config.evaluations)
