"""The search space: one candidate size per field, within a budget of parameters if there is one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from aesbench import Allocation, Field
from aesbench.errors import ConfigError

Sizes = tuple[int, ...]
"""The number of the candidate of each field: the paper's state s and action a."""

SLACK = 0.02
"""How much of a budget may be left unused, as a share; the penalty of Eq. 9 has no such bound."""

_BUCKETS_PER_FIELD = 200


class Space:
    """All allocations, or those that use a budget nearly whole.

    Attributes:
        costs: (fields, candidates) embedding parameters of each field at each size.
    """

    def __init__(
        self, fields: Sequence[Field], candidates: Sequence[int], budget: int | None
    ) -> None:
        """Measure the space.

        Raises:
            ConfigError: the budget is below the smallest allocation.
        """
        self.fields, self.candidates, self.budget = tuple(fields), tuple(candidates), budget
        rows = np.array([field.cardinality for field in fields])
        self.costs: NDArray[np.int64] = rows[:, None] * np.array(candidates)[None, :]
        least = int(self.costs[:, 0].sum())
        if budget is not None and budget < least:
            raise ConfigError(
                f"budget = {budget} embedding parameters: the smallest candidate for every field"
                f" takes {least}; raise the budget"
            )

    def allocation(self, sizes: Sizes) -> Allocation:
        """Return the sizes as an allocation."""
        return Allocation.field_wise(self.fields, [self.candidates[size] for size in sizes])

    def parameters(self, sizes: Sizes) -> int:
        """Return the embedding parameters of the sizes."""
        return int(self.costs[np.arange(len(sizes)), list(sizes)].sum())

    def nearest(self, sizes: Sizes) -> Sizes:
        """Return the allocation of the space that is the fewest steps of size away."""
        if self.budget is None or self._fits(self.parameters(sizes)):
            return sizes
        steps = np.abs(np.arange(len(self.candidates))[None, :] - np.array(sizes)[:, None])
        return self.best(-steps.astype(float))

    def best(self, values: NDArray[np.float64]) -> Sizes:
        """Return the allocation of the space with the largest sum of values.

        Args:
            values: (fields, candidates) what each field's choice is worth.

        With a budget this is a multiple-choice knapsack, solved by dynamic programming over the
        parameters in use, in buckets rounded up so that the budget is never exceeded.
        """
        if self.budget is None:
            return tuple(values.argmax(1).tolist())
        count = _BUCKETS_PER_FIELD * len(values)
        needed = -(-self.costs * count // self.budget)  # Rounded up.
        reached = np.full(count + 1, -np.inf)
        reached[0] = 0.0
        choices = np.zeros((len(values), count + 1), dtype=np.int8)
        for field, (own, weights) in enumerate(zip(values, needed, strict=True)):
            options = np.full((len(own), count + 1), -np.inf)
            for size, (value, weight) in enumerate(zip(own, weights, strict=True)):
                if weight <= count:
                    options[size, weight:] = reached[: count + 1 - weight] + value
            choices[field] = options.argmax(0)
            reached = options.max(0)
        if not np.isfinite(reached).any():  # The budget is the smallest allocation's, rounding up.
            return (0,) * len(values)
        # Rounding hides at most one bucket per field of what is really used.
        lowest = int(count * (1 - SLACK)) + len(values)
        within = reached[lowest:]
        used = lowest + int(within.argmax()) if np.isfinite(within).any() else _last(reached)
        sizes = []
        for field in reversed(range(len(values))):
            size = int(choices[field, used])
            sizes.append(size)
            used -= int(needed[field, size])
        return tuple(reversed(sizes))

    def _fits(self, parameters: int) -> bool:
        if self.budget is None:
            return True
        return (1 - SLACK) * self.budget <= parameters <= self.budget


def _last(reached: NDArray[np.float64]) -> int:
    """Return the fullest use of the budget that any allocation reaches."""
    return int(np.flatnonzero(np.isfinite(reached))[-1])
