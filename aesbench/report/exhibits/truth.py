"""Generated data: the sizes that each method found against the sizes that were planted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd
from scipy import stats

from aesbench.core.phrasing import many, span
from aesbench.plugins.exhibit import (
    AUC,
    COUNT,
    HALF,
    SHARE,
    Evidence,
    Exhibit,
    Figure,
    Form,
    Table,
    shown,
)
from aesbench.plugins.paper import Place
from aesbench.report.draw.heatmap import draw_mean_sizes
from aesbench.report.statistics.contenders import BEST, Contender, competitions
from aesbench.report.statistics.leaders import CLEARLY, leader
from aesbench.report.statistics.scores import Measure, mean_over_seeds, over_seeds, spread
from aesbench.report.statistics.summary import Summary

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

Rows = Sequence[Contender]
TRUE_AUC = "test_expected_auc"


def build(evidence: Evidence) -> list[Exhibit]:
    """Return an exhibit per data set of known truth and backbone on which models were tested."""
    exhibits = []
    apart = evidence.apart
    for place, everyone in competitions(evidence).items():
        rows = [row for row in everyone if row.key != BEST and row.key not in apart]
        sheets = [r.datasheet for row in rows for r in row.runs["record"] if r.datasheet]
        truth = (sheets[0].get("truth") or {}) if sheets else {}
        ran = [row for row in rows if row.runs[TRUE_AUC].notna().any()]
        if truth.get("fields") and ran:
            exhibits.append(_exhibit(evidence, place, rows, ran, truth))
    return exhibits


def _exhibit(
    evidence: Evidence, place: Place, rows: Rows, ran: Rows, truth: Mapping[str, Any]
) -> Exhibit:
    fields = pd.DataFrame.from_dict(truth["fields"], orient="index")
    fields = fields.rename_axis("field").reset_index()
    fields = fields.sort_values(
        ["rank", "importance", "field"], ascending=[False, False, True]
    ).set_index("field")
    bayes = truth.get("bayes_auc", {}).get("test")
    sizes = {row.key: _sizes(row.runs) for row in rows}
    return Exhibit(
        name=f"truth-{place.dataset}-{place.backbone}",
        title=f"Against the known truth: {evidence.place(place)}",
        claim="",
        findings=_findings(ran, fields, sizes, bayes),
        tables=(
            _methods_table(place, rows, fields, sizes, bayes),
            _sizes_table(place, ran, fields, sizes),
        ),
        figures=(_figure(evidence, place, ran, fields, sizes),),
        runs=[run for row in rows for run in row.runs["run_id"]],
    )


Sizes = Mapping[str, pd.DataFrame]
"""{row: the mean size of the values of each field, a row per run}."""


def _sizes(runs: pd.DataFrame) -> pd.DataFrame:
    found = []
    for record in runs["record"]:
        own = record.allocation
        counts = zip(own.names, own.field_parameters, own.field_rows, strict=True)
        found.append({name: kept / rows for name, kept, rows in counts})
    return pd.DataFrame(found, index=runs.index)


def _findings(
    ran: Rows, fields: pd.DataFrame, sizes: Sizes, bayes: float | None
) -> tuple[str, ...]:
    texts = [_ahead(ran, {row.key: _scored(row) for row in ran}, TRUE_AUC, _TRUE, AUC)]
    if bayes:
        texts[0] += f"; no model can exceed {bayes:.4f} on average"
    known = {row.key: own for row in ran if (own := _correlations(row, fields, sizes)) is not None}
    if known:
        every = pd.concat(known.values())
        ordered = [row for row in ran if row.key in known]
        runs = {row.key: row.runs for row in ordered}
        texts.append(_ahead(ordered, runs, lambda own: every[own.index], _FOLLOWS, "{:.2f}"))
    return tuple(f"{text}." for text in texts)


_TRUE = "mean AUC against the true probabilities"
_FOLLOWS = "mean Spearman correlation of sizes with planted ranks"


def _ahead(
    rows: Rows, runs: Mapping[str, pd.DataFrame], measure: Measure, what: str, form: Form
) -> str:
    """Return who leads by a measure; what the only one has; or that nobody can be compared."""
    if lead := leader(runs, measure):
        return lead.in_words({row.key: row.name for row in rows}.__getitem__, what, form=form)
    if len(rows) > 1:
        return f"By the {what} nobody leads, as no two methods share a seed"
    (row,) = rows
    found = over_seeds(runs[row.key], measure)
    mean = shown(found and found.mean, form)
    return f"{row.name} has a {what} of {mean} (n = {many(found.n if found else 0, 'seed')})"


def _scored(row: Contender) -> pd.DataFrame:
    """Return the runs of a row that know their true AUC."""
    return row.runs[row.runs[TRUE_AUC].notna()]


def _methods_table(
    place: Place, rows: Rows, fields: pd.DataFrame, sizes: Sizes, bayes: float | None
) -> Table:
    auc = [over_seeds(_scored(row), TRUE_AUC) for row in rows]
    lead = leader({row.key: _scored(row) for row in rows}, TRUE_AUC)
    correlation = [_spearman(row, fields, sizes) for row in rows]
    frame = pd.DataFrame(
        {
            "method": [row.key for row in rows],
            "seeds": [one.n if one else 0 for one in auc],
            **spread("true AUC", auc),
            "below Bayes": [bayes - one.mean if bayes and one else None for one in auc],
            **spread("Spearman", correlation),
            "noise fields at smallest": [_at_smallest(row, fields, sizes, True) for row in rows],
            "fields of rank at smallest": [_at_smallest(row, fields, sizes, False) for row in rows],
            "P-R embedding": [mean_over_seeds(row.runs, "param_reduction") for row in rows],
        },
        dtype=object,
    ).rename(columns={"Spearman": "size with rank, Spearman"})
    forms = dict.fromkeys(frame.columns[2:6], AUC) | dict.fromkeys(frame.columns[6:9], "{:.2f}")
    forms |= dict.fromkeys(frame.columns[9:], SHARE)
    forms |= {"seeds": COUNT, "true AUC 95 %": HALF, "Spearman 95 %": "±{:.2f}"}
    return Table(
        name=f"truth-{place.dataset}-{place.backbone}",
        title="Methods against the truth",
        caption=(
            "True AUC: on the test split against the true probabilities, which takes the noise of"
            " the drawn labels away; mean over seeds, standard deviation, half the width of"
            " Student's 95 % interval. Below Bayes: what is missing to the AUC of the true"
            " probabilities. Spearman: rank correlation over the fields between size and planted"
            " rank; a method that gives all fields one size has none. At smallest: mean share of"
            " the noise fields, and of those with an effect, that get the smallest candidate or"
            " less; of blocks within a field the mean size per value counts. In bold: the best mean"
            f" over the seeds that the compared methods share. {CLEARLY}"
        ),
        frame=frame,
        forms=forms,
        texts={"method": [row.name for row in rows]},
        bold={"true AUC": [bool(lead and row.key in lead.first) for row in rows]},
    )


def _sizes_table(place: Place, ran: Rows, fields: pd.DataFrame, sizes: Sizes) -> Table:
    frame = fields[["rank", "importance"]].rename(columns={"rank": "planted rank"})
    for row in ran:
        frame[row.name] = sizes[row.key].mean()
    return Table(
        name=f"truth-{place.dataset}-{place.backbone}-sizes",
        title="Mean size of each field",
        caption=(
            "Mean over runs; of blocks within a field the mean per value. Rank: the least size that"
            " can represent the field; 0 is noise. Importance: share of the logit's variance."
        ),
        frame=frame.reset_index(),
        forms={
            "planted rank": COUNT,
            "importance": SHARE,
            **dict.fromkeys(frame.columns[2:], "{:.1f}"),
        },
        detail=True,
    )


def _figure(
    evidence: Evidence, place: Place, ran: Rows, fields: pd.DataFrame, sizes: Sizes
) -> Figure:
    shown = [row for row in ran if len(sizes[row.key])]
    values = pd.DataFrame({row.key: sizes[row.key].mean() for row in shown}).T[list(fields.index)]
    names = [row.name for row in shown]
    title = f"Sizes found on {evidence.place(place)}"
    name = f"truth-{place.dataset}-{place.backbone}-map"
    data = values.rename_axis("method").reset_index()
    columns = [f"{field} ({rank})" for field, rank in fields["rank"].items()]
    return Figure(
        name=name,
        title=title,
        caption=(
            "Mean embedding size (dimensions) of each field, n ="
            f" {span(row.runs['seed'].nunique() for row in shown)} seeds; fields by descending"
            " planted rank, in brackets. A method that sees the truth is dark on the left and light"
            " on the right."
        ),
        alternative=f"{title}: a row per method, a column per field, dark where the size is large.",
        data=Table(name, title, "", data, dict.fromkeys(fields.index, "{:.1f}"), {"method": names}),
        draw=partial(_draw, sizes=values.set_axis(names).set_axis(columns, axis=1)),
        size=(8.0, 1.5 + 0.28 * len(shown)),
    )


def _draw(figure: Canvas, sizes: pd.DataFrame) -> None:
    draw_mean_sizes(figure.subplots(), sizes, "field (planted rank)")


def _correlations(row: Contender, fields: pd.DataFrame, sizes: Sizes) -> pd.Series | None:
    """Return the rank correlation of size with planted rank of each run.

    Returns:
        None without runs, where a run's sizes are all equal, or where the ranks are.
    """
    own = sizes[row.key]
    if not len(own) or (own.nunique(axis=1) == 1).any() or fields["rank"].nunique() == 1:
        return None
    ranks = fields["rank"].loc[own.columns]
    found = [float(stats.spearmanr(line, ranks).statistic) for line in own.to_numpy()]
    return pd.Series(found, row.runs.index)


def _spearman(row: Contender, fields: pd.DataFrame, sizes: Sizes) -> Summary | None:
    """Return the correlation's summary over seeds, if there is one."""
    found = _correlations(row, fields, sizes)
    return None if found is None else over_seeds(row.runs, lambda runs: found)


def _at_smallest(row: Contender, fields: pd.DataFrame, sizes: Sizes, noise: bool) -> float | None:
    """Return the mean share of the fields with or without an effect that get the least size."""
    chosen = fields.index[fields["noise"] == noise]
    if not len(chosen) or not len(row.runs):
        return None
    least = [min(record.spec.candidates) for record in row.runs["record"]]
    shares = sizes[row.key][chosen].le(least, axis=0).mean(axis=1)
    return mean_over_seeds(row.runs, lambda runs: shares)
