"""Mean ranks over data sets, and how many data sets it would take to tell methods apart.

Critical differences are drawn where data sets are enough for them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd

from aesbench.core.phrasing import listed, many, span
from aesbench.plugins.exhibit import COUNT, MISSING, Evidence, Exhibit, Figure, Look, Table, p_value
from aesbench.plugins.paper import Place
from aesbench.report.draw.intervals import draw_ranks
from aesbench.report.draw.theme import LABEL
from aesbench.report.statistics.contenders import BEST, competitions
from aesbench.report.statistics.leaders import complete
from aesbench.report.statistics.mean_ranks import (
    FEW_DATASETS,
    LEAST_BLOCKS,
    RESAMPLES,
    MeanRanks,
    friedman_nemenyi,
    joined,
    mean_ranks,
)
from aesbench.report.statistics.scores import seed_means

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

NAME = "ranks"
TITLE = "Ranks over data sets"
LEAST_METHODS = 3
LEAST_PLACES = 2

MOST_SHOWN = 1000
"""Whoever needs more data sets than this needs another question."""


def build(evidence: Evidence) -> list[Exhibit]:
    """Return one exhibit, if three methods share seeds on the same two places at least."""
    everything = _by_place(evidence)
    scores = comparable(everything)
    if scores.empty:
        return []
    runs = evidence.runs
    recorded = [record.spec.dataset for record in runs["record"]]
    # Another protocol on the same data is a place of its own, and no other data set.
    ranks = mean_ranks(scores, dict(zip(runs["dataset"], recorded, strict=True)))
    critical = _critical(ranks)
    table = _table(evidence, scores, ranks, critical)
    findings = [*_findings(evidence, ranks), *_left_out(evidence, everything, scores)]
    return [
        Exhibit(
            name=NAME,
            title=TITLE,
            claim="",
            findings=findings,
            tables=(table,),
            figures=(_figure(evidence, ranks, table, critical, findings),),
            runs=_run_ids(evidence, scores),
        )
    ]


def comparable(places: Mapping[Place, pd.DataFrame]) -> pd.DataFrame:
    """Return the scores of the methods that can be ranked together.

    As many pairs of place and method as can be had; a method ran at a place if it shares seeds with
    others there (``complete``).

    Args:
        places: {place: (seeds, methods)}, NaN where there is no score.

    Returns:
        A row per seed that all of these methods have, indexed by ``dataset``, ``backbone`` and
        ``seed``; empty if there are too few methods or places.
    """
    ran = {place: dict.fromkeys(complete(own), 1.0) for place, own in places.items()}
    methods = dict.fromkeys(name for own in places.values() for name in own)
    presence = pd.DataFrame(
        [[own.get(name) for name in methods] for own in ran.values()],
        index=range(len(ran)),
        columns=list(methods),
        dtype=float,
    )
    kept = complete(presence, LEAST_METHODS, LEAST_PLACES)
    chosen = [place for number, place in enumerate(places) if number in kept.index]
    if not chosen:
        return pd.DataFrame()
    return pd.concat(
        {place: places[place][list(kept)].dropna() for place in chosen},
        names=["dataset", "backbone", "seed"],
    )


def _by_place(evidence: Evidence) -> dict[Place, pd.DataFrame]:
    """Return the test AUC of every row of the comparison: ``{place: (seeds, methods)}``."""
    apart = evidence.apart
    return {
        place: pd.DataFrame(
            {
                row.key: seed_means(row.runs, "test_auc")
                for row in everyone
                if len(row.runs) and row.key != BEST and row.key not in apart
            }
        )
        for place, everyone in competitions(evidence).items()
    }


@dataclass(frozen=True)
class Critical:
    """What Demšar's tests over data sets say.

    Attributes:
        p: of Friedman's test that all methods are equal.
        difference: of mean ranks, that Nemenyi calls apart at .05.
        joined: first and last row of those that it does not.
    """

    p: float
    difference: float
    joined: Sequence[tuple[int, int]]


def _critical(ranks: MeanRanks) -> Critical | None:
    """Return the tests over data sets, if these are enough for them."""
    if len(ranks.by_dataset) < LEAST_BLOCKS:
        return None
    p, difference, apart = friedman_nemenyi(-ranks.by_dataset)
    return Critical(p, difference, joined(apart, list(ranks.methods.index)))


def _table(
    evidence: Evidence, scores: pd.DataFrame, ranks: MeanRanks, critical: Critical | None
) -> Table:
    columns = {name: evidence.title(name) for name in ranks.by_dataset.index}
    if len(set(columns.values())) < len(columns):
        columns = {name: f"{title} ({name})" for name, title in columns.items()}
    frame = ranks.methods.join(ranks.by_dataset.T.rename(columns=columns))
    places = scores.groupby(level=["dataset", "backbone"], sort=False).size()
    tests = ""
    if critical is not None:
        tests = (
            f" Friedman's test over the n = {len(columns)} data sets that all methods are equal:"
            f" p = {critical.p:.3g}; by Nemenyi two methods differ at the .05 level if their mean"
            f" ranks are {critical.difference:.2f} apart."
        )
    signed = dict.fromkeys(("behind", "behind: low", "behind: high"), "{:+.2f}")
    return Table(
        name=NAME,
        title=TITLE,
        caption=(
            f"Rank by test AUC among {many(len(frame), 'method')} (1 is best): of every seed that"
            f" all of them have, n = {span(places)} at each of {many(len(places), 'place')}; mean"
            " over seeds, then over the backbones of a data set, then over data sets. Low and high:"
            f" 95 % percentile bootstrap over the {many(len(columns), 'data set')} and, within"
            f" each, over the seeds of a place ({RESAMPLES:,} resamples). Behind: mean rank less"
            " that of the first row, likewise; p: two-sided t-test of it over data sets, corrected"
            " by Holm over all pairs of methods. Data sets needed: on how many such a test at .05,"
            " uncorrected, would find a difference of this size with a power of 80 %, if its mean"
            " and standard deviation over data sets were the observed ones. Last columns: mean rank"
            f" on each data set.{tests}"
        ),
        frame=frame.rename_axis("method").reset_index(),
        forms={
            **dict.fromkeys(("mean rank", "low", "high", *columns.values()), "{:.2f}"),
            **signed,
            "Holm p": p_value,
            "data sets needed": COUNT,
        },
        texts={
            "method": [evidence.method(method) for method in frame.index],
            "data sets needed": [_needed(ranks, method) for method in frame.index],
        },
        bold={"mean rank": [method in ranks.first for method in frame.index]},
    )


def _needed(ranks: MeanRanks, method: str) -> str:
    """Return on how many data sets a method would be told from the first."""
    count: Any = ranks.methods.at[method, "data sets needed"]
    if count is not None:
        return f"{count:,}" if count <= MOST_SHOWN else f"> {MOST_SHOWN:,}"
    is_unknown = method == ranks.methods.index[0] or len(ranks.by_dataset) == 1
    return MISSING if is_unknown else "none would"


def _figure(
    evidence: Evidence,
    ranks: MeanRanks,
    table: Table,
    critical: Critical | None,
    findings: Sequence[str],
) -> Figure:
    names = [evidence.method(method) for method in ranks.methods.index]
    count = many(len(ranks.by_dataset), "data set")
    bars = (
        " Bars join neighbours that Nemenyi's critical difference (CD, .05) does not tell apart."
        if critical
        else ""
    )
    own = ranks.methods[["mean rank", "low", "high"]].astype(float)
    return Figure(
        name=NAME,
        title="Mean ranks over data sets",
        caption=(
            f"Mean rank by test AUC over n = {count} (1 is best); lines: 95 % percentile bootstrap"
            f" over data sets, and over seeds within them.{bars}"
        ),
        alternative=" ".join(findings),
        data=table,
        draw=partial(
            _draw,
            ranks=own.set_axis(["value", "low", "high"], axis=1).assign(name=names),
            looks=dict(zip(names, map(evidence.look, ranks.methods.index), strict=True)),
            groups=critical.joined if critical else (),
            critical=critical.difference if critical else None,
        ),
        size=(8.0, 1.2 + 0.3 * len(names)),
    )


def _draw(
    figure: Canvas,
    ranks: pd.DataFrame,
    looks: Mapping[str, Look],
    groups: Sequence[tuple[int, int]],
    critical: float | None,
) -> None:
    axis = figure.subplots()
    draw_ranks(axis, ranks, looks, groups, critical)
    axis.set_xlabel("mean rank by test AUC", fontsize=LABEL)


def _findings(evidence: Evidence, ranks: MeanRanks) -> list[str]:
    """Say who has the best mean rank, who is behind it, and what it would take to tell more."""
    count = len(ranks.by_dataset)
    over = f"Over {many(count, 'data set')}"
    rows = ranks.methods
    first = listed(map(evidence.method, ranks.first))
    others = [method for method in rows.index if method not in ranks.first]
    if not others:
        return [f"{over} {first} have the same mean rank."]
    mean, low, high = rows.iloc[0][["mean rank", "low", "high"]]
    verb = "has" if len(ranks.first) == 1 else "share"
    text = (
        f"{over} {first} {verb} the best mean rank of {many(len(rows), 'method')}, {mean:.2f}"
        f" [{low:.2f}, {high:.2f}]"
    )
    if count == 1:
        return [f"{text}; one data set tells nothing of others, nor how many would."]
    behind = listed(map(evidence.method, ranks.behind))
    findings = [f"{text}; clearly behind (Holm-corrected p below .05): {behind}."]
    unclear = [method for method in others if method not in ranks.behind]
    if unclear:
        findings.append(_what_it_takes(evidence, ranks, unclear))
    if count < FEW_DATASETS:
        findings.append(
            f"A bootstrap over {count} data sets says little: it draws from {count} values, so that"
            " its intervals are too narrow, and the numbers of data sets needed are as rough."
        )
    return findings


def _what_it_takes(evidence: Evidence, ranks: MeanRanks, unclear: Sequence[str]) -> str:
    """Say on how many data sets those not told from the first would be: the next and the last."""
    ends = dict.fromkeys((unclear[0], unclear[-1]))
    gaps = ranks.methods["behind"].astype(float)
    texts = [
        f"{evidence.method(method)} ({gaps[method]:.2f} ranks behind): {_needed(ranks, method)}"
        for method in ends
    ]
    return (
        f"To tell {evidence.method(ranks.first[0])} from others by ranks that differ as they do"
        f" here (t-test at .05, power 80 %), so many data sets would be needed: {'; '.join(texts)}."
    )


def _left_out(
    evidence: Evidence, everything: Mapping[Place, pd.DataFrame], scores: pd.DataFrame
) -> list[str]:
    """Name the places and the methods that did not enter."""
    ranked = {Place(dataset, backbone) for dataset, backbone, _ in scores.index}
    places = [evidence.place(place) for place in everything if place not in ranked]
    methods = dict.fromkeys(
        str(name) for place, own in everything.items() if place in ranked for name in own
    )
    missing = [evidence.method(name) for name in methods if name not in scores]
    findings = []
    if places:
        findings.append(f"Left out, as fewer of these methods ran there: {'; '.join(places)}.")
    if missing:
        findings.append(f"Not ranked, for want of places or seeds: {listed(missing, 6)}.")
    return findings


def _run_ids(evidence: Evidence, scores: pd.DataFrame) -> list[str]:
    """Return the runs of the ranked seeds."""
    runs = evidence.runs
    own = runs[(runs["status"] == "ok") & runs["retrained"] & runs["method"].isin(list(scores))]
    seeds = pd.MultiIndex.from_frame(own[["dataset", "backbone", "seed"]])
    return list(own["run_id"][seeds.isin(scores.index)])
