"""What a search traced as one figure: a block of panels for each kind of series of each stage.

A series of single numbers is a line; one per field is a line per field; one per field and candidate
size is a panel per field with a line per size. What has a single step is drawn as bars, or as a
heat map with its numbers. Nothing here knows a method.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aesbench.core.files import write_atomically
from aesbench.core.record import RunRecord, field_names, run_title
from aesbench.core.trace import Trace, Value, shape_of
from aesbench.report.draw.figure_files import figure_files
from aesbench.report.draw.trace_panels import (
    COLOURS,
    clean,
    draw_heat_map,
    draw_legend,
    draw_lines,
    field_looks,
    size_looks,
)
from aesbench.report.page.forms import csv_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

CSV_COLUMNS = ("stage", "series", "step", "field", "size", "value")

_WIDTH_IN = 11.0
_TITLE_IN = 0.55


@dataclass(frozen=True)
class _Names:
    """What the parts of a value are called: fields, sizes, and the size chosen for each field."""

    fields: list[str]
    sizes: tuple[int, ...]
    chosen: tuple[int, ...] | None

    def place(self, field: int) -> int | None:
        """Return where the size chosen for a field stands among the sizes, if it does."""
        if self.chosen is None or self.chosen[field] not in self.sizes:
            return None
        return self.sizes.index(self.chosen[field])


@dataclass(frozen=True)
class _Series:
    name: str
    steps: list[int]
    values: NDArray[np.float64]  # (steps,), (steps, fields) or (steps, fields, sizes)

    @property
    def kind(self) -> tuple[int, bool]:
        """How many names a number has beside its step, and whether there is more than one step."""
        return self.values.ndim - 1, len(self.steps) > 1


@dataclass(frozen=True)
class _Block:
    """Panels under one title: ``draw`` fills a part of the figure of this height."""

    title: str
    height_in: float
    draw: Callable[[SubFigure], None]


def write_trace_figure(folder: Path, record: RunRecord, traces: Mapping[str, Trace]) -> list[Path]:
    """Write ``trace.png``, ``trace.svg`` and the numbers behind them as ``trace.csv``.

    Returns:
        The paths written; none if nothing was traced.

    Raises:
        RecordError: the folder cannot be written.
    """
    figure = trace_figure(record, traces)
    if figure is None:
        return []
    files: dict[str, str | bytes] = {"trace.csv": trace_csv(record, traces)}
    for suffix, drawn in figure_files(figure, salt=record.spec.run_id).items():
        files[f"trace.{suffix}"] = drawn
    for name, content in files.items():
        write_atomically(folder / name, content)
    return [folder / name for name in ("trace.png", "trace.svg", "trace.csv")]


def trace_csv(record: RunRecord, traces: Mapping[str, Trace]) -> str:
    """Return every traced number as CSV, one per line; a number's missing names are empty."""
    lines: list[tuple[object, ...]] = [CSV_COLUMNS]
    for stage, trace in traces.items():
        for name, (steps, values) in trace.series.items():
            for step, value in zip(steps, values, strict=True):
                for field, size, number in _numbers(record, value):
                    lines.append((stage, name, step, field, size, number))
    return csv_text(lines)


def _numbers(record: RunRecord, value: Value) -> list[tuple[str, int | str, float]]:
    if isinstance(value, float):
        return [("", "", value)]
    found: list[tuple[str, int | str, float]] = []
    for field, part in zip(field_names(record, len(value)), value, strict=True):
        sizes: tuple[int | str, ...] = ("",)
        numbers: Any = [part]
        if not isinstance(part, float):
            sizes, numbers = record.spec.candidates, part
        found += [(field, size, number) for size, number in zip(sizes, numbers, strict=True)]
    return found


def trace_figure(record: RunRecord, traces: Mapping[str, Trace]) -> Figure | None:
    """Return the figure of a run, stage by stage, or None if nothing was traced."""
    blocks = [
        block
        for stage, trace in traces.items()
        for block in _blocks(stage, trace, _names(record, trace))
    ]
    if not blocks:
        return None
    from matplotlib.figure import Figure

    heights = [block.height_in + _TITLE_IN for block in blocks]
    figure = Figure(figsize=(_WIDTH_IN, sum(heights) + _TITLE_IN), layout="constrained")
    figure.suptitle(run_title(record.spec), fontsize=14)
    parts = figure.subfigures(len(blocks), 1, squeeze=False, height_ratios=heights)
    for block, part in zip(blocks, parts[:, 0], strict=True):
        part.suptitle(block.title, x=0.01, ha="left", fontsize=12, fontweight="bold")
        block.draw(part)
    return figure


def _names(record: RunRecord, trace: Trace) -> _Names:
    shapes = [shape_of(values[0]) for _, values in trace.series.values()]
    count = max((shape[0] for shape in shapes if shape), default=0)
    known = record.allocation
    chosen = known.dims if known is not None and known.is_field_wise else None
    return _Names(field_names(record, count), record.spec.candidates, chosen)


def _blocks(stage: str, trace: Trace, names: _Names) -> list[_Block]:
    """Return a stage's blocks: numbers first, then what has a number per field, then per size."""
    kinds: dict[tuple[int, bool], list[_Series]] = {}
    for name, (steps, values) in trace.series.items():
        series = _Series(name, steps, np.array(values, dtype=np.float64))
        kinds.setdefault(series.kind, []).append(series)
    blocks = []
    title = stage.capitalize()
    for is_long in (True, False):
        if numbers := kinds.get((0, is_long)):
            what = "over its steps" if is_long else "single numbers"
            blocks.append(_numbers_block(f"{title}: {what}", numbers))
    if per_field := kinds.get((1, True)):
        blocks.append(_fields_block(f"{title}: each field over the steps", per_field, names))
    if per_field := kinds.get((1, False)):
        blocks.append(_bars_block(f"{title}: each field", per_field, names))
    thick = "" if names.chosen is None else " (thick: the size chosen)"
    for series in kinds.get((2, True), []):
        blocks.append(_sizes_block(f"{title}: {series.name}{thick}", series, names))
    if single := kinds.get((2, False)):
        blocks.append(_heat_block(f"{title}: each field and size", single, names))
    return blocks


def _numbers_block(title: str, series: Sequence[_Series]) -> _Block:
    columns = min(3, len(series))
    rows = math.ceil(len(series) / columns)

    def draw(part: SubFigure) -> None:
        axes = _axes(part, rows, max(2, columns))
        for one, axis in zip(series, axes, strict=False):
            draw_lines(axis, one.steps, one.values[:, None], [(COLOURS[0], "-")])
            axis.set_ylabel(fill(one.name, 26), fontsize=9)
        _hide(axes[len(series) :])

    return _Block(title, 2.1 * rows, draw)


def _fields_block(title: str, series: Sequence[_Series], names: _Names) -> _Block:
    columns = min(2, len(series))
    rows = math.ceil(len(series) / columns)
    looks = field_looks(len(names.fields))

    def draw(part: SubFigure) -> None:
        axes, legend = _with_legend(part, rows, columns)
        for one, axis in zip(series, axes, strict=False):
            draw_lines(axis, one.steps, one.values, looks)
            axis.set_title(fill(one.name, 50), fontsize=10)
        _hide(axes[len(series) :])
        draw_legend(legend, "field", names.fields, looks)

    return _Block(title, max(2.6 * rows, 0.19 * len(names.fields) + 0.5), draw)


def _bars_block(title: str, series: Sequence[_Series], names: _Names) -> _Block:
    columns = min(3, len(series))
    rows = math.ceil(len(series) / columns)

    def draw(part: SubFigure) -> None:
        axes = _axes(part, rows, max(2, columns))
        for one, axis in zip(series, axes, strict=False):
            places = range(len(names.fields))
            axis.barh(places, np.nan_to_num(one.values[0], posinf=0, neginf=0), color=COLOURS[0])
            axis.set_yticks(places, names.fields, fontsize=8)
            axis.invert_yaxis()
            axis.set_xlabel(fill(f"{one.name} (step {one.steps[0]})", 45))
            clean(axis)
        _hide(axes[len(series) :])

    return _Block(title, (0.22 * len(names.fields) + 0.6) * rows, draw)


def _sizes_block(title: str, series: _Series, names: _Names) -> _Block:
    count = len(names.fields)
    columns = min(5, count)
    rows = math.ceil(count / columns)
    looks = size_looks(len(names.sizes))

    def draw(part: SubFigure) -> None:
        axes, legend = _with_legend(part, rows, columns, share=True)
        for number, axis in enumerate(axes[:count]):
            draw_lines(axis, series.steps, series.values[:, number], looks, names.place(number))
            axis.set_title(_field_title(names, number), fontsize=9)
            if number + columns < count:
                axis.set_xlabel("")
                axis.tick_params(labelbottom=False)
            if number % columns:
                axis.tick_params(labelleft=False)
        _hide(axes[count:])
        draw_legend(legend, "size", [str(size) for size in names.sizes], looks)

    return _Block(title, 1.55 * rows + 0.4, draw)


def _heat_block(title: str, series: Sequence[_Series], names: _Names) -> _Block:
    rows = math.ceil(len(series) / 2)

    def draw(part: SubFigure) -> None:
        axes = _axes(part, rows, 2)
        for one, axis in zip(series, axes, strict=False):
            draw_heat_map(axis, one.values[0], names.fields, names.sizes, names.chosen)
            chosen = "; boxed: the size chosen" if names.chosen is not None else ""
            axis.set_title(fill(f"{one.name} (step {one.steps[0]}{chosen})", 60), fontsize=10)
        _hide(axes[len(series) :])

    return _Block(title, (0.27 * len(names.fields) + 0.9) * rows, draw)


def _axes(part: SubFigure, rows: int, columns: int) -> list[Axes]:
    """Return axes row by row."""
    return list(part.subplots(rows, columns, squeeze=False).ravel())


def _with_legend(
    part: SubFigure, rows: int, columns: int, *, share: bool = False
) -> tuple[list[Axes], Axes]:
    """Return axes row by row, and an axis for the legend to the right of all of them."""
    grid = part.add_gridspec(rows, columns + 1, width_ratios=[1] * columns + [0.18 * columns])
    axes: list[Axes] = []
    for row in range(rows):
        for column in range(columns):
            first = axes[0] if axes and share else None
            axes.append(part.add_subplot(grid[row, column], sharex=first, sharey=first))
    return axes, part.add_subplot(grid[:, columns])


def _field_title(names: _Names, number: int) -> str:
    name = fill(names.fields[number], 24)
    return name if names.chosen is None else f"{name}: {names.chosen[number]} chosen"


def _hide(axes: Sequence[Axes]) -> None:
    for axis in axes:
        axis.set_axis_off()
