"""The overall comparison: one row per data set, backbone and method."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from aesbench.config import REFERENCE_DIM, content_hash
from aesbench.errors import RecordError
from aesbench.record import RunRecord, settings_of
from aesbench.report.stats import Summary, summarise

REFERENCE = f"ues:{REFERENCE_DIM}"


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
        RecordError: there are no others, one appears twice, or records that do not compare meet:
            other data under one name, other settings under one label, or methods on one data set
            and backbone that were trained by different protocols.
    """
    groups: dict[tuple[str, str, str], list[RunRecord]] = {}
    seen = set()
    for record in records:
        if record.spec.run_id in seen:
            raise RecordError(
                f"run {record.spec.run_id} of '{record.spec.label}' appears twice, which would"
                " count it twice; delete the copy"
            )
        seen.add(record.spec.run_id)
        if not record.spec.retrain:
            continue
        key = (record.spec.dataset, record.spec.backbone, record.spec.label)
        groups.setdefault(key, []).append(record)
    if not groups:
        raise RecordError(
            "there are no records to compare"
            + (", only searches without a retraining" if seen else "")
            + "; make some with 'aesbench run'"
        )
    _check_one_data_set_each(groups.values())
    budgeted = {key[:2] for key, group in groups.items() if group[0].spec.budget is not None}
    rows = []
    protocols: dict[tuple[str, str], RunRecord] = {}
    for key in sorted(groups, key=lambda k: (k[0], k[1], method_order(k[2]))):
        group = sorted(groups[key], key=lambda r: (r.spec.seed, r.spec.search_index))
        _check_same_settings(group)
        _check_same_protocol(protocols.setdefault(key[:2], group[0]), group[0])
        row = _row(group, groups.get((key[0], key[1], REFERENCE), []))
        takes_none = any(record.takes_budget is False for record in group)
        rows.append(replace(row, unbudgeted=takes_none and key[:2] in budgeted))
    return rows


def method_order(label: str) -> tuple[bool, list[tuple[int, int | str]]]:
    """Return a sort key: uniform sizes first, numbers inside a label by their value."""
    parts = re.findall(r"\d+|\D+", label)
    return not re.match(r"ues\b", label), [(0, int(p)) if p.isdigit() else (1, p) for p in parts]


def _row(group: Sequence[RunRecord], reference: Sequence[RunRecord]) -> Row:
    spec = group[0].spec
    done = [record for record in group if record.ok]
    failed = len(group) - len(done)
    if not done:
        return Row(spec.dataset, spec.backbone, spec.label, failed)

    def seeds(value: Callable[[RunRecord], float]) -> Summary:
        return summarise(_seed_means(done, value))

    rows = [record.allocation.rows for record in done if record.allocation is not None]
    embedding = seeds(lambda record: record.parameters["embedding"]).mean
    whole = [sum(record.parameters.values()) for record in reference if record.ok]
    truth = all("test_expected" in record.metrics for record in done)
    return Row(
        dataset=spec.dataset,
        backbone=spec.backbone,
        method=spec.label,
        failed=failed,
        n=len({record.spec.seed for record in done}),
        auc=seeds(lambda record: record.metrics["test"]["auc"]),
        logloss=seeds(lambda record: record.metrics["test"]["logloss"]),
        true_auc=seeds(lambda record: record.metrics["test_expected"]["auc"]) if truth else None,
        embedding_params=embedding,
        param_reduction=1 - embedding / (REFERENCE_DIM * rows[0]),
        model_reduction=(
            1 - seeds(lambda record: sum(record.parameters.values())).mean / whole[0]
            if whole
            else None
        ),
        flops=seeds(lambda record: record.flops or 0).mean,
        search_s=seeds(lambda record: record.seconds["prepare"] + record.seconds["search"]).mean,
        retrain_s=seeds(lambda record: record.seconds["retrain"]).mean,
    )


def _seed_means(records: Iterable[RunRecord], value: Callable[[RunRecord], float]) -> list[float]:
    """Return one value per seed, the mean over its searches."""
    of_seed: dict[int, list[float]] = {}
    for record in records:
        of_seed.setdefault(record.spec.seed, []).append(value(record))
    return [summarise(values).mean for values in of_seed.values()]


def _check_one_data_set_each(groups: Iterable[Sequence[RunRecord]]) -> None:
    hashes: dict[str, str] = {}
    for group in groups:
        for record in group:
            spec = record.spec
            first = hashes.setdefault(spec.dataset, spec.data_hash)
            if first != spec.data_hash:
                raise RecordError(
                    f"records of '{spec.dataset}' come from different data: {first[:16]} and"
                    f" {spec.data_hash[:16]} (run {spec.run_id}); move the ones you do not want to"
                    " another results folder"
                )


def _check_same_settings(group: Sequence[RunRecord]) -> None:
    first = settings_of(group[0].spec)
    for record in group[1:]:
        other = settings_of(record.spec)
        if content_hash(first) != content_hash(other):
            changed = [name for name in first if first[name] != other[name]]
            raise RecordError(
                f"runs {group[0].spec.run_id} and {record.spec.run_id} of '{record.spec.label}' on"
                f" {record.spec.dataset} differ in {', '.join(changed)} and must not be averaged;"
                " move one of them to another results folder"
            )


def _check_same_protocol(first: RunRecord, record: RunRecord) -> None:
    """Check that two methods were retrained alike: on one backbone, with one ``train``."""
    one, other = settings_of(first.spec), settings_of(record.spec)
    changed = [name for name in ("backbone_config", "train") if one[name] != other[name]]
    if changed:
        raise RecordError(
            f"runs {first.spec.run_id} of '{first.spec.label}' and {record.spec.run_id} of"
            f" '{record.spec.label}' on {record.spec.dataset}, {record.spec.backbone} differ in"
            f" {', '.join(changed)} and do not compare; move one of them to another results folder"
        )
