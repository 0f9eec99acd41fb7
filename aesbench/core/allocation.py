"""The allocation: how many embedding dimensions each field, or each block of a field, gets.

It is the only thing a search hands back. Ids inside a field are numbered by descending training
frequency, so a block of equally popular values is a contiguous range of ids, and one type covers
both MDE's sizes within a field and one size per field.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from aesbench.errors import AllocationError


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
    """

    rows: int
    dim: int

    def __post_init__(self) -> None:
        for name, value, least in (("rows", self.rows, 1), ("dim", self.dim, 0)):
            if type(value) is not int or value < least:
                raise AllocationError(
                    f"Block.{name} must be an int of at least {least}, got {value!r}"
                    f" ({type(value).__name__}); cast numpy and float values with int() first"
                )


@dataclass(frozen=True, slots=True)
class Allocation:
    """The blocks of every field, in the order of the data set's fields.

    Hashable, so that a search can remember the scores of the allocations it has seen.
    """

    names: tuple[str, ...]
    blocks: tuple[tuple[Block, ...], ...]

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
        if self.parameters == 0:
            raise AllocationError("every block has dimension 0; give one field at least 1")

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

    @property
    def parameters(self) -> int:
        """The number of embedding parameters: rows times dimension, summed over the blocks."""
        return sum(block.rows * block.dim for blocks in self.blocks for block in blocks)

    @property
    def rows(self) -> int:
        """The number of embedding rows over all fields, whatever their dimension."""
        return sum(block.rows for blocks in self.blocks for block in blocks)

    @property
    def is_field_wise(self) -> bool:
        """Whether every field has one dimension for all of its values."""
        return all(len(blocks) == 1 for blocks in self.blocks)

    @property
    def dims(self) -> tuple[int, ...]:
        """The dimension of each field.

        Raises:
            AllocationError: a field has several blocks; ask ``is_field_wise`` first.
        """
        if not self.is_field_wise:
            raise AllocationError("sizes differ inside a field; read .blocks instead of .dims")
        return tuple(blocks[0].dim for blocks in self.blocks)

    def check_fits(self, fields: Sequence[HasCardinality]) -> None:
        """Check that the allocation is for exactly these fields.

        Raises:
            AllocationError: a name, the order or a number of rows differs.
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

    def to_dict(self) -> dict[str, list[list[int]]]:
        """Return ``{field: [[rows, dim], ...]}``, ready for JSON."""
        return {
            name: [[block.rows, block.dim] for block in blocks]
            for name, blocks in zip(self.names, self.blocks, strict=True)
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Allocation:
        """Read what ``to_dict`` wrote.

        Raises:
            AllocationError: a value is not a list of ``[rows, dim]`` pairs.
        """
        if not isinstance(data, Mapping):
            raise AllocationError(f"an allocation maps fields to their blocks, got {data!r}")
        try:
            blocks = tuple(tuple(Block(*pair) for pair in pairs) for pairs in data.values())
        except TypeError as error:
            raise AllocationError(
                f"an allocation maps each field to a list of [rows, dim] pairs: {error}"
            ) from error
        return cls(names=tuple(data), blocks=blocks)


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
