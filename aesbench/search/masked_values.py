"""Vectors of the largest size times a mask per value: what searches that shorten values share.

A field has one table; the mask of a value says which components it has, a prefix or none. How the
masked vectors enter the backbone follows the run: side by side under ``plain``, where a vector with
zeros from some component on meets the first layer as a shorter one would; under ``transform`` by
one linear layer, whose first columns are a shorter vector's layer, and batch normalisation.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from itertools import groupby, pairwise
from operator import itemgetter

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from aesbench.core.allocation import Block
from aesbench.datasets.base import Field
from aesbench.models.embedding import FieldEmbedding, column_ranges, make_linear, make_table


class MaskedValues(FieldEmbedding):
    """The embedding of a search that masks values; subclasses say how.

    Attributes:
        size: of the unmasked vectors.
        first_rows: (fields,) where each field's ids begin among the rows of all fields.
    """

    def __init__(
        self,
        fields: Sequence[Field],
        size: int,
        *,
        unification: str,
        final_dim: int,
        table_std: float,
        generator: torch.Generator,
    ) -> None:
        """Fill the table with N(0, table_std²); ``final_dim`` is the width under ``transform``."""
        super().__init__()
        self.size = size
        self.normalised = unification == "transform"
        counts = torch.tensor([field.cardinality for field in fields])
        self.table = make_table(int(counts.sum()), size, table_std, generator)
        self._ranges = column_ranges(fields)
        self.has_fixed_shapes = all(field.columns == 1 for field in fields)
        self.register_buffer("first_rows", counts.cumsum(0) - counts, persistent=False)
        self.first_rows: Tensor
        width = size
        if self.normalised:
            width = final_dim
            self.transform = make_linear(size, width, generator)
            self.norm = nn.BatchNorm1d(len(fields) * width, affine=False)
        self.widths = (width,) * len(fields)

    @abstractmethod
    def masks(self, rows: Tensor, fields: Sequence[int]) -> Tensor:
        """Return the masks ``(values, fields, size)`` of values.

        Args:
            rows: (values, fields) their rows in the table of all fields.
            fields: the numbers of the fields that they are of.
        """

    def forward(self, ids: Tensor) -> Tensor:
        """Map ``ids (batch, columns)`` to ``(batch, fields * width)``."""
        every = range(len(self.widths))
        if self.has_fixed_shapes:
            rows = ids + self.first_rows
            vectors: Tensor = self.table(rows) * self.masks(rows, every)
        else:
            vectors = torch.stack([self._mean(ids, field) for field in every], 1)
        if not self.normalised:
            return vectors.flatten(1)
        normed: Tensor = self.norm(self.transform(vectors).flatten(1))
        return normed

    def _mean(self, ids: Tensor, field: int) -> Tensor:
        """Return the mean ``(batch, size)`` of a field's masked vectors, padding left out."""
        first, last = self._ranges[field]
        own = ids[:, first:last]
        inside = own >= 0
        rows = (own[inside] + self.first_rows[field]).unsqueeze(1)  # (values, 1)
        masked: Tensor = (self.table(rows) * self.masks(rows, [field])).squeeze(1)
        sums: Tensor = masked.new_zeros(len(ids), self.size)
        sums = sums.index_add(0, inside.nonzero()[:, 0], masked)
        return sums / inside.sum(1, keepdim=True).clamp(min=1)


def blocks_of(dims: NDArray[np.int64], most: int | None = None) -> tuple[Block, ...]:
    """Return the blocks of a field's values: runs of ids of equal size, in the order of ids.

    Args:
        dims: (ids,) the size of each id.
        most: join neighbouring blocks until there are so few, the two whose joining changes the
            fewest parameters first; both take the size of the one with more rows, the smaller size
            of equals.
    """
    starts = np.flatnonzero(np.diff(dims, prepend=-1))
    rows = np.diff(starts, append=len(dims)).tolist()
    runs = list(zip(rows, dims[starts].tolist(), strict=True))
    while most is not None and len(runs) > most:
        costs = [min(a[0], b[0]) * abs(a[1] - b[1]) for a, b in pairwise(runs)]
        at = costs.index(min(costs))
        first, second = runs[at : at + 2]
        _, dim = max(first, second, key=lambda run: (run[0], -run[1]))
        runs[at : at + 2] = [(first[0] + second[0], dim)]
        # The joined block may now be of its neighbours' size.
        runs = [
            (sum(count for count, _ in own), dim)
            for dim, group in groupby(runs, key=itemgetter(1))
            for own in [list(group)]
        ]
    return tuple(Block(count, dim) for count, dim in runs)
