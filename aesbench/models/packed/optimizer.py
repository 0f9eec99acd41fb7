"""``ModelAdam`` for a pack: the rows that a batch looked up, and everything else at once."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from aesbench.models.optimizer import FusedAdam, TableRows, decayed
from aesbench.models.packed.embedding import PackedEmbedding
from aesbench.models.packed.parts import Looked


class _Moved:
    """A tensor that Adam moves, its moments and its steps."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor
        self.moments = [torch.zeros_like(tensor, requires_grad=False) for _ in range(2)]
        self.steps = torch.zeros((), device=tensor.device)

    def keep(self, models: Tensor) -> None:
        """Forget the other models; the tensor has forgotten them already."""
        self.moments = [moment.index_select(0, models) for moment in self.moments]


class _MovedRows(_Moved):
    """A tensor ``(models, rows, ...)`` moved by rows, those of all models counted through."""

    def __init__(self, tensor: Tensor) -> None:
        super().__init__(tensor)
        self._note_rows()

    def keep(self, models: Tensor) -> None:
        super().keep(models)
        self._note_rows()

    def _note_rows(self) -> None:
        whole = (self.tensor.detach(), *self.moments)
        self.rows = [TableRows(one.flatten(0, 1)) for one in whole]


class PackedAdam:
    """Adam on many models, each moved as ``ModelAdam`` moves it alone.

    A table of a model counts the steps in which a batch looked up any of its rows. Nearly always
    that is every step; only the dimensions of blocks and of fields with several values can be
    missed, and where one was, the rows are moved by what their own table has counted.
    """

    def __init__(
        self, embedding: PackedEmbedding, rest: nn.Module, *, learning_rate: float, l2: float
    ) -> None:
        """Move a pack's embedding row by row, where ``l2`` acts, and the rest of it at once."""
        self._adam, self._l2 = FusedAdam(learning_rate=learning_rate), l2
        self._embedding = embedding
        self._weights = [_MovedRows(part.weights) for part in embedding.all_parts()]
        self._wides = [_MovedRows(part.wide) for part in embedding.all_parts()]
        values = {id(part.weights) for part in embedding.all_parts()}
        dense = [*embedding.parameters(), *rest.parameters()]
        self._dense = [_Moved(p) for p in dense if p.requires_grad and id(p) not in values]
        self._counts = torch.zeros(embedding.is_sure.shape, device=embedding.is_sure.device)

    @torch.no_grad()
    def step(self) -> None:
        """Apply the gradients of the last batch."""
        looked = self._embedding.looked
        self._count(looked)
        terms = self._embedding.first_order.grad
        for one, weights, wide in zip(looked, self._weights, self._wides, strict=True):
            if one.part.own.dim:
                self._move_vectors(one, weights)
            if terms is not None:
                self._move(wide, wide.steps, one.groups.rows, one.first_order_gradients(terms))
        moved = [own for own in self._dense if own.tensor.grad is not None]
        self._adam.update(
            [own.tensor for own in moved],
            [own.tensor.grad for own in moved if own.tensor.grad is not None],
            [own.moments[0] for own in moved],
            [own.moments[1] for own in moved],
            [own.steps for own in moved],
        )

    def zero_grad(self) -> None:
        """Forget the gradients; those of what was looked up row by row end with the batch."""
        for one in (*self._weights, *self._dense):
            one.tensor.grad = None

    def keep(self, models: Tensor) -> None:
        """Forget the other models."""
        for one in (*self._weights, *self._wides, *self._dense):
            one.keep(models)
        self._counts = self._counts.index_select(0, models)

    def _count(self, looked: Sequence[Looked]) -> None:
        """Count the step for each table that was looked up."""
        if self._embedding.all_are_sure:
            return
        touched = self._embedding.is_sure.clone()
        flat = touched.view(-1)
        for one in looked:
            if one.part.has_counters:
                flat[one.part.counters().index_select(0, one.groups.rows)] = True
        self._counts += touched

    def _move_vectors(self, looked: Looked, weights: _MovedRows) -> None:
        rows, gradients = looked.groups.rows, looked.vector_gradients()
        if self._embedding.all_are_sure or not looked.part.has_counters:
            self._move(weights, weights.steps, rows, gradients)
            return
        counters = looked.part.counters().index_select(0, rows)
        counts = self._counts.view(-1).index_select(0, counters)
        for count in torch.unique(counts):
            own = (counts == count).nonzero().squeeze(1)
            self._move(weights, count - 1, rows[own], gradients[own])  # Adam counts one more.

    def _move(self, moved: _MovedRows, steps: Tensor, rows: Tensor, gradients: Tensor) -> None:
        """Move rows ``(groups,)`` of a tensor ``(models, rows, ...)``, counted through."""
        parts = [whole.take(rows) for whole in moved.rows]
        gradients = decayed(gradients, parts[0], self._l2)
        self._adam.update(parts[:1], [gradients], parts[1:2], parts[2:], [steps])
        for whole, part in zip(moved.rows, parts, strict=True):
            whole.put(rows, part)
