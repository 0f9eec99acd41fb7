"""Adam for a recommender: row-sparse on the embedding tables, fused on everything else.

A step touches the table rows of its batch only, values, moments and weight decay alike ("lazy"
Adam). Dense Adam would move every row that ever had a gradient through its momentum, and on a table
of 7.6 million rows it would move gigabytes per step. ``torch.optim.SparseAdam`` is lazy too, but
has no weight decay, which the protocol asks for on these rows.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding_bag
from torch.optim.adam import adam

from aesbench.errors import ConfigError


class FusedAdam:
    """Adam (Kingma & Ba, 2015) on given tensors, by torch's fused kernel.

    ``torch.optim.Adam(fused=True)`` calls the same function; its bookkeeping takes twice as long as
    the update of a small model.
    """

    def __init__(
        self,
        *,
        learning_rate: float,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        self.learning_rate, self.betas, self.eps = learning_rate, betas, eps

    def update(
        self,
        values: list[Tensor],
        gradients: list[Tensor],
        first: list[Tensor],
        second: list[Tensor],
        steps: list[Tensor],
    ) -> None:
        """Update values, moments and step counts in place; the lists go side by side."""
        adam(
            values,
            gradients,
            first,
            second,
            [],
            steps,
            lr=self.learning_rate,
            beta1=self.betas[0],
            beta2=self.betas[1],
            eps=self.eps,
            weight_decay=0.0,
            amsgrad=False,
            maximize=False,
            fused=True,
        )


class RowSparseAdam:
    """Adam on tables whose gradients are sparse: the rows of the batch only.

    Each table counts its own steps, as in ``torch.optim.SparseAdam``.
    """

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
        self.l2 = l2
        self._adam = FusedAdam(learning_rate=learning_rate, betas=betas, eps=eps)
        # Flat where the dimension is 1: indexing a vector is four times as fast as a column.
        self._values = [table.detach().squeeze(1) for table in self.tables]
        self.moments = [(torch.zeros_like(v), torch.zeros_like(v)) for v in self._values]
        self._steps = [torch.zeros((), device=table.device) for table in self.tables]

    @torch.no_grad()
    def step(self) -> None:
        """Update the rows that have a gradient."""
        ids: Tensor | None = None
        for table, values, moments, steps in zip(
            self.tables, self._values, self.moments, self._steps, strict=True
        ):
            if table.grad is None or table.grad._nnz() == 0:
                continue
            looked_up = table.grad._indices()[0]
            if ids is None or not torch.equal(ids, looked_up):  # Two tables often share their ids.
                ids = looked_up
                rows, order, starts = group_rows(ids)
            # The sum over each row's lookups; index_add_ takes six times as long.
            gradient = embedding_bag(order, table.grad._values(), starts, mode="sum")
            whole = (values, *moments)
            parts = [tensor.index_select(0, rows) for tensor in whole]  # (rows of the batch, dim)
            gradient = gradient.view_as(parts[0]).add_(parts[0], alpha=self.l2)
            self._adam.update(parts[:1], [gradient], parts[1:2], parts[2:], [steps])
            for tensor, part in zip(whole, parts, strict=True):
                tensor.index_copy_(0, rows, part)

    def forget(self, table: Tensor, rows: slice) -> None:
        """Zero the moments of rows that were given new values, which theirs no longer describe.

        Args:
            table: one of ``tables``.
            rows: of the table.

        Raises:
            ConfigError: the table is not among those that this optimizer moves.
        """
        for known, moments in zip(self.tables, self.moments, strict=True):
            if known is table:
                for moment in moments:
                    moment[rows] = 0
                return
        raise ConfigError("these rows belong to no table of the optimizer; build it on the model")


def group_rows(ids: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Group equal ids.

    Args:
        ids: (ids,) int64, at least one.

    Returns:
        the distinct ids, ascending; the order that sorts ``ids``; and where in that order the
        lookups of each distinct id start.
    """
    ordered, order = torch.sort(ids)
    is_first = torch.ones_like(ordered, dtype=torch.bool)
    torch.ne(ordered[1:], ordered[:-1], out=is_first[1:])
    starts = is_first.nonzero().squeeze(1)
    return ordered.index_select(0, starts), order, starts


class ModelAdam:
    """One optimizer for a whole model: its sparse tables row by row, everything else at once.

    A table is any ``nn.Embedding(sparse=True)`` of the model. ``l2`` acts on tables only.
    """

    def __init__(self, model: nn.Module, *, learning_rate: float, l2: float) -> None:
        tables: list[Tensor] = [
            module.weight
            for module in model.modules()
            if isinstance(module, nn.Embedding) and module.sparse and module.weight.requires_grad
        ]
        tables = list({id(table): table for table in tables}.values())  # Tied tables move once.
        known = {id(table) for table in tables}
        self.tables = RowSparseAdam(tables, learning_rate=learning_rate, l2=l2)
        self._adam = FusedAdam(learning_rate=learning_rate)
        self._dense: list[Tensor] = [
            p for p in model.parameters() if id(p) not in known and p.requires_grad
        ]
        self._first = [torch.zeros_like(p) for p in self._dense]
        self._second = [torch.zeros_like(p) for p in self._dense]
        self._steps = [torch.zeros((), device=p.device) for p in self._dense]
        self._all = [*tables, *self._dense]

    @torch.no_grad()
    def step(self) -> None:
        """Apply the gradients."""
        self.tables.step()
        moved = [i for i, p in enumerate(self._dense) if p.grad is not None]
        if moved:
            gradients = [p.grad for p in self._dense if p.grad is not None]
            values, first, second, steps = (
                [column[i] for i in moved]
                for column in (self._dense, self._first, self._second, self._steps)
            )
            self._adam.update(values, gradients, first, second, steps)

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter in self._all:
            parameter.grad = None
