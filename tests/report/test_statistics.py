"""Statistics of paired seeds: intervals, tests, corrections, effects, and what n could show."""

import math

import numpy as np
import pytest
from scipy import stats

from aesbench.report.statistics.bootstrap import bootstrap_interval
from aesbench.report.statistics.holm import holm
from aesbench.report.statistics.paired import Comparison, compare, corrected
from aesbench.report.statistics.power import detectable_difference
from aesbench.report.statistics.summary import summarise

SAMPLE = [0.8012, 0.8031, 0.7995, 0.8020, 0.8044, 0.8007]


def by_seed(values):
    """``{seed: value}`` of a list."""
    return dict(enumerate(values))


def test_the_bootstrap_interval_agrees_with_a_percentile_bootstrap_of_our_own():
    """For a symmetric sample BCa is the percentile interval, here of another 200,000 draws."""
    sample = np.array([-2.0, -1.0, -0.5, 0.5, 1.0, 2.0])
    draws = np.random.default_rng(7).choice(sample, (200_000, 6)).mean(1)
    low, high = bootstrap_interval(sample)
    assert (low, high) == pytest.approx(np.quantile(draws, [0.025, 0.975]), abs=0.05)


def test_the_bootstrap_interval_is_the_same_each_time_and_narrower_than_students():
    """It is seeded; and at n = 6 it is too narrow, which is why Student's is the default."""
    first, again = bootstrap_interval(SAMPLE), bootstrap_interval(SAMPLE)
    student = summarise(SAMPLE)
    assert first == again
    assert student.low < first[0] < first[1] < student.high


def test_the_bootstrap_needs_three_values_and_some_spread():
    """Two values say nothing; equal ones have an interval of no width."""
    assert bootstrap_interval([1.0, 2.0]) == (None, None)
    assert bootstrap_interval([0.4] * 5) == (0.4, 0.4)


def test_holm_corrects_the_textbook_example():
    """.005 * 4, .01 * 3, .03 * 2, and .04, which may not fall below the one before it."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_leaves_out_what_is_missing_and_stops_at_one():
    """A missing p-value is no member of the family, and no p-value exceeds 1."""
    assert holm([None, 0.6, 0.7]) == [None, 1.0, 1.0]
    assert holm([]) == []


def test_holm_of_one_is_that_one():
    """A family of one needs no correction."""
    assert holm([0.04]) == [0.04]


def test_the_detectable_difference_is_that_of_the_power_tables():
    """34 pairs are what Cohen's tables ask for d_z = .5 at a power of .8; 33 are too few."""
    assert detectable_difference(1.0, 34) < 0.5 < detectable_difference(1.0, 33)
    assert detectable_difference(2.0, 10) == pytest.approx(2 * 0.996, abs=0.001)  # G*Power's.


@pytest.mark.parametrize("n", [3, 5, 10])
def test_the_detectable_difference_is_detected_in_four_of_five_trials(n):
    """Drawn samples with that true mean are significant in 80 % of cases."""
    mean = detectable_difference(1.0, n)
    samples = np.random.default_rng(n).normal(mean, 1.0, (40_000, n))
    found = stats.ttest_1samp(samples, 0.0, axis=1).pvalue < 0.05
    assert found.mean() == pytest.approx(0.8, abs=0.01)


def test_without_a_deviation_nothing_is_detectable():
    """A single pair has no deviation."""
    assert detectable_difference(None, 1) is None


def test_only_seeds_that_both_have_are_compared():
    """Seeds 1 and 2 are shared: differences 1 and 3, of mean 2."""
    one = compare({0: 9.0, 1: 2.0, 2: 5.0}, {1: 1.0, 2: 2.0, 3: 7.0})
    assert (one.n, one.difference.mean) == (2, 2.0)


def test_methods_without_a_common_seed_do_not_compare():
    """Nothing is said, rather than something of unpaired means."""
    assert compare({0: 1.0}, {1: 2.0}) == Comparison() and Comparison().n == 0


def test_the_tests_agree_with_scipys():
    """The paired t-test and the exact Wilcoxon test, by scipy's own functions for pairs."""
    ours = [0.81, 0.82, 0.79, 0.84, 0.83, 0.806]
    one = compare(by_seed(ours), by_seed(SAMPLE))
    assert one.p == pytest.approx(stats.ttest_rel(ours, SAMPLE).pvalue, rel=1e-9)
    assert one.wilcoxon_p == pytest.approx(stats.wilcoxon(ours, SAMPLE).pvalue, rel=1e-9)


def test_five_pairs_of_one_sign_have_a_wilcoxon_p_of_a_sixteenth():
    """Two of the 2^5 sign patterns are as extreme: it can't fall lower with 5 seeds."""
    one = compare(by_seed([1.0, 2.0, 3.0, 4.0, 5.5]), by_seed([0.0] * 5))
    assert one.wilcoxon_p == 0.0625


def test_the_effect_size_is_hedges_corrected():
    """Differences 1, 2, 3: d_z = 2; the correction of 2 degrees of freedom is 1 / sqrt(pi)."""
    one = compare(by_seed([1.0, 2.0, 3.0]), by_seed([0.0] * 3))
    assert one.effect == pytest.approx(2 / math.sqrt(math.pi))


def test_equal_scores_differ_by_nothing():
    """Two methods that found one allocation: p is 1, and no effect size can be had."""
    one = compare(by_seed(SAMPLE), by_seed(SAMPLE))
    assert (one.p, one.wilcoxon_p, one.effect) == (1.0, 1.0, None)
    assert (one.boot_low, one.boot_high, one.detectable) == (0.0, 0.0, 0.0)


def test_a_constant_difference_is_certain():
    """The same difference in every seed leaves no doubt: parameters of two fixed allocations."""
    one = compare(by_seed([3.0, 3.0, 3.0]), by_seed([1.0, 1.0, 1.0]))
    assert (one.difference.mean, one.p) == (2.0, 0.0)
    assert one.wilcoxon_p is not None and one.wilcoxon_p > 0.05


def test_one_pair_has_a_difference_and_no_test():
    """Without spread there is no p-value to correct."""
    one = compare({0: 2.0}, {0: 1.0})
    assert one.difference.mean == 1.0
    assert (one.p, one.wilcoxon_p, one.effect, one.detectable) == (None,) * 4


def test_a_family_is_corrected_together():
    """Each comparison keeps its own p-value and gains the corrected one."""
    strong = compare(by_seed([1.0, 1.1, 0.9, 1.05]), by_seed([0.0] * 4))
    weak = compare(by_seed([0.5, -0.2, 0.3, 0.1]), by_seed([0.0] * 4))
    alone = compare({0: 1.0}, {0: 0.5})
    family = corrected({"a": strong, "b": weak, "c": alone})
    assert family["a"].p == strong.p and family["a"].p_holm == pytest.approx(2 * strong.p)
    assert family["b"].p_holm == weak.p and family["c"].p_holm is None
    assert family["a"].wilcoxon_holm == min(1.0, 2 * strong.wilcoxon_p)
