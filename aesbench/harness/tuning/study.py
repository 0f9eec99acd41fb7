"""The trials of one contender on one backbone, kept in Optuna's journal.

Any number of processes may take trials from a study. A trial counts when it has ended, well or not,
or while its process lives; one that was interrupted is given out again, with the same settings as
long as one process runs one trial at a time, so that a study which was interrupted ends as an
undisturbed one.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.samplers import TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from aesbench.core.metrics import Metrics
from aesbench.harness.tuning.locks import Presence, exclusive
from aesbench.models.randomness import stage_seed
from aesbench.plugins.search_space import Range, Space

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
        trials: that count, failed and repeated ones included.
        failed: whose run failed or was stopped when the seconds were over.
        repeated: of settings that had been tried; their result is known and costs nothing.
        seconds, cpu_seconds: wall and processor time of their runs.
    """

    trials: int
    failed: int
    repeated: int
    seconds: float
    cpu_seconds: float


class TrialStudy:
    """One contender's study in a folder; ``name`` must tell all that its results depend on."""

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
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._lock = folder / "tuning.lock"
        self._space, self._first, self._budget = space, first, budget
        self._seed, self._presence = seed, presence
        self._mine: dict[int, optuna.Trial] = {}
        with exclusive(self._lock):
            self._study = optuna.create_study(
                storage=JournalStorage(JournalFileBackend(str(folder / "journal.log"))),
                study_name=name,
                direction="maximize",
                load_if_exists=True,
            )

    def claim(self) -> Claim | None:
        """Return a trial to run; None when the budget is spent or given out."""
        with exclusive(self._lock):
            self._end_interrupted()
            while True:
                counting = self._counting()
                if len(counting) >= self._budget.trials or self.is_out_of_time():
                    return None
                trial = self._ask(len(counting))
                earlier = next((t for t in counting if _repeats(trial, t)), None)
                if earlier is None:
                    return Claim(trial.number, dict(trial.params))
                notes: dict[str, Any] = {"seconds": 0.0, "repeats": earlier.number}
                for name in ("validation", "error"):
                    if name in earlier.user_attrs:
                        notes[name] = earlier.user_attrs[name]
                self._end(trial.number, notes)

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
        notes: dict[str, Any] = {"seconds": seconds, "cpu_seconds": cpu_seconds}
        if validation is not None:
            notes["validation"] = asdict(validation)
        else:
            notes["error"] = error
        with exclusive(self._lock):
            self._end(claim.number, notes)

    def is_out_of_time(self, running_s: float = 0.0) -> bool:
        """Whether the seconds are over, those of running trials included."""
        limit = self._budget.seconds
        return limit is not None and self.spent().seconds + running_s >= limit

    def spent(self) -> Spent:
        """Return what has been used up by trials that ended."""
        notes = [trial.user_attrs for trial in self._ended()]
        return Spent(
            trials=len(notes),
            failed=sum("validation" not in own for own in notes),
            repeated=sum("repeats" in own for own in notes),
            seconds=sum(own["seconds"] for own in notes),
            cpu_seconds=sum(own.get("cpu_seconds", 0.0) for own in notes),
        )

    def best(self) -> tuple[dict[str, Any], Metrics] | None:
        """Return the settings with the highest validation AUC; None if no trial succeeded."""
        good = [trial for trial in self._ended() if "validation" in trial.user_attrs]
        if not good:
            return None
        best = max(good, key=lambda trial: trial.user_attrs["validation"]["auc"])  # The first.
        return dict(best.params), Metrics(**best.user_attrs["validation"])

    def _trials(self) -> list[FrozenTrial]:
        return self._study.get_trials(deepcopy=False)

    def _ended(self) -> list[FrozenTrial]:
        return [t for t in self._trials() if t.state.is_finished() and "seconds" in t.user_attrs]

    def _counting(self) -> list[FrozenTrial]:
        running = [t for t in self._trials() if t.state == TrialState.RUNNING]
        return [*self._ended(), *running]

    def _end_interrupted(self) -> None:
        """End the trials whose processes are gone; without notes they do not count."""
        for trial in self._trials():
            process = trial.user_attrs.get("process")
            if trial.state == TrialState.RUNNING and not (
                process is not None and self._presence.lives(process)
            ):
                self._end(trial.number, {})

    def _ask(self, number: int) -> optuna.Trial:
        """Ask for settings, first of all the defaults; the draw depends on ``number`` alone."""
        if number == 0:
            self._study.enqueue_trial(self._first)
        seed = stage_seed(self._seed, f"tune/{number}") % 2**32
        self._study.sampler = TPESampler(seed=seed)
        trial = self._study.ask()
        trial.set_user_attr("process", self._presence.name)
        self._mine[trial.number] = trial
        for name, values in self._space.items():
            if not isinstance(values, Range):
                trial.suggest_categorical(name, list(values))
            elif values.whole:
                trial.suggest_int(name, int(values.low), int(values.high), log=values.log)
            else:
                trial.suggest_float(name, values.low, values.high, log=values.log)
        return trial

    def _end(self, number: int, notes: dict[str, Any]) -> None:
        if number in self._mine:
            trial = self._mine.pop(number)
            for name, value in notes.items():
                trial.set_user_attr(name, value)
        noted = self._trials()[number].user_attrs  # Of a process that died while it noted, too.
        if "validation" in noted:
            self._study.tell(number, noted["validation"]["auc"])
        else:
            self._study.tell(number, state=TrialState.FAIL)


def _repeats(trial: optuna.Trial, earlier: FrozenTrial) -> bool:
    """Whether an earlier trial tells the result of this one."""
    told = earlier.state.is_finished() and earlier.user_attrs.get("error") != OUT_OF_TIME
    return told and earlier.params == trial.params
