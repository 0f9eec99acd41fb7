"""What a search gives one size each: fields, or the values of a field that are about as popular.

Ids inside a field descend by train frequency, so that equally popular values are neighbours
(``blocks.py`` makes an allocation of their sizes).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from aesbench.datasets.base import Field
from aesbench.models.embedding import column_ranges


@dataclass(frozen=True)
class Unit:
    """Consecutive ids of one field that get one size.

    Attributes:
        field: the field's number.
        rows: how many ids it holds.
        count: how often these occur in the train split, all together.
    """

    field: int
    rows: int
    count: int


Units = Sequence[Unit]
"""In the order of the fields, and of the ids inside a field."""


def fields_as_units(fields: Sequence[Field]) -> list[Unit]:
    """Return one unit for each field."""
    return [
        Unit(number, field.cardinality, int(field.counts.sum()))
        for number, field in enumerate(fields)
    ]


def popularity_units(fields: Sequence[Field], least_values: int) -> list[Unit]:
    """Cut fields into units of values whose train counts have one power of two below them.

    A field stays whole if it has fewer values than ``least_values``, or several values in a row.
    The last id is out of vocabulary, without a popularity of its own: it belongs to the last unit.
    """
    units = []
    for number, (field, whole) in enumerate(zip(fields, fields_as_units(fields), strict=True)):
        known = field.counts[:-1]
        if field.columns > 1 or field.cardinality < least_values or not len(known):
            units.append(whole)
            continue
        powers = np.frexp(known.astype(np.float64))[1]  # Of 0: 0; of 1: 1; of 2 and 3: 2; ...
        starts = [0, *(np.flatnonzero(np.diff(powers)) + 1).tolist()]
        stops = [*starts[1:], field.cardinality]
        units += [
            Unit(number, stop - start, int(known[start:stop].sum()))
            for start, stop in zip(starts, stops, strict=True)
        ]
    return units


class UnitsOfIds(nn.Module):
    """Says to which unit each id of a batch belongs."""

    def __init__(self, fields: Sequence[Field], units: Units) -> None:
        """Number the ids of all fields, one field's after another's."""
        super().__init__()
        rows = torch.tensor([unit.rows for unit in units])
        firsts = np.cumsum([0, *(field.cardinality for field in fields)])[:-1]
        ranges = column_ranges(fields)
        # A field of several columns is one unit: that of its first id, whatever a row holds.
        single = [last - first == 1 for first, last in ranges]
        self.register_buffer("units", torch.arange(len(units)).repeat_interleave(rows), False)
        self.register_buffer("columns", torch.tensor([first for first, _ in ranges]), False)
        self.register_buffer("firsts", torch.from_numpy(firsts), False)
        self.register_buffer("single", torch.tensor(single), False)
        self.units: Tensor
        self.columns: Tensor
        self.firsts: Tensor
        self.single: Tensor

    def forward(self, ids: Tensor) -> Tensor:
        """Map ``ids (batch, columns)`` to the numbers of their units, ``(batch, fields)``."""
        return self.units[ids.index_select(1, self.columns) * self.single + self.firsts]


def field_means(units: Units, values: Tensor) -> Tensor:
    """Return the means ``(fields, ...)`` of values ``(units, ...)``, weighted by their train count.

    Of a field that train never shows they are weighted by the numbers of its ids.
    """
    numbers = torch.tensor([unit.field for unit in units], device=values.device)
    fields = int(numbers.max()) + 1
    shown = [sum(unit.count for unit in units if unit.field == field) for field in range(fields)]
    shares = [unit.count if shown[unit.field] else unit.rows for unit in units]
    weights = torch.tensor(shares, dtype=values.dtype, device=values.device)
    sums = values.new_zeros(fields).index_add(0, numbers, weights)
    weights = (weights / sums[numbers]).view(-1, *[1] * (values.dim() - 1))
    means: Tensor = values.new_zeros(fields, *values.shape[1:])
    return means.index_add(0, numbers, values * weights)
