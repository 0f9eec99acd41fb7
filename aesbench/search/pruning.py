"""Which values of the tables to keep: the largest ones, of all fields together, within a budget."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from aesbench.core.allocation import Allocation
from aesbench.datasets.base import Field
from aesbench.errors import ConfigError


class Ranking:
    """The values of all fields' tables from the largest magnitude to the smallest.

    Of equal magnitudes the one that comes first, field by field and row by row, is the larger one.

    Attributes:
        values: how many there are.
    """

    def __init__(self, fields: Sequence[Field], magnitudes: NDArray[np.floating]) -> None:
        """Rank.

        Args:
            fields: the M fields.
            magnitudes: (rows of all fields, dim), at least 0; one field's rows follow another's.
        """
        self._fields, self._shape = tuple(fields), magnitudes.shape
        self._order = np.argsort(-magnitudes, axis=None, kind="stable")
        self._ends = np.cumsum([field.cardinality for field in fields])
        self.values = magnitudes.size

    def largest(self, count: int) -> Allocation:
        """Return the allocation that keeps so many values, at least one."""
        keeps = np.zeros(self._shape, dtype=np.bool_)
        keeps.reshape(-1)[self._order[:count]] = True
        return Allocation.masked(self._fields, np.split(keeps, self._ends[:-1]))

    def within(self, budget: int, owner: str) -> Allocation:
        """Return an allocation that a budget holds, and that it would not with the next value.

        What is counted is the kept values and the index that it takes to find them.

        Args:
            budget: in parameters.
            owner: the method's name, for the message.

        Raises:
            ConfigError: the budget does not hold the largest value alone.
        """
        found, low, high = self.largest(1), 1, self.values
        if found.memory_parameters > budget:
            raise ConfigError(
                f"{owner} cannot meet a budget of {budget} embedding parameters: its largest value"
                f" alone takes {found.memory_parameters}{found.index_note}; raise --budget"
            )
        everything = self.largest(high)  # Without any mask, hence any index.
        if everything.memory_parameters <= budget:
            return everything
        while high - low > 1:  # Fits at low, and not at high.
            middle = (low + high) // 2
            tried = self.largest(middle)
            if tried.memory_parameters <= budget:
                low, found = middle, tried
            else:
                high = middle
        return found
