"""Adam for a recommender: row-sparse on the embedding tables, fused on everything else.

A step touches the table rows of its batch only, values, moments and weight decay alike ("lazy"
Adam). Dense Adam would move every row that ever had a gradient through its momentum, and on a table
of 7.6 million rows it would move gigabytes per step. ``torch.optim.SparseAdam`` is lazy too, but
has no weight decay and coalesces at three times the cost.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn


class RowSparseAdam:
    """Adam (Kingma & Ba, 2015) on tables whose gradients are sparse, rows of the batch only."""

    def __init__(
        self,
        tables: Iterable[Tensor],
        *,
        learning_rate: float,
        l2: float,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        self.tables = list(tables)
        self.learning_rate, self.l2, self.betas, self.eps = learning_rate, l2, betas, eps
        self.steps = 0
        self.moments = [(torch.zeros_like(t), torch.zeros_like(t)) for t in self.tables]
        largest = max(self.tables, key=len, default=torch.empty(0))
        self._slots = torch.empty(len(largest), dtype=torch.int64, device=largest.device)

    @torch.no_grad()
    def step(self) -> None:
        """Update the rows that have a gradient. The step count is global, as in SparseAdam."""
        self.steps += 1
        beta1, beta2 = self.betas
        # Both bias corrections in two factors: of the step size and of eps.
        correction1, correction2 = 1 - beta1**self.steps, (1 - beta2**self.steps) ** 0.5
        step_size, eps = self.learning_rate * correction2 / correction1, self.eps * correction2
        ids: Tensor | None = None
        for table, (first, second) in zip(self.tables, self.moments, strict=True):
            if table.grad is None:
                continue
            looked_up, gradients = table.grad._indices()[0], table.grad._values()
            if ids is None or not torch.equal(ids, looked_up):  # Two tables often share their ids.
                ids = looked_up
                rows, positions = number_rows(ids, self._slots)
            gradient = gradients.new_zeros(len(rows), gradients.shape[1])
            gradient.index_add_(0, positions, gradients)
            values = table.index_select(0, rows)  # (rows of the batch, dim), like all that follow
            gradient.add_(values, alpha=self.l2)
            first_rows = first.index_select(0, rows).lerp_(gradient, 1 - beta1)
            second_rows = second.index_select(0, rows).mul_(beta2)
            second_rows.addcmul_(gradient, gradient, value=1 - beta2)
            first.index_copy_(0, rows, first_rows)
            second.index_copy_(0, rows, second_rows)
            values.addcdiv_(first_rows, second_rows.sqrt_().add_(eps), value=-step_size)
            table.index_copy_(0, rows, values)

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for table in self.tables:
            table.grad = None


def number_rows(ids: Tensor, slots: Tensor) -> tuple[Tensor, Tensor]:
    """Return the distinct ids in the order of their first occurrence, and each id's place in it.

    ``torch.unique`` sorts them, which takes three times as long.

    Args:
        ids: (ids,) int64, below the length of ``slots``.
        slots: (at least the largest id + 1,) int64, overwritten where it is indexed by an id.
    """
    order = torch.arange(len(ids), device=ids.device)
    slots.scatter_reduce_(0, ids, order, "amin", include_self=False)
    rows = ids[slots.index_select(0, ids) == order]
    slots.index_copy_(0, rows, order[: len(rows)])
    return rows, slots.index_select(0, ids)


class ModelAdam:
    """One optimizer for a whole model: its sparse tables row by row, the rest fused.

    A table is any ``nn.Embedding(sparse=True)`` of the model. ``l2`` acts on tables only.
    """

    def __init__(self, model: nn.Module, *, learning_rate: float, l2: float) -> None:
        tables = [
            module.weight
            for module in model.modules()
            if isinstance(module, nn.Embedding) and module.sparse and module.weight.requires_grad
        ]
        tables = list({id(table): table for table in tables}.values())  # Tied tables move once.
        known = {id(table) for table in tables}
        dense = [p for p in model.parameters() if id(p) not in known and p.requires_grad]
        self.tables = RowSparseAdam(tables, learning_rate=learning_rate, l2=l2)
        self.dense = torch.optim.Adam(dense, lr=learning_rate, fused=True) if dense else None

    def step(self) -> None:
        """Apply the gradients."""
        self.tables.step()
        if self.dense is not None:
            self.dense.step()

    def zero_grad(self) -> None:
        """Forget the gradients."""
        self.tables.zero_grad()
        if self.dense is not None:
            self.dense.zero_grad()
