"""Scores of subnets with inherited weights, in milliseconds.

Both backbones depend on a field's vector through a sum over fields: of the first layer's inputs,
and for DeepFM's pairs of the vectors and their squares. So transform, normalisation and first layer
can be folded into one table per field and size, of the values that the scored rows hold; a subnet
is then one ``embedding_bag`` and the rest of the backbone. A backbone without such a sum is run as
it is: slower, the same scores.

The first fields often say the same of many rows, as all that is known of a user does of each of
the user's rows. Their sum is then taken once for all these rows. It is the beginning of the sum
over all fields, so no score changes by a bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import embedding_bag, pad

from aesbench import Backbone, Context, Field, Metrics, Split
from aesbench.core import metrics
from aesbench.models.embedding import column_ranges
from aesbench_methods.adass.sampling import Draw

CHUNK = 2048
"""Rows per forward pass: the first layer's sums, 1 MB at 128 units, fit a core's second-level
cache. With 8192 rows a search took 1.17 times as long alone, and longer beside other processes."""

ROWS_PER_LEAD = 4
"""Rows that must hold a combination of the first fields' values, on average, for its sum to be
taken ahead: a combination costs as many lookups as a row saves."""


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
        self._values: dict[int, tuple[Tensor, Tensor, Tensor]] = {}

    def __len__(self) -> int:
        return len(self.ids)

    def distinct(self, field: int) -> tuple[Tensor, Tensor]:
        """Return a field's distinct values as ids ``(values, columns)``, and how often each occurs.

        The columns of other fields hold the id 0.
        """
        values, _, counts = self._values_of(field)
        ids = torch.zeros(len(values), self.ids.shape[1], dtype=values.dtype, device=values.device)
        first, last = self._ranges[field]
        ids[:, first:last] = values
        return ids, counts

    def places(self, field: int) -> Tensor:
        """Return which of the field's distinct values each row holds, ``(rows,)``."""
        return self._values_of(field)[1]

    def _values_of(self, field: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return a field's distinct values, which of them each row holds, and their counts."""
        if field not in self._values:
            first, last = self._ranges[field]
            own = self.ids[:, first:last]
            if last - first == 1:  # Several times faster than by rows of one number.
                values, places, counts = torch.unique(
                    own[:, 0], return_inverse=True, return_counts=True
                )
                self._values[field] = values.unsqueeze(1), places, counts
            else:
                self._values[field] = torch.unique(
                    own, dim=0, return_inverse=True, return_counts=True
                )
        return self._values[field]


@dataclass
class _Lead:
    """The first fields, as far as they say the same of many rows."""

    fields: int
    combinations: Tensor  # (combinations, fields), places among the values of each field.
    of_rows: Tensor  # (rows,)


def find_lead(places: Tensor) -> _Lead:
    """Return the most first fields of which ``ROWS_PER_LEAD`` rows share a combination.

    Args:
        places: (rows, fields) which of the field's values each row holds.
    """
    rows, count = places.shape
    fields, of_rows = 0, torch.zeros(rows, dtype=torch.int64, device=places.device)
    for field in range(count):
        codes = of_rows * (places[:, field].max() + 1) + places[:, field]
        found, longer = torch.unique(codes, return_inverse=True)
        if len(found) * ROWS_PER_LEAD > rows:
            break
        fields, of_rows = field + 1, longer
    if fields < 2:  # Nothing to sum.
        return _Lead(0, places[:0, :0], of_rows)
    combinations = places.new_zeros(int(of_rows.max()) + 1, fields)
    combinations[of_rows] = places[:, :fields]
    return _Lead(fields, combinations, of_rows)


@dataclass
class _Folded:
    """The sums of the lead, then the tables of all fields and sizes, one after the other."""

    table: Tensor  # (combinations + sum of values over fields and sizes, summands)
    starts: Tensor  # (fields, candidates)
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
        places = torch.stack([self._rows.places(i) for i in range(self._fields)], 1)
        self._lead = find_lead(places)
        # A row's terms, as places in their tables: the sum of the lead if there is one, then one
        # for each field that is left.
        lead = [self._lead.of_rows.unsqueeze(1)] if self._lead.fields else []
        self._terms = torch.cat([*lead, places[:, self._lead.fields :]], 1)

    @torch.no_grad()
    def fold(self, model: Backbone) -> None:
        """Take over the model's present weights; it must be in eval mode."""
        if not model.sums_over_fields:
            return
        embedding = model.embedding
        combinations = len(self._lead.combinations)
        parts, starts = [], torch.zeros(self._fields, self._sizes, dtype=torch.int64)
        start, width = combinations, embedding.widths[0]
        for field in range(self._fields):
            ids, _ = self._rows.distinct(field)
            for size in range(self._sizes):
                vectors = embedding.unified(ids, size, [field]).squeeze(1)  # (values, width)
                parts.append(model.summands(vectors, field * width))
                starts[field, size] = start
                start += len(ids)
        leads = parts[0].new_zeros(combinations, parts[0].shape[1])
        self._folded = _Folded(
            torch.cat([leads, *parts]),
            starts.to(self._terms.device),
            model.first_order(self._rows.ids),
        )

    @torch.no_grad()
    def logits(self, sizes: tuple[int, ...]) -> Tensor:
        """Return the logits ``(rows,)`` of the subnet with these numbers of candidates."""
        folded, lead = self._folded, self._lead
        if folded is None:
            self.model.embedding.draws = [Draw(sizes, (True,) * len(sizes))]
            return torch.cat([self.model(ids) for ids in self._rows.ids.split(CHUNK)])
        table, device = folded.table, self._terms.device
        fields = torch.arange(self._fields, device=device)
        offsets = folded.starts[fields, torch.tensor(sizes, device=device)]
        if lead.fields:
            places = lead.combinations + offsets[: lead.fields]
            table[: len(places)] = embedding_bag(places, table, mode="sum")
            offsets = pad(offsets[lead.fields :], (1, 0))  # The sums of the lead come first.
        chunks = []
        for terms, first_order in zip(
            self._terms.split(CHUNK), folded.first_order.split(CHUNK), strict=True
        ):
            sums = embedding_bag(terms + offsets, table, mode="sum")
            chunks.append(self.model.logits_of_sums(sums, first_order))
        return torch.cat(chunks)

    def score(self, sizes: tuple[int, ...]) -> Metrics:
        """Return the subnet's validation metrics."""
        return metrics.score(self._rows.labels, self.logits(sizes).cpu().numpy())

    def reward(self, sizes: tuple[int, ...], kind: str) -> float:
        """Return what the subnet is worth; higher is better.

        Args:
            sizes: numbers of candidates, one per field.
            kind: ``auc``; ``logloss``, negative; or ``accuracy``, the share of rows on the right
                side of probability .5, which is the letter.
        """
        labels, logits = self._rows.labels, self.logits(sizes).cpu().numpy()
        if kind == "auc":
            return metrics.auc(labels, logits)
        if kind == "logloss":
            return -metrics.logloss(labels, logits)
        return float(np.mean((logits > 0) == (labels > 0)))
