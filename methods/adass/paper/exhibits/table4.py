"""Table 4: how well supernets rank allocations, beside how well stand-alone training does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import groupby

import pandas as pd

from aesbench.core.phrasing import listed, many, span
from aesbench.plugins.exhibit import AUC, COUNT, SIGNED, Evidence, Exhibit, Figure, Table, shown
from aesbench.plugins.study import reproduce_commands
from aesbench.report.draw.intervals import draw_dots
from aesbench.report.statistics.consistency import RESAMPLES, Tau, difference
from aesbench.report.statistics.effects import fit_effects
from aesbench.report.statistics.scores import best
from aesbench_methods.adass.paper.exhibits.misjudged import judge_effects
from aesbench_methods.adass.paper.published import TITLE
from aesbench_methods.adass.paper.supernets import (
    CONTROLS,
    GAP,
    GOOD,
    GOOD_HALF,
    METRICS,
    PUBLISHED,
    SAMPLINGS,
    SCHEMES,
    TAU,
    Consistency,
    Supernets,
    consistencies,
    tau_columns,
)

CLAIM = (
    "Adaptive sampling ranks subnets best (tau of .79 by LogLoss and .80 by AUC with independent"
    " tables), random sampling worst (.72 to .74), and independent tables rank better than shared"
    " ones (Table 4; the data set is not named)."
)

_LINES = {
    "two halves of the stand-alone seeds": "two halves of the seeds",
    "the true ranking, estimated": "true ranking (estimated)",
}
"""{row of the table: its line in the figure}."""
_DRAWN = {"value": "tau", "low": "low", "high": "high", "reference": "paper"}
"""{what is drawn: which column of a metric it is}."""

_PAIRS = [
    (f"{scheme}, Adaptive", f"{scheme}, {sampling}")
    for scheme in SCHEMES.values()
    for sampling in SAMPLINGS.values()
    if sampling != "Adaptive"
] + [(f"Indep, {sampling}", f"Shared, {sampling}") for sampling in SAMPLINGS.values()]
"""What the paper claims as differences."""
_UNADAPTED = [
    (f"{scheme}, Adaptive", f"{scheme}, {CONTROLS['constant']}") for scheme in SCHEMES.values()
]
"""What adaptation is worth: the same prior and keep rate without it."""
_JUDGED = (
    ("Indep, Adaptive", "Indep, Random"),
    ("Indep, Adaptive", "Shared, Adaptive"),
    *_UNADAPTED,
)
"""The differences that a finding is made of."""


def build(evidence: Evidence) -> list[Exhibit]:
    """Return an exhibit per data set on which supernets scored allocations."""
    datasets = groupby(consistencies(evidence), key=lambda found: found.place.dataset)
    return [
        _exhibit(evidence, dataset, evidence.title(dataset), list(own)) for dataset, own in datasets
    ]


def _exhibit(evidence: Evidence, dataset: str, title: str, own: Sequence[Consistency]) -> Exhibit:
    tables = [_table(found) for found in own]
    effects = [judge_effects(found) for found in own]
    findings = [_findings(found) + texts for found, (_, _, texts) in zip(own, effects, strict=True)]
    return Exhibit(
        name=f"table4-{dataset}",
        title=f"Table 4, consistency of supernets: {title}",
        claim=CLAIM,
        findings=[text for texts in findings for text in texts],
        tables=[*tables, *map(_differences, own), *(t for one, _, _ in effects for t in one)],
        figures=[*map(_figure, own, tables, findings), *(f for _, one, _ in effects for f in one)],
        reproduce=reproduce_commands("table4", (evidence.known(f.place) for f in own)),
        runs=[run for found in own for run in found.runs],
    )


def _table(found: Consistency) -> Table:
    alone = found.alone
    lines: list[dict[str, object]] = []
    for kind, own in found.kinds.items():
        line: dict[str, object] = {
            "supernet": kind,
            "allocations": len(own.auc),
            "supernets": own.count,
        }
        for metric, name in METRICS.items():
            line |= tau_columns(name, own.taus.get(metric))
            line |= tau_columns(f"{name}, {GOOD}", own.good.get(metric))
            line[f"{name}: paper"] = PUBLISHED.get(kind, {}).get(metric)
        fit = (
            fit_effects(own.auc["inherited"], alone.sizes.loc[own.auc.index]) if own.taus else None
        )
        lines.append({**line, "additive R²": fit.r2 if fit else None, "seconds": own.seconds})
    halves, truth = ({"supernet": name, "allocations": len(alone.sizes)} for name in _LINES)
    for metric, name in METRICS.items():
        halves |= tau_columns(name, alone.halves(metric))
        truth[f"{name}: tau"] = alone.perfect(metric)
    frame = pd.DataFrame([*lines, halves, truth], dtype=object)
    return Table(
        name=f"table4-{found.name}",
        title=f"Consistency of supernets: {found.title}",
        caption=(
            "Kendall's tau-b of validation scores with inherited weights and of stand-alone"
            f" training (mean of {many(alone.seeds, 'seed')}) over the same random allocations;"
            " mean over supernets. Low and high: 95 % percentile bootstrap over allocations,"
            f" {RESAMPLES:,} resamples; SD: between supernets. Two halves of the seeds: how far"
            " stand-alone scores agree with themselves. The true ranking: its tau with the mean"
            " over all seeds, estimated from how far single seeds agree (Spearman-Brown, for"
            f" normal scores); beyond it is chance.{GOOD_HALF}"
            " Additive: adjusted R² of inherited AUC, the mean over supernets, as a sum of one"
            " effect per field and size. Seconds: to train a supernet, wall time."
            f" Paper: Table 4 of the {TITLE} paper."
        ),
        frame=frame,
        forms={
            **dict.fromkeys(frame.columns[1:], TAU),
            **dict.fromkeys(("allocations", "supernets"), COUNT),
            **{f"{name}: paper": AUC for name in METRICS.values()},
            "seconds": "{:,.1f}",
        },
        bold={
            name: [
                *_bold(*(list(frame[n][: len(lines)]) for n in ("allocations", name))),
                False,
                False,
            ]
            for name in (f"{metric}: tau" for metric in METRICS.values())
        },
    )


def _differences(found: Consistency) -> Table:
    lines = []
    nothing = Supernets()
    for first, second in [*_PAIRS, *_UNADAPTED]:
        line: dict[str, object] = {"difference of tau": f"{first} minus {second}"}
        pair = [found.kinds.get(kind, nothing) for kind in (first, second)]
        for metric, name in METRICS.items():
            gap = difference(*(own.taus.get(metric) for own in pair))
            line |= dict(zip((name, f"{name}: low", f"{name}: high"), gap, strict=True))
            line[f"{name}, {GOOD}"], *_ = difference(*(own.good.get(metric) for own in pair))
            line[f"paper: {name}"] = _published_gap(first, second, metric)
        lines.append(line)
    frame = pd.DataFrame(lines, dtype=object)
    return Table(
        name=f"table4-differences-{found.name}",
        title=f"Samplings and schemes against each other: {found.title}",
        caption=(
            "Differences of tau. Low and high: 95 % percentile bootstrap over allocations, both"
            " supernets scoring the same ones in each resample; not corrected for their number."
            " Adaptive minus Constant is what adapting the rates is worth: Constant keeps those at"
            f" which it starts.{GOOD_HALF} Paper: from Table 4 of the {TITLE} paper."
        ),
        frame=frame,
        forms=dict.fromkeys(frame.columns[1:], GAP)
        | {f"paper: {name}": SIGNED for name in METRICS.values()},
    )


def _figure(found: Consistency, data: Table, findings: Sequence[str]) -> Figure:
    taus = data.frame.set_index("supernet").astype(float)
    values, lines = [], {}
    for name in METRICS.values():
        own = taus.loc[list(found.kinds), [f"{name}: {text}" for text in _DRAWN.values()]]
        values.append(own.set_axis(list(_DRAWN), axis=1).assign(panel=f"by {name}"))
        known = taus.loc[list(_LINES), f"{name}: tau"].dropna()
        lines[f"by {name}"] = {_LINES[str(row)]: float(tau) for row, tau in known.items()}
    n = span(len(own.auc) for own in found.kinds.values() if own.taus)
    return Figure(
        name=data.name,
        title=data.title,
        caption=(
            "Kendall's tau-b (no unit) of inherited against stand-alone validation scores; bars:"
            f" 95 % bootstrap intervals over n = {n} allocations; diamonds: the values"
            f" of the {TITLE} paper; lines: two halves of the stand-alone seeds, and the true"
            " ranking as far as it can be estimated."
        ),
        alternative=" ".join(findings),
        data=data,
        draw=partial(
            draw_dots,
            values=pd.concat(values).rename_axis("name").reset_index(),
            names=list(found.kinds),
            lines=lines,
            unit="Kendall's tau-b",
            reference=f"{TITLE} paper",
        ),
        size=(9.0, 1.6 + 0.32 * len(found.kinds)),
    )


def _findings(found: Consistency) -> list[str]:
    taus = {kind: own.taus["auc"] for kind, own in found.kinds.items() if own.taus}
    if not taus:
        return [f"{found.title}: no supernet and stand-alone training share two allocations yet."]
    findings = [_best(found, taus)]
    for first, second in _JUDGED:
        mean, low, high = difference(taus.get(first), taus.get(second))
        if mean is not None:
            interval = "" if low is None else f" [{shown(low, GAP)}, {shown(high, GAP)}]"
            text = f"{found.title}, by AUC: {first} minus {second} is {shown(mean, GAP)}{interval}"
            paper = _published_gap(first, second, "auc")
            if paper is not None:
                text += f"; the {TITLE} paper has {shown(paper, GAP)}"
            elif (first, second) in _UNADAPTED:
                text += ", which is what adapting the rates is worth beside keeping its first ones"
            findings.append(f"{text}.")
    return findings


def _published_gap(first: str, second: str, metric: str) -> float | None:
    """Return a difference of the paper's taus; None where it has none of one of them."""
    if not {first, second} <= PUBLISHED.keys():
        return None
    return PUBLISHED[first][metric] - PUBLISHED[second][metric]


def _best(found: Consistency, taus: Mapping[str, Tau]) -> str:
    """Say which kinds rank best, among those that scored as many allocations as any."""
    most = max(tau.allocations for tau in taus.values())
    known = {kind: tau for kind, tau in taus.items() if tau.allocations == most}
    goods = {kind: found.kinds[kind].good.get("auc") for kind in known}
    highest = max(tau.mean for tau in known.values())
    first = {kind: tau for kind, tau in known.items() if tau.mean == highest}
    names, tau = listed(f"'{kind}'" for kind in first), next(iter(first.values()))
    text = f"{found.title}: "
    if len(first) < len(known):
        verb = "has" if len(first) == 1 else "share"
        text += f"{names} {verb} the highest tau by AUC of {len(known)} kinds of supernets, {tau}"
        text += f" over {most} allocations"
        gaps = [difference(tau, other) for kind, other in known.items() if kind not in first]
        clear = sum(low is not None and low > 0 for _, low, _ in gaps)
        text += f", with a 95 % interval of the difference above 0 for {clear} of the {len(gaps)}"
        text += " others" if len(gaps) > 1 else " other"
    else:
        verb = "has" if len(first) == 1 else "have"
        text += f"{names} {verb} a tau by AUC of {tau} over {most} allocations"
    if len(first) == 1 and (good := goods[next(iter(first))]) is not None:
        text += f"; over the {GOOD}, {good.allocations} allocations, it has {good}"
        best_good = max((tau.mean, kind) for kind, tau in goods.items() if tau)
        if best_good[1] not in first:
            text += f", where '{best_good[1]}' has most, {goods[best_good[1]]}"
    if halves := found.alone.halves("auc"):
        text += f"; two halves of the stand-alone seeds agree to {halves}"
    return f"{text}."


def _bold(counts: Sequence[int], taus: Sequence[float | None]) -> list[bool]:
    """Return which taus are the best of those over as many allocations as any, if several are."""
    most = max((n for n, tau in zip(counts, taus, strict=True) if tau is not None), default=0)
    known = [tau if n == most else None for n, tau in zip(counts, taus, strict=True)]
    return best(known) if sum(tau is not None for tau in known) > 1 else [False] * len(known)
