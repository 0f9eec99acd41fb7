"""``aesbench reproduce``."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from aesbench.cli.executor import check_executor, choose_executor, executor_options
from aesbench.cli.grid import FAILED_RUNS, run_grid
from aesbench.cli.options import (
    PACK_HELP,
    data_options,
    load_settings,
    names,
    results_option,
    seed_list,
    worker_options,
)
from aesbench.cli.preparation import load


@click.command()
@click.argument("studies", metavar="STUDIES")
@click.option(
    "--dataset", required=True, help="A data set's name, or a .toml file: examples/custom.toml"
)
@click.option("--backbones", help="Comma-separated; default: the study's own.")
@click.option("--seeds", help="How many, or a list: 0,3,7; default: the study's own.")
@click.option("--methods", help="Only runs of these, comma-separated: NAME[:PRESET].")
@click.option(
    "--allocations",
    type=int,
    default=200,
    show_default=True,
    help="Random allocations, of studies that score supernets or train them alone.",
)
@click.option(
    "--searches",
    type=int,
    default=100,
    show_default=True,
    help="Searches of each supernet, of studies whose searches share it.",
)
@click.option(
    "--supernets",
    type=int,
    default=3,
    show_default=True,
    help="Supernets of each kind, of studies that score them or whose searches share them.",
)
@click.option("--dry-run", is_flag=True, help="Print the plan and run nothing.")
@worker_options
@click.option("--pack", default="auto", show_default=True, help=PACK_HELP)
@executor_options
@click.option("--force", is_flag=True, help="Run again what has a record.")
@results_option
@data_options
def reproduce(
    studies: str,
    dataset: str,
    backbones: str | None,
    seeds: str | None,
    methods: str | None,
    allocations: int,
    searches: int,
    supernets: int,
    dry_run: bool,
    jobs: int,
    threads: int | None,
    device: str,
    pack: str,
    executor: str,
    address: str | None,
    force: bool,
    results: Path,
    data_dir: Path | None,
    cache_dir: Path | None,
    on_bad_row: str | None,
    changes: tuple[str, ...],
    plugins: tuple[Path, ...],
) -> int:
    """Make the runs behind tables and figures of papers, and of ours.

    STUDIES are, comma-separated, PAPER/STUDY, or STUDY while only one is called so; PAPER/all and
    all mean every one that the data set can serve. 'aesbench list studies' tells which there are.
    Given together they share what methods prepare. Runs that have a record are skipped: after an
    interruption, give the same command again. 'aesbench report' then draws them. Studies of single
    allocations, which make the tabular benchmark, are given alone, and all leaves them out: their
    runs lie under 'tabular' in the results folder, and their tables beside them.
    """
    # Imported here because torch takes a second, which --help should not.
    from aesbench.harness.packing import checked_pack
    from aesbench.harness.studies import choose_studies, plan_studies
    from aesbench.plugins.study import Options
    from aesbench.terminal.plans import show_plans, show_what_is_drawn
    from aesbench.terminal.progress import show_outcome

    check_executor(executor, address)
    settings = load_settings(plugins, changes)
    console = Console()
    data = load(dataset, settings, data_dir=data_dir, cache_dir=cache_dir, on_bad_row=on_bad_row)
    options = Options(
        backbones=None if backbones is None else tuple(names(backbones)),
        seeds=None if seeds is None else tuple(seed_list(seeds)),
        methods=None if methods is None else tuple(names(methods)),
        allocations=allocations,
        searches=searches,
        supernets=supernets,
        results=results,
        settings=settings,
    )
    chosen = choose_studies(names(studies), data)
    folder = results / chosen[0].folder
    plans = plan_studies(chosen, data, options)
    specs = list({spec.run_id: spec for plan in plans.values() for spec in plan}.values())
    is_packed = checked_pack(pack, data, device) > 1
    show_plans(console, plans, specs, folder, workers=jobs, packed=is_packed)
    if dry_run:
        return 0
    place = choose_executor(
        executor, address, data, dataset, settings, data_dir=data_dir, cache_dir=cache_dir
    )
    outcome = run_grid(
        console, specs, data, folder, jobs=jobs, force=force, threads=threads, device=device,
        plugins=plugins, executor=place, pack=pack,
    )  # fmt: skip
    show_outcome(console, specs, outcome, folder)
    if chosen[0].finish is not None:
        for path in chosen[0].finish(folder, data, specs):
            console.print(f"wrote {path}", soft_wrap=True, highlight=False)
    else:
        show_what_is_drawn(console, chosen, plans, specs, outcome.records, results)
    return FAILED_RUNS if outcome.failed else 0
