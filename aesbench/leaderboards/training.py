"""Training as the leaderboard's runs did (FuxiCTR 1.0 and 1.1), which is not this project's way.

Adam moves every row of the tables in every step, and its weight decay, the gradient of
``l2 / 2 * sum of squares``, pulls rows that the batch lacks; the gradient's norm is clipped; the
learning rate falls to a tenth after each epoch that is no better than the best one, but not below
1e-6, and after two in a row training ends. Their published numbers owe more to this schedule than
to the backbone: .809 becomes .813 on Criteo_x4 in the first epoch after a fall.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from aesbench.core import metrics
from aesbench.datasets.base import Split
from aesbench.leaderboards.boards import Published
from aesbench.models.training import FitResult, Progress, keep, predict

LEARNING_RATE, LEAST_RATE = 1e-3, 1e-6
EPOCHS, PATIENCE = 100, 2
LARGEST_NORM = 10.0
LEAST_GAIN = 1e-6


def fit_as_published(
    model: nn.Module,
    train: Split,
    validation: Split,
    published: Published,
    generator: torch.Generator,
    *,
    epochs: int = EPOCHS,
    progress: Progress | None = None,
) -> FitResult:
    """Train a model in place and leave it with the weights of its best epoch, in eval mode.

    Args:
        model: maps ``ids (batch, columns)`` to logits ``(batch,)``.
        train: the rows to learn from.
        validation: the rows that decide about epochs.
        published: the settings.
        generator: a CPU generator for the order of the rows.
        epochs: the most passes.
        progress: told after every epoch.

    Raises:
        DataError: the model diverged.
    """
    optimizer = dense_adam(model, published.l2)
    device = next(model.parameters()).device
    best = metrics.Metrics(auc=-1.0, logloss=float("inf"))
    best_value, best_epoch, best_weights = -float("inf"), 0, dict[str, Tensor]()
    history: list[float] = []
    losses: list[float] = []
    for epoch in range(1, epochs + 1):
        model.train()
        for ids, labels in train.batches(published.batch_size, device=device, shuffle=generator):
            loss = binary_cross_entropy_with_logits(model(ids), labels)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(model.parameters(), LARGEST_NORM)
            optimizer.step()
            optimizer.zero_grad()
        current = metrics.score(validation.labels, predict(model, validation))
        history.append(current.auc)
        losses.append(current.logloss)
        value = current.auc - current.logloss * published.monitors_logloss
        if value > best_value + LEAST_GAIN:
            best, best_value, best_epoch = current, value, epoch
            keep(model.state_dict(), best_weights)
        else:
            for group in optimizer.param_groups:
                group["lr"] = max(group["lr"] / 10, LEAST_RATE)
        if progress is not None:
            progress("epoch", epoch, epochs)
        if epoch - best_epoch >= PATIENCE:
            break
    model.load_state_dict(best_weights)
    model.eval()
    return FitResult(len(history), best_epoch, best, tuple(history), tuple(losses))


def dense_adam(model: nn.Module, l2: float) -> torch.optim.Adam:
    """Return Adam on all rows of all tables, which decay, and on everything else."""
    tables = [module for module in model.modules() if isinstance(module, nn.Embedding)]
    for table in tables:
        table.sparse = False
    weights = {id(table.weight) for table in tables}
    groups: list[dict[str, Any]] = [
        {"params": [table.weight for table in tables], "weight_decay": l2},
        {"params": [p for p in model.parameters() if id(p) not in weights]},
    ]
    return torch.optim.Adam(groups, lr=LEARNING_RATE, fused=True)
