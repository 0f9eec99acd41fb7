"""What must hold of records before any two of them are compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path

from aesbench.core.record import RunRecord, record_path
from aesbench.core.settings import content_hash
from aesbench.core.spec import RunSpec
from aesbench.errors import RecordError

_SETTINGS = [field.name for field in fields(RunSpec) if field.name not in ("seed", "search_index")]
"""All but what repeats a measurement."""

_PROTOCOL = ("backbone_config", "train", "tuned")


def check_comparable(records: Sequence[RunRecord]) -> None:
    """Check that records can be compared; searches that retrained nothing have no protocol.

    Raises:
        RecordError: a record appears twice, or records that do not compare meet: other data under
            one name, other settings under one label, or methods on one data set and backbone that
            were trained by different protocols. The message names the records.
    """
    _check_no_copies(records)
    _check_one_data_set_each(records)
    labels: dict[tuple[str, str, str], RunRecord] = {}
    protocols: dict[tuple[str, str], RunRecord] = {}
    for record in records:
        spec = record.spec
        _check_same_settings(
            labels.setdefault((spec.dataset, spec.backbone, spec.label), record), record
        )
        if spec.retrain:
            first = protocols.setdefault((spec.dataset, spec.backbone), record)
            _check_same_protocol(first, record)


def _check_no_copies(records: Sequence[RunRecord]) -> None:
    seen = set()
    for record in records:
        if record.spec.run_id in seen:
            raise RecordError(
                f"run {record.spec.run_id} of '{record.spec.label}' appears twice, which would"
                " count it twice; delete the copy"
            )
        seen.add(record.spec.run_id)


def _check_one_data_set_each(records: Sequence[RunRecord]) -> None:
    hashes: dict[str, Counter[str]] = {}
    for record in records:
        hashes.setdefault(record.spec.dataset, Counter())[record.spec.data_hash] += 1
    for dataset, counts in hashes.items():
        if len(counts) > 1:
            (common, _), *_, (rare, _) = counts.most_common()
            foreign = next(r for r in records if r.spec.data_hash == rare)
            path = record_path(Path(), foreign.spec)
            raise RecordError(
                f"records of '{dataset}' come from different data: {common[:16]} and {rare[:16]}"
                f" ({counts[rare]} of {counts.total()}, run {foreign.spec.run_id} for one, {path});"
                " move the ones you do not want to another results folder"
            )


def _check_same_settings(first: RunRecord, record: RunRecord) -> None:
    changed = _differing(first.spec, record.spec, _SETTINGS)
    if changed:
        raise RecordError(
            f"runs {first.spec.run_id} and {record.spec.run_id} of '{record.spec.label}' on"
            f" {record.spec.dataset} differ in {', '.join(changed)} and must not be averaged;"
            " move one of them to another results folder"
        )


def _check_same_protocol(first: RunRecord, record: RunRecord) -> None:
    """Check that two methods were retrained alike, settings aside that were tuned for them."""
    if not _differing(first.spec, record.spec, _PROTOCOL):
        return
    one, other = first.spec.protocol_settings, record.spec.protocol_settings
    changed = [name for name in one if content_hash(one[name]) != content_hash(other[name])]
    if changed:
        raise RecordError(
            f"runs {first.spec.run_id} of '{first.spec.label}' and {record.spec.run_id} of"
            f" '{record.spec.label}' on {record.spec.dataset}, {record.spec.backbone} differ in"
            f" {', '.join(changed)} and do not compare; move one of them to another results folder"
        )


def _differing(one: RunSpec, other: RunSpec, names: Sequence[str]) -> list[str]:
    """Return in which of these settings two specs differ."""
    changed = [name for name in names if getattr(one, name) != getattr(other, name)]
    if not changed:
        return []
    # A run just made holds tuples where a record holds lists.
    plain, others = asdict(one), asdict(other)
    return [name for name in changed if content_hash(plain[name]) != content_hash(others[name])]
