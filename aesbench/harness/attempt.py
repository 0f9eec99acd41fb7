"""A run in progress: prepare, search, retrain, evaluate, and the record of it.

The test split is touched here and nowhere else, once per retrained model and once more with its
tables in eight bits, which chooses nothing. A failing method becomes
a record with its traceback; it never takes anything else down.
"""

from __future__ import annotations

import dataclasses
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from aesbench.core.allocation import Allocation
from aesbench.core.record import RunRecord
from aesbench.core.settings import build_config
from aesbench.core.spec import PROTOCOL, RunSpec
from aesbench.core.trace import Trace
from aesbench.datasets.base import Dataset
from aesbench.errors import ConfigError
from aesbench.harness.environment import describe_environment
from aesbench.harness.histories import refuse_unfit
from aesbench.harness.stages import (
    check_allocation,
    data_of,
    make_context,
    prepare_key_of,
    retrain,
    score_int8,
    score_random,
    score_test,
)
from aesbench.models.backbones import Backbone
from aesbench.models.cost import (
    Stopwatch,
    count_flops,
    count_parameters,
    peak_memory_bytes,
    reset_peak_memory,
)
from aesbench.models.randomness import global_generators, stage_seed
from aesbench.models.training import FitResult, Progress, predict
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
        environment: what its record says of how it was trained.
    """

    facts: dict[str, Any]
    costs: dict[str, tuple[float, float]]
    environment: dict[str, Any]


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


class Attempt:
    """A run in progress.

    Attributes:
        spec: what is run.
        prepare_id: of its prepared state, once there is one.
        dataset: its data, with its own draw of the split.
        watch: its seconds by phase.
        environment: what a record says of how it was run, besides where.
    """

    def __init__(
        self,
        spec: RunSpec,
        dataset: Dataset,
        device: torch.device,
        progress: Progress | None = None,
        *,
        test: bool = True,
    ) -> None:
        """Begin a run.

        Args:
            spec: what to run.
            dataset: the prepared data set that the spec names.
            device: where.
            progress: told the phase, the steps done and the steps in all.
            test: False leaves the test split alone, for the trials of a tuning.

        Raises:
            ConfigError: the spec is for other data or another protocol, or of a method or backbone
                that does not work with the histories that the data have or lack.
        """
        if spec.protocol != PROTOCOL:
            raise ConfigError(
                f"the spec is of protocol {spec.protocol}, this version of aesbench runs"
                f" {PROTOCOL}; plan it again"
            )
        self.spec, self.watch = spec, Stopwatch(device)
        self.prepare_id = ""
        self.progress = progress or _silent
        self.environment: dict[str, Any] = {}
        self.dataset = data_of(spec, dataset)
        refuse_unfit(dataset, [METHODS.get(spec.method)], [BACKBONES.get(spec.backbone)])
        self._device, self._test = device, test
        self._phase, self._peak_bytes = "setup", 0
        self._method: Method | None = None
        self._facts: dict[str, Any] = {}
        # Of each stage as it begins: a failed run keeps its own.
        self._traces: dict[str, Trace] = {}
        self._titles: dict[str, str] = {}
        self._error: dict[str, str] | None = None
        reset_peak_memory(device)

    @contextmanager
    def guarded(self, phase: str | None = None) -> Iterator[None]:
        """Seed the global generators, and note a failure in place of raising it.

        Whatever a plugin raises is its own failure.

        Args:
            phase: that begins, where ``timed`` does not say so.
        """
        self._phase = phase or self._phase
        with global_generators(stage_seed(self.spec.seed, "globals")):
            try:
                yield
            except Exception as failure:
                self.fail(failure)

    def fail(self, failure: Exception) -> None:
        """Note why the run failed; what it measured before is kept apart from the record."""
        self._facts = {}
        self._error = {
            "type": type(failure).__name__,
            "message": str(failure),
            "phase": self._phase,
            "traceback": "".join(traceback.format_exception(failure)),
        }

    @contextmanager
    def timed(self, phase: str) -> Iterator[None]:
        """Time a phase and tell of it."""
        self._phase = phase
        self.progress(phase, 0, 1)
        with self.watch.phase(phase):
            yield

    def search(self, cache: PreparedCache) -> Allocation | None:
        """Prepare and search; return the sizes that are left to be retrained, if any are."""
        allocation = None
        with self.guarded():
            self._titles = titles_of(self.spec, self.dataset)
            method = self._prepare(cache)
            if self.spec.scores:
                self._score(method, cache)
                return None
            allocation = self._search(method, cache)
        # Other runs may search before this one is retrained.
        self._peak_bytes = peak_memory_bytes(self._device)
        if self._error or not self.spec.retrain:
            return None
        return allocation

    def retrain(self, cache: PreparedCache, allocation: Allocation) -> None:
        """Train what was found, alone, and test it."""

        def inherit(context: Context, model: Backbone) -> None:
            if self._method is None:
                raise RuntimeError("nothing was searched yet")
            self._method.inherit(context, cache.get(), allocation, model)

        reset_peak_memory(self._device)
        with self.guarded():
            with self.timed("retrain"):
                begin = inherit if self.spec.inherit else None
                model, result = retrain(
                    self.spec, self.dataset, allocation, self._device, self.progress, begin
                )
            self._measure(model, result)

    def finish(self, model: Backbone, result: FitResult, seconds: tuple[float, float]) -> None:
        """Test a model that was trained among others.

        Args:
            model: with the weights of its best epoch.
            result: of its training.
            seconds: its share of wall and processor seconds.
        """
        self.watch.add("retrain", *seconds)
        with self.guarded():
            self._measure(model, result)

    def retrained(self) -> Retrained | None:
        """Return what a run with the same state and sizes may take over; None if it failed."""
        if self._error:
            return None
        names = ("metrics", "int8", "epochs", "parameters", "flops")
        both: tuple[str, ...] = ("retrain", "evaluate")
        phases = [name for name in both if name in self.watch.seconds]
        costs = {name: (self.watch.seconds[name], self.watch.cpu_seconds[name]) for name in phases}
        return Retrained({name: self._facts[name] for name in names}, costs, self.environment)

    def take_over(self, known: Retrained) -> None:
        """Take the results of a run with the same state and sizes, its seconds included."""
        for name, cost in known.costs.items():
            self.watch.add(name, *cost)
        self._facts |= known.facts
        self.environment = known.environment

    def record(self) -> RunRecord:
        """Return the record of the run, which says so if it failed."""
        return RunRecord(
            spec=self.spec,
            status="failed" if self._error else "ok",
            error=self._error,
            seconds=self.watch.seconds,
            cpu_seconds=self.watch.cpu_seconds,
            peak_memory_bytes=max(self._peak_bytes, peak_memory_bytes(self._device)),
            providers=providers_of(self.spec, self.dataset),
            environment=describe_environment(self._device) | self.environment,
            titles=self._titles,
            traces=self._traces,
            ties={history.name: history.shares for history in self.dataset.histories},
            **self._facts,
        )

    def _prepare(self, cache: PreparedCache) -> Method:
        """Return the method, whose prepared state the cache then holds."""
        method = self._method = _method_of(self.spec)
        self.prepare_id = prepare_key_of(self.spec, method)
        if cache.holds(self.prepare_id):
            self.watch.add("prepare", *cache.cost)
            self._traces["prepare"] = cache.trace
            return method
        with self.timed("prepare"):
            context = self._context("prepare")
            self._traces["prepare"] = context.trace
            state = method.prepare(dataclasses.replace(context, budget=None))
        cost = self.watch.seconds["prepare"], self.watch.cpu_seconds["prepare"]
        cache.put(self.prepare_id, state, cost, context.trace)
        return method

    def _score(self, method: Method, cache: PreparedCache) -> None:
        with self.timed("score"):
            scores = score_random(self.spec, method, self._context("score"), cache.get())
        self._facts = {"prepare_id": self.prepare_id, "scores": scores}

    def _search(self, method: Method, cache: PreparedCache) -> Allocation:
        with self.timed("search"):
            context = self._context(f"search/{self.spec.search_index}")
            self._traces["search"] = context.trace
            allocation = method.search(context, cache.get())
        check_allocation(allocation, method, context)
        self._facts = {
            "allocation": allocation,
            "prepare_id": self.prepare_id,
            "takes_budget": method.honours_budget,
        }
        return allocation

    def _measure(self, model: Backbone, result: FitResult) -> None:
        """Test a trained model, and count what it costs."""
        measured = {"validation": dataclasses.asdict(result.validation)}
        if self._test:
            with self.timed("evaluate"):
                measured |= score_test(self.dataset, predict(model, self.dataset.test))
        self._phase = "accounting"
        int8: dict[str, float] = {}
        if self._test:  # In no phase: it is no cost of the model's.
            int8 = score_int8(self.dataset, model, self._facts["allocation"])
        samples = torch.from_numpy(self.dataset.train.ids[:FLOPS_SAMPLES])
        self._facts |= {
            "metrics": measured,
            "int8": int8,
            "epochs": {
                "epochs": result.epochs,
                "best_epoch": result.best_epoch,
                "history": list(result.history),
                "logloss": list(result.losses),
            },
            "parameters": dataclasses.asdict(count_parameters(model)),
            "flops": count_flops(model, samples),
        }

    def _context(self, stage: str) -> Context:
        return make_context(self.spec, self.dataset, self._device, stage, self.progress)


def _method_of(spec: RunSpec) -> Method:
    """Return the spec's method with its settings."""
    method_class = METHODS.get(spec.method)
    return method_class(build_config(method_class.Config, spec.method_config, spec.method))


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


def _silent(what: str, done: int, total: int) -> None:
    """Ignore progress."""
