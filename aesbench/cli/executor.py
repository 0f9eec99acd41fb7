"""``--executor`` and ``--address``: where the runs of a command run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from aesbench.cli.options import Command
from aesbench.errors import ConfigError

if TYPE_CHECKING:
    from aesbench.datasets.base import Dataset
    from aesbench.harness.executors.jobs import Executor


def executor_options(command: Command) -> Command:
    for option in (
        click.option(
            "--address",
            metavar="HOST:PORT",
            help="Of the Ray cluster, or 'auto': the one that this machine belongs to. Default:"
            " $RAY_ADDRESS, or a Ray of one's own on this machine.",
        ),
        click.option(
            "--executor",
            type=click.Choice(["local", "ray"]),
            default="local",
            show_default=True,
            help="Run on this machine, or on the nodes of a Ray cluster.",
        ),
    ):
        command = option(command)
    return command


def check_executor(executor: str, address: str | None) -> None:
    """Find out whether the executor can be used before anything long begins.

    Raises:
        ConfigError: it cannot, or the address is of no use to it.
    """
    if executor == "ray":
        from aesbench.harness.executors.ray_cluster import find_cluster

        find_cluster(address)
    elif address is not None:
        raise ConfigError(f"--address {address} is of a Ray cluster; add --executor ray")


def choose_executor(
    executor: str,
    address: str | None,
    data: Dataset,
    name: str,
    settings: Mapping[str, Mapping[str, Any]],
    *,
    data_dir: Path | None,
    cache_dir: Path | None,
) -> Executor:
    """Return what ``execute`` runs a grid with.

    Folders named on the command line are those of every node; what the environment names is this
    machine's, and each node has its own.

    Args:
        executor, address: the options.
        data: the prepared data set.
        name: what ``--dataset`` calls it.
        settings: {owner: {name: text}}, of which the data set's matter.
        data_dir, cache_dir: the options.
    """
    if executor == "local":
        from aesbench.harness.executors.local import run_jobs

        return run_jobs
    from aesbench.harness.executors.ray_executor import RayExecutor
    from aesbench.harness.load_data import find_source

    def of_all(option: str, folder: Path | None) -> Path | None:
        given = click.get_current_context().get_parameter_source(option)
        return folder.absolute() if folder and given is ParameterSource.COMMANDLINE else None

    place = str(Path(name).absolute()) if name.endswith(".toml") else name
    return RayExecutor(
        find_source(place, settings.get(name)),
        data.hash,
        address=address,
        data_dir=of_all("data_dir", data_dir),
        cache_dir=of_all("cache_dir", cache_dir),
    )
