"""A Ray cluster as a place to run: reaching it, and what a worker reserves on one of its nodes.

Ray is an optional extra, imported when a cluster is asked for and never before.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil, floor
from typing import Any

from aesbench.core.processors import available_cpus
from aesbench.errors import ConfigError
from aesbench.harness.executors.jobs import WorkerSettings
from aesbench.harness.openmp import threads_at_most

_OWN = "local"
"""Ray's word for one of one's own, on this machine and until the end of the process."""

_OWN_STORE_BYTES = 100 * 2**20
"""Its object store carries records only."""

_ANSWER_S = 10.0
"""How long a cluster may take to accept a connection."""

_SHARES = 10_000
"""The parts of a GPU that Ray can tell apart."""


def import_ray() -> Any:
    """Return the module ``ray``.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        import ray
    except ImportError as error:
        raise ConfigError(
            f"--executor ray needs Ray ({error}); run: pip install 'aesbench[ray]'"
        ) from error
    return ray


def find_cluster(address: str | None) -> None:
    """Check that Ray is installed and that somebody answers at an address, without connecting.

    Args:
        address: as ``connected`` takes it.

    Raises:
        ConfigError: it is not installed, the address is none, or nobody answers.
    """
    import_ray()
    place = _resolved(address)
    if place in (_OWN, "auto"):
        return
    host, colon, port = place.removeprefix("ray://").rpartition(":")
    if not (colon and host and port.isdecimal()):
        raise ConfigError(f"--address {place}: expected HOST:PORT, as in 10.0.0.1:6379, or auto")
    try:
        socket.create_connection((host, int(port)), timeout=_ANSWER_S).close()
    except (OSError, OverflowError) as error:
        raise ConfigError(
            f"no Ray cluster answers at {place} ({error}); start one with 'ray start --head', or"
            " correct --address"
        ) from error


@contextmanager
def connected(address: str | None) -> Iterator[Any]:
    """Connect to a cluster and give the module ``ray``; a connection that is there is used.

    Args:
        address: ``HOST:PORT``, or ``auto`` for the cluster that this machine belongs to; None for
            ``$RAY_ADDRESS``, or a Ray of one's own on this machine.

    Raises:
        ConfigError: see ``find_cluster``; or what answers is no Ray of the installed version.
    """
    ray = import_ray()
    if ray.is_initialized():
        yield ray
        return
    find_cluster(address)
    place = _resolved(address)
    own: dict[str, Any] = {}
    if place == _OWN:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # It would tell its makers.
        own = {
            "num_cpus": available_cpus(),
            "include_dashboard": False,
            "object_store_memory": _OWN_STORE_BYTES,
        }
    try:
        try:
            ray.init(place, log_to_driver=False, logging_level=logging.ERROR, **own)
        except Exception as error:  # Ray raises of many kinds, plain ones too.
            raise ConfigError(
                f"cannot use the Ray cluster at '{place}': {in_one_line(error)}; 'ray status' shows"
                " what runs on this machine, which must be one of its nodes"
            ) from error
        yield ray
    finally:
        ray.shutdown()


def in_one_line(error: Exception) -> str:
    """Return what an error of Ray says, which may fill a page."""
    return " ".join(str(error).split())


def _resolved(address: str | None) -> str:
    return address or os.environ.get("RAY_ADDRESS") or _OWN


@dataclass(frozen=True)
class Needs:
    """What a worker reserves on its node: processors, and GPUs or a share of one."""

    cpus: int
    gpus: float = 0.0

    @classmethod
    def of_worker(
        cls, nodes: Sequence[Mapping[str, Any]], workers: int, settings: WorkerSettings
    ) -> Needs:
        """Return what a worker needs.

        Args:
            nodes: as ``ray.nodes`` lists them.
            workers: how many there shall be at a time on all nodes together; on a GPU each gets
                the largest share, a whole one at most, with which all fit.
            settings: of a worker; without threads it gets the most with which all fit, and no
                more than ``OMP_NUM_THREADS`` here.

        Raises:
            ConfigError: no node has so much, or the device is one that Ray cannot choose.
        """
        processors = _of_nodes(nodes, "CPU")
        cpus = settings.threads or threads_at_most(_most_threads(processors, workers))
        device, numbered, _ = settings.device.partition(":")
        if numbered:
            raise ConfigError(
                f"--device {settings.device}: on a cluster Ray chooses the GPU; use --device cuda"
            )
        share = 0.0
        if device == "cuda":
            gpus = sum(_of_nodes(nodes, "GPU"))
            share = floor(_SHARES / ceil(workers / gpus)) / _SHARES if gpus else 1.0
        needs = cls(cpus, share)
        needs.check_fit(nodes)
        return needs

    def check_fit(self, nodes: Iterable[Mapping[str, Any]]) -> None:
        """Check that a worker fits on one of the nodes that are alive.

        Raises:
            ConfigError: no node has so much.
        """
        for node in nodes:
            has = node["Resources"]
            if node["Alive"] and has.get("CPU", 0) >= self.cpus and has.get("GPU", 0) >= self.gpus:
                return
        gpus = f" and GPUs ({self.gpus:g})" if self.gpus else ""
        raise ConfigError(
            f"no node of the Ray cluster has the processors ({self.cpus}){gpus} that a worker"
            " needs; start such a node, or ask for less with --threads and --device; what was"
            " finished is kept: run the same command again"
        )


def _of_nodes(nodes: Iterable[Mapping[str, Any]], kind: str) -> list[int]:
    return [int(node["Resources"].get(kind, 0)) for node in nodes if node["Alive"]]


def _most_threads(processors: Sequence[int], workers: int) -> int:
    """Return the most threads with which all workers fit on the nodes at once, at least 1."""
    for threads in range(max(processors, default=1), 1, -1):
        if sum(count // threads for count in processors) >= workers:
            return threads
    return 1
