"""Where runs run: worker processes on this machine.

Each worker is a process of its own that lives for many runs, so that a run which crashes the
interpreter or is killed for its memory costs that run alone: it becomes a failed record, and a
fresh worker takes the next. A run that exceeds the limits it was given, of time or memory, is ended
the same way. Workers send progress and records through a pipe; only the caller writes to disk. A
worker ends when its parent does, however the parent ends.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import torch

from aesbench.core.processors import available_cpus
from aesbench.core.record import RunRecord
from aesbench.core.spec import RunSpec
from aesbench.datasets.base import Dataset
from aesbench.datasets.store import open_dataset
from aesbench.harness.attempt import PreparedCache
from aesbench.harness.executors.jobs import (
    Event,
    Finished,
    Job,
    Limits,
    Progressed,
    WorkerSettings,
)
from aesbench.harness.executors.places import Places, make_current
from aesbench.harness.openmp import threads_at_most, waiting_briefly
from aesbench.harness.runner import run, run_packed
from aesbench.harness.stages import checked_device
from aesbench.plugins.registry import load_plugin

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

_LOOK_S = 0.1
"""How often runs with limits are looked at."""

_PHASES = ("prepare", "score", "search", "retrain", "evaluate")
"""What ``aesbench.harness.attempt`` tells the progress of, whatever else a method tells."""


@dataclass(frozen=True)
class _Ready:
    """A worker has started, and takes its first run."""


def run_jobs(
    jobs: Iterable[Job], workers: int, settings: WorkerSettings
) -> Generator[Event, None, None]:
    """Run jobs in worker processes and yield what happens, as it happens.

    A job is asked for when a worker is free for it, after the events before it were yielded: it
    may depend on them. There are no more jobs once ``jobs`` has ended.

    Closing the generator, or an exception raised into it, ends the workers at once.

    Raises:
        ConfigError: the device is missing, or ``OMP_NUM_THREADS`` is no number.
    """
    checked_device(settings.device)
    threads = settings.threads or threads_at_most(max(1, available_cpus() // workers))
    places = Places(settings.device)
    coming = iter(jobs)
    left_over: deque[Job] = deque()
    active: list[_Worker] = []

    def next_job() -> Job | None:
        return left_over.popleft() if left_over else next(coming, None)

    try:
        while True:
            while len(active) < workers and (job := next_job()) is not None:
                active.append(_Worker(replace(settings, device=places.take()), threads))
                active[-1].give(job)
            if not active:
                return
            for worker, event in _events(active, settings.limits):
                if event is not None:
                    yield event
                if worker.dead:
                    active.remove(worker)
                    places.give_back(worker.device)
                    if worker.left:
                        # One by one: whichever run ends its worker shall take no other with it.
                        left_over.append(replace(worker.job, specs=tuple(worker.left), pack=1))
                elif not worker.left:
                    if (job := next_job()) is not None:
                        worker.give(job)
                    else:
                        active.remove(worker)
                        places.give_back(worker.device)
                        worker.dismiss()
    finally:
        for worker in active:
            worker.kill()


def _events(
    active: Sequence[_Worker], limits: Limits
) -> Generator[tuple[_Worker, Event | None], None, None]:
    """Wait for news and yield each worker that has some, with what it said.

    A worker whose run exceeds a limit is ended, and its news is the failed record.
    """
    workers = list(active)  # The caller removes those that are done.
    is_limited = limits != Limits()
    ready = set(wait([worker.pipe for worker in workers], _LOOK_S if is_limited else None))
    for worker in workers:
        if worker.pipe in ready:
            yield worker, worker.receive()
    for worker in workers if is_limited else ():
        # Also one that had news: a run that tells its progress all the time always has.
        if (excess := worker.excess(limits)) is not None:
            yield worker, worker.end(*excess)


class _Worker:
    """The parent's handle on one worker process."""

    def __init__(self, settings: WorkerSettings, threads: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self._process: SpawnProcess = context.Process(
            target=_work, args=(theirs, settings, threads, os.getpid()), daemon=True
        )
        with waiting_briefly():
            self._process.start()
        theirs.close()
        self.device = settings.device
        self.left: deque[RunSpec] = deque()
        self.job = Job((), Path())
        self.dead = False
        self._is_ready = False
        self._phase = "setup"
        self._since = time.perf_counter()

    def give(self, job: Job) -> None:
        """Hand the worker its next job."""
        self.left, self.job = deque(job.specs), job
        self._since = time.perf_counter()
        try:
            self.pipe.send(job)
        except OSError:
            pass  # It died before it was asked; the next ``receive`` finds out.

    def receive(self) -> Event | None:
        """Return the next event; a worker that died ends its run as a failed record.

        Where it had several runs in flight nobody knows whose fault it was: none is ended.
        """
        try:
            message = self.pipe.recv()
        except (EOFError, OSError):
            self.dead = True
            self._process.join()
            if not self.left or self._in_flight() > 1:
                return None
            return self._finish(_lost(self.left[0], self._process.exitcode))
        if isinstance(message, _Ready):
            self._is_ready, self._since = True, time.perf_counter()
            return None
        if isinstance(message, Progressed):
            if message.what in _PHASES:
                self._phase = message.what
            return message
        return self._finish(message)

    def excess(self, limits: Limits) -> tuple[str, str] | None:
        """Return the kind of error and a message if the run in progress exceeds a limit."""
        if not (self._is_ready and self.left) or self.dead:
            return None
        seconds = time.perf_counter() - self._since
        if limits.seconds is not None and seconds > limits.seconds * self._in_flight():
            return "RunTimeout", (
                f"ended after {seconds:.1f} s: --run-timeout {limits.seconds:g} is the most"
            )
        if limits.memory_gib is not None:
            used = sum(map(_own_gib, self._processes()))
            if used > limits.memory_gib * self._in_flight():
                return "RunMemory", (
                    f"ended at {used:.2f} GiB: --run-memory {limits.memory_gib:g} is the most"
                )
        return None

    def end(self, kind: str, message: str) -> Finished | None:
        """End the worker, and its run as a failed record if it had but one in flight."""
        self.kill()
        self.dead = True
        if self._in_flight() > 1:
            return None
        return self._finish(failed_record(self.left[0], kind, message, self._phase))

    def _in_flight(self) -> int:
        """How many runs are in flight: all that are left of those that are trained as one."""
        return len(self.left) if self.job.pack > 1 else 1

    def _processes(self) -> list[psutil.Process]:
        """Return the worker's process and those that it started."""
        try:
            own = psutil.Process(self._process.pid)
            return [own, *own.children(recursive=True)]
        except psutil.Error:
            return []  # It has just died; the next ``receive`` finds out.

    def _finish(self, record: RunRecord) -> Finished:
        self.left.remove(record.spec)
        now = time.perf_counter()
        finished = Finished(record, now - self._since)
        self._since, self._phase = now, "setup"
        return finished

    def dismiss(self) -> None:
        """Let the worker end by itself."""
        self.pipe.close()
        self._process.join(timeout=10)

    def kill(self) -> None:
        """End the worker at once, with all that it started."""
        for process in self._processes():
            with suppress(psutil.Error):  # Some may have ended by themselves.
                process.kill()
        self._process.kill()  # Also where the others could not be listed.
        self._process.join()
        self.pipe.close()


def _lost(spec: RunSpec, exit_code: int | None) -> RunRecord:
    """Return the record of a run whose process died under it."""
    cause = f"exit code {exit_code}"
    if exit_code is not None and exit_code < 0:
        cause = signal.Signals(-exit_code).name
        if exit_code == -signal.SIGKILL:
            cause += ", usually the system's answer to too little memory"
    return failed_record(spec, "WorkerDied", f"the worker process died ({cause})", "unknown")


def failed_record(spec: RunSpec, kind: str, message: str, phase: str) -> RunRecord:
    """Return the record of a run that could not speak for itself."""
    error = {"type": kind, "message": message, "phase": phase, "traceback": ""}
    return RunRecord(spec=spec, status="failed", error=error)


def _own_gib(process: psutil.Process) -> float:
    """Return what a process holds for itself: mapped files and libraries are left out."""
    try:
        memory = process.memory_info()
    except psutil.Error:
        return 0.0
    return float(memory.rss - getattr(memory, "shared", 0)) / 2**30  # Only Linux tells.


@dataclass
class _Sender:
    """Sends a run's progress to the parent, at most ten times a second."""

    pipe: Connection
    spec: RunSpec
    _last: float = field(default=0.0)

    def __call__(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._last >= 0.1 or done in (0, total):
            self._last = now
            self.pipe.send(Progressed(self.spec, what, done, total))


def _work(pipe: Connection, settings: WorkerSettings, threads: int, parent: int) -> None:
    """Run jobs until the parent closes the pipe: the main function of a worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle.
    threading.Thread(target=_end_with_parent, args=(parent,), daemon=True).start()
    torch.set_num_threads(threads)
    make_current(settings.device)
    for path in settings.plugins:
        load_plugin(path)
    cache = PreparedCache()
    pipe.send(_Ready())
    while True:
        try:
            job: Job = pipe.recv()
        except (EOFError, ConnectionResetError):  # The latter if it left news unread.
            return
        dataset = open_dataset(job.dataset_folder)
        for record in _records(job, dataset, settings.device, cache, pipe):
            pipe.send(record)


def _records(
    job: Job, dataset: Dataset, device: str, cache: PreparedCache, pipe: Connection
) -> Iterator[RunRecord]:
    """Do a job's runs, and yield each one's record when it ends."""
    if job.pack > 1:
        yield from run_packed(
            job.specs,
            dataset,
            job.pack,
            device=device,
            progress=partial(_Sender, pipe),
            cache=cache,
            test=job.test,
        )
        return
    for spec in job.specs:
        sender = _Sender(pipe, spec)
        yield run(spec, dataset, device=device, progress=sender, cache=cache, test=job.test)


def _end_with_parent(parent: int) -> None:
    """Leave when the parent is gone, with all that a run started: nobody would take the records."""
    while os.getppid() == parent:
        time.sleep(0.5)
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):  # Some may have ended by themselves.
            process.kill()
    os._exit(1)
