"""From sizes of groups of values to the blocks of an allocation, and groups of equal mass.

Ids inside a field descend by train frequency, so that groups of values that are about as popular
are consecutive ids, and a size for each such group is a ``Block``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from aesbench.core.allocation import Allocation, Block
from aesbench.datasets.base import Field


def equal_mass_groups(counts: NDArray[np.integer], most: int) -> list[int]:
    """Return how many ids each group of a field holds that has its share of the occurrences.

    A group ends at the id that completes its share, so that an id which completes several at once
    leaves fewer groups. The last id, for values out of vocabulary, is the last group's, and its
    count is left out.

    Args:
        counts: (ids,) of the train split, in the order of ids.
        most: the most groups.
    """
    known = counts[:-1].astype(np.int64)
    total = int(known.sum())
    if total == 0:
        return [len(counts)]
    shares = np.arange(1, most) * total  # In units of 1 / most of a count: exact.
    ends = np.unique(np.searchsorted(np.cumsum(known) * most, shares) + 1).tolist()
    bounds = [0, *(end for end in ends if end < len(known)), len(counts)]
    return [b - a for a, b in pairwise(bounds)]


def allocation_of(fields: Sequence[Field], rows: Sequence[int], dims: Sequence[int]) -> Allocation:
    """Return the allocation of one size per group; neighbours of equal size are one block.

    Args:
        fields: of the allocation.
        rows: of each group, in the order of the fields and of their ids; none is of two fields.
        dims: the size of each group.
    """
    runs: list[list[tuple[int, int]]] = [[] for _ in fields]
    number, room = 0, fields[0].cardinality
    for count, dim in zip(rows, dims, strict=True):
        if room == 0:
            number += 1
            room = fields[number].cardinality
        room -= count
        runs[number].append((count, dim))
    names = tuple(field.name for field in fields)
    return Allocation(names, tuple(_blocks(_joined(own)) for own in runs))


def blocks_of(dims: NDArray[np.int64], most: int | None = None) -> tuple[Block, ...]:
    """Return the blocks of a field's values: runs of ids of equal size, in the order of ids.

    Args:
        dims: (ids,) the size of each id.
        most: join neighbouring blocks until there are so few, the two whose joining changes the
            fewest parameters first; both take the size of the one with more rows, the smaller size
            of equals.
    """
    starts = np.flatnonzero(np.diff(dims, prepend=-1))
    rows = np.diff(starts, append=len(dims)).tolist()
    runs = list(zip(rows, dims[starts].tolist(), strict=True))
    while most is not None and len(runs) > most:
        costs = [min(a[0], b[0]) * abs(a[1] - b[1]) for a, b in pairwise(runs)]
        at = costs.index(min(costs))
        first, second = runs[at : at + 2]
        _, dim = max(first, second, key=lambda run: (run[0], -run[1]))
        runs[at : at + 2] = [(first[0] + second[0], dim)]
        runs = _joined(runs)  # The joined block may now be of its neighbours' size.
    return _blocks(runs)


def _joined(runs: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return runs of rows and a size, neighbours of equal size as one."""
    return [(sum(count for count, _ in own), dim) for dim, own in groupby(runs, key=itemgetter(1))]


def _blocks(runs: Iterable[tuple[int, int]]) -> tuple[Block, ...]:
    return tuple(Block(count, dim) for count, dim in runs)
