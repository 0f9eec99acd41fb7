"""``aesbench compare``."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

DIFFERENT = 1
"""The exit code where something differs beyond noise."""

folder = click.Path(path_type=Path, file_okay=False)


@click.command()
@click.argument("mine", type=folder)
@click.argument("theirs", type=folder)
@click.option(
    "--tolerance",
    type=float,
    metavar="AUC",
    help="The most by which AUC or LogLoss of one run may differ. Default: .0005 where processor,"
    " threads and versions are the same; elsewhere at least what seeds differ by.",
)
def compare(mine: Path, theirs: Path, tolerance: float | None) -> int:
    """Say which runs of two results folders differ beyond noise, the worst first.

    Runs of one id, whose specs are the same, are compared one by one; methods on the same data seed
    by seed, also where ids differ. The exit status is 1 if a run or a method's mean differs beyond
    noise, or a run failed in one folder only, and 0 if nothing does.
    """
    from aesbench.report.statistics.folders import compare as compare_folders
    from aesbench.terminal.folders import show_comparison

    found = compare_folders(mine, theirs, tolerance=tolerance)
    show_comparison(Console(), found)
    return DIFFERENT if found.differs else 0
