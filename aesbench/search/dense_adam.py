"""Dense Adam with coupled decay, which some searches prune by.

torch's Adam adds the decay to the gradient, g += wd * p, and then divides by the gradient's own
size. A value that no batch touches has the decay for its whole gradient, so it moves by about the
learning rate a step towards zero, whatever wd is, down to about |p| = 1e-8 / wd, where Adam's
epsilon takes over. The house's optimizer (``models/optimizer.py``) moves the rows of the batch only
and has none of this. So a search whose result hangs on it uses the dense optimizer itself.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

from aesbench.errors import ConfigError


def make_dense(model: nn.Module) -> None:
    """Let all tables of a model have dense gradients from now on."""
    for module in model.modules():
        if isinstance(module, nn.Embedding):
            module.sparse = False


def dense_adam(
    parameters: Iterable[nn.Parameter],
    *,
    learning_rate: float,
    decay: float,
    most: int,
    setting: str,
) -> torch.optim.Adam:
    """Return torch's Adam with coupled decay on parameters that have dense gradients.

    Args:
        parameters: of a model after ``make_dense``.
        learning_rate: Adam's.
        decay: added to the gradient, times the value.
        most: how many values it may move each step.
        setting: that holds this number, for the message.

    Raises:
        ConfigError: there are more; every step would move all of them.
    """
    chosen = list(parameters)
    values = sum(parameter.numel() for parameter in chosen)
    if values > most:
        raise ConfigError(
            f"dense Adam would move {values:,} parameters in every step, and {setting} allows"
            f" {most:,}; raise the data set's min_count, give smaller --candidates, or raise"
            f" {setting} if time and memory (16 bytes a parameter) suffice"
        )
    return torch.optim.Adam(chosen, lr=learning_rate, weight_decay=decay, fused=True)
