"""Bootstrap interval of a mean: the check on Student's, which assumes that means are normal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats

RESAMPLES = 9999
LEAST_VALUES = 3
"""Two values have three resamples: no interval comes of them."""


def bootstrap_interval(
    values: Sequence[float], confidence: float = 0.95
) -> tuple[float | None, float | None]:
    """Return the bias-corrected and accelerated (BCa) bootstrap interval of the mean.

    The generator is seeded, so the same values in the same order give the same bytes. Student's
    interval stays the default everywhere: a bootstrap never sees values beyond the sample's own,
    and for a normal sample of 5 its 95 % interval covers the mean in some 83 % of cases, of 10 in
    some 90 %. Where the two differ much, the sample is skewed or has an outlier.

    Returns:
        low and high; None each for fewer than ``LEAST_VALUES`` values.
    """
    if len(values) < LEAST_VALUES:
        return None, None
    sample = np.asarray(values, dtype=np.float64)
    if sample.min() == sample.max():  # BCa divides by the spread.
        return float(sample[0]), float(sample[0])
    found = stats.bootstrap(
        (sample,),
        np.mean,
        confidence_level=confidence,
        n_resamples=RESAMPLES,
        method="BCa",
        random_state=np.random.Generator(np.random.PCG64(0)),
    ).confidence_interval
    return float(found.low), float(found.high)
