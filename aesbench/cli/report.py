"""``aesbench report``."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import click
from rich.console import Console

from aesbench.cli.options import load_settings, names, plugin_option, results_option


@click.command()
@click.option(
    "--run", "run_id", metavar="ID", help="Show one run instead; the first digits of its id do."
)
@click.option(
    "--paper",
    "papers",
    multiple=True,
    metavar="NAME",
    help="Also show a paper's main table: its line-up, its numbers, its claims. Repeatable.",
)
@click.option("--methods", default="", help="Only these, comma-separated; uniform sizes stay.")
@click.option("--datasets", default="", help="Only these, comma-separated.")
@click.option(
    "--baseline", default="", metavar="METHOD", help="Hold the others against this, not UES."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where to write the report; default: the results folder.",
)
@click.option("--pdf", is_flag=True, help="Write figures as PDF, too, for LaTeX.")
@plugin_option
@results_option
def report(
    run_id: str | None,
    papers: tuple[str, ...],
    methods: str,
    datasets: str,
    baseline: str,
    out: Path | None,
    pdf: bool,
    plugins: tuple[Path, ...],
    results: Path,
) -> None:
    """Print the comparison of all records and write the report: report.html, tables, figures.

    Also records.parquet, the frame of all runs. With --run: print one run's sizes, and draw what
    its search traced.
    """
    load_settings(plugins, ())
    if run_id is None:
        # Its matrices are small: a second thread waits more than it works, beside what draws.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        from aesbench.report.draw.parallel import get_ready

        get_ready()
        from aesbench.report.evidence import View
        from aesbench.terminal.report import show_report

        view = View(tuple(names(methods)), tuple(names(datasets)), baseline, papers)

        gc.disable()  # Records live to the end: to look for garbage among them takes a tenth.
        try:
            show_report(Console(), results, out or results, view, pdf=pdf)
        finally:
            gc.enable()
    else:
        from aesbench.terminal.run_page import show_run

        show_run(Console(), results, run_id, pdf=pdf)
