"""Bisection: the last float that fits, from either side."""

import math

import pytest

from aesbench.search.bisection import doubled_until, last_fitting


@pytest.mark.parametrize(("inside", "outside"), [(0.0, 1.0), (1.0, 0.0)])
@pytest.mark.parametrize("turn", [0.3, 1e-300, 0.9999999999999999])
def test_the_two_numbers_are_neighbours(inside, outside, turn):
    """The first fits, the next float does not; also where the turn is next to an end."""
    seen = []

    def fits(number):
        seen.append(number)
        return (number < turn) == (inside < outside)

    found, exceeds = last_fitting(fits, inside, outside)
    assert math.nextafter(found, exceeds) == exceeds
    assert (found < turn <= exceeds) if inside < outside else (exceeds < turn <= found)
    assert 0.0 not in seen and 1.0 not in seen  # What is known is not asked again.


def test_doubling_begins_with_the_start():
    """2 * 3 is too little, 4 * 3 is enough."""
    assert doubled_until(lambda number: number >= 10, 3.0) == 12.0
    assert doubled_until(lambda number: number >= 2, 3.0) == 3.0
