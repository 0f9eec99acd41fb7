"""Options that several commands share, and how their texts are read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from aesbench.errors import ConfigError

Command = TypeVar("Command", bound=Callable[..., Any])

plugin_option = click.option(
    "--plugin",
    "plugins",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="A Python file with plugins of any kind. Repeatable.",
)

PACK_HELP = "Retrain so many models as one, or auto: a rule by the data's shape."

results_option = click.option(
    "--results",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("results"),
    show_default=True,
    help="The folder of records and tables.",
)


candidates_option = click.option(
    "--candidates",
    metavar="SIZES",
    help="Sizes to choose from: 2,4,8. 0 leaves a field out. Default: 2,8,16,32,64, the paper's.",
)


def worker_options(command: Command) -> Command:
    for option in (
        click.option(
            "--device", default="cpu", show_default=True, help="cpu; cuda: all GPUs; or cuda:1."
        ),
        click.option(
            "--threads",
            type=int,
            help="Threads of each; default: the cores divided by jobs, at most OMP_NUM_THREADS.",
        ),
        click.option("--jobs", type=int, default=1, show_default=True, help="Processes at a time."),
    ):
        command = option(command)
    return command


def data_options(command: Command) -> Command:
    for option in (
        click.option(
            "--cache-dir",
            type=click.Path(path_type=Path, file_okay=False),
            envvar="AESBENCH_CACHE",
            help="Where downloads and prepared data go.  [env: AESBENCH_CACHE]",
        ),
        click.option(
            "--data-dir",
            type=click.Path(path_type=Path, file_okay=False),
            envvar="AESBENCH_DATA",
            help="Where the raw files lie; without it they are downloaded.  [env: AESBENCH_DATA]",
        ),
        click.option(
            "--on-bad-row",
            type=click.Choice(["stop", "skip"]),
            help="Whether a bad line of a click log is an error or is left out and counted.",
        ),
        click.option(
            "--set",
            "changes",
            multiple=True,
            metavar="OWNER.NAME=VALUE",
            help="Change a setting of a method, a backbone, the data set or 'train'. Repeatable.",
        ),
        plugin_option,
    ):
        command = option(command)
    return command


def load_settings(plugins: tuple[Path, ...], changes: tuple[str, ...]) -> dict[str, dict[str, str]]:
    """Load the plugin files and return the settings as {owner: {name: text}}."""
    from aesbench.plugins.registry import load_plugin

    for path in plugins:
        load_plugin(path)
    settings: dict[str, dict[str, str]] = {}
    for change in changes:
        target, equals, value = change.partition("=")
        owner, dot, name = target.rpartition(".")
        if not (equals and dot and owner and name):
            raise ConfigError(f"--set {change}: expected OWNER.NAME=VALUE, as in fixed.dims=2,8")
        settings.setdefault(owner, {})[name] = value
    return settings


def names(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def size_list(text: str | None) -> list[int] | None:
    """Read ``0,2,8`` as those sizes; None stays None."""
    if text is None:
        return None
    if not all(size.isdecimal() for size in names(text)):
        raise ConfigError(f"--candidates {text}: expected sizes in ascending order, as in 0,2,8")
    return [int(size) for size in names(text)]


def seed_list(text: str, option: str = "--seeds") -> list[int]:
    """Read ``10`` as seeds 0 to 9, and ``3,`` or ``0,3,7`` as those seeds."""
    try:
        seeds = [int(part) for part in names(text)] if "," in text else list(range(int(text)))
    except ValueError:
        seeds = []
    if not seeds or min(seeds) < 0:
        raise ConfigError(f"{option} {text}: expected a number of at least 1, or a list: 0,3,7")
    return seeds
