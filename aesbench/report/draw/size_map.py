"""A map of sizes: a row per method, a column per field, each cell with its number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_size_map(
    figure: Figure,
    rows: Sequence[str],
    columns: Sequence[str],
    values: NDArray[np.float64],
) -> None:
    """Fill a figure with ``values (rows, columns)``, sizes of 1 and more on a logarithmic scale."""
    axis = figure.subplots()
    axis.imshow(np.log2(np.maximum(values, 1.0)), cmap="Blues", vmin=0, vmax=6.5, aspect="auto")
    for (row, column), size in np.ndenumerate(values):
        colour = "white" if size >= 24 else "black"
        text = f"{size:.0f}" if size >= 10 or size == int(size) else f"{size:.1f}"
        axis.text(column, row, text, ha="center", va="center", fontsize=8, color=colour)
    axis.set_yticks(range(len(rows)), rows, fontsize=8)
    axis.set_xticks(range(len(columns)), columns, fontsize=8, rotation=35, ha="right")
    axis.set_xlabel("field (planted rank)", fontsize=9)
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
