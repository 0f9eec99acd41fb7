"""Checked rows on disk between reading and encoding: a file per block of lines.

A block keeps, for each field, the distinct values that occur in it and which of them each row has.
Codes of a block so fit into 16 bits, a value is stored once per block, and later passes count and
look up distinct values instead of rows. A file appears under its name only when it is whole.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

BLOCK_ROWS = 1 << 16
"""The most rows of a block: its codes are 16 bits wide."""

Coded = tuple[NDArray[np.uint64], NDArray[np.uint16]]
"""A field's distinct packed values in a block, in any order, and each row's place among them."""


@dataclass(frozen=True)
class BlockInfo:
    """What is known of a staged block without its rows.

    Attributes:
        rows: rows that it holds.
        lines: lines that were read for it.
        distinct: distinct values of each field.
        end_bytes: where its lines end in the uncompressed file.
        first: the least packed value of the column that the rows are ordered by; 0 without one.
        last: the greatest one.
        skipped: {what was wrong: lines left out}.
    """

    rows: int
    lines: int
    distinct: tuple[int, ...]
    end_bytes: int
    first: int = 0
    last: int = 0
    skipped: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def from_json(cls, text: str | bytes) -> BlockInfo:
        """Read what ``to_json`` wrote."""
        values = json.loads(text)
        return cls(**values | {"distinct": tuple(values["distinct"])})

    def to_json(self) -> str:
        """Return it as one line."""
        return json.dumps(asdict(self), allow_nan=False)


def block_path(folder: Path, number: int) -> Path:
    """Return where a block lies."""
    return folder / f"{number:06d}.block"


def write_block(
    folder: Path, number: int, info: BlockInfo, labels: NDArray[np.uint8], fields: Sequence[Coded]
) -> None:
    """Write a block; it appears only when it is whole."""
    path = block_path(folder, number)
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        file.write(info.to_json().encode() + b"\n")
        file.write(labels.tobytes())
        for values, codes in fields:
            file.write(values.tobytes())
            file.write(codes.tobytes())
    os.replace(partial, path)


def read_info(folder: Path, number: int) -> BlockInfo:
    """Read the first line of a block."""
    with block_path(folder, number).open("rb") as file:
        return BlockInfo.from_json(file.readline())


def read_labels(folder: Path, number: int, info: BlockInfo) -> NDArray[np.uint8]:
    """Return the labels ``(rows,)`` of a block."""
    path = block_path(folder, number)
    return np.fromfile(path, np.uint8, info.rows, offset=len(info.to_json()) + 1)


def read_field(folder: Path, number: int, info: BlockInfo, place: int) -> Coded:
    """Return one field of a block."""
    start = len(info.to_json()) + 1 + info.rows
    start += 8 * sum(info.distinct[:place]) + 2 * info.rows * place
    with block_path(folder, number).open("rb") as file:
        file.seek(start)
        values = np.fromfile(file, np.uint64, info.distinct[place])
        return values, np.fromfile(file, np.uint16, info.rows)
