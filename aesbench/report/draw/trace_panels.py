"""Panels of a traced series: lines, a heat map with its numbers, a legend; and their colours.

Each draws on an axis that it is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aesbench.core.phrasing import number_form

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's palette without its yellow, which is faint on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_STYLES = ("-", "--", ":", "-.")
_FEW_STEPS = 25
"""Up to so many steps each is marked."""

Look = tuple[Any, Any]
"""A line's colour and style, as matplotlib takes them."""


def field_looks(count: int) -> list[Look]:
    """Return a look for each field: its own colour, and another style once colours run out."""
    return [
        (COLOURS[i % len(COLOURS)], _STYLES[i // len(COLOURS) % len(_STYLES)]) for i in range(count)
    ]


def size_looks(count: int) -> list[Look]:
    """Return a look for each size, from dark for the smallest to light for the largest."""
    from matplotlib import colormaps

    return [(colormaps["viridis"](0.88 * i / max(1, count - 1)), "-") for i in range(count)]


def draw_lines(
    axis: Axes,
    steps: Sequence[int],
    values: NDArray[np.float64],
    looks: Sequence[Look],
    thick: int | None = None,
) -> None:
    """Draw a line per column of ``values (steps, lines)``; what is not finite leaves a gap.

    Args:
        axis: where to.
        steps: of the rows.
        values: the columns.
        looks: of each column.
        thick: the column that matters most.
    """
    finite = np.where(np.isfinite(values), values, np.nan)
    marker = "o" if len(steps) <= _FEW_STEPS else None
    for number, (line, (colour, style)) in enumerate(zip(finite.T, looks, strict=True)):
        width = 3.0 if number == thick else 1.3
        axis.plot(steps, line, color=colour, linestyle=style, lw=width, marker=marker, markersize=3)
    axis.set_xlabel("step")
    clean(axis)


def draw_heat_map(
    axis: Axes,
    values: NDArray[np.float64],
    fields: Sequence[str],
    sizes: Sequence[int],
    chosen: Sequence[int] | None,
) -> None:
    """Draw ``values (fields, sizes)`` as colours with their numbers, the chosen sizes boxed.

    Where values lie on both sides of 0, white is 0; else light is small.
    """
    from matplotlib.patches import Rectangle

    finite = values[np.isfinite(values)]
    low, high = (finite.min(), finite.max()) if len(finite) else (0.0, 1.0)
    is_signed = low < 0 < high
    if is_signed:
        high = max(-low, high)
        low = -high
    colours = "PuOr_r" if is_signed else "YlGnBu"
    form = number_form(values.ravel().tolist(), signed=is_signed)
    shown = np.ma.masked_invalid(values)
    image = axis.imshow(shown, cmap=colours, vmin=low, vmax=high, aspect="auto")
    paint = image.to_rgba(shown)
    for (row, column), number in np.ndenumerate(values):
        red, green, blue = paint[row, column, :3]
        is_dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.5 and np.isfinite(number)
        colour = "white" if is_dark else "black"
        text = format(number, form)
        axis.text(column, row, text, ha="center", va="center", fontsize=8, color=colour)
    for row, size in enumerate(chosen or ()):
        if size in sizes:
            corner = (sizes.index(size) - 0.5, row - 0.5)
            axis.add_patch(
                Rectangle(corner, 1, 1, fill=False, lw=2.5, ec=COLOURS[1], clip_on=False)
            )
    axis.set_xticks(range(len(sizes)), [str(size) for size in sizes])
    axis.set_yticks(range(len(fields)), fields, fontsize=8)
    axis.set_xlabel("size")
    axis.tick_params(length=0)


def draw_legend(axis: Axes, title: str, names: Sequence[str], looks: Sequence[Look]) -> None:
    """Fill an otherwise empty axis with a legend."""
    from matplotlib.lines import Line2D

    lines = [Line2D([], [], color=colour, linestyle=style, lw=2) for colour, style in looks]
    axis.legend(lines, names, title=title, loc="upper left", frameon=False, fontsize=8)
    axis.set_axis_off()


def clean(axis: Axes) -> None:
    """Leave a faint grid and two of the four edges."""
    axis.grid(True, color="#dddddd", lw=0.6)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(labelsize=8)
