"""Bi-level stepping: train batches for the weights, validation batches for what chooses sizes.

    min_a  L_validation(w*(a), a)    with    w*(a) = argmin_w L_train(w, a)

is approximated as in DARTS (Liu et al., 2019) at first order: both levels take single gradient
steps in turn, the upper one every few steps of the lower, each as if the other stood still. In a
stream, where nothing is held out, the train batch before stands in for the validation batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from aesbench.datasets.base import Split
from aesbench.models.training import Progress

Batch = tuple[Tensor, Tensor]
"""``ids (batch, columns)`` and ``labels (batch,)``."""

_TRACED_POINTS = 200


class BilevelBatches:
    """Train batches, epoch by epoch, with a batch for the upper level at every k-th of them.

    Validation batches go on from one epoch to the next, in a fresh order whenever the split is used
    up. Without a validation split it is the train batch before, which the very first has not.

    Attributes:
        steps_per_epoch: train batches in an epoch.
        steps: train batches in all planned epochs.
        step: the number of the train batch last handed out, from 1 and never reset: schedules and
            the turn of the upper level count in it.
    """

    def __init__(
        self,
        train: Split,
        validation: Split | None,
        batch_size: int,
        *,
        epochs: int,
        every: int,
        device: torch.device,
        generator: torch.Generator,
        progress: Progress,
    ) -> None:
        """Plan the steps.

        Args:
            train: rows of the lower level.
            validation: rows of the upper level; None: those of the train batch before.
            batch_size: of both.
            epochs: how many are planned.
            every: at which train batches, every so many, one of the upper level is due.
            device: where batches go.
            generator: a CPU generator for the order of the rows.
            progress: told the steps done and planned, ten times per epoch.
        """
        self.steps_per_epoch = max(1, len(train) // batch_size)
        self.steps = epochs * self.steps_per_epoch
        self.step = 0
        self._train, self._batch_size, self._every = train, batch_size, every
        self._device, self._generator, self._progress = device, generator, progress
        self._validation = None if validation is None else self._endless(validation)
        self._previous: Batch | None = None

    def epoch(self) -> Iterator[tuple[Batch, Batch | None]]:
        """Yield each train batch of one epoch with one of the upper level, or None if none is due.

        The caller decides which of the two goes first.
        """
        for batch in self._shuffled(self._train):
            self.step += 1
            upper = None
            if self.step % self._every == 0:
                upper = self._previous if self._validation is None else next(self._validation)
            yield batch, upper
            self._previous = batch
            if self.step % max(1, self.steps_per_epoch // 10) == 0:
                self._progress("search step", self.step, self.steps)

    def is_traced(self) -> bool:
        """Whether this step is one of the few hundred whose values a trace should hold."""
        return self.step % max(1, self.steps // _TRACED_POINTS) == 0

    def _shuffled(self, split: Split) -> Iterator[Batch]:
        return split.batches(self._batch_size, device=self._device, shuffle=self._generator)

    def _endless(self, split: Split) -> Iterator[Batch]:
        while True:
            yield from self._shuffled(split)


@contextmanager
def running_statistics_kept(model: nn.Module) -> Iterator[None]:
    """Let batch normalisation use a batch of the upper level, and remember nothing of it.

    A model in training mode would mix it into the statistics with which it is evaluated.
    """
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum


class Patience:
    """Says when the validation AUC has stopped improving.

    Attributes:
        history: the AUC after each epoch.
        best_epoch: the first epoch with the highest one, from 1.
    """

    def __init__(self, epochs: int) -> None:
        """Wait for so many epochs without a better AUC."""
        self._epochs = epochs
        self.history: list[float] = []
        self.best_epoch = 0

    def is_over(self, auc: float) -> bool:
        """Note an epoch's AUC and return whether it is time to stop."""
        if not self.history or auc > max(self.history):
            self.best_epoch = len(self.history) + 1
        self.history.append(auc)
        return len(self.history) - self.best_epoch >= self._epochs
