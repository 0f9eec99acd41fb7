"""A pack is fitted as ``fit`` fits each of its models; and what says that it cannot be packed."""

import copy
import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from aesbench import Allocation, TrainConfig, fit
from aesbench.core.metrics import score
from aesbench.errors import DataError
from aesbench.models import training
from aesbench.models.backbones import Backbone, BackboneConfig, WideDeep
from aesbench.models.embedding import FirstOrder, MixedEmbedding, make_linear
from aesbench.models.optimizer import ModelAdam
from aesbench.models.packed.layers import NotPackableError
from aesbench.models.packed.model import Pack
from aesbench.models.packed.optimizer import PackedAdam
from aesbench.models.packed.training import fit_pack
from aesbench.models.randomness import global_generators
from aesbench.models.training import predict, step
from aesbench.models.vectors import Joined
from aesbench.testing import tiny_context

CONTEXT = tiny_context()
# Sizes that differ stop at epochs that differ.
CONFIG = TrainConfig(batch_size=60, epochs=30, patience=2, learning_rate=0.01)
DIMS = ((2, 2, 2, 2), (8, 8, 8, 8), (8, 8, 8, 8), (16, 0, 24, 2))


def build(dims=DIMS, backbone=WideDeep, dtype=torch.float64, **changes):
    """Models of sizes per field, each from a seed of its own, and the generators of their rows."""
    models, generators = [], []
    for seed, own in enumerate(dims):
        context = tiny_context(seed=seed, **changes)
        allocation = Allocation.field_wise(context.fields, own)
        embedding = context.build_embedding(allocation)
        config = BackboneConfig(hidden=(8,), dropout=0.1)
        model = backbone(context.fields, embedding, config, context.generator)
        models.append(model.to(dtype))
        generators.append(context.generator)
    return models, generators


def fitted(models, generators, config=CONFIG, **more):
    """What became of each model, in the order in which they ended."""
    dropout = [torch.Generator().manual_seed(number) for number in range(len(models))]
    data = [(CONTEXT.train, CONTEXT.validation)] * len(models)
    return list(fit_pack(models, data, config, generators, dropout, **more))


def fitted_alone(models, generators, config=CONFIG):
    """The result of ``fit`` for each model."""
    results = []
    for number, (model, generator) in enumerate(zip(models, generators, strict=True)):
        with global_generators(number):
            results.append(fit(model, CONTEXT.train, CONTEXT.validation, config, generator))
    return results


def scored(model):
    """The metrics of a model on validation."""
    return score(CONTEXT.validation.labels, predict(model, CONTEXT.validation))


@pytest.mark.parametrize("unification", ["plain", "transform"])
def test_each_member_stops_when_and_with_what_it_would_alone(unification, monkeypatch):
    """Epochs, best epoch, history and best weights; whoever has stopped is stepped no more."""
    alone, generators = build(unification=unification)
    results = fitted_alone(alone, generators)
    sizes, real = [], training.step
    monkeypatch.setattr(
        training, "step", lambda *given: sizes.append(len(given[2])) or real(*given)
    )
    models, generators = build(unification=unification)
    done = fitted(models, generators)
    stops = [result.epochs for result in results]
    assert len(set(stops)) > 1 and max(stops) < CONFIG.epochs, "a case that shows something"
    assert [results[one.number].epochs for one in done] == sorted(stops)
    steps_each = len(CONTEXT.train) // CONFIG.batch_size
    left = [sum(stop >= epoch for stop in stops) for epoch in range(1, max(stops) + 1)]
    assert sizes == [members for members in left for _ in range(steps_each)]
    for one in done:
        expected, model = results[one.number], models[one.number]
        assert (one.result.epochs, one.result.best_epoch) == (expected.epochs, expected.best_epoch)
        assert one.result.history == pytest.approx(expected.history, abs=1e-9)
        assert one.result.validation.logloss == pytest.approx(expected.validation.logloss, abs=1e-9)
        assert one.result.best_epoch < one.result.epochs and not model.training
        logits = [predict(own, CONTEXT.validation) for own in (model, alone[one.number])]
        np.testing.assert_allclose(*logits, rtol=0, atol=1e-6)
        assert dataclasses.astuple(scored(model)) == pytest.approx(
            dataclasses.astuple(one.result.validation), abs=1e-9
        )


def test_in_single_precision_it_is_the_same_up_to_rounding():
    """An epoch whose validation AUC differs by less than .001."""
    config = dataclasses.replace(CONFIG, epochs=1)
    results = fitted_alone(*build(dtype=torch.float32), config)
    done = fitted(*build(dtype=torch.float32), config)
    assert [one.number for one in done] == [0, 1, 2, 3]
    for one, expected in zip(done, results, strict=True):
        assert one.result.validation.auc == pytest.approx(expected.validation.auc, abs=1e-3)
        assert one.result.validation.logloss == pytest.approx(expected.validation.logloss, abs=1e-4)


def test_the_epochs_are_bounded_and_told():
    """All members are done after the last one; the listener hears each epoch once."""
    heard, config = [], dataclasses.replace(CONFIG, epochs=2, patience=9)
    done = fitted(*build(), config, progress=lambda *said: heard.append(said))
    assert [one.result.epochs for one in done] == [2] * 4
    assert heard == [("epoch", 1, 2), ("epoch", 2, 2)]


def test_a_member_says_what_it_cost_and_how_wide_the_pack_was():
    """Its share of the seconds, which add up to no more than all took; and the padded width."""
    done = fitted(*build(), dataclasses.replace(CONFIG, epochs=2))
    assert all(0 < min(one.seconds) < 60 for one in done)
    # Of every field the largest size: 16 + 8 + 24 + 8.
    assert {one.width for one in done} == {56}


def test_a_pack_of_one_is_the_model():
    """Nothing needs a neighbour."""
    (expected,) = fitted_alone(*build(DIMS[3:]))
    (one,) = fitted(*build(DIMS[3:]))
    assert one.result.history == pytest.approx(expected.history, abs=1e-9)


def test_the_order_of_the_rows_is_each_members_own():
    """Equal models with equal generators stay equal; with another generator they do not."""
    (model, _, _, _), _ = build()
    models = [copy.deepcopy(model) for _ in range(3)]
    for dropping in models:
        dropping.mlp[2].p = 0.0
    generators = [torch.Generator().manual_seed(seed) for seed in (5, 5, 6)]
    done = {one.number: one.result.history for one in fitted(models, generators)}
    assert done[0] == done[1] != done[2]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("unification", ["plain", "transform"])
def test_a_member_that_diverges_fails_alone(value, unification):
    """It leaves after its first epoch; the others learn what they learn without it."""
    expected = {o.number: o.result for o in fitted(*build(unification=unification))}
    models, generators = build(unification=unification)
    with torch.no_grad():
        for parameter in models[1].parameters():
            parameter.fill_(value)
    first, *others = fitted(models, generators)
    assert first.number == 1 and isinstance(first.result, DataError)
    assert "diverged" in str(first.result)
    assert {one.number for one in others} == {0, 2, 3}
    for one in others:
        assert one.result.history == pytest.approx(expected[one.number].history, abs=1e-9)


def test_a_pack_that_diverges_as_a_whole_ends():
    """Every member has its error."""
    models, generators = build()
    with torch.no_grad():
        for model in models:
            model.wide.bias.fill_(float("nan"))
    done = fitted(models, generators)
    assert [type(one.result) for one in done] == [DataError] * 4


def test_training_changes_no_data():
    """Ids and labels stay as they were."""
    before = [split.ids.copy() for split in (CONTEXT.train, CONTEXT.validation)]
    fitted(*build(), dataclasses.replace(CONFIG, epochs=1))
    for ids, split in zip(before, (CONTEXT.train, CONTEXT.validation), strict=True):
        assert np.array_equal(ids, split.ids)


class Unwilling(WideDeep):
    """Changes what a pack would not know of, and says so."""

    packs = False


class OtherEmbedding(MixedEmbedding):
    """Looks values up in a way of its own."""


class Layered(WideDeep):
    """Has a layer of a kind that nobody has stacked."""

    def __init__(self, *given):
        super().__init__(*given)
        self.mlp.insert(1, nn.LayerNorm(8))


class Bilinear(WideDeep):
    """Has a matrix of its own."""

    def __init__(self, *given):
        super().__init__(*given)
        self.products = nn.Parameter(torch.zeros(3, 3))


class Remembering(WideDeep):
    """Has a buffer of its own."""

    def __init__(self, *given):
        super().__init__(*given)
        self.register_buffer("seen", torch.zeros(3))


@pytest.mark.parametrize("backbone", [Unwilling, Layered, Bilinear, Remembering])
def test_what_does_not_pack_says_so(backbone):
    """Before anything is trained, so that whoever asked can train it alone."""
    models, generators = build(backbone=backbone)
    with pytest.raises(NotPackableError):
        fitted(models, generators)


def test_models_of_several_kinds_do_not_pack():
    """Nor does a backbone with an embedding that no pack knows."""
    (one, other, *_), generators = build()
    (foreign, _, _, _), _ = build(backbone=Unwilling)
    other.embedding.__class__ = OtherEmbedding
    for models in ((one, foreign), (one, other)):
        with pytest.raises(NotPackableError):
            Pack(models, 64, generators[:2])


class Gated(Backbone):
    """A plugin's backbone by the documented seam: two layers on the vectors, its own parameters."""

    packs = True

    def __init__(self, fields, embedding, config, generator):
        super().__init__(fields, embedding, config, generator)
        self.wide = FirstOrder(fields)
        inputs = sum(embedding.widths)
        self.deep = make_linear(inputs, 6, generator)
        self.gate = make_linear(inputs, 6, generator, bias=False)
        self.weights = nn.Parameter(torch.linspace(-1, 1, 6))
        self.scale = nn.Parameter(torch.tensor(0.5))
        self.out = nn.Sequential(nn.Tanh(), nn.BatchNorm1d(6), make_linear(6, 1, generator))

    def forward(self, ids):
        return self.logits(Joined(self.embedding(ids), self.embedding.widths), self.wide(ids))

    def logits(self, vectors, first_order):
        hidden = vectors.linear(self.deep) * vectors.linear(self.gate).sigmoid()
        found = self.scale * (hidden * self.weights).sum(-1) + self.out(hidden).squeeze(-1)
        return found + 0.1 * self.scale * vectors.squares() + first_order

    def input_layers(self):
        return (self.deep, self.gate)


@pytest.mark.parametrize("unification", ["plain", "transform"])
def test_a_backbone_of_a_plugin_packs_by_the_seam(unification):
    """Scalars and vectors of its own, layers that take all vectors: as alone, to nine digits."""
    models, _ = build(backbone=Gated, unification=unification)
    twins = copy.deepcopy(models)
    pack = Pack(models, 64, [torch.Generator()] * 4).train()
    how = {"learning_rate": 0.01, "l2": 0.01}
    optimizer = PackedAdam(pack.embedding, pack.backbone, **how)
    optimizers = [ModelAdam(model, **how) for model in models]
    batches = list(CONTEXT.train.batches(64)) * 6
    for ids, labels in batches:
        shares = ids.expand(4, -1, -1), labels.expand(4, -1)
        logits = training.step(pack, optimizer, *shares)
        for number, (model, own) in enumerate(zip(models, optimizers, strict=True)):
            torch.testing.assert_close(logits[number], model(ids).detach(), rtol=0, atol=1e-9)
            step(model.train(), own, ids, labels)
    for number, (model, twin) in enumerate(zip(models, twins, strict=True)):
        pack.write(number, twin)
        for name in ("scale", "weights", "gate.weight", "out.2.weight"):
            own = [one.get_parameter(name) for one in (model, twin)]
            torch.testing.assert_close(*own, rtol=0, atol=1e-9)
