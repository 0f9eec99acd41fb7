"""Figure 6: what a search costs, stage by stage, and what its result costs at every prediction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd

from aesbench.core.label import Label
from aesbench.core.phrasing import listed, many, span
from aesbench.plugins.exhibit import SHARE, Evidence, Exhibit, Figure, Table
from aesbench.plugins.paper import Place
from aesbench.report.draw.bars import draw_bars, draw_stages, stage_keys
from aesbench.report.draw.legend import outside_legend
from aesbench.report.draw.theme import GREY
from aesbench.report.statistics.contenders import BEST, Contender, contenders_of
from aesbench.report.statistics.leaders import Lead, leader
from aesbench.report.statistics.scores import REFERENCE, UNIFORM, by_dataset, places, seed_means
from aesbench.report.statistics.summary import summarise

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

STAGES = ("prepare", "search")
ONE_SHOT = ("adass:r", "adass:e")
PROCESSOR, WALL = "processor", "wall"
TRAINED_S = 0.1
"""In less time nothing was trained."""

CLAIM = (
    "AdaS&S takes longest to search, since it has two stages, but each further search of a trained"
    " supernet is cheap; AdaS&S-R has the fewest FLOPs, AdaS&S-E about as many as other methods"
    " (Wide&Deep on Criteo, one T4; section 4.4.4, values drawn and not printed)."
)


@dataclass(frozen=True, eq=False)
class Cost:
    """What one method costs at one place.

    Attributes:
        row: the method and its runs; without any the rest is empty.
        clock: ``processor`` or ``wall``: whose seconds these are.
        seconds: a row per seed, a column per stage.
        flops: as multiples of UES-32's, a value per seed that both have.
    """

    row: Contender
    clock: str
    seconds: pd.DataFrame
    flops: pd.Series

    @property
    def both(self) -> pd.Series:
        """Seconds of all stages together, per seed."""
        return self.seconds.sum(axis=1)

    @property
    def is_trained(self) -> bool:
        """Whether anything was trained before the retraining."""
        return bool(self.both.mean() > TRAINED_S)


def build(evidence: Evidence) -> list[Exhibit]:
    """Return an exhibit per data set on which a search trained something."""
    found: dict[Place, list[Cost]] = {}
    for place, runs in places(evidence.runs[evidence.runs["retrained"]]):
        costs = costs_of(evidence, runs)
        if any(cost.is_trained for cost in costs):
            found[place] = costs
    return [
        _exhibit(evidence, dataset, {place: found[place] for place in own})
        for dataset, own in by_dataset(found).items()
    ]


def costs_of(evidence: Evidence, runs: pd.DataFrame) -> list[Cost]:
    """Return UES-32 and every method of the line-up, whether it has runs or not."""
    (paper,) = (paper for paper in evidence.papers if paper.name == "adass")
    clocks = {PROCESSOR: [f"{stage}_cpu_s" for stage in STAGES], WALL: [f"{s}_s" for s in STAGES]}
    nothing = dict.fromkeys(("flops", *clocks[PROCESSOR], *clocks[WALL]), 0.0)
    is_timed = runs.filter(regex="_cpu_s$").notna().any(axis=1)
    known = runs.astype(dict.fromkeys(nothing, float)).fillna(nothing).assign(timed=is_timed)
    rows = {row.key: row for row in contenders_of(evidence, known, paper) if row.key != BEST}
    whole = seed_means(rows[REFERENCE].runs, "flops")
    costs = []
    for label, row in rows.items():
        if label == REFERENCE or Label.parse(label).name != UNIFORM:
            clock = PROCESSOR if len(row.runs) and row.runs["timed"].all() else WALL
            columns = zip(STAGES, clocks[clock], strict=True)
            seconds = pd.DataFrame({stage: seed_means(row.runs, name) for stage, name in columns})
            flops = (seed_means(row.runs, "flops") / whole).dropna()
            costs.append(Cost(row, clock, seconds, flops))
    return costs


def _exhibit(evidence: Evidence, dataset: str, found: Mapping[Place, Sequence[Cost]]) -> Exhibit:
    tables = {place: _table(evidence, place, costs) for place, costs in found.items()}
    says = {place: _findings(evidence.place(place), costs) for place, costs in found.items()}
    return Exhibit(
        name=f"fig6-{dataset}",
        title=f"Figure 6, cost of search and of prediction: {evidence.title(dataset)}",
        claim=CLAIM,
        findings=[finding for findings in says.values() for finding in findings],
        tables=list(tables.values()),
        figures=[
            _figure(evidence, costs, tables[place], " ".join(says[place]))
            for place, costs in found.items()
        ],
        runs=[run for costs in found.values() for cost in costs for run in cost.row.runs["run_id"]],
    )


def _table(evidence: Evidence, place: Place, costs: Sequence[Cost]) -> Table:
    lines: list[dict[str, Any]] = []
    for cost in costs:
        seconds, flops = _interval(cost.both), _interval(cost.flops)
        lines.append(
            {
                "method": cost.row.key,
                "seeds": len(cost.seconds),
                "clock": cost.clock if len(cost.seconds) else "",
                **{f"{stage} (s)": _interval(cost.seconds[stage])[0] for stage in STAGES},
                **dict(zip(("both (s)", "low", "high"), seconds, strict=True)),
                **dict(zip(("FLOPs / UES-32", "FLOPs: low", "FLOPs: high"), flops, strict=True)),
                "failed": cost.row.failed,
            }
        )
    frame = pd.DataFrame(lines)
    names = list(frame.columns)
    return Table(
        name=f"fig6-{place.dataset}-{place.backbone}",
        title=f"Cost of search and of prediction: {evidence.place(place)}",
        caption=(
            "Seconds before the retraining, means over seeds: preparation (a supernet, a"
            " pre-trained model), which later searches can share, and the search itself. Clock:"
            " processor time of all threads, where every run of a method has it, else wall time,"
            " which other work on the machine lengthens. FLOPs per sample of the retrained model,"
            " as a share of UES-32's, paired by seed. Low and high: Student's 95 % interval."
        ),
        frame=frame,
        forms=dict.fromkeys(names[3:8], "{:,.1f}") | dict.fromkeys(names[8:11], SHARE),
        texts={"method": [cost.row.name for cost in costs]},
    )


def _interval(values: pd.Series) -> tuple[float | None, float | None, float | None]:
    """Return a mean and Student's interval."""
    if values.empty:
        return None, None, None
    found = summarise(list(values))
    return found.mean, found.low, found.high


def _figure(evidence: Evidence, costs: Sequence[Cost], data: Table, says: str) -> Figure:
    n = span(len(cost.seconds) for cost in costs if len(cost.seconds))
    clocks = {cost.clock for cost in costs if cost.is_trained}
    seconds = {c.row.name: c.seconds.rename_axis("seed").melt(ignore_index=False, var_name="stage")
               for c in costs}  # fmt: skip
    flops = {c.row.name: 100 * c.flops.to_frame("value") for c in costs}
    return Figure(
        name=data.name,
        title=data.title,
        caption=(
            f"Left: {' or '.join(sorted(clocks))} seconds before the retraining, stages stacked"
            " (pale: preparation; full: search). Right: FLOPs per sample in per cent of UES-32's."
            f" Means over n = {n} seeds; lines: Student's 95 % interval. W marks wall time, where a"
            " method has runs without processor time."
        ),
        alternative=says or data.title,
        data=data,
        draw=partial(
            _draw,
            seconds=pd.concat(seconds, names=["name"]).reset_index(),
            flops=pd.concat(flops, names=["name"]).reset_index(),
            colours={c.row.name: evidence.look(c.row.key).colour for c in costs},
            marks={c.row.name: " W" for c in costs if c.clock == WALL},
        ),
        size=(9.0, 1.2 + 0.32 * len(costs)),
    )


def _draw(
    figure: Canvas,
    *,
    seconds: pd.DataFrame,
    flops: pd.DataFrame,
    colours: Mapping[str, str],
    marks: Mapping[str, str],
) -> None:
    left, right = figure.subplots(1, 2, sharey=True)
    draw_stages(left, seconds, STAGES, colours, marks)
    draw_bars(right, flops, colours)
    right.axvline(100, color=GREY, lw=1)
    left.set_xlabel("seconds")
    right.set_xlabel("FLOPs, % of UES-32")
    outside_legend(figure, stage_keys(STAGES), "below")


def _findings(where: str, costs: Sequence[Cost]) -> list[str]:
    names = {cost.row.key: cost.row.name for cost in costs}
    findings = []
    for clock in (PROCESSOR, WALL):  # Seconds of one say nothing about those of the other.
        own = {c.row.key: c.both for c in costs if c.clock == clock and c.is_trained}
        if slowest := leader(own):
            time = f"{slowest.mean:,.1f} {clock} seconds"
            findings.append(_of(slowest, names, "longest time to search", time))
    for cost in costs:
        if cost.row.key in ONE_SHOT and len(cost.seconds):
            prepare, search = cost.seconds[list(STAGES)].mean()
            text = (
                f"{cost.row.name} takes {prepare:,.1f} {cost.clock} seconds for its supernet and"
                f" {search:,.1f} for each search (n = {len(cost.seconds)})"
            )
            if len(cost.flops):
                text += f"; its FLOPs are {cost.flops.mean():.0%} of UES-32's"
            findings.append(text + ".")
    if least := leader({cost.row.key: cost.flops for cost in costs}, least=True):
        findings.append(_of(least, names, "fewest FLOPs", f"{least.mean:.0%} of UES-32's"))
    return [f"{where}: {finding}" for finding in findings]


def _of(lead: Lead, names: Mapping[str, str], what: str, value: str) -> str:
    """Return who has the most or the least of a cost, or that all have the same."""
    first = listed(names[key] for key in lead.first)
    value = f"{value} (n = {many(len(lead.seeds), 'common seed')})"
    value += lead.without(names.__getitem__)
    if not lead.others:
        return f"{first} are equal in the {what}, {value}."
    verb = "has" if len(lead.first) == 1 else "share"
    return f"{first} {verb} the {what} of {len(lead.first) + len(lead.others)} methods, {value}."
