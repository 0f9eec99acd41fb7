"""The sizes that a run found as one figure: a line for each field, its size and what that costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from aesbench.core.allocation import Allocation
from aesbench.core.record import run_title
from aesbench.core.spec import REFERENCE_DIM
from aesbench.plugins.exhibit import Figure, Table
from aesbench.report.draw.bars import draw_parts
from aesbench.report.draw.legend import fill_with_legend, stroke_keys
from aesbench.report.draw.theme import SMALL, Stroke, label_lanes, rule_lanes, size_colours

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas
    from pandas import DataFrame

    from aesbench.core.spec import RunSpec

_HEADER = ("field", "first id", "values", "size", "parameters", "share of parameters")
_LONGEST_NAME = 28


def sizes_figure(spec: RunSpec, allocation: Allocation) -> Figure:
    """Return the figure of an allocation and the numbers in it, a row for each block."""
    share = allocation.parameters / (REFERENCE_DIM * allocation.rows)
    fields = len(allocation.names)
    title = (
        f"{run_title(spec)}\n{allocation.parameters:,} embedding parameters,"
        f" {share:.1%} of those of size {REFERENCE_DIM} for every field"
    )
    return Figure(
        name=f"sizes-{spec.run_id}",
        title=f"Sizes of {run_title(spec)}",
        caption="Left: the size of each field, or of each group of its values. Right: its share of"
        " the embedding parameters.",
        alternative="; ".join(
            f"{name}: {' and '.join(str(block.dim) for block in blocks)}"
            for name, blocks in zip(allocation.names, allocation.blocks, strict=True)
        ),
        data=Table(f"sizes-{spec.run_id}", "Sizes", "", _numbers(allocation)),
        draw=partial(_draw, title=title, names=allocation.names, blocks=_frame(allocation)),
        size=(10.0, 1.5 + 0.3 * max(fields, 4)),
    )


def _numbers(allocation: Allocation) -> DataFrame:
    """Return a row per block, with its first id."""
    from pandas import DataFrame

    rows = []
    for name, blocks in zip(allocation.names, allocation.blocks, strict=True):
        first = 0
        for block in blocks:
            own = block.rows * block.dim
            rows.append((name, first, block.rows, block.dim, own, own / allocation.parameters))
            first += block.rows
    return DataFrame(rows, columns=list(_HEADER))


def _frame(allocation: Allocation) -> DataFrame:
    """Return a row per block: the lane of its field, its size, its per cent of the parameters."""
    from pandas import DataFrame

    rows = [
        (lane, block.dim, 100 * block.rows * block.dim / allocation.parameters)
        for lane, blocks in enumerate(allocation.blocks)
        for block in blocks
    ]
    return DataFrame(rows, columns=["lane", "size", "value"])


def _draw(figure: Canvas, title: str, names: Sequence[str], blocks: DataFrame) -> None:
    figure.suptitle(title, fontsize=11)
    grid = figure.add_gridspec(1, 3, width_ratios=[1, 1, 0.18])
    sizes, parameters = figure.add_subplot(grid[0]), figure.add_subplot(grid[1])
    colours = size_colours(blocks["size"])
    _draw_sizes(sizes, blocks, colours)
    label_lanes(sizes, [_short(name) for name in names])
    draw_parts(parameters, blocks, len(names), colours)
    parameters.set_xlabel("share of the embedding parameters (%)")
    label_lanes(parameters, [""] * len(names))
    for axis in (sizes, parameters):
        rule_lanes(axis)
    keys = stroke_keys({str(size): Stroke(colour) for size, colour in colours.items()})
    fill_with_legend(figure.add_subplot(grid[2]), "size", keys)


def _draw_sizes(axis: Axes, blocks: DataFrame, colours: Mapping[int, str]) -> None:
    """Draw a dot for each size of a field, joined where it has several."""
    import seaborn

    of_lane = blocks.groupby("lane")["size"]
    axis.hlines(of_lane.min().index, of_lane.min(), of_lane.max(), color="#999999", lw=1.5)
    dots = blocks.drop_duplicates(["lane", "size"])
    seaborn.scatterplot(
        dots,
        x="size",
        y="lane",
        hue="size",
        palette=dict(colours),
        s=80,
        edgecolor="#333333",
        linewidth=0.6,
        zorder=3,
        legend=False,
        ax=axis,
    )
    # Sizes double from one to the next; 0 has a place too, left of 1. Not before the dots are
    # there: seaborn would take logarithms and round on the way back.
    axis.set_xscale("symlog", base=2, linthresh=1)
    for lane, own in of_lane:
        dims = sorted(set(own))
        text = ", ".join(map(str, dims))
        axis.annotate(text, (dims[-1], lane), (8, 0), textcoords="offset points", va="center",
                      fontsize=SMALL)  # fmt: skip
    largest = max(*colours, REFERENCE_DIM)
    axis.set_xlim(-0.3 if 0 in colours else 0.8, 4 * largest)
    axis.axvline(REFERENCE_DIM, color="#777777", ls=":", lw=1.2, zorder=1)
    ticks = [2**power for power in range(largest.bit_length())]
    axis.set_xticks([0, *ticks] if 0 in colours else ticks)
    axis.minorticks_off()
    axis.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.set_xlabel(f"size (dotted: {REFERENCE_DIM})")


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
