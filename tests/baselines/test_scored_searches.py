"""Random search, greedy search and evolution: each finds what there is to find, its own way."""

from dataclasses import replace

import numpy as np
import pytest

from aesbench.errors import ConfigError
from aesbench.plugins.method import Evaluation, Spent
from aesbench_baselines.evolution import Evolution, EvolutionConfig
from aesbench_baselines.greedy import Greedy, GreedyConfig
from aesbench_baselines.random_search import RandomSearch, RandomSearchConfig
from aesbench_baselines.tpe import TPE, TPEConfig

BEST = (32, 2, 16, 64)


def score(dims):
    """How near sizes are to the best ones, in doublings."""
    return 1 - float(np.abs(np.log2(dims) - np.log2(BEST)).sum()) / 100


@pytest.fixture
def run(make_context):
    """Run a search on the formula; return what it found and what it scored."""

    def searched(method, **changes):
        seen = []

        def evaluate(allocation):
            seen.append(allocation.dims)
            return Evaluation(score(allocation.dims), 0.5, "looked up", 1.0)

        context = replace(make_context(**changes), evaluator=evaluate, spent=Spent())
        return method.search(context, None), seen

    return searched


def test_greedy_climbs_a_sum_in_one_sweep(run):
    """Four fields of five sizes: 1 + 4 x 4 evaluations, and a second sweep in vain."""
    found, seen = run(Greedy(GreedyConfig(evaluations=60)))
    assert found.dims == BEST and seen[0] == (16,) * 4
    assert BEST in seen[:17] and len(seen) <= 33
    assert [sum(a != b for a, b in zip(seen[0], one, strict=True)) for one in seen[1:5]] == [1] * 4
    assert seen[1][0] == seen[1][2] == seen[1][3] == 16  # The field of 260 values comes first.


def test_greedy_shrinks_the_largest_field_first_within_a_budget(run):
    """It begins with a uniform size that uses the budget."""
    found, seen = run(Greedy(GreedyConfig(evaluations=60)), budget=317 * 8)
    assert seen[0] == (8,) * 4
    assert found.dims == (32, 2, 16, 32) or score(found.dims) >= score((16, 2, 16, 32))
    assert found.parameters <= 317 * 8


def test_evolution_finds_what_random_search_does_not(run):
    """The best of 625 allocations, in 150 evaluations, nearly always."""
    wins = 0
    for seed in range(5):
        evolved, _ = run(Evolution(EvolutionConfig(evaluations=150)), seed=seed)
        drawn, _ = run(RandomSearch(RandomSearchConfig(evaluations=150)), seed=seed)
        wins += score(evolved.dims) >= score(drawn.dims)
        assert score(evolved.dims) > 0.97
    assert wins >= 4


def test_evolution_changes_one_field_of_a_member(run):
    """After the random population each proposal is one mutation away from something seen."""
    _, seen = run(Evolution(EvolutionConfig(evaluations=60, population=10)))
    for number in range(10, 60):
        apart = [sum(a != b for a, b in zip(seen[number], one, strict=True)) for one in seen]
        assert 1 in apart[:number]


@pytest.mark.parametrize(
    "method",
    [
        Evolution(EvolutionConfig(evaluations=40)),
        RandomSearch(RandomSearchConfig(evaluations=40)),
        Greedy(GreedyConfig(evaluations=40)),
    ],
)
def test_budgets_are_kept_and_seeds_repeat(run, method):
    """Nothing over the budget is scored; a seed gives the same again."""
    found, seen = run(method, budget=317 * 12)
    again, seen_again = run(method, budget=317 * 12)
    assert (found, seen) == (again, seen_again)
    rows = np.array([40, 260, 5, 12])
    assert all(rows @ np.array(one) <= 317 * 12 for one in seen)


DROPPING = [
    Greedy(GreedyConfig(evaluations=60)),
    RandomSearch(RandomSearchConfig(evaluations=150)),
    Evolution(EvolutionConfig(evaluations=150)),
    TPE(TPEConfig(evaluations=40, proposals=40)),
]


@pytest.mark.parametrize("method", DROPPING, ids=lambda method: method.name)
def test_a_field_that_harms_is_left_out(make_context, method):
    """Size 0 is best for the second field and the third, and worst for the others."""
    worth = ({0: 0.0, 2: 0.2, 8: 0.1}, {0: 0.2, 2: 0.1, 8: 0.0})
    kinds = (0, 1, 1, 0)

    def evaluate(allocation):
        parts = zip(kinds, allocation.dims, strict=True)
        return Evaluation(sum(worth[kind][dim] for kind, dim in parts), 0.5, "looked up", 1.0)

    context = make_context(candidates=(0, 2, 8))
    found = method.search(replace(context, evaluator=evaluate, spent=Spent()), None)
    assert found.dims == (2, 0, 0, 2)


@pytest.mark.parametrize("budget", [None, 10, 24, 40, 700])
@pytest.mark.parametrize("method", DROPPING, ids=lambda method: method.name)
def test_no_field_at_all_is_never_evaluated(make_context, method, budget):
    """Nor anything over the budget: 10 parameters are size 2 for the five kinds alone."""
    seen = []

    def evaluate(allocation):
        seen.append(allocation)
        return Evaluation(1 - allocation.parameters / 1e6, 0.5, "looked up", 1.0)

    context = make_context(candidates=(0, 2, 8), budget=budget)
    found = method.search(replace(context, evaluator=evaluate, spent=Spent()), None)
    assert seen and all(0 < one.parameters <= (budget or 10**9) for one in seen)
    assert budget != 10 or found.dims == (0, 0, 2, 0)


@pytest.mark.parametrize("method", DROPPING, ids=lambda method: method.name)
def test_a_budget_below_the_smallest_field_is_named(make_context, method):
    """Size 2 for the five kinds takes 10."""
    with pytest.raises(ConfigError, match="budget of 9 .* the smallest has 10; raise --budget"):
        method.search(make_context(candidates=(0, 2, 8), budget=9), None)
