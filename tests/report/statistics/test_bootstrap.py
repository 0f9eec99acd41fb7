"""The bootstrap interval of a mean, Student's check."""

import numpy as np
import pytest

from aesbench.report.statistics.bootstrap import bootstrap_interval
from aesbench.report.statistics.summary import summarise

SAMPLE = [0.8012, 0.8031, 0.7995, 0.8020, 0.8044, 0.8007]


def test_it_agrees_with_a_percentile_bootstrap_of_our_own():
    """For a symmetric sample BCa is the percentile interval, here of another 200,000 draws."""
    sample = np.array([-2.0, -1.0, -0.5, 0.5, 1.0, 2.0])
    draws = np.random.default_rng(7).choice(sample, (200_000, 6)).mean(1)
    low, high = bootstrap_interval(sample)
    assert (low, high) == pytest.approx(np.quantile(draws, [0.025, 0.975]), abs=0.05)


def test_it_is_the_same_each_time_and_narrower_than_students():
    """It is seeded; and at n = 6 it is too narrow, which is why Student's is the default."""
    first, again = bootstrap_interval(SAMPLE), bootstrap_interval(SAMPLE)
    student = summarise(SAMPLE)
    assert first == again
    assert student.low < first[0] < first[1] < student.high


def test_it_needs_three_values_and_some_spread():
    """Two values say nothing; equal ones have an interval of no width."""
    assert bootstrap_interval([1.0, 2.0]) == (None, None)
    assert bootstrap_interval([0.4] * 5) == (0.4, 0.4)
