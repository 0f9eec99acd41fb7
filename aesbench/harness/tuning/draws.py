"""Which settings a study tries next: as Optuna's TPE proposes, and never what was tried."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import TPESampler
from optuna.trial import FrozenTrial

from aesbench.core.search_space import Range, Space

ATTEMPTS = 20
"""How often TPE is asked for settings that were not tried, before any of these are taken."""


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """Return what Optuna calls a space."""
    return {name: _distribution(values) for name, values in space.items()}


def count_settings(space: Space) -> int | None:
    """Return how many sets of settings a space holds; None if they are without number."""
    counts = [_count(values) for values in space.values()]
    return None if None in counts else prod(count for count in counts if count is not None)


def draw(
    space: Space,
    told: Sequence[FrozenTrial],
    tried: Sequence[dict[str, Any]],
    seed: Callable[[int], int],
) -> dict[str, Any] | None:
    """Return settings that were not tried, or None if there are no others.

    TPE is asked, with another seed as long as it repeats; then one of the settings that are left is
    taken, each as likely as another. Neither Optuna's grid nor its exhaustive sampler does: both
    take a trial that was interrupted for one that is done.

    Args:
        space: what may be drawn.
        told: the trials whose results TPE may learn from.
        tried: settings that shall not be drawn.
        seed: of each attempt, by its number.
    """
    size = count_settings(space)
    ranks = sorted({_rank(space, settings) for settings in tried}) if size is not None else []
    if len(ranks) == size:
        return None
    # A study of its own, since what it is asked for enters a study whether it is used or not.
    study = optuna.create_study(direction="maximize")
    study.add_trials(told)
    for attempt in range(ATTEMPTS):
        study.sampler = TPESampler(seed=seed(attempt) % 2**32)
        settings = study.ask(distributions(space)).params
        if settings not in tried:
            return settings
    if size is None:
        return None  # A range so narrow that its numbers repeat.
    rank = random.Random(seed(ATTEMPTS)).randrange(size - len(ranks))
    for other in ranks:
        rank += rank >= other
    return _settings_at(space, rank)


def _distribution(values: Sequence[Any] | Range) -> BaseDistribution:
    if not isinstance(values, Range):
        return CategoricalDistribution(list(values))
    if values.whole:
        return IntDistribution(int(values.low), int(values.high), log=values.log)
    return FloatDistribution(values.low, values.high, log=values.log)


def _count(values: Sequence[Any] | Range) -> int | None:
    if not isinstance(values, Range):
        return len(values)
    return int(values.high - values.low) + 1 if values.whole else None


def _rank(space: Space, settings: dict[str, Any]) -> int:
    """Return the place of settings among all of a space without real numbers, from 0."""
    rank = 0
    for name, values in space.items():
        value = settings[name]
        place = value - values.low if isinstance(values, Range) else list(values).index(value)
        rank = rank * (_count(values) or 1) + int(place)
    return rank


def _settings_at(space: Space, rank: int) -> dict[str, Any]:
    """Return the settings of a rank."""
    found = {}
    for name, values in reversed(list(space.items())):
        rank, place = divmod(rank, _count(values) or 1)
        found[name] = int(values.low) + place if isinstance(values, Range) else values[place]
    return {name: found[name] for name in space}
