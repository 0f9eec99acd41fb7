"""Which allocations a tabular benchmark trains: half drawn evenly, half by cardinality.

Evenly: each field's size is one of ``SIZES``, all equally likely. By cardinality: a field of ``n``
values has size ``d`` with a probability proportional to ``d ** -(log10(n) / 4)``, so that of 10
values 64 is .35 times as likely as 1, of 1,000 values .044 times, of 100,000 values .0055 times.
Both kinds are needed: where tables of large fields overfit, good allocations are rare among even
draws, and draws by cardinality alone would never see a large field wide. They take turns, even
draws first.

A tenth of them is trained with two seeds, for the noise: of each twenty the first and the twelfth,
one of either kind.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from aesbench.core.allocation import HasCardinality
from aesbench.core.settings import require_int
from aesbench.errors import AllocationError

SIZES = (1, 2, 4, 8, 16, 32, 64)
"""The candidates of every place, and its uniform sizes."""

SEEDS = (100, 101)
"""Of the trainings: all have the first, the noise comes from those that have both.

Apart from those of comparisons (0 to 9), of tuning (20 to 24) and of the headroom's retraining."""

KINDS = ("even", "by cardinality")
UNIFORM = "uniform"
RULE = "probability of size d for a field of n values: even 1/7, by cardinality ~ d^-(log10(n)/4)"

_TWICE = (0, 11)
"""Which of twenty have two seeds."""


@dataclass(frozen=True)
class Draw:
    """An allocation to train.

    Attributes:
        number: among the drawn ones; of uniform sizes the negative of the size.
        kind: how it was drawn, one of ``KINDS``, or ``UNIFORM``.
        sizes: of each field.
        seeds: of its trainings.
    """

    number: int
    kind: str
    sizes: tuple[int, ...]
    seeds: tuple[int, ...]


def draw_allocations(dataset: str, fields: Sequence[HasCardinality], count: int) -> list[Draw]:
    """Return the allocations of a data set's tabular benchmark: the uniform ones, then the drawn.

    Always the same ones, on every split and backbone: a longer list begins with the shorter one.

    Args:
        dataset: its name, which seeds the draws.
        fields: with their cardinalities.
        count: how many are drawn.

    Raises:
        AllocationError: there are fewer allocations than that.
    """
    require_int(count, "allocations", 2)
    existing = len(SIZES) ** len(fields) - len(SIZES)
    if 2 * count > existing:  # More than half of all would be drawn again and again.
        raise AllocationError(
            f"{len(fields)} fields with {len(SIZES)} sizes have {existing} allocations that are not"
            f" uniform, of which at most half are drawn; {count} were asked for"
        )
    uniform = [Draw(-size, UNIFORM, (size,) * len(fields), SEEDS) for size in SIZES]
    source = random.Random(f"tabular {dataset}")  # The same in every version of Python.
    seen = {one.sizes for one in uniform}
    drawn: list[Draw] = []
    while len(drawn) < count:
        number = len(drawn)
        kind = KINDS[number % len(KINDS)]
        sizes = tuple(_size(field.cardinality, kind, source.random()) for field in fields)
        if sizes in seen:
            continue
        seen.add(sizes)
        drawn.append(Draw(number, kind, sizes, SEEDS if number % 20 in _TWICE else SEEDS[:1]))
    return [*uniform, *drawn]


def _size(cardinality: int, kind: str, share: float) -> int:
    """Return the size at which the probabilities, summed from the smallest, pass a share of one."""
    exponent = 0.0 if kind == KINDS[0] else math.log10(cardinality) / 4
    weights = [size**-exponent for size in SIZES]
    left = share * sum(weights)
    for size, weight in zip(SIZES, weights, strict=True):
        left -= weight
        if left < 0:
            return size
    return SIZES[-1]
