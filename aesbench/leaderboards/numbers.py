"""Fields that are numbers: a vector, and a first-order weight, times the number.

The prepared data have an id for every number too; here it only leads to the number that it stands
for. So a field of numbers has one vector, whatever its cardinality, as on the leaderboard.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn

from aesbench.core.allocation import Allocation
from aesbench.datasets.base import Dataset, Field
from aesbench.models.embedding import FieldEmbedding, FirstOrder, MixedEmbedding


class Numbers(nn.Module):
    """From ids to ids of the vectors, and to what each vector is multiplied by.

    Attributes:
        fields: those of the data set, where a field of numbers has a single value.
    """

    def __init__(self, dataset: Dataset) -> None:
        super().__init__()
        numeric = set(dataset.manifest["facts"].get("numeric_fields", ()))
        self.fields: Sequence[Field] = tuple(
            Field(field.name, 1, counts=np.array([len(dataset.train)]))
            if field.name in numeric
            else field
            for field in dataset.fields
        )
        self._numeric = [n for n, field in enumerate(dataset.fields) if field.name in numeric]
        for place in self._numeric:
            values = torch.from_numpy(_values(dataset.folder, place))
            self.register_buffer(f"values_{place}", values, persistent=False)

    def forward(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Map ``ids (batch, fields)`` to ids and factors of the same shape."""
        factors = torch.ones(ids.shape, device=ids.device)
        if self._numeric:
            ids = ids.clone()
            for place in self._numeric:
                values: Tensor = getattr(self, f"values_{place}")
                factors[:, place] = values[ids[:, place]]
                ids[:, place] = 0
        return ids, factors


def _values(folder: Path, place: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Return the number of each id; a missing one, and the id that no row has, is 0."""
    texts = pl.read_parquet(folder / "vocabulary" / f"{place}.parquet")["value"]
    return texts.cast(pl.Float32, strict=False).fill_null(0.0).to_numpy().copy()


class NumericEmbedding(FieldEmbedding):
    """One size for all fields, fields of numbers among them."""

    def __init__(
        self, numbers: Numbers, dim: int, table_std: float, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.numbers = numbers
        self.tables = MixedEmbedding(
            numbers.fields,
            Allocation.uniform(numbers.fields, dim),
            unification="plain",
            final_dim=dim,
            table_std=table_std,
            generator=generator,
        )
        self.widths = self.tables.widths

    def forward(self, ids: Tensor) -> Tensor:
        """Map ``ids (batch, fields)`` to vectors ``(batch, fields * dim)``."""
        ids, factors = self.numbers(ids)
        vectors: Tensor = self.tables(ids)
        scaled: Tensor = vectors * factors.repeat_interleave(self.widths[0], 1)
        return scaled


class NumericFirstOrder(nn.Module):
    """The linear term, fields of numbers among its fields."""

    def __init__(self, numbers: Numbers) -> None:
        super().__init__()
        self.numbers = numbers
        self.values = FirstOrder(numbers.fields)

    def forward(self, ids: Tensor) -> Tensor:
        """Map ``ids (batch, fields)`` to ``(batch,)``."""
        ids, factors = self.numbers(ids)
        weights: Tensor = self.values.weights(ids + self.values.offsets).squeeze(2)
        total: Tensor = (weights * factors).sum(1) + self.values.bias
        return total
