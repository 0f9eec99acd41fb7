"""What executors take and tell: jobs, limits, and the events of runs.

An executor is where runs run: worker processes on this machine (``local.py``), or the nodes of a
Ray cluster (``ray_executor.py``).
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from aesbench.core.record import RunRecord
from aesbench.core.settings import require
from aesbench.core.spec import RunSpec
from aesbench.datasets.base import Dataset
from aesbench.harness.stages import data_of


@dataclass(frozen=True)
class Job:
    """Runs that share a prepared state, or whose models are trained as one; for one worker.

    Attributes:
        specs: the runs.
        dataset_folder: the prepared data set.
        test: whether models are tested; a tuning's are not.
        pack: the most models that are trained as one; 1 does one run after the other.
    """

    specs: tuple[RunSpec, ...]
    dataset_folder: Path
    test: bool = True
    pack: int = 1

    @classmethod
    def on(
        cls, dataset: Dataset, specs: Sequence[RunSpec], *, test: bool = True, pack: int = 1
    ) -> Job:
        """Return a job on a data set, of which the draws that the runs need are then prepared.

        Raises:
            DataError: a draw cannot be prepared.
        """
        for spec in specs:
            data_of(spec, dataset)
        return cls(tuple(specs), dataset.folder, test, pack)


@dataclass(frozen=True)
class Limits:
    """What one run may use; None is no limit.

    Attributes:
        seconds: of wall time, its share of a prepared state included; runs that are trained as one
            may take as long as all of them alone.
        memory_gib: of the worker's own memory, its processes' too; mapped data sets don't count.
    """

    seconds: float | None = None
    memory_gib: float | None = None

    def __post_init__(self) -> None:
        for name, value in (("run-timeout", self.seconds), ("run-memory", self.memory_gib)):
            require(value is None or value > 0, name, value, "above 0")


@dataclass(frozen=True)
class WorkerSettings:
    """What every worker is started with.

    Attributes:
        device: ``cpu``, ``cuda`` for all GPUs in turn, or one of them: ``cuda:1``.
        threads: torch threads of each; None divides the processors among the workers, and gives
            none more than ``OMP_NUM_THREADS``.
        plugins: Python files that they load.
        limits: what each run may use.
    """

    device: str
    threads: int | None = None
    plugins: tuple[Path, ...] = ()
    limits: Limits = Limits()

    def __post_init__(self) -> None:
        require(self.threads is None or self.threads >= 1, "threads", self.threads, "at least 1")


@dataclass(frozen=True)
class Progressed:
    """A run told where it is."""

    spec: RunSpec
    what: str
    done: int
    total: int


@dataclass(frozen=True)
class Finished:
    """A run ended, well or not, after so many seconds."""

    record: RunRecord
    wall_s: float


Event = Progressed | Finished


class Executor(Protocol):
    """Where runs run: ``run_jobs`` on this machine, a ``RayExecutor`` on a cluster."""

    def __call__(
        self, jobs: Iterable[Job], workers: int, settings: WorkerSettings
    ) -> Generator[Event, None, None]:
        """Run jobs, so many workers at a time, as ``run_jobs`` does."""
