"""NIS: blocks and their masks, reward, cost and baseline, and choices within a budget."""

from itertools import product

import numpy as np
import pytest
import torch

from aesbench import Block
from aesbench.core.settings import build_config
from aesbench.errors import ConfigError
from aesbench.testing import tiny_context
from aesbench_baselines.nis import (
    NIS,
    BlocksEmbedding,
    Controller,
    NISConfig,
    corners,
    excess,
    staircases,
)

CANDIDATES = (2, 8, 16)


def controller_of(rows=((1, 2, 3), (4, 5, 6)), form="me", groups=3, **settings):
    """A controller over fields with so many values in their row groups."""
    config = NISConfig(form=form, row_groups=groups, **settings)
    return Controller(rows, CANDIDATES, config)


def test_choices_are_corners_or_staircases():
    """S T + 1 corners; of (S + 1)^T tuples those that never rise: 126 for S = 4 and T = 5."""
    found = corners(2, 3)
    assert len(found) == 2 * 3 + 1 == len(set(found))
    assert (0, 0, 0) in found and (2, 2, 0) in found and (1, 1, 1) in found
    assert (2, 1, 0) not in found
    stairs = staircases(2, 3)
    assert (2, 1, 0) in stairs and (1, 2, 0) not in stairs and set(found) < set(stairs)
    assert len(staircases(4, 5)) == 126


def test_masks_are_those_of_the_blocks():
    """A value of row group g has the column groups t with g < r_t: by hand, value by value."""
    context = tiny_context(shapes=(("a", 4, 1), ("b", 3, 1)), candidates=CANDIDATES)
    embedding = BlocksEmbedding(context, [(1, 1, 2), (2, 1)], 3)
    embedding.cuts = torch.tensor([[3, 2, 1], [1, 0, 0]])
    rows = torch.tensor([[0, 4], [1, 5], [2, 6], [3, 4]])
    masks = embedding.of_values(torch.ones(4, 2, 16), rows, range(2))
    lengths = masks.sum(2)
    assert lengths.tolist() == [[16, 2], [8, 2], [2, 0], [2, 2]]
    for mask in masks.view(-1, 16):
        length = int(mask.sum())
        assert mask.tolist() == [1.0] * length + [0.0] * (16 - length)
    second = embedding.of_values(torch.ones(4, 1, 16), rows[:, 1:], [1])
    assert second.sum(2).tolist() == [[2], [2], [0], [2]]


def test_costs_are_the_parameters_of_the_blocks():
    """Rows times widths, 2, 6 and 8, by hand; and those of the allocation that is built."""
    controller = controller_of(rows=((1, 2, 3),))
    number = controller.choices.tolist().index([3, 2, 1])
    assert controller.costs[0, number] == 6 * 2 + 3 * 6 + 1 * 8
    context = tiny_context(shapes=(("a", 6, 1),), candidates=CANDIDATES)
    with torch.no_grad():
        controller.logits[0, [0, 1, 2], [3, 2, 1]] = 50.0
    found = controller.allocation(context.fields, None)
    assert found.blocks == ((Block(1, 16), Block(2, 8), Block(3, 2)),)
    assert found.parameters == controller.costs[0, number]


def test_probabilities_of_staircases_by_brute_force():
    """The product of each column's softmax, conditioned on tuples that never rise."""
    controller = controller_of(rows=((1, 2, 3),))
    controller.logits = torch.randn(1, 3, 4, generator=torch.Generator().manual_seed(0))
    columns = controller.logits[0].softmax(1).numpy()
    weights = {
        cuts: np.prod([columns[t, r] for t, r in enumerate(cuts)])
        for cuts in product(range(4), repeat=3)
        if cuts[0] >= cuts[1] >= cuts[2]
    }
    total = sum(weights.values())
    found = controller.log_probabilities(controller.logits)[0].exp().tolist()
    assert len(found) == len(weights)
    for cuts, probability in zip(controller.choices.tolist(), found, strict=True):
        assert probability == pytest.approx(weights[tuple(cuts)] / total, rel=1e-4)


@pytest.mark.parametrize("form", ["se", "me"])
def test_a_field_of_few_row_groups_has_no_choice_of_others(form):
    """A single group: r is 0 or 1 in every drawn choice."""
    controller = controller_of(rows=((6,), (1, 2, 3)), form=form)
    generator = torch.Generator().manual_seed(0)
    cuts = torch.stack([controller.cuts(controller.draw(generator)) for _ in range(200)])
    assert set(cuts[:, 0].unique().tolist()) == {0, 1}
    assert set(cuts[:, 1].unique().tolist()) == {0, 1, 2, 3}
    assert controller.everything.tolist() == [[1, 1, 1], [3, 3, 3]]


def test_the_excess_over_the_budget_costs():
    """max(0, cost / C - 1)."""
    assert [excess(n, 100) for n in (0, 100, 150)] == pytest.approx([0, 0, 0.5])


def test_logits_ascend_the_advantage():
    """By hand for SE: the gradient of log p of the drawn choice is one-hot less p, times it."""
    controller = controller_of(form="se", baseline_decay=0.9, controller_learning_rate=0.5)
    drawn = torch.tensor([2, 5])
    controller.learn(drawn, 0.8)  # The first reward is its own baseline: no advantage.
    assert controller.baseline == 0.8 and (controller.logits == 0).all()
    seen = []
    controller._adam.update = lambda values, gradients, *rest: seen.append(gradients[0])
    controller.learn(drawn, 0.9)
    choices = controller.logits.shape[1]
    expected = torch.full((2, choices), 1 / choices)
    expected[[0, 1], drawn] -= 1
    torch.testing.assert_close(seen[0], 0.1 * expected, atol=1e-6, rtol=1e-5)
    assert controller.baseline == pytest.approx(0.8 + 0.1 * 0.1)
    controller.learn(drawn, 0.7)  # Below the baseline: away from the choice.
    torch.testing.assert_close(seen[1], (0.7 - 0.81) * expected, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("form", ["se", "me"])
def test_the_controller_finds_the_best_choice_of_a_known_reward(form):
    """Reward: the columns of the first field, less the excess over a budget."""
    controller = controller_of(form=form, controller_learning_rate=0.02)
    generator = torch.Generator().manual_seed(0)
    for _ in range(2000):
        drawn = controller.draw(generator)
        worth = float(controller.cuts(drawn)[0].sum()) / 9
        controller.learn(drawn, worth - 2.0 * excess(controller.cost(drawn), 6 * 16 + 15 * 2))
    context = tiny_context(shapes=(("a", 6, 1), ("b", 15, 1)), candidates=CANDIDATES)
    found = controller.allocation(context.fields, None)
    first = sum(block.rows * block.dim for block in found.blocks[0])
    assert first >= 0.8 * 6 * 16
    assert found.parameters <= 1.1 * (6 * 16 + 15 * 2)


def test_a_budget_takes_the_likeliest_that_fits():
    """The field that loses less log-probability per parameter gives way."""
    context = tiny_context(shapes=(("a", 6, 1), ("b", 6, 1)), candidates=CANDIDATES)
    controller = controller_of(rows=((1, 2, 3), (1, 2, 3)), form="se")
    everything = controller.choices.tolist().index([3, 3, 3])
    controller.logits[0, everything], controller.logits[1, everything] = 60.0, 6.0
    assert controller.allocation(context.fields, None).dims == (16, 16)
    found = controller.allocation(context.fields, 6 * 16 + 10)
    assert found.blocks[0] == (Block(6, 16),) and found.parameters <= 6 * 16 + 10


def test_something_is_kept_where_nothing_is_likeliest():
    """The likeliest other choice that fits; a budget below every block is an error."""
    context = tiny_context(shapes=(("a", 6, 1), ("b", 15, 1)), candidates=CANDIDATES)
    controller = controller_of(form="se")
    controller.logits[:, 0] = 9.0
    one = controller.choices.tolist().index([2, 2, 0])
    controller.logits[0, one] = 3.0
    found = controller.allocation(context.fields, None)
    assert found.blocks == ((Block(3, 8), Block(3, 0)), (Block(15, 0),))
    within = controller.allocation(context.fields, 10)
    assert 0 < within.parameters <= 10
    with pytest.raises(ConfigError, match="its smallest allocation has 2; raise --budget"):
        controller.allocation(context.fields, 1)


@pytest.mark.parametrize("form", ["se", "me"])
@pytest.mark.parametrize("unification", ["plain", "transform"])
def test_a_search_keeps_its_budget(form, unification):
    """Under both unifications; sizes inside a field never rise, and are candidates or 0."""
    context = tiny_context(budget=1500, unification=unification)
    found = NIS(NISConfig(form=form, epochs=2, reward_rows=100)).search(context, None)
    assert 0 < found.parameters <= 1500
    for blocks in found.blocks:
        dims = [block.dim for block in blocks]
        assert dims == sorted(dims, reverse=True) and set(dims) <= {0, *context.candidates}
        assert form == "me" or len({*dims} - {0}) <= 1
    names = {"AUC of the drawn choice", "cost of the drawn choice", "baseline"}
    assert names < context.trace.series.keys()


@pytest.mark.parametrize(
    "settings",
    [
        {"warmup": 8},
        {"lambda_m": -1.0},
        {"keep": 0.0},
        {"baseline_decay": 1.0},
        {"controller_learning_rate": 0.0},
        {"form": "both"},
    ],
)
def test_settings_out_of_range_are_errors(settings):
    """The message names the setting."""
    with pytest.raises(ConfigError, match=f"nis.{next(iter(settings))}"):
        build_config(NISConfig, settings, "nis")
