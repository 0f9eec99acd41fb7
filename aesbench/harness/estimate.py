"""How long runs will take, judged from the records of runs like them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
_RETRAIN = "retrain"
_IN_PACK = " in a pack"
"""Of a pack's seconds a run has a share: less than it takes alone."""

Known = dict[tuple[str, ...], dict[str, list[float]]]


@dataclass(frozen=True)
class Estimate:
    """The time that some runs need, one after the other.

    Attributes:
        seconds: None where nothing is known of runs on this data set.
        guessed: how many of the runs are of methods without a record, taken to be as slow as the
            mean of the others, or that ran in packs only and are now alone.
    """

    seconds: float | None
    guessed: int = 0


class Pace:
    """Knows seconds by phase, per label, else per method, on each data set and backbone.

    What several runs prepare in common counts once. What a run took in a pack says nothing of runs
    alone; what one took alone bounds its share of a pack, and stands for it until there is one.
    """

    def __init__(self, specs: Sequence[RunSpec], *, packed: bool = False) -> None:
        """Begin without records.

        Args:
            specs: the grid.
            packed: whether its models are retrained in packs.
        """
        self._packed = packed
        self._group = {
            spec.run_id: number
            for number, group in enumerate(by_prepared_state(specs))
            for spec in group
        }
        self._prepared: set[int] = set()
        self._known: Known = {}

    @classmethod
    def from_records(cls, specs: Sequence[RunSpec], results: Path, *, packed: bool = False) -> Pace:
        """Return the pace of runs on the specs' data sets as far as records tell it."""
        pace = cls(specs, packed=packed)
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
        if record.pack is not None:
            shared = (_RETRAIN, _ALL_PHASES)
            phases = {n + _IN_PACK if n in shared else n: s for n, s in phases.items()}
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
            was_packed = not self._packed and spec.retrain and _RETRAIN + _IN_PACK in of_method
            if not of_method or (was_packed and _RETRAIN not in of_method):
                whole = self._seconds(_ALL_PHASES, of_backbone)
                if whole is None:
                    return Estimate(None)
                seconds += whole
                guessed += 1
                continue
            phases = ["score" if spec.scores else "search"]
            if spec.retrain:
                phases += [_RETRAIN, "evaluate"]
            if self._group[spec.run_id] not in prepared:
                prepared.add(self._group[spec.run_id])
                phases.append(_SHARED)
            seconds += sum(self._seconds(phase, of_label, of_method) or 0.0 for phase in phases)
        return Estimate(seconds, guessed)

    def _seconds(self, phase: str, *known: Mapping[str, Sequence[float]]) -> float | None:
        """Return the mean of the first of these that knows a phase; None if none does."""
        for name in (phase + _IN_PACK, phase) if self._packed else (phase,):
            for own in known:
                if own.get(name):
                    return fmean(own[name])
        return None


def duration(seconds: float) -> str:
    """Return a time in words: ``45 s``, ``12 min``, ``3.4 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _keys(spec: RunSpec) -> tuple[tuple[str, ...], ...]:
    place = (spec.dataset, spec.backbone)
    return (*place, "label", spec.label), (*place, "method", spec.method), place
