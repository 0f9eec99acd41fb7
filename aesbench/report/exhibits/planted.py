"""Generated data: the sizes that each method found against the sizes that were planted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from statistics import mean
from typing import Any

import numpy as np
from scipy import stats

from aesbench.core.allocation import Allocation
from aesbench.core.phrasing import span
from aesbench.core.record import RunRecord
from aesbench.report.contenders import BEST, Contender, contenders
from aesbench.report.draw.size_map import draw_size_map
from aesbench.report.names import backbone_name, dataset_name
from aesbench.report.page import cells
from aesbench.report.page.exhibit import Cell, Exhibit, FigureData, TableData
from aesbench.report.statistics.scores import (
    Place,
    Value,
    by_place,
    embedding_params,
    metric,
    over_seeds,
    reference_params,
)
from aesbench.report.statistics.summary import Summary

Truth = Mapping[str, Mapping[str, Any]]
"""{field: {rank, importance, noise}}."""

_HEADER = (
    *("method", "seeds", "true AUC", "true AUC SD", "true AUC 95 %", "below Bayes"),
    *("size with rank, Spearman", "Spearman SD", "Spearman 95 %"),
    *("noise fields at smallest", "fields of rank at smallest", "P-R embedding"),
)


def build(records: Sequence[RunRecord]) -> list[Exhibit]:
    """Return an exhibit per data set of known truth and backbone on which models were tested."""
    exhibits = []
    for place, groups in by_place(r for r in records if r.spec.retrain).items():
        sheets = [r.datasheet for group in groups.values() for r in group if r.datasheet]
        truth = (sheets[0].get("truth") or {}) if sheets else {}
        rows = [row for row in contenders(groups) if row.key != BEST]
        ran = [row for row in rows if any("test_expected" in r.metrics for r in row.records)]
        if truth.get("fields") and ran:
            exhibits.append(_exhibit(place, rows, ran, truth))
    return exhibits


def _exhibit(
    place: Place, rows: Sequence[Contender], ran: Sequence[Contender], truth: Mapping[str, Any]
) -> Exhibit:
    fields: Truth = truth["fields"]
    bayes = truth.get("bayes_auc", {}).get("test")
    where = f"{dataset_name(place.dataset)}, {backbone_name(place.backbone)}"
    return Exhibit(
        name=f"truth-{place.dataset}-{place.backbone}",
        title=f"Against the known truth: {where}",
        claim="",
        findings=_findings(ran, fields, bayes),
        tables=(_methods_table(place, rows, fields, bayes), _sizes_table(place, ran, fields)),
        figures=(_figure(place, ran, fields),),
        runs=tuple(record for row in rows for record in row.records),
    )


def _findings(ran: Sequence[Contender], fields: Truth, bayes: float | None) -> tuple[str, ...]:
    scored = [(s, row) for row in ran if (s := over_seeds(row.records, _true_auc))]
    summary, first = max(scored, key=lambda pair: pair[0].mean)
    text = f"{first.name} has the highest AUC against the true probabilities, {summary.mean:.4f}"
    text += f" (n = {summary.n})"
    found = [text + (f"; no model can exceed {bayes:.4f} on average." if bayes else ".")]
    ranked = [(s, row) for row in ran if (s := _spearman_summary(row, fields))]
    if ranked:
        summary, first = max(ranked, key=lambda pair: pair[0].mean)
        found.append(
            f"The sizes of {first.name} follow the planted ranks best: Spearman's correlation"
            f" {summary.mean:.2f} (n = {summary.n})."
        )
    return tuple(found)


def _methods_table(
    place: Place, rows: Sequence[Contender], fields: Truth, bayes: float | None
) -> TableData:
    best = max((s.mean for r in rows if (s := over_seeds(r.records, _true_auc))), default=None)
    body = []
    for row in rows:
        auc = over_seeds(row.records, _true_auc)
        body.append(
            [
                cells.method(row.key, row.name),
                cells.count(auc.n if auc else 0),
                *cells.mean_and_spread(auc, bold=auc is not None and auc.mean == best),
                Cell.number(bayes - auc.mean if bayes is not None and auc else None),
                *cells.mean_and_spread(_spearman_summary(row, fields), ".2f"),
                *(cells.share(_share_at_smallest(row, fields, noise)) for noise in (True, False)),
                cells.share(_mean(row, lambda r: 1 - embedding_params(r) / reference_params(r))),
            ]
        )
    return TableData(
        name=f"truth-{place.dataset}-{place.backbone}",
        title="Methods against the truth",
        caption=(
            "True AUC: on the test split against the true probabilities, which takes the noise of"
            " the drawn labels away; mean over seeds, standard deviation, half the width of"
            " Student's 95 % interval. Below Bayes: what is missing to the AUC of the true"
            " probabilities. Spearman: rank correlation over the fields between size and planted"
            " rank; a method that gives all fields one size has none. At smallest: mean share of"
            " the noise fields, and of those with an effect, that get the smallest candidate or"
            " less; of blocks within a field the mean size per value counts. Best mean in bold."
        ),
        header=_HEADER,
        rows=tuple(body),
    )


def _sizes_table(place: Place, ran: Sequence[Contender], fields: Truth) -> TableData:
    sizes = {row.key: _mean_sizes(row) for row in ran}
    return TableData(
        name=f"truth-{place.dataset}-{place.backbone}-sizes",
        title="Mean size of each field",
        caption=(
            "Mean over runs; of blocks within a field the mean per value. Rank: the least size that"
            " can represent the field; 0 is noise. Importance: share of the logit's variance."
        ),
        header=("field", "planted rank", "importance", *(row.name for row in ran)),
        rows=tuple(
            [
                Cell.label(name),
                cells.count(fields[name]["rank"]),
                cells.share(fields[name]["importance"]),
                *(Cell.number(sizes[row.key].get(name), ".1f") for row in ran),
            ]
            for name in _by_rank(fields)
        ),
        detail=True,
    )


def _figure(place: Place, ran: Sequence[Contender], fields: Truth) -> FigureData:
    names = _by_rank(fields)
    shown = [(row, sizes) for row in ran if (sizes := _mean_sizes(row))]
    values = np.array([[sizes.get(name, np.nan) for name in names] for _, sizes in shown])
    title = f"Sizes found on {dataset_name(place.dataset)}, {backbone_name(place.backbone)}"
    columns = [f"{name} ({fields[name]['rank']})" for name in names]
    n = span(len({r.spec.seed for r in row.records}) for row, _ in shown)
    name = f"truth-{place.dataset}-{place.backbone}-map"
    return FigureData(
        name=name,
        title=title,
        caption=(
            f"Mean embedding size (dimensions) of each field, n = {n} seeds; fields by descending"
            " planted rank, in brackets. A method that sees the truth is dark on the left and light"
            " on the right."
        ),
        alternative=f"{title}: a row per method, a column per field, dark where the size is large.",
        data=TableData(
            name,
            title,
            "",
            ("method", *names),
            tuple(
                [cells.method(row.key, row.name), *(Cell.number(v, ".1f") for v in line)]
                for (row, _), line in zip(shown, values.tolist(), strict=True)
            ),
        ),
        draw=partial(
            draw_size_map, rows=[row.name for row, _ in shown], columns=columns, values=values
        ),
        size=(8.0, 1.5 + 0.28 * len(shown)),
    )


_true_auc = metric("test_expected", "auc")


def _sizes(allocation: Allocation) -> dict[str, float]:
    """Return the mean size of each field's values."""
    return {
        name: sum(b.rows * b.dim for b in blocks) / sum(b.rows for b in blocks)
        for name, blocks in zip(allocation.names, allocation.blocks, strict=True)
    }


def _mean_sizes(row: Contender) -> dict[str, float]:
    found = [_sizes(r.allocation) for r in row.records if r.allocation is not None]
    return {name: mean(sizes[name] for sizes in found) for name in (found[0] if found else ())}


def _by_rank(fields: Truth) -> list[str]:
    """Return the fields by descending rank, then importance."""
    return sorted(fields, key=lambda f: (-fields[f]["rank"], -fields[f]["importance"], f))


def _spearman_summary(row: Contender, fields: Truth) -> Summary | None:
    """Return the correlation's summary over seeds; None where a run's sizes are all equal."""
    varied = all(len(set(_sizes(r.allocation).values())) > 1 for r in row.records if r.allocation)
    return over_seeds(row.records, partial(_spearman, fields=fields)) if varied else None


def _spearman(record: RunRecord, fields: Truth) -> float:
    sizes = _sizes(record.allocation) if record.allocation else {}
    ranks = [fields[name]["rank"] for name in sizes]
    return float(stats.spearmanr(list(sizes.values()), ranks).statistic)


def _share_at_smallest(row: Contender, fields: Truth, noise: bool) -> float | None:
    """Return the mean share of the fields with or without an effect that get the least size."""
    chosen = [name for name, field in fields.items() if field["noise"] == noise]

    def share(record: RunRecord) -> float:
        sizes = _sizes(record.allocation) if record.allocation else {}
        return mean(sizes[name] <= min(record.spec.candidates) for name in chosen)

    return _mean(row, share) if chosen else None


def _mean(row: Contender, value: Value) -> float | None:
    summary = over_seeds(row.records, value)
    return summary.mean if summary else None
