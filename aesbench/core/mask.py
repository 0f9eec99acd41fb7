"""Masks: which values of a field's table an allocation keeps, and what it costs to say so.

A mask is over all rows and components of one table. What it leaves out is zero, never trained, and
no parameter. The values that are kept must be found again in memory, which takes an index; its
format is the smallest of

- ``rows``: for each id the row that holds its vector, or none: 4·n bytes. Only where every row is
  kept as a whole or not at all;
- ``csr``: of each kept value its component, one byte (two from 257 components on), and where each
  row starts and the last one ends: b·nnz + 4·(n + 1) bytes;
- ``bitmap``: a bit per value, and where each row starts: n·d/8 + 4·n bytes;

with n rows, d components and nnz kept values. The kept values themselves take 4·nnz bytes in each
of them and are counted as parameters, not as index.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aesbench.errors import AllocationError

BYTES_PER_PARAMETER = 4
"""Of a single-precision value: what an index of so many bytes weighs as much as."""


@dataclass(frozen=True, slots=True)
class Mask:
    """Which values of a table ``(rows, dim)`` are kept; make it with ``Mask.of``.

    Masks are equal where they keep the same values, whether these are at hand or not.

    Attributes:
        rows, dim: the table's.
        kept: how many of its values are kept.
        kept_rows: in how many of its rows any is.
        sha256: of the shape and ``bits``, in hexadecimal digits.
        bits: the mask itself, packed row after row; None where only its counts were read.
    """

    rows: int
    dim: int
    kept: int
    kept_rows: int
    sha256: str
    bits: NDArray[np.uint8] | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        numbers = (self.rows, self.dim, self.kept, self.kept_rows)
        are_ints = all(type(number) is int for number in numbers)
        if not are_ints or not (
            0 <= self.kept_rows <= min(self.rows, self.kept)
            and self.kept <= self.kept_rows * self.dim
        ):
            raise AllocationError(
                f"a mask of {self.rows!r} x {self.dim!r} cannot keep {self.kept!r} values in"
                f" {self.kept_rows!r} rows; make masks with Mask.of"
            )

    @classmethod
    def of(cls, keeps: NDArray[np.bool_], dim: int | None = None) -> Mask:
        """Make a mask.

        Args:
            keeps: ``(rows, dim)``, or ``(rows,)`` to keep whole rows.
            dim: of the table; needed for whole rows only.

        Raises:
            AllocationError: it is no array of truth values of such a shape.
        """
        shape = getattr(keeps, "shape", None)
        if not isinstance(keeps, np.ndarray) or keeps.dtype != np.bool_ or keeps.ndim not in (1, 2):
            raise AllocationError(
                "a mask is made from a numpy array of bool, (rows, dim) or (rows,) for whole rows;"
                f" got {type(keeps).__name__} of shape {shape}"
            )
        if keeps.ndim == 1:
            if dim is None:
                raise AllocationError(
                    f"a mask of {len(keeps)} whole rows needs the dimension of its table: Mask.of("
                    "keeps, dim)"
                )
            keeps = np.broadcast_to(keeps[:, None], (len(keeps), dim))
        if dim is not None and keeps.shape[1] != dim:
            raise AllocationError(f"a mask of shape {keeps.shape} is not of dimension {dim}")
        bits = np.packbits(keeps)
        bits.setflags(write=False)
        rows, own = map(int, keeps.shape)
        kept, kept_rows = int(keeps.sum()), int(keeps.any(axis=1).sum())
        return cls(rows, own, kept, kept_rows, _digest(rows, own, bits), bits)

    def values(self) -> NDArray[np.bool_]:
        """Return what is kept, ``(rows, dim)``.

        Raises:
            AllocationError: only its counts were read.
        """
        if self.bits is None:
            raise AllocationError(
                "the values of this mask were not read: a record holds its counts only; read them"
                " with aesbench.core.record.with_masks(results, record)"
            )
        flat = np.unpackbits(self.bits, count=self.rows * self.dim)
        return flat.view(np.bool_).reshape(self.rows, self.dim)

    def with_bits(self, bits: NDArray[np.uint8]) -> Mask:
        """Return the mask with its values, as they were packed.

        Raises:
            AllocationError: they are those of another mask.
        """
        if bits.dtype != np.uint8 or _digest(self.rows, self.dim, bits) != self.sha256:
            raise AllocationError(
                f"the values of a mask of {self.rows} x {self.dim} are not those that were found:"
                f" their SHA-256 is not {self.sha256[:16]}..."
            )
        return Mask(self.rows, self.dim, self.kept, self.kept_rows, self.sha256, bits)

    @property
    def is_of_rows(self) -> bool:
        """Whether every row is kept as a whole or not at all."""
        return self.kept == self.kept_rows * self.dim

    @property
    def index_format(self) -> str:
        """The smallest format of the index: ``rows``, ``csr`` or ``bitmap``."""
        return min(sizes := self._index_sizes(), key=sizes.__getitem__)

    @property
    def index_bytes(self) -> int:
        """What the index takes in memory, the kept values apart."""
        return min(self._index_sizes().values())

    def _index_sizes(self) -> dict[str, int]:
        """Return the bytes of each format; of equal ones the simplest comes first."""
        component = 1 if self.dim <= 256 else 2 if self.dim <= 65536 else 4
        sizes = {"rows": 4 * self.rows} if self.is_of_rows else {}
        return sizes | {
            "csr": component * self.kept + 4 * (self.rows + 1),
            "bitmap": -(-self.rows * self.dim // 8) + 4 * self.rows,
        }

    def to_dict(self) -> dict[str, Any]:
        """Return the counts and the hash, ready for JSON; the shape is the block's."""
        return {"kept": self.kept, "kept_rows": self.kept_rows, "sha256": self.sha256}

    @classmethod
    def from_dict(cls, rows: int, dim: int, data: Mapping[str, Any]) -> Mask:
        """Read what ``to_dict`` wrote.

        Raises:
            AllocationError: it is something else.
        """
        try:
            mask = cls(rows, dim, **data)
        except TypeError as error:
            raise AllocationError(f"a mask has kept, kept_rows and sha256: {error}") from error
        if not isinstance(mask.sha256, str) or mask.bits is not None:
            raise AllocationError(f"a mask has kept, kept_rows and sha256, got {dict(data)}")
        return mask


def _digest(rows: int, dim: int, bits: NDArray[np.uint8]) -> str:
    return hashlib.sha256(f"{rows} {dim}\n".encode() + bits.tobytes()).hexdigest()
