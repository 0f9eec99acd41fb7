"""A controller network that decides about units from their popularity and the search's state.

A unit is a field, or values of one field that are about as popular. The inputs, a learnt vector per
unit, its popularity and what the caller adds, pass a hidden layer of 512 units with tanh and a
linear output. It follows a network of public code, which the methods that use it cite: its rows are
the values of a batch, and a learnt vector is that of a popularity. Batch normalisation there runs
over a batch of values; the few fields of a data set are no sample of anything, so layer
normalisation takes its place here.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from aesbench.models.embedding import make_linear
from aesbench.search.standardise import standardised
from aesbench.search.units import Units

IDENTITY_DIM = 16
HIDDEN = 512  # public code


class Controller(nn.Module):
    """Maps every unit's features and state to logits: linear, layer norm, tanh, linear."""

    def __init__(
        self, units: Units, state_dim: int, outputs: int, generator: torch.Generator
    ) -> None:
        """Make the layers.

        Args:
            units: what to decide about.
            state_dim: how many features the caller adds per unit.
            outputs: how many logits per unit.
            generator: draws the initial values.
        """
        super().__init__()
        self.identity = nn.Parameter(
            torch.empty(len(units), IDENTITY_DIM).normal_(generator=generator)
        )
        self.register_buffer("popularity", popularity_features(units), persistent=False)
        self.popularity: Tensor
        inputs = IDENTITY_DIM + self.popularity.shape[1] + state_dim
        self.hidden = make_linear(inputs, HIDDEN, generator)
        self.norm = nn.LayerNorm(HIDDEN)
        self.output = make_linear(HIDDEN, outputs, generator)

    def forward(self, state: Tensor) -> Tensor:
        """Map ``state (units, state_dim)`` to logits ``(units, outputs)``."""
        inputs = torch.cat([self.identity, self.popularity, state], dim=1)
        logits: Tensor = self.output(torch.tanh(self.norm(self.hidden(inputs))))
        return logits


def popularity_features(units: Units) -> Tensor:
    """Return ``(units, 2)``: log number of values and log mean train count, standardised.

    For fields with a value in every row one is the negative of the other, up to a constant. A
    feature in which all units agree is zero.
    """
    rows = np.array([unit.rows for unit in units], dtype=np.float64)
    counts = np.array([max(1, unit.count) for unit in units], dtype=np.float64)
    return standardised(np.log(np.stack([rows, counts / rows], axis=1)))
