"""Methods compared seed by seed.

A seed fixes the data order and the initial weights of whatever both methods share, so that
differences within seeds vary less than the methods' scores do.
"""

from __future__ import annotations

import gc
from collections.abc import Hashable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from scipy import optimize, special, stats

from aesbench.plugins.exhibit import AUC, COUNT, SIGNED, Form, p_value
from aesbench.report.statistics.bootstrap import bootstrap_interval
from aesbench.report.statistics.summary import Summary, summarise

ALPHA = 0.05
POWER = 0.8

FORMS: Mapping[str, Form] = {
    "pairs": COUNT,
    "difference": SIGNED,
    "95 % low": SIGNED,
    "95 % high": SIGNED,
    "bootstrap low": SIGNED,
    "bootstrap high": SIGNED,
    "t-test p": p_value,
    "Holm p": p_value,
    "Wilcoxon p": p_value,
    "Holm Wilcoxon p": p_value,
    "effect size": "{:+.2f}",
    "detectable": AUC,
}
"""{column of a comparison: how it is shown}."""

CAPTION = (
    "Paired by seed; pairs: seeds that both have, several searches of a seed entering as their"
    " mean. Intervals of 95 %: Student's, and the bootstrap's (BCa, 9,999 resamples). p: paired"
    " two-sided t-test, and Wilcoxon's signed-rank test, which with 5 pairs cannot fall below"
    " .0625; each as it is and corrected by Holm over the {family} comparisons of this table."
    " Effect size: Cohen's d_z with Hedges' correction. Detectable: the least true difference that"
    " a t-test at .05, uncorrected, would have found with a power of 80 %; a smaller one that was"
    " not found says nothing."
)

Scores = pd.Series
"""A score per seed: ``{seed: score}``."""
Comparison = Mapping[Hashable, Any]
"""{column of ``FORMS``: its value} of one row; what is not known is None."""


def compare(ours: Scores, theirs: Scores) -> dict[str, float | None]:
    """Return ours minus theirs over the seeds that both have, ``FORMS`` without the corrected p.

    ``pairs`` is how many seeds; what so few cannot tell is None. ``difference`` is the mean with
    Student's interval and the bootstrap's; the tests are the paired two-sided t-test, which is
    undefined for differences without variance, and Wilcoxon's signed-rank test (exact for few
    pairs, with ties too). ``effect size`` is Cohen's d_z with Hedges' correction, ``detectable``
    the least true difference that a t-test of so many pairs finds with a power of ``POWER``.
    """
    seeds = sorted(set(ours.index) & set(theirs.index))
    return dict(_tested(tuple(float(ours[seed]) - float(theirs[seed]) for seed in seeds)))


@cache
def _tested(differences: tuple[float, ...]) -> dict[str, float | None]:
    """Return the comparison that differences by seed come to; several exhibits ask for the same."""
    row: dict[str, float | None] = dict.fromkeys(FORMS)
    row["pairs"] = len(differences)
    if differences:
        found = summarise(differences)
        low, high = bootstrap_interval(differences)
        row |= {"difference": found.mean, "95 % low": found.low, "95 % high": found.high}
        row |= {"bootstrap low": low, "bootstrap high": high}
        row |= {"t-test p": _t_test(found), "Wilcoxon p": _wilcoxon(differences)}
        row |= {"effect size": _effect(found), "detectable": _detectable(found)}
    return row


def versus(scores: Mapping[str, Scores], baseline: str) -> pd.DataFrame:
    """Return every other method minus the baseline: a row each, p corrected over all of them.

    Args:
        scores: {method: its score of each seed}.
        baseline: one of the methods; without it nothing has pairs.

    Returns:
        ``FORMS`` by method, in the order of ``scores``.
    """
    theirs = scores.get(baseline, pd.Series(dtype=float))
    rows = {name: compare(own, theirs) for name, own in scores.items() if name != baseline}
    return corrected(rows)


def corrected(rows: Mapping[str, Mapping[str, float | None]]) -> pd.DataFrame:
    """Return comparisons as a frame, their p-values corrected over this family by Holm."""
    # Not by ``from_dict``, which makes NaN of None.
    frame = pd.DataFrame(list(rows.values()), list(rows), list(FORMS), dtype=object)
    for test in ("t-test", "Wilcoxon"):
        name = "Holm p" if test == "t-test" else f"Holm {test} p"
        frame[name] = pd.Series(holm(list(frame[f"{test} p"])), frame.index, dtype=object)
    return frame


def family(found: pd.DataFrame) -> int:
    """Return over how many comparisons p-values were corrected."""
    return int(found["t-test p"].notna().sum())


def clear(found: pd.DataFrame) -> pd.Series:
    """Return which differences are beyond chance: a corrected p below ``ALPHA``."""
    return found["Holm p"].astype(float) < ALPHA


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Return p-values corrected by Holm, at their places; what is None is not part of the family.

    Holm, "A simple sequentially rejective multiple test procedure", Scand. J. Statist. 6 (1979).
    """
    from statsmodels.stats.multitest import multipletests

    known = [place for place, p in enumerate(p_values) if p is not None]
    adjusted: list[float | None] = [None] * len(p_values)
    if known:
        gc.freeze()  # It collects the garbage of all that is alive, thousands of records for one.
        found = multipletests([p_values[place] for place in known], method="holm")[1]
        gc.unfreeze()
        for place, p in zip(known, found, strict=True):
            adjusted[place] = float(p)
    return adjusted


def t_test(differences: Sequence[float]) -> float | None:
    """Return the p of the paired two-sided t-test; None where differences have no variance."""
    return _t_test(summarise(differences))


def _t_test(difference: Summary) -> float | None:
    if not difference.error:
        return None
    return float(2 * stats.t.sf(abs(difference.mean / difference.error), difference.n - 1))


def _wilcoxon(differences: Sequence[float]) -> float | None:
    if len(differences) < 2:
        return None
    # Zeros count for neither sign; left in, they cost scipy its fast way to the same p.
    nonzero = [one for one in differences if one]
    return float(stats.wilcoxon(np.array(nonzero)).pvalue) if nonzero else 1.0


def _effect(difference: Summary) -> float | None:
    if not difference.std:
        return None
    df = difference.n - 1
    if df < 2:
        return None
    correction = special.poch((df - 1) / 2, 0.5) / (df / 2) ** 0.5  # Of two gamma functions.
    return float(correction) * difference.mean / difference.std


def _detectable(difference: Summary) -> float | None:
    return None if difference.std is None else difference.std * standardised(difference.n)


@cache
def standardised(n: int) -> float:
    """Return the difference that n pairs show with a power of ``POWER``, per standard deviation.

    The far tail is left out: at this power it holds less than 1e-4 even for n = 2. Not by
    statsmodels' ``solve_power``, which for n = 2 ends 3 % short of the root with scipy 1.15.
    """
    critical = stats.t.isf(ALPHA / 2, n - 1)
    shift = optimize.brentq(
        lambda shift: stats.nct.sf(critical, n - 1, shift) - POWER, 0, 10 * critical, xtol=1e-10
    )
    return float(shift / n**0.5)
