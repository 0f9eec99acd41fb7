"""AdaS&S's policy without a supernet."""

from dataclasses import replace

import numpy as np
import pytest

from aesbench.plugins.method import Evaluation, Spent
from aesbench_methods.adass.policy_search import AdaSSPolicy, PolicySearchConfig

BEST = (32, 2, 16, 64)


@pytest.fixture
def run(make_context):
    """Run the search on a formula; return what it found and what it scored."""

    def searched(budget=None, **settings):
        seen = []

        def evaluate(allocation):
            seen.append(allocation.dims)
            apart = np.abs(np.log2(allocation.dims) - np.log2(BEST)).sum()
            return Evaluation(1 - float(apart) / 100, 0.5, "looked up", 1.0)

        context = replace(make_context(budget=budget), evaluator=evaluate, spent=Spent())
        return AdaSSPolicy(PolicySearchConfig(**settings)).search(context, None), seen

    return searched


def test_it_finds_the_best_sizes(run):
    """Or next to them, of 625 allocations, in 300 evaluations or a few more."""
    found, seen = run(evaluations=300)
    assert len(seen) == len(set(seen)) <= 300 + 8
    assert np.abs(np.log2(found.dims) - np.log2(BEST)).sum() <= 1


def test_it_ends_by_seconds_and_by_few_evaluations(run):
    """The update in progress is ended; fewer evaluations than the unit takes are enough."""
    _, seen = run(evaluations=None, seconds=30.0)
    assert 30 <= len(seen) <= 38
    found, seen = run(evaluations=3)
    assert len(seen) <= 3 and found.dims in seen


def test_it_keeps_to_a_budget(run):
    """Nothing over it is scored."""
    found, seen = run(budget=317 * 12, evaluations=40)
    rows = np.array([40, 260, 5, 12])
    assert all(rows @ np.array(one) <= 317 * 12 for one in [*seen, found.dims])
