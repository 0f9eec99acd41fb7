"""One run: the phases, the record, the guard around plugins."""

import dataclasses
import random
from pathlib import Path

import numpy as np
import pytest
import torch

from aesbench.errors import ConfigError
from aesbench.grid import plan
from aesbench.metrics import score
from aesbench.registry import load_plugin
from aesbench.runner import PreparedCache, make_context, run

PLUGIN = Path(__file__).parent / "plugins" / "misbehaving.py"
QUICK = {"train": {"epochs": "1"}}


@pytest.fixture(scope="module", autouse=True)
def plugins():
    """The misbehaving methods are registered."""
    load_plugin(PLUGIN)


def spec_of(dataset, method, **options):
    """The only spec of a one-method, one-seed plan of one epoch."""
    (spec,) = plan(dataset, [method], seeds=[0], settings=QUICK, **options)
    return spec


def test_a_record_holds_every_measurement(planted_tiny):
    """A successful run measures quality, size, speed and memory, and names its conditions."""
    record = run(spec_of(planted_tiny, "ues:8"), planted_tiny)
    rows = sum(field.cardinality for field in planted_tiny.fields)
    assert record.ok and record.error is None
    assert record.allocation.dims == (8,) * len(planted_tiny.fields)
    assert record.parameters["embedding"] == 8 * rows
    assert record.parameters["wide"] == rows + 1
    assert record.flops > 0 and record.peak_memory_bytes > 0
    assert set(record.seconds) == {"prepare", "search", "retrain", "evaluate"}
    assert set(record.metrics) == {"validation", "test", "test_expected"}
    assert 0.5 < record.metrics["test"]["auc"] < 1
    assert record.environment["packages"]["torch"] == torch.__version__
    assert record.environment["providers"]["method"].startswith("aesbench ")


def test_the_same_spec_gives_the_same_bits(planted_tiny):
    """Two runs of one spec agree in every metric to the last bit."""
    spec = spec_of(planted_tiny, "ues:8", backbones=["deepfm"])
    first, second = run(spec, planted_tiny), run(spec, planted_tiny)
    assert first.metrics == second.metrics
    assert first.epochs == second.epochs


def test_another_seed_gives_another_model(planted_tiny):
    """The seed reaches initialisation and the order of the rows."""
    one, two = plan(planted_tiny, ["ues:8"], seeds=[0, 1], settings=QUICK)
    assert run(one, planted_tiny).metrics != run(two, planted_tiny).metrics


def test_metrics_are_those_of_the_restored_model(planted_tiny, monkeypatch):
    """The test metrics are what an independent scoring of the final logits gives."""
    seen = []
    from aesbench import runner

    real = runner.predict
    monkeypatch.setattr(runner, "predict", lambda m, split: seen.append(real(m, split)) or seen[-1])
    record = run(spec_of(planted_tiny, "ues:8"), planted_tiny)
    (logits,) = seen  # The test split was predicted exactly once.
    expected = score(planted_tiny.test.labels, logits)
    assert record.metrics["test"] == dataclasses.asdict(expected)


def test_a_context_has_no_test_split(planted_tiny):
    """No attribute of a context, however deep, is the test split or the true probabilities."""
    spec = spec_of(planted_tiny, "ues:8")
    context = make_context(spec, planted_tiny, torch.device("cpu"), "search/0", print)
    forbidden = {id(planted_tiny.test), id(planted_tiny), id(planted_tiny.probabilities)}
    values = [getattr(context, field.name) for field in dataclasses.fields(context)]
    closure = [cell.cell_contents for cell in context.backbone.__closure__]
    assert not forbidden & {id(value) for value in values}
    assert not forbidden & {id(value) for value in closure}


@pytest.mark.parametrize(
    ("method", "kind", "phase", "words"),
    [
        ("raising", "ValueError", "search", "a bug in the plugin"),
        ("nonsense", "AllocationError", "search", "returned dict; return an Allocation"),
    ],
)
def test_a_failing_plugin_becomes_a_failed_record(planted_tiny, method, kind, phase, words):
    """Whatever a plugin raises is recorded with its phase and traceback, not raised."""
    record = run(spec_of(planted_tiny, method), planted_tiny)
    assert not record.ok
    assert (record.error["type"], record.error["phase"]) == (kind, phase)
    assert words in record.error["message"]
    assert "Traceback" in record.error["traceback"]
    assert record.metrics == {}


def test_a_broken_budget_is_a_failure(planted_tiny):
    """A method that claims to honour budgets is held to it."""
    record = run(spec_of(planted_tiny, "overbudget", budget=0.5), planted_tiny)
    assert "honours budgets, yet returned" in record.error["message"]


def test_global_generators_are_left_as_they_were(planted_tiny):
    """A run seeds the global generators for plugins that draw from them, and restores them."""
    before = (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())
    run(spec_of(planted_tiny, "ues:2"), planted_tiny)
    after = (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())
    assert before == after


def test_runs_with_one_prepared_state_prepare_once(planted_tiny):
    """The cache serves a second search of the same seed, not of another one."""
    one = spec_of(planted_tiny, "sharing")
    again = dataclasses.replace(one, search_index=1)
    other = dataclasses.replace(one, seed=1)
    cache = PreparedCache()
    records = [run(spec, planted_tiny, cache=cache) for spec in (one, again, other)]
    assert records[0].prepare_id == records[1].prepare_id != records[2].prepare_id
    assert records[0].seconds["prepare"] == records[1].seconds["prepare"]


def test_a_spec_for_other_data_is_refused(planted_tiny):
    """A result must not be filed under data that did not give it."""
    spec = dataclasses.replace(spec_of(planted_tiny, "ues:2"), data_hash="0" * 64)
    with pytest.raises(ConfigError, match="make the spec from the data set at hand"):
        run(spec, planted_tiny)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_a_missing_device_is_an_error_that_names_the_way_out(planted_tiny):
    """Asking for CUDA where there is none says what to use instead."""
    with pytest.raises(ConfigError, match="use --device cpu"):
        run(spec_of(planted_tiny, "ues:2"), planted_tiny, device="cuda")
