"""A mean over seeds as its method's marker, with the interval as a bar."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aesbench.report.draw.palette import look_of
from aesbench.report.statistics.summary import Summary

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SEEDS_OF_A_BAR = 3
"""With two seeds Student's interval is 13 standard errors to each side: it would hide the rest."""
BAR_CAPTION = f"Means; bars: Student's 95 % interval from {SEEDS_OF_A_BAR} seeds on"


def draw_mean(axis: Axes, place: float, summary: Summary, label: str, name: str | None) -> None:
    """Draw a mean at a place of the horizontal axis.

    Args:
        axis: to draw on.
        place: along the horizontal axis.
        summary: over seeds.
        label: of the method, which decides colour and marker.
        name: for the legend; None if it is there already.
    """
    look = look_of(label)
    half = 0.0
    if summary.high is not None and summary.n >= SEEDS_OF_A_BAR:
        half = summary.high - summary.mean
    axis.errorbar(
        place,
        summary.mean,
        yerr=half,
        color=look.colour,
        marker=look.marker,
        ms=6,
        lw=1.2,
        alpha=0.85,
        label=name,
    )
