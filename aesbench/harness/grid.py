"""Grids of runs: from names to specs, and from specs to records on disk.

``plan`` turns what a user names into ``RunSpec``s; ``execute`` runs those that have no record yet.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from aesbench.core.datasheet import write_datasheet
from aesbench.core.label import Label, read_method
from aesbench.core.record import (
    RunRecord,
    delete_record,
    read_record,
    record_path,
    write_record,
)
from aesbench.core.settings import build_config, content_hash, plain_settings, require, require_int
from aesbench.core.spec import PROTOCOL, REFERENCE_DIM, RunSpec, TrainConfig
from aesbench.datasets.base import Dataset
from aesbench.errors import ConfigError, RecordError, did_you_mean
from aesbench.harness.executors.jobs import Event, Executor, Finished, Job, Limits, WorkerSettings
from aesbench.harness.executors.local import run_jobs
from aesbench.harness.histories import refuse_unfit
from aesbench.harness.packing import PackSize, checked_pack, packed_groups
from aesbench.harness.recorded import recorded
from aesbench.harness.sealed import refuse_sealed
from aesbench.harness.stages import prepare_key_of
from aesbench.models.backbones import Backbone
from aesbench.plugins.method import Method
from aesbench.plugins.registry import BACKBONES, METHODS

Settings = Mapping[str, Mapping[str, Any]]
"""{owner: {setting: value}}, where the owner is a method, a backbone, a data set or ``train``."""


@dataclass(frozen=True)
class MethodChoice:
    """One row of a comparison: a method, its settings, and how its sizes are unified.

    Attributes:
        called: its label; the unification is the one that was named, whatever the default.
        tuned: {backbone: the settings that were tuned on it}, in place of ``config``.
        protocol: {backbone: {``train.l2``: value}}, what was tuned of the protocol.
    """

    method: type[Method]
    config: Any
    called: Label
    tuned: Mapping[str, Any] = field(default_factory=dict)
    protocol: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """What it is called, its unification aside."""
        return str(self.called.without("unification"))

    @property
    def unification(self) -> str | None:
        """The one that was named; None for the backbone's default."""
        return self.called.unification

    def config_on(self, backbone: str) -> Any:
        """Return the settings on a backbone.

        Raises:
            ConfigError: they were tuned, but not on this one.
        """
        if self.tuned and backbone not in self.tuned:
            raise ConfigError(
                f"'{self.label}' was tuned on {', '.join(self.tuned)}, not on '{backbone}'; run"
                f" aesbench tune with --backbones {backbone}"
            )
        return self.tuned.get(backbone, self.config)

    def called_on(self, default_unification: str, share: float | None) -> Label:
        """Return what tables call it, with what differs from the protocol's defaults."""
        other = None if self.unification == default_unification else self.unification
        return dataclasses.replace(self.called, unification=other, share=share)


def choose_methods(text: str, settings: Settings | None = None) -> list[MethodChoice]:
    """Read ``name[:preset][+unification]``; a bare name means its default presets.

    Raises:
        ConfigError: the method, the preset, the unification or a setting is unknown.
    """
    named, has_preset = read_method(text)
    name = named.name
    method = METHODS.get(name)
    changed = dict((settings or {}).get(name, {}))
    choices = []
    for preset in (named.preset,) if has_preset else method.default_presets:
        given = method.preset(preset)
        config: Any = build_config(method.Config, {**given, **changed}, name)
        shown = _changed(config, method.Config, given, changed)
        called = dataclasses.replace(named, preset=preset, settings=shown)
        choices.append(MethodChoice(method, config, called))
    return choices


def _changed(
    config: Any, cls: type, given: Mapping[str, Any], changed: Iterable[str]
) -> tuple[tuple[str, str], ...]:
    """Return the changed settings whose values are not the preset's, each value spelled one way."""
    try:
        default: Any = build_config(cls, given, "preset")
    except ConfigError:  # A setting without a default: only the change makes it whole.
        default = None
    values = {name: getattr(config, name) for name in sorted(changed)}
    return tuple(
        (name, _spelled(value))
        for name, value in values.items()
        if default is None or value != getattr(default, name)
    )


def _spelled(value: Any) -> str:
    """Return a value as ``--set`` takes it."""
    is_list = isinstance(value, tuple | list)
    return ",".join(map(_spelled, value)) if is_list else str(value)


def plan(
    dataset: Dataset,
    methods: Iterable[str],
    *,
    backbones: Sequence[str] = ("widedeep",),
    seeds: Iterable[int] = range(10),
    budget: float | None = None,
    settings: Settings | None = None,
    searches: int = 1,
    retrain: bool = True,
    inherit: bool = False,
    scores: int = 0,
    candidates: Sequence[int] | None = None,
    choose: Callable[[str, Settings], list[MethodChoice]] = choose_methods,
) -> list[RunSpec]:
    """Return the specs of a grid, seed by seed, so that early records already compare.

    Args:
        dataset: the prepared data set.
        methods: as ``choose_methods`` reads them.
        backbones: registered names.
        seeds: one run per seed.
        budget: the most embedding parameters, as a share of UES-32's; for methods that take one.
        settings: changed settings of methods, backbones and ``train``.
        searches: runs per seed, which share what the method prepares.
        retrain: False records what each search found and tests nothing.
        inherit: True starts the retraining from the weights of the search.
        scores: random allocations to score with inherited weights, in place of a search.
        candidates: the sizes to choose from, ascending; None: the paper's. 0, to leave a field out,
            for methods that can.
        choose: reads a method's text; ``Winners.choose`` gives it the settings that were tuned.

    Raises:
        ConfigError: a name or setting is unknown, a value is out of range, the data set is sealed,
            a method or backbone does not work with the histories that it has or lacks, or a method
            has no weights to inherit or to score with, or cannot leave a field out.
    """
    refuse_sealed(dataset.name)
    settings = settings or {}
    require_int(searches, "searches", 1)
    choices = [choice for text in methods for choice in choose(text, settings)]
    check_owners(settings, [*(c.method.name for c in choices), *backbones, "train", dataset.name])
    chosen = [choice.method for choice in choices]
    refuse_unfit(dataset, chosen, [BACKBONES.get(name) for name in backbones])
    if inherit:
        _check_can(
            choices,
            "inherit",
            "cannot hand on the weights of a search, to inherit; run without --inherit, or without",
        )
    if scores:
        _check_can(choices, "score", "cannot score an allocation without training it; leave out")
    if budget is not None:
        is_share = 0 < budget < math.inf
        require(is_share, "budget", budget, "a share of UES-32's parameters above 0, as in 0.75")
    sizes = RunSpec.candidates if candidates is None else tuple(candidates)
    if 0 in sizes:
        _check_can_drop(choices)
    reference = REFERENCE_DIM * sum(f.cardinality for f in dataset.fields)
    if budget is not None and int(budget * reference) < 1:
        raise ConfigError(
            f"budget {budget} of UES-32's {reference:,} embedding parameters is less than one;"
            " raise --budget"
        )
    specs: dict[str, RunSpec] = {}  # By what they are: two names may stand for one run.
    for seed in seeds:
        for backbone_name in backbones:
            backbone = BACKBONES.get(backbone_name)
            for choice, search_index in product(choices, range(searches)):
                tuned = choice.protocol.get(backbone_name, {})
                train, backbone_config = _protocol(settings, backbone, tuned)
                share = budget if choice.method.honours_budget else None
                called = dataclasses.replace(
                    choice.called_on(backbone.default_unification, share),
                    inherit=inherit,
                    scores=scores,
                    search_only=not (retrain or scores),
                )
                spec = RunSpec(
                    dataset=dataset.name,
                    data_hash=dataset.hash,
                    backbone=backbone_name,
                    backbone_config=backbone_config,
                    unification=choice.unification or backbone.default_unification,
                    method=choice.method.name,
                    method_config=plain_settings(choice.config_on(backbone_name)),
                    label=str(called),
                    candidates=sizes,
                    budget=None if share is None else int(share * reference),
                    seed=seed,
                    search_index=search_index,
                    train=train,
                    retrain=retrain and not scores,
                    inherit=inherit,
                    scores=scores,
                    drawn=dataset.draw is not None,
                    protocol=PROTOCOL,
                    tuned=tuple(sorted(tuned)),
                )
                specs.setdefault(spec.content_id, spec)
    return list(specs.values())


def _protocol(
    settings: Settings, backbone: type[Backbone], tuned: Mapping[str, Any]
) -> tuple[TrainConfig, dict[str, Any]]:
    """Return the training protocol and the backbone's settings, with what was tuned of them."""
    changed: dict[str, dict[str, Any]] = {"train": {}, "backbone": {}}
    for name, value in tuned.items():
        owner, _, setting = name.partition(".")
        changed.setdefault(owner, {})[setting] = value  # Of no other owner: the spec refuses it.
    train = build_config(TrainConfig, {**settings.get("train", {}), **changed["train"]}, "train")
    own = {**settings.get(backbone.name, {}), **changed["backbone"]}
    config: Any = build_config(backbone.Config, own, backbone.name)
    # What was tuned is named also where the default won.
    named = {name: getattr(config, name) for name in changed["backbone"]}
    return train, {**plain_settings(config), **named}


def without_budget(specs: Iterable[RunSpec]) -> list[str]:
    """Return the names of the methods that cannot take a budget, each once."""
    names = dict.fromkeys(spec.method for spec in specs)
    return [name for name in names if not METHODS.get(name).honours_budget]


def check_owners(settings: Settings, known: Sequence[str]) -> None:
    """Check that settings are of these methods, backbones, the data set or ``train``.

    Raises:
        ConfigError: an owner is none of them.
    """
    for owner in settings:
        if owner not in known:
            raise ConfigError(
                f"--set names '{owner}', which is not part of this run{did_you_mean(owner, known)}"
                f" It has: {', '.join(dict.fromkeys(known))}"
            )


def _check_can(choices: Iterable[MethodChoice], what: str, otherwise: str) -> None:
    unable = {
        f"'{choice.method.name}'": None
        for choice in choices
        if getattr(choice.method, what) is getattr(Method, what)
    }
    if unable:
        raise ConfigError(f"{_methods(unable)} {otherwise} {'it' if len(unable) == 1 else 'them'}")


def _check_can_drop(choices: Iterable[MethodChoice]) -> None:
    unable = {
        f"'{choice.method.name}'": None for choice in choices if not choice.method.drops_fields
    }
    if unable:
        able = [name for name in METHODS.names() if METHODS.get(name).drops_fields]
        raise ConfigError(
            f"candidates hold 0, to leave a field out, and {_methods(unable)} cannot: run"
            f" {'it' if len(unable) == 1 else 'them'} without 0; those that take it:"
            f" {', '.join(able)}"
        )


def _methods(quoted: Collection[str]) -> str:
    return f"method{'s' if len(quoted) > 1 else ''} {', '.join(quoted)}"


@dataclass
class Outcome:
    """What became of a grid.

    Attributes:
        records: those of its specs, in their order, as they lie on disk.
        ran: how many runs were made.
        failures: the records of those that failed, in the order in which they ended.
        kept: how many of these had succeeded before: that record stays among ``records``, and the
            failure lies in the results folder ``failures_folder``.
    """

    records: list[RunRecord] = field(default_factory=list)
    ran: int = 0
    failures: list[RunRecord] = field(default_factory=list)
    kept: int = 0

    @property
    def failed(self) -> int:
        """How many runs failed."""
        return len(self.failures)


def execute(
    specs: Sequence[RunSpec],
    dataset: Dataset,
    results: Path,
    *,
    workers: int = 1,
    threads: int | None = None,
    device: str = "cpu",
    plugins: Sequence[Path] = (),
    force: bool = False,
    limits: Limits | None = None,
    pack: PackSize = 1,
    executor: Executor = run_jobs,
    listen: Callable[[Event], None] | None = None,
) -> Outcome:
    """Run the specs that have no successful record yet, each in a worker process.

    Args:
        specs: what to run; all on ``dataset``.
        dataset: the prepared data set.
        results: where ``records/`` lies or shall lie, and what their data set is.
        workers: processes at a time.
        threads: torch threads of each; default: the processors, divided among the workers.
        device: ``cpu`` or ``cuda``.
        plugins: Python files that the workers load.
        force: run everything again; a record of success stays if its run now fails.
        limits: what each run may use; one that exceeds them fails, and costs no other run.
        pack: the most models that are retrained as one, or ``auto`` (``aesbench.harness.packing``).
        executor: where they run; default: on this machine.
        listen: told of every event, after a finished record is on disk.

    Raises:
        ConfigError: a value is out of range, the device is missing, or runs are done that another
            plugin file or package version made.
        RecordError: a record cannot be written; those written so far are kept.
        DataError: a draw of the split cannot be prepared; records written so far are kept.
    """
    require(workers >= 1, "jobs", workers, "at least 1")
    known = recorded(results, specs, force=force)
    write_datasheet(results, dataset.manifest)
    size = checked_pack(pack, dataset, device)
    groups = packed_groups(by_prepared_state(known.waiting), size, dataset.fields)
    # As workers ask for them: draws of the split are prepared one by one.
    jobs = (Job.on(dataset, group, pack=size) for group in groups)
    outcome = Outcome()
    if groups:
        pool = WorkerSettings(device, threads, tuple(plugins), limits or Limits())
        events = executor(jobs, workers, pool)
        try:
            for event in events:
                if isinstance(event, Finished):
                    _keep(results, event.record, outcome)
                if listen is not None:
                    listen(event)
        finally:
            events.close()  # Ends the workers, also when writing or listening failed.
        known = recorded(results, specs, force=True)  # A forced search has a record of its own.
    outcome.records = [read_record(record_path(results, spec)) for spec in known.specs]
    return outcome


def failures_folder(results: Path) -> Path:
    """Return the results folder of failures whose runs had succeeded before."""
    return results / "failures"


def _keep(results: Path, record: RunRecord, outcome: Outcome) -> None:
    """Write the record of a run that was made; a failure never takes the place of a success."""
    beside = failures_folder(results)
    outcome.ran += 1
    if record.ok:
        write_record(results, record)
        delete_record(beside, record.spec)
        return
    outcome.failures.append(record)
    if _is_failed(results, record.spec):
        write_record(results, record)
    else:
        write_record(beside, record)
        outcome.kept += 1


def _is_failed(results: Path, spec: RunSpec) -> bool:
    """Whether nothing lies in the place of a spec but a failure, if anything.

    The run that also retrained a search stands for it.
    """
    label = str(spec.called.without("search_only"))
    whole = dataclasses.replace(spec, label=label, retrain=not spec.scores)
    paths = (record_path(results, one) for one in (spec, whole))
    try:
        return not any(path.exists() and read_record(path).ok for path in paths)
    except RecordError:
        return False  # What this version cannot read, another one may.


def by_prepared_state(specs: Sequence[RunSpec]) -> list[list[RunSpec]]:
    """Group the specs that share a prepared state, in the order of their first members.

    A method whose state is not worth sharing (the usual: every seed has its own) gives groups of
    one, which is what lets workers share the load.
    """
    groups: dict[str, list[RunSpec]] = {}
    for spec in specs:
        method = METHODS.get(spec.method)
        if method.prepare is Method.prepare:
            key = spec.run_id
        else:
            config: Any = build_config(method.Config, spec.method_config, spec.method)
            key = content_hash(prepare_key_of(spec, method(config)))
        groups.setdefault(key, []).append(spec)
    return list(groups.values())
