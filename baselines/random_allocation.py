"""Random sizes: what a search must beat to have found anything.

A control, not a method of the literature: one candidate per field, drawn uniformly, and with a
budget an allocation that uses it nearly whole. Compared at equal parameters it tells how much of a
method's result is the choice of sizes, and how much is their number (Li & Talwalkar, "Random Search
and Reproducibility for Neural Architecture Search", UAI 2019). It trains nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from aesbench import Allocation, Context, Method
from aesbench.core.settings import require, require_int
from aesbench.errors import ConfigError


@dataclass(frozen=True)
class RandomConfig:
    """The settings of random sizes.

    Attributes:
        slack: how much of a budget may be left unused, as a share.
        draws: allocations to draw in search of one that uses the budget so.
    """

    slack: float = 0.02
    draws: int = 100_000

    def __post_init__(self) -> None:
        require(0 <= self.slack < 1, "random.slack", self.slack, "from 0 below 1")
        require_int(self.draws, "random.draws", 1)


class RandomAllocation(Method):
    """One candidate per field at random, within the budget if there is one."""

    name = "random"
    title = "Random sizes"
    family = "control"
    trains = False
    Config = RandomConfig
    supports_histories = True
    honours_budget = True
    drops_fields = True

    def search(self, context: Context, prepared: None) -> Allocation:
        """Return the first draw that uses the budget but for its slack, else the fullest within it.

        Where no draw is small enough, it is the smallest allocation.

        Raises:
            ConfigError: the budget is below the smallest allocation.
        """
        config: RandomConfig = self.config
        # One will do where a draw can neither be over a budget nor leave every field out.
        count = 1 if context.budget is None and context.candidates[0] else config.draws
        shape = (count, len(context.fields))
        drawn = torch.randint(len(context.candidates), shape, generator=context.generator)
        dims = torch.tensor(context.candidates)[drawn]  # (draws, fields)
        rows = torch.tensor([field.cardinality for field in context.fields])
        parameters = dims @ rows  # (draws,)
        within = parameters > 0
        if context.budget is not None:
            within &= parameters <= context.budget
        if not within.any():
            return _smallest(context)
        budget = context.budget or 0
        used = within & (parameters >= (1 - config.slack) * budget)
        if used.any():
            chosen = int(used.nonzero()[0])
        else:
            chosen = int(torch.where(within, parameters, -1).argmax())
        return Allocation.field_wise(context.fields, dims[chosen].tolist())


def _smallest(context: Context) -> Allocation:
    """Return the smallest allocation; where 0 is a candidate, of the field of the fewest values.

    Raises:
        ConfigError: the budget is below it.
    """
    rows = [field.cardinality for field in context.fields]
    dims = [context.candidates[0]] * len(rows)
    if not dims[0]:
        dims[rows.index(min(rows))] = context.candidates[1]
    smallest = Allocation.field_wise(context.fields, dims)
    if context.budget is not None and smallest.parameters > context.budget:
        raise ConfigError(
            f"budget = {context.budget} embedding parameters: the smallest allocation of the"
            f" candidates takes {smallest.parameters}; raise --budget"
        )
    return smallest
