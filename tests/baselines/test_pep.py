"""PEP: its threshold and gradient by hand, what the decay moves, snapshots, and the budget."""

from dataclasses import replace
from math import exp, sqrt
from typing import get_args

import numpy as np
import pytest
import torch

from aesbench import Mask
from aesbench.core.settings import build_config
from aesbench.core.trace import Trace
from aesbench.errors import ConfigError
from aesbench.models.randomness import stage_generator
from aesbench.models.training import cross_entropy_gradient
from aesbench.testing import tiny_context
from aesbench_baselines import pep
from aesbench_baselines.pep import (
    PEP,
    Form,
    Ladder,
    PEPConfig,
    Snapshot,
    ThresholdedTable,
    make_optimizer,
    soft_threshold,
)

SHAPES = (("user", 12, 1), ("item", 7, 1), ("kind", 3, 1))
ROWS = 22
QUICK = PEPConfig(width=4, epochs=30, batch_size=128, count_every=1)


def sigmoid(value):
    """Written out, of one number."""
    return 1 / (1 + exp(-value))


def prepared(config=QUICK, **changes):
    """A context, the method, and what a pruning leaves behind."""
    context = tiny_context(shapes=SHAPES, **changes)
    method = PEP(config)
    return context, method, method.prepare(replace(context, budget=None))


def test_the_threshold_by_hand():
    """g(-1) = .2689: .5 loses it, -.5 gains it, .1 is pruned, 0 stays 0."""
    values = torch.tensor([0.5, -0.5, 0.1, 0.0], dtype=torch.float64)
    found = soft_threshold(values, torch.tensor(-1.0, dtype=torch.float64)).tolist()
    assert found == pytest.approx([0.5 - sigmoid(-1), -0.5 + sigmoid(-1), 0, 0])


def test_its_gradient_is_that_of_a_soft_threshold():
    """Above it 1 for the value and -sign(v) g'(s) for the threshold, below it 0."""
    values = torch.tensor([0.5, -0.5, 0.1, 0.0], dtype=torch.float64, requires_grad=True)
    thresholds = torch.full((4,), -1.0, dtype=torch.float64, requires_grad=True)
    soft_threshold(values, thresholds).sum().backward()
    slope = sigmoid(-1) * (1 - sigmoid(-1))
    assert values.grad.tolist() == [1, 1, 0, 0]
    assert thresholds.grad.tolist() == pytest.approx([-slope, slope, 0, 0])
    kept = torch.tensor([0.5, -0.4], dtype=torch.float64, requires_grad=True)
    limit = torch.full((2,), -1.0, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(soft_threshold, (kept, limit))


@pytest.mark.parametrize(
    ("form", "shape"),
    [
        ("global", (1, 1)),
        ("dimension", (1, 3)),
        ("value", (ROWS, 1)),
        ("field", (3, 1)),
        ("value-dimension", (ROWS, 3)),
        ("field-dimension", (3, 3)),
    ],
)
def test_each_form_has_its_thresholds(form, shape):
    """As many dimensions as fields confuse none of them; the table is thresholded row by row."""
    context = tiny_context(shapes=SHAPES)
    table = ThresholdedTable(context, form, 3, -15.0)
    assert tuple(table.thresholds.shape) == shape
    with torch.no_grad():
        table.thresholds.copy_(torch.linspace(-6, -3, table.thresholds.numel()).view(shape))
    weight, sizes = table.table.weight.detach(), (12, 7, 3)
    limits = table.thresholds.detach().sigmoid()
    expected = torch.empty(ROWS, 3)
    for row in range(ROWS):
        field = 0 if row < sizes[0] else 1 if row < sum(sizes[:2]) else 2
        at = row if "value" in form else field if "field" in form else 0
        for dim in range(3):
            limit = float(limits[at, dim if shape[1] == 3 else 0])
            value = float(weight[row, dim])
            expected[row, dim] = np.sign(value) * max(abs(value) - limit, 0)
    ids = torch.tensor([[11, 6, 2], [0, 3, 1]], dtype=torch.int32)
    rows = torch.tensor([[11, 18, 21], [0, 15, 20]])
    torch.testing.assert_close(table(ids), expected[rows].flatten(1))
    torch.testing.assert_close(table.magnitudes(), expected.abs())


def test_the_table_starts_as_published():
    """Uniform within Xavier's bound over all values of all fields."""
    table = ThresholdedTable(tiny_context(), "global", 32, -15.0)
    weight, bound = table.table.weight, sqrt(6 / (40 + 260 + 5 + 12 + 32))
    assert weight.abs().max() <= bound and weight.std().item() == pytest.approx(
        bound / sqrt(3), rel=0.02
    )


def test_the_decay_alone_moves_thresholds_and_untouched_values():
    """By their rates a step, whatever the decay is: coupled decay in Adam, by hand.

    A value of .02 that no batch touches is at 0 after 20 steps of 1e-3.
    """
    for decay in (1e-5, 1e-3):
        config = PEPConfig(width=4, decay=decay)
        context = tiny_context(shapes=SHAPES)
        table = ThresholdedTable(context, "value-dimension", 4, -15.0)
        model = context.build_model(table)
        with torch.no_grad():
            table.table.weight[11] = 0.02
        optimizer = make_optimizer(model, table.thresholds, config, steps=200)
        ids = torch.tensor([[0, 0, 0], [1, 1, 1]], dtype=torch.int32)  # Never user 11.
        for _ in range(10):
            optimizer.zero_grad()
            logits = model(ids)
            logits.backward(cross_entropy_gradient(logits.detach(), torch.tensor([1.0, 0.0])))
            optimizer.step()
        # Twice 15 / 200 a step.
        torch.testing.assert_close(
            table.thresholds[11], torch.full((4,), -15 + 10 * 0.15), atol=0.01, rtol=0
        )
        torch.testing.assert_close(
            table.table.weight[11], torch.full((4,), 0.01), atol=1e-3, rtol=0
        )


def test_the_optimizer_is_torchs_adam_with_decay_and_two_rates():
    """Everything is in it once, with the published decay."""
    context = tiny_context(shapes=SHAPES)
    table = ThresholdedTable(context, "field", 4, -15.0)
    model = context.build_model(table)
    optimizer = make_optimizer(model, table.thresholds, PEPConfig(), steps=3000)
    others, thresholds = optimizer.param_groups
    assert type(optimizer) is torch.optim.Adam
    assert others["lr"] == 1e-3 and thresholds["lr"] == 2 * 15 / 3000
    assert others["weight_decay"] == thresholds["weight_decay"] == 1e-5
    moved = [*others["params"], *thresholds["params"]]
    assert {id(one) for one in moved} == {id(one) for one in model.parameters()}
    assert thresholds["params"] == [table.thresholds] and not table.table.sparse
    published = PEPConfig(threshold_learning_rate=1e-3)
    assert make_optimizer(model, table.thresholds, published, 9).param_groups[1]["lr"] == 1e-3


def test_a_pruned_value_stays_pruned():
    """No gradient but the decay's reaches it: value and threshold move apart."""
    context = tiny_context(shapes=SHAPES)
    table = ThresholdedTable(context, "value-dimension", 4, -4.0)
    model = context.build_model(table)
    with torch.no_grad():
        table.table.weight[:] = 0.3
        table.table.weight[0, 0] = table.table.weight[15, 2] = 0.01  # g(-4) = .018
    optimizer = make_optimizer(model, table.thresholds, PEPConfig(), steps=10_000)
    for _ in range(5):
        for ids, labels in context.train.batches(128):
            optimizer.zero_grad()
            logits = model(ids)
            logits.backward(cross_entropy_gradient(logits.detach(), labels))
            optimizer.step()
            magnitudes = table.magnitudes()
            assert magnitudes[0, 0] == magnitudes[15, 2] == 0
            assert magnitudes.count_nonzero() == ROWS * 4 - 2
    assert table.table.weight[0, 0].abs() < 0.01 and table.thresholds[0, 0] > -4


def test_a_snapshot_is_the_last_state_before_a_share_is_reached(monkeypatch):
    """Of ten values 10, 7, 4, 1 are left; the shares are .9, .5 and .2."""
    monkeypatch.setattr(pep, "LADDER", (0.9, 0.5, 0.2))

    def state(left):
        return torch.tensor([1.0 + number if number < left else 0 for number in range(10)])

    ladder = Ladder(10)
    assert [ladder.note(state(left).view(5, 2)) for left in (10, 7, 4)] == [1, 0.7, 0.4]
    assert not ladder.is_done
    ladder.note(state(1).view(5, 2))
    assert ladder.is_done
    kept = ladder.snapshots(state(1).view(5, 2))
    assert [len(snapshot.places) for snapshot in kept] == [10, 7, 4]
    assert kept[2].places.tolist() == [0, 1, 2, 3] and kept[2].sizes.tolist() == [1, 2, 3, 4]
    unfinished = Ladder(10)
    unfinished.note(state(10).view(5, 2))
    (last,) = unfinished.snapshots(state(6).view(5, 2))
    assert len(last.places) == 6


def test_steps_that_jump_over_shares_leave_one_state(monkeypatch):
    """The state before all of them; one that begins below the first has itself."""
    monkeypatch.setattr(pep, "LADDER", (0.9, 0.5))
    ladder = Ladder(4)
    for left in ([1.0, 1, 1, 1], [0.0, 0, 0, 1]):
        ladder.note(torch.tensor(left).view(2, 2))
    assert [len(one.places) for one in ladder.snapshots(torch.zeros(2, 2))] == [4]
    below = Ladder(4)
    below.note(torch.tensor([[0.0, 1], [0, 0]]))
    assert [len(one.places) for one in below.snapshots(torch.tensor([[0.0, 1], [0, 0]]))] == [1]


@pytest.mark.parametrize("form", get_args(Form))
def test_pruning_climbs_down_the_ladder(form):
    """In the planned epochs, of every form, where the decay outweighs 512 rows' gradients."""
    context, _, state = prepared(replace(QUICK, form=form, decay=1e-2))
    counts = [len(snapshot.places) for snapshot in state.snapshots]
    assert counts == sorted(counts, reverse=True) and counts[0] >= 0.9 * ROWS * 4
    assert counts[-1] <= 0.2 * ROWS * 4
    thresholds = context.trace.series["mean threshold"][1]
    assert thresholds[-1] > -2 and thresholds[0] < -10
    left = context.trace.series["share of values left"][1]
    assert left[0] == 1 and min(left) < 0.2


@pytest.mark.parametrize("share", [0.9, 0.5, 0.3, 0.2])
def test_a_budget_is_used_and_kept(share):
    """With the index; what is counted is the mask, and one value more would not fit."""
    context, method, state = prepared()
    budget = int(share * ROWS * 4)
    found = method.search(replace(context, budget=budget, trace=Trace()), state)
    assert budget - 8 <= found.memory_parameters <= budget
    kept = [int(mask.values().sum()) for mask in found.masks if mask]
    whole = [
        own for own, mask in zip(found.field_parameters, found.field_masks, strict=True) if not mask
    ]
    assert found.parameters == sum(kept) + sum(whole)
    found.check_fits(context.fields)


def test_what_is_kept_are_the_largest_of_the_snapshot_above_the_budget():
    """Two snapshots of 88 values; the budget lies between them, so the larger one is trimmed."""
    context = tiny_context(shapes=SHAPES)
    sizes = np.arange(1, ROWS * 4 + 1, dtype=np.float32)
    large = Snapshot(np.arange(ROWS * 4), sizes, (ROWS, 4))
    small = Snapshot(np.arange(8), sizes[:8], (ROWS, 4))  # Its values are the smallest of large.
    state = pep.Pruned(torch.zeros(ROWS, 4), (large, small))
    method = PEP(QUICK)
    found = method.search(replace(context, budget=60), state)
    # The last rows have the largest: kind and item whole, of user the end.
    assert found.masks[1] is None and found.masks[2] is None
    left = found.masks[0].kept
    assert found.masks[0] == Mask.of(np.arange(48).reshape(12, 4) >= 48 - left)
    # The smallest snapshot has 8 values of user's first rows, and an index of 48 bytes.
    tiny = method.search(replace(context, budget=18, trace=Trace()), state)
    assert tiny.masks[0].values()[:2].any() and not tiny.masks[0].values()[2:].any()


def test_a_budget_of_the_whole_table_prunes_nothing():
    """Without a mask there is no index."""
    context, method, state = prepared()
    found = method.search(replace(context, budget=ROWS * 4), state)
    assert found.dims == (4, 4, 4)


def test_a_budget_below_a_single_value_is_refused():
    """The message says what the least takes."""
    context, method, state = prepared()
    with pytest.raises(ConfigError, match="pep cannot meet a budget of 2 .*raise --budget"):
        method.search(replace(context, budget=2), state)


def test_without_a_budget_a_share_of_ues_32_is_kept():
    """.10 of 22 x 32 parameters."""
    context, method, state = prepared()
    assert 62 <= method.search(replace(context, trace=Trace()), state).memory_parameters <= 70
    other = PEP(replace(QUICK, keep=0.05))
    assert other.prepare_key() == method.prepare_key() != PEP(replace(QUICK, width=8)).prepare_key()
    found = other.search(replace(context, trace=Trace()), state)
    assert 27 <= found.memory_parameters <= 35


def test_the_retraining_can_start_from_the_initial_table():
    """The values that the table had before it was pruned, times the mask."""
    context, method, state = prepared()
    fresh = ThresholdedTable(tiny_context(shapes=SHAPES), QUICK.form, 4, -15.0)
    assert torch.equal(state.initial, fresh.table.weight)
    allocation = method.search(replace(context, budget=40), state)
    model = context.build_model(context.build_embedding(allocation))
    method.inherit(context, state, allocation, model)
    first = 0
    for field, mask, own in zip(
        context.fields, allocation.field_masks, model.embedding.layout, strict=True
    ):
        start = own.blocks[0][3]
        if own.width:
            found = model.embedding.tables["4"].weight[start : start + field.cardinality]
            expected = state.initial[first : first + field.cardinality]
            keeps = 1 if mask is None else torch.from_numpy(mask.values())
            assert torch.equal(found, expected * keeps)
        first += field.cardinality


def test_a_field_may_vanish():
    """Its table is left out, and the model is built without it."""
    context, method, _ = prepared()
    sizes = np.ones(12 * 4, dtype=np.float32)
    state = pep.Pruned(torch.zeros(ROWS, 4), (Snapshot(np.arange(48), sizes, (ROWS, 4)),))
    found = method.search(replace(context, budget=20), state)
    assert [blocks[0].dim for blocks in found.blocks] == [4, 0, 0]
    model = context.build_model(context.build_embedding(found))
    method.inherit(context, state, found, model)
    assert len(model.embedding.widths) == 1


def test_a_table_too_large_for_dense_adam_is_refused():
    """The message has the numbers and the settings to change."""
    config = PEPConfig(most_values=10_000)
    with pytest.raises(ConfigError, match=r"here 317 x 32, and pep.most_values allows 10,000"):
        PEP(config).prepare(tiny_context())


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"form": "row"}, "pep.form"),
        ({"keep": 0}, "pep.keep"),
        ({"start": 0}, "pep.start"),
        ({"decay": 0}, "it moves the thresholds"),
        ({"threshold_learning_rate": -1.0}, "pep.threshold_learning_rate"),
        ({"width": 0}, "pep.width"),
        ({"epochs": 0}, "pep.epochs"),
        ({"clip": 0}, "pep.clip"),
        ({"batch_size": 1}, "pep.batch_size"),
        ({"learning_rate": 0}, "pep.learning_rate"),
    ],
)
def test_settings_that_mean_nothing_are_refused(settings, words):
    """The message names the setting."""
    with pytest.raises(ConfigError, match=words):
        build_config(PEPConfig, settings, "pep")


def test_equal_seeds_prune_alike():
    """Snapshots to the last bit, whatever the global generators hold."""
    states = []
    for number in (1, 2):
        torch.manual_seed(number)
        context = tiny_context(shapes=SHAPES, generator=stage_generator(0, "prepare"))
        states.append(PEP(QUICK).prepare(context))
    for one, other in zip(*(state.snapshots for state in states), strict=True):
        assert np.array_equal(one.places, other.places) and np.array_equal(one.sizes, other.sizes)
