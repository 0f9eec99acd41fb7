"""One table of all fields in one width, whose vectors are scaled or masked before they are unified.

Searches that prune values or rows, or shorten vectors, train a table of the largest size and
multiply its vectors by something that they learn. Sizes then enter the backbone as they will at
retraining: side by side as they are, where a vector with zeros from some component on meets the
first layer as a shorter one would; or through a linear layer to the final dimension, whose first
columns are a shorter vector's layer, and batch normalisation (``transform``).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import torch
from torch import Tensor, nn

from aesbench.datasets.base import Field
from aesbench.models.embedding import FieldEmbedding, column_ranges, make_linear, make_table


class WholeTable(FieldEmbedding):
    """The vectors of all fields from one table ``(rows of all fields, dim)``.

    A subclass changes the vectors of values in ``of_values`` and those of fields in ``of_fields``;
    they differ where a field has several values in a row of the data, whose mean is its vector.

    Attributes:
        fields: the M fields; one's rows follow another's.
        dim: the width of the table.
        first_rows: (fields,) where each field's ids begin in the table.
        table: the table itself, of N(0, table_std²).
        field_of_row: (rows,) the number of the field that a row belongs to.
        transform: what maps vectors to the final dimension; the identity where nothing does.
    """

    def __init__(
        self,
        fields: Sequence[Field],
        dim: int,
        *,
        unification: str,
        final_dim: int,
        table_std: float,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.fields, self.dim = tuple(fields), dim
        self.normalised = unification == "transform"
        self.has_fixed_shapes = all(field.columns == 1 for field in fields)
        self.widths = (final_dim if self.normalised else dim,) * len(fields)
        sizes = [field.cardinality for field in fields]
        self.table = make_table(sum(sizes), dim, table_std, generator)
        self.transform: nn.Module = (
            make_linear(dim, final_dim, generator) if self.normalised else nn.Identity()
        )
        self.norm: nn.Module = (
            nn.BatchNorm1d(sum(self.widths), affine=False) if self.normalised else nn.Identity()
        )
        self._starts = list(accumulate(sizes[:-1], initial=0))
        self._ranges = column_ranges(fields)
        self.register_buffer(
            "first_rows", torch.tensor(self._starts, dtype=torch.int32), persistent=False
        )
        self.register_buffer(
            "field_of_row",
            torch.repeat_interleave(torch.tensor(sizes)),
            persistent=False,
        )
        self.first_rows: Tensor
        self.field_of_row: Tensor

    def redraw_as_xavier(self, generator: torch.Generator) -> None:
        """Fill the table with Xavier's uniform initial values, over all rows of all fields."""
        bound = (6 / sum(self.table.weight.shape)) ** 0.5
        with torch.no_grad():
            self.table.weight.uniform_(-bound, bound, generator=generator)

    def rows(self, field: int) -> slice:
        """Return where a field's rows lie in the table."""
        first = self._starts[field]
        return slice(first, first + self.fields[field].cardinality)

    def of_values(self, vectors: Tensor, rows: Tensor, fields: Sequence[int]) -> Tensor:
        """Change the vectors ``(values, fields, dim)`` of values. Default: not at all.

        Args:
            vectors: of the table.
            rows: (values, fields) of the table, which they lie in.
            fields: the numbers of the fields that they are of.
        """
        return vectors

    def of_fields(self, vectors: Tensor) -> Tensor:
        """Change the fields' vectors ``(batch, fields, dim)``. Default: not at all."""
        return vectors

    def forward(self, ids: Tensor) -> Tensor:
        """Map ``ids (batch, columns)`` to ``(batch, sum(widths))``."""
        if self.has_fixed_shapes:
            rows = ids + self.first_rows
            vectors = self.of_values(self.table(rows), rows, range(len(self.fields)))
        else:
            vectors = torch.stack([self._mean(ids, field) for field in range(len(self.fields))], 1)
        mapped = self.transform(self.of_fields(vectors))
        normed: Tensor = self.norm(mapped.flatten(1))
        return normed

    def _mean(self, ids: Tensor, field: int) -> Tensor:
        """Return the mean vector ``(batch, dim)`` of a field's values, padding left out."""
        first, last = self._ranges[field]
        own = ids[:, first:last]
        inside = own >= 0
        rows = (own[inside] + self._starts[field]).unsqueeze(1)  # (values, 1)
        found = self.of_values(self.table(rows), rows, [field]).squeeze(1)
        sums: Tensor = found.new_zeros(len(ids), self.dim)
        sums = sums.index_add(0, inside.nonzero()[:, 0], found)
        return sums / inside.sum(dim=1, keepdim=True).clamp(min=1)
