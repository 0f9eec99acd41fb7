"""Lines to values, as arrays: every value of up to eight bytes packed into one 64-bit number.

All values of Criteo's and Avazu's logs are that short. A value's bytes, filled up with zeros, are
read as a big-endian number: different values give different numbers, numbers are in the order of
the texts, and a missing value is 0. Nothing is hashed, so nothing collides.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from aesbench.datasets.clicklog.reader import Lines

WIDTH = 8
"""The most bytes that a value may have."""

_LINE_END, _RETURN = 0x0A, 0x0D
# Keeps the first 0, 1, ... 8 bytes of a number.
_MASKS = np.array([(1 << 64) - (1 << 8 * (WIDTH - n)) for n in range(WIDTH + 1)], np.uint64)


@dataclass(frozen=True)
class BadRow:
    """A line that cannot be used.

    Attributes:
        line: its number, counted from 1.
        kind: what is wrong in a few words, under which such lines are counted.
        said: the whole of it, for an error.
    """

    line: int
    kind: str
    said: str


@dataclass(frozen=True)
class Table:
    """Packed values.

    Attributes:
        keys: (columns, rows) uint64.
        long: (columns, rows) bool, true where a value has more than ``WIDTH`` bytes, of which
            ``keys`` holds the first ones.
        lines: (rows,) the number of each row's line.
        text: the lines.
        bounds: (2, columns, rows) where each value begins and ends in them.
    """

    keys: NDArray[np.uint64]
    long: NDArray[np.bool_]
    lines: NDArray[np.int64]
    text: bytes
    bounds: NDArray[np.int64]

    def value(self, column: int, row: int) -> str:
        """Return a whole value, however long."""
        begin, end = self.bounds[:, column, row]
        return self.text[begin:end].decode()


def tokenise(lines: Lines, columns: int, separator: str) -> tuple[Table, list[BadRow]]:
    """Return the values of all lines that have the right form, and the other lines."""
    text, bad = lines.text, list[BadRow]()
    numbers = np.arange(lines.first, lines.first + text.count(b"\n"))
    ends = _ends(text, separator)
    plain = text.isascii() and b"\0" not in text and text.endswith(b"\n")
    if not plain or not _are_rows(text, ends, len(numbers), columns):
        text, numbers, bad = _sift(lines, columns, separator)
        ends = _ends(text, separator)
    return _pack(text, ends, numbers, columns), bad


def pack(values: pl.Series) -> NDArray[np.uint64]:
    """Return texts of at most eight bytes as numbers; a missing text is 0."""
    padded = np.array(values.fill_null("").cast(pl.Binary).to_list(), f"S{WIDTH}")
    return padded.view(">u8").astype(np.uint64)


def unpack(keys: NDArray[np.uint64]) -> pl.Series:
    """Return the texts of packed values."""
    raw = keys.astype(">u8").view(f"S{WIDTH}").tolist()
    return pl.Series([value.decode() for value in raw], dtype=pl.String)


def _ends(text: bytes, separator: str) -> NDArray[np.int64]:
    """Return where each value ends."""
    characters = np.frombuffer(text, np.uint8)
    return np.flatnonzero((characters == ord(separator)) | (characters == _LINE_END))


def _are_rows(text: bytes, ends: NDArray[np.int64], rows: int, columns: int) -> bool:
    """Return whether every line has the right number of columns."""
    if len(ends) != rows * columns:
        return False
    # There are as many line ends as rows: if each stands in its place, none stands elsewhere.
    characters = np.frombuffer(text, np.uint8)
    return bool((characters[ends[columns - 1 :: columns]] == _LINE_END).all())


def _pack(text: bytes, ends: NDArray[np.int64], numbers: NDArray[np.int64], columns: int) -> Table:
    shape = (len(numbers), columns)
    # The eight bytes from any byte on, as a number: a view, padded so that the last one exists.
    characters = np.frombuffer(text + b"\0" * WIDTH, np.uint8)
    words = np.ndarray((len(text),), "<u8", buffer=characters, strides=(1,))
    starts = np.empty_like(ends)
    starts[:1], starts[1:] = 0, ends[:-1] + 1
    lengths = ends - starts
    if b"\r\n" in text:
        last = ends[columns - 1 :: columns]
        lengths[columns - 1 :: columns] -= characters[last - 1] == _RETURN
    keys = words[starts].byteswap()
    long = lengths > WIDTH
    keys &= _MASKS[np.minimum(lengths, WIDTH)]
    return Table(
        np.ascontiguousarray(keys.reshape(shape).T),
        np.ascontiguousarray(long.reshape(shape).T),
        numbers,
        text,
        np.stack([starts.reshape(shape).T, (starts + lengths).reshape(shape).T]),
    )


def _sift(
    lines: Lines, columns: int, separator: str
) -> tuple[bytes, NDArray[np.int64], list[BadRow]]:
    """Return the lines of the right form, their numbers, and the other lines, one by one."""
    good, numbers, bad = list[bytes](), list[int](), list[BadRow]()
    split = lines.text.split(b"\n")
    cut = split.pop()
    for number, line in enumerate(split, lines.first):
        wrong = _wrong(line, columns, separator)
        if wrong is None:
            good.append(line + b"\n")
            numbers.append(number)
        else:
            bad.append(BadRow(number, *wrong))
    if cut:
        said = (
            "the last line has no line end, so the file was cut short; fetch it again, or end the"
            " line if it is whole"
        )
        bad.append(BadRow(lines.first + len(split), "no line end", said))
    return b"".join(good), np.array(numbers, np.int64), bad


def _wrong(line: bytes, columns: int, separator: str) -> tuple[str, str] | None:
    """Return what is wrong with the form of a line: its kind, and the whole of it."""
    found = line.count(separator.encode()) + 1
    if found != columns:
        shown = line[:80].decode(errors="replace")
        return "wrong column count", (
            f"expected {columns} columns separated by {separator!r}, got {found}: {shown!r}; mend"
            " or remove the line"
        )
    try:
        line.decode()
    except UnicodeDecodeError as error:
        return "invalid UTF-8", (
            f"byte 0x{line[error.start]:02x} is not UTF-8; save the file as UTF-8 or remove the"
            " line"
        )
    if b"\0" in line:
        return "zero byte", "a byte is 0, which no text has; mend or remove the line"
    return None
