"""What a comparison of n pairs could have shown."""

from __future__ import annotations

from functools import cache

from scipy import optimize, stats

ALPHA = 0.05
POWER = 0.8


def detectable_difference(std: float | None, n: int) -> float | None:
    """Return the least true difference that n pairs would show, in the unit of ``std``.

    "Show" means that the paired two-sided t-test at ``ALPHA`` (uncorrected) finds it with
    probability ``POWER``, the pairs' differences having the standard deviation ``std``. A
    difference found to be smaller than this and not significant says nothing: absence of evidence.

    Returns:
        None without a standard deviation.
    """
    return None if std is None else std * _standardised(n)


@cache
def _standardised(n: int) -> float:
    """Return the same in units of the standard deviation; n is at least 2.

    Under a true difference of delta, the statistic has the noncentral t distribution with n - 1
    degrees of freedom and noncentrality delta / std * sqrt(n). Its far tail is left out: at a power
    of .8 it holds less than 1e-4 even for n = 2.
    """
    df = n - 1
    critical = stats.t.isf(ALPHA / 2, df)

    def missing(shift: float) -> float:
        return float(stats.nct.sf(critical, df, shift)) - POWER

    shift = optimize.brentq(missing, 0.0, 10.0 * critical, xtol=1e-10)
    return float(shift / n**0.5)
