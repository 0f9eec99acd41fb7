"""Two methods compared seed by seed.

A seed fixes the data order and the initial weights of whatever both methods share, so that
differences within seeds vary less than the methods' scores do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import special, stats

from aesbench.report.statistics.bootstrap import bootstrap_interval
from aesbench.report.statistics.holm import holm
from aesbench.report.statistics.power import detectable_difference
from aesbench.report.statistics.summary import Summary, summarise


@dataclass(frozen=True)
class Comparison:
    """A method minus another, over the seeds that both have; what n cannot tell is None.

    Attributes:
        difference: its mean, standard deviation and Student's interval; None without a pair.
        boot_low, boot_high: the bootstrap interval of its mean.
        p: of the paired two-sided t-test, which the paper uses.
        wilcoxon_p: of the Wilcoxon signed-rank test. With 5 pairs it can't fall below .0625.
        effect: Cohen's d_z, the mean difference in units of its standard deviation, times Hedges'
            correction for small n.
        detectable: the least true difference that so many pairs would have shown.
        p_holm, wilcoxon_holm: the p-values corrected for the family, once it is known.
    """

    difference: Summary | None = None
    boot_low: float | None = None
    boot_high: float | None = None
    p: float | None = None
    wilcoxon_p: float | None = None
    effect: float | None = None
    detectable: float | None = None
    p_holm: float | None = None
    wilcoxon_holm: float | None = None

    @property
    def n(self) -> int:
        """How many seeds both have."""
        return self.difference.n if self.difference else 0


def compare(ours: Mapping[int, float], theirs: Mapping[int, float]) -> Comparison:
    """Return ours minus theirs, ``{seed: score}`` each; seeds that only one has are left out."""
    differences = [ours[seed] - theirs[seed] for seed in sorted(ours.keys() & theirs.keys())]
    if not differences:
        return Comparison()
    difference = summarise(differences)
    low, high = bootstrap_interval(differences)
    return Comparison(
        difference=difference,
        boot_low=low,
        boot_high=high,
        p=_t_test(difference),
        wilcoxon_p=_wilcoxon(differences),
        effect=_effect(difference),
        detectable=detectable_difference(difference.std, difference.n),
    )


def corrected(family: Mapping[str, Comparison]) -> dict[str, Comparison]:
    """Return the comparisons with their p-values corrected over this family, by Holm."""
    p = holm([one.p for one in family.values()])
    wilcoxon = holm([one.wilcoxon_p for one in family.values()])
    return {
        name: replace(one, p_holm=p[place], wilcoxon_holm=wilcoxon[place])
        for place, (name, one) in enumerate(family.items())
    }


def _t_test(difference: Summary) -> float | None:
    if difference.std is None:
        return None
    if difference.std == 0:  # Two runs of one allocation, say.
        return 1.0 if difference.mean == 0 else 0.0
    statistic = difference.mean / (difference.std / difference.n**0.5)
    return float(2 * stats.t.sf(abs(statistic), difference.n - 1))


def _wilcoxon(differences: Sequence[float]) -> float | None:
    """Return the p-value, exact where no two differences are equal; zeros count for neither."""
    if len(differences) < 2:
        return None
    nonzero = np.array([one for one in differences if one])
    if not len(nonzero):
        return 1.0
    has_ties = len(np.unique(np.abs(nonzero))) < len(nonzero)
    return float(stats.wilcoxon(nonzero, method="approx" if has_ties else "exact").pvalue)


def _effect(difference: Summary) -> float | None:
    if not difference.std:
        return None
    df = difference.n - 1
    correction = special.gamma(df / 2) / ((df / 2) ** 0.5 * special.gamma((df - 1) / 2))
    return float(correction) * difference.mean / difference.std if df > 1 else None
