"""AUC against embedding parameters: every method, every budget, and the front that none beats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean
from typing import TYPE_CHECKING

from aesbench.core.label import Label
from aesbench.core.phrasing import span
from aesbench.core.record import RunRecord
from aesbench.core.variants import VARIANTS
from aesbench.report.draw.mean_mark import BAR_CAPTION, draw_mean
from aesbench.report.draw.palette import GREY
from aesbench.report.draw.trace_panels import clean
from aesbench.report.names import dataset_name, display_name
from aesbench.report.page import cells
from aesbench.report.page.exhibit import Cell, Exhibit, FigureData, TableData
from aesbench.report.statistics.pareto_front import pareto_front
from aesbench.report.statistics.places import where
from aesbench.report.statistics.scores import (
    GIVEN_SIZES,
    Place,
    by_place,
    compared,
    embedding_params,
    method_order,
    reference_params,
    seed_means,
    test_auc,
)
from aesbench.report.statistics.summary import Summary, summarise

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LEAST_METHODS = 3
UES = "UES"
ABLATION = {variant.label for variant in VARIANTS if variant.settings}
"""AdaS&S with a choice made otherwise is judged in an exhibit of its own, on few seeds."""


@dataclass(frozen=True)
class Point:
    """What runs of one label come to: mean parameters, AUC over seeds, the share saved."""

    label: str
    params: float
    auc: Summary
    reduction: float


def build(records: Sequence[RunRecord]) -> list[Exhibit]:
    """Return an exhibit per data set on which at least three labels were retrained."""
    datasets: dict[str, list[tuple[Place, list[Point], list[Point]]]] = {}
    records = [record for record in compared(records) if record.spec.label not in ABLATION]
    for place, groups in by_place(records).items():
        points = [_point(label, own) for label, own in groups.items()]
        # Given sizes are the ground, and on no front: of many tried, the best is so by chance.
        given = [point for point in points if Label.parse(point.label).name == GIVEN_SIZES]
        others = sorted((p for p in points if p not in given), key=lambda p: (p.params, p.label))
        if len(others) >= LEAST_METHODS:
            datasets.setdefault(place.dataset, []).append((place, others, given))
    return [_exhibit(dataset, places, records) for dataset, places in datasets.items()]


def _point(label: str, records: Sequence[RunRecord]) -> Point:
    auc, params = (
        summarise(list(seed_means(records, value).values()))
        for value in (test_auc, embedding_params)
    )
    return Point(label, params.mean, auc, 1 - params.mean / mean(map(reference_params, records)))


def _exhibit(
    dataset: str,
    places: Sequence[tuple[Place, list[Point], list[Point]]],
    records: Sequence[RunRecord],
) -> Exhibit:
    tables = [_table(place, points) for place, points, _ in places]
    return Exhibit(
        name=f"pareto-{dataset}",
        title=f"AUC against parameters: {dataset_name(dataset)}",
        claim="",
        findings=tuple(_finding(place, points) for place, points, _ in places),
        tables=tuple(tables),
        figures=tuple(
            _figure(place, points, given, table)
            for (place, points, given), table in zip(places, tables, strict=True)
        ),
        runs=tuple(
            record
            for record in records
            if record.spec.dataset == dataset and record.spec.method != GIVEN_SIZES
        ),
    )


def _on_front(points: Sequence[Point]) -> list[Point]:
    front = pareto_front([p.params for p in points], [p.auc.mean for p in points])
    return [points[place] for place in front]


def _table(place: Place, points: Sequence[Point]) -> TableData:
    front = _on_front(points)
    rows = [
        (
            cells.method(point.label),
            cells.count(point.auc.n),
            cells.count(point.params),
            cells.share(point.reduction),
            *cells.mean_and_spread(point.auc, bold=point in front),
            Cell.label("yes" if point in front else ""),
        )
        for point in points
    ]
    return TableData(
        name=f"pareto-{place.dataset}-{place.backbone}",
        title=f"AUC against embedding parameters: {where(place)}",
        caption=(
            "Test AUC: mean, standard deviation and half of Student's 95 % interval over seeds;"
            " embedding parameters: mean over seeds; P-R: saved against UES-32. Front: no other"
            " mean has as few parameters and as high an AUC; which of several close ones is on it"
            " is chance."
        ),
        header=("method", "seeds", "embedding params", "P-R", "AUC", "SD", "95 %", "front"),
        rows=tuple(rows),
        detail=True,
    )


def _figure(
    place: Place, points: Sequence[Point], given: Sequence[Point], data: TableData
) -> FigureData:
    n = span(point.auc.n for point in points)
    ground = ""
    if given:
        least = min(point.auc.n for point in given)
        ground = (
            f" Small dots: {len(given)} allocations that no method chose, such as Table 4's random"
            f" ones, n = {least} or more each."
        )
    return FigureData(
        name=f"pareto-{place.dataset}-{place.backbone}",
        title=data.title,
        caption=(
            f"Test AUC over embedding parameters (logarithmic). {BAR_CAPTION}, n = {n} seeds; line:"
            " the Pareto front of the means. Several points of one method are its settings and"
            f" budgets, without those of the ablation; UES is marked with its size.{ground}"
        ),
        alternative=_finding(place, points),
        data=data,
        draw=lambda figure: _draw(figure, points, given),
        size=(9.0, 5.0),
    )


def _draw(figure: Figure, points: Sequence[Point], given: Sequence[Point]) -> None:
    axis = figure.subplots()
    if given:
        axis.plot(
            [point.params for point in given],
            [point.auc.mean for point in given],
            ".",
            color="#BBBBBB",
            ms=4,
            label="chosen by no method",
            zorder=1,
        )
    waiting = {_family(point.label) for point in points}
    for point in sorted(points, key=lambda point: method_order(point.label)):
        family = _family(point.label)
        name = family if family in waiting else None
        draw_mean(axis, point.params, point.auc, point.label, name)
        waiting.discard(family)
        if family == UES:
            text = display_name(point.label).removeprefix("UES-")
            spot = point.params, point.auc.mean
            # The same size unified otherwise lies close by: one above, the other below.
            same = [p.auc.mean for p in points if _family(p.label) == UES and p.params == spot[0]]
            place = (5, 4) if spot[1] == max(same) else (5, -9)
            axis.annotate(text, spot, place, textcoords="offset points", fontsize=7, color=GREY)
    front = _on_front(points)
    largest = max(point.params for point in points)
    axis.step(
        [*(p.params for p in front), largest],
        [*(p.auc.mean for p in front), front[-1].auc.mean],
        where="post",
        color=GREY,
        lw=1.2,
        ls="--",
        label="Pareto front",
        zorder=0,
    )
    axis.set_xscale("log")
    axis.set_xlabel("embedding parameters", fontsize=9)
    axis.set_ylabel("test AUC", fontsize=9)
    clean(axis)
    figure.legend(loc="outside right upper", frameon=False, fontsize=8)


def _family(label: str) -> str:
    """Return what a legend calls a point: all uniform sizes are UES."""
    called = Label.parse(label)
    return UES if called.name == "ues" else display_name(called.method)


def _finding(place: Place, points: Sequence[Point]) -> str:
    texts = [
        f"{display_name(point.label)} ({point.params:,.0f} parameters, AUC {point.auc.mean:.4f})"
        for point in _on_front(points)
    ]
    return f"{where(place)}: on the front are, from small to large, {', '.join(texts)}."
