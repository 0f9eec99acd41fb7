"""Batches of a split too large for memory: read from its files a window of rows at a time.

A random order over such a file would read a page for every row, and a memory map's pages stay
until memory runs out. Here an epoch deals short runs of consecutive rows, ``RUN_ROWS`` each, into
windows of ``WINDOW_ROWS`` at random, reads a window and takes its rows in random order. Every row
so comes once per epoch (but for the incomplete last batch, which waits for another epoch), and rows
that lie far apart in the file meet in one batch.

What this lacks to a full shuffle: the rows of a batch come from one window, and a window holds
whole runs. If a quantity depends on the place in the file alone, the variance of its mean over a
batch is up to ``1 + batch * RUN_ROWS / WINDOW_ROWS`` times that of independent rows: 1.06 for
batches of 512. The tests measure it.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

LARGE_BYTES = 1 << 30
"""Ids of a split beyond this are read in windows; up to it they are shuffled as a whole."""

RUN_ROWS = 64
WINDOW_ROWS = 1 << 19
"""Memory is three windows: one in use, one as read and one in order; 0.25 GB for Criteo."""


def is_large(ids: NDArray[np.int32]) -> bool:
    """Return whether ids are the whole of a mapped file that is too large to be shuffled."""
    # A part of a mapped array has that array as its base, not the map.
    whole = isinstance(ids, np.memmap) and isinstance(ids.base, mmap.mmap)
    return whole and ids.nbytes > LARGE_BYTES


def windowed_batches(
    ids: NDArray[np.int32],
    labels: NDArray[np.uint8],
    batch_size: int,
    shuffle: torch.Generator | None,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield ids ``(batch, columns)`` and float labels ``(batch,)`` of mapped arrays.

    In file order and all rows, or, with a generator, in a fresh random order of whole batches.
    What has been written to the mapped arrays in memory is not seen: the files are read.
    """
    windows = _in_order(len(labels)) if shuffle is None else _dealt(len(labels), shuffle)
    rows_read = _Rows(ids), _Rows(labels)
    left: tuple[Tensor, ...] = ()
    for runs in windows:
        window = [torch.from_numpy(rows.read(runs)) for rows in rows_read]
        if shuffle is not None:
            order = torch.randperm(len(window[1]), generator=shuffle)
            window = [part.index_select(0, order) for part in window]
        if left:  # Less than a batch was left of the window before.
            window = [torch.cat(pair) for pair in zip(left, window, strict=True)]
        whole = len(window[1]) // batch_size * batch_size
        for start in range(0, whole, batch_size):
            stop = start + batch_size
            yield window[0][start:stop], window[1][start:stop].float()
        left = tuple(part[whole:].clone() for part in window)
    if len(left[1]) and (shuffle is None or len(labels) < batch_size):
        yield left[0], left[1].float()


def _in_order(rows: int) -> Iterator[NDArray[np.int64]]:
    """Yield the runs of each window, as their first and last rows ``(runs, 2)``: one run each."""
    for start in range(0, rows, WINDOW_ROWS):
        yield np.array([[start, min(start + WINDOW_ROWS, rows)]])


def _dealt(rows: int, shuffle: torch.Generator) -> Iterator[NDArray[np.int64]]:
    """Yield the runs of each window ``(runs, 2)``, dealt at random, in the order of the file."""
    order = torch.randperm(-(-rows // RUN_ROWS), generator=shuffle).numpy()
    runs = max(1, WINDOW_ROWS // RUN_ROWS)
    for start in range(0, len(order), runs):
        first = np.sort(order[start : start + runs]) * RUN_ROWS
        yield np.stack([first, np.minimum(first + RUN_ROWS, rows)], 1)


class _Rows:
    """Rows of a mapped array's file, read and not mapped."""

    def __init__(self, array: Any) -> None:
        self._path, self._offset = Path(array.filename), array.offset
        self._shape, self._dtype = array.shape[1:], array.dtype
        self._bytes = array[:1].nbytes

    def read(self, runs: NDArray[np.int64]) -> NDArray[Any]:
        """Return the rows of some runs ``(runs, 2)``, one run after the other."""
        rows = np.empty((int((runs[:, 1] - runs[:, 0]).sum()), *self._shape), self._dtype)
        into, place = rows.data.cast("B"), 0
        with self._path.open("rb", buffering=0) as file:
            for first, last in runs.tolist():
                file.seek(self._offset + first * self._bytes)
                stop = place + (last - first) * self._bytes
                while place < stop:
                    read = file.readinto(into[place:stop])
                    if not read:
                        raise EOFError(f"{self._path} has been cut while it was read")
                    place += read
        return rows
