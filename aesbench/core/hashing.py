"""The hashing trick: many ids share the rows of a smaller table.

Weinberger, Dasgupta, Langford, Smola, Attenberg: "Feature Hashing for Large Scale Multitask
Learning", ICML 2009. What is hashed is an id's number inside its block: ids descend by frequency,
so its remainder would spare the frequent ones each other, which no hash of a value does.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def buckets_of(rows: int, buckets: int) -> NDArray[np.int64]:
    """Return the bucket ``(rows,)`` of each of so many ids, from 0 below ``buckets``.

    MurmurHash3's finaliser of the number, in 32 bits, scaled to the buckets. It is part of what an
    allocation means and of every exported model: it never changes.
    """
    mixed = np.arange(rows, dtype=np.uint32)
    mixed ^= mixed >> np.uint32(16)
    mixed *= np.uint32(0x85EBCA6B)
    mixed ^= mixed >> np.uint32(13)
    mixed *= np.uint32(0xC2B2AE35)
    mixed ^= mixed >> np.uint32(16)
    scaled: NDArray[np.int64] = (
        (mixed.astype(np.uint64) * np.uint64(buckets)) >> np.uint64(32)
    ).astype(np.int64)
    return scaled
