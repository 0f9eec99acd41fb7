"""AutoDim: its weights and temperature by hand, and what moves on which batch."""

import math

import pytest
import torch

from aesbench import Split, load_dataset, plan
from aesbench.core.settings import build_config
from aesbench.errors import ConfigError
from aesbench.harness.stages import make_context as make_run_context
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


@pytest.mark.parametrize(
    ("steps", "every", "rate"),
    [
        (16_000, 10, 1e-3),  # 1,600 updates, as the paper's data have.
        (64_000, 10, 1e-3),  # More: the paper's rate.
        (8_000, 10, 2e-3),
        (1_562, 10, 1600 / 156 * 1e-3),  # ml1m-static: about ten times the rate.
        (312, 10, 3e-2),  # planted: 31 updates, thirty times the rate at most.
        (5, 10, 3e-2),
        (1_562, 1, 1600 / 1562 * 1e-3),
    ],
)
def test_the_rate_makes_up_for_few_updates(steps, every, rate):
    """1e-3 * clip(1600 / updates per epoch, 1, 30)."""
    config = AutoDimConfig(architecture_every=every)
    assert config.architecture_rate(steps) == pytest.approx(rate)
    as_it_is = AutoDimConfig(architecture_every=every, most_rate_scaling=1.0)
    assert as_it_is.architecture_rate(steps) == 1e-3


@pytest.mark.parametrize(
    ("settings", "unification", "widths", "layers"),
    [
        ({}, "plain", 64, None),  # Zero padding to the largest candidate.
        ({}, "transform", 64, 1),
        ({"unify": "linear"}, "plain", 64, 1),
        ({"unify": "padding"}, "transform", 64, None),
        ({"width": "final"}, "transform", 32, 1),
        ({"width": "final"}, "plain", 64, None),
        ({"own_transforms": True}, "transform", 64, 4),
    ],
)
def test_sizes_are_unified_as_the_run_retrains(make_context, settings, unification, widths, layers):
    """Padded under ``plain``, by layers that the fields share under ``transform``."""
    method = AutoDim(AutoDimConfig(epochs=1, **settings))
    method.search(make_context(unification=unification), None)
    embedding = method.model.embedding
    assert embedding.widths == (widths,) * 4
    transforms = embedding.transforms
    assert (None if transforms is None else len(transforms.layers[0])) == layers
    assert len(embedding.tables.tables) == 1  # Shared by the sizes.


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
        """The values of the architecture, once there is one, and of all of the model's parameters.

        With the running statistics of its normalisation, which validation batches leave alone.
        """
        model = torch.cat([p.detach().flatten().double() for p in self.parts()])
        return model if self.architecture is None else (self.architecture.detach().clone(), model)

    def parts(self):
        """The model's parameters and statistics, but for counters of batches."""
        return [v for k, v in self.model.state_dict().items() if "num_batches" not in k]

    def note(self, level, before):
        """Log which of the two a step of a level has moved."""
        after = self.state()
        if self.architecture is None:
            self.log.append((level, not torch.equal(before, after)))
            return
        moved = [not torch.equal(a, b) for a, b in zip(before, after, strict=True)]
        self.log.append((level, *moved))


def test_each_level_moves_its_own_parameters_only(context, monkeypatch):
    """A pass with equal weights; then a step of the architecture before every second train batch.

    The paper's order: validation first.
    """
    recorder = Recorder(monkeypatch)
    AutoDim(AutoDimConfig(epochs=1, architecture_every=2)).search(context, None)
    train, validation = ("train", False, True), ("validation", True, False)
    assert recorder.log == [("train", True)] * 8 + [train, validation, train] * 4
    assert all(parameter.grad is None for parameter in recorder.model.parameters())


def test_weights_are_equal_and_fixed_until_pre_training_is_over(context, monkeypatch):
    """One fifth each in the first pass, in all eight of its steps."""
    seen, inner = [], autodim.step

    def lower(model, optimizer, ids, labels):
        seen.append(model.embedding.weights.clone())
        return inner(model, optimizer, ids, labels)

    monkeypatch.setattr(autodim, "step", lower)
    AutoDim(AutoDimConfig(epochs=1, pretrain_epochs=1)).search(context, None)
    assert len(seen) == 16
    is_equal = [bool(torch.allclose(weights, torch.tensor(0.2))) for weights in seen]
    assert is_equal == [True] * 8 + [False] * 8


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
    config = AutoDimConfig(epochs=2, architecture_every=2, read="last")
    found = AutoDim(config).search(context, None)
    last = torch.tensor(context.trace.series["weight"][1][-1])
    assert found.dims == tuple(context.candidates[t] for t in last.argmax(1).tolist())


@pytest.mark.parametrize(("read", "epoch"), [("last", 4), ("best", 2)])
def test_the_epoch_to_read_is_a_setting(make_context, monkeypatch, read, epoch):
    """Validation is best after the second epoch, the search ends two later."""
    scores = iter([0.5, 0.7, 0.6, 0.6])
    monkeypatch.setattr(autodim, "auc", lambda labels, logits: next(scores))
    context = make_context()
    config = AutoDimConfig(
        epochs=8, patience=2, architecture_every=2, architecture_learning_rate=1e-3, read=read
    )
    found = AutoDim(config).search(context, None)
    weights = torch.tensor(context.trace.series["weight"][1])
    assert len(weights) == 4 * 8
    after = weights[8 * epoch - 1].argmax(1).tolist()
    assert found.dims == tuple(context.candidates[t] for t in after)
    assert weights[15].argmax(1).tolist() != weights[31].argmax(1).tolist()


@pytest.mark.parametrize("unification", ["plain", "transform"])
def test_the_supernet_learns(make_context, unification):
    """Its validation AUC, with the weights to evaluate with, exceeds chance by far."""
    context = make_context(unification=unification)
    AutoDim(AutoDimConfig(epochs=8, patience=8)).search(context, None)
    assert max(context.trace.series["validation_auc"][1]) > 0.6


@pytest.mark.slow
def test_weights_decide_where_sizes_matter(cache_dir):
    """On ``planted``, at the defaults: some weight passes one half; a coin would stay at a fifth.

    And what it decides is right: no noise field gets more than any field of the planted pairs.
    """
    data = load_dataset("planted", cache_dir=cache_dir)
    (spec,) = plan(data, ["autodim"], backbones=["widedeep"], seeds=[0])
    context = make_run_context(spec, data, torch.device("cpu"), "search/0", lambda *said: None)
    found = AutoDim().search(context, None)
    weights = torch.tensor(context.trace.series["weight"][1][-1])
    assert weights.max() > 0.5
    dims = dict(zip(found.names, found.dims, strict=True))
    ranks = {name: truth["rank"] for name, truth in data.truth["fields"].items()}
    noise = [dims[name] for name, rank in ranks.items() if rank == 0]
    paired = [dims[name] for name, rank in ranks.items() if rank > 1]
    assert len(noise) == 3 and len(paired) == 4
    assert max(noise) <= min(paired)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"epochs": 0}, "autodim.epochs = 0"),
        ({"slope": 0.0}, "autodim.slope = 0.0"),
        ({"least_temperature": 0.0}, "autodim.least_temperature = 0.0"),
        ({"annealing": "cosine"}, "autodim.annealing = 'cosine'"),
        ({"scheme": "hashed"}, "autodim.scheme = 'hashed'"),
        ({"pretrain_epochs": -1}, "autodim.pretrain_epochs = -1"),
        ({"most_rate_scaling": 0.5}, "autodim.most_rate_scaling = 0.5"),
        ({"unify": "mean"}, "autodim.unify = 'mean'"),
        ({"width": "wide"}, "autodim.width = 'wide'"),
        ({"read": "first"}, "autodim.read = 'first'"),
    ],
)
def test_a_setting_out_of_range_is_refused(settings, words):
    """Errors name the setting and its value."""
    with pytest.raises(ConfigError) as caught:
        build_config(AutoDimConfig, settings, "autodim")
    assert words in str(caught.value)
