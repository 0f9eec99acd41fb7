"""Methods whose allocations carry masks, and one that forgets what their index costs."""

from dataclasses import dataclass

import numpy as np
import torch

from aesbench import Allocation, Method


@dataclass(frozen=True)
class MaskedConfig:
    """The share of the values that is kept, whether whole rows are, the size of the tables."""

    share: float = 0.5
    rows: bool = False
    size: int = 8


class Masked(Method):
    """Keeps random values of its tables, as many as the budget allows or a share of them."""

    name = "masked"
    title = "Masked at random"
    family = "control"
    trains = False
    honours_budget = True
    Config = MaskedConfig
    presets = {"rows": {"rows": True}}

    def search(self, context, prepared):
        share = self.config.share
        while True:
            found = self.draw(context, share)
            if context.budget is None or self.cost(found) <= context.budget:
                return found
            share *= 0.9

    def draw(self, context, share):
        """Keep each value, or row, with this probability, and of each field the first one."""
        keeps = []
        for field in context.fields:
            shape = (field.cardinality, 1 if self.config.rows else self.config.size)
            own = (torch.rand(shape, generator=context.generator) < share).numpy()
            own[0, 0] = True
            keeps.append(np.repeat(own, self.config.size // shape[1], axis=1))
        return Allocation.masked(context.fields, keeps)

    def cost(self, allocation):
        """What it takes the budget to count."""
        return allocation.memory_parameters


class Careless(Masked):
    """Takes a budget to count the kept values only."""

    name = "careless"
    title = "Careless"
    presets = {"quick": {"share": 1.0, "size": 32}}

    def cost(self, allocation):
        return allocation.parameters
