"""Brings the records of several machines into one folder, or refuses to and changes nothing.

Records are copied as the bytes they are, with their traces, their masks and what is kept of their
data sets; only a record that is not there yet, or takes the place of a failed or packed one, is
written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aesbench.core.datasheet import datasheet_path, probe_path, read_datasheet, read_probe
from aesbench.core.files import write_atomically
from aesbench.core.pack import agree
from aesbench.core.record import (
    RunRecord,
    mask_path,
    read_record,
    read_traces,
    record_files,
    record_path,
    trace_path,
    with_masks,
)
from aesbench.core.spec import RunSpec
from aesbench.errors import ConfigError, RecordError


@dataclass(frozen=True)
class Merged:
    """What a merge did.

    Attributes:
        copied: records that were copied.
        replaced: those of them that took the place of another, of a failed run or of one that was
            retrained in a pack.
        already_there: the other records.
    """

    copied: int
    replaced: int
    already_there: int


@dataclass(frozen=True)
class _Found:
    """A record, the results folder that it belongs to, and its file."""

    record: RunRecord
    results: Path
    path: Path


def merge(folders: Sequence[str | Path], into: str | Path) -> Merged:
    """Copy the records of results folders, and what their searches traced, into another one.

    Where a folder holds a run that another one has too, equal records are one; of two that differ,
    one that succeeded takes the place of one that failed, and of two failures the later stays. Of
    two that succeeded and agree as records of packs do, one that was retrained alone takes the
    place of one that was not, since it has its cost; of two packs' the one that was there stays.
    Everything is checked before anything is written. An interrupted merge leaves whole records
    only, and the same command completes it.

    Args:
        folders: each as ``--results`` named it: it holds ``records/``.
        into: likewise; need not exist.

    Raises:
        ConfigError: ``folders`` is a single path.
        RecordError: a folder holds no record, a file is no record of this schema, a folder has no
            data of a data set in common with the others, or two successful records of one run
            differ, where packs took part by more than ``PACK_TOLERANCE``.
    """
    if isinstance(folders, str | Path):  # Whose letters would be taken for folders.
        raise ConfigError(f"folders = {str(folders)!r}: expected a list of results folders")
    into = Path(into)
    chosen: dict[str, _Found] = {}
    data: dict[str, dict[str, _Found]] = {}
    there = _read(into)
    _check_data(data, there)
    for found in there:
        chosen[found.record.spec.run_id] = found
    before = dict(chosen)
    seen = 0
    for folder in map(Path, folders):
        read = _read(folder)
        if not read:
            raise RecordError(
                f"{folder} holds no records; name the folders that --results named, in which"
                " records/ lies"
            )
        _check_data(data, read)
        for found in read:
            run_id = found.record.spec.run_id
            chosen[run_id] = _better(chosen[run_id], found) if run_id in chosen else found
            seen += 1
    new = [found for run_id, found in chosen.items() if before.get(run_id) is not found]
    for found in new:
        read_traces(found.results, found.record.spec)  # These refuse what they cannot read.
        with_masks(found.results, found.record)
        read_datasheet(found.results, found.record.spec)
        read_probe(found.results, found.record.spec)
    for found in new:
        _copy(found, into)
    replaced = sum(found.record.spec.run_id in before for found in new)
    return Merged(len(new), replaced, seen - len(new))


def _read(results: Path) -> list[_Found]:
    return [_Found(read_record(path), results, path) for path in record_files(results)]


def _check_data(known: dict[str, dict[str, _Found]], read: Sequence[_Found]) -> None:
    """Check that a folder has data of each data set in common with those before it.

    One folder may hold several data of a name, which a report keeps apart; a machine that shares
    none with the others has prepared other data than they.

    Args:
        known: {data set: {hash of its data: a run on them}} of the folders before; gains this one.
        read: the records of the folder.
    """
    own: dict[str, dict[str, _Found]] = {}
    for found in read:
        spec = found.record.spec
        own.setdefault(spec.dataset, {}).setdefault(spec.data_hash, found)
    for dataset, hashes in own.items():
        others = known.setdefault(dataset, {})
        if others and not others.keys() & hashes.keys():
            (mine, found), (theirs, other) = next(iter(hashes.items())), next(iter(others.items()))
            raise RecordError(
                f"{found.path} is of '{dataset}' with data {mine[:16]}, {other.path} with"
                f" {theirs[:16]}: they do not compare; nothing was copied. Prepare the same data on"
                " every machine (aesbench data info) and run them again"
            )
        others.update(hashes)


def _better(kept: _Found, found: _Found) -> _Found:
    """Return the one of two records of a run to keep."""
    if kept.record == found.record:
        return kept
    if kept.record.ok and found.record.ok:
        if _agree(kept.record, found.record):
            return kept if kept.record.pack is None or found.record.pack else found
        raise RecordError(
            f"{kept.path} and {found.path} are different records of one run,"
            f" {found.record.spec.run_id}; nothing was copied. Delete the one that shall not count"
        )
    if kept.record.ok != found.record.ok:
        return kept if kept.record.ok else found
    return max(kept, found, key=lambda f: str(f.record.environment.get("finished", "")))


def _agree(one: RunRecord, other: RunRecord) -> bool:
    """Whether two records of a run are as near as is promised where packs took part."""
    packs = one.pack, other.pack
    return (
        any(packs)
        and one.allocation == other.allocation
        and agree(one.metrics, other.metrics, *packs)
    )


def _copy(found: _Found, into: Path) -> None:
    """Copy a record, its traces, masks and data sheet; the record last: then the rest is there."""
    spec: RunSpec = found.record.spec
    for path_of in (datasheet_path, probe_path):
        sheet = path_of(found.results, spec.dataset, spec.data_hash)
        kept = path_of(into, spec.dataset, spec.data_hash)
        if sheet.exists() and not kept.exists():
            write_atomically(kept, sheet.read_bytes())
    for beside in (trace_path, mask_path):
        own, target = beside(found.results, spec), beside(into, spec)
        if own.exists():
            write_atomically(target, own.read_bytes())
        else:
            target.unlink(missing_ok=True)  # Of the failed run whose place this one takes.
    write_atomically(record_path(into, spec), found.path.read_bytes())
