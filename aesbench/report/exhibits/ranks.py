"""Critical differences: whether methods differ over all data sets and backbones together.

Demšar, "Statistical Comparisons of Classifiers over Multiple Data Sets", JMLR 7 (2006): Friedman's
test, and Nemenyi's critical difference of mean ranks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import stats

from aesbench.core.label import Label
from aesbench.plugins.exhibit import AUC, Evidence, Exhibit, Figure, Look, Table
from aesbench.plugins.paper import Place
from aesbench.report.draw.intervals import draw_ranks
from aesbench.report.draw.theme import LABEL
from aesbench.report.statistics.contenders import BEST, competitions
from aesbench.report.statistics.paired import ALPHA
from aesbench.report.statistics.scores import mean_over_seeds

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

NAME = "critical-difference"
LEAST_METHODS = 3
LEAST_PLACES = 2


def build(evidence: Evidence) -> list[Exhibit]:
    """Return one exhibit, if three methods ran on the same two places at least."""
    everything = _means(evidence)
    scores = complete(everything)
    if len(scores) < LEAST_PLACES:
        return []
    p, critical, apart = friedman_nemenyi(scores)
    ranks = scores.rank(axis=1, ascending=False).mean().rename("mean rank")
    order = sorted(ranks.index, key=lambda method: (ranks[method], method))
    table = _table(evidence, scores[order], ranks[order], p, critical)
    findings = [_finding(evidence, scores, ranks[order], p, apart)]
    left_out = [place for place in everything.index if place not in scores.index]
    if left_out:
        named = ", ".join(_called(evidence, place) for place in left_out)
        findings.append(f"Left out, as fewer of these methods ran there: {named}.")
    runs = evidence.runs
    own = runs["method"].isin(order) & runs["retrained"]
    own &= (runs["dataset"] + "/" + runs["backbone"]).isin(scores.index)
    return [
        Exhibit(
            name=NAME,
            title="Ranks over data sets and backbones",
            claim="",
            findings=findings,
            tables=(table,),
            figures=(_figure(evidence, table, ranks[order], critical, apart, findings[0]),),
            runs=list(runs["run_id"][own]),
        )
    ]


def _means(evidence: Evidence) -> pd.DataFrame:
    """Return the mean test AUC of every method as it comes, a column each.

    A row per place, ``dataset/backbone``.
    """
    rows: dict[str, dict[str, float]] = {}
    for place, everyone in competitions(evidence).items():
        for row in everyone:
            if len(row.runs) and row.key != BEST and Label.parse(row.key).is_plain:
                found = mean_over_seeds(row.runs, "test_auc")
                rows.setdefault("/".join(place), {})[row.key] = found or 0.0
    return pd.DataFrame.from_dict(rows, orient="index")


def _called(evidence: Evidence, place: str) -> str:
    return evidence.place(Place(*place.split("/")))


def complete(scores: pd.DataFrame) -> pd.DataFrame:
    """Return places and methods that all ran there: as many pairs of them as can be had.

    Places enter by their number of methods; each is kept as long as the table grows.
    """
    best = scores.iloc[:0]
    counts = scores.notna().sum(axis=1)
    order = sorted(scores.index, key=lambda place: (-counts[place], place))
    for count in range(LEAST_PLACES, len(order) + 1):
        own = scores.loc[order[:count]].dropna(axis=1)
        if own.shape[1] >= LEAST_METHODS and own.size >= best.size:
            best = own
    return best


def friedman_nemenyi(scores: pd.DataFrame) -> tuple[float, float, pd.DataFrame]:
    """Test whether methods differ over places.

    Args:
        scores: a row per place, a column per method; higher is better.

    Returns:
        p of Friedman's test that all are equal; Nemenyi's critical difference of two mean ranks at
        .05; and which pairs differ, ``(methods, methods)``.
    """
    from scikit_posthocs import posthoc_nemenyi_friedman

    values = scores.to_numpy()
    count, methods = values.shape
    is_tied = np.ptp(values, axis=1).max() == 0  # Everywhere, where the statistic is 0 / 0.
    p = 1.0 if is_tied else float(stats.friedmanchisquare(*values.T).pvalue)
    quantile = float(stats.studentized_range.ppf(1 - ALPHA, methods, np.inf)) / 2**0.5
    critical = quantile * (methods * (methods + 1) / (6 * count)) ** 0.5
    pairs = posthoc_nemenyi_friedman(values)
    apart = pd.DataFrame(pairs.to_numpy() < ALPHA, scores.columns, scores.columns)
    return p, critical, apart


def joined(apart: pd.DataFrame, order: Sequence[str]) -> list[tuple[int, int]]:
    """Return which methods cannot be told apart: first and last place in order of rank.

    Only groups of at least two that no other holds.
    """
    found: list[tuple[int, int]] = []
    for first, method in enumerate(order):
        last = max(place for place, other in enumerate(order) if not apart.loc[method, other])
        if last > first and (not found or last > found[-1][1]):
            found.append((first, last))
    return found


def _table(
    evidence: Evidence, scores: pd.DataFrame, ranks: pd.Series, p: float, critical: float
) -> Table:
    means = scores.T.set_axis([_called(evidence, place) for place in scores.index], axis=1)
    frame = means.rename_axis("method").reset_index()
    frame.insert(1, "mean rank", ranks.to_numpy())
    return Table(
        name=NAME,
        title="Ranks over data sets and backbones",
        caption=(
            f"Mean test AUC over seeds on each of {len(scores)} data sets and backbones, and the"
            f" mean rank by it (1 is best). Friedman's test that all {len(ranks)} methods are"
            f" equal: p = {p:.3g}. By Nemenyi two methods differ at the .05 level if their"
            f" mean ranks are {critical:.2f} apart. The same data set with two backbones"
            " counts twice, which flatters p."
        ),
        frame=frame,
        forms={"mean rank": "{:.2f}", **dict.fromkeys(means.columns, AUC)},
        texts={"method": [evidence.method(method) for method in ranks.index]},
        bold={name: list(means[name] == means[name].max()) for name in means.columns},
    )


def _figure(
    evidence: Evidence,
    table: Table,
    ranks: pd.Series,
    critical: float,
    apart: pd.DataFrame,
    finding: str,
) -> Figure:
    names = [evidence.method(method) for method in ranks.index]
    return Figure(
        name=NAME,
        title="Critical difference of mean ranks",
        caption=(
            f"Mean rank by test AUC over n = {table.frame.shape[1] - 2} data sets and backbones (1"
            " is best). Bars join methods whose ranks lie closer than the critical difference (CD,"
            " Nemenyi at .05), which no test here tells apart."
        ),
        alternative=finding,
        data=table,
        draw=partial(
            _draw,
            ranks=pd.DataFrame({"name": names, "value": ranks.to_numpy()}),
            looks={evidence.method(method): evidence.look(method) for method in ranks.index},
            groups=joined(apart, list(ranks.index)),
            critical=critical,
        ),
        size=(8.0, 1.2 + 0.3 * len(ranks)),
    )


def _draw(
    figure: Canvas,
    ranks: pd.DataFrame,
    looks: Mapping[str, Look],
    groups: Sequence[tuple[int, int]],
    critical: float,
) -> None:
    axis = figure.subplots()
    draw_ranks(axis, ranks, looks, groups, critical)
    axis.set_xlabel("mean rank by test AUC", fontsize=LABEL)


def _finding(
    evidence: Evidence, scores: pd.DataFrame, ranks: pd.Series, p: float, apart: pd.DataFrame
) -> str:
    first = ranks.index[0]
    behind = [evidence.method(method) for method in scores.columns if apart.loc[first, method]]
    return (
        f"Over {len(scores)} data sets and backbones {evidence.method(first)} has the best mean"
        f" rank, {ranks.iloc[0]:.2f} of {len(ranks)} (Friedman p = {p:.3g}); clearly behind it"
        f" (Nemenyi, .05): {', '.join(behind) or 'nobody'}."
    )
