"""AutoDim: its weights and temperature by hand, and what moves on which batch."""

import math

import pytest
import torch

from aesbench import Split
from aesbench.core.settings import build_config
from aesbench.errors import ConfigError
from aesbench.testing import tiny_context
from aesbench_baselines import autodim
from aesbench_baselines.autodim import AutoDim, AutoDimConfig, gumbel, soft_choice


def test_weights_by_hand():
    """exp((log(p) + g) / tau), normalised: p = 1/4, 3/4; g = log 6, 0; tau = 1/2 gives 4 : 1."""
    architecture = torch.tensor([[0.0, math.log(3)]])
    noise = torch.tensor([[math.log(6), 0.0]])
    expected = torch.tensor([[4 / 5, 1 / 5]])  # (6/4)^2 : (3/4)^2
    torch.testing.assert_close(soft_choice(architecture, 0.5, noise), expected)


def test_weights_without_noise_are_the_softmax_at_temperature_one():
    """What is evaluated leaves the noise out."""
    architecture = torch.tensor([[0.3, -1.0, 2.0]])
    torch.testing.assert_close(soft_choice(architecture, 1.0), architecture.softmax(1))


def test_a_low_temperature_chooses_one_size():
    """At 0.01 the weights are one-hot, at the largest sum of logit and noise."""
    architecture = torch.tensor([[0.0, 1.0, 0.0]])
    noise = torch.tensor([[1.5, 0.0, 0.0]])
    torch.testing.assert_close(soft_choice(architecture, 0.01, noise), torch.eye(3)[:1])
    torch.testing.assert_close(soft_choice(architecture, 0.01), torch.eye(3)[1:2])


def test_noise_makes_choices_follow_the_softmax():
    """Gumbel noise: the largest sum of log p and noise is size t with probability p_t."""
    probabilities = torch.tensor([0.1, 0.2, 0.7])
    noise = gumbel((20_000, 3), torch.Generator().manual_seed(0))
    chosen = (probabilities.log() + noise).argmax(1)
    shares = torch.bincount(chosen, minlength=3) / len(noise)
    torch.testing.assert_close(shares, probabilities, atol=0.01, rtol=0)
    assert noise.mean() == pytest.approx(0.5772, abs=0.02)


def test_the_temperature_falls_over_the_planned_steps():
    """By default from 1 at the first to 0.01 at the last, whatever their number."""
    config = AutoDimConfig()
    for steps in (11, 1001):
        points = [config.temperature(step, steps) for step in (0, steps // 2, steps - 1)]
        assert points == pytest.approx([1, 0.505, 0.01])
    assert config.temperature(0, 1) == 1


def test_the_published_temperature_is_absolute():
    """max(0.01, 1 - 0.00005 step), however many steps are planned."""
    config = AutoDimConfig(annealing="absolute")
    for steps in (100, 10**6):
        assert config.temperature(2000, steps) == pytest.approx(0.9)
        assert config.temperature(19_000, steps) == pytest.approx(0.05)
        assert config.temperature(10**5, steps) == 0.01


class Recorder:
    """Stands in for the two optimizers; notes the architecture and the model around each step."""

    def __init__(self, monkeypatch):
        self.architecture, self.model, self.log = None, None, []
        recorder, adam, inner = self, torch.optim.Adam, autodim.step

        class Upper(adam):
            def __init__(self, parameters, lr):
                (recorder.architecture,) = parameters
                super().__init__(parameters, lr)

            def step(self):
                before = recorder.state()
                super().step()
                recorder.note("validation", before)

        def lower(model, optimizer, ids, labels):
            recorder.model = model
            before = recorder.state()
            inner(model, optimizer, ids, labels)
            recorder.note("train", before)

        monkeypatch.setattr(autodim.torch.optim, "Adam", Upper)
        monkeypatch.setattr(autodim, "step", lower)

    def state(self):
        """The values of the architecture and of all of the model's parameters."""
        model = torch.cat([p.detach().flatten() for p in self.model.parameters()])
        return self.architecture.detach().clone(), model

    def note(self, level, before):
        """Log which of the two a step of a level has moved."""
        after = self.state()
        moved = [not torch.equal(a, b) for a, b in zip(before, after, strict=True)]
        self.log.append((level, *moved))


def test_each_level_moves_its_own_parameters_only(context, monkeypatch):
    """Train batches move the model, every second one is followed by a step of the architecture."""
    recorder = Recorder(monkeypatch)
    AutoDim(AutoDimConfig(epochs=1, architecture_every=2)).search(context, None)
    train, validation = ("train", False, True), ("validation", True, False)
    assert recorder.log == [train, train, validation] * 4
    assert all(parameter.grad is None for parameter in recorder.model.parameters())


def test_the_architecture_learns_from_validation_labels(make_context):
    """Other validation labels change the traced weights; without them no weight would move."""

    def final_weights(labels):
        context = make_context()
        validation = Split(context.validation.ids, labels)
        context = make_context(validation=validation)
        AutoDim(AutoDimConfig(epochs=1, architecture_every=2)).search(context, None)
        return context.trace.series["weight"][1][-1]

    labels = tiny_context().validation.labels
    assert final_weights(labels) == final_weights(labels)
    assert final_weights(labels) != final_weights(1 - labels)


def test_the_sizes_are_those_with_the_largest_architecture_parameters(context):
    """The noise has no part in the choice."""
    found = AutoDim(AutoDimConfig(epochs=2, architecture_every=2)).search(context, None)
    last = torch.tensor(context.trace.series["weight"][1][-1])
    assert found.dims == tuple(context.candidates[t] for t in last.argmax(1).tolist())


def test_a_useless_field_matters_less_than_a_useful_one_at_least_once_trained(make_context):
    """The supernet learns: its validation AUC exceeds chance by far."""
    context = make_context()
    AutoDim(AutoDimConfig(epochs=8, patience=8)).search(context, None)
    assert max(context.trace.series["validation_auc"][1]) > 0.6


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"epochs": 0}, "autodim.epochs = 0"),
        ({"slope": 0.0}, "autodim.slope = 0.0"),
        ({"least_temperature": 0.0}, "autodim.least_temperature = 0.0"),
        ({"annealing": "cosine"}, "autodim.annealing = 'cosine'"),
        ({"scheme": "hashed"}, "autodim.scheme = 'hashed'"),
    ],
)
def test_a_setting_out_of_range_is_refused(settings, words):
    """Errors name the setting and its value."""
    with pytest.raises(ConfigError) as caught:
        build_config(AutoDimConfig, settings, "autodim")
    assert words in str(caught.value)
