"""Heat maps of shares, a panel per method: fields down, sizes across, per cent in the squares."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from aesbench.report.draw.palette import VERMILION

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 3
_DARK = 0.55
"""From this share on a square is dark enough for white figures."""


@dataclass(frozen=True)
class ShareMap:
    """A panel: its title, its rows and columns, and ``shares (fields, sizes)``."""

    title: str
    fields: Sequence[str]
    sizes: Sequence[int]
    shares: NDArray[np.float64]


def maps_size(maps: Sequence[ShareMap]) -> tuple[float, float]:
    """Return the width and height in inches that the panels need."""
    rows = math.ceil(len(maps) / COLUMNS)
    fields = max((len(one.fields) for one in maps), default=1)
    return 2.0 + 2.5 * min(COLUMNS, max(1, len(maps))), rows * (0.27 * fields + 1.1)


def draw_share_maps(figure: Figure, maps: Sequence[ShareMap]) -> None:
    """Fill a figure with panels row by row."""
    columns = min(COLUMNS, len(maps))
    rows = math.ceil(len(maps) / columns)
    axes = figure.subplots(rows, columns, squeeze=False)
    for axis, one in zip(axes.ravel(), maps, strict=False):
        _draw(axis, one)
    for axis in axes.ravel()[len(maps) :]:
        axis.set_axis_off()
    for axis in axes[:, 1:].ravel():
        axis.tick_params(labelleft=False)


def _draw(axis: Axes, one: ShareMap) -> None:
    from matplotlib.patches import Rectangle

    # Not by ``imshow``, which would put pixels into the SVG.
    edges = [np.arange(count + 1) - 0.5 for count in reversed(one.shares.shape)]
    axis.pcolormesh(*edges, one.shares, cmap="YlGnBu", vmin=0, vmax=1, ec="white", lw=0.5)
    axis.set_ylim(len(one.fields) - 0.5, -0.5)
    for (row, column), share in np.ndenumerate(one.shares):
        if share > 0:
            colour = "white" if share >= _DARK else "black"
            text = f"{100 * share:.0f}" if share >= 0.005 else "<1"
            axis.text(column, row, text, ha="center", va="center", fontsize=8, color=colour)
    for row, column in enumerate(one.shares.argmax(1)):
        corner = (column - 0.5, row - 0.5)
        axis.add_patch(Rectangle(corner, 1, 1, fill=False, lw=1.5, ec=VERMILION, clip_on=False))
    axis.set_title(one.title, fontsize=10)
    axis.set_xticks(range(len(one.sizes)), [str(size) for size in one.sizes], fontsize=8)
    axis.set_yticks(range(len(one.fields)), one.fields, fontsize=8)
    axis.set_xlabel("size (dimensions)", fontsize=9)
    axis.tick_params(length=0)
