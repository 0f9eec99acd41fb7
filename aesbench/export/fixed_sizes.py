"""One size per field, which is all that other libraries' tables can be given."""

from __future__ import annotations

from dataclasses import dataclass

from aesbench.core.record import RunRecord
from aesbench.errors import ConfigError
from aesbench.export.allocation_file import found_allocation


@dataclass(frozen=True)
class FieldSize:
    """A field's table: so many values of this size."""

    name: str
    cardinality: int
    dim: int


def field_sizes(record: RunRecord, library: str) -> list[FieldSize]:
    """Return the size of each field, those of size 0 included.

    Raises:
        ConfigError: sizes differ inside a field, a mask leaves values out, or ids share vectors.
        RecordError: the run has no allocation.
    """
    allocation = found_allocation(record)
    if allocation.masks:
        raise ConfigError(
            f"run {record.spec.run_id} has masked tables, and a table of {library} has no mask: its"
            " size would be that of all values; export it with --to json or --to torch"
        )
    if allocation.is_hashed:
        raise ConfigError(
            f"run {record.spec.run_id} has hashed tables, whose ids share vectors, and a table of"
            f" {library} has one for each id; export it with --to json or --to torch"
        )
    if not allocation.is_field_wise:
        raise ConfigError(
            f"run {record.spec.run_id} has several sizes inside a field, and a table of {library}"
            " has one; export it with --to json or --to torch"
        )
    return [
        FieldSize(name, blocks[0].rows, blocks[0].dim)
        for name, blocks in zip(allocation.names, allocation.blocks, strict=True)
    ]
