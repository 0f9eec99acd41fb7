"""What a results folder holds, and what of it does not compare with the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from rich.console import Console

from aesbench.core.label import Label
from aesbench.core.pack import NO_COST
from aesbench.core.phrasing import many
from aesbench.core.record import (
    SCHEMA,
    RunRecord,
    read_record,
    record_files,
    upgrade_record,
    with_masks,
)
from aesbench.errors import RecordError
from aesbench.harness.recorded import REGISTRIES, provider_changes
from aesbench.plugins.exhibit import Evidence
from aesbench.plugins.registry import Registry
from aesbench.report.evidence import gather
from aesbench.report.groups import BY
from aesbench.report.statistics.scores import by_method, places
from aesbench.terminal.table import make_table


def show_records(console: Console, results: Path) -> None:
    """Print the groups of a folder's records, and why each is one of its own.

    Raises:
        RecordError: there are none, or a run appears twice.
    """
    records, damaged = _read(results)
    if not records and not damaged:
        raise RecordError(f"{results / 'records'} holds no records; make some with 'aesbench run'")
    versions = Counter(str(r.environment.get("aesbench", "unknown")) for r in records)
    made = ", ".join(f"{version} ({count:,})" for version, count in sorted(versions.items()))
    console.print(f"{many(len(records), 'record')} under {results}, by aesbench {made}")
    if records:
        evidence = gather(records)
        console.print(
            make_table(
                ("data set", "backbone", "runs", "failed"),
                _groups(evidence),
                texts=2,
                breaks=("data set", "backbone"),
            )
        )
        _list(console, "rows of their own, as they do not compare:", _rows(evidence))
        _list(console, f"{NO_COST}:", _packed(records))
        _list(console, "made by what has changed since:", _changed(records))
        _list(
            console,
            "of plugins that are not known here (name them with --plugin):",
            _unknown(records),
        )
        _list(console, "masks that cannot be read:", _unmasked(results, records))
    _list(console, "unreadable:", damaged)


def show_upgrade(console: Console, results: Path) -> None:
    """Write what older schemas hold in today's, and print how many files that were."""
    count = 0
    for path in record_files(results):
        try:
            count += upgrade_record(path)
        except RecordError:
            continue  # Listed with what is wrong with it.
    console.print(f"{many(count, 'record')} upgraded to schema {SCHEMA}; no result was changed")


def _read(results: Path) -> tuple[list[RunRecord], list[str]]:
    records, damaged = [], []
    for path in record_files(results):
        try:
            records.append(read_record(path))
        except RecordError as error:
            damaged.append(str(error))
    return records, damaged


def _groups(evidence: Evidence) -> list[tuple[str, ...]]:
    """Return a line per place; the titles say what sets one apart from others of its name."""
    lines: list[tuple[str, ...]] = []
    for place, runs in places(evidence.runs):
        failed = int((runs["status"] != "ok").sum())
        names = (evidence.title(place.dataset), evidence.title(place.backbone))
        lines.append((*names, f"{len(runs):,}", f"{failed:,}" if failed else ""))
    return lines


def _rows(evidence: Evidence) -> list[str]:
    """Name the rows that a report tells apart though their records have one label."""
    found = []
    for place, runs in places(evidence.runs):
        for label, own in by_method(runs).items():
            recorded = {record.spec.label for record in own["record"]}
            if label not in recorded:
                settings = dict(Label.parse(label).settings)
                why = f"another provider, {settings[BY]}" if BY in settings else "other settings"
                where = evidence.place(place)
                found.append(f"{many(len(own), 'run')} of {label} on {where}: {why}")
    return found


def _packed(records: Iterable[RunRecord]) -> list[str]:
    """Count the runs of each place that were retrained in packs, by how many and how wide."""
    counts = Counter(
        (record.spec.dataset, record.spec.backbone, record.pack)
        for record in records
        if record.pack is not None
    )
    return [
        f"{many(count, 'run')} on {dataset}, {backbone}: {pack}"
        for (dataset, backbone, pack), count in sorted(counts.items())
    ]


def _changed(records: Iterable[RunRecord]) -> list[str]:
    """Name the plugins whose records somebody else made than who provides them here and now."""
    changes = provider_changes((record.spec, record.providers) for record in records)
    return [
        f"{many(count, 'run')} of {name} by {then}; here it is provided by {now}"
        for (name, then, now), count in sorted(changes.items())
    ]


def _unknown(records: Iterable[RunRecord]) -> list[str]:
    """Name the plugins of records that are not registered here."""
    counts = Counter(
        (getattr(record.spec, kind), record.providers.get(kind, "nobody knows whom"))
        for record in records
        for kind, registry in REGISTRIES.items()
        if getattr(record.spec, kind) not in _names(registry)
    )
    return [f"{many(n, 'run')} of {name} by {then}" for (name, then), n in sorted(counts.items())]


@cache
def _names(registry: Registry[Any]) -> frozenset[str]:
    return frozenset(registry.names())  # To look for them takes milliseconds.


def _unmasked(results: Path, records: Iterable[RunRecord]) -> list[str]:
    """Return what is wrong with the masks of records: such runs can be compared, not exported."""
    found = []
    for record in records:
        try:
            with_masks(results, record)
        except RecordError as error:
            found.append(str(error))
    return found


def _list(console: Console, title: str, lines: Sequence[str]) -> None:
    if lines:
        console.print(title)
    for line in lines:
        console.print(f"  {line}", soft_wrap=True, markup=False)
