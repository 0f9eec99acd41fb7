"""The Pareto front."""

import numpy as np
import pytest

from aesbench.report.statistics.pareto_front import pareto_front

NAN = np.nan


@pytest.mark.parametrize(
    ("costs", "gains", "front"),
    [
        ([1, 2, 3], [0.5, 0.7, 0.6], [True, True, False]),
        ([3, 1, 2], [0.9, 0.1, 0.1], [True, True, False]),
        ([2, 1], [0.5, 0.5], [False, True]),
        ([1, 1, 1], [0.5, 0.7, 0.7], [False, True, True]),
        ([], [], []),
    ],
)
def test_the_front_holds_what_nothing_beats(costs, gains, front):
    """Of one seed; equal points are both on it."""
    assert list(pareto_front([costs], [gains])) == front


def test_points_meet_over_the_seeds_that_both_have():
    """Seed 1 is easy: whoever has it has the higher mean, and beats nobody by it."""
    costs = [[1, 1], [1, NAN]]
    assert list(pareto_front(costs, [[0.5, 0.6], [0.9, NAN]])) == [False, True]
    assert list(pareto_front(costs, [[0.6, 0.6], [0.9, NAN]])) == [True, True]


def test_points_without_a_common_seed_do_not_beat_each_other():
    """Nothing tells which is better."""
    assert list(pareto_front([[1, NAN], [NAN, 2]], [[0.9, NAN], [NAN, 0.1]])) == [True, True]
