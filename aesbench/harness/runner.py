"""From a ``RunSpec`` to a ``RunRecord``: prepare, search, retrain, evaluate.

The test split is touched here and nowhere else, once per retrained model. A failing method becomes
a record with its traceback; it never takes anything else down.
"""

from __future__ import annotations

import dataclasses
import math
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from aesbench.core import metrics
from aesbench.core.allocation import Allocation, random_sizes, sizes_text
from aesbench.core.phrasing import many
from aesbench.core.record import RunRecord
from aesbench.core.settings import build_config, content_hash
from aesbench.core.spec import PROTOCOL, RunSpec
from aesbench.core.trace import Trace
from aesbench.datasets.base import Dataset
from aesbench.errors import AllocationError, ConfigError, DataError
from aesbench.harness.environment import describe_environment
from aesbench.models.backbones import Backbone, BackboneConfig
from aesbench.models.cost import (
    Stopwatch,
    count_flops,
    count_parameters,
    peak_memory_bytes,
    reset_peak_memory,
)
from aesbench.models.embedding import FieldEmbedding
from aesbench.models.randomness import global_generators, stage_generator, stage_seed
from aesbench.models.training import FitResult, Progress, fit, predict
from aesbench.plugins.method import Context, Method
from aesbench.plugins.registry import BACKBONES, METHODS, SOURCES

FLOPS_SAMPLES = 512
"""Train rows over which FLOPs are averaged."""


@dataclasses.dataclass(frozen=True)
class Retrained:
    """What a record holds of a retraining from scratch.

    Attributes:
        facts: the measured fields of the record.
        costs: {phase: its wall and processor seconds}.
    """

    facts: dict[str, Any]
    costs: dict[str, tuple[float, float]]


class PreparedCache:
    """Keeps the last prepared state, so that runs which share it prepare once.

    Searches of one state often find equal sizes, and equal specs retrain to equal bits: it keeps
    their results too. Records of such runs repeat what was measured once, the seconds included.

    Attributes:
        cost: the wall and processor seconds that its preparation took.
        trace: what its preparation traced.
        retrained: the results of retraining so far, by allocation.
    """

    def __init__(self) -> None:
        self._id: str | None = None
        self._state: Any = None
        self.cost = (0.0, 0.0)
        self.trace = Trace()
        self.retrained: dict[Allocation, Retrained] = {}

    def holds(self, prepare_id: str) -> bool:
        """Whether the state of this id is at hand."""
        return self._id == prepare_id

    def put(self, prepare_id: str, state: Any, cost: tuple[float, float], trace: Trace) -> None:
        """Keep a state in place of the one before."""
        self._id, self._state, self.cost, self.trace = prepare_id, state, cost, trace
        self.retrained = {}

    def get(self) -> Any:
        """Return the state at hand."""
        return self._state


def run(
    spec: RunSpec,
    dataset: Dataset,
    *,
    device: str = "cpu",
    progress: Progress | None = None,
    cache: PreparedCache | None = None,
    test: bool = True,
) -> RunRecord:
    """Run one spec and return its record, which says so if the run failed.

    Args:
        spec: what to run.
        dataset: the prepared data set that the spec names.
        device: ``cpu`` or ``cuda``.
        progress: told the phase, the steps done and the steps in all.
        cache: shared by runs with the same prepared state.
        test: False leaves the test split alone, for the trials of a tuning.

    Raises:
        ConfigError: the spec is for other data or another protocol, or the device is missing.
    """
    if spec.protocol != PROTOCOL:
        raise ConfigError(
            f"the spec is of protocol {spec.protocol}, this version of aesbench runs {PROTOCOL};"
            " plan it again"
        )
    if dataset.hash != spec.data_hash:
        raise ConfigError(
            f"the spec is for data {spec.data_hash[:16]}, '{dataset.name}' has"
            f" {dataset.hash[:16]}; make the spec from the data set at hand"
        )
    place = checked_device(device)
    watch = Stopwatch(place)
    phase = _Phase()
    reset_peak_memory(place)
    facts: dict[str, Any] = {}
    traces: dict[str, Trace] = {}
    titles: dict[str, str] = {}
    error: dict[str, str] | None = None
    with global_generators(stage_seed(spec.seed, "globals")):
        try:
            titles = titles_of(spec, dataset)
            told = progress or _silent
            facts = _run(spec, dataset, place, watch, phase, told, cache, traces, test)
        except Exception as failure:  # Whatever a plugin raises is its own failure.
            error = {
                "type": type(failure).__name__,
                "message": str(failure),
                "phase": phase.name,
                "traceback": traceback.format_exc(),
            }
    return RunRecord(
        spec=spec,
        status="failed" if error else "ok",
        error=error,
        seconds=watch.seconds,
        cpu_seconds=watch.cpu_seconds,
        peak_memory_bytes=peak_memory_bytes(place),
        providers=providers_of(spec, dataset),
        environment=describe_environment(place),
        titles=titles,
        traces=traces,
        **facts,
    )


def providers_of(spec: RunSpec, dataset: Dataset) -> dict[str, str]:
    """Return who provides the method, the data set and the backbone of a run."""
    return {
        "method": METHODS.provider(spec.method),
        "dataset": dataset.manifest.get("provider") or SOURCES.provider(spec.dataset),
        "backbone": BACKBONES.provider(spec.backbone),
    }


def titles_of(spec: RunSpec, dataset: Dataset) -> dict[str, str]:
    """Return what tables call the method, the data set and the backbone of a run.

    A data set of the user's own has its name, even where it is that of a registered one.
    """
    method = METHODS.get(spec.method)
    known = spec.dataset in SOURCES.names() and providers_of(spec, dataset)[
        "dataset"
    ] == SOURCES.provider(spec.dataset)
    return {
        "method": method.title_of(spec.called.preset),
        "family": method.family,
        "dataset": SOURCES.get(spec.dataset).title if known else spec.dataset,
        "backbone": BACKBONES.get(spec.backbone).title,
    }


class _Phase:
    """The name of the phase in progress, for the record of a failure."""

    name = "setup"


def _run(
    spec: RunSpec,
    dataset: Dataset,
    device: torch.device,
    watch: Stopwatch,
    phase: _Phase,
    progress: Progress,
    cache: PreparedCache | None,
    traces: dict[str, Trace],
    test: bool,
) -> dict[str, Any]:
    """Return the measured part of a record; whatever a plugin raises passes through.

    Args:
        traces: gains the trace of each stage as it begins, so that a failed run keeps its own.
        test: whether the test split is touched.
    """

    @contextmanager
    def timed(name: str) -> Iterator[None]:
        phase.name = name
        progress(name, 0, 1)
        with watch.phase(name):
            yield

    method_class = METHODS.get(spec.method)
    method = method_class(build_config(method_class.Config, spec.method_config, spec.method))
    prepare_id = prepare_key_of(spec, method)
    cache = cache or PreparedCache()
    if cache.holds(prepare_id):
        watch.add("prepare", *cache.cost)
        traces["prepare"] = cache.trace
    else:
        with timed("prepare"):
            context = make_context(spec, dataset, device, "prepare", progress)
            traces["prepare"] = context.trace
            state = method.prepare(dataclasses.replace(context, budget=None))
        cost = watch.seconds["prepare"], watch.cpu_seconds["prepare"]
        cache.put(prepare_id, state, cost, context.trace)
    if spec.scores:
        with timed("score"):
            context = make_context(spec, dataset, device, "score", progress)
            scores = _score_random(spec, method, context, cache.get())
        return {"prepare_id": prepare_id, "scores": scores}

    with timed("search"):
        context = make_context(spec, dataset, device, f"search/{spec.search_index}", progress)
        traces["search"] = context.trace
        allocation = method.search(context, cache.get())
    check_allocation(allocation, method, context)
    found = {
        "allocation": allocation,
        "prepare_id": prepare_id,
        "takes_budget": method.honours_budget,
    }
    if not spec.retrain:
        return found

    remember = test and not spec.inherit
    if remember and allocation in cache.retrained:
        known = cache.retrained[allocation]
        for name, cost in known.costs.items():
            watch.add(name, *cost)
        return {**found, **known.facts}

    def inherit(context: Context, model: Backbone) -> None:
        method.inherit(context, cache.get(), allocation, model)

    with timed("retrain"):
        begin = inherit if spec.inherit else None
        model, result = retrain(spec, dataset, allocation, device, progress, begin)
    measured = {"validation": dataclasses.asdict(result.validation)}
    if test:
        with timed("evaluate"):
            measured |= score_test(dataset, predict(model, dataset.test))
    phase.name = "accounting"
    facts = {
        "metrics": measured,
        "epochs": {
            "epochs": result.epochs,
            "best_epoch": result.best_epoch,
            "history": list(result.history),
        },
        "parameters": dataclasses.asdict(count_parameters(model)),
        "flops": count_flops(model, torch.from_numpy(dataset.train.ids[:FLOPS_SAMPLES])),
    }
    if remember:
        phases: tuple[str, ...] = ("retrain", "evaluate")
        costs = {name: (watch.seconds[name], watch.cpu_seconds[name]) for name in phases}
        cache.retrained[allocation] = Retrained(facts, costs)
    return {**found, **facts}


def retrain(
    spec: RunSpec,
    dataset: Dataset,
    allocation: Allocation,
    device: torch.device,
    progress: Progress,
    begin: Callable[[Context, Backbone], None] | None = None,
) -> tuple[Backbone, FitResult]:
    """Train an allocation under the protocol: equal specs give equal bits, whatever ran before.

    Args:
        spec: of the run; nothing of its method matters here.
        dataset: the prepared data set that the spec names; its test split is not touched.
        allocation: the sizes.
        device: where to train.
        progress: told after every epoch.
        begin: changes the freshly initialised model, for runs that inherit weights.
    """
    # A backbone with dropout draws from the global generators, and so may the search before.
    with global_generators(stage_seed(spec.seed, "retrain/globals")):
        context = make_context(spec, dataset, device, "retrain", progress)
        model = context.build_model(context.build_embedding(allocation))
        if begin is not None:
            begin(context, model)
        result = fit(
            model, dataset.train, dataset.validation, spec.train, context.generator, progress
        )
    return model, result


def score_test(dataset: Dataset, logits: NDArray[np.float32]) -> dict[str, dict[str, float]]:
    """Return the metrics of the test split's logits, for generated data also the expected ones."""
    measured = {"test": dataclasses.asdict(metrics.score(dataset.test.labels, logits))}
    if "test" in dataset.probabilities:
        expected = metrics.score(dataset.probabilities["test"], logits)
        measured["test_expected"] = dataclasses.asdict(expected)
    return measured


def _score_random(
    spec: RunSpec, method: Method, context: Context, prepared: Any
) -> dict[str, dict[str, float]]:
    """Return the metrics of random allocations with inherited weights, by their sizes.

    Raises:
        DataError: one of them is not finite.
    """
    scores = {}
    for dims in random_sizes(context.fields, spec.candidates, spec.scores):
        allocation = Allocation.field_wise(context.fields, dims)
        found = dataclasses.asdict(method.score(context, prepared, allocation))
        if not all(map(math.isfinite, found.values())):
            raise DataError(
                f"{method.name}.score gave {found} for the sizes {sizes_text(dims)}: a score is not"
                " finite; the search diverged: lower its learning rate"
            )
        scores[sizes_text(dims)] = found
        context.progress("score", len(scores), spec.scores)
    return scores


def make_context(
    spec: RunSpec, dataset: Dataset, device: torch.device, stage: str, progress: Progress
) -> Context:
    """Return what a method may see of a run, with the generator of one stage."""
    backbone_class = BACKBONES.get(spec.backbone)
    settings = spec.backbone_config
    config: BackboneConfig = build_config(backbone_class.Config, settings, spec.backbone)

    fields = dataset.fields  # The closure must not hold the data set, whose test split it has.

    def backbone(embedding: FieldEmbedding, generator: torch.Generator) -> Backbone:
        return backbone_class(fields, embedding, config, generator)

    return Context(
        fields=dataset.fields,
        train=dataset.train,
        validation=dataset.validation,
        candidates=spec.candidates,
        final_dim=spec.final_dim,
        unification=spec.unification,
        budget=spec.budget,
        train_config=spec.train,
        device=device,
        generator=stage_generator(spec.seed, stage),
        backbone=backbone,
        progress=progress,
        trace=Trace((len(dataset.fields), len(spec.candidates))),
    )


def prepare_key_of(spec: RunSpec, method: Method) -> str:
    """Return the id of the prepared state: equal ids, equal states."""
    shared = spec.to_dict()
    own = ("method_config", "label", "budget", "search_index", "retrain", "inherit", "scores")
    for name in (*own, "tuned"):  # The values that were tuned are in ``train`` and the backbone's.
        shared.pop(name, None)
    return content_hash([shared, repr(method.prepare_key())])


def check_allocation(allocation: object, method: Method, context: Context) -> None:
    """Check what a search handed back.

    Raises:
        AllocationError: it is no allocation of these fields, or it breaks the budget.
    """
    if not isinstance(allocation, Allocation):
        raise AllocationError(
            f"{method.name}.search returned {type(allocation).__name__}; return an Allocation"
        )
    allocation.check_fits(context.fields)
    over = context.budget is not None and allocation.parameters > context.budget
    if over and method.honours_budget:
        raise AllocationError(
            f"{method.name} says that it honours budgets, yet returned {allocation.parameters}"
            f" embedding parameters for a budget of {context.budget}"
        )


def checked_device(name: str) -> torch.device:
    """Return the torch device of a name.

    Raises:
        ConfigError: torch does not know it, or this machine has none, or not so many.
    """
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(f"unknown device '{name}'; use cpu, cuda or cuda:1") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError("no CUDA device is available to torch; use --device cpu")
    if device.type == "cuda" and (device.index or 0) >= (gpus := torch.cuda.device_count()):
        raise ConfigError(
            f"no device '{name}': torch sees {many(gpus, 'CUDA device')}, counted from"
            " cuda:0; use --device cuda"
        )
    return device


def _silent(what: str, done: int, total: int) -> None:
    """Ignore progress."""
