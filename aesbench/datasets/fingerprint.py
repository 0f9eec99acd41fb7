"""The sha256 of raw files; that of a large file is computed once and remembered.

Every command on a data set asks for it, and reading the 11 GB of Criteo takes long. A remembered
hash holds as long as the file's path, size and time of change stay the same.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

from aesbench.core.files import to_json

_CHUNK = 1 << 24
_LARGE_BYTES = 1 << 26


def known_hash(path: Path, cache: Path, advance: Callable[[float], None]) -> str:
    """Return ``file_hash``, remembered in the cache folder if the file is large.

    Args:
        path: the file.
        cache: the cache folder.
        advance: told the share of a large file that is read.
    """
    status = path.stat()
    if status.st_size < _LARGE_BYTES:
        return file_hash(path)
    place = str(path.resolve())
    facts = {
        "path": place,
        "bytes": status.st_size,
        "changed_ns": status.st_mtime_ns,
    }
    name = hashlib.sha256(place.encode()).hexdigest()[:16]
    memory = cache / "hashes" / f"{name}.json"
    try:
        remembered = json.loads(memory.read_text())
        if {key: remembered[key] for key in facts} == facts:
            return str(remembered["sha256"])
    except (OSError, ValueError, KeyError):
        pass  # Nothing is remembered, or nothing readable.
    digest = file_hash(path, lambda read: advance(read / status.st_size))
    memory.parent.mkdir(parents=True, exist_ok=True)
    partial = memory.with_suffix(f".{os.getpid()}")
    partial.write_text(to_json({**facts, "sha256": digest}) + "\n")
    partial.replace(memory)
    return digest


def file_hash(path: Path, advance: Callable[[int], None] | None = None) -> str:
    """Return the sha256 of a file's bytes, as hexadecimal digits.

    Args:
        path: the file.
        advance: told the bytes that are read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            if advance is not None:
                advance(file.tell())
    return digest.hexdigest()
