"""DimGrow keeps the plugin contract, and each step of it does what it says."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from aesbench_dimgrow.method import (
    DimGrow,
    DimGrowConfig,
    ShuffleGates,
    _snapped,
    area_under_curve,
    shuffled,
)

from aesbench import AesbenchError
from aesbench.testing import CHECKS, tiny_context


@pytest.mark.parametrize("preset", ["", "snapped"])
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_contract(check, preset):
    """Every check of aesbench passes."""
    check(DimGrow, preset)


def gates_of(context, **settings):
    """The gates of a context's fields."""
    return ShuffleGates(context.fields, DimGrowConfig(**settings), context.generator)


def test_columns_are_permuted_on_their_own():
    """Each keeps its values; two columns that were equal no longer are."""
    x = torch.arange(50.0)[:, None].repeat(1, 3)
    found = shuffled(x, torch.Generator().manual_seed(0))
    assert torch.equal(found.sort(0).values, x)
    assert (found[:, 0] != found[:, 1]).any() and (found[:, 1] != found[:, 2]).any()


def test_the_vector_by_hand():
    """x* W with x* = g x + (1 - g) x', where the permutation is known; a tag field has a mean."""
    context = tiny_context(shapes=(("user", 40, 1), ("tags", 9, 3)))
    gates = gates_of(context, width=4)
    gates.grow(1)
    with torch.no_grad():
        gates.theta.copy_(torch.randn(gates.theta.shape))
    ids = torch.from_numpy(context.train.ids[:20])
    user, tags = (torch.cat(list(own), 1) for own in gates.columns)
    assert user.shape == (40, 1) and tags.shape == (9, 2)
    means = [tags[[i for i in row if i >= 0]].mean(0) for row in ids[:, 1:].tolist()]
    x = torch.cat([user[ids[:, 0].long()], torch.stack(means)], 1)
    gates.shuffle = torch.Generator().manual_seed(5)
    order = torch.rand(x.shape, generator=torch.Generator().manual_seed(5)).argsort(0)
    other = torch.stack([x[order[:, k], k] for k in range(3)], 1)
    theta = torch.stack([gates.theta[0, 0], gates.theta[1, 0], gates.theta[1, 1]])
    g = 1 / (1 + torch.exp(-5 * theta))
    weight = torch.stack([gates.weight[0][0][0], gates.weight[1][0][0], gates.weight[1][1][0]])
    expected = (g * x + (1 - g) * other) @ weight
    assert torch.allclose(gates(ids), expected, atol=1e-7)


def test_what_was_shuffled_has_no_gradient():
    """The gradient of a column is g times that of its place: a gate that is shut passes none."""
    context = tiny_context()
    gates = gates_of(context)
    with torch.no_grad():
        gates.theta[0, 0], gates.theta[1, 0] = -100.0, 100.0
    gates(torch.from_numpy(context.train.ids[:64])).sum().backward()
    assert not gates.columns[0][0].grad.any() and gates.columns[1][0].grad.any()


def test_the_price_by_hand():
    """The mean over active columns of .1 w g_k / k: three of them, gates of one half."""
    gates = gates_of(tiny_context(shapes=(("a", 5, 1), ("b", 7, 1))), penalty=0.3)
    gates.grow(0)
    assert gates.price().item() == pytest.approx(0.03 * (0.5 + 0.25 + 0.5) / 3)


def test_fields_grow_and_shrink_by_their_gates():
    """All above .6: one more; the least below .01 of several: one less, the last; else the same."""
    context = tiny_context()  # Of 40, 260, 5 and 12 values.
    gates = gates_of(context)
    for field in (1, 3):
        gates.grow(field)
    logit = [np.log(p / (1 - p)) / 5 for p in (0.61, 0.59, 0.009)]
    with torch.no_grad():
        gates.theta[0, 0] = logit[0]
        gates.theta[1, :2] = torch.tensor([logit[0], logit[1]])
        gates.theta[2, 0] = logit[2]
        gates.theta[3, :2] = torch.tensor([logit[2], logit[0]])
    new = gates.change_dims(None)
    assert gates.dims == [2, 2, 1, 1]
    assert [tuple(one.shape) for one in new] == [(40, 1), (1, 64)]


def test_a_column_that_went_comes_back_as_it_was():
    """It is kept for growing again, and nothing is drawn anew."""
    gates = gates_of(tiny_context())
    new = gates.grow(0)
    gates.dims[0] = 1
    assert len(new) == 2 and gates.grow(0) == [] and gates.dims[0] == 2
    assert gates.columns[0][1] is new[0]


def test_growth_stops_at_the_budget():
    """Of 317 parameters at size 1 there is room for 40 + 5 more, and not for 260."""
    gates = gates_of(tiny_context())
    with torch.no_grad():
        gates.theta[:] = 1.0
    gates.change_dims(317 + 50)
    assert gates.dims == [2, 1, 2, 1]


def test_sizes_count_active_columns_above_zero():
    """A column that went does not count, whatever its theta; without any, the largest stays."""
    gates = gates_of(tiny_context())
    gates.grow(0)
    assert gates.sizes() == [1, 0, 0, 0]
    with torch.no_grad():
        gates.theta[0, :3], gates.theta[2, 0] = torch.tensor([0.1, 0.1, 0.1]), -0.1
        gates.theta[3, 0] = 0.2
    assert gates.sizes() == [2, 0, 0, 1]
    gates.dims[0] = 1
    assert gates.sizes() == [1, 0, 0, 1]


def test_validation_moves_the_gates_and_train_all_else(monkeypatch):
    """A step of each leaves alone what is the other's."""
    context = tiny_context()
    gates = gates_of(context)
    model = context.build_model(gates)
    optimizer = torch.optim.Adam([gates.theta], lr=1e-3)
    before = {name: value.clone() for name, value in model.named_parameters()}
    batch = next(context.validation.batches(64))
    DimGrow()._move_gates(model, gates, optimizer, *batch)
    changed = {n for n, value in model.named_parameters() if not torch.equal(value, before[n])}
    assert changed == {"embedding.theta"}
    assert (gates.theta[:, 0] != 0).all() and not gates.theta[:, 1:].any()
    assert gates.theta.abs().max() <= 1.0001e-3
    steps = []
    real = ShuffleGates.change_dims
    monkeypatch.setattr(
        ShuffleGates,
        "change_dims",
        lambda self, b: steps.append(self.theta.clone()) or real(self, b),
    )
    monkeypatch.setattr(DimGrow, "_move_gates", lambda *_: None)
    DimGrow(DimGrowConfig(epochs=1, batch_size=64)).search(context, None)
    assert len(steps) == 8 and not any(theta.any() for theta in steps)


def test_a_field_of_noise_vanishes_and_a_telling_one_stays():
    """Of two fields of ten values, one gives the label in nine rows of ten; the other is chance."""
    draw = np.random.default_rng(0)
    context = tiny_context(shapes=(("telling", 10, 1), ("noise", 10, 1)))
    for split in (context.train, context.validation):
        split.labels[:] = (split.ids[:, 0] % 2) ^ (draw.random(len(split)) < 0.1)
    config = DimGrowConfig(epochs=60, patience=60, batch_size=64, learning_rate=5e-3)
    telling, noise = DimGrow(config).search(context, None).dims
    assert telling > 0 and noise == 0


def test_the_area_counts_pairs():
    """Of (1, 2, 2, 3) with labels (0, 1, 0, 1): 2 > 1, a tie, 3 > 1, 3 > 2 make 3.5 of 4."""
    labels, scores = np.array([0, 1, 0, 1], np.uint8), np.array([1.0, 2.0, 2.0, 3.0])
    assert area_under_curve(labels, scores) == 3.5 / 4


def test_snapped_sizes_are_candidates():
    """Nearest by the logarithm, and 0; over a budget the largest table goes down until it fits."""
    context = tiny_context()  # Of 40, 260, 5 and 12 values.
    assert _snapped([3, 5, 0, 16], context) == [2, 8, 0, 16]
    assert _snapped([3, 5, 0, 16], replace(context, budget=800)) == [2, 2, 0, 16]
    assert _snapped([3, 5, 0, 16], replace(context, budget=790)) == [2, 0, 0, 16]
    assert _snapped([1, 1, 1, 1], replace(context, budget=317)) == [2, 0, 2, 2]
    method = DimGrow(DimGrowConfig(epochs=2, batch_size=32, learning_rate=0.05, snap=True))
    assert set(method.search(context, None).dims) <= {0, 2, 8, 16}


def test_a_budget_below_its_start_is_named():
    """It starts with size 1 everywhere."""
    with pytest.raises(AesbenchError, match="budget of 300 .* which takes 317; raise --budget"):
        DimGrow().search(tiny_context(budget=300), None)


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"max_dim": 0}, "max_dim"), ({"grow": 0.005}, "grow"), ({"penalty": -1.0}, "penalty")],
)
def test_settings_out_of_range_are_named(settings, words):
    """Each by its name."""
    with pytest.raises(AesbenchError, match=f"dimgrow.{words}"):
        DimGrowConfig(**settings)
