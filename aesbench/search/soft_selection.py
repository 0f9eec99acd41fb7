"""The soft combination of candidate sizes: each field's vector is a weighted sum over its sizes.

What searches that relax the choice of a size have in common (AutoDim, AutoEmb): with weights p_it
of field i and size t, tables E_it and linear layers W_it,

    e_i = sum_t p_it * BN(W_it v_it)        v_it: the field's vector in the table E_it

Batch normalisation is per field, size and component, without affine parameters: the weights compare
sizes only if these are of one scale, and a learnt scale could imitate a weight.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from aesbench.models.embedding import FieldEmbedding, normed_like, placed, population_of
from aesbench.search.candidates import CandidateTables, SizeTransforms


class SoftEmbedding(FieldEmbedding):
    """Vectors of all candidate sizes, mapped to one width and added up by weight.

    Attributes:
        weights: (fields, candidates); set before each call, with a graph to learn what they come
            from. They start uniform.
    """

    normalised = True

    def __init__(
        self,
        tables: CandidateTables,
        final_dim: int,
        generator: torch.Generator,
        *,
        own_transforms: bool = False,
        tanh: bool = False,
    ) -> None:
        """Make the transforms.

        Args:
            tables: of the fields and sizes.
            final_dim: the width of the sum.
            generator: draws the initial values.
            own_transforms: give each field linear layers of its own; otherwise fields share them.
            tanh: bound the normalised vectors to -1..1 before they are added up.
        """
        super().__init__()
        fields, sizes = len(tables.fields), len(tables.candidates)
        self.widths = (final_dim,) * fields
        self.targets = tuple((field * final_dim, final_dim) for field in tables.shared)
        self.tables = tables
        self.transforms = SizeTransforms(
            tables.candidates, final_dim, generator, fields=fields if own_transforms else None
        )
        self.norms = nn.ModuleList(
            nn.BatchNorm1d(fields * final_dim, affine=False) for _ in range(sizes)
        )
        self.bound = nn.Tanh() if tanh else nn.Identity()
        self.register_buffer("weights", torch.full((fields, sizes), 1 / sizes), persistent=False)
        self.weights: Tensor

    def forward(self, ids: Tensor) -> Tensor:
        """Map ``ids (batch, columns)`` to ``(batch, fields * final_dim)``."""
        every = range(len(self.widths))
        # (candidates, fields * final_dim); sizes are added up one by one, since a tensor of all of
        # them takes more time to allocate than to compute.
        by_component = self.weights.t().repeat_interleave(self.widths[0], dim=1)
        total = by_component.new_zeros(())
        for size, norm in enumerate(self.norms):
            mapped = self.transforms(self.tables.look_up(ids, size), size, every)
            vectors = self.bound(norm(mapped.flatten(1)))  # (batch, fields * final_dim)
            total = torch.addcmul(total, vectors, by_component[size])
        return total

    def sequences(self, ids: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return the vectors of each history's items: the sums, by the weights of their field."""
        found = []
        shared = zip(self.tables.shared, self.targets, strict=True)
        for number, (field, target) in enumerate(shared):
            total = self.weights.new_zeros(())
            for size, norm in enumerate(self.norms):
                items, inside = self.tables.look_up_history(ids, size, number)
                own = self.tables.look_up(ids, size, [field])  # (batch, 1, size)
                mapped, of_batch = (
                    self.transforms(vectors, size, [field]).squeeze(1)
                    for vectors in (items.unsqueeze(1), own)
                )
                population = population_of(norm, *target)  # type: ignore[arg-type]
                normed = normed_like(mapped, of_batch, population, norm.eps)  # type: ignore[arg-type]
                total = total + self.weights[field, size] * self.bound(normed)
            found.append((placed(total, inside), inside))
        return found
