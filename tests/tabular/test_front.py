"""The best allocations within a budget, beside all that there are."""

from itertools import product

import numpy as np
import pytest

from aesbench.tabular.front import SummedFront, climb

SIZES = (1, 2, 4, 8)
CARDINALITIES = (3, 10, 2, 7)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("budget", [22, 23, 40, 60, 100, 176, 1000])
def test_the_best_of_a_sum_are_exact(seed, budget):
    """The first ten, in order, as if all 256 had been looked at."""
    values = np.random.default_rng(seed).normal(size=(4, 4))
    found = SummedFront(CARDINALITIES, SIZES, values).best(budget, 10)
    every = [
        (-sum(values[field][place] for field, place in enumerate(places)), places)
        for places in product(range(4), repeat=4)
        if sum(n * SIZES[place] for n, place in zip(CARDINALITIES, places, strict=True)) <= budget
    ]
    expected = [tuple(SIZES[place] for place in places) for _, places in sorted(every)[:10]]
    assert found == expected


def test_below_the_smallest_there_is_none():
    """22 parameters are size 1 for every field."""
    assert SummedFront(CARDINALITIES, SIZES, np.zeros((4, 4))).best(21, 3) == []


def test_a_climb_stays_within_the_budget_and_improves():
    """The best of a product of two fields, which no sum has."""

    def predict(sizes):
        return np.log2(sizes[:, 0]) * np.log2(sizes[:, 2]) - 0.01 * sizes.sum(1)

    seen = climb([(1, 1, 1, 1), (2, 1, 2, 1)], CARDINALITIES, SIZES, 60, predict)
    assert max(seen, key=seen.get) == (8, 1, 8, 1)
    assert all(np.dot(CARDINALITIES, one) <= 60 for one in seen)
