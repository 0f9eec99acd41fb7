"""The overall comparison: one row per data set, backbone and method."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from aesbench.core.record import RunRecord
from aesbench.errors import RecordError
from aesbench.report.page.comparable import check_comparable
from aesbench.report.statistics.scores import (
    REFERENCE,
    Value,
    by_place,
    compared,
    embedding_params,
    metric,
    model_params,
    reference_params,
    seed_means,
    test_auc,
    test_logloss,
)
from aesbench.report.statistics.summary import Summary, summarise


@dataclass(frozen=True)
class Row:
    """What the runs of one method on one data set and backbone add up to.

    Attributes:
        dataset, backbone, method: which runs; ``method`` is their label.
        failed: runs that failed, in no other number.
        n: seeds with a run that succeeded; 0 leaves all that follows empty. Several searches of
            a seed share its data order, its initial weights and what was prepared: they are no
            independent runs, so each number is their mean before it enters a mean over seeds.
        auc, logloss: on the test split.
        true_auc: against the true probabilities, for generated data.
        embedding_params: mean over the runs.
        param_reduction: embedding parameters saved against UES-32, as a share (the paper's P-R).
        model_reduction: the same for the whole model; None without a run of UES-32 beside it.
        flops: mean over the runs.
        search_s, retrain_s: mean seconds; the search with what it prepared.
        unbudgeted: whether the method takes no budget though methods beside it were given one.
    """

    dataset: str
    backbone: str
    method: str
    failed: int
    n: int = 0
    auc: Summary | None = None
    logloss: Summary | None = None
    true_auc: Summary | None = None
    embedding_params: float | None = None
    param_reduction: float | None = None
    model_reduction: float | None = None
    flops: float | None = None
    search_s: float | None = None
    retrain_s: float | None = None
    unbudgeted: bool = False


def overall(records: Iterable[RunRecord]) -> list[Row]:
    """Summarise records, whatever their order, by data set, backbone and method.

    Runs that were searched only have nothing to compare and are left out.

    Raises:
        RecordError: there are no others, or they do not compare (``check_comparable``).
    """
    everything = list(records)
    retrained = [record for record in everything if record.spec.retrain]
    check_comparable(retrained)
    if not retrained:
        raise RecordError(
            "there are no records to compare"
            + (", only searches without a retraining" if everything else "")
            + "; make some with 'aesbench run'"
        )
    rows = []
    for groups in by_place(retrained).values():
        is_budgeted = any(group[0].spec.budget is not None for group in groups.values())
        for group in groups.values():
            takes_none = any(record.takes_budget is False for record in group)
            row = _row(group, groups.get(REFERENCE, []))
            rows.append(replace(row, unbudgeted=takes_none and is_budgeted))
    return rows


def _row(group: Sequence[RunRecord], reference: Sequence[RunRecord]) -> Row:
    spec = group[0].spec
    done = compared(group)
    failed = len(group) - len(done)
    if not done:
        return Row(spec.dataset, spec.backbone, spec.label, failed)

    def seeds(value: Value) -> Summary:
        return summarise(list(seed_means(done, value).values()))

    embedding = seeds(embedding_params).mean
    whole = [model_params(record) for record in compared(reference)]
    truth = all("test_expected" in record.metrics for record in done)
    return Row(
        dataset=spec.dataset,
        backbone=spec.backbone,
        method=spec.label,
        failed=failed,
        n=len({record.spec.seed for record in done}),
        auc=seeds(test_auc),
        logloss=seeds(test_logloss),
        true_auc=seeds(metric("test_expected", "auc")) if truth else None,
        embedding_params=embedding,
        param_reduction=1 - embedding / reference_params(done[0]),
        model_reduction=1 - seeds(model_params).mean / whole[0] if whole else None,
        flops=seeds(lambda record: record.flops or 0).mean,
        search_s=seeds(lambda record: record.seconds["prepare"] + record.seconds["search"]).mean,
        retrain_s=seeds(lambda record: record.seconds["retrain"]).mean,
    )
