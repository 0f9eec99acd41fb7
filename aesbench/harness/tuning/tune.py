"""Runs the trials: each contender in turn, its trials in worker processes.

A trial is a run like any other, searched and retrained by the protocol, but for its end: it is
judged by the validation AUC of its best epoch, and the test split is not touched. The best of a
contender's trials was best by luck, too: ``finalists`` of them are run again on other seeds, beside
the defaults.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import inf
from pathlib import Path
from typing import Any

from aesbench.core.metrics import Metrics
from aesbench.core.record import RunRecord
from aesbench.core.settings import (
    build_config,
    content_hash,
    plain_settings,
    require,
    require_int,
)
from aesbench.core.spec import RunSpec
from aesbench.datasets.base import Dataset
from aesbench.harness.executors.jobs import Finished, Job, WorkerSettings
from aesbench.harness.executors.local import run_jobs
from aesbench.harness.grid import MethodChoice, Settings, plan
from aesbench.harness.stages import checked_device
from aesbench.harness.tuning.choices import Tunable, contenders
from aesbench.harness.tuning.finalists import (
    FINALIST,
    SEED,
    Result,
    check_finalists,
    choose_finalists,
    finalist_study,
    read_finalists,
)
from aesbench.harness.tuning.locks import Presence
from aesbench.harness.tuning.shared import shared_space
from aesbench.harness.tuning.study import OUT_OF_TIME, Budget, Claim, Spent, TrialStudy
from aesbench.harness.tuning.winners import Winner, Winners
from aesbench.plugins.registry import BACKBONES


@dataclass(frozen=True)
class TrialEnded:
    """What ``tune`` tells of a trial: whose it was, how it went, and what has been spent so far.

    ``trials`` are the most that its contender gets.
    """

    label: str
    backbone: str
    claim: Claim
    record: RunRecord | None
    spent: Spent
    best: Metrics | None
    trials: int


@dataclass(frozen=True)
class Setting:
    """What all trials of a tuning share: data, seed, the parameter budget, changed settings."""

    dataset: Dataset
    seed: int
    parameter_budget: float | None
    settings: Settings

    def spec(
        self,
        tunable: Tunable,
        backbone: str,
        tried: Mapping[str, Any] | None = None,
        number: int = 0,
        seed: int | None = None,
    ) -> RunSpec:
        """Return the run of settings that are tried, or without them that of the given ones.

        Args:
            tunable: whose settings they are.
            backbone: registered name.
            tried: a value for each of the space.
            number: tells runs apart whose settings differ and are one to a method.
            seed: another than that of the trials.

        Raises:
            ConfigError: a setting is unknown or out of range.
        """
        choice = tunable.choice
        if tried is not None:
            choice = tunable.with_settings(backbone, tried)
            trial = (*choice.called.settings, ("trial", str(number)))
            called = dataclasses.replace(choice.called, settings=trial)
            choice = dataclasses.replace(choice, called=called)
        relevant = {choice.method.name, backbone, "train"}

        def choose(text: str, settings: Settings) -> list[MethodChoice]:
            return [choice]

        (spec,) = plan(
            self.dataset,
            [choice.label],
            backbones=[backbone],
            seeds=[self.seed if seed is None else seed],
            budget=self.parameter_budget,
            settings={owner: own for owner, own in self.settings.items() if owner in relevant},
            choose=choose,
        )
        return spec


def tune(
    dataset: Dataset,
    methods: Sequence[str],
    folder: Path,
    *,
    budget: Budget,
    backbones: Sequence[str] = ("widedeep",),
    shared: Sequence[str] = (),
    seed: int = 0,
    finalists: int = 0,
    finalist_seeds: Sequence[int] = (),
    parameter_budget: float | None = None,
    settings: Settings | None = None,
    workers: int = 1,
    threads: int | None = None,
    device: str = "cpu",
    plugins: Sequence[Path] = (),
    listen: Callable[[TrialEnded], None] | None = None,
) -> Winners:
    """Give every method the same trials and seconds; return the best settings of each.

    Args:
        dataset: the prepared data set; its test split is not touched.
        methods: as ``tunables`` reads them.
        folder: where the journal lies; the same call goes on with it, and several processes may
            make the call at once to share the trials.
        budget: what every method gets on every backbone.
        backbones: registered names.
        shared: settings of the protocol that are tuned for every method beside its own:
            ``train.l2``, ``backbone.dropout``.
        seed: of the trials' runs, and of the draw of their settings.
        finalists: how many of each contender's best settings are run again on other seeds, and its
            defaults with them; the best mean there wins. With 0 the best trial wins.
        finalist_seeds: the other seeds.
        parameter_budget: as ``plan`` takes it.
        settings: changed settings of methods, backbones and ``train``, which are not tuned.
        workers: processes at a time.
        threads: torch threads of each; default: the processors, divided among the workers.
        device: as ``WorkerSettings`` has it.
        plugins: Python files that the workers load.
        listen: told of every trial that ended.

    Raises:
        ConfigError: a name or setting is unknown, a method has nothing to tune, or a value is out
            of range.
        RecordError: the folder cannot be written.
    """
    require_int(budget.trials, "trials", 1)
    limit = budget.seconds
    require(limit is None or 0 < limit < inf, "seconds", limit, "a number above 0")
    require_int(seed, "seed", 0)
    check_finalists(finalists, finalist_seeds, seed)
    require(workers >= 1, "jobs", workers, "at least 1")
    checked_device(device)
    settings = settings or {}
    spaces = {backbone: shared_space(shared, backbone, settings) for backbone in backbones}
    # Finds every mistake before the first trial.
    plan(dataset, methods, backbones=backbones, seeds=[seed], budget=parameter_budget,
         settings=settings)  # fmt: skip
    setting = Setting(dataset, seed, parameter_budget, settings)
    pool = _Pool(dataset, workers, WorkerSettings(device, threads, tuple(plugins)), listen)
    presence = Presence(folder / "processes")
    winners = []
    try:
        for backbone in backbones:
            for tunable in contenders(list(methods), settings, spaces[backbone]):
                label, spec = tunable.choice.label, partial(setting.spec, tunable, backbone)
                study = _study(folder, tunable, spec(), budget, presence)
                pool.run_trials(study, label, backbone, partial(_trial, spec))
                if study.best() is None:
                    continue
                chosen = choose_finalists(study, finalists)
                finals = finalist_study(folder, study, chosen, finalist_seeds, presence)
                if finals is not None:
                    pool.run_trials(finals, label, backbone, partial(_final, spec, chosen))
                winners.append(_winner(study, finals, chosen, tunable, backbone))
    finally:
        presence.leave()
    return Winners(
        dataset=dataset.name,
        data_hash=dataset.hash,
        parameter_budget=parameter_budget,
        seed=seed,
        budget=budget,
        settings=settings,
        winners=tuple(winners),
        finalist_seeds=tuple(finalist_seeds),
    )


def _trial(spec: Callable[..., RunSpec], claim: Claim) -> RunSpec:
    return spec(claim.settings, claim.number)


def _final(spec: Callable[..., RunSpec], chosen: Sequence[Result], claim: Claim) -> RunSpec:
    settings, _ = chosen[claim.settings[FINALIST]]
    return spec(settings, claim.number, claim.settings[SEED])


def _study(
    folder: Path, tunable: Tunable, given: RunSpec, budget: Budget, presence: Presence
) -> TrialStudy:
    """Return the contender's study, whose name tells data, given settings, space and seed."""
    space = {name: repr(values) for name, values in tunable.space.items()}
    name = f"{given.label} on {given.dataset}, {given.backbone}"
    return TrialStudy(
        folder,
        f"{name}, {content_hash([given.to_dict(), space])}",
        tunable.space,
        {setting: _value(given, setting) for setting in tunable.space},
        budget,
        given.seed,
        presence,
    )


def _value(spec: RunSpec, name: str) -> Any:
    """Return the value that a setting of a space has in a run."""
    owner, dot, setting = name.rpartition(".")
    if not dot:
        return spec.method_config[name]
    if owner == "train":
        return getattr(spec.train, setting)
    config: Any = build_config(BACKBONES.get(spec.backbone).Config, spec.backbone_config, owner)
    return getattr(config, setting)


@dataclass(frozen=True)
class _Pool:
    """What runs trials: on which data, in how many processes, and who is told."""

    dataset: Dataset
    workers: int
    settings: WorkerSettings
    listen: Callable[[TrialEnded], None] | None

    def run_trials(
        self, study: TrialStudy, label: str, backbone: str, spec_of: Callable[[Claim], RunSpec]
    ) -> None:
        """Run trials until the budget is spent; those in progress at the end of the time stop.

        The clock of a trial runs from its first sign of life: starting a worker costs nothing.
        """
        claims: dict[str, Claim] = {}
        since: dict[str, float] = {}

        def jobs() -> Iterator[Job]:
            while (claim := study.claim()) is not None:
                spec = spec_of(claim)
                claims[spec.run_id] = claim
                yield Job.on(self.dataset, [spec], test=False)

        def end(run_id: str, record: RunRecord | None, now: float) -> None:
            claim = claims.pop(run_id)
            error = None
            if record is None:
                error = OUT_OF_TIME
            elif (told := record.error) is not None:
                error = f"{told['type']} in {told['phase']}: {told['message']}"
            good = record is not None and error is None
            study.finish(
                claim,
                validation=Metrics(**record.metrics["validation"]) if record and good else None,
                error=error,
                seconds=now - since.pop(run_id, now),
                cpu_seconds=sum(record.cpu_seconds.values()) if record else 0.0,
            )
            if self.listen is not None:
                best = study.best()
                reached, spent = (best[1] if best else None), study.spent()
                most = study.most_trials
                self.listen(TrialEnded(label, backbone, claim, record, spent, reached, most))

        events = run_jobs(jobs(), self.workers, self.settings)
        try:
            for event in events:
                now = time.perf_counter()
                if isinstance(event, Finished):
                    end(event.record.spec.run_id, event.record, now)
                else:
                    since.setdefault(event.spec.run_id, now)
                if study.is_out_of_time(sum(now - start for start in since.values())):
                    break
            else:
                return
        finally:
            events.close()
        for run_id in list(claims):
            end(run_id, None, time.perf_counter())


def _winner(
    study: TrialStudy,
    finals: TrialStudy | None,
    chosen: Sequence[Result],
    tunable: Tunable,
    backbone: str,
) -> Winner:
    """Return the finalist with the best mean, or the best trial where none was run again."""
    finalists = () if finals is None else read_finalists(finals, chosen)
    ran = [finalist for finalist in finalists if finalist.aucs]
    settings, validation = chosen[0]
    if ran:
        most = max(len(finalist.aucs) for finalist in ran)  # A failed run is no good sign.
        best = max((own for own in ran if len(own.aucs) == most), key=lambda own: own.mean)
        settings, validation = best.settings, best.trial
    choice = tunable.with_settings(backbone, settings)
    return Winner(
        method=choice.method.name,
        label=choice.label,
        unification=choice.unification,
        backbone=backbone,
        settings={name: settings[name] for name in tunable.own},
        config=plain_settings(choice.config),
        validation=validation,
        spent=study.spent() if finals is None else study.spent().with_runs(finals.spent()),
        shared=dict(choice.protocol[backbone]),
        finalists=finalists,
    )
