"""What allocations that nobody trained would have scored: Gaussian-process regression over sizes.

A field's size counts as its logarithm, so that 2 and 4 are as far apart as 32 and 64. Four kinds
of kernels, the simplest first:

- ``additive``: a smooth function of each field's size, summed over the fields;
- ``weighted``: the same, where fields weigh by what ``additive`` found their effect to be worth;
- ``pairs``: and, so weighted, a function of the sizes of every two fields;
- ``product``: and, in place of that, one of all sizes together.

Means
of posteriors only, as of kernel ridge regression (Rasmussen & Williams, "Gaussian Processes for
Machine Learning", 2006, eq. 2.25).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

KINDS = ("additive", "weighted", "pairs", "product")
SUMMED = KINDS[:2]
LEAST_WEIGHT = 0.02
"""Of a field, as a share of the heaviest: its effect was found with an error."""


@dataclass(frozen=True)
class Shape:
    """What is fitted.

    Attributes:
        kind: one of ``KINDS``.
        length: over how many doublings of a size scores resemble each other.
        noise: variance of a single score about the surrogate, as a share of what it explains.
        share: of interactions in the kernel; 0 without.
    """

    kind: str
    length: float
    noise: float
    share: float = 0.0


class Surrogate:
    """A fitted surrogate.

    Attributes:
        shape: of it.
        mean: of the scores that it was fitted to.
    """

    def __init__(self, shape: Shape, sizes: Array, scores: Array) -> None:
        """Fit.

        Args:
            shape: of the surrogate.
            sizes: (allocations, fields).
            scores: (allocations,).
        """
        self.shape = shape
        self.mean = float(scores.mean())
        self._places = np.log2(sizes)
        fields = sizes.shape[1]
        self._weights: Array = np.full(fields, 1 / fields)
        if shape.kind != KINDS[0]:
            plain = Surrogate(Shape(KINDS[0], shape.length, shape.noise), sizes, scores)
            effects = [plain.effect(n, sizes[:, n]) for n in range(fields)]
            worth = np.array([float(effect.var()) for effect in effects])
            worth = np.maximum(worth, LEAST_WEIGHT * max(float(worth.max()), 1e-300))
            weights: Array = worth / worth.sum()
            self._weights = weights
        kernel = self._kernel(self._places)
        kernel[np.diag_indices_from(kernel)] += shape.noise
        self._dual = np.asarray(np.linalg.solve(kernel, scores - self.mean), np.float64)

    def predict(self, sizes: Array) -> Array:
        """Return the scores expected of allocations ``(allocations, fields)``."""
        found: Array = self.mean + self._kernel(np.log2(sizes)) @ self._dual
        return found

    def effect(self, field: int, sizes: Array) -> Array:
        """Return what sizes of one field add, of the part that is summed over fields."""
        near = self._near(np.log2(sizes)[:, None], self._places[:, field][None, :])
        found: Array = near @ self._dual * ((1 - self.shape.share) * self._weights[field])
        return found

    def _near(self, one: Array, other: Array) -> Array:
        near: Array = np.exp(-0.5 * ((one - other) / self.shape.length) ** 2)
        return near

    def _kernel(self, places: Array) -> Array:
        """Return the kernel ``(places, allocations fitted to)``; 1 between equal ones."""
        share, fields = self.shape.share, places.shape[1]
        each = self._near(places[:, None, :], self._places[None, :, :])  # (places, fitted, fields)
        kernel: Array = (1 - share) * (each @ self._weights)
        if self.shape.kind == "pairs":
            own = each @ self._weights
            alone = each**2 @ self._weights**2
            kernel += share * (own**2 - alone) / (1 - (self._weights**2).sum())
        elif self.shape.kind == "product":
            # Weights of mean 1, so that the length keeps its meaning.
            kernel += share * np.exp(np.log(each) @ (self._weights * fields))
        return kernel
