"""One run: the phases, the record, the guard around plugins."""

import dataclasses
import random
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from aesbench.core.allocation import random_sizes, sizes_text
from aesbench.core.metrics import score
from aesbench.errors import ConfigError
from aesbench.harness import attempt, stages
from aesbench.harness.attempt import PreparedCache
from aesbench.harness.grid import plan
from aesbench.harness.runner import run
from aesbench.harness.stages import checked_device, make_context
from aesbench.plugins.registry import METHODS, load_plugin
from aesbench.testing import CHECKS

PLUGIN = Path(__file__).parents[1] / "plugin_files" / "misbehaving.py"
SUPERNET = PLUGIN.with_name("supernet.py")
QUICK = {"train": {"epochs": "1"}}


@pytest.fixture(scope="module", autouse=True)
def plugins():
    """The misbehaving methods are registered."""
    load_plugin(PLUGIN)
    load_plugin(SUPERNET)


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
    assert set(record.cpu_seconds) == set(record.seconds) and record.takes_budget is False
    assert set(record.metrics) == {"validation", "test", "test_expected"}
    assert 0.5 < record.metrics["test"]["auc"] < 1
    assert record.environment["packages"]["torch"] == torch.__version__
    assert {name.partition(" ")[0] for name in record.providers.values()} == {"aesbench"}


def test_tables_in_int8_are_scored_beside(planted_tiny):
    """As a model whose tables were rounded by hand is; the other metrics are what they were."""
    spec = spec_of(planted_tiny, "ues:8")
    record = run(spec, planted_tiny)
    model, _ = stages.retrain(
        spec, planted_tiny, record.allocation, torch.device("cpu"), lambda *_: None
    )
    assert stages.score_test(planted_tiny, stages.predict(model, planted_tiny.test)) == {
        name: record.metrics[name] for name in ("test", "test_expected")
    }
    weight = model.embedding.tables["8"].weight.data
    step = weight.abs().amax(1, keepdim=True) / 127
    weight[:] = (weight / step).round() * step
    expected = score(planted_tiny.test.labels, stages.predict(model, planted_tiny.test))
    assert (
        record.int8["auc"] == pytest.approx(expected.auc, abs=1e-6) != record.metrics["test"]["auc"]
    )
    assert record.int8["logloss"] == pytest.approx(expected.logloss, abs=1e-6)
    assert record.int8["bytes"] == (8 + 4) * sum(f.cardinality for f in planted_tiny.fields)
    assert run(spec, planted_tiny, test=False).int8 == {}


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

    real = attempt.predict
    monkeypatch.setattr(
        attempt, "predict", lambda m, split: seen.append(real(m, split)) or seen[-1]
    )
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
    assert records[0].cpu_seconds["prepare"] == records[1].cpu_seconds["prepare"]


def test_searches_that_agree_share_one_retraining(planted_tiny, monkeypatch):
    """The second record says what the first does; an inherited start is trained for itself."""
    fits = []
    real = stages.fit
    monkeypatch.setattr(stages, "fit", lambda *rest: fits.append(rest) or real(*rest))
    one = spec_of(planted_tiny, "supernet")
    again = dataclasses.replace(one, search_index=1)
    inheriting = dataclasses.replace(one, inherit=True)
    other = dataclasses.replace(one, seed=1)
    cache = PreparedCache()
    first, second, *_ = (
        run(spec, planted_tiny, cache=cache) for spec in (one, again, inheriting, other)
    )
    assert len(fits) == 3
    assert first.allocation == second.allocation
    for name in ("metrics", "epochs", "parameters", "flops"):
        assert getattr(first, name) == getattr(second, name)
    for phase in ("retrain", "evaluate"):
        assert first.seconds[phase] == second.seconds[phase]
        assert first.cpu_seconds[phase] == second.cpu_seconds[phase]
    assert run(again, planted_tiny).metrics == second.metrics


def test_runs_of_one_state_with_other_sizes_are_retrained_each(planted_tiny):
    """Sizes decide what may be repeated, not the state alone."""
    cache = PreparedCache()
    small, large = (
        run(spec_of(planted_tiny, f"fixed:{dim}"), planted_tiny, cache=cache) for dim in (2, 8)
    )
    assert small.metrics != large.metrics


def test_a_spec_for_other_data_is_refused(planted_tiny):
    """A result must not be filed under data that did not give it."""
    spec = dataclasses.replace(spec_of(planted_tiny, "ues:2"), data_hash="0" * 64)
    with pytest.raises(ConfigError, match="is of planted-tiny 0{16}, and 'planted-tiny' is"):
        run(spec, planted_tiny)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_a_missing_device_is_an_error_that_names_the_way_out(planted_tiny):
    """Asking for CUDA where there is none says what to use instead."""
    with pytest.raises(ConfigError, match="use --device cpu"):
        run(spec_of(planted_tiny, "ues:2"), planted_tiny, device="cuda")


@pytest.mark.parametrize(("gpus", "words"), [(1, "1 CUDA device,"), (2, "2 CUDA devices,")])
def test_a_gpu_beyond_the_last_is_an_error_that_counts_them(gpus, words, monkeypatch):
    """The first has the number 0; those that are there are devices."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    names = ["cuda", *(f"cuda:{number}" for number in range(gpus))]
    assert [checked_device(name) for name in names] == [torch.device(name) for name in names]
    for number in (gpus, 9):
        with pytest.raises(ConfigError, match=f"no device 'cuda:{number}': torch sees {words}"):
            checked_device(f"cuda:{number}")


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:one", "cuda:-1", ""])
def test_a_device_that_torch_does_not_know_is_an_error(name):
    """It names what there may be."""
    with pytest.raises(ConfigError, match=f"unknown device '{name}'; use cpu, cuda or cuda:1"):
        checked_device(name)


def test_a_record_carries_what_preparation_and_search_traced(planted_tiny):
    """Each stage has a trace of its own, and a reused state brings that of its preparation."""
    specs = plan(planted_tiny, ["supernet"], seeds=[0], searches=2, retrain=False)
    cache = PreparedCache()
    first, second = (run(spec, planted_tiny, cache=cache) for spec in specs)
    assert first.ok and second.ok
    for record in (first, second):
        assert list(record.traces) == ["prepare", "search"]
        assert record.traces["prepare"].series == {"loss": ([0], [0.5])}
        assert list(record.traces["search"].series) == ["place", "change of the objective"]
    assert first.seconds["prepare"] == second.seconds["prepare"]


@pytest.mark.parametrize(
    ("mistake", "words"),
    [
        ("shape", r"traced series 'share': a value of shape \(\d, 3\)"),
        ("number", "traced series 'loss': .* is a Tensor"),
    ],
)
def test_a_mistake_in_tracing_is_a_failed_run(planted_tiny, mistake, words):
    """The record names the series and the phase; its traceback names the plugin's line."""
    settings = {"supernet": {"mistake": mistake}}
    (spec,) = plan(planted_tiny, ["supernet"], seeds=[0], settings=settings)
    record = run(spec, planted_tiny)
    assert (record.error["type"], record.error["phase"]) == ("TraceError", "search")
    assert re.search(words, record.error["message"])
    assert "supernet.py" in record.error["traceback"]


def test_a_failed_run_keeps_what_it_traced(planted_tiny):
    """What came before the failure may tell its cause."""
    (spec,) = plan(
        planted_tiny, ["supernet"], seeds=[0], settings={"supernet": {"mistake": "late"}}
    )
    record = run(spec, planted_tiny)
    assert record.error["message"] == "after it traced"
    assert record.traces["search"].series["place"][0] == [0]


def test_a_search_without_retraining_is_the_search_with_it(planted_tiny):
    """The same allocation from the same prepared state; nothing else is measured."""
    (only,) = plan(planted_tiny, ["supernet"], seeds=[0], retrain=False, settings=QUICK)
    (whole,) = plan(planted_tiny, ["supernet"], seeds=[0], settings=QUICK)
    searched, retrained = run(only, planted_tiny), run(whole, planted_tiny)
    assert searched.ok and searched.allocation == retrained.allocation
    assert searched.prepare_id == retrained.prepare_id
    assert searched.metrics == {} and set(searched.seconds) == {"prepare", "search"}


def test_scores_are_of_random_allocations_and_of_a_search_s_prepared_state(planted_tiny):
    """Nothing is searched; each of the allocations asked for has the metrics of `score`."""
    (spec,) = plan(planted_tiny, ["supernet"], seeds=[0], scores=3)
    (search,) = plan(planted_tiny, ["supernet"], seeds=[0], retrain=False)
    record = run(spec, planted_tiny)
    assert record.ok and record.allocation is None and record.metrics == {}
    assert record.spec.label == "supernet+3-scores" and set(record.seconds) == {"prepare", "score"}
    assert record.prepare_id == run(search, planted_tiny).prepare_id
    drawn = random_sizes(planted_tiny.fields, spec.candidates, 3)
    assert list(record.scores) == [sizes_text(dims) for dims in drawn]
    for dims, metrics in zip(drawn, record.scores.values(), strict=True):
        share = sum(dims) / (64 * len(dims))
        assert metrics == {"auc": 0.5 + share / 2, "logloss": 0.7 - share / 2}


@pytest.mark.parametrize("method", ["supernet", "coupled"])
def test_a_model_starts_from_inherited_weights_if_asked(planted_tiny, monkeypatch, method):
    """Every weight of the model that `fit` gets is .25 with the switch, and fresh without."""

    starts = []
    real = stages.fit

    def fit(model, *rest):
        weights = torch.cat([p.detach().ravel() for p in model.parameters()])
        starts.append(bool((weights == 0.25).all()))
        return real(model, *rest)

    monkeypatch.setattr(stages, "fit", fit)
    records = [run(spec_of(planted_tiny, method, inherit=on), planted_tiny) for on in (True, False)]
    assert all(record.ok for record in records) and starts == [True, False]
    assert records[0].prepare_id == records[1].prepare_id
    assert records[0].allocation == records[1].allocation


def test_every_run_has_a_method_of_its_own(planted_tiny, monkeypatch):
    """What `search` keeps on the instance never reaches another run, whatever they share."""
    used = []
    supernet = METHODS.get("supernet")
    real = supernet.search
    monkeypatch.setattr(
        supernet, "search", lambda self, *rest: used.append(self) or real(self, *rest)
    )
    cache = PreparedCache()
    for spec in plan(planted_tiny, ["supernet"], seeds=[0], searches=3, retrain=False):
        assert run(spec, planted_tiny, cache=cache).ok
    assert len({id(method) for method in used}) == 3


@pytest.mark.parametrize("method", ["supernet", "coupled"])
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_methods_with_weights_keep_the_contract(method, check):
    """State that `search` keeps on the instance for `inherit` breaks no check."""
    check(METHODS.get(method), "")
