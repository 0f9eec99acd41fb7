"""Summaries of one sample: mean, standard deviation, and the interval of the mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import fsum

from scipy import stats

from aesbench.errors import RecordError


@dataclass(frozen=True)
class Summary:
    """A sample in four numbers; what a single value cannot tell is None.

    Attributes:
        n: how many values.
        mean: their mean.
        std: their standard deviation, with n - 1 in the denominator.
        low, high: the interval of the mean.
    """

    n: int
    mean: float
    std: float | None
    low: float | None
    high: float | None

    @property
    def half(self) -> float | None:
        """Half the width of the interval."""
        return None if self.high is None else self.high - self.mean

    @property
    def error(self) -> float | None:
        """The standard error of the mean."""
        return None if self.std is None else self.std / self.n**0.5


def summarise(values: Sequence[float], confidence: float = 0.95) -> Summary:
    """Summarise a sample, with Student's t interval for its mean.

    With the 3 to 10 seeds of a usual study a bootstrap interval of the mean is too narrow (at
    n = 5 it covers about 83 %), since it never sees values beyond the sample's own; t allows for
    the unknown variance. It assumes that the mean over seeds is about normal. Sums are exact, so
    that equal values have no spread and their order changes no digit.

    Raises:
        RecordError: there are no values.
    """
    sample = [float(value) for value in values]
    n = len(sample)
    if n == 0:
        raise RecordError("a summary needs at least one value; no run of this row succeeded")
    is_constant = min(sample) == max(sample)
    mean = sample[0] if is_constant else fsum(sample) / n
    if n == 1:
        return Summary(n, mean, None, None, None)
    std = 0.0 if is_constant else (fsum((v - mean) ** 2 for v in sample) / (n - 1)) ** 0.5
    half = _quantile((1 + confidence) / 2, n - 1) * std / n**0.5
    return Summary(n, mean, std, mean - half, mean + half)


@cache
def _quantile(share: float, df: int) -> float:
    return float(stats.t.ppf(share, df))
