"""The soft combination of candidate sizes: each field's vector is a weighted sum over its sizes.

What searches that relax the choice of a size have in common: with weights p_it of field i and size
t, and tables E_it, the field's vector is

    e_i = sum_t p_it * BN(W_it v_it)        v_it: the field's vector in the table E_it

with a linear layer W_it to one width, or, where the retrained model has no such layers,

    e_i = sum_t p_it * pad(BN(v_it))        pad: with zeros to the largest size

Batch normalisation is per field, size and component, without affine parameters: the weights compare
sizes only if these are of one scale, and a learnt scale could imitate a weight.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from aesbench.errors import ConfigError
from aesbench.models.embedding import FieldEmbedding, normed_like, placed, population_of
from aesbench.search.candidates import CandidateTables, SizeTransforms
from aesbench.search.units import Units, UnitsOfIds


class SoftEmbedding(FieldEmbedding):
    """Vectors of all candidate sizes, brought to one width and added up by weight.

    Attributes:
        weights: (units, candidates), where a unit is a field, or some values of one; set before
            each call, with a graph to learn what they come from. They start uniform.
    """

    normalised = True

    def __init__(
        self,
        tables: CandidateTables,
        width: int | None,
        generator: torch.Generator,
        *,
        own_transforms: bool = False,
        tanh: bool = False,
        units: Units | None = None,
    ) -> None:
        """Make the transforms.

        Args:
            tables: of the fields and sizes.
            width: what linear layers map every size to. None: there are no layers, and normalised
                vectors are padded with zeros to the largest size.
            generator: draws the initial values.
            own_transforms: give each field linear layers of its own; otherwise fields share them.
            tanh: bound the normalised vectors to -1..1 before they are added up.
            units: what has weights of its own; the fields, by default.

        Raises:
            ConfigError: values have weights of their own, and there is a history of them.
        """
        super().__init__()
        if units is not None and tables.shared:
            raise ConfigError(
                "weights of single values do not reach a history of them; use weights of fields"
            )
        sizes, fields = tables.candidates, len(tables.fields)
        self.tables = tables
        self.transforms = None
        self._of_ids = None if units is None else UnitsOfIds(tables.fields, units)
        # Padded prefixes of one table are one vector, and their weights those of its components.
        self._is_one_vector = width is None and len(tables.tables) == 1
        if width is None:
            normed = sizes[-1:] if self._is_one_vector else sizes
        else:
            normed = (width,) * len(sizes)
            self.transforms = SizeTransforms(
                sizes, width, generator, fields=fields if own_transforms else None
            )
        self.widths = (normed[-1],) * fields
        self.targets = tuple((field * normed[-1], normed[-1]) for field in tables.shared)
        self.norms = nn.ModuleList(nn.BatchNorm1d(fields * dim, affine=False) for dim in normed)
        self.bound = nn.Tanh() if tanh else nn.Identity()
        prefixes = torch.arange(sizes[-1]) < torch.tensor(sizes).unsqueeze(1)
        self.register_buffer("prefixes", prefixes.float(), persistent=False)
        self.prefixes: Tensor  # (candidates, largest size)
        shape = (fields if units is None else len(units), len(sizes))
        self.register_buffer("weights", torch.full(shape, 1 / len(sizes)), persistent=False)
        self.weights: Tensor

    def forward(self, ids: Tensor) -> Tensor:
        """Map ``ids (batch, columns)`` to ``(batch, fields * width)``."""
        # (fields, candidates), or (batch, fields, candidates) where values have their own.
        weights = self.weights if self._of_ids is None else self.weights[self._of_ids(ids)]
        vectors = self._vectors(ids)
        if self._is_one_vector:
            (largest,) = vectors
            return (self._normed(largest, 0) * (weights @ self.prefixes)).flatten(1)
        total = vectors[0].new_zeros(())
        for size, found in enumerate(vectors):
            if self.transforms is not None:
                found = self.transforms(found, size, range(len(self.widths)))
            own = self._normed(found, size)  # (batch, fields, width)
            if own.shape[2] < self.widths[0]:
                own = pad(own, (0, self.widths[0] - own.shape[2]))
            # One by one: a tensor of all sizes takes more time to allocate than to compute.
            total = torch.addcmul(total, own, weights[..., size, None])
        return total.flatten(1)

    def sequences(self, ids: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return the vectors of each history's items: the sums, by the weights of their field."""
        found = []
        largest = len(self.tables.candidates) - 1
        for number, field in enumerate(self.tables.shared):
            total = self.weights.new_zeros(())
            for size in [largest] if self._is_one_vector else range(largest + 1):
                items, inside = self.tables.look_up_history(ids, size, number)
                own = self._unified(items, ids, size, field)
                if self._is_one_vector:
                    total = own * (self.weights[field] @ self.prefixes)
                else:
                    padded = pad(own, (0, self.widths[0] - own.shape[1]))
                    total = total + self.weights[field, size] * padded
            found.append((placed(total, inside), inside))
        return found

    def _unified(self, items: Tensor, ids: Tensor, size: int, field: int) -> Tensor:
        """Map and normalise vectors ``(items, size)`` of a history as those of its field are."""
        vectors = self.tables.look_up(ids, size, [field])  # (batch, 1, size)
        items = items.unsqueeze(1)
        if self.transforms is not None:
            vectors, items = (self.transforms(own, size, [field]) for own in (vectors, items))
        norm: nn.BatchNorm1d = self.norms[0 if self._is_one_vector else size]  # type: ignore[assignment]
        width = vectors.shape[2]
        population = population_of(norm, field * width, width)
        unified: Tensor = self.bound(
            normed_like(items.squeeze(1), vectors.squeeze(1), population, norm.eps)
        )
        return unified

    def _vectors(self, ids: Tensor) -> list[Tensor]:
        """Return the vectors ``(batch, fields, size)`` of each size, of prefixes by one lookup."""
        sizes = self.tables.candidates
        if len(self.tables.tables) > 1:
            return [self.tables.look_up(ids, size) for size in range(len(sizes))]
        largest = self.tables.look_up(ids, len(sizes) - 1)
        return [largest] if self._is_one_vector else [largest[..., :dim] for dim in sizes]

    def _normed(self, vectors: Tensor, size: int) -> Tensor:
        """Normalise vectors ``(batch, fields, width)`` per field and component."""
        normed: Tensor = self.bound(self.norms[size](vectors.flatten(1)))
        return normed.view_as(vectors)
