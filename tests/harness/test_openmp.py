"""OpenMP's variables: how threads wait for each other, and how many there may be."""

import os

import psutil
import pytest

from aesbench.errors import ConfigError
from aesbench.harness.executors.local import Job, WorkerSettings, run_jobs
from aesbench.harness.grid import plan
from aesbench.harness.openmp import (
    NUM_THREADS,
    WAIT_POLICY,
    threads_at_most,
    wait_passively,
    waiting_passively,
)


def test_what_the_user_said_of_waiting_stays(monkeypatch):
    """Only where nothing is said, threads are made to sleep."""
    monkeypatch.setenv(WAIT_POLICY, "active")
    wait_passively()
    assert os.environ[WAIT_POLICY] == "active"
    monkeypatch.delenv(WAIT_POLICY)
    wait_passively()
    assert os.environ[WAIT_POLICY] == "passive"


@pytest.mark.parametrize("said", [None, "active"])
def test_the_environment_is_what_it_was_afterwards(said, monkeypatch):
    """Also if nothing could be started."""
    monkeypatch.delenv(WAIT_POLICY, raising=False)
    if said:
        monkeypatch.setenv(WAIT_POLICY, said)
    with pytest.raises(OSError, match="no processes left"), waiting_passively():
        assert os.environ[WAIT_POLICY] == said or "passive"
        raise OSError("no processes left")
    assert os.environ.get(WAIT_POLICY) == said


@pytest.mark.parametrize(("said", "expected"), [(None, "passive"), ("active", "active")])
def test_a_worker_begins_with_threads_that_sleep(planted_tiny, said, expected, monkeypatch):
    """It is in the environment that the process was started with: torch is loaded later."""
    monkeypatch.delenv(WAIT_POLICY, raising=False)
    if said:
        monkeypatch.setenv(WAIT_POLICY, said)
    specs = plan(planted_tiny, ["ues:2"], seeds=[0], retrain=False)
    events = run_jobs([Job(tuple(specs), planted_tiny.folder)], 1, WorkerSettings("cpu", 1))
    next(events)
    workers = [p for p in psutil.Process().children() if "spawn_main" in " ".join(p.cmdline())]
    assert [worker.environ().get(WAIT_POLICY) for worker in workers] == [expected]
    events.close()
    assert os.environ.get(WAIT_POLICY) == said


@pytest.mark.parametrize(
    ("text", "expected"),
    [(None, 4), ("", 4), ("1", 1), (" 3 ", 3), ("8", 4), ("2,1", 2)],
)
def test_openmps_number_of_threads_is_the_most(text, expected, monkeypatch):
    """It never gives more than the processors divided; further numbers are of nested threads."""
    monkeypatch.delenv(NUM_THREADS, raising=False)
    if text is not None:
        monkeypatch.setenv(NUM_THREADS, text)
    assert threads_at_most(4) == expected


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5", ",2"])
def test_a_number_of_threads_that_is_none_is_an_error(text, monkeypatch):
    """OpenMP would ignore it with a warning that nobody sees."""
    monkeypatch.setenv(NUM_THREADS, text)
    with pytest.raises(ConfigError, match=f"OMP_NUM_THREADS = '{text}': expected a number"):
        threads_at_most(4)
