"""Embedding tables in eight bits, after training: what sizes save multiplies with what bits save.

The plainest form, which needs neither training nor data: each row of a table has a scale of its
own, its largest absolute value over 127, and its values are rounded to whole multiples of it
(symmetric, per row; row-wise quantisation as in Guan et al., "Post-Training 4-bit Quantization on
Embedding Tables", 2019, whose 8-bit tables cost nearly nothing). A row takes a byte per value and
four for its scale, which of a table one value wide is more than the four that it had: such tables
stay as they are. So do first-order weights, for the same reason, and all dense layers. What a mask
leaves out stays zero.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from aesbench.core.allocation import Allocation

LEVELS = 127
"""The largest value of a symmetric int8: -128 is left unused."""
SCALE_BYTES = 4


def quantised(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return a table ``(rows, dim)`` as int8 ``(rows, dim)`` and its scales ``(rows, 1)``.

    A row of zeros has scale 0.
    """
    scales = weight.abs().amax(dim=1, keepdim=True) / LEVELS
    whole = (weight / scales.where(scales > 0, torch.ones_like(scales))).round()
    return whole.clamp(-LEVELS, LEVELS).to(torch.int8), scales


def int8_bytes(allocation: Allocation) -> int:
    """Return the bytes of an allocation's tables in int8, with scales and the index of masks."""
    total = allocation.index_bytes
    for blocks, mask in zip(allocation.blocks, allocation.field_masks, strict=True):
        if mask is not None:
            total += _bytes(mask.kept, mask.kept_rows, mask.dim)
        else:
            total += sum(_bytes(one.parameters, one.vectors, one.dim) for one in blocks)
    return total


def _bytes(values: int, rows: int, dim: int) -> int:
    """Return the bytes of so many values in so many rows; of tables one value wide, in float32."""
    return values + SCALE_BYTES * rows if dim > 1 else 4 * values


@contextmanager
def int8_tables(embedding: nn.Module) -> Iterator[None]:
    """Round an embedding's tables as int8 would, and restore their weights afterwards."""
    tables = [one for one in embedding.modules() if isinstance(one, nn.Embedding)]
    kept = [table.weight.detach().clone() for table in tables]
    with torch.no_grad():
        for table in tables:
            if table.embedding_dim > 1:
                whole, scales = quantised(table.weight)
                table.weight.copy_(whole * scales)
    try:
        yield
    finally:
        with torch.no_grad():
            for table, weight in zip(tables, kept, strict=True):
                table.weight.copy_(weight)
