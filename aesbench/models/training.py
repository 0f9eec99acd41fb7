"""The one training loop. Every method's allocation is retrained here, and only here.

Batches in random order, binary cross-entropy (Eq. 2), Adam, and early stopping on the validation
AUC with the best weights restored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from aesbench.core import metrics
from aesbench.core.metrics import Metrics
from aesbench.core.spec import TrainConfig
from aesbench.datasets.base import Split
from aesbench.models.capture import CapturedStep, CudaGraphs, Step
from aesbench.models.optimizer import ModelAdam

Progress = Callable[[str, int, int], None]
"""Called with what is being done, the steps done and the steps in all."""

EVALUATION_BATCH = 4096
"""Large enough to amortise the calls, small enough for a CPU's cache."""


@dataclass(frozen=True)
class FitResult:
    """What a training left behind.

    Attributes:
        epochs: passes over the train split, those after the best one included.
        best_epoch: the pass whose weights were kept, counted from 1.
        validation: the metrics of the kept weights.
        history: the validation AUC after each pass.
        losses: the validation LogLoss after each pass.
    """

    epochs: int
    best_epoch: int
    validation: Metrics
    history: tuple[float, ...]
    losses: tuple[float, ...]


@dataclass
class Course:
    """How a training has gone so far, which decides when it stops and which weights are kept.

    Attributes:
        config: the protocol.
        history: the validation AUC after each pass.
        losses: the validation LogLoss after each pass.
        best: the metrics of the best pass.
        best_epoch: which one that was, counted from 1.
    """

    config: TrainConfig
    history: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    best: Metrics = field(default_factory=lambda: Metrics(auc=-1.0, logloss=float("inf")))
    best_epoch: int = 0

    def note(self, current: Metrics) -> bool:
        """Note the metrics of another pass; return whether they are the best so far."""
        self.history.append(current.auc)
        self.losses.append(current.logloss)
        is_best = current.auc > self.best.auc
        if is_best:
            self.best, self.best_epoch = current, len(self.history)
        return is_best

    @property
    def is_over(self) -> bool:
        """Whether there were all passes, or so many without a better one that training stops."""
        epoch = len(self.history)
        return epoch >= self.config.epochs or epoch - self.best_epoch >= self.config.patience

    def result(self) -> FitResult:
        """Return what it leaves behind."""
        return FitResult(
            len(self.history),
            self.best_epoch,
            self.best,
            tuple(self.history),
            tuple(self.losses),
        )


def fit(
    model: nn.Module,
    train: Split,
    validation: Split,
    config: TrainConfig,
    generator: torch.Generator,
    progress: Progress | None = None,
) -> FitResult:
    """Train a model in place and leave it with the weights of its best epoch, in eval mode.

    Args:
        model: maps ``ids (batch, columns)`` to logits ``(batch,)``.
        train: the rows to learn from.
        validation: the rows that decide when to stop.
        config: the protocol.
        generator: a CPU generator for the order of the rows.
        progress: told after every epoch.

    Raises:
        DataError: the model diverged, so that its scores are not finite.
    """
    optimizer = ModelAdam(model, learning_rate=config.learning_rate, l2=config.l2)
    device = next(model.parameters()).device
    take_step = make_step(model, optimizer, device)
    course, best_weights = Course(config), dict[str, Tensor]()
    while not course.is_over:
        model.train()
        for ids, labels in train.batches(config.batch_size, device=device, shuffle=generator):
            take_step(ids, labels)
        is_best = course.note(metrics.score(validation.labels, predict(model, validation)))
        if is_best and not course.is_over:  # What the last pass left is there anyway.
            keep(model.state_dict(), best_weights)
        if progress is not None:
            progress("epoch", len(course.history), config.epochs)
    if course.best_epoch < len(course.history):
        model.load_state_dict(best_weights)
    model.eval()
    return course.result()


def keep(weights: Mapping[str, Tensor], kept: dict[str, Tensor]) -> None:
    """Copy weights over those that were kept before: there is never more than one copy."""
    for name, weight in weights.items():
        if name in kept:
            kept[name].copy_(weight)
        else:
            kept[name] = weight.detach().clone()


class Optimizer(Protocol):
    """What moves a model, or a pack of them, by the gradients of a batch."""

    def step(self) -> None:
        """Apply the gradients."""

    def zero_grad(self) -> None:
        """Forget the gradients."""


def make_step(model: nn.Module, optimizer: Optimizer, device: torch.device) -> Step:
    """Return what takes a step for each batch, all of one shape: on a GPU captured if it can be."""
    as_it_is = partial(step, model, optimizer)
    if device.type == "cuda" and getattr(model, "has_fixed_shapes", False):
        return CapturedStep(as_it_is, CudaGraphs(device))
    return as_it_is


def step(model: nn.Module, optimizer: Optimizer, ids: Tensor, labels: Tensor) -> Tensor:
    """Descend the loss of one batch once, of each model its own, and return the logits.

    Args:
        model: one, or a pack of them.
        optimizer: of the model.
        ids: (..., batch, columns), where the models of a pack come first.
        labels: (..., batch).
    """
    try:
        logits: Tensor = model(ids)
        gradient = cross_entropy_gradient(logits.detach(), labels)
        logits.backward(gradient)  # type: ignore[no-untyped-call]
        optimizer.step()
        return logits.detach()
    finally:  # A capture that fails half-way leaves no gradients to the next step.
        optimizer.zero_grad()


def cross_entropy_gradient(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the gradient of the mean cross-entropy (Eq. 2) by the logits ``(..., batch)``.

    It is all that a step needs of the loss, which itself takes as long as a layer.
    """
    return (logits.sigmoid() - labels) / labels.shape[-1]


@torch.no_grad()
def predict(model: nn.Module, split: Split) -> NDArray[np.float32]:
    """Return the logits ``(rows,)`` of a split, in file order, with the model in eval mode."""
    model.eval()
    device = next(model.parameters()).device
    logits = [model(ids) for ids, _ in split.batches(EVALUATION_BATCH, device=device)]
    joined: NDArray[np.float32] = torch.cat(logits).cpu().numpy()
    return joined
