"""All fields' vectors of a batch, as a backbone uses them, whatever they lie in.

A backbone that asks for nothing else than this interface exists once, for one model (``Joined``)
and for many that are trained as one (``aesbench.models.packed``): those never lay the vectors side
by side, since a sum over fields of what depends on a value alone is cheaper value by value.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from torch import Tensor, nn


class FieldVectors(ABC):
    """The vectors of all fields; the leading dimensions ``...`` end with the batch."""

    @abstractmethod
    def linear(self, layer: nn.Linear) -> Tensor:
        """Return a layer of all vectors side by side: ``(..., outputs)``."""

    @abstractmethod
    def total(self) -> Tensor:
        """Return the sum over the fields' vectors, all of one width: ``(..., width)``."""

    @abstractmethod
    def squares(self) -> Tensor:
        """Return the sum over the fields of their vectors' squared lengths: ``(...)``."""


class Joined(FieldVectors):
    """Vectors that lie side by side in one row, ``(batch, sum(widths))``."""

    def __init__(self, flat: Tensor, widths: Sequence[int]) -> None:
        self._flat, self._width = flat, widths[0]

    def linear(self, layer: nn.Linear) -> Tensor:
        """Return the layer of the row."""
        outputs: Tensor = layer(self._flat)
        return outputs

    def total(self) -> Tensor:
        """Return the sum of the vectors."""
        return self._flat.view(len(self._flat), -1, self._width).sum(1)

    def squares(self) -> Tensor:
        """Return the sum of the squares of the whole row."""
        return self._flat.square().sum(1)
