"""How long runs will take, judged from the records of runs like them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from aesbench.core.record import RunRecord, read_record, record_files
from aesbench.core.spec import RunSpec
from aesbench.errors import RecordError
from aesbench.harness.grid import by_prepared_state

_SHARED = "prepare"
"""The phase whose result runs share."""

_ALL_PHASES = "all phases"
Known = dict[tuple[str, ...], dict[str, list[float]]]


@dataclass(frozen=True)
class Estimate:
    """The time that some runs need, one after the other.

    Attributes:
        seconds: None where nothing is known of runs on this data set.
        guessed: how many of the runs are of methods without a record, taken to be as slow as the
            mean of the others.
    """

    seconds: float | None
    guessed: int = 0


class Pace:
    """Knows seconds by phase, per label, else per method, on each data set and backbone.

    What several runs prepare in common counts once.
    """

    def __init__(self, specs: Sequence[RunSpec]) -> None:
        self._group = {
            spec.run_id: number
            for number, group in enumerate(by_prepared_state(specs))
            for spec in group
        }
        self._prepared: set[int] = set()
        self._known: Known = {}

    @classmethod
    def from_records(cls, specs: Sequence[RunSpec], results: Path) -> Pace:
        """Return the pace of runs on the specs' data sets as far as records tell it."""
        pace = cls(specs)
        for dataset in sorted({spec.dataset for spec in specs}):
            for path in record_files(results, dataset):
                try:
                    pace.learn(read_record(path))
                except RecordError:
                    continue  # Whoever compares records refuses it; an estimate can do without.
        return pace

    def learn(self, record: RunRecord) -> None:
        """Remember how long a successful run took."""
        if not record.ok:
            return
        phases = {**record.seconds, _ALL_PHASES: sum(record.seconds.values())}
        for key in _keys(record.spec):
            known = self._known.setdefault(key, {})
            for phase, seconds in phases.items():
                known.setdefault(phase, []).append(seconds)

    def finish(self, record: RunRecord) -> None:
        """Remember a run of the present grid, whose prepared state others may use at once."""
        self.learn(record)
        if record.ok:
            self._prepared.add(self._group[record.spec.run_id])

    def estimate(self, specs: Iterable[RunSpec]) -> Estimate:
        """Return how long these of the grid's runs will take."""
        seconds, guessed, prepared = 0.0, 0, set(self._prepared)
        for spec in specs:
            of_label, of_method, of_backbone = (self._known.get(k, {}) for k in _keys(spec))
            if not of_backbone:
                return Estimate(None)
            if not of_method:
                seconds += fmean(of_backbone[_ALL_PHASES])
                guessed += 1
                continue
            phases = ["score" if spec.scores else "search"]
            if spec.retrain:
                phases += ["retrain", "evaluate"]
            if self._group[spec.run_id] not in prepared:
                prepared.add(self._group[spec.run_id])
                phases.append(_SHARED)
            for phase in phases:
                known = of_label.get(phase) or of_method.get(phase)
                seconds += fmean(known) if known else 0.0
        return Estimate(seconds, guessed)


def duration(seconds: float) -> str:
    """Return a time in words: ``45 s``, ``12 min``, ``3.4 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _keys(spec: RunSpec) -> tuple[tuple[str, ...], ...]:
    place = (spec.dataset, spec.backbone)
    return (*place, "label", spec.label), (*place, "method", spec.method), place
