"""Summaries of one sample: the mean, its spread, and Student's interval."""

import numpy as np
import pytest
from scipy import stats

from aesbench.errors import RecordError
from aesbench.report.statistics.summary import Summary, summarise


def test_the_interval_of_three_values_is_students():
    """For 1, 2, 3: mean 2, deviation 1, and 4.3027 / sqrt(3) from the mean on either side."""
    half = 0.95 * (2 / (1 - 0.95**2)) ** 0.5 / 3**0.5  # t with 2 degrees of freedom, closed form.
    found = summarise([1.0, 2.0, 3.0])
    assert (found.n, found.mean, found.std) == (3, 2.0, 1.0)
    # The oldest scipy allowed computes this quantile to ten digits.
    assert (found.low, found.high) == pytest.approx((2 - half, 2 + half), rel=1e-9)
    assert (found.half, found.error) == pytest.approx((half, 3**-0.5), rel=1e-9)


@pytest.mark.parametrize("confidence", [0.95, 0.99])
def test_the_interval_agrees_with_scipys(confidence):
    """Another road to the same interval: scipy's, from the standard error."""
    values = np.random.default_rng(0).normal(size=7)
    found = summarise(list(values), confidence)
    expected = stats.t.interval(confidence, 6, loc=values.mean(), scale=stats.sem(values))
    assert (found.low, found.high) == pytest.approx(expected, rel=1e-12)


def test_one_value_has_a_mean_and_no_spread():
    """A single run says nothing of the spread: it is missing, neither 0 nor NaN."""
    found = summarise([0.5])
    assert found == Summary(1, 0.5, None, None, None)
    assert found.half is None and found.error is None


def test_equal_values_have_no_spread():
    """Three times 0.4 has the mean 0.4 and the deviation 0, to the last bit."""
    assert summarise([0.4] * 3) == Summary(3, 0.4, 0.0, 0.4, 0.4)


def test_the_order_of_values_changes_no_digit():
    """Sums are exact: records may be read in any order."""
    values = list(np.random.default_rng(0).normal(size=9) * 10.0 ** np.arange(-4, 5))
    assert summarise(values) == summarise(values[::-1]) == summarise(sorted(values))


def test_no_value_has_no_summary():
    """It is an error, and no warning of numpy's."""
    with pytest.raises(RecordError, match="at least one value"):
        summarise([])
