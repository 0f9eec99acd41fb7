"""``aesbench report``."""

from __future__ import annotations

import gc
import os
import re
from pathlib import Path

import click
from rich.console import Console

from aesbench.cli.options import load_settings, names, plugin_option, results_option
from aesbench.errors import ConfigError


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
@click.option(
    "--methods",
    default="",
    metavar="LIST",
    help="Only these: NAME, NAME:PRESET or whole labels. Uniform sizes stay in a report.",
)
@click.option("--datasets", default="", metavar="LIST", help="Only these.")
@click.option(
    "--baseline",
    default="",
    metavar="LABEL",
    help="What others are held against.  [default: UES-32 and the best uniform size]",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the report is written.  [default: the results folder]",
)
@click.option("--pdf", is_flag=True, help="Write figures as PDF, too, for LaTeX.")
@click.option(
    "--latex",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write one compact table for a paper instead: methods by places, booktabs.",
)
@click.option(
    "--columns",
    metavar="LIST",
    help="Of that table: auc, logloss, params, pr, flops, search, retrain."
    "  [default: auc; of one place auc,logloss,params,pr,search]",
)
@click.option(
    "--places",
    metavar="LIST",
    help="Of that table: data sets, or DATASET/BACKBONE.  [default: all]",
)
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
    latex: Path | None,
    columns: str | None,
    places: str | None,
    plugins: tuple[Path, ...],
    results: Path,
) -> None:
    """Print the comparison of the records and write the report: report.html, tables, figures.

    Also records.parquet, the frame of the runs. With --run: print one run's sizes, and draw what
    its search traced. With --latex: write one table for a paper.
    """
    for name, text in {"columns": columns, "places": places}.items():
        if text is not None and latex is None:
            raise ConfigError(f"--{name} is of the table that --latex FILE writes; give that, too")
    others = {
        "--run": run_id is not None,
        "--pdf": pdf,
        "--out": out is not None,
        "--paper": papers,
    }
    if latex is not None and any(others.values()):
        other = next(name for name, given in others.items() if given)
        raise ConfigError(f"--latex writes a table and nothing else: leave out {other}")
    load_settings(plugins, ())
    if latex is not None:
        from aesbench.report.evidence import View
        from aesbench.terminal.report import show_paper_table

        show_paper_table(
            Console(),
            results,
            latex,
            None if columns is None else names(columns),
            None if places is None else names(places),
            labels(methods) or None,
            baseline or "ues:32",
            View(datasets=tuple(names(datasets))),
        )
    elif run_id is None:
        # Its matrices are small: a second thread waits more than it works, beside what draws.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        from aesbench.report.draw.parallel import get_ready

        get_ready()
        from aesbench.report.evidence import View
        from aesbench.terminal.report import show_report

        view = View(tuple(labels(methods)), tuple(names(datasets)), baseline, papers)
        gc.disable()  # Records live to the end: to look for garbage among them takes a tenth.
        try:
            show_report(Console(), results, out or results, view, pdf=pdf)
        finally:
            gc.enable()
    else:
        from aesbench.terminal.run_page import show_run

        show_run(Console(), results, run_id, pdf=pdf)


def labels(text: str) -> list[str]:
    """Read a list of labels, whose settings may hold commas: ``ues:32,fixed[dims=2,8]``."""
    return [part.strip() for part in re.split(r",(?![^\[]*\])", text) if part.strip()]
