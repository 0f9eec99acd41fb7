"""Files that are never half-written."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from aesbench.errors import RecordError


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file, text as UTF-8, so that a reader sees all of it or the one before.

    Raises:
        RecordError: the disk is full or the folder cannot be written.
    """
    # Not by tempfile, whose files nobody but their owner may read.
    scratch = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with scratch.open("xb") as file:
                file.write(content.encode() if isinstance(content, str) else content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(scratch, path)
        finally:
            scratch.unlink(missing_ok=True)
    except OSError as error:
        raise RecordError(
            f"cannot write {path}: {error.strerror or error}; free space or choose another folder"
            " with --results, then run the same command again: finished runs are kept"
        ) from error
