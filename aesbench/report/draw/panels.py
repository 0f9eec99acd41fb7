"""Panels in rows: as many axes as are needed, and which of them have labels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

Shared = bool | Literal["none", "all", "row", "col"]


def rows_of(count: int, columns: int) -> int:
    """Return how many rows a number of panels takes."""
    return math.ceil(count / max(1, min(columns, count)))


def panel_axes(
    figure: Figure | SubFigure,
    count: int,
    columns: int,
    *,
    least_columns: int = 1,
    sharex: Shared = False,
    sharey: Shared = False,
) -> list[Axes]:
    """Fill a figure with panels and return their axes, row by row.

    Args:
        figure: an empty one.
        count: of panels; places beyond stay empty.
        columns: the most in a row.
        least_columns: so many in a row even if there are fewer panels, which keeps one panel from
            being as wide as the page.
        sharex, sharey: whose scales are one, as in ``Figure.subplots``.
    """
    across = max(least_columns, min(columns, count))
    rows = math.ceil(count / across)
    grid: Any = figure.subplots(rows, across, squeeze=False, sharex=sharex, sharey=sharey)
    axes = list(grid.ravel())
    for empty in axes[count:]:
        empty.set_axis_off()
    return axes[:count]
