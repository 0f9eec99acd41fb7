"""``aesbench tabular``."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from aesbench.cli.options import load_settings, plugin_option, seed_list
from aesbench.errors import ConfigError

FILE = click.Path(path_type=Path, dir_okay=False)


@click.group()
def tabular() -> None:
    """Score searches on tables of stand-alone trainings, without training anything."""


@tabular.command("score")
@click.option("--method", required=True, help="A search that asks for scores: NAME[:PRESET].")
@click.option("--place", required=True, help="DATASET[.SPLIT]/BACKBONE, as in planted/widedeep.")
@click.option("--evaluations", type=int, default=1000, show_default=True, help="Of each search.")
@click.option("--seeds", default="10", show_default=True, help="How many, or a list: 0,3,7.")
@click.option("--budget", type=int, help="The most embedding parameters.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where places lie, as in results/tabular; default: those that come with aesbench.",
)
@click.option("--csv", type=FILE, help="Write the regret after every evaluation there.")
@click.option("--figure", type=FILE, help="Draw it there: a .svg, .pdf or .png file.")
@click.option(
    "--set", "changes", multiple=True, metavar="OWNER.NAME=VALUE", help="Change a setting."
)
@plugin_option
def score(
    method: str,
    place: str,
    evaluations: int,
    seeds: str,
    budget: int | None,
    folder: Path | None,
    csv: Path | None,
    figure: Path | None,
    changes: tuple[str, ...],
    plugins: tuple[Path, ...],
) -> None:
    """Print a search's regret over evaluations against the best allocations of a place."""
    from aesbench.harness.grid import check_owners, choose_methods
    from aesbench.tabular.place import load
    from aesbench.tabular.score import score_search
    from aesbench.terminal.regret import draw_regret, regret_frame, show_regret

    settings = load_settings(plugins, changes)
    choices = choose_methods(method)
    name = choices[0].method.name
    check_owners(settings, [name])
    if not hasattr(choices[0].config, "evaluations"):
        raise ConfigError(
            f"method '{name}' has no setting 'evaluations': it is no search by scores alone; run"
            " it with aesbench run"
        )
    own = {"evaluations": str(evaluations), **settings.get(name, {})}
    (choice,) = choose_methods(method, {name: own})[:1]
    there = load(place, folder)
    courses = score_search(choice.method(choice.config), there, seed_list(seeds), budget)
    show_regret(Console(), there, choice.method.title_of(choice.called.preset), courses, budget)
    if csv is not None:
        csv.parent.mkdir(parents=True, exist_ok=True)
        regret_frame(courses).to_csv(csv, index=False)
    if figure is not None:
        draw_regret(courses, figure)
