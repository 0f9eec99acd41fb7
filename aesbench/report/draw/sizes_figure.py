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

    from aesbench.core.mask import Mask
    from aesbench.core.spec import RunSpec

_MASKED = "Of a masked field the hollow dot is the mean number of values that a vector keeps."
_HEADER = ("field", "first id", "values", "size", "parameters", "share of parameters")
_OF_MASKS = ("unmasked parameters", "rows kept", "index bytes", "index format")
_LONGEST_NAME = 28


def sizes_figure(spec: RunSpec, allocation: Allocation) -> Figure:
    """Return the figure of an allocation and the numbers in it, a row for each block."""
    share = allocation.memory_parameters / (REFERENCE_DIM * allocation.rows)
    fields = len(allocation.names)
    title = (
        f"{run_title(spec)}\n{allocation.memory_parameters:,} embedding"
        f" parameters{allocation.index_note},"
        f" {share:.1%} of those of size {REFERENCE_DIM} for every field"
    )
    return Figure(
        name=f"sizes-{spec.run_id}",
        title=f"Sizes of {run_title(spec)}",
        caption="Left: the size of each field, or of each group of its values. Right: its share of"
        " the embedding parameters." + (f" {_MASKED}" if allocation.masks else ""),
        alternative="; ".join(
            f"{name}: {' and '.join(str(block.dim) for block in blocks)}"
            + (f", {mask.kept / mask.rows:.2f} of them kept" if mask else "")
            for name, blocks, mask in zip(
                allocation.names, allocation.blocks, allocation.field_masks, strict=True
            )
        ),
        data=Table(f"sizes-{spec.run_id}", "Sizes", "", _numbers(allocation)),
        draw=partial(_draw, title=title, names=allocation.names, blocks=_frame(allocation)),
        size=(10.0, 1.5 + 0.3 * max(fields, 4)),
    )


def _numbers(allocation: Allocation) -> DataFrame:
    """Return a row per block, with its first id, and its mask's numbers where any field has one."""
    from pandas import DataFrame

    rows = []
    for name, blocks, mask in zip(
        allocation.names, allocation.blocks, allocation.field_masks, strict=True
    ):
        first = 0
        for block in blocks:
            own = mask.kept if mask else block.parameters
            line = (name, first, block.rows, block.dim, own, own / allocation.parameters)
            rows.append((*line, *(_mask_numbers(mask) if allocation.masks else ())))
            first += block.rows
    return DataFrame(rows, columns=[*_HEADER, *(_OF_MASKS if allocation.masks else ())])


def _mask_numbers(mask: Mask | None) -> tuple[object, ...]:
    if mask is None:
        return (None,) * len(_OF_MASKS)
    return mask.rows * mask.dim, mask.kept_rows, mask.index_bytes, mask.index_format


def _frame(allocation: Allocation) -> DataFrame:
    """Return a row per block: the lane of its field, its size, its per cent of the parameters, and
    the mean number of values of a vector that its mask keeps.
    """
    from pandas import DataFrame

    rows = [
        (
            lane,
            block.dim,
            100 * (mask.kept if mask else block.parameters) / allocation.parameters,
            mask.kept / mask.rows if mask else None,
        )
        for lane, (blocks, mask) in enumerate(
            zip(allocation.blocks, allocation.field_masks, strict=True)
        )
        for block in blocks
    ]
    return DataFrame(rows, columns=["lane", "size", "value", "kept"])


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
    kept = blocks.dropna(subset="kept")
    if len(kept):
        axis.hlines(kept["lane"], kept["kept"], kept["size"], color="#999999", lw=1.5)
        axis.scatter(kept["kept"], kept["lane"], s=40, c="white", edgecolors="#333333", zorder=3)
    kept_of = {
        lane: f" ({mean:.3g} kept)" for lane, mean in zip(kept["lane"], kept["kept"], strict=True)
    }
    for lane, own in of_lane:
        dims = sorted(set(own))
        text = ", ".join(map(str, dims)) + kept_of.get(lane, "")
        axis.annotate(text, (dims[-1], lane), (8, 0), textcoords="offset points", va="center",
                      fontsize=SMALL)  # fmt: skip
    largest = max(*colours, REFERENCE_DIM)
    axis.set_xlim(-0.3 if 0 in colours or (kept["kept"] < 1).any() else 0.8, 4 * largest)
    axis.axvline(REFERENCE_DIM, color="#777777", ls=":", lw=1.2, zorder=1)
    ticks = [2**power for power in range(largest.bit_length())]
    axis.set_xticks([0, *ticks] if 0 in colours else ticks)
    axis.minorticks_off()
    axis.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.set_xlabel(f"size (dotted: {REFERENCE_DIM})")


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
