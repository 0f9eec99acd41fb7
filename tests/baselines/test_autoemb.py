"""AutoEmb: the controller's inputs, the loss it learns from, and the selection."""

import math

import pytest
import torch

from aesbench.core.settings import build_config
from aesbench.errors import ConfigError
from aesbench.search.bilevel import BilevelBatches
from aesbench_baselines import autoemb
from aesbench_baselines.autoemb import AutoEmb, AutoEmbConfig, entropy, state_of


def test_the_state_is_the_previous_weights_and_the_loss():
    """One row per field, the loss the same for all."""
    weights = torch.tensor([[1.0, 0.0], [0.25, 0.75]])
    expected = torch.tensor([[1.0, 0.0, 0.6], [0.25, 0.75, 0.6]])
    torch.testing.assert_close(state_of(weights, torch.tensor(0.6)), expected)


def test_entropy_by_hand():
    """Uniform over four sizes: log 4; decided: 0, not a number that is none."""
    weights = torch.tensor([[0.25] * 4, [1.0, 0, 0, 0], [0.5, 0.5, 0, 0]])
    torch.testing.assert_close(entropy(weights), torch.tensor([math.log(4), 0, math.log(2)]))


@pytest.fixture
def states(monkeypatch):
    """The states that the controller is given, in order."""
    seen = []

    class Noted(autoemb.FieldController):
        def forward(self, state):
            seen.append(state.clone())
            return super().forward(state)

    monkeypatch.setattr(autoemb, "FieldController", Noted)
    return seen


def test_the_first_state_is_the_smallest_size_and_a_loss_of_one(context, states):
    """As in the public code."""
    AutoEmb(AutoEmbConfig(epochs=1)).search(context, None)
    expected = torch.tensor([[1.0, 0, 0, 0, 0, 1.0]] * len(context.fields))
    torch.testing.assert_close(states[0], expected)


def test_weights_come_back_as_state_and_the_loss_is_a_moving_average(context, states):
    """A decay of 0.9: after the first loss l the state's loss is 0.9 + 0.1 l."""
    AutoEmb(AutoEmbConfig(epochs=1)).search(context, None)
    steps, weights = context.trace.series["weight"]
    losses = context.trace.series["validation_loss"][1]
    assert steps == list(range(1, 9))
    # Two calls per step: for the validation batch, and, the controller moved, for the train batch.
    for step in range(7):
        following = states[2 * (step + 1)]
        torch.testing.assert_close(following[:, :5].tolist(), weights[step])
        assert following[:, 5].tolist() == pytest.approx([losses[step]] * 4)
    first_loss = (losses[0] - 0.9) / 0.1
    assert first_loss == pytest.approx(math.log(2), abs=0.05)  # An untrained model's.


def test_each_level_moves_its_own_parameters_only(context, monkeypatch):
    """A validation batch moves the controller and nothing else, a train batch the model."""
    log, parts = [], {}
    descend, step = autoemb.descend, autoemb.step

    def values(module):
        return torch.cat([p.detach().flatten() for p in module.parameters()])

    def noted_descend(loss, controller, optimizer):
        parts["controller"] = controller
        before = {name: values(part) for name, part in parts.items()}
        descend(loss, controller, optimizer)
        log.append({name for name in before if not torch.equal(before[name], values(parts[name]))})

    def noted_step(model, optimizer, ids, labels):
        parts["model"] = model
        before = {name: values(part) for name, part in parts.items()}
        step(model, optimizer, ids, labels)
        log.append({name for name in before if not torch.equal(before[name], values(parts[name]))})

    monkeypatch.setattr(autoemb, "descend", noted_descend)
    monkeypatch.setattr(autoemb, "step", noted_step)
    AutoEmb(AutoEmbConfig(epochs=1)).search(context, None)
    assert log == [{"controller"}, {"model"}] * 8


def test_the_loss_of_the_upper_level_is_that_of_validation_rows(context, monkeypatch):
    """The combination that the controller learns from is computed on validation ids."""
    drawn = []
    epoch = BilevelBatches.epoch

    def noted(self):
        for pair in epoch(self):
            drawn.append(pair)
            yield pair

    monkeypatch.setattr(BilevelBatches, "epoch", noted)
    AutoEmb(AutoEmbConfig(epochs=1)).search(context, None)
    rows = {tuple(row) for row in context.validation.ids.tolist()}
    assert all(tuple(row) in rows for _, (ids, _) in drawn for row in ids.tolist())


def test_sizes_have_the_largest_mean_weight_of_the_last_epoch(context):
    """Summed over its steps, not over the whole search."""
    found = AutoEmb(AutoEmbConfig(epochs=2, patience=2)).search(context, None)
    weights = torch.tensor(context.trace.series["weight"][1])
    assert len(weights) == 16
    mean = weights[8:].mean(0)
    torch.testing.assert_close(mean.sum(1), torch.ones(4))
    assert found.dims == tuple(context.candidates[t] for t in mean.argmax(1).tolist())


@pytest.mark.parametrize("tanh", [True, False])
def test_the_supernet_learns(make_context, tanh):
    """Its validation AUC exceeds chance by far."""
    context = make_context()
    AutoEmb(AutoEmbConfig(epochs=8, patience=8, tanh=tanh)).search(context, None)
    assert max(context.trace.series["validation_auc"][1]) > 0.6


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"patience": 0}, "autoemb.patience = 0"),
        ({"controller_learning_rate": 0.0}, "autoemb.controller_learning_rate = 0.0"),
        ({"loss_decay": 1.0}, "autoemb.loss_decay = 1.0"),
        ({"scheme": "hashed"}, "autoemb.scheme = 'hashed'"),
    ],
)
def test_a_setting_out_of_range_is_refused(settings, words):
    """Errors name the setting and its value."""
    with pytest.raises(ConfigError) as caught:
        build_config(AutoEmbConfig, settings, "autoemb")
    assert words in str(caught.value)
