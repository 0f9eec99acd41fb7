"""What runs on the nodes of a Ray cluster: a worker that prepares the data there and does jobs.

It hands each job to ``run_jobs``, that is to a worker process beside it such as a single machine
has. So a run that fails, crashes its process or exceeds its limits ends on a cluster exactly as on
one machine, and what Ray itself sees fail is the node or Ray, never a method.

Nothing here needs Ray, which only carries calls and their results.
"""

from __future__ import annotations

import hashlib
import pickle
import platform
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from filelock import FileLock

from aesbench._version import __version__
from aesbench.core.files import write_atomically
from aesbench.datasets.base import Dataset
from aesbench.datasets.source import Source
from aesbench.datasets.store import cache_folder, prepare, raw_folder
from aesbench.errors import AesbenchError, ConfigError, DataError
from aesbench.harness.executors.jobs import Event, Job, WorkerSettings
from aesbench.harness.executors.local import run_jobs
from aesbench.harness.stages import checked_device
from aesbench.plugins.registry import load_plugin


@dataclass(frozen=True)
class PluginFile:
    """A plugin file as it travels to a node: its name, which records tell, and what it holds."""

    name: str
    content: bytes

    def write(self, cache: Path) -> Path:
        """Write the file under a cache folder, where equal files are one, and return its path."""
        digest = hashlib.sha256(self.content).hexdigest()[:16]
        path = cache / "plugins" / digest / self.name
        if not path.exists():
            write_atomically(path, self.content)
        return path


@dataclass(frozen=True)
class Orders:
    """What every worker of a grid is told.

    Attributes:
        settings: of the worker; its plugins are in ``plugins``.
        plugins: files to load before anything else.
        source: the data set's source, pickled, for its class may come from a plugin.
        data_hash: what the prepared data must have.
        data_dir: where the raw files lie on every node; default: where its AESBENCH_DATA says.
        cache_dir: where prepared data go; default: where its AESBENCH_CACHE says, or the platform.
        version: of the aesbench that planned the grid.
    """

    settings: WorkerSettings
    plugins: tuple[PluginFile, ...]
    source: bytes
    data_hash: str
    data_dir: Path | None
    cache_dir: Path | None
    version: str = __version__


class RayWorker:
    """Does one job after the other; told by calls, of which one at a time is in progress."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._given: deque[Job] = deque()

    def start(self) -> None:
        """Load the plugins and prepare the data, once per node however many workers it has.

        Raises:
            AesbenchError: the node cannot do the grid's runs; the message names the node.
        """
        orders = self._orders
        cache = cache_folder(orders.cache_dir)
        try:
            self._check_version()
            checked_device(orders.settings.device)
            cache.mkdir(parents=True, exist_ok=True)
            plugins = tuple(plugin.write(cache) for plugin in orders.plugins)
            for path in plugins:
                load_plugin(path)
            dataset = prepare_on_node(orders, cache)
        except AesbenchError as error:
            raise type(error)(f"node '{platform.node()}': {error}") from error
        except OSError as error:
            raise DataError(
                f"node '{platform.node()}': cannot use {cache} there ({error.strerror or error});"
                " set AESBENCH_CACHE where its Ray is started, or name a folder for every node with"
                " --cache-dir"
            ) from error
        self.dataset, self._cache = dataset, cache
        self.events = run_jobs(self._jobs(), 1, replace(orders.settings, plugins=plugins))

    def _check_version(self) -> None:
        if self._orders.version != __version__:
            raise ConfigError(
                f"has aesbench {__version__}, but the grid was planned by {self._orders.version};"
                " install the same version on every node"
            )

    def begin(self, job: Job) -> Event:
        """Begin the next job, wherever the driver has its data, and return the first event."""
        with _node_lock(self._cache, self.dataset.name):
            own = Job.on(self.dataset, job.specs, test=job.test, pack=job.pack)
        self._given.append(own)
        return next(self.events)

    def go_on(self) -> Event:
        """Return the next event of the job in progress."""
        return next(self.events)

    def _jobs(self) -> Iterator[Job]:
        # Asked only when ``begin`` has given a job: no event is waited for after a job's last one.
        while True:
            yield self._given.popleft()


def prepare_on_node(orders: Orders, cache: Path) -> Dataset:
    """Return the node's own copy of the prepared data; its other workers wait meanwhile.

    Raises:
        ConfigError: the data set comes from a plugin that the node does not have.
        DataError: the raw files are missing, or give other data than the grid was planned on.
    """
    try:
        # Never from a file: it came with the message, whose pickling is only put off to here, where
        # the plugins are loaded that it may need.
        source: Source = pickle.loads(orders.source)
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f"the data set's plugin is missing there ({error}); install it on every node"
        ) from error
    with _node_lock(cache, source.name):
        dataset = prepare(source, data_dir=raw_folder(orders.data_dir), cache_dir=cache)
    if dataset.hash != orders.data_hash:
        raise DataError(
            f"'{dataset.name}' has the data hash {dataset.hash[:16]} there, but the grid was"
            f" planned on {orders.data_hash[:16]}; give the node the same raw files and versions"
            f" as this machine, delete {dataset.folder} there, and run the same command again"
        )
    return dataset


def _node_lock(cache: Path, name: str) -> FileLock:
    """Return the lock of one worker of a node that prepares data, for which its others wait."""
    return FileLock(cache / f".{name}.node.lock")
