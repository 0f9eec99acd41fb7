"""The trials of one contender on one backbone, kept in Optuna's journal.

Any number of processes may take trials from a study. A trial counts when it has ended, well or not,
or while its process lives; one that was interrupted is given out again, with the same settings as
long as one process runs one trial at a time, so that a study which was interrupted ends as an
undisturbed one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

from aesbench.core.metrics import Metrics
from aesbench.core.search_space import Space
from aesbench.errors import ConfigError
from aesbench.harness.tuning.draws import count_settings, distributions, draw
from aesbench.harness.tuning.journal import Journal
from aesbench.harness.tuning.locks import Presence, exclusive
from aesbench.models.randomness import stage_seed

OUT_OF_TIME = "stopped when the seconds were over"
"""The error of a trial that says nothing of its settings."""


@dataclass(frozen=True)
class Budget:
    """What every contender gets.

    Attributes:
        trials: the most sets of settings to try.
        seconds: the most wall seconds of its trials together, or None; a trial in progress when
            they are over is stopped.
    """

    trials: int
    seconds: float | None = None


@dataclass(frozen=True)
class Claim:
    """A trial that this process shall run.

    Attributes:
        number: counts all trials of the study, interrupted ones included.
        settings: {setting: value}.
    """

    number: int
    settings: dict[str, Any]


@dataclass(frozen=True)
class Spent:
    """What the trials of a study used up.

    Attributes:
        trials: that ran, failed ones included; each had settings of its own.
        failed: whose run failed or was stopped when the seconds were over.
        seconds, cpu_seconds: wall and processor time of their runs.
        exhausted: whether no settings were left to try, so that there are no more trials however
            many are allowed.
    """

    trials: int
    failed: int
    seconds: float
    cpu_seconds: float
    exhausted: bool = False

    def with_runs(self, other: Spent) -> Spent:
        """Return this with what other runs took, which tried no other settings."""
        return replace(
            self,
            failed=self.failed + other.failed,
            seconds=self.seconds + other.seconds,
            cpu_seconds=self.cpu_seconds + other.cpu_seconds,
        )


class TrialStudy:
    """One contender's study in a folder.

    Attributes:
        name: tells all that its results depend on.
        first: the settings with which it begins.

    Raises:
        ConfigError: the settings to begin with are not in the space.
        RecordError: the journal cannot be written, or it is damaged before its last line.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        space: Space,
        first: dict[str, Any],
        budget: Budget,
        seed: int,
        presence: Presence,
    ) -> None:
        for setting, values in space.items():
            if first[setting] not in values:
                raise ConfigError(
                    f"{setting} = {first[setting]!r} of {name} is not in {values}, its space;"
                    " tuning begins with it, so declare a space that holds it"
                )
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._lock = folder / "tuning.lock"
        self.name, self.first = name, first
        self._space, self._budget = space, budget
        self._seed, self._presence = seed, presence
        self._journal = Journal(folder / "journal.log")
        with self._writing():
            self._journal.check()
            try:
                self._storage = JournalStorage(self._journal)
                self._study = optuna.create_study(
                    storage=self._storage,
                    study_name=name,
                    direction="maximize",
                    load_if_exists=True,
                )
            except (AssertionError, LookupError, TypeError, ValueError) as error:
                raise self._journal.damaged(f"no journal of Optuna's ({error!r})") from error

    @property
    def most_trials(self) -> int:
        """How many trials there can be, those that were stopped and tell nothing included."""
        size = count_settings(self._space)
        if size is None:
            return self._budget.trials
        return min(size + sum(map(_is_stopped, self._ended())), self._budget.trials)

    def claim(self) -> Claim | None:
        """Return a trial to run; None when the budget is spent or no settings are left to try.

        What is given out counts as spent and as tried.
        """
        with self._writing():
            self._end_interrupted()
            counting = self._counting()
            if len(counting) >= self._budget.trials or self.is_out_of_time():
                return None
            settings = self._next(len(counting), _tried(counting))
            if settings is None:
                return None
            # All of it in one line of the journal: there is no half of a trial.
            self._study.add_trial(
                create_trial(
                    state=TrialState.RUNNING,
                    params=settings,
                    distributions=distributions(self._space),
                    user_attrs={"process": self._presence.name},
                )
            )
            return Claim(self._trials()[-1].number, settings)

    def finish(
        self,
        claim: Claim,
        *,
        validation: Metrics | None,
        error: str | None = None,
        seconds: float,
        cpu_seconds: float = 0.0,
    ) -> None:
        """Note how a trial ended: with metrics, or with an error."""
        told = {"error": error} if validation is None else {"validation": asdict(validation)}
        with self._writing():
            # The seconds last: a trial of which they were noted has ended.
            self._end(claim.number, {**told, "cpu_seconds": cpu_seconds, "seconds": seconds})

    def is_out_of_time(self, running_s: float = 0.0) -> bool:
        """Whether the seconds are over, those of running trials included."""
        limit = self._budget.seconds
        return limit is not None and self.spent().seconds + running_s >= limit

    def spent(self) -> Spent:
        """Return what has been used up by trials that ended."""
        ended = self._ended()
        notes = [trial.user_attrs for trial in ended]
        tried = _tried(ended)
        return Spent(
            trials=len(notes),
            failed=sum("validation" not in own for own in notes),
            seconds=sum(own["seconds"] for own in notes),
            cpu_seconds=sum(own.get("cpu_seconds", 0.0) for own in notes),
            exhausted=len(tried) == count_settings(self._space),
        )

    def best(self) -> tuple[dict[str, Any], Metrics] | None:
        """Return the settings with the highest validation AUC; None if no trial succeeded."""
        return max(self.results(), key=lambda result: result[1].auc, default=None)  # The first.

    def results(self) -> list[tuple[dict[str, Any], Metrics]]:
        """Return the settings and the validation metrics of all trials that succeeded, in order."""
        return [
            (dict(trial.params), Metrics(**trial.user_attrs["validation"]))
            for trial in self._ended()
            if "validation" in trial.user_attrs
        ]

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Let this process alone write, into a journal that ends with a whole line."""
        with exclusive(self._lock):
            self._journal.mend()
            yield

    def _trials(self) -> list[FrozenTrial]:
        return self._study.get_trials(deepcopy=False)

    def _ended(self) -> list[FrozenTrial]:
        return [t for t in self._trials() if t.state.is_finished() and _is_noted(t)]

    def _counting(self) -> list[FrozenTrial]:
        running = [t for t in self._trials() if t.state == TrialState.RUNNING]
        return [*self._ended(), *running]

    def _next(self, number: int, tried: list[dict[str, Any]]) -> dict[str, Any] | None:
        """Return the defaults, or else what is drawn; the draw depends on ``number`` alone."""
        if self.first not in tried:
            return self.first

        def seed(attempt: int) -> int:
            return stage_seed(self._seed, f"tune/{number}" + f"/{attempt}" * (attempt > 0))

        told = [trial for trial in self._ended() if "validation" in trial.user_attrs]
        return draw(self._space, told, tried, seed)

    def _end_interrupted(self) -> None:
        """End the trials whose processes are gone; without all of their notes they do not count."""
        for trial in self._trials():
            process = trial.user_attrs.get("process")
            if trial.state == TrialState.RUNNING and not (
                process is not None and self._presence.lives(process)
            ):
                self._end(trial.number, {})

    def _end(self, number: int, notes: dict[str, Any]) -> None:
        study_id = self._storage.get_study_id_from_name(self._study.study_name)
        trial_id = self._storage.get_trial_id_from_study_id_trial_number(study_id, number)
        for name, value in notes.items():
            self._storage.set_trial_user_attr(trial_id, name, value)
        trial = self._trials()[number]  # Of a process that died after its notes, too.
        if _is_noted(trial) and "validation" in trial.user_attrs:
            self._study.tell(number, trial.user_attrs["validation"]["auc"])
        else:
            self._study.tell(number, state=TrialState.FAIL)


def _is_noted(trial: FrozenTrial) -> bool:
    """Whether it was noted how a trial ended.

    Studies of older versions hold trials that repeat others and never ran.
    """
    notes = trial.user_attrs
    told = "seconds" in notes and ("validation" in notes or "error" in notes)
    return told and "repeats" not in notes


def _is_stopped(trial: FrozenTrial) -> bool:
    """Whether the seconds were over before a trial told anything of its settings."""
    return bool(trial.user_attrs.get("error") == OUT_OF_TIME)


def _tried(trials: list[FrozenTrial]) -> list[dict[str, Any]]:
    """Return the distinct settings whose result is known or awaited."""
    found: list[dict[str, Any]] = []
    for trial in trials:
        if not _is_stopped(trial) and trial.params not in found:
            found.append(trial.params)
    return found
