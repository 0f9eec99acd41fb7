"""Candidate tables: a table of every candidate size for every field, and transforms to one width.

What supernets and soft combinations of sizes have in common: a search looks vectors of several
sizes up in them, the retrained model never does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from aesbench.core.settings import require
from aesbench.datasets.base import Field
from aesbench.models.embedding import column_ranges, make_linear, make_table, numbers_shared

SCHEMES = ("independent", "shared")
"""Whether each size has tables of its own, or all are prefixes of the largest."""


class CandidateTables(nn.Module):
    """Embedding tables ``E = {E_ij}`` of M fields and T candidate sizes.

    The tables of all fields lie in one parameter, one field's rows after another's: one parameter
    per size in the independent scheme, a single one as wide as the largest size in the shared
    scheme, of which size d is the first d components.

    Attributes:
        fields: the M fields.
        candidates: the T sizes, ascending.
        has_fixed_shapes: as an embedding's: no field has several values, of which some may be
            padding.
        shared: of each history the number of the field whose table it uses.
    """

    def __init__(
        self,
        fields: Sequence[Field],
        candidates: Sequence[int],
        *,
        scheme: str,
        table_std: float,
        generator: torch.Generator,
        histories: Sequence[Field] = (),
    ) -> None:
        """Fill the tables with N(0, table_std²), the same for every size.

        Raises:
            ConfigError: the scheme is unknown.
        """
        super().__init__()
        require(scheme in SCHEMES, "scheme", scheme, "one of " + ", ".join(SCHEMES))
        self.fields, self.candidates = tuple(fields), tuple(candidates)
        rows = sum(field.cardinality for field in fields)
        widths = self.candidates if scheme == "independent" else self.candidates[-1:]
        self.tables = nn.ModuleList(
            make_table(rows, width, table_std, generator) for width in widths
        )
        self._ranges = column_ranges(fields)
        self._first_rows = [
            sum(field.cardinality for field in fields[:i]) for i in range(len(fields))
        ]
        self.register_buffer(
            "_columns", torch.tensor([first for first, _ in self._ranges]), persistent=False
        )
        self.register_buffer(
            "_offsets", torch.tensor(self._first_rows, dtype=torch.int32), persistent=False
        )
        self._columns: Tensor
        self._offsets: Tensor
        self.has_fixed_shapes = all(field.columns == 1 for field in fields)
        self.shared = numbers_shared(fields, histories)
        self._of_histories = column_ranges((*fields, *histories))[len(fields) :]

    def table(self, candidate: int) -> nn.Embedding:
        """Return the table, of all fields, that holds the vectors of a size."""
        table: nn.Embedding = self.tables[min(candidate, len(self.tables) - 1)]  # type: ignore[assignment]
        return table

    def rows(self, field: int) -> slice:
        """Return where a field's rows lie in every table."""
        first = self._first_rows[field]
        return slice(first, first + self.fields[field].cardinality)

    def weight(self, field: int, candidate: int) -> Tensor:
        """Return ``E_ij (cardinality, size)``: a view, in the shared scheme of one parameter."""
        return self.table(candidate).weight[self.rows(field), : self.candidates[candidate]]

    def vectors_of(self, dims: Sequence[int]) -> list[Tensor]:
        """Return each field's vectors ``(cardinality, dim)`` in the candidate size given for it."""
        return [
            self.weight(field, self.candidates.index(dim)).detach()
            for field, dim in enumerate(dims)
        ]

    def look_up(self, ids: Tensor, candidate: int, fields: Sequence[int] | None = None) -> Tensor:
        """Return the vectors of one size.

        Args:
            ids: (batch, columns).
            candidate: the number of the size.
            fields: the numbers of the fields to look up; all of them by default.

        Returns:
            (batch, fields, size); a multi-valued field's is the mean over its values, or zero.
        """
        dim = self.candidates[candidate]
        table = self.table(candidate)
        if self.has_fixed_shapes:
            columns, offsets = self._columns, self._offsets
            if fields is not None:
                chosen = sent(fields, ids.device)
                columns, offsets = columns[chosen], offsets[chosen]
            found: Tensor = table(ids.index_select(1, columns) + offsets)
            return found[..., :dim]
        numbers = range(len(self.fields)) if fields is None else fields
        return torch.stack([self._mean(ids, table, field)[:, :dim] for field in numbers], 1)

    def look_up_history(self, ids: Tensor, candidate: int, number: int) -> tuple[Tensor, Tensor]:
        """Return the vectors ``(items of the batch, size)`` of a history, and where they belong.

        Args:
            ids: (batch, columns).
            candidate: the number of the size.
            number: of the history.

        Returns:
            the vectors, row by row, and the mask ``(batch, items)``, true in as many places;
            ``placed`` puts them there.
        """
        first, last = self._of_histories[number]
        own = ids[:, first:last]
        inside = own >= 0
        rows = own[inside] + self._first_rows[self.shared[number]]
        found: Tensor = self.table(candidate)(rows)
        return found[:, : self.candidates[candidate]], inside

    def _mean(self, ids: Tensor, table: nn.Embedding, field: int) -> Tensor:
        """Return the mean vector ``(batch, width)`` of a field's values, padding left out."""
        first, last = self._ranges[field]
        own = ids[:, first:last]
        inside = own >= 0
        found = table(own[inside] + self._first_rows[field])
        sums: Tensor = found.new_zeros(len(ids), table.embedding_dim)
        sums = sums.index_add(0, inside.nonzero()[:, 0], found)
        return sums / inside.sum(dim=1, keepdim=True).clamp(min=1)


class SizeTransforms(nn.Module):
    """Linear layers that map vectors of each candidate size to one width.

    One layer per size that all fields share, or one per size and field.
    """

    def __init__(
        self,
        candidates: Sequence[int],
        final_dim: int,
        generator: torch.Generator,
        *,
        fields: int | None = None,
    ) -> None:
        """Make the layers.

        Args:
            candidates: the sizes.
            final_dim: the width of the results.
            generator: draws the initial values, as everywhere in the harness.
            fields: give each of so many fields layers of its own; None: fields share them.
        """
        super().__init__()
        self.layers = nn.ModuleList(
            nn.ModuleList(make_linear(dim, final_dim, generator) for _ in range(fields or 1))
            for dim in candidates
        )
        self.shared = fields is None

    def by_dim(self, candidates: Sequence[int]) -> dict[int, nn.Linear]:
        """Return {size: the layer that all fields share}; none where each field has its own."""
        if not self.shared:
            return {}
        return {dim: own[0] for dim, own in zip(candidates, self.layers, strict=True)}  # type: ignore[index]

    def padded(self) -> tuple[Tensor, Tensor]:
        """Return the shared layers as if all mapped the largest size, with zeros beyond their own.

        Returns:
            weights ``(candidates, final_dim, largest size)``, biases ``(candidates, final_dim)``.
        """
        layers: list[nn.Linear] = [own[0] for own in self.layers]  # type: ignore[index]
        largest = layers[-1].in_features
        weights = [pad(layer.weight, (0, largest - layer.in_features)) for layer in layers]
        return torch.stack(weights), torch.stack([layer.bias for layer in layers])

    def forward(self, vectors: Tensor, candidate: int, fields: Sequence[int]) -> Tensor:
        """Map the vectors ``(batch, fields, size)`` of these fields to ``(batch, fields, width)``.

        ``fields`` are their numbers, ``candidate`` that of their size.
        """
        layers: nn.ModuleList = self.layers[candidate]  # type: ignore[assignment]
        if self.shared:
            mapped: Tensor = layers[0](vectors)
            return mapped
        parts = [layers[field](own) for field, own in zip(fields, vectors.unbind(1), strict=True)]
        return torch.stack(parts, 1)


def sent(numbers: Sequence[Any], device: torch.device) -> Tensor:
    """Return numbers as a tensor on a device, where they arrive without a wait for its queue."""
    return torch.tensor(numbers).to(device, non_blocking=True)
