"""Scores of subnets with inherited weights, in milliseconds.

Both backbones depend on a field's vector through a sum over fields: of the first layer's inputs,
and for DeepFM's pairs of the vectors and their squares. So transform, normalisation and first layer
can be folded into one table per field and size, of the values that the scored rows hold; a subnet
is then one ``embedding_bag`` and the rest of the backbone. A backbone without such a sum is run as
it is: slower, the same scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from aesbench import Backbone, Context, Field, Metrics, Split
from aesbench.embedding import column_ranges
from aesbench.metrics import score
from aesbench_methods.adass.sampling import Draw

CHUNK = 2048
"""Rows per forward pass: the first layer's sums, 1 MB at 128 units, fit a core's second-level
cache. With 8192 rows a search took 1.17 times as long alone, and longer beside other processes."""


class Rows:
    """Evenly spaced rows of a split, and the distinct values that each field takes in them.

    What a multi-valued field holds in a row counts as one value.
    """

    def __init__(
        self, fields: Sequence[Field], split: Split, limit: int, device: torch.device
    ) -> None:
        chosen = np.linspace(0, len(split) - 1, min(limit, len(split))).round().astype(np.int64)
        self.ids = torch.from_numpy(split.ids[chosen]).to(device)  # (rows, columns)
        self.labels = split.labels[chosen]
        self._ranges = column_ranges(fields)
        self._values: list[tuple[Tensor, Tensor, Tensor]] = []
        for first, last in self._ranges:
            own = self.ids[:, first:last]
            values, places, counts = torch.unique(
                own, dim=0, return_inverse=True, return_counts=True
            )
            self._values.append((values, places, counts))

    def __len__(self) -> int:
        return len(self.ids)

    def distinct(self, field: int) -> tuple[Tensor, Tensor]:
        """Return a field's distinct values as ids ``(values, columns)``, and how often each occurs.

        The columns of other fields hold the id 0.
        """
        values, _, counts = self._values[field]
        ids = torch.zeros(len(values), self.ids.shape[1], dtype=values.dtype, device=values.device)
        first, last = self._ranges[field]
        ids[:, first:last] = values
        return ids, counts

    def places(self, field: int) -> Tensor:
        """Return which of the field's distinct values each row holds, ``(rows,)``."""
        return self._values[field][1]


@dataclass
class _Folded:
    """The tables of all fields and sizes, one after the other."""

    table: Tensor  # (sum of values over fields and sizes, summands)
    starts: Tensor  # (fields, candidates)
    places: Tensor  # (rows, fields)
    first_order: Tensor  # (rows,)


class Scorer:
    """Scores the subnets of one supernet on validation rows.

    Attributes:
        model: the supernet; scores are those of its weights at the last ``fold``.
    """

    def __init__(self, model: Backbone, context: Context, limit: int) -> None:
        self.model = model
        self._rows = Rows(context.fields, context.validation, limit, context.device)
        self._folded: _Folded | None = None
        self._fields, self._sizes = len(context.fields), len(context.candidates)

    @torch.no_grad()
    def fold(self, model: Backbone) -> None:
        """Take over the model's present weights; it must be in eval mode."""
        if not model.sums_over_fields:
            return
        embedding = model.embedding
        parts, starts, start = [], torch.zeros(self._fields, self._sizes, dtype=torch.int64), 0
        width = embedding.widths[0]
        for field in range(self._fields):
            ids, _ = self._rows.distinct(field)
            for size in range(self._sizes):
                vectors = embedding.unified(ids, size, [field]).squeeze(1)  # (values, width)
                parts.append(model.summands(vectors, field * width))
                starts[field, size] = start
                start += len(ids)
        places = torch.stack([self._rows.places(i) for i in range(self._fields)], 1)
        self._folded = _Folded(
            torch.cat(parts), starts.to(places.device), places, model.first_order(self._rows.ids)
        )

    @torch.no_grad()
    def logits(self, sizes: tuple[int, ...]) -> Tensor:
        """Return the logits ``(rows,)`` of the subnet with these numbers of candidates."""
        folded = self._folded
        if folded is None:
            self.model.embedding.draws = [Draw(sizes, (True,) * len(sizes))]
            return torch.cat([self.model(ids) for ids in self._rows.ids.split(CHUNK)])
        fields = torch.arange(self._fields, device=folded.places.device)
        offsets = folded.starts[fields, torch.tensor(sizes, device=folded.places.device)]
        chunks = []
        for places, first_order in zip(
            folded.places.split(CHUNK), folded.first_order.split(CHUNK), strict=True
        ):
            sums = embedding_bag(places + offsets, folded.table, mode="sum")
            chunks.append(self.model.logits_of_sums(sums, first_order))
        return torch.cat(chunks)

    def score(self, sizes: tuple[int, ...]) -> Metrics:
        """Return the subnet's validation metrics."""
        return score(self._rows.labels, self.logits(sizes).cpu().numpy())

    def accuracy(self, sizes: tuple[int, ...]) -> float:
        """Return the share of rows on the right side of probability .5 (the letter's reward)."""
        positive = self.logits(sizes).cpu().numpy() > 0
        return float(np.mean(positive == (self._rows.labels > 0)))
