"""A text file as a stream of blocks of whole lines; plain, gzip or zstd.

A block holds the same lines however the file is compressed, so that work which was interrupted
after a block can go on after it.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import zstandard

from aesbench.errors import DataError

_CHUNK_BYTES = 1 << 20
_LONGEST_LINE_BYTES = 1 << 24


@dataclass(frozen=True)
class Lines:
    """Consecutive lines of a file.

    Attributes:
        first: the number of the first one, counted from 1.
        text: the lines; each ends with a line feed, but for the last one of a file cut short.
        end_bytes: where they end in the uncompressed file.
        share: how much of the file has been read when they are handed out, 0 to 1.
    """

    first: int
    text: bytes
    end_bytes: int
    share: float


def read_lines(
    path: Path, rows: int, *, start_bytes: int = 0, first: int = 1, header: bool = False
) -> Iterator[Lines]:
    """Yield blocks of ``rows`` lines, the last one shorter.

    Args:
        path: the file; ``.gz`` and ``.zst`` are decompressed on the way.
        rows: lines per block.
        start_bytes: where to begin in the uncompressed file.
        first: the number of the line that begins there.
        header: whether the first line is a block of its own.

    Raises:
        DataError: the file cannot be read, is cut short, or holds something that is no text.
    """
    wanted = 1 if header else rows
    parts: list[bytes] = []
    ends = size = 0
    chunks = _chunks(path, start_bytes)
    while True:
        try:
            chunk, share = next(chunks, (b"", 1.0))
        except (_DamagedError, OSError) as error:
            said = getattr(error, "strerror", None) or error
            raise DataError(f"cannot read {path}:{first + ends}: {said}; fetch it again") from error
        if not chunk:
            break
        before, ends = ends, ends + chunk.count(b"\n")
        while ends >= wanted:
            cut = _after_line(chunk, wanted - before)
            parts.append(chunk[:cut])
            text = b"".join(parts)
            start_bytes += len(text)
            yield Lines(first, text, start_bytes, share)
            first, ends, before = first + wanted, ends - wanted, 0
            chunk, parts, size, wanted = chunk[cut:], [], 0, rows
        parts.append(chunk)
        size += len(chunk)
        if ends == 0 and size > _LONGEST_LINE_BYTES:
            raise DataError(
                f"{path}:{first}: no line end in {size >> 20} MiB; this is no text file of rows:"
                " fetch it again"
            )
    text = b"".join(parts)
    if text:
        yield Lines(first, text, start_bytes + len(text), 1.0)


class _DamagedError(Exception):
    """A compressed file is not what its end or its checksums promise."""


def _after_line(chunk: bytes, number: int) -> int:
    """Return where the line of this number (from 1) ends in a chunk."""
    ends = np.flatnonzero(np.frombuffer(chunk, np.uint8) == 0x0A)
    return int(ends[number - 1]) + 1


def _chunks(path: Path, start_bytes: int) -> Iterator[tuple[bytes, float]]:
    """Yield the uncompressed file from ``start_bytes`` on, with the share that is read."""
    size = max(path.stat().st_size, 1)
    with path.open("rb") as file:
        if path.suffix not in _STREAMS:
            file.seek(start_bytes)
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk, file.tell() / size
            return
        for chunk in _decompressed(file, _STREAMS[path.suffix]):
            passed = min(start_bytes, len(chunk))
            start_bytes -= passed
            if passed < len(chunk):
                yield chunk[passed:], file.tell() / size


_STREAMS: dict[str, Callable[[], Any]] = {
    ".gz": lambda: zlib.decompressobj(wbits=31),
    ".zst": lambda: zstandard.ZstdDecompressor().decompressobj(),
}
"""What decompresses one stream, by the ending of the file."""


def _decompressed(file: IO[bytes], begin: Callable[[], Any]) -> Iterator[bytes]:
    """Yield what a compressed file holds; it may be several compressed streams in a row."""
    stream = begin()
    try:
        while raw := file.read(_CHUNK_BYTES >> 2):
            while raw:
                if stream.eof:
                    stream = begin()
                chunk = stream.decompress(raw)
                raw = stream.unused_data if stream.eof else b""
                if chunk:
                    yield chunk
    except (zlib.error, zstandard.ZstdError) as error:
        raise _DamagedError(f"the compressed file is damaged ({error})") from error
    if file.tell() and not stream.eof:
        raise _DamagedError(f"the compressed file ends in the middle, after {file.tell()} bytes")
