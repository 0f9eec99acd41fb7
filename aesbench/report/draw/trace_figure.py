"""What a search traced as one figure: a block of panels for each kind of series of each stage.

A series of single numbers is a line; one per field is a line per field; one per field and candidate
size is a panel per field with a line per size. What has a single step is drawn as bars, or as a
heat map with its numbers. Nothing here knows a method.
"""

from __future__ import annotations

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
from aesbench.report.draw.bars import draw_bars
from aesbench.report.draw.figure_files import FILES, figure_files
from aesbench.report.draw.heatmap import draw_values
from aesbench.report.draw.legend import fill_with_legend, stroke_keys
from aesbench.report.draw.lines import draw_traces
from aesbench.report.draw.panels import panel_axes, rows_of
from aesbench.report.draw.theme import (
    BLUE,
    LABEL,
    TITLE,
    Stroke,
    size_colours,
    strokes_in_order,
    themed,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from pandas import DataFrame

CSV_COLUMNS = ("stage", "series", "step", "field", "size", "value")

_WIDTH_IN = 11.0
_TITLE_IN = 0.55


@dataclass(frozen=True)
class _Names:
    """What the parts of a value are called: fields, sizes, and the size chosen for each field."""

    fields: list[str]
    sizes: tuple[int, ...]
    chosen: tuple[int, ...] | None

    def chosen_for(self, field: int) -> str | None:
        """Return the size chosen for a field, if one is known."""
        return None if self.chosen is None else str(self.chosen[field])


@dataclass(frozen=True)
class _Series:
    name: str
    steps: list[int]
    values: NDArray[np.float64]  # (steps,), (steps, fields) or (steps, fields, sizes)

    @property
    def kind(self) -> tuple[int, bool]:
        """How many names a number has beside its step, and whether there is more than one step."""
        return self.values.ndim - 1, len(self.steps) > 1

    def lines(self, names: Sequence[str], values: NDArray[np.float64]) -> DataFrame:
        """Return ``values (steps, names)`` as rows of a step, a name and a value."""
        from pandas import DataFrame

        return DataFrame(
            {
                "step": np.repeat(self.steps, len(names)),
                "name": list(names) * len(self.steps),
                "value": values.ravel(),
            }
        )


@dataclass(frozen=True)
class _Block:
    """Panels under one title: ``draw`` fills a part of the figure of this height."""

    title: str
    height_in: float
    draw: Callable[[SubFigure], None]


def write_trace_figure(
    folder: Path,
    record: RunRecord,
    traces: Mapping[str, Trace],
    suffixes: Sequence[str] = FILES,
) -> list[Path]:
    """Write ``trace.png``, ``trace.svg`` and so on, and the numbers behind them as ``trace.csv``.

    Args:
        folder: where to.
        record: of the run.
        traces: of its stages.
        suffixes: of the figure's files.

    Returns:
        The paths written; none if nothing was traced.

    Raises:
        RecordError: the folder cannot be written.
    """
    with themed():
        figure = trace_figure(record, traces)
        if figure is None:
            return []
        drawn = figure_files(figure, record.spec.run_id, suffixes)
    files: dict[str, str | bytes] = {"trace.csv": trace_csv(record, traces)}
    files |= {f"trace.{suffix}": content for suffix, content in drawn.items()}
    for name, content in files.items():
        write_atomically(folder / name, content)
    return [folder / f"trace.{suffix}" for suffix in (*suffixes, "csv")]


def trace_csv(record: RunRecord, traces: Mapping[str, Trace]) -> str:
    """Return every traced number as CSV, one per line; a number's missing names are empty."""
    from pandas import DataFrame

    lines: list[tuple[object, ...]] = []
    for stage, trace in traces.items():
        for name, (steps, values) in trace.series.items():
            for step, value in zip(steps, values, strict=True):
                for field, size, number in _numbers(record, value):
                    lines.append((stage, name, step, field, size, number))
    whole = DataFrame(lines, columns=list(CSV_COLUMNS), dtype=object)
    return whole.to_csv(index=False, lineterminator="\n", na_rep="nan")


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
    def draw(part: SubFigure) -> None:
        axes = panel_axes(part, len(series), 3, least_columns=2)
        for one, axis in zip(series, axes, strict=True):
            draw_traces(axis, one.lines([one.name], one.values), {one.name: Stroke(BLUE)})
            axis.set_ylabel(fill(one.name, 26), fontsize=LABEL)

    return _Block(title, 2.1 * rows_of(len(series), 3), draw)


def _fields_block(title: str, series: Sequence[_Series], names: _Names) -> _Block:
    columns = min(2, len(series))
    rows = rows_of(len(series), columns)
    strokes = strokes_in_order(names.fields)

    def draw(part: SubFigure) -> None:
        axes, legend = _with_legend(part, len(series), columns)
        for one, axis in zip(series, axes, strict=True):
            draw_traces(axis, one.lines(names.fields, one.values), strokes)
            axis.set_title(fill(one.name, 50), fontsize=TITLE)
        fill_with_legend(legend, "field", stroke_keys(strokes))

    return _Block(title, max(2.6 * rows, 0.19 * len(names.fields) + 0.5), draw)


def _bars_block(title: str, series: Sequence[_Series], names: _Names) -> _Block:
    from pandas import DataFrame

    def draw(part: SubFigure) -> None:
        axes = panel_axes(part, len(series), 3, least_columns=2)
        for one, axis in zip(series, axes, strict=True):
            values = np.nan_to_num(one.values[0], posinf=0, neginf=0)
            bars = DataFrame({"name": names.fields, "value": values})
            draw_bars(axis, bars, dict.fromkeys(names.fields, BLUE), errorbar=None)
            axis.set_xlabel(fill(f"{one.name} (step {one.steps[0]})", 45))

    return _Block(title, (0.22 * len(names.fields) + 0.6) * rows_of(len(series), 3), draw)


def _sizes_block(title: str, series: _Series, names: _Names) -> _Block:
    count = len(names.fields)
    columns = min(5, count)
    sizes = [str(size) for size in names.sizes]
    colours = size_colours(names.sizes)
    strokes = {str(size): Stroke(colours[size]) for size in names.sizes}

    def draw(part: SubFigure) -> None:
        axes, legend = _with_legend(part, count, columns, share=True)
        for number, axis in enumerate(axes):
            lines = series.lines(sizes, series.values[:, number])
            draw_traces(axis, lines, strokes, names.chosen_for(number))
            axis.set_title(_field_title(names, number), fontsize=LABEL)
            if number + columns < count:
                axis.set_xlabel("")
                axis.tick_params(labelbottom=False)
            if number % columns:
                axis.tick_params(labelleft=False)
        fill_with_legend(legend, "size", stroke_keys(strokes))

    return _Block(title, 1.55 * rows_of(count, columns) + 0.4, draw)


def _heat_block(title: str, series: Sequence[_Series], names: _Names) -> _Block:
    from pandas import DataFrame

    def draw(part: SubFigure) -> None:
        axes = panel_axes(part, len(series), 2, least_columns=2)
        for one, axis in zip(series, axes, strict=True):
            values = DataFrame(one.values[0], names.fields, names.sizes)
            draw_values(axis, values, names.chosen)
            chosen = "; boxed: the size chosen" if names.chosen is not None else ""
            axis.set_title(fill(f"{one.name} (step {one.steps[0]}{chosen})", 60), fontsize=TITLE)

    return _Block(title, (0.27 * len(names.fields) + 0.9) * rows_of(len(series), 2), draw)


def _with_legend(
    part: SubFigure, count: int, columns: int, *, share: bool = False
) -> tuple[list[Axes], Axes]:
    """Return axes row by row, and an axis for the legend to the right of all of them."""
    rows = rows_of(count, columns)
    grid = part.add_gridspec(rows, columns + 1, width_ratios=[1] * columns + [0.18 * columns])
    axes: list[Axes] = []
    for place in range(count):
        first = axes[0] if axes and share else None
        at = grid[place // columns, place % columns]
        axes.append(part.add_subplot(at, sharex=first, sharey=first))
    return axes, part.add_subplot(grid[:, columns])


def _field_title(names: _Names, number: int) -> str:
    name = fill(names.fields[number], 24)
    return name if names.chosen is None else f"{name}: {names.chosen[number]} chosen"
