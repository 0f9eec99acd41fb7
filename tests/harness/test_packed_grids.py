"""Grids with packs in worker processes: the same records, whoever dies and is ended."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from aesbench.core.record import read_records
from aesbench.harness.executors.jobs import Limits
from aesbench.harness.grid import execute, plan
from aesbench.plugins.registry import load_plugin

PLUGIN = Path(__file__).parents[1] / "plugin_files" / "packed.py"
QUICK = {"train": {"epochs": "1"}}
HOW = {"threads": 1, "plugins": [PLUGIN]}


@pytest.fixture(scope="module", autouse=True)
def plugins():
    """The methods are registered here; workers load them by their path."""
    load_plugin(PLUGIN)


def by_id(results):
    """{run id: record} of a results folder."""
    return {record.spec.run_id: record for record in read_records(results)}


def of_seed(outcome):
    """{seed: record}."""
    return {record.spec.seed: record for record in outcome.records}


def test_packs_give_the_records_of_single_runs(planted_tiny, tmp_path):
    """The same runs, nearly the same quality, and nothing left to do for either way."""
    methods = ("ues:2", "mde:value", "mde:field", "random")
    specs = plan(planted_tiny, methods, seeds=range(3), settings=QUICK)
    alone = execute(specs, planted_tiny, tmp_path / "alone", threads=1)
    packed = execute(specs, planted_tiny, tmp_path / "packed", threads=1, pack=3, workers=2)
    assert (packed.ran, packed.failed) == (alone.ran, alone.failed) == (12, 0)
    singles, records = by_id(tmp_path / "alone"), by_id(tmp_path / "packed")
    assert singles.keys() == records.keys() == {spec.run_id for spec in specs}
    for key, record in records.items():
        pack = record.environment.get("pack", {"models": 1})  # The sizes of some are too far apart.
        assert pack["models"] == 3 or record.spec.method == "random"
        assert record.allocation == singles[key].allocation
        for split, expected in singles[key].metrics.items():
            assert record.metrics[split] == pytest.approx(expected, abs=0.002)
    for results, pack in (("packed", 1), ("alone", 3), ("packed", "auto")):
        assert execute(specs, planted_tiny, tmp_path / results, pack=pack).ran == 0


def test_a_worker_that_dies_costs_the_guilty_run_only(planted_tiny, tmp_path):
    """Nobody knows whose fault it was: the runs in flight are done again, one by one."""
    specs = plan(planted_tiny, ["killed"], seeds=range(3), settings=QUICK)
    outcome = execute(specs, planted_tiny, tmp_path, pack=3, **HOW)
    records = of_seed(outcome)
    assert {seed: record.ok for seed, record in records.items()} == {0: True, 1: False, 2: True}
    assert (outcome.ran, outcome.failed) == (3, 1)
    assert records[1].error["type"] == "WorkerDied" and "SIGKILL" in records[1].error["message"]
    assert not any("pack" in record.environment for record in records.values())


def test_a_run_without_end_costs_its_own_cell_only(planted_tiny, tmp_path):
    """A pack may take as long as its runs alone; then they are done one by one."""
    specs = plan(planted_tiny, ["stuck"], seeds=range(2), settings=QUICK)
    outcome = execute(specs, planted_tiny, tmp_path, pack=2, limits=Limits(seconds=2), **HOW)
    records = of_seed(outcome)
    assert records[0].ok and not records[1].ok
    assert (outcome.ran, outcome.failed) == (2, 1)
    error = records[1].error
    assert (error["type"], error["phase"]) == ("RunTimeout", "search")
    assert "--run-timeout 2 is the most" in error["message"]


def test_a_failing_run_leaves_the_pack_whole(planted_tiny, tmp_path):
    """An exception ends no worker: its neighbours are trained as one."""
    specs = plan(planted_tiny, ["guilty"], seeds=range(3), settings=QUICK)
    records = of_seed(execute(specs, planted_tiny, tmp_path, pack=3, **HOW))
    assert {seed: record.ok for seed, record in records.items()} == {0: True, 1: False, 2: True}
    assert {records[seed].environment["pack"]["models"] for seed in (0, 2)} == {2}


def test_killed_in_mid_grid_it_loses_what_was_in_flight(planted_tiny, cache_dir, tmp_path):
    """kill -9 of the whole command: finished records stay whole, another command does the rest."""
    arguments = (
        "run", "--methods", "ues:2,mde:value", "--dataset", "planted-tiny", "--seeds", "4",
        "--jobs", "1", "--pack", "2", "--results", "results", "--set", "train.epochs=1",
    )  # fmt: skip
    command = [sys.executable, "-m", "aesbench", *arguments]
    environment = {k: v for k, v in os.environ.items() if k != "AESBENCH_DATA"}
    how = {"cwd": tmp_path, "env": {**environment, "AESBENCH_CACHE": str(cache_dir)}}
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    killed, end = subprocess.Popen(command, **how, **silent), time.monotonic() + 120
    while not list((tmp_path / "results" / "records").rglob("*.json")):
        assert killed.poll() is None and time.monotonic() < end, "it ended without a record"
        time.sleep(0.02)
    killed.kill()
    killed.wait()
    before = by_id(tmp_path / "results")
    assert 0 < len(before) < 8 and all(record.ok for record in before.values())
    bytes_before = {p: p.read_bytes() for p in (tmp_path / "results" / "records").rglob("*.json")}
    done = subprocess.run(command, **how, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{8 - len(before)} run, {len(before)} taken from records, 0 failed" in done.stdout
    after = by_id(tmp_path / "results")
    assert len(after) == 8 and all(record.ok for record in after.values())
    assert {path: path.read_bytes() for path in bytes_before} == bytes_before
    assert not list(tmp_path.rglob("*.tmp"))
