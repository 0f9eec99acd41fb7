"""AutoEmb: the controller's inputs, the loss it learns from, and the selection."""

import math

import pytest
import torch

from aesbench.core.settings import build_config
from aesbench.errors import ConfigError
from aesbench.search.bilevel import BilevelBatches
from aesbench.search.units import popularity_units
from aesbench.testing import CHECKS
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


def preset(name, **settings):
    """AutoEmb with the settings of a preset, and some more."""
    return AutoEmb(build_config(AutoEmbConfig, {**AutoEmb.preset(name), **settings}, "autoemb"))


@pytest.fixture
def drawn(monkeypatch):
    """The pairs of batches that a search is handed, in order."""
    pairs, epoch = [], BilevelBatches.epoch

    def noted(self):
        for pair in epoch(self):
            pairs.append(pair)
            yield pair

    monkeypatch.setattr(BilevelBatches, "epoch", noted)
    return pairs


@pytest.fixture
def states(monkeypatch):
    """The states that the controller is given, in order."""
    seen = []

    class Noted(autoemb.Controller):
        def forward(self, state):
            seen.append(state.clone())
            return super().forward(state)

    monkeypatch.setattr(autoemb, "Controller", Noted)
    return seen


def test_the_first_state_is_the_smallest_size_and_a_loss_of_one(context, states):
    """As in the public code."""
    preset("validation", epochs=1).search(context, None)
    expected = torch.tensor([[1.0, 0, 0, 0, 0, 1.0]] * len(context.fields))
    torch.testing.assert_close(states[0], expected)


def test_weights_come_back_as_state_and_the_loss_is_a_moving_average(context, states):
    """A decay of 0.9: after the first loss l the state's loss is 0.9 + 0.1 l."""
    preset("validation", epochs=1).search(context, None)
    steps, weights = context.trace.series["weight"]
    losses = context.trace.series["upper_loss"][1]
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
    preset("validation", epochs=1).search(context, None)
    assert log == [{"controller"}, {"model"}] * 8


def test_validation_rows_can_move_the_controller(context, drawn):
    """The combination that the controller learns from is computed on validation ids."""
    preset("validation", epochs=1).search(context, None)
    rows = {tuple(row) for row in context.validation.ids.tolist()}
    assert all(tuple(row) in rows for _, (ids, _) in drawn for row in ids.tolist())


@pytest.mark.parametrize("name", ["", "paper", "value"])
def test_the_previous_train_batch_moves_the_controller(context, drawn, monkeypatch, name):
    """As in the public code, in one pass: every batch but the last, each before the next."""
    moved = []
    descend = autoemb.descend
    monkeypatch.setattr(autoemb, "descend", lambda *call: (moved.append(1), descend(*call)))
    preset(name).search(context, None)
    assert len(drawn) == 8 and len(moved) == 7
    assert drawn[0][1] is None
    for (before, _), (_, upper) in zip(drawn, drawn[1:], strict=False):
        assert torch.equal(before[0], upper[0])


def test_the_model_remembers_no_rows_of_the_upper_level(context, monkeypatch):
    """Its running statistics are as the train step before left them when the controller moves."""
    models, left, compared = [], [], []
    build, descend, step = type(context).build_model, autoemb.descend, autoemb.step

    def statistics(model):
        return torch.cat([norm.running_mean for norm in model.embedding.norms])

    def noted_build(self, embedding):
        models.append(build(self, embedding))
        return models[-1]

    def noted_step(model, *rest):
        step(model, *rest)
        left.append(statistics(model).clone())

    def noted_descend(*call):
        if left:
            compared.append(torch.equal(statistics(models[0]), left[-1]))
        descend(*call)

    monkeypatch.setattr(type(context), "build_model", noted_build)
    monkeypatch.setattr(autoemb, "step", noted_step)
    monkeypatch.setattr(autoemb, "descend", noted_descend)
    preset("validation", epochs=1).search(context, None)
    assert compared == [True] * 7
    assert not torch.equal(left[0], left[1])


def test_sizes_have_the_largest_mean_weight_of_the_best_epoch(context, monkeypatch):
    """Summed over its steps: of the first of three, though the search goes on for two."""
    scores = iter([0.7, 0.6, 0.6])
    monkeypatch.setattr(autoemb, "auc", lambda labels, logits: next(scores))
    found = preset("validation", controller_learning_rate=1e-3).search(context, None)
    weights = torch.tensor(context.trace.series["weight"][1])
    assert len(weights) == 24
    means = weights.view(3, 8, 4, 5).mean(1)
    torch.testing.assert_close(means.sum(2), torch.ones(3, 4))
    dims = [tuple(context.candidates[t] for t in mean.argmax(1).tolist()) for mean in means]
    assert found.dims == dims[0]
    assert dims[0] not in dims[1:]


def test_the_paper_reads_the_weights_at_the_end(context):
    """Those of the last step of its one pass, no mean."""
    found = preset("paper", controller_learning_rate=1e-2).search(context, None)
    weights = torch.tensor(context.trace.series["weight"][1])
    assert len(weights) == 8
    assert found.dims == tuple(context.candidates[t] for t in weights[-1].argmax(1).tolist())


@pytest.mark.parametrize(
    ("settings", "unification", "width", "has_layers"),
    [
        ({}, "plain", 64, False),  # Zero padding, as the retrained model has no layers.
        ({}, "transform", 64, True),
        ({"unify": "linear"}, "plain", 64, True),
        ({"width": "final"}, "transform", 32, True),
        ({"sizes_of": "values"}, "plain", 64, True),  # Blocks are mapped at retraining, too.
    ],
)
def test_sizes_are_unified_as_the_run_retrains(
    make_context, settings, unification, width, has_layers
):
    """Padded under ``plain`` where fields have sizes, by layers otherwise; full width."""
    method = AutoEmb(AutoEmbConfig(epochs=1, **settings))
    method.search(make_context(unification=unification), None)
    embedding = method.model.embedding
    assert embedding.widths == (width,) * 4
    assert (embedding.transforms is not None) == has_layers


def test_values_get_sizes_by_their_popularity(context, monkeypatch):
    """Each unit of popularity the size of its largest weight; equal neighbours are one block."""
    last = []
    soft = autoemb.SoftEmbedding

    class Noted(soft):
        def __setattr__(self, name, value):
            if name == "weights" and isinstance(value, torch.Tensor):
                last[:] = [value.detach().clone()]
            super().__setattr__(name, value)

    monkeypatch.setattr(autoemb, "SoftEmbedding", Noted)
    found = preset("value", controller_learning_rate=1e-2).search(context, None)
    units = popularity_units(context.fields, 201)
    assert [sum(unit.field == field for unit in units) for field in (0, 2, 3)] == [1, 1, 1]
    assert sum(unit.field == 1 for unit in units) > 3  # Of the 260 items.
    sizes = [context.candidates[t] for t in last[0].argmax(1).tolist()]
    expected = [
        [size for unit, size in zip(units, sizes, strict=True) if unit.field == field
         for _ in range(unit.rows)]
        for field in range(4)
    ]  # fmt: skip
    by_value = [[block.dim for block in own for _ in range(block.rows)] for own in found.blocks]
    assert by_value == expected
    assert all(a.dim != b.dim for own in found.blocks for a, b in zip(own, own[1:], strict=False))


def test_the_bare_name_is_a_preset():
    """The defaults are those of ``autoemb:paper``."""
    assert build_config(AutoEmbConfig, AutoEmb.preset("paper"), "autoemb") == AutoEmbConfig()


@pytest.mark.parametrize("tanh", [True, False])
def test_the_supernet_learns(make_context, tanh):
    """Its validation AUC exceeds chance by far."""
    context = make_context()
    preset("validation", epochs=8, patience=8, tanh=tanh).search(context, None)
    assert max(context.trace.series["validation_auc"][1]) > 0.6


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", ["validation", "value"])
def test_every_preset_keeps_the_contract(name, check):
    """As the bare name does, which the registry's test takes."""
    check(AutoEmb, name)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"patience": 0}, "autoemb.patience = 0"),
        ({"controller_learning_rate": 0.0}, "autoemb.controller_learning_rate = 0.0"),
        ({"loss_decay": 1.0}, "autoemb.loss_decay = 1.0"),
        ({"scheme": "hashed"}, "autoemb.scheme = 'hashed'"),
        ({"rows": "test"}, "autoemb.rows = 'test'"),
        ({"read": "last"}, "autoemb.read = 'last'"),
        ({"sizes_of": "rows"}, "autoemb.sizes_of = 'rows'"),
        ({"whole_up_to": 0}, "autoemb.whole_up_to = 0"),
    ],
)
def test_a_setting_out_of_range_is_refused(settings, words):
    """Errors name the setting and its value."""
    with pytest.raises(ConfigError) as caught:
        build_config(AutoEmbConfig, settings, "autoemb")
    assert words in str(caught.value)
