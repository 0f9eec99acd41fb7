"""What each field's size adds to a score: one effect per field and size, by least squares.

A supernet that ranks allocations badly says nothing of why. Its effects beside those of stand-alone
training do: they name the sizes that it takes for better or worse than they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import linalg, stats

Array = NDArray[np.float64]

_DIGITS = 10
"""LAPACK's last bits depend on its number of threads, the report's bytes must not."""


@dataclass(frozen=True, eq=False)
class Additive:
    """Scores as a sum of effects.

    Attributes:
        effects: ``mean``, ``low``, ``high`` and ``p`` by (field, size), but of fields that have one
            size only: what a size adds above the mean over the field's sizes, Student's 95 %
            interval, and the p of the two-sided test that it is 0, NaN where no residual is left.
        r2: how much of the scores they explain: the adjusted R².
    """

    effects: pd.DataFrame
    r2: float


def fit_effects(scores: ArrayLike, sizes: pd.DataFrame) -> Additive | None:
    """Fit one effect per field and size to scores.

    Args:
        scores: (allocations,).
        sizes: (allocations, fields).

    Returns:
        None for scores or sizes without variance, or too few allocations to tell all effects apart.
    """
    from statsmodels.regression.linear_model import OLS

    varied = sizes.loc[:, sizes.nunique() > 1]
    if varied.empty or np.ptp(scores) == 0:
        return None
    dummies = pd.get_dummies(varied, columns=list(varied), drop_first=True, dtype=float)
    design = np.column_stack([np.ones(len(sizes)), dummies])
    if not np.linalg.matrix_rank(design) == design.shape[1] < len(sizes):
        return None
    fit = OLS(np.asarray(scores), design).fit()
    # The solution tells a field's sizes from its first, here they are told from their mean.
    centres = [(np.eye(count) - 1 / count)[:, 1:] for count in varied.nunique()]
    found = fit.t_test(np.pad(linalg.block_diag(*centres), ((0, 0), (1, 0))))
    means, errors = (np.round(values, _DIGITS) for values in (found.effect, found.sd))
    terms = [(field, size) for field in varied for size in np.unique(varied[field])]
    effects = _estimates(means, errors, int(fit.df_resid))
    effects.index = pd.MultiIndex.from_tuples(terms, names=["field", "size"])
    return Additive(effects, round(float(fit.rsquared_adj), _DIGITS))


def worth(inherited: ArrayLike, alone: ArrayLike) -> pd.Series | None:
    """Return by how much stand-alone scores rise where inherited ones rise by 1.

    Below 1 a supernet exaggerates what an allocation gains, and a price on its size weighs too
    little against it. Inherited scores are taken as they are, without noise.

    Args:
        inherited: (allocations,).
        alone: (allocations,).

    Returns:
        ``mean``, ``low``, ``high`` and ``p``, as of an effect; None for fewer than three
        allocations, or inherited scores without variance.
    """
    ours = np.asarray(inherited)
    if len(ours) < 3 or np.ptp(ours) == 0:
        return None
    found = stats.linregress(ours, alone)
    return _estimates(np.array([found.slope]), np.array([found.stderr]), len(ours) - 2).iloc[0]


def _estimates(means: Array, errors: Array, left: int) -> pd.DataFrame:
    """Return estimates whose standard errors have so many degrees of freedom left."""
    halves = stats.t.ppf(0.975, left) * errors
    ratios = np.divide(np.abs(means), errors, out=np.full_like(means, np.nan), where=errors > 0)
    p = 2 * stats.t.sf(ratios, left)
    return pd.DataFrame({"mean": means, "low": means - halves, "high": means + halves, "p": p})
