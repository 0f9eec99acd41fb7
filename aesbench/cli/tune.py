"""``aesbench tune``."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from aesbench.cli.options import (
    data_options,
    load_settings,
    names,
    results_option,
    seed_list,
    worker_options,
)
from aesbench.cli.preparation import load

NO_WINNER = 1


@click.command()
@click.option("--methods", required=True, help="Comma-separated: NAME[:PRESET][+UNIFICATION].")
@click.option("--dataset", required=True, help="A data set's name, or a .toml file.")
@click.option("--backbones", default="widedeep", show_default=True, help="Comma-separated.")
@click.option("--trials", type=int, required=True, help="Settings to try, of every method.")
@click.option("--seconds", type=float, help="The most seconds of its trials, of every method.")
@click.option(
    "--tune",
    "shared",
    multiple=True,
    metavar="train.NAME|backbone.NAME",
    help="Tune this of the protocol, too, for every method: train.l2. Repeatable.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the trials.")
@click.option(
    "--finalists",
    type=int,
    default=0,
    help="Run so many of each method's best settings, and its defaults, again on other seeds.",
)
@click.option("--finalist-seeds", help="Those seeds, a list: 21,22,23,24.")
@click.option("--budget", type=float, help="The most embedding parameters, as a share of UES-32's.")
@worker_options
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file of winners.  [default: tuning/winners.json under --results]",
)
@results_option
@data_options
def tune(
    methods: str,
    dataset: str,
    backbones: str,
    trials: int,
    seconds: float | None,
    shared: tuple[str, ...],
    seed: int,
    finalists: int,
    finalist_seeds: str | None,
    budget: float | None,
    jobs: int,
    threads: int | None,
    device: str,
    out: Path | None,
    results: Path,
    data_dir: Path | None,
    cache_dir: Path | None,
    on_bad_row: str | None,
    changes: tuple[str, ...],
    plugins: tuple[Path, ...],
) -> int:
    """Tune each method's own settings on validation data, within one budget for all.

    Every method gets the same trials and the same seconds, beginning with its defaults; one with
    fewer settings than trials tries them all once. What --tune names of the protocol is tuned for
    every method alike. With --finalists the best mean over the other seeds wins, else the best
    trial. The test split is not touched. After an interruption, give the same command again;
    several processes that give it at once share the trials.
    """
    from aesbench.harness.tuning.study import Budget
    from aesbench.harness.tuning.tune import tune as run_tuning
    from aesbench.terminal.tuning import show_trial, show_winners

    settings = load_settings(plugins, changes)
    console = Console()
    data = load(dataset, settings, data_dir=data_dir, cache_dir=cache_dir, on_bad_row=on_bad_row)
    winners = run_tuning(
        data,
        names(methods),
        results / "tuning",
        budget=Budget(trials, seconds),
        backbones=names(backbones),
        shared=shared,
        seed=seed,
        finalists=finalists,
        finalist_seeds=seed_list(finalist_seeds, "--finalist-seeds") if finalist_seeds else (),
        parameter_budget=budget,
        settings=settings,
        workers=jobs,
        threads=threads,
        device=device,
        plugins=plugins,
        listen=lambda event: show_trial(console, event),
    )
    path = out or results / "tuning" / "winners.json"
    winners.write(path)
    show_winners(console, winners)
    console.print(f"written: {path}; aesbench run --tuned {path} uses them", soft_wrap=True)
    return 0 if winners.winners else NO_WINNER
