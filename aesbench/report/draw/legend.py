"""Legends that are made, not collected from what was drawn: outside the panels, or in one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from aesbench.plugins.exhibit import Look
from aesbench.report.draw.theme import PALE_GREY, Stroke

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

Keys = Mapping[str, "Artist"]
"""What stands beside each text of a legend."""


def look_keys(looks: Mapping[str, Look]) -> dict[str, Artist]:
    """Return each name with the marker of its look."""
    from matplotlib.lines import Line2D

    return {
        name: Line2D([], [], color=look.colour, marker=look.marker, ls="none", ms=6)
        for name, look in looks.items()
    }


def stroke_keys(strokes: Mapping[str, Stroke], width: float = 2.0) -> dict[str, Artist]:
    """Return each name with a line of its stroke, of a width in points."""
    from matplotlib.lines import Line2D

    return {
        name: Line2D([], [], color=stroke.colour, linestyle=stroke.style, lw=width)
        for name, stroke in strokes.items()
    }


def patch_keys(colours: Mapping[str, str]) -> dict[str, Artist]:
    """Return each name with a patch of its colour."""
    from matplotlib.patches import Patch

    return {name: Patch(facecolor=colour, lw=0) for name, colour in colours.items()}


def ground_key(name: str) -> dict[str, Artist]:
    """Return a name with a small grey dot."""
    return look_keys({name: Look(PALE_GREY, ".")})


def outside_legend(
    figure: Figure | SubFigure, keys: Keys, side: Literal["right", "below"] = "right"
) -> None:
    """Put a legend beside or below all panels of a figure; none without keys.

    Args:
        figure: with a constrained layout, which makes room for it.
        keys: what to show.
        side: where; below, keys stand in rows of up to four.
    """
    if not keys:
        return
    is_right = side == "right"
    figure.legend(
        list(keys.values()),
        list(keys),
        loc="outside right upper" if is_right else "outside lower center",
        ncols=1 if is_right else min(4, len(keys)),
        frameon=False,
        fontsize=8,
    )


def fill_with_legend(axis: Axes, title: str, keys: Keys) -> None:
    """Turn an empty axis into a legend."""
    axis.legend(
        list(keys.values()), list(keys), title=title, loc="upper left", frameon=False, fontsize=8
    )
    axis.set_axis_off()
