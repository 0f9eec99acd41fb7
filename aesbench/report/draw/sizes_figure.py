"""The sizes that a run found as one figure: a line for each field, its size and what that costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aesbench.core.allocation import Allocation
from aesbench.core.record import run_title
from aesbench.core.spec import REFERENCE_DIM
from aesbench.report.draw.trace_panels import clean, draw_legend, size_looks
from aesbench.report.page.exhibit import Cell, FigureData, TableData

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from aesbench.core.spec import RunSpec

_HEADER = ("field", "first id", "values", "size", "parameters", "share of parameters")
_LONGEST_NAME = 28


def sizes_figure(spec: RunSpec, allocation: Allocation) -> FigureData:
    """Return the figure of an allocation and the numbers in it, a row for each block."""
    share = allocation.parameters / (REFERENCE_DIM * allocation.rows)
    fields = len(allocation.names)

    def draw(figure: Figure) -> None:
        figure.suptitle(
            f"{run_title(spec)}\n{allocation.parameters:,} embedding parameters,"
            f" {share:.1%} of those of size {REFERENCE_DIM} for every field",
            fontsize=11,
        )
        grid = figure.add_gridspec(1, 3, width_ratios=[1, 1, 0.18])
        sizes, parameters = figure.add_subplot(grid[0]), figure.add_subplot(grid[1])
        colours = _colours(allocation)
        _draw_sizes(sizes, allocation, colours)
        _draw_parameters(parameters, allocation, colours)
        looks = [(colour, "-") for colour in colours.values()]
        draw_legend(figure.add_subplot(grid[2]), "size", [str(dim) for dim in colours], looks)

    return FigureData(
        name=f"sizes-{spec.run_id}",
        title=f"Sizes of {run_title(spec)}",
        caption="Left: the size of each field, or of each group of its values. Right: its share of"
        " the embedding parameters.",
        alternative="; ".join(
            f"{name}: {' and '.join(str(block.dim) for block in blocks)}"
            for name, blocks in zip(allocation.names, allocation.blocks, strict=True)
        ),
        data=TableData(
            name=f"sizes-{spec.run_id}",
            title="Sizes",
            caption="",
            header=_HEADER,
            rows=tuple(_rows(allocation)),
        ),
        draw=draw,
        size=(10.0, 1.5 + 0.3 * max(fields, 4)),
    )


def _rows(allocation: Allocation) -> list[tuple[Cell, ...]]:
    rows = []
    for name, blocks in zip(allocation.names, allocation.blocks, strict=True):
        first = 0
        for block in blocks:
            own = block.rows * block.dim
            whole = (first, block.rows, block.dim, own)
            numbers = (Cell.number(number, ",d") for number in whole)
            rows.append(
                (Cell.label(name), *numbers, Cell.number(own / allocation.parameters, ".2%"))
            )
            first += block.rows
    return rows


def _colours(allocation: Allocation) -> dict[int, Any]:
    """Return a colour for each size, from dark for the smallest to light for the largest."""
    dims = sorted({block.dim for blocks in allocation.blocks for block in blocks})
    looks = size_looks(len(dims))
    return {dim: colour for dim, (colour, _) in zip(dims, looks, strict=True)}


def _draw_sizes(axis: Axes, allocation: Allocation, colours: Mapping[int, Any]) -> None:
    """Draw a dot for each size of a field, joined where it has several."""
    # Sizes double from one to the next; 0 has a place too, left of 1.
    axis.set_xscale("symlog", base=2, linthresh=1)
    for line, blocks in enumerate(allocation.blocks):
        dims = sorted({block.dim for block in blocks})
        axis.plot([dims[0], dims[-1]], [line, line], color="#999999", lw=1.5, zorder=2)
        for dim in dims:
            axis.plot(dim, line, "o", color=colours[dim], markersize=9, mec="#333333", mew=0.6)
        text = ", ".join(map(str, dims))
        axis.annotate(text, (dims[-1], line), (8, 0), textcoords="offset points", va="center",
                      fontsize=8)  # fmt: skip
    largest = max(colours)
    axis.set_xlim(-0.3 if 0 in colours else 0.8, 4 * max(largest, REFERENCE_DIM))
    axis.axvline(REFERENCE_DIM, color="#777777", ls=":", lw=1.2, zorder=1)
    ticks = [2**power for power in range(max(largest, REFERENCE_DIM).bit_length())]
    axis.set_xticks([0, *ticks] if 0 in colours else ticks)
    axis.minorticks_off()
    axis.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.set_xlabel(f"size (dotted: {REFERENCE_DIM})")
    _name_lines(axis, allocation, named=True)


def _draw_parameters(axis: Axes, allocation: Allocation, colours: Mapping[int, Any]) -> None:
    """Draw a bar for each field, in parts where it has several sizes."""
    for line, blocks in enumerate(allocation.blocks):
        left = 0.0
        for block in blocks:
            width = 100 * block.rows * block.dim / allocation.parameters
            axis.barh(line, width, left=left, color=colours[block.dim], ec="#333333", lw=0.6)
            left += width
        axis.annotate(f"{left:.1f}", (left, line), (4, 0), textcoords="offset points",
                      va="center", fontsize=8)  # fmt: skip
    axis.set_xlim(right=1.15 * axis.get_xlim()[1])
    axis.set_xlabel("share of the embedding parameters (%)")
    _name_lines(axis, allocation, named=False)


def _name_lines(axis: Axes, allocation: Allocation, *, named: bool) -> None:
    """Label the lines, the first on top."""
    names = [
        name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
        for name in allocation.names
    ]
    axis.set_yticks(range(len(names)), names if named else [""] * len(names))
    axis.set_ylim(len(names) - 0.4, -0.6)
    clean(axis)
