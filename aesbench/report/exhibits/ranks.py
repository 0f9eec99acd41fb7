"""Critical differences: whether methods differ over all data sets and backbones together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from aesbench.core.label import Label
from aesbench.core.record import RunRecord
from aesbench.report.contenders import BEST, contenders
from aesbench.report.draw.palette import GREY, look_of
from aesbench.report.names import display_name
from aesbench.report.page import cells
from aesbench.report.page.exhibit import Cell, Exhibit, FigureData, TableData
from aesbench.report.statistics.places import where
from aesbench.report.statistics.ranks import LEAST_BLOCKS, LEAST_METHODS, Ranking, rank_methods
from aesbench.report.statistics.scores import Place, by_place, over_seeds, test_auc

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAME = "critical-difference"

Scores = Mapping[Place, Mapping[str, float]]
"""{place: {method: mean test AUC}}."""


def build(records: Sequence[RunRecord]) -> list[Exhibit]:
    """Return one exhibit, if three methods ran on the same two places at least."""
    scores = _means(records)
    places, methods = complete_blocks(scores)
    if len(places) < LEAST_BLOCKS or len(methods) < LEAST_METHODS:
        return []
    values = np.array([[scores[place][method] for method in methods] for place in places])
    ranking = rank_methods(values)
    table = _table(scores, places, methods, ranking)
    finding = _finding(places, methods, ranking)
    left_out = [place for place in scores if place not in places]
    findings = [finding]
    if left_out:
        findings.append(
            f"Left out, as fewer of these methods ran there: {', '.join(map(where, left_out))}."
        )
    return [
        Exhibit(
            name=NAME,
            title="Ranks over data sets and backbones",
            claim="",
            findings=tuple(findings),
            tables=(table,),
            figures=(_figure(methods, ranking, table, len(places), finding),),
            runs=tuple(
                r
                for r in records
                if r.spec.label in methods
                and r.spec.retrain
                and Place(r.spec.dataset, r.spec.backbone) in places
            ),
        )
    ]


def _means(records: Sequence[RunRecord]) -> Scores:
    """Return the mean test AUC of every method as it comes, UES-32 and UES-24 among them."""
    scores: dict[Place, dict[str, float]] = {}
    for place, groups in by_place(r for r in records if r.spec.retrain).items():
        for row in contenders(groups):
            auc = over_seeds(row.records, test_auc)
            if auc is not None and row.key != BEST and Label.parse(row.key).is_plain:
                scores.setdefault(place, {})[row.key] = auc.mean
    return scores


def complete_blocks(scores: Scores) -> tuple[list[Place], list[str]]:
    """Return places and methods that all ran there: as many pairs of them as can be had.

    Places enter by their number of methods; each is kept as long as the table grows.
    """
    best: tuple[list[Place], list[str]] = ([], [])
    places: list[Place] = []
    common: set[str] = set()
    for place in sorted(scores, key=lambda place: (-len(scores[place]), place)):
        places = [*places, place]
        common = common & scores[place].keys() if common else set(scores[place])
        is_enough = len(places) >= LEAST_BLOCKS and len(common) >= LEAST_METHODS
        if is_enough and len(places) * len(common) >= len(best[0]) * len(best[1]):
            best = (places, [method for method in scores[places[0]] if method in common])
    return best


def _table(
    scores: Scores, places: Sequence[Place], methods: Sequence[str], ranking: Ranking
) -> TableData:
    best = [max(scores[place][method] for method in methods) for place in places]
    rows = []
    for rank, method in sorted(zip(ranking.ranks, methods, strict=True)):
        means = [scores[place][method] for place in places]
        marked = [
            Cell.number(mean, bold=mean == highest)
            for mean, highest in zip(means, best, strict=True)
        ]
        rows.append((cells.method(method), Cell.number(rank, ".2f"), *marked))
    return TableData(
        name=NAME,
        title="Ranks over data sets and backbones",
        caption=(
            f"Mean test AUC over seeds on each of {len(places)} data sets and backbones, and the"
            f" mean rank by it (1 is best). Friedman's test that all {len(methods)} methods are"
            f" equal: p = {ranking.p:.3g}. By Nemenyi two methods differ at the .05 level if their"
            f" mean ranks are {ranking.critical:.2f} apart. The same data set with two backbones"
            " counts twice, which flatters p."
        ),
        header=("method", "mean rank", *map(where, places)),
        rows=tuple(rows),
    )


def _figure(
    methods: Sequence[str], ranking: Ranking, table: TableData, blocks: int, finding: str
) -> FigureData:
    return FigureData(
        name=NAME,
        title="Critical difference of mean ranks",
        caption=(
            f"Mean rank by test AUC over n = {blocks} data sets and backbones (1 is best). Bars"
            " join methods whose ranks lie closer than the critical difference (CD, Nemenyi at"
            " .05), which no test here tells apart."
        ),
        alternative=finding,
        data=table,
        draw=lambda figure: _draw(figure, methods, ranking),
        size=(8.0, 1.2 + 0.3 * len(methods)),
    )


def _draw(figure: Figure, methods: Sequence[str], ranking: Ranking) -> None:
    axis = figure.subplots()
    ordered = sorted(zip(ranking.ranks, methods, strict=True))
    for place, (rank, method) in enumerate(ordered):
        look = look_of(method)
        axis.plot([1, rank], [place, place], color="#DDDDDD", lw=1, zorder=0)
        axis.plot(rank, place, look.marker, color=look.colour, ms=8)
    for number, (first, last) in enumerate(ranking.groups()):
        x = len(methods) + 0.4 + 0.25 * number
        axis.plot([x, x], [first - 0.2, last + 0.2], color=GREY, lw=4, solid_capstyle="butt")
    axis.plot([1, 1 + ranking.critical], [-1, -1], "k|-", lw=1.5)
    axis.text(1 + ranking.critical, -1, f"  CD = {ranking.critical:.2f}", va="center", fontsize=8)
    axis.set_yticks(range(len(methods)), [display_name(m) for _, m in ordered], fontsize=9)
    axis.set_ylim(len(methods) - 0.4, -1.6)
    axis.set_xticks(range(1, len(methods) + 1))
    axis.set_xlabel("mean rank by test AUC", fontsize=9)
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(axis="x", labelsize=8)


def _finding(places: Sequence[Place], methods: Sequence[str], ranking: Ranking) -> str:
    rank, first = min(zip(ranking.ranks, methods, strict=True))
    clear = [
        display_name(method)
        for method, other in zip(methods, ranking.ranks, strict=True)
        if other - rank >= ranking.critical
    ]
    return (
        f"Over {len(places)} data sets and backbones {display_name(first)} has the best mean rank,"
        f" {rank:.2f} of {len(methods)} (Friedman p = {ranking.p:.3g}); clearly behind it"
        f" (Nemenyi, .05): {', '.join(clear) or 'nobody'}."
    )
