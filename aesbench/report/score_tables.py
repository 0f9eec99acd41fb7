"""The tables of Table 3 at one place: scores, differences from a baseline, claims."""

from __future__ import annotations

from collections.abc import Sequence

from aesbench.report.claims import VERDICTS, Claim, reduction
from aesbench.report.contenders import Contender
from aesbench.report.names import backbone_name, dataset_name
from aesbench.report.page import cells
from aesbench.report.page.exhibit import Cell, TableData
from aesbench.report.published import TABLE3, Score, published_place
from aesbench.report.statistics.paired import Comparison, compare, corrected
from aesbench.report.statistics.scores import (
    REFERENCE,
    Place,
    Value,
    embedding_params,
    model_params,
    over_seeds,
    seed_means,
    test_auc,
    test_logloss,
)

_SCORES = (
    *("method", "seeds", "AUC", "AUC SD", "AUC 95 %", "LogLoss", "LogLoss SD", "LogLoss 95 %"),
    *("embedding params", "P-R embedding", "P-R model"),
)
_PUBLISHED = ("paper AUC", "paper LogLoss", "paper P-R")


def scores_table(place: Place, rows: Sequence[Contender]) -> TableData:
    """Return the scores of every row, the paper's beside them where it has the data set."""
    published = TABLE3.get(published_place(place))
    best_auc = max((s.mean for row in rows if (s := over_seeds(row.records, test_auc))), default=0)
    losses = [s.mean for row in rows if (s := over_seeds(row.records, test_logloss))]
    whole = [s for row in rows if row.key == REFERENCE for s in map(model_params, row.records)]
    body = []
    for row in rows:
        auc, loss = (over_seeds(row.records, value) for value in (test_auc, test_logloss))
        model = over_seeds(row.records, model_params)
        saved = 1 - model.mean / whole[0] if model and whole else None
        line = [
            cells.method(row.key, row.name),
            cells.seeds(auc.n if auc else 0, row.failed),
            *cells.mean_and_spread(auc, bold=auc is not None and auc.mean == best_auc),
            *cells.mean_and_spread(loss, bold=loss is not None and loss.mean == min(losses)),
            cells.count(_mean(row, embedding_params)),
            cells.share(_mean(row, reduction)),
            cells.share(saved),
        ]
        body.append(line + (_published_cells(published.get(row.key)) if published else []))
    return TableData(
        name=f"table3-{place.dataset}-{place.backbone}",
        title=f"Scores on {_called(place)}",
        caption=(
            "AUC and LogLoss on the test split: mean over seeds, standard deviation, and half the"
            " width of Student's 95 % interval of the mean. P-R: parameters saved against UES-32."
            " Best mean in bold. The best UES is chosen by its mean validation AUC."
            + (" The paper gives neither n nor spread." if published else "")
        ),
        header=_SCORES + (_PUBLISHED if published else ()),
        rows=tuple(body),
    )


def differences(rows: Sequence[Contender], baseline: str, value: Value) -> dict[str, Comparison]:
    """Return ``{row: its difference from the row of that key}``, p-values corrected over all."""
    runs = {row.key: seed_means(row.records, value) for row in rows}
    return corrected(
        {row.key: compare(runs[row.key], runs[baseline]) for row in rows if row.key != baseline}
    )


def differences_table(
    place: Place, rows: Sequence[Contender], baseline: Contender, metric: str, value: Value
) -> TableData:
    """Return the paired differences of a metric from a row."""
    # The best UES is one of the sizes, so one of the rows may be the baseline by another name.
    others = [row for row in rows if row.label != baseline.label or row.label is None]
    found = differences([*others, baseline], baseline.key, value)
    family = sum(1 for one in found.values() if one.p is not None)
    versus = "ues32" if baseline.key == REFERENCE else baseline.key
    better = "Above 0 is better." if metric == "AUC" else "Below 0 is better."
    return TableData(
        name=f"table3-{place.dataset}-{place.backbone}-{metric.lower()}-vs-{versus}",
        title=f"{metric} minus that of {baseline.name}, on {_called(place)}",
        caption=f"{better} {cells.COMPARISON_CAPTION.format(family=family)}",
        header=("method", *cells.COMPARISON_HEADER),
        rows=tuple(
            [cells.method(row.key, row.name), *cells.comparison(found[row.key])] for row in others
        ),
        detail=True,
    )


def claims_table(place: Place, claims: Sequence[Claim]) -> TableData:
    """Return the paper's claims with our differences and verdicts."""
    body = []
    for claim in claims:
        one = claim.comparison
        found = one.difference
        ours = (found.mean, found.low, found.high) if found else (None, None, None)
        body.append(
            [
                Cell.label(claim.text),
                Cell.label(claim.verdict),
                *(cells.signed(number) for number in (claim.published, *ours)),
                cells.count(one.n),
                cells.p_value(one.p_holm),
                Cell.number(one.detectable),
            ]
        )
    return TableData(
        name=f"table3-{place.dataset}-{place.backbone}-claims",
        title=f"The paper's claims, on {_called(place)}",
        caption=(
            f"{VERDICTS} Differences of AUC, or of the share of parameters saved; paired by seed,"
            " Student's 95 % interval, two-sided t-test, Holm over the claims of this table."
            " Detectable: as in the tables of differences. Published differences are of single"
            " means in the paper's Table 3."
        ),
        header=(
            *("claim", "verdict", "paper", "ours", "95 % low", "95 % high"),
            *("pairs", "Holm p", "detectable"),
        ),
        rows=tuple(body),
    )


def _called(place: Place) -> str:
    return f"{dataset_name(place.dataset)}, {backbone_name(place.backbone)}"


def _mean(row: Contender, value: Value) -> float | None:
    summary = over_seeds(row.records, value)
    return summary.mean if summary else None


def _published_cells(score: Score | None) -> list[Cell]:
    if score is None:
        return [Cell.number(None)] * len(_PUBLISHED)
    return [Cell.number(score.auc), Cell.number(score.logloss), cells.share(score.reduction)]
