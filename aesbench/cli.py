"""The command line: turns flags into specs and hands them on; nothing else."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console

from aesbench._version import __version__
from aesbench.errors import AesbenchError, ConfigError

Command = TypeVar("Command", bound=Callable[..., Any])

FAILED_RUNS = 1
USER_ERROR = 2
INTERRUPTED = 130


def main() -> None:
    """Run the command line; a user's mistake prints one message and never a traceback."""
    console = Console(stderr=True)
    try:
        sys.exit(cli.main(standalone_mode=False) or 0)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.ClickException as mistake:
        mistake.show()
        sys.exit(USER_ERROR)
    except AesbenchError as mistake:
        console.print(f"[bold red]error:[/] {_plain(str(mistake))}", highlight=False)
        sys.exit(USER_ERROR)
    except (KeyboardInterrupt, click.Abort):
        console.print("interrupted; what was finished is kept: run the same command to go on")
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # The reader, `head` for one, has seen enough. Python would complain again on exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def _plain(text: str) -> str:
    """Escape what rich would read as markup."""
    return text.replace("[", r"\[")


def _data_options(command: Command) -> Command:
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
            "--set",
            "changes",
            multiple=True,
            metavar="OWNER.NAME=VALUE",
            help="Change a setting of a method, a backbone, the data set or 'train'. Repeatable.",
        ),
        click.option(
            "--plugin",
            "plugins",
            multiple=True,
            type=click.Path(path_type=Path, dir_okay=False),
            help="A Python file with methods, data sets or backbones. Repeatable.",
        ),
    ):
        command = option(command)
    return command


_results_option = click.option(
    "--results",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("results"),
    show_default=True,
    help="The folder of records and tables.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="aesbench %(version)s")
def cli() -> None:
    """Compare methods for automatic embedding-size search in deep recommender models."""


@cli.command()
@click.option("--methods", required=True, help="Comma-separated: NAME[:PRESET][+UNIFICATION].")
@click.option(
    "--dataset", required=True, help="A data set's name, or a .toml file: examples/custom.toml"
)
@click.option("--backbones", default="widedeep", show_default=True, help="Comma-separated.")
@click.option("--seeds", default="10", show_default=True, help="How many, or a list: 0,3,7")
@click.option(
    "--searches", type=int, default=1, show_default=True, help="Searches of each prepared state."
)
@click.option(
    "--search-only", is_flag=True, help="Record what is found without retraining and testing it."
)
@click.option(
    "--inherit", is_flag=True, help="Retrain from the weights of the search, not from scratch."
)
@click.option("--budget", type=float, help="The most embedding parameters, as a share of UES-32's.")
@click.option("--jobs", type=int, default=1, show_default=True, help="Processes at a time.")
@click.option("--threads", type=int, help="Threads of each; default: the cores divided by jobs.")
@click.option("--device", default="cpu", show_default=True, help="cpu or cuda.")
@click.option("--force", is_flag=True, help="Run again what has a record.")
@_results_option
@_data_options
def run(
    methods: str,
    dataset: str,
    backbones: str,
    seeds: str,
    searches: int,
    search_only: bool,
    inherit: bool,
    budget: float | None,
    jobs: int,
    threads: int | None,
    device: str,
    force: bool,
    results: Path,
    data_dir: Path | None,
    cache_dir: Path | None,
    changes: tuple[str, ...],
    plugins: tuple[Path, ...],
) -> int:
    """Search, retrain and test methods; write a record of each run; print the comparison.

    Runs that have a record are skipped: after an interruption, give the same command again.
    What was only searched is never compared, and a run with retraining searches again.
    """
    # Imported here because torch takes a second, which --help should not.
    from aesbench.catalog import load_dataset
    from aesbench.display import GridDisplay, show_overall, show_searches
    from aesbench.grid import execute, plan, without_budget

    settings = _load(plugins, changes)
    console = Console()
    data = load_dataset(
        dataset, data_dir=data_dir, cache_dir=cache_dir, settings=settings.get(dataset)
    )
    specs = plan(
        data,
        _split(methods),
        backbones=_split(backbones),
        seeds=_seeds(seeds),
        budget=budget,
        settings=settings,
        searches=searches,
        retrain=not search_only,
        inherit=inherit,
    )
    if budget is not None:
        for name in without_budget(specs):
            console.print(f"note: {name} cannot take a budget and runs without one")
    with GridDisplay(console, specs, results, workers=jobs, force=force) as display:
        outcome = execute(
            specs,
            data,
            results,
            workers=jobs,
            threads=threads,
            device=device,
            plugins=plugins,
            force=force,
            listen=display.on_event,
        )
    (show_searches if search_only else show_overall)(console, outcome.records)
    console.print(
        f"{outcome.ran} run, {len(specs) - outcome.ran} taken from records,"
        f" {outcome.failed} failed; records in {results / 'records'}"
    )
    return FAILED_RUNS if outcome.failed else 0


@cli.command()
@click.option(
    "--run", "run_id", metavar="ID", help="Show one run instead; the first digits of its id do."
)
@_results_option
def report(run_id: str | None, results: Path) -> None:
    """Print the comparison of all records and write it as CSV, Markdown and LaTeX.

    With --run: print one run's sizes, and draw what its search traced.
    """
    from aesbench.display import show_report, show_run

    if run_id is None:
        show_report(Console(), results)
    else:
        show_run(Console(), results, run_id)


@cli.command("list")
@click.argument("kind", type=click.Choice(["methods", "datasets", "backbones", "runs"]))
@click.option(
    "--plugin",
    "plugins",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="A Python file with methods, data sets or backbones. Repeatable.",
)
@_results_option
def list_plugins(kind: str, plugins: tuple[Path, ...], results: Path) -> None:
    """List what is registered, with who provides it and its settings; or the runs with their ids.

    Only runs look at --results.
    """
    from aesbench.display import show_plugins, show_runs
    from aesbench.registry import BACKBONES, METHODS, SOURCES

    if kind == "runs":
        show_runs(Console(), results)
        return
    _load(plugins, ())
    registries = {"methods": METHODS, "datasets": SOURCES, "backbones": BACKBONES}
    show_plugins(Console(), registries[kind])  # type: ignore[arg-type]


@cli.group()
def data() -> None:
    """Prepare, describe and verify data sets."""


@data.command("prepare")
@click.argument("name")
@_data_options
def data_prepare(name: str, **options: Any) -> None:
    """Read the raw files and write the encoded splits."""
    dataset = _dataset(name, **options)
    click.echo(f"{dataset.name} {dataset.hash[:16]} in {dataset.folder}")


@data.command("info")
@click.argument("name")
@_data_options
def data_info(name: str, **options: Any) -> None:
    """Print the paper's row of Table 2 beside ours, the fields, and the cold-start rates."""
    from aesbench.catalog import find_source
    from aesbench.display import show_dataset

    dataset = _dataset(name, **options)
    show_dataset(Console(), dataset, find_source(name).published)


@data.command("verify")
@click.argument("name")
@_data_options
def data_verify(name: str, **options: Any) -> None:
    """Check that the prepared data are still the bytes that were written."""
    from aesbench.datasets.store import verify

    dataset = _dataset(name, **options)
    verify(dataset)
    click.echo(f"{dataset.name} is whole: {dataset.hash}")


def _dataset(
    name: str,
    data_dir: Path | None,
    cache_dir: Path | None,
    changes: tuple[str, ...],
    plugins: tuple[Path, ...],
) -> Any:
    from aesbench.catalog import load_dataset

    settings = _load(plugins, changes)
    return load_dataset(name, data_dir=data_dir, cache_dir=cache_dir, settings=settings.get(name))


def _load(plugins: tuple[Path, ...], changes: tuple[str, ...]) -> dict[str, dict[str, str]]:
    """Load the plugin files and return the settings as {owner: {name: text}}."""
    from aesbench.registry import load_plugin

    for path in plugins:
        load_plugin(path)
    settings: dict[str, dict[str, str]] = {}
    for change in changes:
        target, equals, value = change.partition("=")
        owner, dot, name = target.rpartition(".")
        if not (equals and dot and owner and name):
            raise ConfigError(f"--set {change}: expected OWNER.NAME=VALUE, as in mde.alpha=0.3")
        settings.setdefault(owner, {})[name] = value
    return settings


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _seeds(text: str) -> list[int]:
    """Read ``10`` as seeds 0 to 9, and ``3,`` or ``0,3,7`` as those seeds."""
    try:
        seeds = [int(part) for part in _split(text)] if "," in text else list(range(int(text)))
    except ValueError:
        seeds = []
    if not seeds or min(seeds) < 0:
        raise ConfigError(f"--seeds {text}: expected a number of at least 1, or a list: 0,3,7")
    return seeds
