"""The masks of an allocation as a file: an ``.npz`` of each masked field's packed bits.

An allocation says in JSON how much its masks keep and what their hash is; the masks themselves are
as large as the tables' values are many, an eighth of a byte each, and lie in a file of their own.
"""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np

from aesbench.core.allocation import Allocation
from aesbench.core.files import DAMAGED
from aesbench.errors import AllocationError, RecordError


def masks_file(allocation: Allocation) -> bytes:
    """Return the file of an allocation's masks, by the number of the field: equal masks, equal
    bytes.

    Raises:
        AllocationError: a mask's values are not at hand.
    """
    arrays = {}
    for number, mask in enumerate(allocation.masks):
        if mask is not None:
            if mask.bits is None:
                mask.values()  # Says what to do.
            arrays[str(number)] = mask.bits
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def read_masks(path: Path, allocation: Allocation) -> Allocation:
    """Return an allocation with the values of its masks, checked against their hashes.

    Raises:
        RecordError: the file is not there, cannot be read, or holds other masks.
    """
    if not allocation.masks:
        return allocation
    try:
        content = io.BytesIO(path.read_bytes())  # numpy leaves a damaged file open.
        with np.load(content) as arrays:
            masks = [
                None if mask is None else mask.with_bits(arrays[str(number)])
                for number, mask in enumerate(allocation.masks)
            ]
    except FileNotFoundError as error:
        raise RecordError(
            f"{path}: the masks of this allocation are not there; copy the file from where the run"
            " was made (aesbench merge takes it along), or make the run again with --force"
        ) from error
    except (*DAMAGED, ValueError, KeyError, AllocationError) as error:
        raise RecordError(
            f"{path}: {error}; copy the file from where the run was made, or make the run again"
            " with --force"
        ) from error
    return replace(allocation, masks=tuple(masks))
