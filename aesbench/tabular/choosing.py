"""Which surrogate: by cross-validation, the simplest unless a richer one earns its keep."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from aesbench.tabular.surrogate import KINDS, SUMMED, Array, Shape, Surrogate

FOLDS = 10
LENGTHS = (1.0, 2.0, 4.0, 8.0)
NOISES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
SHARES = (0.3, 0.7)
"""The shapes that are tried: all of ``additive``; of the others those of its length and of a noise
nearby."""


@dataclass(frozen=True)
class Chosen:
    """What was chosen, and how well each kind predicts what it was not fitted to.

    Attributes:
        shape: of the surrogate.
        errors: {kind: root mean square error over all folds, of its best shape}.
        explained: share of the variance of the scores that the chosen one predicts.
    """

    shape: Shape
    errors: dict[str, float]
    explained: float

    @property
    def error(self) -> float:
        """Of the chosen one."""
        return self.errors[self.shape.kind]


def choose(sizes: Array, scores: Array) -> Chosen:
    """Return the surrogate of some scores.

    A richer kind is taken where its squared errors are below the simpler one's by more than the
    standard error of that difference, allocation by allocation.

    Args:
        sizes: (allocations, fields).
        scores: (allocations,), the mean over the seeds of each.
    """
    folds = folds_of(len(scores))
    plain = [Shape(KINDS[0], *values) for values in product(LENGTHS, NOISES)]
    best, squares = _best(plain, sizes, scores, folds)
    errors = {best.kind: _root(squares)}
    simple = best
    for kind in KINDS[1:]:
        at = NOISES.index(simple.noise)
        noises = NOISES[max(0, at - 1) : at + 2]
        shares = (0.0,) if kind in SUMMED else SHARES
        shapes = [
            Shape(kind, simple.length, noise, share) for noise, share in product(noises, shares)
        ]
        shape, own = _best(shapes, sizes, scores, folds)
        errors[kind] = _root(own)
        gain = squares - own
        if gain.mean() > gain.std(ddof=1) / len(gain) ** 0.5:
            best, squares = shape, own
    explained = 1 - float(squares.mean()) / max(float(scores.var()), 1e-300)
    return Chosen(best, errors, explained)


def folds_of(count: int) -> NDArray[np.int64]:
    """Return the fold of each of so many allocations: always the same, as even as can be."""
    numbers = [number % min(FOLDS, count) for number in range(count)]
    random.Random(0).shuffle(numbers)
    return np.array(numbers)


def _best(
    shapes: Sequence[Shape], sizes: Array, scores: Array, folds: NDArray[np.int64]
) -> tuple[Shape, Array]:
    """Return the shape with the least cross-validated error, and its squared errors."""
    found = [(_squares(shape, sizes, scores, folds), shape) for shape in shapes]
    squares, shape = min(found, key=lambda one: float(one[0].mean()))
    return shape, squares


def _squares(shape: Shape, sizes: Array, scores: Array, folds: NDArray[np.int64]) -> Array:
    squares = np.empty(len(scores))
    for fold in np.unique(folds):
        out = folds == fold
        fitted = Surrogate(shape, sizes[~out], scores[~out])
        squares[out] = (fitted.predict(sizes[out]) - scores[out]) ** 2
    return squares


def _root(squares: Array) -> float:
    return float(squares.mean() ** 0.5)
