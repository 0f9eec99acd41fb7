"""Dense Adam with coupled decay, which some searches prune by.

torch's Adam adds the decay to the gradient, g += wd * p, and then divides by the gradient's own
size. A value that no batch touches has the decay for its whole gradient, so it moves by about the
learning rate a step towards zero, whatever wd is, down to about |p| = 1e-8 / wd, where Adam's
epsilon takes over. The house's optimizer (``models/optimizer.py``) moves the rows of the batch only
and has none of this. So a search whose result hangs on it uses the dense optimizer itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from aesbench.datasets.base import Field
from aesbench.errors import ConfigError


def refuse_large_table(
    fields: Sequence[Field], dim: int, most: int, setting: str, smaller: str
) -> None:
    """Check that dense Adam may move a table of all fields in every step, before there is one.

    Args:
        fields: of the table.
        dim: of its vectors.
        most: how many values it may have.
        setting: that holds this number, for the message.
        smaller: what would make ``dim`` smaller, likewise.

    Raises:
        ConfigError: it has more.
    """
    rows = sum(field.cardinality for field in fields)
    if rows * dim > most:
        raise ConfigError(
            f"dense Adam would move all values of a table in every step, here {rows:,} x {dim}, and"
            f" {setting} allows {most:,}; {smaller}, raise the data set's min_count, or raise"
            f" {setting} if time and memory (16 bytes a value and more) suffice"
        )


def dense_adam(
    model: nn.Module,
    *,
    learning_rate: float,
    decay: float,
    apart: nn.Parameter,
    rate_apart: float | None,
) -> torch.optim.Adam:
    """Return torch's Adam with coupled decay on a model, whose tables get dense gradients.

    Args:
        model: to train.
        learning_rate: Adam's.
        decay: added to the gradient, times the value.
        apart: one of the model's parameters, which has a learning rate of its own.
        rate_apart: that rate; None: Adam leaves it alone.
    """
    for module in model.modules():
        if isinstance(module, nn.Embedding):
            module.sparse = False
    groups: list[dict[str, Any]] = [{"params": [p for p in model.parameters() if p is not apart]}]
    if rate_apart is not None:
        groups.append({"params": [apart], "lr": rate_apart})
    return torch.optim.Adam(groups, lr=learning_rate, weight_decay=decay, fused=True)
