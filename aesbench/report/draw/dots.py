"""Dots with intervals: a line per name, panels side by side, a reference value beside each dot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aesbench.report.draw.palette import BLUE, GREY, VERMILION
from aesbench.report.draw.trace_panels import clean

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Dot:
    """A line: a value with its interval, and what it is held against; None is not drawn."""

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None
    reference: float | None = None


@dataclass(frozen=True)
class DotPanel:
    """A panel: its dots from top to bottom, the same names in all, and named vertical lines."""

    title: str
    dots: Sequence[Dot]
    lines: Mapping[str, float] = field(default_factory=dict)


def draw_dots(figure: Figure, panels: Sequence[DotPanel], unit: str, reference: str) -> None:
    """Fill a figure; what is missing is said to be.

    Args:
        figure: an empty one.
        panels: side by side.
        unit: of the horizontal axes.
        reference: what the references are, for the legend.
    """
    axes = figure.subplots(1, len(panels), sharey=True, sharex=True, squeeze=False)[0]
    for axis, panel in zip(axes, panels, strict=True):
        for style, (text, value) in zip(("-", ":"), panel.lines.items(), strict=False):
            axis.axvline(value, color=GREY, ls=style, lw=1.2, label=text)
        for place, dot in enumerate(panel.dots):
            if dot.reference is not None:
                axis.plot(
                    dot.reference, place, "D", mfc="none", mec=VERMILION, ms=6, label=reference
                )
            if dot.value is None:
                where = axis.get_yaxis_transform()
                axis.text(
                    0.02, place, "missing", transform=where, va="center", fontsize=8, color=GREY
                )
                continue
            if dot.low is not None and dot.high is not None:
                axis.plot([dot.low, dot.high], [place, place], color=BLUE, lw=2)
            axis.plot(dot.value, place, "o", color=BLUE, ms=6)
        axis.set_title(panel.title, fontsize=10)
        axis.set_xlabel(unit, fontsize=9)
        clean(axis)
    names = [dot.name for dot in panels[0].dots]
    axes[0].set_yticks(range(len(names)), names, fontsize=9)
    axes[0].set_ylim(len(names) - 0.5, -0.5)
    shown = dict(zip(*reversed(axes[0].get_legend_handles_labels()), strict=True))
    if shown:
        figure.legend(
            shown.values(),
            shown.keys(),
            loc="outside lower center",
            ncols=3,
            frameon=False,
            fontsize=8,
        )
