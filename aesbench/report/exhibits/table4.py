"""Table 4: how well supernets rank allocations, beside how well stand-alone training does."""

from __future__ import annotations

from collections.abc import Sequence

from aesbench.core.phrasing import many, span
from aesbench.core.record import RunRecord
from aesbench.report.draw.dots import Dot, DotPanel, draw_dots
from aesbench.report.names import dataset_name
from aesbench.report.page import cells
from aesbench.report.page.exhibit import Cell, Exhibit, FigureData, TableData
from aesbench.report.statistics.consistency import RESAMPLES, Tau
from aesbench.report.statistics.misjudged import (
    effects_figure,
    effects_findings,
    effects_table,
    judgements,
)
from aesbench.report.statistics.places import ranking, where
from aesbench.report.statistics.supernets import (
    KINDS,
    METRICS,
    SAMPLINGS,
    SCHEMES,
    Evidence,
    Supernets,
    difference,
    gather,
)

CLAIM = (
    "Adaptive sampling ranks subnets best (tau of .79 by LogLoss and .80 by AUC with independent"
    " tables), random sampling worst (.72 to .74), and independent tables rank better than shared"
    " ones (Table 4; the data set is not named)."
)


_JUDGED = {("Indep, Adaptive", "Indep, Random"), ("Indep, Adaptive", "Shared, Adaptive")}
"""The differences that a finding is made of."""


def build(records: Sequence[RunRecord]) -> list[Exhibit]:
    """Return an exhibit per data set on which supernets scored allocations."""
    datasets: dict[str, list[Evidence]] = {}
    for evidence in gather(records):
        datasets.setdefault(evidence.place.dataset, []).append(evidence)
    return [_exhibit(dataset, own) for dataset, own in datasets.items()]


def _exhibit(dataset: str, own: Sequence[Evidence]) -> Exhibit:
    tables = [_table(evidence) for evidence in own]
    judged = [(evidence, effects_table(evidence)) for evidence in own if judgements(evidence)]
    backbones = dict.fromkeys(evidence.place.backbone for evidence in own)
    return Exhibit(
        name=f"table4-{dataset}",
        title=f"Table 4, consistency of supernets: {dataset_name(dataset)}",
        claim=CLAIM,
        findings=tuple(finding for evidence in own for finding in _findings(evidence)),
        tables=(*tables, *map(_differences_table, own), *(table for _, table in judged)),
        figures=(*map(_figure, own, tables), *(effects_figure(*pair) for pair in judged)),
        reproduce=tuple(
            f"aesbench reproduce table4 --dataset {dataset} --backbones {backbone}"
            for backbone in backbones
        ),
        runs=tuple(record for evidence in own for record in evidence.records),
    )


def _table(evidence: Evidence) -> TableData:
    rows, alone = evidence.rows, evidence.alone
    lines = []
    best = {
        m: max((row.taus[m].mean for row in rows if m in row.taus), default=None) for m in METRICS
    }
    for row in rows:
        line = [Cell.label(row.name), *(cells.count(n) for n in (row.allocations, row.supernets))]
        for metric in METRICS:
            line += _tau_cells(row.taus.get(metric), best[metric])
            line.append(Cell.number(row.published.get(metric)))
        additive = Cell.number(row.judgement.inherited.r2 if row.judgement else None, ".3f")
        lines.append([*line, additive, Cell.number(row.seconds, ",.1f")])
    of_seeds = [cells.count(len(alone.names)), cells.count(None)]
    halves = [Cell.label("two halves of the stand-alone seeds"), *of_seeds]
    truth = [Cell.label("the true ranking, estimated"), *of_seeds]
    for metric in METRICS:
        halves += [*_tau_cells(evidence.halves[metric], None), Cell.number(None)]
        truth += [cells.signed(evidence.perfect[metric], ".3f"), *[Cell.number(None)] * 4]
    lines += [[*line, Cell.number(None), Cell.number(None)] for line in (halves, truth)]
    header = ["supernet", "allocations", "supernets"]
    for name in METRICS.values():
        header += [f"{name}: tau", *(f"{name}: {text}" for text in ("low", "high", "SD", "paper"))]
    return TableData(
        name=f"table4-{evidence.name}",
        title=f"Consistency of supernets: {where(evidence.place)}",
        caption=(
            "Kendall's tau-b of validation scores with inherited weights and of stand-alone"
            f" training (mean of {many(alone.seeds, 'seed')}) over the same random allocations;"
            " mean over supernets. Low and high: 95 % percentile bootstrap over allocations,"
            f" {RESAMPLES:,} resamples; SD: between supernets. Two halves of the seeds: how far"
            " stand-alone scores agree with themselves. The true ranking: its tau with the mean"
            " over all seeds, estimated from how far single seeds agree (Spearman-Brown, for"
            " normal scores); beyond it is chance. Additive: adjusted R² of inherited AUC, the mean"
            " over supernets, as a sum of one effect per field and size. Seconds: to train a"
            " supernet, wall time."
        ),
        header=(*header, "additive R²", "seconds"),
        rows=tuple(lines),
    )


def _differences_table(evidence: Evidence) -> TableData:
    """Return what the paper claims as differences."""
    lines = []
    for first, second in _pairs(evidence.rows):
        line = [Cell.label(f"{first.name} minus {second.name}")]
        for metric in METRICS:
            mean, low, high = difference(first, second, metric)
            line += [cells.signed(value, "+.3f") for value in (mean, low, high)]
            line.append(cells.signed(first.published[metric] - second.published[metric]))
        lines.append(line)
    header = ["difference of tau"]
    for name in METRICS.values():
        header += [name, f"{name}: low", f"{name}: high", f"paper: {name}"]
    return TableData(
        name=f"table4-differences-{evidence.name}",
        title=f"Samplings and schemes against each other: {where(evidence.place)}",
        caption=(
            "Differences of tau. Low and high: 95 % percentile bootstrap over allocations, both"
            " supernets scoring the same ones in each resample; not corrected for their number."
        ),
        header=tuple(header),
        rows=tuple(lines),
    )


def _pairs(rows: Sequence[Supernets]) -> list[tuple[Supernets, Supernets]]:
    of_kind = dict(zip(KINDS, (row for row in rows if row.published), strict=True))
    pairs = [
        (of_kind[scheme, "adaptive"], of_kind[scheme, sampling])
        for scheme in SCHEMES
        for sampling in SAMPLINGS
        if sampling != "adaptive"
    ]
    return pairs + [(of_kind["independent", s], of_kind["shared", s]) for s in SAMPLINGS]


def _figure(evidence: Evidence, data: TableData) -> FigureData:
    panels = []
    for metric, name in METRICS.items():
        halves, perfect = evidence.halves[metric], evidence.perfect[metric]
        lines = {"two halves of the seeds": halves.mean} if halves else {}
        lines |= {"true ranking (estimated)": perfect} if perfect is not None else {}
        dots = [_dot(row, metric) for row in evidence.rows]
        panels.append(DotPanel(f"by {name}", dots, lines))
    n = span(row.allocations for row in evidence.rows if row.taus)
    return FigureData(
        name=f"table4-{evidence.name}",
        title=data.title,
        caption=(
            "Kendall's tau-b (no unit) of inherited against stand-alone validation scores; bars:"
            f" 95 % bootstrap intervals over n = {n} allocations; diamonds: the paper's values;"
            " lines: two halves of the stand-alone seeds, and the true ranking as far as it can be"
            " estimated."
        ),
        alternative=" ".join(_findings(evidence)),
        data=data,
        draw=lambda figure: draw_dots(figure, panels, "Kendall's tau-b", "paper"),
        size=(9.0, 1.6 + 0.32 * len(evidence.rows)),
    )


def _dot(row: Supernets, metric: str) -> Dot:
    tau, published = row.taus.get(metric), row.published.get(metric)
    if tau is None:
        return Dot(row.name, None, reference=published)
    return Dot(row.name, tau.mean, tau.low, tau.high, published)


def _findings(evidence: Evidence) -> list[str]:
    place = where(evidence.place)
    known = [(row.taus["auc"], row) for row in evidence.rows if "auc" in row.taus]
    if not known:
        return [f"{place}: no supernet and stand-alone training share two allocations yet."]
    tau, best = max(known, key=lambda pair: pair[0].mean)
    text = (
        f"{place}: '{best.name}' ranks {best.allocations} allocations best by AUC, {ranking(tau)}"
    )
    if (halves := evidence.halves["auc"]) is not None:
        text += f"; two halves of the stand-alone seeds agree to {ranking(halves)}"
    findings = [text + "."]
    for first, second in _pairs(evidence.rows):
        if (first.name, second.name) in _JUDGED:
            mean, low, high = difference(first, second, "auc")
            if mean is None:
                continue
            text = f"{place}, by AUC: {first.name} minus {second.name} is {_sign(mean)}"
            if low is not None and high is not None:
                text += f" [{_sign(low)}, {_sign(high)}]"
            gap = first.published["auc"] - second.published["auc"]
            findings.append(f"{text}; the paper has {_sign(gap)}.")
    return findings + effects_findings(evidence)


def _sign(value: float) -> str:
    return cells.signed(value, "+.3f").text


def _tau_cells(tau: Tau | None, best: float | None) -> list[Cell]:
    if tau is None:
        return [Cell.number(None)] * 4
    mean = cells.signed(tau.mean, ".3f", bold=tau.mean == best)
    return [mean, *(cells.signed(value, ".3f") for value in (tau.low, tau.high, tau.std))]
