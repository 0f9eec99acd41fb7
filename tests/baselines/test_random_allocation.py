"""Random sizes: uniform over the candidates, and over those that use a budget."""

from collections import Counter
from dataclasses import replace

import pytest
import torch

from aesbench.errors import ConfigError
from aesbench_baselines.random_allocation import RandomAllocation, RandomConfig


def searched(context, seed, **settings):
    """The allocation of one seed."""
    seeded = replace(context, generator=torch.Generator().manual_seed(seed))
    return RandomAllocation(RandomConfig(**settings)).search(seeded, None)


def test_every_size_is_drawn_equally_often(context):
    """Of 500 allocations each field's sizes lie within four standard deviations of their share."""
    drawn = [searched(context, seed).dims for seed in range(500)]
    share = 1 / len(context.candidates)
    allowed = 4 * (500 * share * (1 - share)) ** 0.5
    for field in range(len(context.fields)):
        counts = Counter(dims[field] for dims in drawn)
        assert set(counts) == set(context.candidates)
        assert all(abs(count - 500 * share) < allowed for count in counts.values())


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_budget_is_used_but_for_the_slack(make_context, share):
    """Between 98 and 100 % of it, or the context holds no allocation in between."""
    largest = max(make_context().candidates)
    budget = int(share * largest * sum(field.cardinality for field in make_context().fields))
    for seed in range(5):
        found = searched(make_context(budget=budget), seed)
        assert 0.98 * budget <= found.parameters <= budget


def test_the_fullest_allocation_is_taken_where_none_uses_the_budget_whole(make_context):
    """With a slack of nothing, the largest parameter count within the budget is returned."""
    context = make_context(shapes=(("user", 10, 1), ("item", 7, 1)), budget=211)
    counts = {10 * a + 7 * b for a in context.candidates for b in context.candidates}
    expected = max(count for count in counts if count <= 211)
    assert searched(context, 0, slack=0.0).parameters == expected


def test_the_smallest_allocation_is_found_though_no_draw_hits_it(make_context):
    """Of twelve fields' allocations one in 5^12 is the smallest: a few draws miss it."""
    shapes = tuple((f"field{number}", 10, 1) for number in range(12))
    context = make_context(shapes=shapes)
    least = context.candidates[0] * 120
    found = searched(make_context(shapes=shapes, budget=least), 0, draws=10)
    assert found.dims == (context.candidates[0],) * 12


def test_fields_may_be_left_out_but_not_all(make_context):
    """Of two fields with two sizes a quarter of the draws would have none."""
    shapes = (("user", 10, 1), ("item", 7, 1))
    for budget in (None, 14, 34):
        context = make_context(shapes=shapes, candidates=(0, 2), budget=budget)
        found = {searched(context, seed).dims for seed in range(30)}
        assert found == {None: {(2, 2), (0, 2), (2, 0)}, 14: {(0, 2)}, 34: {(2, 2)}}[budget]
    with pytest.raises(ConfigError, match="budget = 13 .* takes 14"):
        searched(make_context(shapes=shapes, candidates=(0, 2), budget=13), 0)


def test_a_budget_below_every_allocation_is_named(make_context):
    """The error says what the smallest allocation takes."""
    with pytest.raises(ConfigError, match="budget = 3 .*of the candidates takes 634"):
        searched(make_context(budget=3), 0)
