"""The second pass: count each field on the train split and number its values.

One field's counts are all that is held. As everywhere, ids are numbered by descending train
frequency, equally frequent values by their text, and the last id stands for rare and unseen ones.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from aesbench.datasets.clicklog.staging import BlockInfo, read_field
from aesbench.datasets.clicklog.tally import Tally
from aesbench.datasets.clicklog.tokens import unpack

_PART = 1 << 18


@dataclass(frozen=True)
class Lookup:
    """The ids of a field's values.

    Attributes:
        keys: (values,) packed values that have an id of their own, ascending.
        ids: (values,) int32, their ids.
    """

    keys: NDArray[np.uint64]
    ids: NDArray[np.int32]

    def find(self, values: NDArray[np.uint64]) -> NDArray[np.int32]:
        """Return the ids of packed values; unknown ones have the last id."""
        unseen = len(self.keys)
        if unseen == 0:
            return np.zeros(len(values), np.int32)
        # Ascending searches stay in the processor's cache.
        order = np.argsort(values)
        places = np.empty(len(values), np.intp)
        places[order] = np.searchsorted(self.keys, values[order])
        places[places == unseen] = 0
        return np.where(self.keys[places] == values, self.ids[places], np.int32(unseen))


def count_field(
    folder: Path, infos: Sequence[BlockInfo], place: int, train: Sequence[NDArray[np.bool_] | None]
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Return the packed values of a field in the train split, ascending, and their counts.

    Args:
        folder: where the blocks lie.
        infos: all blocks.
        place: of the field.
        train: for each block, which of its rows are in the train split; None for all.
    """
    tally = Tally()
    for number, (info, chosen) in enumerate(zip(infos, train, strict=True)):
        if chosen is not None and not chosen.any():
            continue
        values, codes = read_field(folder, number, info, place)
        counts = np.bincount(codes if chosen is None else codes[chosen], minlength=len(values))
        present = counts > 0
        tally.add(values[present], counts[present])
    return tally.total()


def add_unseen(
    counted: tuple[NDArray[np.uint64], NDArray[np.int64]], keys: NDArray[np.uint64]
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Return counted values together with others, whose counts are 0, all ascending."""
    counts = np.zeros(len(keys), np.int64)
    counts[np.searchsorted(keys, counted[0])] = counted[1]
    return keys, counts


def number_values(
    keys: NDArray[np.uint64], counts: NDArray[np.int64], min_count: int
) -> tuple[Lookup, pl.DataFrame]:
    """Return the ids of a field's values, and its vocabulary as the store keeps it.

    Args:
        keys: packed values, ascending, which is the order of their texts.
        counts: their counts in the train split.
        min_count: rarer values share the last id.
    """
    kept = counts >= min_count
    rare = int(counts[~kept].sum())
    keys, counts = keys[kept], counts[kept]
    order = np.argsort(-counts, kind="stable")
    ids = np.empty(len(keys), np.int32)
    ids[order] = np.arange(len(keys), dtype=np.int32)
    schema = {"value": pl.String, "count": pl.Int64}
    parts = [
        pl.DataFrame({"value": unpack(keys[part]), "count": counts[part]}, schema=schema)
        for part in (order[start : start + _PART] for start in range(0, len(order), _PART))
    ]
    last = pl.DataFrame({"value": [None], "count": [rare]}, schema=schema)
    return Lookup(keys, ids), pl.concat([*parts, last])


def lookup_path(folder: Path, place: int) -> Path:
    """Return where a field's lookup lies; it is there when the field is counted."""
    return folder / f"{place}.lookup.npz"


def write_lookup(folder: Path, place: int, lookup: Lookup) -> None:
    """Write a field's ids; the file appears only when it is whole."""
    path = lookup_path(folder, place)
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        np.savez(file, keys=lookup.keys, ids=lookup.ids)
    os.replace(partial, path)


def read_lookup(folder: Path, place: int) -> Lookup:
    """Read what ``write_lookup`` wrote."""
    with np.load(lookup_path(folder, place)) as stored:
        return Lookup(stored["keys"], stored["ids"])
