"""``aesbench report``."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from aesbench.cli.options import results_option


@click.command()
@click.option(
    "--run", "run_id", metavar="ID", help="Show one run instead; the first digits of its id do."
)
@results_option
def report(run_id: str | None, results: Path) -> None:
    """Print the comparison of all records and write the report: report.html, tables, figures.

    With --run: print one run's sizes, and draw what its search traced.
    """
    if run_id is None:
        from aesbench.terminal.report import show_report

        show_report(Console(), results)
    else:
        from aesbench.terminal.run_page import show_run

        show_run(Console(), results, run_id)
