"""DIN against a plainly written reference, and what attention to a history must and must not do."""

import math

import numpy as np
import pytest
import torch

from aesbench import Allocation, Field, MixedEmbedding
from aesbench.errors import ConfigError
from aesbench.harness.tuning.shared import shared_space
from aesbench.models.cost import count_flops, count_parameters
from aesbench.models.dice import Dice
from aesbench.models.din import DIN, ActivationUnit, DINConfig
from aesbench.models.optimizer import ModelAdam
from aesbench.models.training import step

FIELDS = (Field("user", 9), Field("item", 7), Field("kind", 3))
HISTORY = Field("seen", 7, 4, shares="item")
SIZES = (3, 2, 2)
IDS = torch.tensor(
    [
        [0, 1, 0, 0, 1, 3, -1],
        [8, 3, 1, 3, 3, 5, 0],
        [2, 5, 2, -1, -1, -1, -1],
        [5, 0, 0, 6, -1, -1, -1],
    ],
    dtype=torch.int32,
)


def build(config=None, sizes=SIZES, histories=(HISTORY,), unification="plain", seed=0):
    """A model whose every parameter is random, in eval mode with random running statistics."""
    generator = torch.Generator().manual_seed(seed)
    embedding = MixedEmbedding(
        FIELDS, Allocation.field_wise(FIELDS, sizes), unification=unification, final_dim=4,
        table_std=1.0, generator=generator, histories=histories,
    )  # fmt: skip
    config = config or DINConfig(hidden=(6, 5), unit_hidden=(4, 3))
    model = DIN(FIELDS, embedding, config, generator)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.5)
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm1d):
                module.running_mean.normal_(generator=generator)
                module.running_var.uniform_(0.5, 2, generator=generator)
    return model.eval()


def numbers(tensor):
    return tensor.detach().double().numpy()


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def activate(layer, x):
    """An activation by its formula."""
    if isinstance(layer, torch.nn.Sigmoid):
        return sigmoid(x)
    if isinstance(layer, torch.nn.PReLU):
        return np.where(x > 0, x, numbers(layer.weight) * x)
    mean, variance = numbers(layer.norm.running_mean), numbers(layer.norm.running_var)
    p = sigmoid((x - mean) / np.sqrt(variance + 1e-8))
    return p * x + (1 - p) * numbers(layer.alpha) * x


def through(layers, x):
    """Linear layers and activations, one after the other."""
    for layer in layers:
        if isinstance(layer, torch.nn.Linear):
            x = numbers(layer.weight) @ x + numbers(layer.bias)
        else:
            x = activate(layer, x)
    return x


def reference(model, sample, softmax):
    """The logit of one sample, item by item, by the paper's sums."""
    tables = {int(dim): numbers(t.weight) for dim, t in model.embedding.tables.items()}
    user, item, kind = (int(i) for i in sample[:3])
    q = tables[2][item]  # Size 2: seven items, then three kinds.
    items = [tables[2][int(i)] for i in sample[3:] if i >= 0]
    scores = [
        through(model.units[0].layers, np.concatenate([q, b, q - b, q * b]))[0] for b in items
    ]
    if softmax and items:
        powers = [math.exp(score / math.sqrt(2)) for score in scores]
        scores = [power / sum(powers) for power in powers]
    interest = sum((a * b for a, b in zip(scores, items, strict=True)), np.zeros(2))
    # Vectors lie by ascending size: item, kind, user.
    row = np.concatenate([q, tables[2][7 + kind], tables[3][user], interest])
    return through(model.mlp, row)[0]


@pytest.mark.parametrize("softmax", [False, True])
@pytest.mark.parametrize("activation", ["dice", "prelu"])
@pytest.mark.parametrize("unit", ["sigmoid", "prelu", "dice"])
def test_logits_are_the_reference(softmax, activation, unit):
    """Target attention and the MLP, with every activation, with and without softmax."""
    config = DINConfig(
        hidden=(6, 5), activation=activation, unit_hidden=(4, 3), unit_activation=unit,
        softmax=softmax,
    )  # fmt: skip
    model = build(config)
    expected = [reference(model, sample, softmax) for sample in IDS]
    np.testing.assert_allclose(numbers(model(IDS)), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("softmax", [False, True])
@pytest.mark.parametrize("unit", ["sigmoid", "dice"])
def test_order_and_padding_of_a_history_say_nothing(softmax, unit):
    """Neither in evaluation nor in training, where Dice looks at the batch."""
    config = DINConfig((6,), unit_hidden=(4,), unit_activation=unit, softmax=softmax)
    wider = Field("seen", 7, 9, shares="item")
    for mode in (False, True):
        one, other = build(config).train(mode), build(config, histories=(wider,)).train(mode)
        permuted = IDS[:, [0, 1, 2, 5, 3, 6, 4]]
        padded = torch.full((4, 12), -1, dtype=torch.int32)
        padded[:, :3] = IDS[:, :3]
        padded[:, [4, 6, 7, 11]] = IDS[:, 3:]
        expected = one(IDS)
        torch.testing.assert_close(build(config).train(mode)(permuted), expected)
        torch.testing.assert_close(other(padded), expected)


@pytest.mark.parametrize("softmax", [False, True])
def test_one_behaviour_that_is_the_item_gives_its_vector(softmax):
    """Times its score a; with softmax, whose one weight is 1, the vector itself."""
    generator = torch.Generator().manual_seed(0)
    config = DINConfig(unit_hidden=(4,), softmax=softmax)
    unit = ActivationUnit(3, config, generator)
    q = torch.randn(5, 3, generator=generator)
    items = torch.stack([torch.zeros_like(q), q, torch.zeros_like(q)], 1)
    mask = torch.tensor([[False, True, False]]).expand(5, 3)
    user = unit(q, items, mask)
    a = unit.layers(torch.cat([q, q, q - q, q * q], 1))
    torch.testing.assert_close(user, q if softmax else a * q)
    assert a.std() > 0


@pytest.mark.parametrize("softmax", [False, True])
def test_an_empty_history_gives_zero(softmax):
    """In a batch with others, and in one where nobody has a history."""
    generator = torch.Generator().manual_seed(0)
    unit = ActivationUnit(3, DINConfig(softmax=softmax), generator)
    q, items = torch.randn(4, 3), torch.randn(4, 2, 3)
    mask = torch.tensor([[True, True], [False, False], [True, False], [False, False]])
    user = unit(q, items * mask.unsqueeze(2), mask)
    assert (user[~mask.any(1)] == 0).all() and (user[mask.any(1)] != 0).any()
    nobody = unit(q, torch.zeros(4, 2, 3), torch.zeros(4, 2, dtype=torch.bool))
    assert (nobody == 0).all()
    nobody.sum().backward()


def test_scores_are_no_shares():
    """Twice the history is twice the user vector; with softmax it is the same."""
    generator = torch.Generator().manual_seed(0)
    q, items, mask = torch.randn(4, 3), torch.randn(4, 2, 3), torch.ones(4, 2, dtype=torch.bool)
    for softmax, times in ((False, 2), (True, 1)):
        unit = ActivationUnit(3, DINConfig(softmax=softmax), generator)
        once, twice = unit(q, items, mask), unit(q, items.repeat(1, 2, 1), mask.repeat(1, 2))
        torch.testing.assert_close(twice, times * once)


def test_dice_is_the_papers_equation():
    """With the batch's mean and variance in training, their running averages in evaluation."""
    inputs = torch.tensor([[1.0, -2.0], [3.0, 0.0], [-1.0, 5.0]])
    dice = Dice(2)
    with torch.no_grad():
        dice.alpha.copy_(torch.tensor([0.25, -0.5]))
    mean, variance = inputs.mean(0), inputs.var(0, unbiased=False)
    p = 1 / (1 + torch.exp(-(inputs - mean) / torch.sqrt(variance + 1e-8)))
    torch.testing.assert_close(dice(inputs), p * inputs + (1 - p) * dice.alpha * inputs)
    dice.eval()
    p = 1 / (1 + torch.exp(-(inputs - dice.norm.running_mean) / dice.norm.running_var.sqrt()))
    torch.testing.assert_close(dice(inputs), p * inputs + (1 - p) * dice.alpha * inputs)


@pytest.mark.parametrize("rows", [0, 1])
def test_dice_without_a_variance_uses_the_averages(rows):
    """Fewer than two rows in training leave the averages as they are, and are finite."""
    dice = Dice(2)
    before = dice.norm.running_var.clone()
    found = dice(torch.ones(rows, 2))
    assert found.shape == (rows, 2) and found.isfinite().all()
    assert (dice.norm.running_var == before).all()


def test_it_needs_a_history():
    """Data without one are refused with what to do."""
    with pytest.raises(ConfigError, match='the data set has none; take one that has.*"history"'):
        build(histories=())


def test_a_history_of_a_field_without_size_says_nothing():
    """Its item has no vector either; the model is then an MLP over the others."""
    model = build(sizes=(3, 0, 2))
    changed = IDS.clone()
    changed[:, 3:] = -1
    torch.testing.assert_close(model(IDS), model(changed))
    assert len(model.units) == 0


@pytest.mark.parametrize("unification", ["plain", "transform"])
def test_it_learns_and_is_counted(unification):
    """A step moves every part, the item's table by its history, too; FLOPs grow with the items."""
    model = build(unification=unification).train()
    before = {name: value.clone() for name, value in model.named_parameters()}
    optimizer = ModelAdam(model, learning_rate=1e-2, l2=0.0)
    step(model, optimizer, IDS, torch.tensor([1.0, 0.0, 1.0, 1.0]))
    moved = {name for name, value in model.named_parameters() if (value != before[name]).any()}
    assert moved == set(before)
    row = 6  # Of the items in their table of size 2: in no row at hand, but in a history.
    assert (
        model.embedding.tables["2"].weight[row] != before["embedding.tables.2.weight"][row]
    ).any()
    counted = count_parameters(model)
    assert counted.embedding == 9 * 3 + 7 * 2 + 3 * 2 and counted.wide == 0 < counted.dense
    model.eval()
    alone = IDS[:1].clone()
    alone[:, 4:] = -1
    assert 0 < count_flops(model, alone) < count_flops(model, IDS[:1])
    assert not (model.packs or model.sums_over_fields or model.has_fixed_shapes)


def test_flops_of_an_item_by_hand():
    """A unit's multiply-adds times the items, the weighted sum over all columns, and the MLP."""
    model = build(DINConfig(hidden=(6,), activation="prelu", unit_hidden=(4, 3)))
    items, columns, width = 3, 4, 2
    unit = 4 * width * 4 + 4 * 3 + 3
    mlp = (2 + 2 + 3 + width) * 6 + 6
    assert count_flops(model, IDS[:1]) == items * unit + columns * width + mlp


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"unit_hidden": ()}, "unit_hidden = .*at least one width"),
        ({"activation": "sigmoid"}, "activation = 'sigmoid': expected one of dice, prelu"),
        ({"unit_activation": "relu"}, "unit_activation = 'relu': expected one of dice, prelu, sig"),
        ({"dropout": 1.0}, "dropout = 1.0"),
    ],
)
def test_a_wrong_setting_is_named(settings, message):
    """With what was expected."""
    with pytest.raises(ConfigError, match=message):
        DINConfig(**settings)


def test_what_may_be_tuned_holds_the_defaults():
    """Every value of it is a setting, as tuning a backbone asks for."""
    names = shared_space(["backbone.softmax", "backbone.activation"], "din", {})
    assert names == {f"backbone.{name}": DIN.space[name] for name in ("softmax", "activation")}
    for name, values in DIN.space.items():
        assert getattr(DINConfig(), name) in values
        for value in values:
            DINConfig(**{name: value})
