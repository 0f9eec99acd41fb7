"""Figure 6: what a search costs, stage by stage, and what its result costs at every prediction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aesbench.core.label import Label
from aesbench.core.phrasing import span
from aesbench.core.record import RunRecord
from aesbench.report.contenders import BEST, contenders
from aesbench.report.draw.palette import GREY, look_of
from aesbench.report.draw.trace_panels import clean
from aesbench.report.names import dataset_name, display_name
from aesbench.report.page import cells
from aesbench.report.page.exhibit import Cell, Exhibit, FigureData, TableData
from aesbench.report.statistics.places import where
from aesbench.report.statistics.scores import (
    REFERENCE,
    Place,
    Value,
    by_place,
    over_seeds,
    seed_means,
)
from aesbench.report.statistics.summary import Summary, summarise

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STAGES = ("prepare", "search")
ALPHAS = (0.4, 1.0)
"""How the stages are told apart: a pale and a full bar of the method's colour."""
ONE_SHOT = ("adass:r", "adass:e")
PROCESSOR, WALL = "processor", "wall"
TRAINED_S = 0.1
"""In less time nothing was trained."""

CLAIM = (
    "AdaS&S takes longest to search, since it has two stages, but each further search of a trained"
    " supernet is cheap; AdaS&S-R has the fewest FLOPs, AdaS&S-E about as many as other methods"
    " (Wide&Deep on Criteo, one T4; section 4.4.4, values drawn and not printed)."
)


@dataclass(frozen=True)
class Cost:
    """What one method costs at one place.

    Attributes:
        label: the method's.
        clock: ``processor`` or ``wall``: whose seconds these are.
        stages: {stage: seconds}; None without a record.
        total: seconds of both stages together.
        flops: as a multiple of UES-32's, paired by seed; None without runs of UES-32 beside it.
        failed: runs that failed.
        records: the others.
    """

    label: str
    clock: str
    stages: Mapping[str, Summary | None]
    total: Summary | None
    flops: Summary | None
    failed: int
    records: tuple[RunRecord, ...]


def build(records: Sequence[RunRecord]) -> list[Exhibit]:
    """Return an exhibit per data set on which a search trained something."""
    datasets: dict[str, list[tuple[Place, list[Cost]]]] = {}
    for place, groups in by_place(r for r in records if r.spec.retrain).items():
        costs = costs_of(groups)
        if any(cost.total is not None and cost.total.mean > TRAINED_S for cost in costs):
            datasets.setdefault(place.dataset, []).append((place, costs))
    return [_exhibit(dataset, places) for dataset, places in datasets.items()]


def costs_of(groups: Mapping[str, Sequence[RunRecord]]) -> list[Cost]:
    """Return UES-32 and every method that searches, whether it has records or not."""
    rows = [row for row in contenders(groups) if row.key != BEST and row.label is not None]
    reference = seed_means(next(r.records for r in rows if r.key == REFERENCE), _flops)
    costs = []
    for row in rows:
        label = str(row.label)
        if Label.parse(label).name == "ues" and label != REFERENCE:
            continue
        clock = PROCESSOR if all(r.cpu_seconds for r in row.records) else WALL
        own = seed_means(row.records, _flops)
        ratios = [own[seed] / reference[seed] for seed in sorted(own.keys() & reference.keys())]
        costs.append(
            Cost(
                label,
                clock,
                {stage: over_seeds(row.records, _seconds(clock, (stage,))) for stage in STAGES},
                over_seeds(row.records, _seconds(clock, STAGES)),
                summarise(ratios) if ratios else None,
                row.failed,
                row.records,
            )
        )
    return costs


def _seconds(clock: str, stages: Sequence[str]) -> Value:
    """Return the function that adds up the seconds of some stages of a run."""

    def value(record: RunRecord) -> float:
        seconds = record.cpu_seconds if clock == PROCESSOR else record.seconds
        return sum(seconds.get(stage, 0.0) for stage in stages)

    return value


def _flops(record: RunRecord) -> float:
    return record.flops or 0


def _exhibit(dataset: str, places: Sequence[tuple[Place, list[Cost]]]) -> Exhibit:
    tables = [_table(place, costs) for place, costs in places]
    return Exhibit(
        name=f"fig6-{dataset}",
        title=f"Figure 6, cost of search and of prediction: {dataset_name(dataset)}",
        claim=CLAIM,
        findings=tuple(finding for place, costs in places for finding in _findings(place, costs)),
        tables=tuple(tables),
        figures=tuple(
            _figure(place, costs, table)
            for (place, costs), table in zip(places, tables, strict=True)
        ),
        runs=tuple(record for _, costs in places for cost in costs for record in cost.records),
    )


def _table(place: Place, costs: Sequence[Cost]) -> TableData:
    rows = []
    for cost in costs:
        line = [
            cells.method(cost.label),
            cells.count(cost.total.n if cost.total else 0),
            Cell.label(cost.clock if cost.total else ""),
        ]
        for summary in (*cost.stages.values(), cost.total):
            line.append(Cell.number(summary.mean if summary else None, ",.1f"))
        total, flops = cost.total, cost.flops
        line += [
            Cell.number(x, ",.1f") for x in ((total.low, total.high) if total else (None,) * 2)
        ]
        line += [
            cells.share(x) for x in ((flops.mean, flops.low, flops.high) if flops else (None,) * 3)
        ]
        line.append(cells.count(cost.failed))
        rows.append(tuple(line))
    return TableData(
        name=f"fig6-{place.dataset}-{place.backbone}",
        title=f"Cost of search and of prediction: {where(place)}",
        caption=(
            "Seconds before the retraining, means over seeds: preparation (a supernet, a"
            " pre-trained model), which later searches can share, and the search itself. Clock:"
            " processor time of all threads, where every run of a method has it, else wall time,"
            " which other work on the machine lengthens. FLOPs per sample of the retrained model,"
            " as a share of UES-32's, paired by seed. Low and high: Student's 95 % interval."
        ),
        header=(
            *("method", "seeds", "clock", "prepare (s)", "search (s)", "both (s)"),
            *("low", "high", "FLOPs / UES-32", "FLOPs: low", "FLOPs: high", "failed"),
        ),
        rows=tuple(rows),
    )


def _figure(place: Place, costs: Sequence[Cost], data: TableData) -> FigureData:
    n = span(cost.total.n for cost in costs if cost.total)
    clocks = {cost.clock for cost in costs if cost.total and cost.total.mean > TRAINED_S}
    return FigureData(
        name=f"fig6-{place.dataset}-{place.backbone}",
        title=data.title,
        caption=(
            f"Left: {' or '.join(sorted(clocks))} seconds before the retraining, stages stacked"
            " (pale: preparation; full: search). Right: FLOPs per sample in per cent of UES-32's."
            f" Means over n = {n} seeds; lines: Student's 95 % interval. W marks wall time, where a"
            " method has runs without processor time."
        ),
        alternative=" ".join(_findings(place, costs)),
        data=data,
        draw=lambda figure: _draw(figure, costs),
        size=(9.0, 1.2 + 0.32 * len(costs)),
    )


def _draw(figure: Figure, costs: Sequence[Cost]) -> None:
    left, right = figure.subplots(1, 2, sharey=True)
    for place, cost in enumerate(costs):
        _draw_seconds(left, place, cost)
        colour = look_of(cost.label).colour
        if cost.flops is None:
            _missing(right, place)
            continue
        right.barh(place, 100 * cost.flops.mean, color=colour, height=0.65)
        if cost.flops.low is not None and cost.flops.high is not None:
            right.plot([100 * cost.flops.low, 100 * cost.flops.high], [place, place], "k", lw=1.2)
    right.axvline(100, color=GREY, lw=1)
    left.set_xlabel("seconds", fontsize=9)
    right.set_xlabel("FLOPs, % of UES-32", fontsize=9)
    names = [display_name(cost.label) for cost in costs]
    left.set_yticks(range(len(names)), names, fontsize=9)
    left.set_ylim(len(names) - 0.5, -0.5)
    left.margins(x=0.15)
    stages = [left.barh(0, 0, color=GREY, alpha=alpha) for alpha in ALPHAS]
    left.legend(stages, STAGES, loc="upper right", fontsize=8, frameon=False)
    for axis in (left, right):
        clean(axis)


def _draw_seconds(axis: Axes, place: int, cost: Cost) -> None:
    if cost.total is None:
        _missing(axis, place)
        return
    colour, start = look_of(cost.label).colour, 0.0
    for stage, alpha in zip(STAGES, ALPHAS, strict=True):
        summary = cost.stages[stage]
        width = summary.mean if summary else 0.0
        axis.barh(place, width, left=start, color=colour, alpha=alpha, height=0.65)
        start += width
    if cost.total.low is not None and cost.total.high is not None:
        axis.plot([cost.total.low, cost.total.high], [place, place], "k", lw=1.2)
    end = max(start, cost.total.high or 0.0)
    text = f" {start:,.1f}" + (" W" if cost.clock == WALL else "")
    axis.text(end, place, text, va="center", fontsize=8)


def _missing(axis: Axes, place: int) -> None:
    where = axis.get_yaxis_transform()
    axis.text(0.02, place, "missing", transform=where, va="center", fontsize=8, color=GREY)


def _findings(place: Place, costs: Sequence[Cost]) -> list[str]:
    timed = sorted(
        ((cost.total, cost) for cost in costs if cost.total), key=lambda pair: -pair[0].mean
    )
    total, slowest = timed[0]
    findings = [
        f"{where(place)}: {display_name(slowest.label)} takes longest to search,"
        f" {total.mean:,.1f} {slowest.clock} seconds (n = {total.n})."
    ]
    for number, (_, cost) in enumerate(timed, 1):
        if cost.label not in ONE_SHOT:
            continue
        prepare, search = (cost.stages[stage] for stage in STAGES)
        text = f"{where(place)}: {display_name(cost.label)} is number {number} of"
        text += f" {len(timed)} by search time"
        if prepare and search:
            text += (
                f", {prepare.mean:,.1f} s for its supernet and {search.mean:,.1f} s for each search"
            )
        if cost.flops:
            text += f"; its FLOPs are {cost.flops.mean:.0%} of UES-32's"
        findings.append(text + ".")
    flops = [(cost.flops, cost.label) for cost in costs if cost.flops]
    if flops:
        least, label = min(flops, key=lambda pair: pair[0].mean)
        findings.append(
            f"{where(place)}: {display_name(label)} has the fewest FLOPs, {least.mean:.0%} of"
            f" UES-32's (n = {least.n})."
        )
    return findings
