"""Stored arrays, read a part at a time, and the hash of a prepared data set.

Reading and not mapping keeps memory small: the pages of a memory map count as the process's own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aesbench.datasets.base import SPLITS

_PART_BYTES = 1 << 24


def processed_hash(
    folder: Path,
    fields: Sequence[Mapping[str, Any]],
    look: Callable[[str, str, NDArray[Any]], None] | None = None,
) -> str:
    """Return the sha256 over the described fields and every array of a prepared data set.

    Args:
        folder: where the arrays lie.
        fields: the manifest's ``fields`` and, if it has any, its ``histories`` after them.
        look: called with split, part and rows as they are read.
    """
    digest = hashlib.sha256(canonical(list(fields)))
    digest.update(np.load(folder / "counts.npy").tobytes())
    for split in SPLITS:
        for part in ("ids", "labels", "probabilities"):
            path = folder / f"{split}.{part}.npy"
            if path.exists():
                for rows in parts(path):
                    digest.update(rows.tobytes())
                    if look is not None:
                        look(split, part, rows)
    return digest.hexdigest()


def parts(path: Path) -> Iterator[NDArray[Any]]:
    """Yield the rows of a stored array, some at a time."""
    array = stored(path)
    rows = max(1, _PART_BYTES // array[:1].nbytes)
    with path.open("rb") as file:
        file.seek(array.offset)
        for start in range(0, len(array), rows):
            shape = (min(rows, len(array) - start), *array.shape[1:])
            yield np.fromfile(file, array.dtype, int(np.prod(shape))).reshape(shape)


def stored(path: Path) -> Any:
    """Return an array that is mapped and not read: its shape, type and place in the file."""
    return np.load(path, mmap_mode="r")


def canonical(value: Any) -> bytes:
    """Return a JSON value as bytes, keys in one order."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
