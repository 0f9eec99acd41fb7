"""A forest plot: each method's difference from a baseline with its interval, a panel per place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aesbench.report.draw.palette import look_of
from aesbench.report.draw.trace_panels import clean
from aesbench.report.statistics.paired import Comparison

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ABSENT: dict[str, Any] = {"fontsize": 8, "color": "#8a8a8a", "style": "italic"}


@dataclass(frozen=True)
class Branch:
    """A line of the plot.

    Attributes:
        label: of the method, for its colour.
        name: as it is read.
        comparison: its difference from the baseline, if there are pairs.
    """

    label: str
    name: str
    comparison: Comparison


@dataclass(frozen=True)
class Panel:
    """One place: a title and its lines, from top to bottom; the same in all panels."""

    title: str
    branches: Sequence[Branch]


def draw_forest(figure: Figure, panels: Sequence[Panel], unit: str) -> None:
    """Fill a figure with panels side by side, which share their lines and not their scales."""
    from matplotlib.ticker import MaxNLocator

    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    names = [branch.name for branch in panels[0].branches]
    for axis, panel in zip(axes, panels, strict=True):
        axis.axvline(0, color="#555555", lw=1)
        for place, branch in enumerate(panel.branches):
            found = branch.comparison.difference
            if found is None:
                edge = axis.get_yaxis_transform()
                axis.text(0.02, place, "no runs", transform=edge, va="center", **_ABSENT)
                continue
            look = look_of(branch.label)
            if found.low is not None and found.high is not None:
                axis.plot([found.low, found.high], [place, place], color=look.colour, lw=2)
            axis.plot(found.mean, place, marker=look.marker, color=look.colour, markersize=7)
        axis.set_title(panel.title, fontsize=10)
        axis.set_xlabel(unit, fontsize=9)
        clean(axis)
        axis.margins(x=0.08)
        axis.xaxis.set_major_locator(MaxNLocator(nbins=5))
    axes[0].set_yticks(range(len(names)), names, fontsize=9)
    axes[0].set_ylim(len(names) - 0.5, -0.5)
