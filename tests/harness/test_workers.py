"""Worker processes: how many threads and which device each has."""

import dataclasses
import os
from pathlib import Path

import pytest
import torch

from aesbench.errors import ConfigError
from aesbench.harness.executors import local
from aesbench.harness.executors.jobs import Finished, Job, WorkerSettings
from aesbench.harness.executors.local import run_jobs
from aesbench.harness.executors.places import Places, make_current
from aesbench.harness.grid import plan
from aesbench.harness.openmp import NUM_THREADS
from aesbench.plugins.registry import load_plugin

PLUGIN = Path(__file__).parents[1] / "plugin_files" / "misbehaving.py"


@pytest.fixture
def gpus(monkeypatch):
    """Return the function that lets torch say that there are so many GPUs."""

    def see(count):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)

    return see


@pytest.fixture
def started(monkeypatch):
    """The (device, threads) of every worker that was started; all compute on the CPU."""
    seen = []

    class Seen(local._Worker):
        def __init__(self, settings, threads):
            seen.append((settings.device, threads))
            super().__init__(dataclasses.replace(settings, device="cpu"), threads)
            self.device = settings.device

    monkeypatch.setattr(local, "_Worker", Seen)
    return seen


@pytest.mark.parametrize(
    ("count", "device", "expected"),
    [
        (3, "cuda", ["cuda:0", "cuda:1", "cuda:2", "cuda:0", "cuda:1"]),
        (3, "cuda:1", ["cuda:1"] * 5),
        (1, "cuda", ["cuda"] * 5),
        (3, "cpu", ["cpu"] * 5),
    ],
)
def test_gpus_are_dealt_out_in_turn(gpus, count, device, expected):
    """All of them for ``cuda``; one that is named, or alone, or no GPU is everybody's."""
    gpus(count)
    places = Places(device)
    assert [places.take() for _ in range(5)] == expected


def test_a_place_that_became_free_is_the_next(gpus):
    """So that no GPU has two workers more than another."""
    gpus(3)
    places = Places("cuda")
    for _ in range(6):
        places.take()
    places.give_back("cuda:2")
    places.give_back("cuda:1")
    assert [places.take() for _ in range(3)] == ["cuda:1", "cuda:2", "cuda:0"]


@pytest.mark.parametrize(
    ("device", "expected"), [("cuda:1", ["cuda:1"]), ("cuda", []), ("cpu", [])]
)
def test_a_gpu_with_a_number_is_the_workers_current_one(device, expected, monkeypatch):
    """What a plugin puts on ``cuda`` goes there too."""
    made = []
    monkeypatch.setattr(torch.cuda, "set_device", made.append)
    make_current(device)
    assert made == expected


def test_workers_have_a_gpu_each_and_a_new_one_that_of_the_dead(planted_tiny, gpus, started):
    """The first hangs on its GPU; the second dies, and its job goes on where it was."""
    load_plugin(PLUGIN)
    gpus(2)
    specs = plan(planted_tiny, ["hanging", "dying", "ues:2"], seeds=[0], retrain=False)
    jobs = [Job(tuple(group), planted_tiny.folder) for group in (specs[:1], specs[1:])]
    events = run_jobs(jobs, 2, WorkerSettings("cuda", 1, (PLUGIN,)))
    ended = (event.record for event in events if isinstance(event, Finished))
    assert [next(ended).status for _ in range(2)] == ["failed", "ok"]
    events.close()
    assert started == [("cuda:0", 1), ("cuda:1", 1), ("cuda:1", 1)]


@pytest.mark.parametrize(
    ("variable", "threads", "expected"), [("2", None, 2), ("16", None, 4), ("2", 7, 7)]
)
def test_a_worker_has_its_share_of_the_processors(
    planted_tiny, started, variable, threads, expected, monkeypatch
):
    """At most what OMP_NUM_THREADS says, unless threads are given."""
    monkeypatch.setattr(local, "available_cpus", lambda: 8)
    monkeypatch.setenv(NUM_THREADS, variable)
    specs = plan(planted_tiny, ["ues:2"], seeds=[0], retrain=False)
    jobs = [Job(tuple(specs), planted_tiny.folder)]
    events = run_jobs(jobs, 2, WorkerSettings("cpu", threads))
    (record,) = (event.record for event in events if isinstance(event, Finished))
    assert started == [("cpu", expected)] and record.environment["threads"] == expected
    assert os.environ[NUM_THREADS] == variable


@pytest.mark.parametrize("threads", [0, -1])
def test_no_threads_are_an_error(threads):
    """In every worker torch would end with a traceback."""
    with pytest.raises(ConfigError, match=f"threads = {threads}: expected at least 1"):
        WorkerSettings("cpu", threads)
