"""Embedding tables in eight bits, after training: what sizes save multiplies with what bits save.

The plainest form, which needs neither training nor data: each row of a table has a scale of its
own, its largest absolute value over 127, and its values are rounded to whole multiples of it
(symmetric, per row; row-wise quantisation as in Guan et al., "Post-Training 4-bit Quantization on
Embedding Tables", 2019, whose 8-bit tables cost nearly nothing). A row takes a byte per value and
four for its scale, which of a table one value wide is more than the four that it had: such tables
stay as they are. So do first-order weights, for the same reason, and all dense layers.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from aesbench.models.embedding import FieldEmbedding

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


def table_bytes(rows: int, dim: int, values: int | None = None) -> int:
    """Return the bytes of a table in int8 with its scales; of one value per row, in float32.

    Args:
        rows: with a scale each.
        dim: of the table.
        values: that are kept, of a masked table; None for all.
    """
    kept = rows * dim if values is None else values
    return kept + rows * SCALE_BYTES if dim > 1 else 4 * kept


@contextmanager
def int8_tables(embedding: FieldEmbedding) -> Iterator[int]:
    """Round an embedding's tables as int8 would, yield their bytes, and restore their weights.

    Of a masked table these are the values kept, the scales of rows with any, and the index.
    """
    tables = [one for one in embedding.modules() if isinstance(one, nn.Embedding)]
    kept = [table.weight.detach().clone() for table in tables]
    with torch.no_grad():
        for table in tables:
            if table.embedding_dim > 1:
                whole, scales = quantised(table.weight)
                table.weight.copy_(whole * scales)
    try:
        yield embedding.index_bytes + sum(
            table_bytes(rows, table.embedding_dim, values)
            for table in tables
            for rows, values in [embedding.kept_in(table)]
        )
    finally:
        with torch.no_grad():
            for table, weight in zip(tables, kept, strict=True):
                table.weight.copy_(weight)
