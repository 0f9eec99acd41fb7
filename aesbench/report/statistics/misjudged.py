"""Which sizes of which fields a supernet takes for better or worse than stand-alone training finds.

Goes with Table 4, whose taus say how well a supernet ranks and not where it fails.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from aesbench.core.phrasing import many
from aesbench.report.draw.palette import BLACK, BLUE, VERMILION
from aesbench.report.draw.trace_panels import clean
from aesbench.report.page import cells
from aesbench.report.page.exhibit import Cell, FigureData, TableData
from aesbench.report.statistics.effects import Effect, Term
from aesbench.report.statistics.holm import holm
from aesbench.report.statistics.places import where
from aesbench.report.statistics.power import ALPHA
from aesbench.report.statistics.supernets import Evidence, Judgement

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHOWN = {"Shared, Adaptive": BLUE, "Indep, Adaptive": VERMILION}
"""The supernets that are held against stand-alone training, ours and the paper's, with a colour."""

_PANELS_PER_ROW = 5
_UNIT = 1e-3
"""Effects of size on AUC are thousandths."""


def judgements(evidence: Evidence) -> dict[str, Judgement]:
    """Return what is known of the supernets that are shown, over the same allocations, by name."""
    known = [(row, row.judgement) for row in evidence.rows if row.name in SHOWN and row.judgement]
    most = max((row.allocations for row, _ in known), default=0)
    return {row.name: judgement for row, judgement in known if row.allocations == most}


def effects_table(evidence: Evidence) -> TableData:
    """Return the effect of each size of each field, alone and in the supernets."""
    found = judgements(evidence)
    alone = next(iter(found.values())).alone.effects
    corrected = {name: _corrected(own) for name, own in found.items()}
    lines = []
    for term, effect in alone.items():
        field, size = term
        line = [Cell.label(evidence.alone.fields[field]), cells.count(size), *_interval(effect)]
        for name, own in found.items():
            inherited, gap = own.inherited.effects[term], own.gap.effects[term]
            line += [cells.signed(inherited.mean), *_interval(gap)]
            line.append(cells.p_value(corrected[name][term]))
        lines.append(line)
    header = ["field", "size", "alone", "alone: low", "alone: high"]
    for name in found:
        header += [name, *(f"{name}: {text}" for text in ("gap", "gap low", "gap high", "Holm p"))]
    return TableData(
        name=f"table4-effects-{evidence.name}",
        title=f"What each field's size adds to AUC: {where(evidence.place)}",
        caption=(
            "Effects on validation AUC above the mean over the field's sizes: least squares over"
            " the same allocations, stand-alone (mean of"
            f" {many(evidence.alone.seeds, 'seed')}) and with inherited weights (mean over"
            " supernets). Gap: inherited less stand-alone. Low and high: Student's 95 % interval;"
            " p corrected by Holm over a supernet's effects."
        ),
        header=tuple(header),
        rows=tuple(lines),
        detail=True,
    )


def effects_figure(evidence: Evidence, data: TableData) -> FigureData:
    """Return a panel per field: its sizes' effects, alone and in the supernets."""
    found = judgements(evidence)
    fields = list(dict.fromkeys(field for field, _ in next(iter(found.values())).alone.effects))
    n = max(row.allocations for row in evidence.rows if row.name in found)
    rows = -(-len(fields) // _PANELS_PER_ROW)
    return FigureData(
        name=data.name,
        title=data.title,
        caption=(
            "Effect of a field's size (horizontal) on validation AUC, in thousandths above the mean"
            " over its sizes (vertical, one scale for all fields); black: stand-alone training,"
            f" with Student's 95 % interval, n = {n} allocations; colours: supernets."
        ),
        alternative=" ".join(effects_findings(evidence)),
        data=data,
        draw=lambda figure: _draw(figure, evidence.alone.fields, fields, found),
        size=(9.0, 1.2 + 1.9 * rows),
    )


def effects_findings(evidence: Evidence) -> list[str]:
    """Return how many effects each supernet misjudges, and what its differences are worth."""
    texts = []
    for name, own in judgements(evidence).items():
        clear = [term for term, p in _corrected(own).items() if p is not None and p < ALPHA]
        text = f"{where(evidence.place)}: '{name}' misjudges {len(clear)} of the"
        text += f" {len(own.gap.effects)} effects of a field's size on AUC beyond chance"
        if clear:
            field, size = worst = max(clear, key=lambda term: abs(own.gap.effects[term].mean))
            inherited, alone = (
                cells.signed(fit.effects[worst].mean).text for fit in (own.inherited, own.alone)
            )
            text += f", most of all size {size} of {evidence.alone.fields[field]}"
            text += f" ({inherited} where training alone has {alone})"
        mean, low, high = (
            cells.signed(_UNIT * value, ".5f").text
            for value in (own.worth.mean, own.worth.low, own.worth.high)
        )
        text += f"; a difference of {_UNIT:.5f} that it sees is one of {mean} [{low}, {high}] when"
        texts.append(text + " trained alone.")
    return texts


def _corrected(own: Judgement) -> dict[Term, float | None]:
    """Return the p-values of the gaps, corrected for their number."""
    gaps = own.gap.effects
    return dict(zip(gaps, holm([gap.p for gap in gaps.values()]), strict=True))


def _draw(
    figure: Figure,
    names: Sequence[str],
    fields: Sequence[int],
    found: dict[str, Judgement],
) -> None:
    across = min(_PANELS_PER_ROW, len(fields))
    rows = -(-len(fields) // across)
    grid = figure.subplots(rows, across, sharey=True, squeeze=False)
    for place, axis in enumerate(grid.flat):
        if place >= len(fields):
            axis.set_axis_off()
            continue
        _draw_field(axis, fields[place], found)
        axis.set_title(names[fields[place]], fontsize=9)
    for row in grid:
        row[0].set_ylabel("effect (.001 AUC)", fontsize=8)
    for axis in grid[-1]:
        axis.set_xlabel("size", fontsize=8)
    shown = dict(zip(*reversed(grid[0, 0].get_legend_handles_labels()), strict=True))
    order = ["alone", *found]
    figure.legend(
        [shown[name] for name in order],
        order,
        loc="outside lower center",
        ncols=len(order),
        frameon=False,
        fontsize=8,
    )


def _draw_field(axis: Axes, field: int, found: dict[str, Judgement]) -> None:
    alone = next(iter(found.values())).alone.effects
    sizes = [size for place, size in alone if place == field]
    places = range(len(sizes))  # Evenly spaced: sizes grow by factors.
    own = [alone[field, size] for size in sizes]
    means = [effect.mean / _UNIT for effect in own]
    halves = [(effect.high - effect.mean) / _UNIT for effect in own]
    axis.axhline(0, color="#bbbbbb", lw=0.8)
    axis.errorbar(places, means, halves, color=BLACK, marker="o", ms=4, lw=1.3, label="alone")
    for name, judgement in found.items():
        inherited = [judgement.inherited.effects[field, size].mean / _UNIT for size in sizes]
        axis.plot(places, inherited, color=SHOWN[name], marker="s", ms=3, lw=1.3, label=name)
    axis.set_xticks(places, [str(size) for size in sizes])
    clean(axis)


def _interval(effect: Effect) -> list[Cell]:
    return [cells.signed(value) for value in (effect.mean, effect.low, effect.high)]
