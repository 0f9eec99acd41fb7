"""What a data set is, kept beside its records, so that a report needs neither the data nor torch.

One small JSON file per data set and hash, ``datasets/<name>-<first digits of its hash>.json``, and
another, ``...-probe.json``, where its probe was kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from aesbench.core.files import MOST_BYTES, file_name, from_json, to_json, write_atomically
from aesbench.core.probe import Probe
from aesbench.core.record import RunRecord, read_records
from aesbench.core.spec import RunSpec
from aesbench.errors import RecordError

_DATA = ("name", "hash", "settings", "fields", "histories", "splits")
_KEPT = (*_DATA, "facts", "truth", "provider")
"""Of a manifest (``datasets/store.py``); the rest is about how and from what it was prepared."""


def write_datasheet(results: Path, manifest: Mapping[str, Any]) -> Path:
    """Keep what a manifest says of a data set, unless it is kept already.

    Raises:
        RecordError: the folder cannot be written.
    """
    path = datasheet_path(results, manifest["name"], manifest["hash"])
    if not path.exists():
        sheet = {name: manifest[name] for name in _KEPT if name in manifest}
        write_atomically(path, to_json(sheet) + "\n")
    return path


def read_datasheet(results: Path, spec: RunSpec) -> dict[str, Any]:
    """Return what is known of the data of a run; empty where nothing was kept.

    Raises:
        RecordError: the file does not hold the description of these data; the message names it.
    """
    path = datasheet_path(results, spec.dataset, spec.data_hash)
    if not path.exists():
        return {}
    try:
        sheet: dict[str, Any] = from_json(path.read_text(encoding="utf-8"))
        if sheet["hash"] != spec.data_hash:
            raise RecordError(f"describes data of hash {sheet['hash'][:16]}")
    except (OSError, ValueError, KeyError, TypeError, RecordError) as error:
        raise RecordError(f"{path}: {error}; delete the file and run aesbench run again") from error
    return sheet


def datasheet_path(results: Path, name: str, data_hash: str) -> Path:
    """Return where the description of a data set lies."""
    return _path(results, name, f"-{data_hash[:16]}.json")


def write_probe(results: Path, probe: Probe) -> Path:
    """Keep the probe of a data set; it takes the place of an older one.

    Raises:
        RecordError: the folder cannot be written.
    """
    path = probe_path(results, probe.name, probe.hash)
    write_atomically(path, to_json(probe.to_dict()) + "\n")
    return path


def read_probe(results: Path, spec: RunSpec) -> Probe | None:
    """Return the probe of the data of a run; None where none was kept.

    Raises:
        RecordError: the file does not hold the probe of these data; the message names it.
    """
    path = probe_path(results, spec.dataset, spec.data_hash)
    if not path.exists():
        return None
    try:
        probe = Probe.from_dict(from_json(path.read_text(encoding="utf-8")))
        if probe.hash != spec.data_hash:
            raise RecordError(f"probes data of hash {probe.hash[:16]}")
    except (OSError, ValueError, RecordError) as error:
        raise RecordError(
            f"{path}: {error}; delete the file, and aesbench data probe makes it again"
        ) from error
    return probe


def probe_path(results: Path, name: str, data_hash: str) -> Path:
    """Return where the probe of a data set lies."""
    return _path(results, name, f"-{data_hash[:16]}-probe.json")


def _path(results: Path, name: str, ending: str) -> Path:
    return results / "datasets" / (file_name(name, MOST_BYTES - len(ending)) + ending)


def read_results(results: Path) -> list[RunRecord]:
    """Return every record under a results folder with its datasheet, in the order of their paths.

    A sheet has the data set's ``Probe`` as ``probe``, where one was kept.

    Raises:
        RecordError: a file is not what its place says; the message names it.
    """
    sheets: dict[tuple[str, str], dict[str, Any]] = {}
    records = []
    for record in read_records(results):
        key = (record.spec.dataset, record.spec.data_hash)
        if key not in sheets:
            sheets[key] = read_datasheet(results, record.spec)
            if (probe := read_probe(results, record.spec)) is not None:
                sheets[key]["probe"] = probe
        records.append(replace(record, datasheet=sheets[key]))
    return records
