"""A controller network that decides about fields from their popularity and the search's state.

The field-wise form of the network that AutoEmb and ESAPN share: ``Policy`` in the public code
``zgahhblhc/ESAPN``, whose rows are values instead of fields. Its inputs pass a hidden layer of 512
units with tanh and a linear output. There, batch normalisation runs over a batch of values; the few
fields of a data set are no sample of anything, so layer normalisation takes its place here. The
embedding of a value's popularity becomes a learnt vector per field and two measured features.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from aesbench.datasets.base import Field
from aesbench.models.embedding import make_linear

IDENTITY_DIM = 16
HIDDEN = 512  # public code


class FieldController(nn.Module):
    """Maps every field's features and state to logits: linear, layer norm, tanh, linear."""

    def __init__(
        self, fields: Sequence[Field], state_dim: int, outputs: int, generator: torch.Generator
    ) -> None:
        """Make the layers.

        Args:
            fields: the M fields.
            state_dim: how many features the caller adds per field.
            outputs: how many logits per field.
            generator: draws the initial values.
        """
        super().__init__()
        self.identity = nn.Parameter(
            torch.empty(len(fields), IDENTITY_DIM).normal_(generator=generator)
        )
        self.register_buffer("popularity", popularity_features(fields), persistent=False)
        self.popularity: Tensor
        inputs = IDENTITY_DIM + self.popularity.shape[1] + state_dim
        self.hidden = make_linear(inputs, HIDDEN, generator)
        self.norm = nn.LayerNorm(HIDDEN)
        self.output = make_linear(HIDDEN, outputs, generator)

    def forward(self, state: Tensor) -> Tensor:
        """Map ``state (fields, state_dim)`` to logits ``(fields, outputs)``."""
        inputs = torch.cat([self.identity, self.popularity, state], dim=1)
        logits: Tensor = self.output(torch.tanh(self.norm(self.hidden(inputs))))
        return logits


def popularity_features(fields: Sequence[Field]) -> Tensor:
    """Return ``(fields, 2)``: log cardinality and log mean train count, standardised over fields.

    For fields with a value in every row one is the negative of the other, up to a constant. A
    feature in which all fields agree is zero.
    """
    cardinalities = np.array([field.cardinality for field in fields], dtype=np.float64)
    totals = np.array([max(1, int(field.counts.sum())) for field in fields], dtype=np.float64)
    features = np.log(np.stack([cardinalities, totals / cardinalities], axis=1))
    centred = features - features.mean(axis=0)
    spread = centred.std(axis=0)
    standardised = centred / np.where(spread > 1e-12, spread, 1.0)
    return torch.from_numpy(standardised).float()
