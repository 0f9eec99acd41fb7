"""What each field's size adds to a score: one effect per field and size, by least squares.

A supernet that ranks allocations badly says nothing of why. Its effects beside those of stand-alone
training do: they name the sizes that it takes for better or worse than they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Array = NDArray[np.float64]
Term = tuple[int, int]
"""A field's place and one of its sizes."""

_DIGITS = 10
"""LAPACK's last bits depend on its number of threads, the report's bytes must not."""


@dataclass(frozen=True)
class Effect:
    """What a least-squares fit found: what one size of a field adds, say.

    Attributes:
        mean: the estimate, of a size above the mean over the field's sizes.
        low, high: Student's 95 % interval.
        p: of the two-sided test that it is 0; None where the fit leaves no residual.
    """

    mean: float
    low: float
    high: float
    p: float | None


@dataclass(frozen=True)
class Additive:
    """Scores as a sum of effects.

    Attributes:
        effects: of each field and size, but of fields that have one size only.
        r2: how much of the scores they explain: the adjusted R².
    """

    effects: Mapping[Term, Effect]
    r2: float


def fit_effects(scores: Array, sizes: NDArray[np.int64]) -> Additive | None:
    """Fit one effect per field and size to scores.

    Args:
        scores: (allocations,).
        sizes: (allocations, fields).

    Returns:
        None for scores or sizes without variance, or too few allocations to tell all effects apart.
    """
    terms: list[list[Term]] = []
    columns = [np.ones(len(scores))]
    for place, field in enumerate(sizes.T):
        own = np.unique(field).tolist()
        if len(own) > 1:
            terms.append([(place, size) for size in own])
            columns += [(field == size).astype(np.float64) for size in own[1:]]
    design = np.stack(columns, axis=1)
    left = len(scores) - design.shape[1]
    total = float(np.square(scores - scores.mean()).sum())
    is_full = np.linalg.matrix_rank(design) == design.shape[1]
    if left < 1 or total == 0 or not terms or not is_full:
        return None
    solution = np.linalg.lstsq(design, scores, rcond=None)[0]
    variance = float(np.square(scores - design @ solution).sum()) / left
    covariance = np.linalg.inv(design.T @ design) * variance
    means, errors, start = [], [], 1
    for own in terms:
        rows = slice(start, start + len(own) - 1)
        # The solution tells a field's sizes from its first, here they are told from their mean.
        centre = (np.eye(len(own)) - 1 / len(own))[:, 1:]
        means.append(centre @ solution[rows])
        errors.append(np.sqrt(np.diag(centre @ covariance[rows, rows] @ centre.T)))
        start = rows.stop
    effects = _estimates(
        np.concatenate(means).round(_DIGITS), np.concatenate(errors).round(_DIGITS), left
    )
    flat = [term for own in terms for term in own]
    r2 = round(1.0 - variance * (len(scores) - 1) / total, _DIGITS)
    return Additive(dict(zip(flat, effects, strict=True)), r2)


def worth(inherited: Array, alone: Array) -> Effect | None:
    """Return by how much stand-alone scores rise where inherited ones rise by 1.

    Below 1 a supernet exaggerates what an allocation gains, and a price on its size weighs too
    little against it. Inherited scores are taken as they are, without noise.

    Args:
        inherited: (allocations,).
        alone: (allocations,).

    Returns:
        None for fewer than three allocations, or inherited scores without variance.
    """
    left = len(inherited) - 2
    if left < 1 or np.ptp(inherited) == 0:
        return None
    found = stats.linregress(inherited, alone)
    (slope,) = _estimates(np.array([found.slope]), np.array([found.stderr]), left)
    return slope


def _estimates(means: Array, errors: Array, left: int) -> list[Effect]:
    """Return estimates as effects: their standard errors have so many degrees of freedom left."""
    halves = stats.t.ppf(0.975, left) * errors
    ratios = np.divide(np.abs(means), errors, out=np.full_like(means, np.nan), where=errors > 0)
    p_values = 2 * stats.t.sf(ratios, left)
    return [
        Effect(mean, mean - half, mean + half, None if np.isnan(p) else p)
        for mean, half, p in zip(*(a.tolist() for a in (means, halves, p_values)), strict=True)
    ]
