"""Files: never half-written, of strict JSON, under names that every file system takes."""

from __future__ import annotations

import hashlib
import json
import math
import os
import secrets
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from aesbench.errors import RecordError

DAMAGED = (OSError, EOFError, zipfile.BadZipFile, zlib.error)
"""What reading a file that is compressed raises where it is cut short, empty or written over."""

MOST_BYTES = 255
"""The longest name that common file systems take, in bytes."""

_DIGITS = 16
"""Of the hash that ends a name which is not the text itself."""


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file, text as UTF-8, so that a reader sees all of it or the one before.

    Raises:
        RecordError: the disk is full or the folder cannot be written.
    """
    # Not by tempfile, whose files nobody but their owner may read; not after the file's own name,
    # which may be as long as names can be.
    scratch = path.with_name(f".{secrets.token_hex(8)}.tmp")
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


def to_json(value: Any, indent: int | None = 1) -> str:
    """Return a value as strict JSON: a number that is not finite, of a measurement, becomes null.

    Python's own ``NaN`` and ``Infinity`` are no JSON, and other tools refuse the whole file.
    """
    try:
        return json.dumps(value, indent=indent, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(value), indent=indent, allow_nan=False)


def from_json(text: str) -> Any:
    """Return what strict JSON says.

    Raises:
        ValueError: it is none; ``NaN`` and ``Infinity`` are not.
    """
    return json.loads(text, parse_constant=_refuse)


def file_name(text: str, most_bytes: int = MOST_BYTES) -> str:
    """Return a text as one name of a path: itself if it can be, else its beginning and a hash.

    Equal texts have equal names, and different ones different names.
    """
    encoded = text.encode(errors="surrogatepass")
    is_name = not {"/", "\\", "\0"} & set(text) and text not in (".", "..")
    if is_name and len(encoded) <= most_bytes:
        return text
    plain = "".join("-" if character in "/\\\0" else character for character in text)
    digest = hashlib.sha256(encoded).hexdigest()[:_DIGITS]
    kept = plain.encode(errors="replace")[: most_bytes - _DIGITS - 1].decode(errors="ignore")
    return f"{kept}-{digest}"


def json_files(folder: Path) -> Iterator[Path]:
    """Yield every ``.json`` file under a folder, in the order of paths within it.

    Linked folders and files count as what they lead to, on every version of Python; a file that
    several paths lead to is given once, by the path that goes through the fewest links.

    Raises:
        RecordError: a folder cannot be read, or a link leads nowhere.
    """
    found, linked_files = dict[str, Path](), dict[str, Path]()
    seen = set()
    plain, linked = [folder] if os.path.lexists(folder) else [], list[Path]()
    while plain or linked:
        here = plain.pop() if plain else linked.pop(0)
        real = os.path.realpath(here)
        if real in seen:  # Also a link that leads back up.
            continue
        seen.add(real)
        for entry in _entries(here):
            path, is_link = here / entry.name, entry.is_symlink()
            if is_link and not path.exists():
                raise RecordError(f"the link {path} leads nowhere; mend or delete it")
            if path.is_dir() if is_link else entry.is_dir():
                (linked if is_link else plain).append(path)
            elif entry.name.endswith(".json"):
                if is_link:
                    linked_files.setdefault(os.path.realpath(path), path)
                else:
                    found.setdefault(os.path.join(real, entry.name), path)
    yield from sorted({**linked_files, **found}.values())


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise RecordError(
            f"cannot read the folder {folder}: {error.strerror or error}; mend or move it"
        ) from error


def _finite(value: Any) -> Any:
    """Return a JSON value with null for what is not finite."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(part) for key, part in value.items()}
    return [_finite(part) for part in value] if isinstance(value, list | tuple) else value


def _refuse(constant: str) -> None:
    raise ValueError(f"it holds {constant}, which is neither JSON nor a measurement")
