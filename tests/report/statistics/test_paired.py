"""Methods compared seed by seed; the libraries held against independent computations."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats
from statsmodels.stats.power import TTestPower

from aesbench.report.statistics.paired import (
    ALPHA,
    FORMS,
    POWER,
    clear,
    compare,
    corrected,
    family,
    holm,
    versus,
)

SAMPLE = [0.8012, 0.8031, 0.7995, 0.8020, 0.8044, 0.8007]
OTHER = [0.81, 0.82, 0.79, 0.84, 0.83, 0.806]


def found(ours, theirs=0.0):
    """The comparison of two lists of scores, or of one with a constant."""
    one = pd.Series(ours, dtype=float)
    return compare(one, pd.Series(theirs, one.index))


# Holm's correction


def by_definition(p_values):
    """Holm's adjusted p-values as he defines them: the reference for statsmodels'."""
    known = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    adjusted = [None] * len(p_values)
    largest = 0.0
    for rank, (p, place) in enumerate(known):
        largest = max(largest, min(1.0, (len(known) - rank) * p))
        adjusted[place] = largest
    return adjusted


def test_holm_corrects_the_textbook_example():
    """.005 * 4, .01 * 3, .03 * 2, and .04, which may not fall below the one before it."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@pytest.mark.parametrize("seed", range(5))
def test_holm_is_that_of_the_definition(seed):
    """Families of up to 30, with equal p-values and missing ones among them."""
    draw = np.random.default_rng(seed)
    p_values = [round(p, 2) if p < 0.9 else None for p in draw.uniform(size=draw.integers(1, 30))]
    ours, expected = holm(p_values), by_definition(p_values)
    assert [p is None for p in ours] == [p is None for p in expected]
    assert [p for p in ours if p is not None] == pytest.approx(
        [p for p in expected if p is not None], rel=1e-12
    )


def test_holm_leaves_out_what_is_missing_and_stops_at_one():
    """A missing p-value is no member of the family, and no p-value exceeds 1."""
    assert holm([None, 0.6, 0.7]) == [None, 1.0, 1.0]
    assert holm([]) == [] and holm([None]) == [None]


def test_holm_of_one_is_that_one():
    """A family of one needs no correction."""
    assert holm([0.04]) == [0.04]


def test_holm_leaves_the_garbage_collector_as_it_was():
    """What it froze for a moment is collected as before."""
    import gc

    holm([0.5, 0.6])
    assert gc.isenabled() and gc.get_freeze_count() == 0


# What so many pairs would have shown


def detectable(n):
    """The detectable difference of n pairs in units of their standard deviation."""
    one = found([(-1.0) ** k for k in range(n)])
    return one["detectable"] / np.std([(-1.0) ** k for k in range(n)], ddof=1)


def test_the_detectable_difference_is_that_of_the_power_tables():
    """34 pairs are what Cohen's tables ask for d_z = .5 at a power of .8; 33 are too few."""
    assert detectable(34) < 0.5 < detectable(33)
    assert detectable(10) == pytest.approx(0.996, abs=0.001)  # G*Power's.


@pytest.mark.parametrize("n", [3, 4, 5, 8, 10, 20, 100])
def test_the_detectable_difference_is_that_of_statsmodels(n):
    """Which adds the far tail, of less than 1e-4."""
    expected = TTestPower().solve_power(nobs=n, alpha=ALPHA, power=POWER)
    assert detectable(n) == pytest.approx(expected, rel=1e-4)


def test_two_pairs_show_what_is_eleven_deviations_large():
    """P(Z + s > t |V|) = .8 for normal Z and V, integrated: the critical t is 12.71."""
    critical, shift = stats.t.isf(ALPHA / 2, 1), detectable(2) * 2**0.5
    found = integrate.quad(
        lambda v: 2 * stats.norm.pdf(v) * stats.norm.cdf(shift - critical * v), 0, 10
    )[0]
    assert found == pytest.approx(POWER, abs=1e-8)


@pytest.mark.parametrize("n", [3, 5, 10])
def test_the_detectable_difference_is_detected_in_four_of_five_trials(n):
    """Drawn samples with that true mean are significant in 80 % of cases."""
    samples = np.random.default_rng(n).normal(detectable(n), 1.0, (40_000, n))
    is_found = stats.ttest_1samp(samples, 0.0, axis=1).pvalue < 0.05
    assert is_found.mean() == pytest.approx(0.8, abs=0.01)


# One comparison


def test_only_seeds_that_both_have_are_compared():
    """Seeds 1 and 2 are shared: differences 1 and 3, of mean 2."""
    one = compare(pd.Series({0: 9.0, 1: 2.0, 2: 5.0}), pd.Series({1: 1.0, 2: 2.0, 3: 7.0}))
    assert (one["pairs"], one["difference"]) == (2, 2.0)


def test_methods_without_a_common_seed_do_not_compare():
    """Nothing is said, rather than something of unpaired means."""
    one = compare(pd.Series({0: 1.0}), pd.Series({1: 2.0}))
    assert one == {**dict.fromkeys(FORMS), "pairs": 0}


def test_what_a_comparison_gives_may_be_changed():
    """Several exhibits ask for the same one: each has its own."""
    found(SAMPLE)["difference"] = 7
    assert found(SAMPLE)["difference"] == pytest.approx(np.mean(SAMPLE))


def test_the_tests_agree_with_scipys():
    """The paired t-test and the exact Wilcoxon test, by scipy's own functions for pairs."""
    one = found(OTHER, SAMPLE)
    assert one["t-test p"] == pytest.approx(stats.ttest_rel(OTHER, SAMPLE).pvalue, rel=1e-9)
    assert one["Wilcoxon p"] == pytest.approx(stats.wilcoxon(OTHER, SAMPLE).pvalue, rel=1e-9)
    interval = stats.ttest_rel(OTHER, SAMPLE).confidence_interval(0.95)
    assert (one["95 % low"], one["95 % high"]) == pytest.approx(tuple(interval), rel=1e-9)


def by_signs(differences):
    """Wilcoxon's p-value by all patterns of signs, zeros left out: the reference."""
    values = np.array([one for one in differences if one])
    ranks = stats.rankdata(abs(values))
    signs = np.array(np.meshgrid(*[[-1, 1]] * len(values))).reshape(len(values), -1).T
    sums = abs(signs @ ranks)
    return (sums >= abs(np.sign(values) @ ranks) - 1e-9).mean()


@pytest.mark.parametrize(
    ("differences", "p"),
    [
        ([1.0, 2.0, 3.0, 4.0, 5.5], 0.0625),
        ([1.0] * 5, 0.0625),
        ([1.0, 1.0, 2.0, 3.0, 4.0], 0.0625),
        ([0.5] * 4, 0.125),
        ([1.0, 1.0, -2.0, 3.0, 3.0, 4.0], None),
        ([0.0, 0.0, 1.0, 2.0, 3.0], 0.25),
    ],
)
def test_wilcoxons_test_is_exact_with_ties_too(differences, p):
    """Two of the 2^5 sign patterns are as extreme as five of one sign: it can't fall lower."""
    one = found(differences)["Wilcoxon p"]
    assert one == pytest.approx(by_signs(differences)) and (p is None or one == pytest.approx(p))


def test_the_effect_size_is_hedges_corrected():
    """Differences 1, 2, 3: d_z = 2; the correction of 2 degrees of freedom is 1 / sqrt(pi)."""
    assert found([1.0, 2.0, 3.0])["effect size"] == pytest.approx(2 / math.sqrt(math.pi))


def test_the_correction_of_many_pairs_is_next_to_one():
    """At 500 it is 1 - 3 / (4 df - 1), Hedges' approximation, and no overflow of the gamma."""
    draw = np.random.default_rng(0).normal(1.0, 1.0, 500)
    expected = (1 - 3 / (4 * 499 - 1)) * draw.mean() / draw.std(ddof=1)
    assert found(draw)["effect size"] == pytest.approx(expected, rel=1e-6)


def test_equal_scores_differ_by_nothing():
    """Two methods that found one allocation: without variance there is no t-test and no effect."""
    one = found(SAMPLE, SAMPLE)
    assert (one["difference"], one["95 % low"], one["bootstrap high"], one["detectable"]) == (
        0,
    ) * 4
    assert (one["t-test p"], one["effect size"], one["Wilcoxon p"]) == (None, None, 1.0)


def test_a_constant_difference_has_no_t_test():
    """The same difference in every seed, parameters of two given allocations: no variance."""
    one = found([3.0, 3.0, 3.0], [1.0, 1.0, 1.0])
    assert (one["difference"], one["95 % low"], one["t-test p"]) == (2.0, 2.0, None)
    assert one["Wilcoxon p"] == pytest.approx(0.25)


def test_one_pair_has_a_difference_and_no_test():
    """Without spread there is no p-value to correct."""
    one = compare(pd.Series({0: 2.0}), pd.Series({0: 1.0}))
    assert one == {**dict.fromkeys(FORMS), "pairs": 1, "difference": 1.0}


# A family of comparisons


STRONG, WEAK = [1.0, 1.1, 0.9, 1.05], [0.5, -0.2, 0.3, 0.1]


def test_a_family_is_corrected_together():
    """Each comparison keeps its own p-value and gains the corrected one; a single pair has none."""
    strong, weak = found(STRONG), found(WEAK)
    frame = corrected({"a": strong, "b": weak, "c": found([0.5])})
    assert list(frame.columns) == list(FORMS) and family(frame) == 2
    assert frame.loc["a", "t-test p"] == strong["t-test p"]
    assert frame.loc["a", "Holm p"] == pytest.approx(2 * strong["t-test p"])
    assert frame.loc["b", "Holm p"] == weak["t-test p"] and frame.loc["c", "Holm p"] is None
    assert frame.loc["a", "Holm Wilcoxon p"] == min(1.0, 2 * strong["Wilcoxon p"])
    assert clear(frame).to_dict() == {"a": True, "b": False, "c": False}


def test_every_other_method_is_compared_with_the_baseline():
    """In the order of the scores; without the baseline there are no pairs, and no correction."""
    scores = {"a": pd.Series(STRONG), "base": pd.Series([0.0] * 4), "b": pd.Series(WEAK)}
    frame = versus(scores, "base")
    assert list(frame.index) == ["a", "b"] and list(frame["pairs"]) == [4, 4]
    assert frame.loc["a", "difference"] == pytest.approx(np.mean(STRONG))
    without = versus(scores, "nobody")
    assert list(without.index) == ["a", "base", "b"] and not without["pairs"].any()
    assert family(without) == 0 and not clear(without).any()


def test_a_family_of_none_has_the_columns():
    """Nothing but the baseline ran."""
    frame = versus({"base": pd.Series([1.0])}, "base")
    assert len(frame) == 0 and list(frame.columns) == list(FORMS)
