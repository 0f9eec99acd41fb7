"""How a prepared data set lies on disk, and how it is written without ever lying half-written.

::

    <cache>/processed/<name>-<key>/
        manifest.json                   see ``DatasetWriter.finish``
        <split>.ids.npy                 (rows, columns) int32
        <split>.labels.npy              (rows,) uint8
        <split>.probabilities.npy       (rows,) float32, generated data only
        counts.npy                      (sum of cardinalities,) int64, train counts field by field
        vocabulary/<number>.parquet     value and train count of each id, in the order of the ids

``key`` hashes the raw files, the source's settings and ``FORMAT``: change any and a new folder is
prepared. Folders are written under a temporary name and renamed.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aesbench._version import __version__
from aesbench.datasets.base import SPLITS, Dataset, Field, Source, Split
from aesbench.errors import DataError

if TYPE_CHECKING:
    import polars as pl

FORMAT = 1
"""Raise it whenever the same files and settings would give other arrays."""

_CHUNK = 1 << 24


def cache_folder(override: Path | None = None) -> Path:
    """Return the folder for downloads and prepared data.

    ``override``, else ``$AESBENCH_CACHE``, else the platform's cache folder.
    """
    import pooch

    return Path(override or os.environ.get("AESBENCH_CACHE") or pooch.os_cache("aesbench"))


def prepare(
    source: Source, *, data_dir: Path | None = None, cache_dir: Path | None = None
) -> Dataset:
    """Return the prepared data set, building it only when these files and settings are new.

    Raises:
        DataError: a file is missing or malformed, or the disk is full.
    """
    cache = cache_folder(cache_dir)
    files = source.files(data_dir, cache)
    raw = {role: file_hash(path) for role, path in sorted(files.items())}
    settings = asdict(source.config)
    identity = {"format": FORMAT, "name": source.name, "files": raw, "settings": settings}
    key = hashlib.sha256(_canonical(identity)).hexdigest()[:16]
    target = cache / "processed" / f"{source.name}-{key}"
    if not (target / "manifest.json").exists():
        _build(source, files, raw, settings, target)
    return open_dataset(target)


def _build(
    source: Source,
    files: Mapping[str, Path],
    raw: Mapping[str, str],
    settings: Mapping[str, Any],
    target: Path,
) -> None:
    scratch: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # Not by tempfile, whose folders nobody but their owner may read.
        scratch = target.with_name(f".{target.name}-{secrets.token_hex(4)}")
        scratch.mkdir()
        writer = DatasetWriter(scratch, source.name, raw, settings)
        source.build(files, writer)
        if not (scratch / "manifest.json").exists():
            raise DataError(f"data set '{source.name}' did not call writer.finish() in build()")
        try:
            scratch.rename(target)
        except OSError:
            # Another process prepared the same data first, and its folder is as good as ours; or
            # these are the remains of a deletion that was interrupted.
            if not (target / "manifest.json").exists():
                shutil.rmtree(target, ignore_errors=True)
                scratch.rename(target)
    except OSError as error:
        raise DataError(
            f"cannot prepare '{source.name}' under {target.parent}: {error.strerror or error};"
            " free space or name another folder with --cache-dir; nothing half-written is kept"
        ) from error
    finally:
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)


class DatasetWriter:
    """Receives the splits of one data set; a source's ``build`` gets one.

    Call ``split`` once for each of train, validation and test and fill the arrays it returns, then
    ``finish`` once.
    """

    def __init__(
        self, folder: Path, name: str, raw: Mapping[str, str], settings: Mapping[str, Any]
    ) -> None:
        self.folder = folder
        """A folder for the data set; temporary files may be put there and must be removed."""
        self._name, self._raw, self._settings = name, raw, settings

    def split(
        self, split: str, rows: int, columns: int, *, probabilities: bool = False
    ) -> tuple[NDArray[np.int32], NDArray[np.uint8], NDArray[np.float32] | None]:
        """Create one split and return its arrays to fill, memory-mapped.

        Returns:
            ids ``(rows, columns)``, labels ``(rows,)`` and, if asked for, the true probabilities
            ``(rows,)``.

        Raises:
            DataError: the split is empty.
        """
        if rows == 0:
            raise DataError(
                f"the {split} split of '{self._name}' is empty; give the data set more rows or"
                " another split rule"
            )

        def create(part: str, shape: tuple[int, ...], dtype: type) -> Any:
            path = self.folder / f"{split}.{part}.npy"
            array = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
            if hasattr(os, "posix_fallocate"):
                # On a full disk a write through a memory map kills the process: find out now.
                with path.open("r+b") as file:
                    os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
            return array

        return (
            create("ids", (rows, columns), np.int32),
            create("labels", (rows,), np.uint8),
            create("probabilities", (rows,), np.float32) if probabilities else None,
        )

    def vocabulary(self, field_number: int, frame: pl.DataFrame) -> None:
        """Keep what each id of a field stands for: columns ``value`` and ``count``, a row per id.

        The last row is the out-of-vocabulary id, with a null value.
        """
        folder = self.folder / "vocabulary"
        folder.mkdir(exist_ok=True)
        frame.write_parquet(folder / f"{field_number}.parquet")

    def finish(
        self,
        fields: Sequence[Field],
        *,
        facts: Mapping[str, Any] | None = None,
        truth: Mapping[str, Any] | None = None,
    ) -> None:
        """Check the splits, hash them and write the manifest.

        Args:
            fields: in the order of the id columns, each with its train counts.
            facts: what else is known of the rows; kept in the manifest.
            truth: what is known of a generated data set.

        Raises:
            DataError: a field lacks its counts, the labels of a split are constant or not 0 and
                1, or an id is out of range.
        """
        for field in fields:
            if len(field.counts) != field.cardinality:
                raise DataError(
                    f"field '{field.name}' of '{self._name}' has {len(field.counts)} counts for a"
                    f" cardinality of {field.cardinality}; count every id in the train split"
                )
        counts = np.concatenate([field.counts for field in fields]).astype(np.int64)
        np.save(self.folder / "counts.npy", counts)
        splits: dict[str, Any] = {}
        for split in SPLITS:
            ids = np.load(self.folder / f"{split}.ids.npy", mmap_mode="r")
            labels = np.load(self.folder / f"{split}.labels.npy", mmap_mode="r")
            self._check_ids(split, ids, fields)
            if labels.max() > 1:
                raise DataError(
                    f"a label of the {split} split of '{self._name}' is {labels.max()}; labels are"
                    " 0 or 1: check the label rule"
                )
            rows, positives = len(labels), int(labels.sum(dtype=np.int64))
            if positives in (0, rows):
                raise DataError(
                    f"all {rows} labels of the {split} split of '{self._name}' are"
                    f" {int(positives > 0)}; both classes are needed: check the label rule and"
                    " the split"
                )
            splits[split] = {"rows": rows, "positives": positives}
        described = [
            {"name": f.name, "cardinality": f.cardinality, "columns": f.columns} for f in fields
        ]
        manifest = {
            "format": FORMAT,
            "name": self._name,
            "hash": processed_hash(self.folder, described),
            "files": dict(self._raw),
            "settings": dict(self._settings),
            "fields": described,
            "splits": splits,
            "facts": dict(facts or {}),
            "truth": dict(truth) if truth is not None else None,
            "aesbench": __version__,
        }
        (self.folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")

    def _check_ids(self, split: str, ids: NDArray[np.int32], fields: Sequence[Field]) -> None:
        columns = sum(field.columns for field in fields)
        if ids.shape[1] != columns:
            raise DataError(f"{split} ids have {ids.shape[1]} columns, the fields {columns}")
        column = 0
        for field in fields:
            part = ids[:, column : column + field.columns]
            column += field.columns
            lowest = -1 if field.columns > 1 else 0
            if part.min() < lowest or part.max() >= field.cardinality:
                raise DataError(
                    f"{split} ids of field '{field.name}' lie in {part.min()}..{part.max()},"
                    f" expected {lowest}..{field.cardinality - 1}"
                )


def open_dataset(folder: Path) -> Dataset:
    """Open a prepared data set without reading its rows.

    Raises:
        DataError: the folder holds no prepared data set of this format.
    """

    def mapped(split: str, part: str) -> Any:
        # Copy-on-write: torch accepts only writable arrays, and the file stays as it is.
        return np.load(folder / f"{split}.{part}.npy", mmap_mode="c")

    try:
        manifest = json.loads((folder / "manifest.json").read_text())
        if manifest.get("format") != FORMAT:
            raise ValueError(f"format {manifest.get('format')}, this aesbench reads {FORMAT}")
        counts = np.load(folder / "counts.npy")
        splits = {s: Split(mapped(s, "ids"), mapped(s, "labels")) for s in SPLITS}
        probabilities = {
            s: mapped(s, "probabilities")
            for s in SPLITS
            if (folder / f"{s}.probabilities.npy").exists()
        }
    except (OSError, ValueError) as error:
        raise DataError(
            f"{folder} holds no readable data set ({error}); delete it and run"
            " aesbench data prepare again"
        ) from error
    fields, start = [], 0
    for entry in manifest["fields"]:
        stop = start + entry["cardinality"]
        fields.append(Field(**entry, counts=counts[start:stop]))
        start = stop
    return Dataset(
        name=manifest["name"],
        hash=manifest["hash"],
        fields=tuple(fields),
        **splits,
        manifest=manifest,
        folder=folder,
        probabilities=probabilities,
    )


def processed_hash(folder: Path, fields: Sequence[Mapping[str, Any]]) -> str:
    """Return the sha256 over the described fields and every array of a prepared data set.

    Args:
        folder: where the arrays lie.
        fields: the manifest's ``fields``.
    """
    digest = hashlib.sha256(_canonical(list(fields)))
    digest.update(np.load(folder / "counts.npy").tobytes())
    for split in SPLITS:
        for part in ("ids", "labels", "probabilities"):
            path = folder / f"{split}.{part}.npy"
            if path.exists():
                array = np.load(path, mmap_mode="r")
                rows = max(1, _CHUNK // array[:1].nbytes)
                for start in range(0, len(array), rows):
                    digest.update(array[start : start + rows].tobytes())
    return digest.hexdigest()


def verify(dataset: Dataset) -> None:
    """Check that a prepared data set still holds the bytes that were written.

    Raises:
        DataError: its hash has changed.
    """
    found = processed_hash(dataset.folder, dataset.manifest["fields"])
    if found != dataset.hash:
        raise DataError(
            f"{dataset.folder} has changed since it was prepared: its hash is {found[:16]}, the"
            f" manifest says {dataset.hash[:16]}; delete the folder and prepare it again"
        )


def file_hash(path: Path) -> str:
    """Return the sha256 of a file's bytes, as hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
