"""One annotated heat map, for shares, mean sizes and changes, and panels of several.

Rows and columns are those of a frame. All of it is vectors, in SVG too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aesbench.core.phrasing import number_form
from aesbench.report.draw.panels import panel_axes, rows_of
from aesbench.report.draw.theme import LABEL, SMALL, TITLE, VERMILION

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray
    from pandas import DataFrame

COLUMNS = 3
"""So many maps stand in a row."""

_LARGEST_LOG2 = 6.5
"""Sizes are darkest a little beyond 64: the colours of 32 and 64 can be told apart."""

_DARK = 0.22
"""Below this luminance, of 0 to 1, white is read at least as well as black."""


def draw_heat_map(
    axis: Axes,
    values: DataFrame,
    texts: DataFrame,
    *,
    colours: str,
    low: float,
    high: float,
    boxed: Sequence[tuple[int, int]] = (),
    column_title: str = "",
    are_columns_long: bool = False,
) -> None:
    """Draw a square per value, with its text: white on dark, black on light.

    Args:
        axis: to draw on.
        values: what the colours show, rows from top to bottom; what is not finite has no colour.
        texts: of the same shape.
        colours: a colour map of matplotlib.
        low, high: the values of its ends.
        boxed: (row, column) of each square with a frame around it.
        column_title: what the columns are.
        are_columns_long: whether their names need to be tilted.
    """
    import numpy as np
    import seaborn
    from matplotlib.patches import Rectangle
    from seaborn.utils import relative_luminance

    numbers = values.to_numpy(dtype=float)
    is_finite = np.isfinite(numbers)
    seaborn.heatmap(
        values,
        ax=axis,
        mask=~is_finite,
        cmap=colours,
        vmin=low,
        vmax=high,
        linewidths=0.5,
        linecolor="white",
        cbar=False,
        # Its own labels would be measured for overlap, which takes a drawing.
        xticklabels=False,
        yticklabels=False,
    )
    axis.grid(False)
    # Not by ``annot``, which writes white on squares of middle tones, and nothing without a value.
    for (row, column), paint in zip(np.ndindex(numbers.shape), _paint(axis, numbers), strict=True):
        is_dark = is_finite[row, column] and relative_luminance(paint) < _DARK
        axis.text(
            column + 0.5, row + 0.5, str(texts.iat[row, column]), ha="center", va="center",
            fontsize=SMALL, color="white" if is_dark else "black",
        )  # fmt: skip
    for row, column in boxed:
        axis.add_patch(
            Rectangle((column, row), 1, 1, fill=False, lw=1.8, ec=VERMILION, clip_on=False)
        )
    tilt: dict[str, Any] = {}
    if are_columns_long:
        tilt = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"}
    rows, columns = ([str(name) for name in names] for names in (values.index, values.columns))
    axis.set_xticks(np.arange(len(columns)) + 0.5, columns, fontsize=SMALL, **tilt)
    axis.set_yticks(np.arange(len(rows)) + 0.5, rows, fontsize=SMALL)
    axis.set_xlabel(column_title, fontsize=LABEL)
    axis.set_ylabel("")
    axis.tick_params(length=0)


def _paint(axis: Axes, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the colours of the map on an axis, one per number, row by row."""
    import numpy as np

    (mesh,) = axis.collections
    return np.asarray(mesh.to_rgba(np.nan_to_num(numbers, posinf=0, neginf=0))).reshape(-1, 4)


def draw_shares(axis: Axes, shares: DataFrame) -> None:
    """Draw ``shares (fields, sizes)`` of 0 to 1 in per cent, the greatest of each field boxed."""
    values = shares.to_numpy(dtype=float)
    draw_heat_map(
        axis,
        shares,
        shares.map(_per_cent),
        colours="YlGnBu",
        low=0,
        high=1,
        boxed=[(row, int(column)) for row, column in enumerate(values.argmax(1))],
        column_title="size (dimensions)",
    )


def _per_cent(share: float) -> str:
    if share <= 0:
        return ""
    return f"{100 * share:.0f}" if share >= 0.005 else "<1"


def draw_mean_sizes(axis: Axes, sizes: DataFrame, column_title: str) -> None:
    """Draw mean ``sizes (methods, fields)``, sizes of 1 and more on a logarithmic scale."""
    import numpy as np

    draw_heat_map(
        axis,
        sizes.clip(lower=1).apply(np.log2),
        sizes.map(_size),
        colours="Blues",
        low=0,
        high=_LARGEST_LOG2,
        column_title=column_title,
        are_columns_long=True,
    )


def _size(size: float) -> str:
    if not math.isfinite(size):
        return "–"
    return f"{size:.0f}" if size >= 10 or size == int(size) else f"{size:.1f}"


def draw_values(axis: Axes, values: DataFrame, chosen: Sequence[int] | None = None) -> None:
    """Draw ``values (fields, sizes)`` of any kind with three digits.

    Where they lie on both sides of 0, white is 0; else light is small.

    Args:
        axis: to draw on.
        values: with sizes as columns.
        chosen: the size of each field that is boxed, if it is among the columns.
    """
    import numpy as np

    numbers = values.to_numpy(dtype=float)
    finite = numbers[np.isfinite(numbers)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    is_signed = low < 0 < high
    if is_signed:
        high = max(-low, high)
        low = -high
    form = number_form(numbers.ravel().tolist(), signed=is_signed)
    sizes = [int(size) for size in values.columns]
    draw_heat_map(
        axis,
        values,
        values.map(lambda value: format(value, form)),
        colours="PuOr_r" if is_signed else "YlGnBu",
        low=low,
        high=high,
        boxed=[(row, sizes.index(size)) for row, size in enumerate(chosen or ()) if size in sizes],
        column_title="size",
    )


def draw_maps(
    figure: Figure,
    maps: Mapping[str, DataFrame],
    draw: Callable[[Axes, DataFrame], None] = draw_shares,
) -> None:
    """Fill a figure with maps of the same rows under their titles, row by row."""
    axes = panel_axes(figure, len(maps), COLUMNS)
    for place, (axis, (title, frame)) in enumerate(zip(axes, maps.items(), strict=True)):
        draw(axis, frame)
        axis.set_title(title, fontsize=TITLE)
        if place % COLUMNS:
            axis.tick_params(labelleft=False)
        if place + COLUMNS < len(maps):
            axis.set_xlabel("")


def maps_size(maps: Mapping[str, DataFrame]) -> tuple[float, float]:
    """Return the width and height in inches that the maps need."""
    fields = max((len(frame) for frame in maps.values()), default=1)
    across = min(COLUMNS, max(1, len(maps)))
    return 2.0 + 2.5 * across, max(1, rows_of(len(maps), COLUMNS)) * (0.27 * fields + 1.1)
