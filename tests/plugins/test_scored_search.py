"""Searches that ask for scores alone: budgets, limits, what is told, what comes of it."""

import random
from dataclasses import dataclass, replace

import pytest
import torch

from aesbench.errors import ConfigError
from aesbench.plugins.method import Evaluation, Spent
from aesbench.plugins.scored_search import ScoredConfig, ScoredSearch, draw_sizes, largest_uniform


@dataclass(frozen=True)
class ListConfig(ScoredConfig):
    """The settings of a list of proposals."""

    owner = "list"


class Listed(ScoredSearch):
    """Proposes what it is told to, and keeps what it is told."""

    name, title, Config = "list", "List", ListConfig
    proposals = ()

    def strategy(self, context, seed):
        self.answers = []
        for sizes in self.proposals:
            self.answers.append((yield sizes))


def searched(context, listed, **settings):
    """The search of some proposals, which scores by the sum of sizes; its result, its scores."""
    seen = []

    def evaluate(allocation):
        seen.append(allocation.dims)
        return Evaluation(sum(allocation.dims) / 1000, 0.5, "looked up", 2.0)

    method = Listed(ListConfig(**settings))
    method.proposals = listed
    found = method.search(replace(context, evaluator=evaluate, spent=Spent()), None)
    return method, found.dims, seen


A, B, C = (2, 2, 2, 2), (8, 2, 2, 2), (64, 64, 64, 64)


def test_the_best_that_was_scored_is_the_result(context):
    """And the strategy is told each score; what it repeats is not scored again."""
    method, found, seen = searched(context, [A, B, A, A, B])
    assert found == B and seen == [A, B]
    assert method.answers == [0.008, 0.014, 0.008, 0.008, 0.014]


def test_what_is_over_the_budget_is_told_and_not_scored(make_context):
    """Size 2 everywhere takes 634."""
    method, found, seen = searched(make_context(budget=900), [A, C, B])
    assert found == B and seen == [A, B] and method.answers == [0.008, None, 0.014]


@pytest.mark.parametrize(
    ("settings", "scored"),
    [({"evaluations": 2}, 2), ({"evaluations": None, "seconds": 3.0}, 2), ({"proposals": 1}, 1)],
)
def test_limits_end_it(context, settings, scored):
    """So many evaluations, their seconds, or so many proposals in vain."""
    _, _, seen = searched(context, [A, A, B, C], **settings)
    assert len(seen) == scored


def test_evaluations_charge_their_cost(context):
    """Trained alone by equal numbers; a fraction of the epochs; or answered by somebody else."""
    from aesbench.core.allocation import Allocation

    allocation = Allocation.uniform(context.fields, 2)
    first, again = (context.evaluate(allocation, fraction=0.5, seed=3) for _ in range(2))
    assert (first.auc, first.logloss) == (again.auc, again.logloss)
    assert first.source == "trained" and context.spent.evaluations == 2
    assert context.spent.seconds == pytest.approx(first.seconds + again.seconds)
    assert context.evaluate(allocation, seed=4).auc != first.auc
    table = replace(
        context, evaluator=lambda _: Evaluation(0.7, 0.5, "predicted", 60.0), spent=Spent()
    )
    assert table.evaluate(allocation).source == "predicted"
    assert (table.spent.evaluations, table.spent.seconds) == (1, 60.0)


def test_random_sizes_use_any_budget(make_context):
    """None is over it; without one all sizes are drawn."""
    source = random.Random(0)
    context = make_context(budget=1500)
    rows = torch.tensor([field.cardinality for field in context.fields])
    drawn = [draw_sizes(context, source) for _ in range(200)]
    assert all(int(torch.tensor(one) @ rows) <= 1500 for one in drawn)
    assert len(set(drawn)) > 20
    free = [draw_sizes(make_context(), source) for _ in range(200)]
    assert {size for one in free for size in one} == set(context.candidates)
    with pytest.raises(ConfigError, match="budget of 100 .*raise --budget"):
        draw_sizes(make_context(budget=100), source)


def test_the_largest_uniform_size_fits(make_context):
    """Of 317 values."""
    assert largest_uniform(make_context()) == 64
    assert largest_uniform(make_context(budget=317 * 20)) == 16


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"evaluations": None}, "list.evaluations = None: expected a number, unless list.seconds"),
        ({"fraction": 2.0}, "list.fraction = 2.0"),
        ({"seconds": -1.0}, "list.seconds = -1.0"),
        ({"proposals": 0}, "list.proposals = 0"),
    ],
)
def test_settings_out_of_range_are_named(settings, words):
    """By the method whose they are."""
    with pytest.raises(ConfigError, match=words):
        ListConfig(**settings)
