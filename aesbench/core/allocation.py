"""The allocation: how many embedding dimensions each field, or each block of a field, gets.

It is the only thing a search hands back. Ids inside a field are numbered by descending training
frequency, so a block of equally popular values is a contiguous range of ids, and one type covers
both MDE's sizes within a field and one size per field. A field may also have a mask over the values
of its table (``mask.py``), for methods that prune rows or single values, and the ids of a block may
share vectors (``hashing.py``).
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from aesbench.core.mask import BYTES_PER_PARAMETER, Mask
from aesbench.errors import AllocationError

BUCKETS = "buckets"


class HasCardinality(Protocol):
    """Anything with a name and a number of distinct values: an ``aesbench.Field``, usually."""

    @property
    def name(self) -> str: ...

    @property
    def cardinality(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Block:
    """``rows`` consecutive ids of one field that share the embedding dimension ``dim``.

    A dimension of 0 gives its rows no parameters: their vector is zero.

    Attributes:
        rows: how many ids.
        dim: of their vectors.
        buckets: so many vectors are shared by all of them, as ``hashing.py`` says; None: each id
            has its own.
    """

    rows: int
    dim: int
    buckets: int | None = None

    def __post_init__(self) -> None:
        for name, value, least in (("rows", self.rows, 1), ("dim", self.dim, 0)):
            if type(value) is not int or value < least:
                raise AllocationError(
                    f"Block.{name} must be an int of at least {least}, got {value!r}"
                    f" ({type(value).__name__}); cast numpy and float values with int() first"
                )
        buckets = self.buckets
        is_sound = buckets is None or (type(buckets) is int and 1 <= buckets < self.rows)
        if not is_sound or (buckets and not self.dim):
            raise AllocationError(
                f"Block.buckets of {self.rows} rows of dimension {self.dim} must be an int from 1"
                f" to {self.rows - 1}, or None where ids share no vector; got {buckets!r}"
            )

    @property
    def vectors(self) -> int:
        """How many vectors it has."""
        return self.buckets or self.rows

    @property
    def parameters(self) -> int:
        """Its embedding parameters."""
        return self.vectors * self.dim


@dataclass(frozen=True, slots=True)
class Allocation:
    """The blocks of every field, in the order of the data set's fields.

    Hashable, so that a search can remember the scores of the allocations it has seen.

    Attributes:
        names: the fields.
        blocks: of each field.
        masks: of each field its mask, or None where all of its values are kept; empty where no
            field has one. Make masked allocations with ``Allocation.masked``.
    """

    names: tuple[str, ...]
    blocks: tuple[tuple[Block, ...], ...]
    masks: tuple[Mask | None, ...] = ()

    def __post_init__(self) -> None:
        if len(self.names) != len(self.blocks) or not self.names:
            raise AllocationError(
                f"an allocation needs blocks for every field and at least one field,"
                f" got {len(self.names)} names and {len(self.blocks)} groups of blocks"
            )
        if len(set(self.names)) != len(self.names):
            raise AllocationError(f"field names must be distinct, got {list(self.names)}")
        for name, blocks in zip(self.names, self.blocks, strict=True):
            if not blocks:
                raise AllocationError(f"field '{name}' has no block; give it at least one")
        self._check_masks()
        if self.parameters == 0:
            raise AllocationError("every block has dimension 0; give one field at least 1")

    def _check_masks(self) -> None:
        """Check the masks; none at all are no masks, so that equal allocations are equal."""
        if not any(self.masks):
            object.__setattr__(self, "masks", ())
            return
        if len(self.masks) != len(self.names):
            raise AllocationError(
                f"expected a mask or None for each of {len(self.names)} fields, got"
                f" {len(self.masks)}"
            )
        for name, blocks, mask in zip(self.names, self.blocks, self.masks, strict=True):
            if mask is None:
                continue
            if blocks[0].buckets is not None:
                raise AllocationError(f"field '{name}' is hashed and has a mask; it can't be both")
            if len(blocks) > 1:
                raise AllocationError(
                    f"field '{name}' has {len(blocks)} blocks and a mask; a mask is over one table:"
                    " give the field one block of the largest size, and leave values out by its"
                    " mask"
                )
            if (mask.rows, mask.dim) != (blocks[0].rows, blocks[0].dim):
                raise AllocationError(
                    f"the mask of field '{name}' is {mask.rows} x {mask.dim}, its table"
                    f" {blocks[0].rows} x {blocks[0].dim}"
                )
            if mask.kept in (0, mask.rows * mask.dim):
                raise AllocationError(
                    f"the mask of field '{name}' keeps {mask.kept} of"
                    f" {mask.rows * mask.dim} values; give a field without values dimension 0 and"
                    " one with all of them no mask, as Allocation.masked does"
                )

    @classmethod
    def uniform(cls, fields: Sequence[HasCardinality], dim: int) -> Allocation:
        """Give every field the same dimension (UES)."""
        return cls.field_wise(fields, [dim] * len(fields))

    @classmethod
    def field_wise(cls, fields: Sequence[HasCardinality], dims: Sequence[int]) -> Allocation:
        """Give field ``i`` the dimension ``dims[i]``.

        Raises:
            AllocationError: there are not as many dimensions as fields.
        """
        if len(dims) != len(fields):
            raise AllocationError(f"expected {len(fields)} dimensions, got {len(dims)}")
        return cls(
            names=tuple(field.name for field in fields),
            blocks=tuple(
                (Block(field.cardinality, dim),) for field, dim in zip(fields, dims, strict=True)
            ),
        )

    @classmethod
    def masked(
        cls, fields: Sequence[HasCardinality], keeps: Sequence[NDArray[np.bool_] | Mask]
    ) -> Allocation:
        """Give field ``i`` a table of which the values ``keeps[i]`` are kept.

        A field of which nothing is kept gets dimension 0; one of which all is kept has no mask.

        Args:
            fields: of the data set.
            keeps: of each field an array ``(cardinality, dim)``, or a mask.

        Raises:
            AllocationError: a mask is none, or not of its field.
        """
        masks = [own if isinstance(own, Mask) else Mask.of(own) for own in keeps]
        dims = [mask.dim if mask.kept else 0 for mask in masks]
        allocation = cls.field_wise(fields, dims)
        own = [None if mask.kept in (0, mask.rows * mask.dim) else mask for mask in masks]
        return replace(allocation, masks=tuple(own))

    @property
    def parameters(self) -> int:
        """The embedding parameters: those of the blocks, less what masks drop."""
        return sum(self.field_parameters)

    @property
    def field_parameters(self) -> tuple[int, ...]:
        """The embedding parameters of each field."""
        return tuple(
            mask.kept if mask else sum(block.parameters for block in blocks)
            for blocks, mask in zip(self.blocks, self.field_masks, strict=True)
        )

    @property
    def field_rows(self) -> tuple[int, ...]:
        """The embedding rows of each field, whatever their dimension."""
        return tuple(sum(block.rows for block in blocks) for blocks in self.blocks)

    @property
    def field_masks(self) -> tuple[Mask | None, ...]:
        """The mask of each field, None where it has none."""
        return self.masks or (None,) * len(self.names)

    @property
    def dense_parameters(self) -> int:
        """What the parameters were without masks: those of the blocks."""
        return sum(block.parameters for blocks in self.blocks for block in blocks)

    @property
    def index_bytes(self) -> int:
        """What it takes in memory to find the kept values of masked tables; 0 without masks."""
        return sum(mask.index_bytes for mask in self.masks if mask)

    @property
    def memory_parameters(self) -> int:
        """What a budget counts: parameters, and of masked tables their index at 4 bytes each."""
        return self.parameters + -(-self.index_bytes // BYTES_PER_PARAMETER)

    @property
    def index_note(self) -> str:
        """What stands behind the number of ``memory_parameters``; empty without masks."""
        if not self.masks:
            return ""
        return (
            f" ({self.parameters:,} kept values, and {self.index_bytes:,} bytes of index at"
            f" {BYTES_PER_PARAMETER} a parameter)"
        )

    @property
    def rows(self) -> int:
        """The number of embedding rows over all fields, whatever their dimension."""
        return sum(self.field_rows)

    @property
    def is_hashed(self) -> bool:
        """Whether ids of some field share vectors."""
        return any(block.buckets is not None for blocks in self.blocks for block in blocks)

    @property
    def is_field_wise(self) -> bool:
        """Whether fields differ by dimension alone: one block each, no mask, nothing hashed."""
        is_whole = not (self.masks or self.is_hashed)
        return is_whole and all(len(blocks) == 1 for blocks in self.blocks)

    @property
    def dims(self) -> tuple[int, ...]:
        """The dimension of each field.

        Raises:
            AllocationError: a field has several blocks, a mask, or is hashed; ask
                ``is_field_wise`` first.
        """
        if not self.is_field_wise:
            raise AllocationError("sizes differ inside a field; read .blocks instead of .dims")
        return tuple(blocks[0].dim for blocks in self.blocks)

    def check_fits(self, fields: Sequence[HasCardinality]) -> None:
        """Check that the allocation is for exactly these fields.

        Raises:
            AllocationError: a name, the order or a number of rows differs, or a mask does not keep
                what it says.
        """
        expected = tuple(field.name for field in fields)
        if self.names != expected:
            raise AllocationError(
                f"the allocation is for fields {list(self.names)}, the data set has"
                f" {list(expected)}; keep their order"
            )
        for field, blocks in zip(fields, self.blocks, strict=True):
            rows = sum(block.rows for block in blocks)
            if rows != field.cardinality:
                raise AllocationError(
                    f"the blocks of field '{field.name}' hold {rows} rows,"
                    f" its cardinality is {field.cardinality}"
                )
        for name, mask in zip(self.names, self.field_masks, strict=True):
            if mask is not None and mask.bits is not None and Mask.of(mask.values()) != mask:
                raise AllocationError(
                    f"the mask of field '{name}' does not keep {mask.kept} values in"
                    f" {mask.kept_rows} rows; make masks with Mask.of"
                )

    def to_dict(self) -> dict[str, list[list[Any]]]:
        """Return ``{field: [[rows, dim], ...]}``, ready for JSON.

        The block of a masked field has the mask's counts and hash behind its dimension; the mask
        itself is no part of it. A hashed block has ``{"buckets": vectors}`` there.
        """
        data: dict[str, list[list[Any]]] = {
            name: [
                [b.rows, b.dim] if b.buckets is None else [b.rows, b.dim, {BUCKETS: b.buckets}]
                for b in blocks
            ]
            for name, blocks in zip(self.names, self.blocks, strict=True)
        }
        for name, mask in zip(self.names, self.field_masks, strict=True):
            if mask is not None:
                data[name][0].append(mask.to_dict())
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Allocation:
        """Read what ``to_dict`` wrote; masks then have their counts, and no values.

        Raises:
            AllocationError: a value is not a list of ``[rows, dim]`` pairs.
        """
        if not isinstance(data, Mapping):
            raise AllocationError(f"an allocation maps fields to their blocks, got {data!r}")
        try:
            blocks = tuple(
                tuple(Block(*entry[:2], *_buckets_of(entry)) for entry in entries)
                for entries in data.values()
            )
            masks = tuple(_mask_of(entries) for entries in data.values())
        except TypeError as error:
            raise AllocationError(
                f"an allocation maps each field to a list of [rows, dim] pairs: {error}"
            ) from error
        return cls(names=tuple(data), blocks=blocks, masks=masks)


def _buckets_of(entry: Sequence[Any]) -> tuple[Any, ...]:
    """Return the buckets of a block as ``to_dict`` wrote it; nothing where it is not hashed."""
    is_hashed = len(entry) > 2 and isinstance(entry[2], Mapping) and set(entry[2]) == {BUCKETS}
    return (entry[2][BUCKETS],) if is_hashed else ()


def _mask_of(entries: Sequence[Sequence[Any]]) -> Mask | None:
    """Return the mask of a field, as ``to_dict`` wrote its blocks.

    Raises:
        TypeError: a block has more than its rows, its dimension and a mask.
    """
    for entry in entries:
        is_masked = len(entry) > 2 and not _buckets_of(entry)
        if len(entry) > 3 or (is_masked and len(entries) > 1):
            raise TypeError(f"{entry!r} has too many values")
    if not entries or len(entries[0]) < 3 or _buckets_of(entries[0]):
        return None
    rows, dim, mask = entries[0]
    if not isinstance(mask, Mapping):
        raise TypeError(f"{mask!r} is no mask")
    return Mask.from_dict(rows, dim, mask)


def random_sizes(
    fields: Sequence[HasCardinality], candidates: Sequence[int], count: int
) -> list[tuple[int, ...]]:
    """Return different allocations, one candidate per field, drawn uniformly (paper, Table 4).

    Always the same ones: a longer list begins with the shorter one, so that scores of supernets
    and stand-alone runs made at different times are of the same allocations.

    Raises:
        AllocationError: there are fewer allocations than that.
    """
    existing = len(candidates) ** len(fields)
    if count > existing:
        raise AllocationError(
            f"{len(fields)} fields with {len(candidates)} candidate sizes have {existing}"
            f" allocations, {count} were asked for"
        )
    draw = random.Random(0)  # Python promises that a seed gives these numbers in every version.
    drawn: dict[tuple[int, ...], None] = {}
    while len(drawn) < count:
        sizes = (candidates[int(draw.random() * len(candidates))] for _ in fields)
        drawn.setdefault(tuple(sizes))
    return list(drawn)


def sizes_text(dims: Sequence[int]) -> str:
    """Return sizes as one word, ``2-8-16``: how labels and scores name an allocation."""
    return "-".join(map(str, dims))
