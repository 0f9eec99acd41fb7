"""The Pareto front."""

import pytest

from aesbench.report.statistics.pareto_front import pareto_front


@pytest.mark.parametrize(
    ("costs", "gains", "front"),
    [
        ([1, 2, 3], [0.5, 0.7, 0.6], [0, 1]),
        ([3, 1, 2], [0.9, 0.1, 0.1], [1, 0]),
        ([1, 1, 1], [0.5, 0.7, 0.7], [1]),
        ([2, 1], [0.5, 0.5], [1]),
        ([], [], []),
    ],
)
def test_the_front_holds_what_nothing_beats(costs, gains, front):
    """Cheapest first; of equal points the first."""
    assert pareto_front(costs, gains) == front
