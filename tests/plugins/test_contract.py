"""Every registered method keeps the plugin contract, and every check can fail."""

import math
import random
from dataclasses import dataclass, replace
from itertools import count

import numpy as np
import pytest
import torch

from aesbench import Allocation, Method, Metrics
from aesbench.core.search_space import Range
from aesbench.errors import ConfigError
from aesbench.plugins.registry import METHODS
from aesbench.testing import tiny_context
from aesbench.testing.conformance import CHECKS, ContractError, check_config

PRESETS = [
    pytest.param(METHODS.get(name), preset, id=f"{name}:{preset}" if preset else name)
    for name in METHODS.names()
    for preset in METHODS.get(name).default_presets
]
each_check = pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)


@each_check
@pytest.mark.parametrize(("method", "preset"), PRESETS)
def test_registered_methods_keep_the_contract(method, preset, check):
    """Each default preset of each method passes each check, with no exception for a name."""
    check(method, preset)


@dataclass(frozen=True)
class SoundConfig:
    """Settings of every documented kind."""

    sizes: tuple[int, ...] = (2, 8)
    rate: float = 0.1
    steps: int | None = 1000


class Sound(Method):
    """A method with all that is optional: it trains, keeps a cache, scores, takes budgets."""

    name = "sound"
    title = "Sound"
    Config = SoundConfig
    honours_budget = True
    presets = {"quick": {"steps": 1}}

    def prepare(self, context):
        assert context.budget is None and self.config.steps == 1
        embedding = context.build_embedding(Allocation.uniform(context.fields, 2))
        return {"model": context.build_model(embedding), "cache": {}, "seen": {1, 2}}

    def search(self, context, prepared):
        size = int(torch.randint(1, 9, (), generator=context.generator))
        found = Allocation.uniform(context.fields, size)
        prepared["cache"][found] = prepared["model"].eval()
        return found

    def score(self, context, prepared, allocation):
        return Metrics(auc=0.5, logloss=0.7)


@each_check
def test_a_sound_method_passes(check):
    """A cache that grows, a model put into eval mode and a preset `quick` break no rule."""
    check(Sound, "")


@dataclass
class ThawedConfig:
    """Not frozen."""


@dataclass(frozen=True)
class OpaqueConfig:
    """JSON has no tuples, and an undeclared type is not converted back."""

    sizes: object = (1, 2)


@dataclass(frozen=True, init=False)
class LenientConfig:
    """Takes whatever it is given."""

    def __init__(self, **settings):
        pass


class Thawed(Sound):
    """Its settings can change while it runs."""

    Config = ThawedConfig
    presets = {}


class Opaque(Sound):
    """Its settings would read differently from a record."""

    Config = OpaqueConfig
    presets = {}


class Unstable(Sound):
    """Equal settings would not share a prepared state."""

    def prepare_key(self):
        return object()


class Lenient(Sound):
    """Misspelt settings would be ignored."""

    Config = LenientConfig
    presets = {}


class SpaceWithoutDefault(Sound):
    """What tuning starts with would not be in the space."""

    space = {"rate": Range(0.2, 0.5)}


class SpaceOfObjects(Sound):
    """A study cannot hold it."""

    space = {"steps": (1000, None)}


class SpaceOfNothing(Sound):
    """Tunes a setting that does not exist."""

    space = {"stps": (1, 2)}


class NoAllocation(Sound):
    """Returns sizes, not an allocation."""

    def search(self, context, prepared):
        return [8] * len(context.fields)


class OtherFields(Sound):
    """Returns an allocation that lacks a field."""

    def search(self, context, prepared):
        return Allocation.uniform(context.fields[1:], 8)


@dataclass(frozen=True)
class NoLimit:
    """A setting that JSON does not know."""

    steps: int = 5
    limit: float = math.inf


class Endless(Sound):
    """Takes infinity for no limit."""

    Config = NoLimit


class NoConstants(Sound):
    """Divides by the logarithm of a cardinality."""

    def search(self, context, prepared):
        dims = [1 + round(8 / math.log(field.cardinality)) for field in context.fields]
        return Allocation.field_wise(context.fields, dims)


class OneColumn(Sound):
    """Takes every field to have one id column."""

    def search(self, context, prepared):
        columns = context.train.ids.T
        return Allocation.field_wise(
            context.fields, [2 for _ in zip(context.fields, columns, strict=True)]
        )


class NoZero(Sound):
    """Says that it takes 0 for a size, and divides by the sizes."""

    drops_fields = True

    def search(self, context, prepared):
        size = max(context.candidates, key=lambda size: 1 / size)
        return Allocation.uniform(context.fields, size)


class Unseeded(Sound):
    """Draws from a generator of its own, seeded by the operating system."""

    def search(self, context, prepared):
        size = int(np.random.default_rng().integers(1, 1000))
        return Allocation.uniform(context.fields, size)


class Remembering(Sound):
    """Starts where its last search ended."""

    def prepare(self, context):
        return count(1)

    def search(self, context, prepared):
        return Allocation.uniform(context.fields, next(prepared))


class GlobalTorch(Sound):
    """Draws from torch's global generator."""

    def search(self, context, prepared):
        return Allocation.uniform(context.fields, int(torch.randint(1, 9, ())))


class GlobalNumpy(Sound):
    """Draws from numpy's global generator, though nothing comes of it."""

    def search(self, context, prepared):
        np.random.rand()
        return Allocation.uniform(context.fields, 2)


class GlobalPython(Sound):
    """Draws from python's global generator while it prepares."""

    def prepare(self, context):
        random.random()

    def search(self, context, prepared):
        return Allocation.uniform(context.fields, 2)


class OverBudget(Sound):
    """Says that it honours budgets and takes the largest size."""

    def search(self, context, prepared):
        return Allocation.uniform(context.fields, 64)


class ChangesLabels(Sound):
    """Flips the labels it was given."""

    def search(self, context, prepared):
        context.train.labels[:] = 1 - context.train.labels
        return Allocation.uniform(context.fields, 2)


class ChangesCounts(Sound):
    """Smooths the frequencies in place while it prepares."""

    def prepare(self, context):
        for field in context.fields:
            field.counts[:] += 1

    def search(self, context, prepared):
        return Allocation.uniform(context.fields, 2)


class ChangesPrepared(Sound):
    """Trains on with the prepared model."""

    def search(self, context, prepared):
        with torch.no_grad():
            prepared["model"].wide.bias += 1
        return Allocation.uniform(context.fields, 2)


class NeedsGpu(Sound):
    """Ignores the context's device."""

    def search(self, context, prepared):
        torch.zeros(10**6, device="cuda")
        return Allocation.uniform(context.fields, 2)


class RandomScore(Sound):
    """Scores one allocation differently each time."""

    def score(self, context, prepared, allocation):
        return Metrics(auc=random.random(), logloss=0.7)


class NoScore(Sound):
    """Scores with something that is not a number."""

    def score(self, context, prepared, allocation):
        return Metrics(auc=0.5, logloss=float("nan"))


class InheritsNothing(Sound):
    """Says that it hands weights on and does not."""

    def inherit(self, context, prepared, allocation, model):
        pass


class InheritsTensors(Sound):
    """Hands on the prepared tensors themselves, which retraining would change."""

    def prepare(self, context):
        prepared = super().prepare(context)
        torch.nn.init.ones_(prepared["model"].wide.bias)
        return prepared

    def inherit(self, context, prepared, allocation, model):
        model.wide = prepared["model"].wide


class ForgetsHistories(Sound):
    """Says that it supports histories, and trains on an embedding that knows of none."""

    supports_histories = True

    def prepare(self, context):
        return super().prepare(replace(context, histories=()))


BROKEN = [
    ("check_config", Thawed, ContractError, "not frozen"),
    ("check_config", Endless, ContractError, "is not finite: .*use None for no limit"),
    ("check_config", Opaque, ContractError, "do not survive JSON"),
    ("check_config", Unstable, ContractError, "prepare_key of 'sound' differs"),
    ("check_unknown_setting", Lenient, ContractError, "accepts .*no_such_setting"),
    ("check_space", SpaceWithoutDefault, ContractError, "default rate = 0.1 is not in"),
    ("check_space", SpaceOfObjects, ContractError, "steps may become None"),
    ("check_space", SpaceOfNothing, ConfigError, "no setting 'stps'"),
    ("check_allocation", NoAllocation, ContractError, "returned list; return an aesbench.Alloc"),
    ("check_allocation", OtherFields, ContractError, "the allocation is for fields"),
    ("check_constant_field", NoConstants, ZeroDivisionError, "zero"),
    ("check_multi_valued_field", OneColumn, ValueError, "zip"),
    ("check_history", ForgetsHistories, ContractError, "hand context.histories on"),
    ("check_zero_candidate", NoZero, ZeroDivisionError, "zero"),
    ("check_reproducible", Unseeded, ContractError, "from one seed"),
    ("check_reproducible", Remembering, ContractError, "leave nothing behind"),
    ("check_reproducible", GlobalTorch, ContractError, "draw from context.generator"),
    ("check_generators", GlobalTorch, ContractError, "generator of torch"),
    ("check_generators", GlobalNumpy, ContractError, "generator of numpy"),
    ("check_generators", GlobalPython, ContractError, "generator of python"),
    ("check_budget", OverBudget, ContractError, "for a budget of"),
    ("check_inputs_unchanged", ChangesLabels, ContractError, "context.train.labels"),
    ("check_inputs_unchanged", ChangesCounts, ContractError, "context.fields.0.counts"),
    ("check_inputs_unchanged", ChangesPrepared, ContractError, "prepared.model.wide.bias"),
    ("check_cpu", NeedsGpu, ContractError, "context.device"),
    ("check_score", RandomScore, ContractError, "and then"),
    ("check_score", NoScore, ContractError, "finite"),
    ("check_inherit", InheritsNothing, ContractError, "leaves the model as it was"),
    ("check_inherit", InheritsTensors, ContractError, "shares tensors of the prepared state"),
]


@pytest.mark.parametrize(
    ("check", "method", "error", "words"),
    BROKEN,
    ids=[f"{check}-{method.__name__}" for check, method, _, _ in BROKEN],
)
def test_a_broken_method_is_found(check, method, error, words):
    """Each check raises on a method that breaks its rule, and says which."""
    (run,) = (candidate for candidate in CHECKS if candidate.__name__ == check)
    with pytest.raises(error, match=words):
        run(method, "")


def test_every_check_has_been_seen_to_fail():
    """A new check needs a method that it finds out."""
    assert {check.__name__ for check in CHECKS} == {check for check, *_ in BROKEN}


def test_an_unknown_preset_fails_the_check_of_settings():
    """A preset that sets what does not exist is the plugin author's mistake."""

    class Misspelt(Sound):
        """Has a slip in a preset."""

        presets = {"fast": {"setps": 1}}

    with pytest.raises(ConfigError, match="'sound' has no setting 'setps'; did you mean 'steps'?"):
        check_config(Misspelt, "fast")


@pytest.mark.parametrize("shapes", [(("one", 1, 1), ("many", 300, 1)), (("tags", 9, 3),)])
def test_example_data_is_numbered_as_real_data_is(shapes):
    """Train counts are those of the ids, and descend up to the out-of-vocabulary id."""
    context = tiny_context(shapes=shapes)
    columns = np.split(context.train.ids, np.cumsum([f.columns for f in context.fields])[:-1], 1)
    for field, ids in zip(context.fields, columns, strict=True):
        seen = [(ids == value).sum() for value in range(field.cardinality)]
        assert field.counts.tolist() == seen
        assert (np.diff(field.counts[:-1]) <= 0).all()
        assert (ids[:, 0] >= 0).all()
    assert 0.4 < context.train.labels.mean() < 0.6
