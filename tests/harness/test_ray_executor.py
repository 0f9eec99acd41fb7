"""Grids on a Ray cluster of two nodes, both on this machine; skipped without Ray."""

import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import psutil
import pytest

from aesbench.core.record import read_records, read_traces
from aesbench.datasets.sources.planted import PlantedTiny
from aesbench.errors import DataError
from aesbench.harness.executors.jobs import Finished, Limits, Progressed
from aesbench.harness.executors.ray_executor import RayExecutor
from aesbench.harness.grid import execute, plan
from aesbench.plugins.registry import load_plugin

pytestmark = pytest.mark.slow
pytest.importorskip("ray", reason="needs the extra: pip install '.[ray]'")

PLUGIN = Path(__file__).parents[1] / "plugin_files" / "misbehaving.py"
SUPERNET = PLUGIN.with_name("supernet.py")
HELD = PLUGIN.with_name("held.py")
MARK = "left by a method that hangs"
QUICK = {"train": {"epochs": "2"}}
STORE_BYTES = 100 * 2**20


@pytest.fixture(scope="module", autouse=True)
def plugins():
    """Registered here, and sent to the nodes as they are."""
    for path in (PLUGIN, SUPERNET, HELD):
        load_plugin(path)


@pytest.fixture(scope="module")
def cluster():
    """A head and one more node, `second`, of a processor each."""
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        warnings.simplefilter("ignore")  # Those of Ray's own modules.
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_worker_niceness", "0")  # Or the runs give way to all else on a machine.
        patch.setenv("RAY_AUTH_MODE", "disabled")  # Or it depends on the user's home.
        for name in ("AESBENCH_CACHE", "AESBENCH_DATA", "RAY_ADDRESS"):
            patch.delenv(name, raising=False)
        from ray.cluster_utils import Cluster

        made = Cluster()
        try:
            node = {"num_cpus": 1, "object_store_memory": STORE_BYTES}
            made.add_node(include_dashboard=False, include_log_monitor=False, **node)
            made.second = made.add_node(**node)
            yield made
        finally:
            made.shutdown()


@pytest.fixture
def ray_executor(cluster, planted_tiny, cache_dir):
    """What runs a grid on the cluster."""
    return RayExecutor(
        PlantedTiny(), planted_tiny.hash, address=cluster.address, cache_dir=cache_dir
    )


def what_was_found(records, results):
    """Of each run all that must not depend on where it ran: everything but times and places."""
    return {
        record.spec.run_id: (
            record.status,
            record.metrics,
            record.allocation,
            record.epochs,
            record.parameters,
            record.flops,
            record.prepare_id,
            read_traces(results, record.spec),
        )
        for record in records
    }


def left_behind():
    """The processes of this machine that a hanging run started."""
    return [p for p in psutil.process_iter(["cmdline"]) if MARK in (p.info["cmdline"] or ())]


def wait_for(condition, seconds=20):
    """Whether something comes to hold within some seconds."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.1)
    return condition()


def test_a_grid_that_loses_a_node_gives_what_one_machine_gives(
    cluster, ray_executor, planted_tiny, tmp_path
):
    """Records and traces are the local executor's to the last bit, and the lost run is one of them.

    The node goes without a word while both have a run in progress.
    """
    gate = tmp_path / "gate"
    held = {**QUICK, "held": {"gate": str(gate)}}
    specs = plan(planted_tiny, ["held"], seeds=[0, 1], settings=held)
    specs += plan(planted_tiny, ["ues:2", "ues:8"], seeds=[0], settings=QUICK)
    specs += plan(planted_tiny, ["supernet"], seeds=[0], searches=2, settings=QUICK)
    in_progress, told = set(), []

    def listen(event):
        told.append(event)
        if isinstance(event, Progressed) and event.what == "held":
            in_progress.add(event.spec.run_id)
        if len(in_progress) == 2 and cluster.second is not None:
            cluster.remove_node(cluster.second, allow_graceful=False)
            cluster.second = None
            gate.touch()

    options = {"threads": 1, "plugins": [SUPERNET, HELD]}
    there = execute(
        specs, planted_tiny, tmp_path / "ray", workers=2, executor=ray_executor, listen=listen,
        **options,
    )  # fmt: skip
    here = execute(specs, planted_tiny, tmp_path / "local", **options)
    assert (there.ran, there.failed) == (here.ran, here.failed) == (6, 0)
    assert what_was_found(there.records, tmp_path / "ray") == what_was_found(
        here.records, tmp_path / "local"
    )
    lost = [e.spec for e in told if isinstance(e, Progressed) and e.what == "lost, tried again"]
    assert len(lost) == 1 and cluster.second is None
    finished = [event.record.spec.run_id for event in told if isinstance(event, Finished)]
    assert sorted(finished) == sorted(spec.run_id for spec in specs)
    assert [r.providers for r in there.records] == [r.providers for r in here.records]
    again = execute(specs, planted_tiny, tmp_path / "ray", executor=refuse, **options)
    assert (again.ran, again.failed) == (0, 0)


def refuse(jobs, workers, settings):
    """An executor that must not be called."""
    raise AssertionError("there is nothing to run")
    yield


def test_a_failing_method_is_a_record_and_not_tried_again(ray_executor, planted_tiny, tmp_path):
    """Raising, dying and hanging end as on one machine, each once; others go on."""
    methods = ["raising", "dying", "hanging", "ues:2"]
    specs = plan(planted_tiny, methods, seeds=[0], retrain=False)
    told = []
    options = {"threads": 1, "plugins": [PLUGIN]}
    there = execute(
        specs, planted_tiny, tmp_path / "ray", executor=ray_executor, listen=told.append,
        limits=Limits(seconds=10, memory_gib=8), **options,
    )  # fmt: skip
    here = execute(specs[:2], planted_tiny, tmp_path / "local", **options)
    assert [record.ok for record in there.records] == [False, False, False, True]
    assert sum(isinstance(event, Finished) for event in told) == 4
    for mine, theirs in zip(there.records[:2], here.records, strict=True):
        assert {**mine.error, "traceback": ""} == {**theirs.error, "traceback": ""}
    assert "a bug in the plugin" in there.records[0].error["traceback"]
    assert there.records[2].error["type"] == "RunTimeout"
    assert wait_for(lambda: not left_behind())


def test_a_run_whose_worker_is_lost_every_time_fails(
    ray_executor, planted_tiny, tmp_path, monkeypatch
):
    """After the stated number of further tries; the next run does not suffer."""
    monkeypatch.setattr("aesbench.harness.executors.ray_executor.RETRIES", 1)
    specs = plan(planted_tiny, ["orphaning", "ues:2"], seeds=[0], retrain=False)
    told = []
    outcome = execute(
        specs, planted_tiny, tmp_path, threads=1, plugins=[PLUGIN], executor=ray_executor,
        listen=told.append,
    )  # fmt: skip
    lost, other = outcome.records
    assert other.ok and lost.error["type"] == "WorkerLost"
    assert "was lost 2 times" in lost.error["message"]
    assert [e.what for e in told if isinstance(e, Progressed)].count("lost, tried again") == 1


def test_an_interruption_cancels_what_is_queued_and_keeps_what_is_done(
    cluster, ray_executor, planted_tiny, tmp_path
):
    """The run in progress ends with all that it started, and its processor is free again."""
    specs = plan(planted_tiny, ["ues:2", "hanging"], seeds=[0, 1, 2], retrain=False)

    def interrupt(event):
        if isinstance(event, Progressed) and event.what == "hanging" and left_behind():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        execute(
            specs, planted_tiny, tmp_path, threads=1, plugins=[PLUGIN], executor=ray_executor,
            listen=interrupt,
        )  # fmt: skip
    (kept,) = read_records(tmp_path)
    assert kept.spec.method == "ues" and kept.spec.seed == 0
    assert wait_for(lambda: not left_behind())
    import ray

    assert not ray.is_initialized()


def test_a_node_with_other_data_refuses(cluster, planted_tiny, cache_dir, tmp_path):
    """The grid stops with both hashes and the node, and nothing is run."""
    executor = RayExecutor(PlantedTiny(), "0" * 64, address=cluster.address, cache_dir=cache_dir)
    specs = plan(planted_tiny, ["ues:2"], seeds=[0])
    words = (
        f"^node '.+': 'planted-tiny' has the data hash {planted_tiny.hash[:16]} there, .* 0{{16}}"
    )
    with pytest.raises(DataError, match=words):
        execute(specs, planted_tiny, tmp_path, threads=1, executor=executor)
    assert not list(read_records(tmp_path))


def test_ctrl_c_on_the_command_line(cache_dir, tmp_path):
    """A Ray of one's own: records as they come, exit status 130, and no process is left."""
    environment = {**os.environ, "AESBENCH_CACHE": str(cache_dir), "OMP_NUM_THREADS": "1"}
    environment.pop("RAY_ADDRESS", None)
    process = subprocess.Popen(
        [sys.executable, "-m", "aesbench", "run", "--executor", "ray", "--threads", "1",
         "--methods", "ues", "--dataset", "planted-tiny", "--set", "train.patience=20",
         "--results", str(tmp_path)],
        cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    first = process.stdout.readline()
    started = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert "1/60 ues:2 widedeep seed 0: test AUC " in first
    assert process.returncode == 130
    assert "what was finished is kept" in errors and "Traceback" not in errors
    assert 1 <= len(list(read_records(tmp_path))) < 60
    assert started and not psutil.wait_procs(started, timeout=20)[1]
