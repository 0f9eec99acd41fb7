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
@click.option(
    "--methods",
    metavar="LIST",
    help="Of that table: labels, and best-ues.  [default: UES-32, best-ues and every method that"
    " ran with its own settings]",
)
@click.option(
    "--against",
    metavar="LABEL",
    help="Mark what differs from this method beyond chance, in that table.  [default: ues:32]",
)
@plugin_option
@results_option
def report(
    run_id: str | None,
    pdf: bool,
    latex: Path | None,
    columns: str | None,
    places: str | None,
    methods: str | None,
    against: str | None,
    plugins: tuple[Path, ...],
    results: Path,
) -> None:
    """Print the comparison of all records and write the report: report.html, tables, figures.

    Also records.parquet, the frame of all runs. With --run: print one run's sizes, and draw what
    its search traced. With --latex: write one table for a paper.
    """
    choices = {"columns": columns, "places": places, "methods": methods, "against": against}
    given = [f"--{name}" for name, text in choices.items() if text is not None]
    if given and latex is None:
        raise ConfigError(f"{given[0]} is of the table that --latex FILE writes; give that, too")
    if latex is not None and (run_id is not None or pdf):
        other = "--pdf" if run_id is None else "--run"
        raise ConfigError(f"--latex writes a table and nothing else: leave out {other}")
    load_settings(plugins, ())
    if latex is not None:
        from aesbench.terminal.report import show_paper_table

        show_paper_table(
            Console(),
            results,
            latex,
            None if columns is None else names(columns),
            None if places is None else names(places),
            None if methods is None else labels(methods),
            against or "ues:32",
        )
    elif run_id is None:
        # Its matrices are small: a second thread waits more than it works, beside what draws.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        from aesbench.report.draw.parallel import get_ready

        get_ready()
        from aesbench.terminal.report import show_report

        gc.disable()  # Records live to the end: to look for garbage among them takes a tenth.
        try:
            show_report(Console(), results, pdf=pdf)
        finally:
            gc.enable()
    else:
        from aesbench.terminal.run_page import show_run

        show_run(Console(), results, run_id, pdf=pdf)


def labels(text: str) -> list[str]:
    """Read a list of labels, whose settings may hold commas: ``ues:32,fixed[dims=2,8]``."""
    return [part.strip() for part in re.split(r",(?![^\[]*\])", text) if part.strip()]
