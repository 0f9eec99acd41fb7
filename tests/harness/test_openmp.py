"""OpenMP's variables: how threads wait for each other, and how many there may be."""

import os
import subprocess
import sys

import psutil
import pytest

from aesbench.errors import ConfigError
from aesbench.harness.executors.jobs import Job, WorkerSettings
from aesbench.harness.executors.local import run_jobs
from aesbench.harness.grid import plan
from aesbench.harness.openmp import (
    NUM_THREADS,
    WAITING,
    threads_at_most,
    wait_briefly,
    waiting_briefly,
)

SAID = [
    pytest.param({}, WAITING, id="nothing"),
    pytest.param({"OMP_WAIT_POLICY": "active"}, {"OMP_WAIT_POLICY": "active"}, id="policy"),
    pytest.param({"GOMP_SPINCOUNT": "7"}, {"GOMP_SPINCOUNT": "7"}, id="spins"),
]
"""What the user has said, and how a worker's threads wait."""


@pytest.fixture
def say(monkeypatch):
    """Return the function that lets the user have said these variables and no other."""

    def said(variables):
        for name in WAITING:
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return said


def waiting(environment):
    """What an environment says of waiting."""
    return {name: environment[name] for name in WAITING if name in environment}


@pytest.mark.parametrize(("said", "expected"), SAID)
def test_the_environment_is_what_it_was_afterwards(say, said, expected):
    """What the user said stays as it is, in the block and after it, also if nothing starts."""
    say(said)
    with pytest.raises(OSError, match="no processes left"), waiting_briefly():
        assert waiting(os.environ) == expected
        raise OSError("no processes left")
    assert waiting(os.environ) == said
    wait_briefly()
    assert waiting(os.environ) == expected


@pytest.mark.parametrize(("said", "expected"), SAID[:2])
def test_a_workers_threads_spin_briefly(planted_tiny, say, said, expected):
    """It is in the environment that the process was started with: torch is loaded later."""
    say(said)
    specs = plan(planted_tiny, ["ues:2"], seeds=[0], retrain=False)
    events = run_jobs([Job(tuple(specs), planted_tiny.folder)], 1, WorkerSettings("cpu", 1))
    next(events)
    workers = [p for p in psutil.Process().children() if "spawn_main" in " ".join(p.cmdline())]
    assert [waiting(worker.environ()) for worker in workers] == [expected]
    events.close()
    assert waiting(os.environ) == said


@pytest.mark.parametrize(("said", "expected"), SAID[:2])
def test_the_command_line_says_so_before_torch_is_loaded(say, said, expected):
    """So that it holds for commands that train in their own process, too."""
    say(said)
    code = (
        "import os, sys\n"
        "from aesbench.cli import main\n"
        "sys.argv = ['aesbench', '--version']\n"
        "try:\n"
        "    main()\n"
        "except SystemExit:\n"
        f"    print({{name: os.environ.get(name) for name in {[*WAITING]}}})\n"
        "    print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    told = {name: expected.get(name) for name in WAITING}
    assert done.stdout.splitlines()[-2:] == [f"{told}", "False"]


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
