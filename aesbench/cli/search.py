"""``aesbench search``."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from aesbench.cli.grid import FAILED_RUNS, run_grid
from aesbench.cli.options import data_options, load_settings, results_option
from aesbench.cli.preparation import load
from aesbench.errors import ConfigError

if TYPE_CHECKING:
    from aesbench.core.record import RunRecord


@click.command()
@click.option("--method", required=True, help="NAME[:PRESET][+UNIFICATION], one of them.")
@click.option(
    "--dataset", required=True, help="A data set's name, or a .toml file: examples/custom.toml"
)
@click.option("--backbone", default="widedeep", show_default=True, help="The model to size.")
@click.option("--budget", type=float, help="The most embedding parameters, as a share of UES-32's.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The .json file to write, the pictures beside it; default: under --results.",
)
@click.option("--threads", type=int, help="Default: the cores.")
@click.option("--device", default="cpu", show_default=True, help="cpu or cuda.")
@results_option
@data_options
def search(
    method: str,
    dataset: str,
    backbone: str,
    budget: float | None,
    seed: int,
    out: Path | None,
    threads: int | None,
    device: str,
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
    from aesbench.core.spec import SEARCH_ONLY
    from aesbench.harness.grid import plan, without_budget

    settings = load_settings(plugins, changes)
    console = Console()
    data = load(dataset, settings, data_dir=data_dir, cache_dir=cache_dir, on_bad_row=on_bad_row)
    specs = plan(
        data, [method], backbones=[backbone], seeds=[seed], budget=budget, settings=settings,
        retrain=False,
    )  # fmt: skip
    if len(specs) > 1:
        labels = ", ".join(spec.label.removesuffix(SEARCH_ONLY) for spec in specs)
        raise ConfigError(f"--method {method} stands for several: name one of {labels}")
    if budget is not None and without_budget(specs):
        raise ConfigError(f"method '{specs[0].method}' cannot take a budget; leave --budget out")
    outcome = run_grid(
        console, specs, data, results, threads=threads, device=device, plugins=plugins
    )
    (record,) = outcome.records
    if not record.ok:
        return FAILED_RUNS
    path = out or results / "exports" / record.spec.run_id / "allocation.json"
    _show(console, record, path, is_new=bool(outcome.ran))
    own_data = dataset if dataset.endswith(".toml") else None
    places = {"dataset": own_data, "results": results, "data-dir": data_dir, "cache-dir": cache_dir}
    following = _export_command(record, places)
    console.print(f"next: {following}", soft_wrap=True, markup=False, highlight=False)
    return 0


def _show(console: Console, record: RunRecord, path: Path, *, is_new: bool) -> None:
    """Print the sizes of a search, write them to a .json file, and draw them beside it."""
    from aesbench.core.files import write_atomically
    from aesbench.core.record import run_title
    from aesbench.export.allocation_file import (
        allocation_json,
        found_allocation,
        share_of_reference,
    )
    from aesbench.report.draw.figure_files import draw
    from aesbench.report.draw.sizes_figure import sizes_figure
    from aesbench.terminal.run_page import sizes_table

    spec, allocation = record.spec, found_allocation(record)
    console.print(run_title(spec), sizes_table(allocation), sep="\n", markup=False)
    source = f"{sum(record.seconds.values()):.1f} s" if is_new else "taken from its record"
    console.print(
        f"{allocation.parameters:,} embedding parameters,"
        f" {share_of_reference(allocation):.2%} of UES-32's; {source}"
    )
    files = {path: allocation_json(record).encode()}
    for suffix, content in draw(sizes_figure(spec, allocation)).items():
        files[path.with_suffix(f".{suffix}")] = content
    for place, content in files.items():
        write_atomically(place, content)
        console.print(f"written: {place}", soft_wrap=True, markup=False, highlight=False)


def _export_command(record: RunRecord, places: Mapping[str, str | Path | None]) -> str:
    """Return the command that trains what was found; ``{option: its value}`` finds run and data."""
    words = ["aesbench", "export", record.spec.run_id[:8], "--to", "torch"]
    for option, value in places.items():
        if value is not None and value != Path("results"):  # The option's default.
            words += [f"--{option}", str(value)]
    return shlex.join(words)
