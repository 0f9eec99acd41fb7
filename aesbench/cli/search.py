"""``aesbench search``."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from aesbench.cli.grid import FAILED_RUNS, run_grid
from aesbench.cli.options import (
    candidates_option,
    data_options,
    load_settings,
    results_option,
    size_list,
)
from aesbench.cli.preparation import load
from aesbench.errors import ConfigError


@click.command()
@click.option(
    "--method",
    help="NAME[:PRESET][+UNIFICATION], one; default: what the first registered paper proposes.",
)
@click.option(
    "--dataset", required=True, help="A data set's name, or a .toml file: examples/custom.toml"
)
@click.option("--backbone", default="widedeep", show_default=True, help="The model to size.")
@click.option("--budget", type=float, help="The most embedding parameters, as a share of UES-32's.")
@candidates_option
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The .json file to write, the pictures beside it; default: under --results.",
)
@click.option("--threads", type=int, help="Default: the cores, or OMP_NUM_THREADS.")
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda or cuda:1.")
@click.option("--force", is_flag=True, help="Search again what has a record.")
@results_option
@data_options
def search(
    method: str | None,
    dataset: str,
    backbone: str,
    budget: float | None,
    candidates: str | None,
    seed: int,
    out: Path | None,
    threads: int | None,
    device: str,
    force: bool,
    results: Path,
    data_dir: Path | None,
    cache_dir: Path | None,
    on_bad_row: str | None,
    changes: tuple[str, ...],
    plugins: tuple[Path, ...],
) -> int:
    """Find sizes for a data set: print them, write them as JSON, and draw them.

    The search is a recorded run: a second one with the same settings is read from its record, and
    'aesbench export' takes it from there.
    """
    if out is not None and out.suffix != ".json":
        raise ConfigError(f"--out {out}: expected a file that ends in .json")
    from aesbench.core.record import with_masks
    from aesbench.harness.grid import plan, without_budget
    from aesbench.harness.studies import proposed_method
    from aesbench.terminal.search import show_found, show_next

    settings = load_settings(plugins, changes)
    method = method or proposed_method()
    console = Console()
    data = load(dataset, settings, data_dir=data_dir, cache_dir=cache_dir, on_bad_row=on_bad_row)
    specs = plan(
        data, [method], backbones=[backbone], seeds=[seed], budget=budget, settings=settings,
        retrain=False, candidates=size_list(candidates),
    )  # fmt: skip
    if len(specs) > 1:
        labels = ", ".join(str(spec.called.without("search_only")) for spec in specs)
        raise ConfigError(f"--method {method} stands for several: name one of {labels}")
    if budget is not None and without_budget(specs):
        raise ConfigError(f"method '{specs[0].method}' cannot take a budget; leave --budget out")
    outcome = run_grid(
        console, specs, data, results, force=force, threads=threads, device=device, plugins=plugins
    )
    (record,) = outcome.records
    if not record.ok:
        return FAILED_RUNS
    path = out or results / "exports" / record.spec.run_id / "allocation.json"
    record = with_masks(results, record)
    show_found(console, record, path, is_new=bool(outcome.ran))
    own_data = dataset if dataset.endswith(".toml") else None
    places = {"dataset": own_data, "results": results, "data-dir": data_dir, "cache-dir": cache_dir}
    show_next(console, record, places)
    return 0
