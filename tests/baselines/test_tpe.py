"""TPE: what it evaluates, within which budgets, and that it finds what there is to find."""

from dataclasses import replace

import pytest
import torch

from aesbench.core.metrics import Metrics
from aesbench.errors import ConfigError
from aesbench.models.training import FitResult
from aesbench.plugins import method
from aesbench.plugins.method import Context, Evaluation, Spent
from aesbench_baselines.tpe import TPE, TPEConfig


@pytest.fixture
def trained(monkeypatch):
    """Replace training by a formula: the more fields have size 16, the better; keep the sizes."""
    seen = []

    def evaluate(self, allocation, *, fraction, seed):
        seen.append(allocation.dims)
        self.spent.seconds += 1.5
        return Evaluation(allocation.dims.count(16) / len(allocation.dims), 0.5, "trained", 1.5)

    monkeypatch.setattr(Context, "evaluate", evaluate)
    return seen


def searched(context, seed=0, **settings):
    """The allocation of one seed."""
    generator = torch.Generator().manual_seed(seed)
    seeded = replace(context, generator=generator, spent=Spent())
    return TPE(TPEConfig(**settings)).search(seeded, None)


def test_it_finds_what_chance_does_not(context, trained):
    """All four fields at the one good size of five, in 120 evaluations of 625 allocations."""
    assert searched(context, evaluations=120).dims == (16,) * 4
    assert len(trained) == len(set(trained)) <= 120


def test_evaluations_are_counted_and_short(context, monkeypatch):
    """Five trainings, each of a quarter of 20 epochs, all from the same random numbers."""
    seen = []

    def fit(model, train, validation, config, generator):
        assert train is context.train and validation is context.validation
        seen.append((config.epochs, generator.initial_seed()))
        return FitResult(1, 1, Metrics(0.5, 0.6), (0.5,), (0.6,))

    monkeypatch.setattr(method, "fit", fit)
    long = replace(context, train_config=replace(context.train_config, epochs=20))
    searched(long, evaluations=5, fraction=0.25)
    assert [epochs for epochs, _ in seen] == [5] * 5
    assert len({seed for _, seed in seen}) == 1


@pytest.mark.parametrize("size", [2, 8, 20])
def test_nothing_over_the_parameter_budget_is_trained(make_context, trained, size):
    """The first is the largest uniform size that fits; every other one fits as well."""
    context = make_context()
    cardinalities = [field.cardinality for field in context.fields]
    budget = size * sum(cardinalities)
    found = searched(replace(context, budget=budget), evaluations=15, proposals=100)
    assert trained[0] == ({2: 2, 8: 8, 20: 16}[size],) * 4
    for dims in trained:
        assert sum(n * dim for n, dim in zip(cardinalities, dims, strict=True)) <= budget
    assert found.parameters <= budget


def test_a_budget_below_every_allocation_is_named(context):
    """The error says what the smallest one takes: size 2 for 317 values."""
    with pytest.raises(ConfigError, match="budget of 633 .*the smallest has 634"):
        searched(replace(context, budget=633))


def test_seconds_end_the_search(context, trained):
    """Those of its evaluations: five of a second and a half pass seven."""
    searched(context, evaluations=None, seconds=7.0)
    assert len(trained) == 5


def test_a_small_space_ends_the_search(make_context, trained):
    """Where every proposal has been evaluated, so many in a row end it."""
    context = make_context(shapes=(("user", 10, 1),))
    assert searched(context, evaluations=50, proposals=30).dims == (16,)
    assert len(trained) <= 5


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"evaluations": None}, "a number, unless tpe.seconds is one"),
        ({"fraction": 0.0}, "tpe.fraction = 0.0"),
        ({"seconds": -1.0}, "tpe.seconds = -1.0"),
        ({"evaluations": 0}, "tpe.evaluations = 0"),
    ],
)
def test_settings_out_of_range_are_named(settings, words):
    """A search without an end is one of them."""
    with pytest.raises(ConfigError, match=words):
        TPEConfig(**settings)
