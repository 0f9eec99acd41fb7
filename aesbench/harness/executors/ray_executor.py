"""Where runs run: on the nodes of a Ray cluster.

Each worker (``ray_worker.py``) is an actor that reserves its processors and its share of a GPU. It
gets a job at a time, so that runs which share a prepared state stay together. Records and traces
come back as events, and only the caller writes to disk: the nodes need not share one.

What a method does wrong is a failed record, made on its node, and final. A worker that is lost,
alone or with its node, costs nothing that was finished: the run that it had is tried again,
``RETRIES`` times at most, and the rest of its job goes on. The driver sees to this, since Ray's own
retries would repeat the finished runs of a job.
"""

from __future__ import annotations

import pickle
import time
from collections import Counter, deque
from collections.abc import Generator, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from aesbench.core.spec import RunSpec
from aesbench.datasets.source import Source
from aesbench.errors import AesbenchError, ConfigError
from aesbench.harness.executors.jobs import Event, Finished, Job, Progressed, WorkerSettings
from aesbench.harness.executors.local import failed_record
from aesbench.harness.executors.ray_cluster import Needs, connected, in_one_line
from aesbench.harness.executors.ray_worker import Orders, PluginFile, RayWorker

RETRIES = 3
"""How often a run is tried again after the worker that had it was lost."""

_LOOK_S = 10.0
"""How often the nodes are looked at while nothing is heard of any worker."""


@dataclass(frozen=True)
class RayExecutor:
    """Runs jobs on a Ray cluster.

    Attributes:
        source: of the data set, so that each node can prepare it.
        data_hash: what the prepared data must have on every node.
        address: of the cluster, as ``connected`` takes it.
        data_dir: where the raw files lie on every node; default: where its AESBENCH_DATA says.
        cache_dir: where prepared data go on every node; default: where its AESBENCH_CACHE says, or
            the platform's cache folder.
    """

    source: Source
    data_hash: str
    address: str | None = None
    data_dir: Path | None = None
    cache_dir: Path | None = None

    def __call__(
        self, jobs: Iterable[Job], workers: int, settings: WorkerSettings
    ) -> Generator[Event, None, None]:
        """Run jobs as ``run_jobs`` does, so many workers at a time on all nodes together.

        Raises:
            ConfigError: Ray is not installed, the cluster cannot be reached, no node has what a
                worker needs, or workers are lost before they can begin.
            DataError: the data of a node are missing, or not the grid's.
        """
        orders = Orders(
            settings=replace(settings, plugins=()),
            plugins=tuple(PluginFile(path.name, path.read_bytes()) for path in settings.plugins),
            source=pickle.dumps(self.source),
            data_hash=self.data_hash,
            data_dir=self.data_dir,
            cache_dir=self.cache_dir,
        )
        with connected(self.address) as ray:
            needs = Needs.of_worker(ray.nodes(), workers, settings)
            yield from _Pool(ray, orders, needs, jobs, workers).run()


@dataclass(eq=False)
class _Slot:
    """The driver's handle on one worker: the call it awaits, and the runs left of its job."""

    actor: Any
    awaited: Any
    is_ready: bool = False
    job: Job = field(default_factory=lambda: Job((), Path()))
    left: deque[RunSpec] = field(default_factory=deque)
    since: float = 0.0

    def give(self, job: Job) -> None:
        """Hand the worker its next job."""
        self.job, self.left = job, deque(job.specs)
        self.since = time.perf_counter()
        self.awaited = self.actor.begin.remote(job)


class _Pool:
    """The workers of one grid, and the jobs that wait for one."""

    def __init__(
        self, ray: Any, orders: Orders, needs: Needs, jobs: Iterable[Job], workers: int
    ) -> None:
        self._ray = ray
        self._needs = needs
        self._workers = workers
        self._coming = iter(jobs)
        self._waiting: deque[Job] = deque()
        self._slots: list[_Slot] = []
        self._losses: Counter[str] = Counter()
        self._false_starts = 0
        self._orders = replace(orders, settings=replace(orders.settings, threads=needs.cpus))
        self._actor = ray.remote(RayWorker).options(
            num_cpus=needs.cpus, num_gpus=needs.gpus, scheduling_strategy="SPREAD"
        )

    def run(self) -> Generator[Event, None, None]:
        """Yield what happens until all is done; closing it ends the workers at once."""
        try:
            while True:
                self._hire()
                if not self._waiting and not any(slot.left for slot in self._slots):
                    return
                slot = self._next_heard()
                if slot is None:
                    continue
                if (event := self._receive(slot)) is not None:
                    yield event
                if slot in self._slots and slot.is_ready and not slot.left:
                    self._employ(slot)
        finally:
            for slot in self._slots:
                self._ray.kill(slot.actor)

    def _hire(self) -> None:
        """Start workers for jobs that wait, and ask for more jobs while there may be more workers.

        A job is given to whichever worker is ready first: some may wait for a place on a node.
        """
        while len(self._slots) < self._workers:
            starting = sum(not slot.is_ready for slot in self._slots)
            if len(self._waiting) <= starting:
                job = next(self._coming, None)
                if job is None:
                    return
                self._waiting.append(job)
            actor = self._actor.remote(self._orders)
            self._slots.append(_Slot(actor, actor.start.remote()))

    def _employ(self, slot: _Slot) -> None:
        """Give a free worker the next job, or let it go."""
        job = self._waiting.popleft() if self._waiting else next(self._coming, None)
        if job is not None:
            slot.give(job)
        else:
            self._slots.remove(slot)
            self._ray.kill(slot.actor)

    def _next_heard(self) -> _Slot | None:
        """Return a worker that has news, None if for a while none has.

        Raises:
            ConfigError: the nodes on which workers wait for a place are gone.
        """
        ready, _ = self._ray.wait([slot.awaited for slot in self._slots], timeout=_LOOK_S)
        if ready:
            return next(slot for slot in self._slots if slot.awaited == ready[0])
        if not all(slot.is_ready for slot in self._slots):
            self._needs.check_fit(self._ray.nodes())
        return None

    def _receive(self, slot: _Slot) -> Event | None:
        """Return what a worker says, None where that is only that it is ready.

        Raises:
            AesbenchError: its node cannot do the grid's runs.
        """
        errors = self._ray.exceptions
        try:
            event: Event | None = self._ray.get(slot.awaited)
        except errors.RayTaskError as error:
            if isinstance(error.cause, AesbenchError):
                raise error.cause from None
            raise
        except errors.RayError as error:
            return self._lose(slot, error)
        if not slot.is_ready:
            slot.is_ready, self._false_starts = True, 0
            return None
        if isinstance(event, Finished):
            slot.left.remove(event.record.spec)
            slot.since = time.perf_counter()
        if slot.left:
            slot.awaited = slot.actor.go_on.remote()
        return event

    def _lose(self, slot: _Slot, error: Exception) -> Event | None:
        """Put back what a lost worker had; return what became of the run in progress.

        Raises:
            ConfigError: no node is left for a new worker, or none gets as far as to begin.
        """
        self._slots.remove(slot)
        self._needs.check_fit(self._ray.nodes())
        if not slot.is_ready:
            self._false_starts += 1
            if self._false_starts > RETRIES * self._workers:
                raise ConfigError(
                    "Ray workers are lost before they can begin; is aesbench installed on every"
                    f" node? The last one was lost by: {in_one_line(error)}"
                )
            return None
        spec = slot.left[0]
        self._losses[spec.run_id] += 1
        losses = self._losses[spec.run_id]
        event: Event = Progressed(spec, "lost, tried again", 0, 1)
        if losses > RETRIES:
            slot.left.popleft()
            message = (
                f"its Ray worker, or the node, was lost {losses} times; the last time:"
                f" {in_one_line(error)}"
            )
            record = failed_record(spec, "WorkerLost", message, "unknown")
            event = Finished(record, time.perf_counter() - slot.since)
        if slot.left:
            self._waiting.appendleft(replace(slot.job, specs=tuple(slot.left), pack=1))
        return event
