"""The third pass: look the values up and deal the rows to their splits, a block at a time.

Rows are written to files, not through memory maps, whose pages would count as ours.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aesbench.datasets.base import SPLITS
from aesbench.datasets.clicklog.parallel import in_order
from aesbench.datasets.clicklog.staging import BlockInfo, block_path, read_field, read_labels
from aesbench.datasets.clicklog.vocabulary import Lookup
from aesbench.datasets.writer import DatasetWriter

_DONE = "dealt"


def deal(
    folder: Path,
    infos: Sequence[BlockInfo],
    lookups: Sequence[Lookup],
    assigned: NDArray[np.uint8],
    writer: DatasetWriter,
    pool: ThreadPoolExecutor,
    advance: Callable[[int, float], None],
) -> None:
    """Write the splits, going on where an interrupted call stopped, and delete dealt blocks.

    Args:
        folder: where the blocks lie.
        infos: all blocks.
        lookups: the ids of each field.
        assigned: (rows,) the split of each row, a place in SPLITS.
        writer: receives the splits.
        pool: where blocks are encoded and written.
        advance: told the rows so far and their share.
    """
    rows = np.cumsum([0, *(info.rows for info in infos)])
    done = folder / _DONE
    if not done.exists():
        for place, split in enumerate(SPLITS):
            writer.split(split, int((assigned == place).sum()), len(lookups))
        _mark(done, 0)
    begin = int(done.read_text())
    # (blocks, splits): how many rows of each split lie before each block.
    starts = np.cumsum(
        [[0] * len(SPLITS)]
        + [
            np.bincount(assigned[a:b], minlength=len(SPLITS))
            for a, b in zip(rows[:-1], rows[1:], strict=True)
        ],
        axis=0,
    )

    def write(number: int) -> int:
        info = infos[number]
        ids = np.empty((info.rows, len(lookups)), np.int32)
        for place, lookup in enumerate(lookups):
            values, codes = read_field(folder, number, info, place)
            ids[:, place] = lookup.find(values)[codes]
        labels = read_labels(folder, number, info)
        dealt = assigned[rows[number] : rows[number + 1]]
        for place, split in enumerate(SPLITS):
            chosen = dealt == place
            if chosen.any():
                writer.write(split, int(starts[number, place]), ids[chosen], labels[chosen])
        return number

    for number in in_order(pool, write, range(begin, len(infos))):
        _mark(done, number + 1)
        block_path(folder, number).unlink()
        advance(int(rows[number + 1]), float(rows[number + 1] / rows[-1]))


def _mark(done: Path, blocks: int) -> None:
    partial = done.with_suffix(".partial")
    partial.write_text(str(blocks))
    os.replace(partial, done)
