"""Ray clusters without Ray: what users get wrong, what a worker needs, what a node prepares."""

import dataclasses
import pickle
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from aesbench.cli import cli
from aesbench.datasets.sources.planted import PlantedTiny
from aesbench.errors import ConfigError, DataError
from aesbench.harness.executors.jobs import Finished, Job, WorkerSettings
from aesbench.harness.executors.ray_cluster import Needs, find_cluster
from aesbench.harness.executors.ray_worker import Orders, PluginFile, RayWorker, prepare_on_node
from aesbench.harness.grid import plan
from aesbench.harness.openmp import NUM_THREADS

PLUGIN = Path(__file__).parents[1] / "plugin_files" / "misbehaving.py"
GRID = ("--methods", "ues:2", "--dataset", "planted-tiny", "--seeds", "1")


@pytest.fixture
def orders(planted_tiny, cache_dir):
    """What a worker is told whose node has the data already."""
    return Orders(
        settings=WorkerSettings("cpu", threads=1),
        plugins=(),
        source=pickle.dumps(PlantedTiny()),
        data_hash=planted_tiny.hash,
        data_dir=None,
        cache_dir=cache_dir,
    )


def nodes(*resources, alive=True):
    """What `ray.nodes()` says of nodes with these (CPU, GPU)."""
    return [{"Alive": alive, "Resources": {"CPU": c, "GPU": g}} for c, g in resources]


@pytest.mark.parametrize("command", [("run", *GRID), ("reproduce", "table3", *GRID[2:])])
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--executor", "ray"), "run: pip install 'aesbench[ray]'"),
        (("--address", "auto"), "--address auto is of a Ray cluster; add --executor ray"),
    ],
)
def test_what_lacks_ray_says_so(tmp_path, monkeypatch, command, options, words):
    """Without the extra, one sentence has the pip command; an address alone is no mistake of Ray's.

    Both come before any data are prepared.
    """
    monkeypatch.setitem(sys.modules, "ray", None)
    words_given = (*command, *options, "--results", str(tmp_path), "--cache-dir", str(tmp_path))
    with pytest.raises(ConfigError) as caught:
        CliRunner().invoke(cli, words_given, catch_exceptions=False)
    assert words in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_ray_is_not_imported_before_it_is_asked_for():
    """Neither the package, nor the command line, nor a grid on this machine needs it."""
    code = (
        "import sys; import aesbench.cli, aesbench.harness.grid;"
        "import aesbench.harness.executors.ray_executor;"
        "sys.exit('ray' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-I", "-c", code]).returncode == 0


def test_an_address_that_nobody_answers_is_an_error(monkeypatch):
    """The error says so; so it does where an address is none, or comes from the environment."""
    monkeypatch.setitem(sys.modules, "ray", pytest)  # Any module: it is not used.
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # Nobody listens, and nobody else can.
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ConfigError, match=f"no Ray cluster answers at {address} .*ray start"):
            find_cluster(address)
        monkeypatch.setenv("RAY_ADDRESS", address)
        with pytest.raises(ConfigError, match="no Ray cluster answers"):
            find_cluster(None)
        taken.listen()
        find_cluster(None)
    for text in ("head", "head:", ":6379", "head:ray"):
        with pytest.raises(ConfigError, match=f"--address {text}: expected HOST:PORT"):
            find_cluster(text)


@pytest.mark.parametrize(
    ("machines", "workers", "threads", "expected"),
    [
        ([(8, 0)], 2, None, 4),
        ([(8, 0)], 3, None, 2),
        ([(8, 0)], 20, None, 1),
        ([(8, 0)], 2, 3, 3),
        ([(16, 0), (4, 0)], 3, None, 5),  # Three on the large node; with 6, two would be all.
        ([(16, 0), (8, 0)], 3, None, 8),
        ([(0, 0), (6, 0)], 1, None, 6),
    ],
)
def test_threads_are_the_most_with_which_all_workers_fit(
    machines, workers, threads, expected, monkeypatch
):
    """As on one machine, unless they are given: a worker's processors lie on one node.

    ``OMP_NUM_THREADS`` makes them fewer, but not what was given.
    """
    monkeypatch.delenv(NUM_THREADS, raising=False)
    settings = WorkerSettings("cpu", threads)
    assert Needs.of_worker(nodes(*machines), workers, settings) == Needs(expected, 0.0)
    monkeypatch.setenv(NUM_THREADS, "2")
    fewer = threads or min(expected, 2)
    assert Needs.of_worker(nodes(*machines), workers, settings) == Needs(fewer, 0.0)


@pytest.mark.parametrize(
    ("machines", "workers", "expected"),
    [
        ([(8, 1)], 1, 1.0),
        ([(8, 1)], 4, 0.25),
        ([(8, 1)], 3, 0.3333),
        ([(8, 2), (8, 2)], 2, 1.0),
        ([(8, 2), (8, 2)], 5, 0.5),
    ],
)
def test_workers_share_gpus_evenly(machines, workers, expected):
    """A worker gets the largest share with which so many fit at once, a whole GPU at most."""
    assert Needs.of_worker(nodes(*machines), workers, WorkerSettings("cuda", 1)).gpus == expected


@pytest.mark.parametrize(
    ("machines", "settings", "words"),
    [
        (nodes((8, 0), (4, 0)), WorkerSettings("cpu", 9), r"processors \(9\) that a worker needs"),
        (nodes((8, 0)), WorkerSettings("cuda", 1), r"processors \(1\) and GPUs \(1\)"),
        (nodes((8, 1), (0, 0)) + nodes((64, 0)), WorkerSettings("cuda", 9), r"\(9\) and GPUs"),
        (nodes((8, 0), alive=False), WorkerSettings("cpu", 1), "no node of the Ray cluster has"),
        (nodes((8, 1)), WorkerSettings("cuda:1", 1), "Ray chooses the GPU; use --device cuda"),
    ],
)
def test_a_worker_that_fits_nowhere_is_an_error(machines, settings, words):
    """Waiting for it would have no end; nodes that are gone do not count."""
    with pytest.raises(ConfigError, match=words):
        Needs.of_worker(machines, 1, settings)


def test_a_worker_runs_jobs_on_its_nodes_own_data(orders, planted_tiny, tmp_path):
    """Wherever the driver has them: event by event, one job after the other."""
    specs = plan(planted_tiny, ["ues:2", "ues:8"], seeds=[0], retrain=False)
    worker = RayWorker(orders)
    worker.start()
    for spec in specs:
        event = worker.begin(Job((spec,), tmp_path / "nowhere"))
        while not isinstance(event, Finished):
            assert event.spec == spec
            event = worker.go_on()
        assert event.record.spec == spec and event.record.ok
    worker.events.close()


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        ({"data_hash": "0" * 64}, DataError, "has the data hash {here} there, .* on 0{{16}}; give"),
        ({"version": "0.0.1"}, ConfigError, "was planned by 0.0.1; install the same version"),
        (
            {"plugins": (PluginFile("mine.py", b"x = 1"),)},
            ConfigError,
            "mine.py defines no subclass",
        ),
    ],
)
def test_a_node_that_would_give_other_results_refuses(orders, planted_tiny, change, kind, words):
    """Other data, another version, a plugin that cannot be loaded: the node's name, and what to do.

    Where it is the data, both hashes.
    """
    worker = RayWorker(dataclasses.replace(orders, **change))
    with pytest.raises(kind, match="^node '.+': .*" + words.format(here=planted_tiny.hash[:16])):
        worker.start()


def test_a_node_prepares_once(orders, tmp_path, monkeypatch):
    """Two workers that come at the same time: one prepares, the other waits and opens it."""
    built = []

    def build(self, files, writer):
        built.append(threading.get_ident())
        time.sleep(0.3)
        original(self, files, writer)

    original = PlantedTiny.build
    monkeypatch.setattr(PlantedTiny, "build", build)
    found = []
    workers = [
        threading.Thread(target=lambda: found.append(prepare_on_node(orders, tmp_path)))
        for _ in range(2)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(built) == 1
    assert [data.folder for data in found] == [found[0].folder] * 2
    assert not list((tmp_path / "processed").glob(".*-*"))


def test_a_nodes_own_folders_are_used_unless_the_command_line_names_some(
    orders, tmp_path, monkeypatch
):
    """AESBENCH_CACHE is the node's where the driver names no folder."""
    monkeypatch.setenv("AESBENCH_CACHE", str(tmp_path))
    worker = RayWorker(dataclasses.replace(orders, cache_dir=None))
    worker.start()
    assert worker.dataset.folder.is_relative_to(tmp_path)
    given = RayWorker(orders)
    given.start()
    assert given.dataset.folder.is_relative_to(orders.cache_dir)


def test_a_plugin_file_travels_as_it_is(tmp_path):
    """Its name and its bytes: records then tell the same provider as on one machine."""
    sent = PluginFile(PLUGIN.name, PLUGIN.read_bytes())
    path = sent.write(tmp_path)
    assert (path.name, path.read_bytes()) == (PLUGIN.name, PLUGIN.read_bytes())
    assert sent.write(tmp_path) == path
    assert PluginFile(PLUGIN.name, b"other").write(tmp_path) != path
