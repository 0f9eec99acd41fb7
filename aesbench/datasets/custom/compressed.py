"""Opening people's text files, compressed or not.

gzip and zstd are read as streams; a zip archive must hold one file, which is unpacked into memory.
"""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path
from typing import IO

from aesbench.core.files import DAMAGED
from aesbench.errors import DataError

COMPRESSED = (".gz", ".zst", ".zip")


def plain_suffix(path: Path) -> str:
    """Return the ending of a file's name without that of its compression: ``.csv``."""
    return (path.with_suffix("") if path.suffix in COMPRESSED else path).suffix


def open_bytes(path: Path) -> IO[bytes]:
    """Open a file that is plain, gzip or zip.

    Raises:
        DataError: a zip archive is damaged, or holds another number of files than one.
    """
    if path.suffix == ".gz":
        return gzip.open(path, "rb")  # type: ignore[return-value]
    if path.suffix != ".zip":
        return path.open("rb")
    try:
        archive = zipfile.ZipFile(path)
        members = [m for m in archive.infolist() if not m.is_dir() and not _is_remark(m.filename)]
        if len(members) != 1:
            shown = ", ".join(member.filename for member in members[:5]) or "none"
            raise DataError(
                f"{path} must hold one file to be read as it is, but holds {len(members)}: {shown};"
                " unpack it and name the files"
            )
        return archive.open(members[0])
    except (*DAMAGED, NotImplementedError, RuntimeError) as error:
        raise DataError(f"cannot read {path}: {error}; fetch it again, or unpack it") from error


def unpacked(path: Path) -> bytes:
    """Return the contents of a zip archive of one file.

    Raises:
        DataError: see ``open_bytes``; or its checksum is wrong.
    """
    with open_bytes(path) as file:
        try:
            return file.read()
        except DAMAGED as error:
            raise DataError(f"cannot read {path}: {error}; fetch it again") from error


def _is_remark(name: str) -> bool:
    """Whether a member of an archive is what macOS adds to it."""
    return name.startswith("__MACOSX/") or name.endswith(".DS_Store")
