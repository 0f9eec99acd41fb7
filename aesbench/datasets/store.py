"""How a prepared data set lies on disk, and how it is written without ever lying half-written.

::

    <cache>/processed/<name>-<key>/
        manifest.json                   see ``writer.py``
        <split>.ids.npy                 (rows, columns) int32
        <split>.labels.npy              (rows,) uint8
        <split>.probabilities.npy       (rows,) float32, generated data only
        counts.npy                      (sum of cardinalities,) int64, train counts field by field
        vocabulary/<number>.parquet     value and train count of each id, in the order of the ids
        draws/<draw>/                   the same of another draw of the split, where runs draw it

``key`` hashes the raw files, the source's settings, ``FORMAT`` and the provider of a source that is
not ours: change any and a new folder is prepared. Folders are written under a temporary name and
renamed: a random one, or, for a source that can go on after an interruption,
``.<name>-<key>.partial``, which a lock guards.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from aesbench.core.settings import plain_settings
from aesbench.datasets.arrays import canonical, processed_hash
from aesbench.datasets.base import SPLITS, Dataset, Field, Split
from aesbench.datasets.fingerprint import known_hash
from aesbench.datasets.source import Source
from aesbench.datasets.writer import FORMAT, MANIFEST, DatasetWriter, Progress, silent
from aesbench.errors import DataError


def cache_folder(override: Path | None = None) -> Path:
    """Return the folder for downloads and prepared data.

    ``override``, else ``$AESBENCH_CACHE``, else the platform's cache folder.
    """
    import pooch

    return Path(override or os.environ.get("AESBENCH_CACHE") or pooch.os_cache("aesbench"))


def raw_folder(override: Path | None = None) -> Path | None:
    """Return the folder of raw files: ``override``, else ``$AESBENCH_DATA``, else None."""
    own = os.environ.get("AESBENCH_DATA")
    return override or (Path(own) if own else None)


def prepare(
    source: Source,
    *,
    data_dir: Path | None = None,
    cache_dir: Path | None = None,
    progress: Progress | None = None,
) -> Dataset:
    """Return the prepared data set, building it only when these files and settings are new.

    Where the seeds of runs draw the split it is that of draw 0, and prepares the others when they
    are asked for.

    Args:
        source: the data set.
        data_dir: where its raw files lie.
        cache_dir: where downloads and prepared data go.
        progress: told what a long preparation does.

    Raises:
        DataError: a file is missing or malformed, or the disk is full.
    """
    cache = cache_folder(cache_dir)
    files = source.files(data_dir, cache)
    told = progress or silent
    raw = {
        role: known_hash(path, cache, lambda share: told("hash", 0, share))
        for role, path in sorted(files.items())
    }
    settings = plain_settings(source.config)
    identity = {"format": FORMAT, "name": source.name, "files": raw, "settings": settings}
    if source.provider:  # Changed code may make other data of the same files.
        identity["provider"] = source.provider
    key = hashlib.sha256(canonical(identity)).hexdigest()[:16]
    target = cache / "processed" / f"{source.name}-{key}"

    writer = partial(DatasetWriter, name=source.name, raw=raw, provider=source.provider)
    if not source.is_drawn:
        _ensure(source, files, partial(writer, settings=settings, progress=progress), target)
        return open_dataset(target)
    of_first = partial(writer, settings=settings, progress=progress, is_drawn=True)
    _ensure(source.drawn(0), files, of_first, target)
    first = open_dataset(target)

    @lru_cache(maxsize=_DRAWS_AT_HAND)
    def draw(number: int) -> Dataset:
        if number == 0:
            return first
        own, folder = source.drawn(number), _draw_folder(target, number)
        _ensure(own, files, partial(writer, settings=plain_settings(own.config)), folder)
        return open_dataset(folder)

    return dataclasses.replace(first, draw=draw)


_DRAWS_AT_HAND = 2
"""Draws of a split that stay open: on a GPU each lies there whole."""


def _draw_folder(folder: Path, draw: int) -> Path:
    return folder / "draws" / str(draw)


def _ensure(
    source: Source,
    files: Mapping[str, Path],
    writer_of: Callable[[Path], DatasetWriter],
    target: Path,
) -> None:
    """Prepare a source in a folder, unless that has been done.

    Raises:
        DataError: a file is malformed, or the disk is full.
    """
    if not _is_whole(target):
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with (_kept if source.resumable else _discarded)(target) as scratch:
                if not _is_whole(target):
                    _build(source, files, writer_of(scratch), target)
        except OSError as error:
            left = (
                "what is done is kept: run the same command again"
                if source.resumable
                else "nothing half-written is kept"
            )
            raise DataError(
                f"cannot prepare '{source.name}' under {target.parent}: {error.strerror or error};"
                f" free space or name another folder with --cache-dir; {left}"
            ) from error


def _is_whole(folder: Path) -> bool:
    return (folder / MANIFEST).exists()


@contextmanager
def _discarded(target: Path) -> Iterator[Path]:
    """A new folder to build in, gone afterwards."""
    # Not by tempfile, whose folders nobody but their owner may read.
    scratch = target.with_name(f".{target.name}-{secrets.token_hex(4)}")
    try:
        scratch.mkdir()
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def _kept(target: Path) -> Iterator[Path]:
    """A folder to build in that outlives interruptions and full disks, but no other error.

    One process at a time has it; the others wait.
    """
    scratch = target.with_name(f".{target.name}.partial")
    with FileLock(target.with_name(f".{target.name}.lock")):
        scratch.mkdir(exist_ok=True)
        try:
            yield scratch
        except (OSError, MemoryError, KeyboardInterrupt):
            raise
        except BaseException:
            shutil.rmtree(scratch, ignore_errors=True)
            raise


def _build(source: Source, files: Mapping[str, Path], writer: DatasetWriter, target: Path) -> None:
    source.build(files, writer)
    if not writer.is_finished:
        raise DataError(f"data set '{source.name}' did not call writer.finish() in build()")
    try:
        writer.folder.rename(target)
    except OSError:
        # Another process prepared the same data first, and its folder is as good as ours; or
        # these are the remains of a deletion that was interrupted.
        if not _is_whole(target):
            shutil.rmtree(target, ignore_errors=True)
            writer.folder.rename(target)


def open_dataset(folder: Path) -> Dataset:
    """Open a prepared data set without reading its rows; of its draws those that are prepared.

    Raises:
        DataError: the folder holds no prepared data set of this format.
    """

    def mapped(split: str, part: str) -> Any:
        # Copy-on-write: torch accepts only writable arrays, and the file stays as it is.
        return np.load(folder / f"{split}.{part}.npy", mmap_mode="c")

    try:
        manifest = json.loads((folder / MANIFEST).read_text())
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

    @lru_cache(maxsize=_DRAWS_AT_HAND)
    def draw(number: int) -> Dataset:
        return open_dataset(_draw_folder(folder, number)) if number else opened

    histories = tuple(Field(**entry) for entry in manifest.get("histories", ()))
    opened = Dataset(
        name=manifest["name"],
        hash=manifest["hash"],
        fields=tuple(fields),
        train=splits["train"],
        validation=splits["validation"],
        test=splits["test"],
        manifest=manifest,
        folder=folder,
        probabilities=probabilities,
        histories=histories,
    )
    return dataclasses.replace(opened, draw=draw) if manifest.get("drawn") else opened


def verify(dataset: Dataset) -> None:
    """Check that a prepared data set still holds the bytes that were written, every draw of it.

    Raises:
        DataError: its hash has changed.
    """
    described = [*dataset.manifest["fields"], *dataset.manifest.get("histories", ())]
    found = processed_hash(dataset.folder, described)
    if found != dataset.hash:
        raise DataError(
            f"{dataset.folder} has changed since it was prepared: its hash is {found[:16]}, the"
            f" manifest says {dataset.hash[:16]}; delete the folder and prepare it again"
        )
    for folder in sorted(dataset.folder.glob("draws/[0-9]*")):
        verify(open_dataset(folder))
