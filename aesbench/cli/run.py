"""``aesbench run``."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from aesbench.cli.executor import check_executor, choose_executor, executor_options
from aesbench.cli.grid import FAILED_RUNS, run_grid
from aesbench.cli.options import (
    PACK_HELP,
    candidates_option,
    data_options,
    load_settings,
    names,
    results_option,
    seed_list,
    size_list,
    worker_options,
)
from aesbench.cli.preparation import load


@click.command()
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
    "--scores",
    type=int,
    default=0,
    help="In place of a search: score so many random allocations with inherited weights.",
)
@click.option(
    "--inherit", is_flag=True, help="Retrain from the weights of the search, not from scratch."
)
@click.option("--budget", type=float, help="The most embedding parameters, as a share of UES-32's.")
@candidates_option
@click.option(
    "--tuned",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Use the winners that aesbench tune wrote into this file.",
)
@worker_options
@click.option("--pack", default="1", show_default=True, help=PACK_HELP)
@executor_options
@click.option("--shard", metavar="I/N", help="Run only the I-th of N parts of the grid: 3/8.")
@click.option("--run-timeout", type=float, metavar="SECONDS", help="End a run that takes longer.")
@click.option(
    "--run-memory", type=float, metavar="GIB", help="End a run that holds more, mapped data aside."
)
@click.option("--force", is_flag=True, help="Run again what has a record.")
@results_option
@data_options
def run(
    methods: str,
    dataset: str,
    backbones: str,
    seeds: str,
    searches: int,
    search_only: bool,
    scores: int,
    inherit: bool,
    budget: float | None,
    candidates: str | None,
    tuned: Path | None,
    jobs: int,
    threads: int | None,
    device: str,
    pack: str,
    executor: str,
    address: str | None,
    shard: str | None,
    run_timeout: float | None,
    run_memory: float | None,
    force: bool,
    results: Path,
    data_dir: Path | None,
    cache_dir: Path | None,
    on_bad_row: str | None,
    changes: tuple[str, ...],
    plugins: tuple[Path, ...],
) -> int:
    """Search, retrain and test methods; write a record of each run; print the comparison.

    Runs that have a record are skipped: after an interruption, give the same command again.
    What was only searched is never compared, and a run with retraining searches again. Scores are
    compared with stand-alone runs of the same allocations by a study ('aesbench list studies').
    """
    # Imported here because torch takes a second, which --help should not.
    from aesbench.harness.executors.jobs import Limits
    from aesbench.harness.grid import choose_methods, plan, without_budget
    from aesbench.harness.sharding import Shard
    from aesbench.terminal.progress import show_outcome
    from aesbench.terminal.report import show_overall
    from aesbench.terminal.run_tables import show_searches

    limits = Limits(run_timeout, run_memory)
    part = None if shard is None else Shard.from_text(shard)
    check_executor(executor, address)
    settings = load_settings(plugins, changes)
    console = Console()
    data = load(dataset, settings, data_dir=data_dir, cache_dir=cache_dir, on_bad_row=on_bad_row)
    choose = choose_methods
    if tuned is not None:
        from aesbench.harness.tuning.winners import Winners

        winners = Winners.read(tuned)
        winners.check_fits(data, budget)
        choose = winners.choose
        for owner in ("train", *names(backbones)):
            if dict(winners.settings.get(owner, {})) != settings.get(owner, {}):
                console.print(
                    f"note: {tuned} was tuned under other settings of '{owner}' than this run has"
                )
    specs = plan(
        data,
        names(methods),
        backbones=names(backbones),
        seeds=seed_list(seeds),
        budget=budget,
        settings=settings,
        searches=searches,
        retrain=not search_only,
        inherit=inherit,
        scores=scores,
        candidates=size_list(candidates),
        choose=choose,
    )
    if tuned is not None:
        for label in dict.fromkeys(s.label for s in specs if not s.called.tuned):
            console.print(f"note: {label} is not in {tuned} and runs with its own settings")
    if budget is not None:
        for name in without_budget(specs):
            console.print(f"note: {name} cannot take a budget and runs without one")
    if part is not None:
        whole = len(specs)
        specs = part.of_grid(specs)
        console.print(f"shard {part.number} of {part.of}: {len(specs)} of {whole} runs")
        if not specs:
            return 0
    place = choose_executor(
        executor, address, data, dataset, settings, data_dir=data_dir, cache_dir=cache_dir
    )
    outcome = run_grid(
        console, specs, data, results, jobs=jobs, force=force, threads=threads, device=device,
        plugins=plugins, limits=limits, executor=place, pack=pack,
    )  # fmt: skip
    if not scores:
        (show_searches if search_only else show_overall)(console, outcome.records)
    show_outcome(console, specs, outcome, results)
    return FAILED_RUNS if outcome.failed else 0
