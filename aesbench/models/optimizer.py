"""Adam for a recommender: row-sparse on the embedding tables, fused on everything else.

A step touches the table rows of its batch only, values, moments and weight decay alike ("lazy"
Adam). Dense Adam would move every row that ever had a gradient through its momentum, and on a table
of 7.6 million rows it would move gigabytes per step. ``torch.optim.SparseAdam`` is lazy too, but
has no weight decay, which the protocol asks for on these rows.

Inside such a row the decay is on the values that have a gradient. A value without one, which a mask
or the choice of a smaller size leaves out, would have the decay for its whole gradient, and Adam,
which divides a gradient by its own size, would move it by the full learning rate every step.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import embedding_bag
from torch.optim.adam import adam

from aesbench.errors import ConfigError
from aesbench.models.memory import make_zeros


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


class _Moved(NamedTuple):
    """What a step moves of a table: these rows, and of each ``(groups, dim)`` or ``(groups,)``."""

    wholes: tuple[TableRows, TableRows, TableRows]  # Values, first and second moments.
    rows: Tensor
    values: Tensor
    gradient: Tensor
    first: Tensor
    second: Tensor
    steps: Tensor


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
        values = [table.detach().squeeze(1) for table in self.tables]
        self.moments = [(_zeros_like(v), _zeros_like(v)) for v in values]
        self._rows = [
            (TableRows(own), TableRows(first), TableRows(second))
            for own, (first, second) in zip(values, self.moments, strict=True)
        ]
        self._steps = [torch.zeros((), device=table.device) for table in self.tables]

    @torch.no_grad()
    def step(self) -> None:
        """Update the rows that have a gradient."""
        ids: Tensor | None = None
        moved: list[_Moved] = []
        for table, wholes, steps in zip(self.tables, self._rows, self._steps, strict=True):
            if table.grad is None or table.grad._nnz() == 0:
                continue
            looked_up = table.grad._indices()[0]
            if not looked_up.is_cpu:
                groups = group_rows_without_wait(looked_up)
            elif ids is None or not torch.equal(ids, looked_up):  # Two tables often share theirs.
                ids = looked_up
                groups = group_rows(ids)
            gradient = groups.sums(table.grad._values())
            values, first, second = (whole.take(groups.rows) for whole in wholes)
            gradient = decayed(gradient.view_as(values), values, self.l2)
            moved.append(_Moved(wholes, groups.rows, values, gradient, first, second, steps))
        if moved:
            _, _, *columns = map(list, zip(*moved, strict=True))
            self._adam.update(*columns)
        for own in moved:
            for whole, part in zip(own.wholes, (own.values, own.first, own.second), strict=True):
                whole.put(own.rows, part)

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


def decayed(gradient: Tensor, values: Tensor, l2: float) -> Tensor:
    """Return gradients with ``l2`` times the values added, in place, wherever they are not zero."""
    if not l2:
        return gradient
    return gradient.add_(values.masked_fill(gradient == 0, 0), alpha=l2)


class TableRows:
    """The rows of a table, to take some of them and to put them back.

    On a CPU numpy puts each back as one item: torch's ``index_copy_`` copies number by number, and
    takes twice as long on long rows and on large tables.
    """

    def __init__(self, whole: Tensor) -> None:
        self._whole = whole
        is_dense = whole.is_contiguous() and whole.stride(-1) == 1  # Not so of one number of many.
        self._items = _items(whole) if whole.is_cpu and is_dense else None

    def take(self, rows: Tensor) -> Tensor:
        """Return a copy of these rows."""
        return self._whole.index_select(0, rows)

    def put(self, rows: Tensor, values: Tensor) -> None:
        """Write these rows."""
        if self._items is None:
            self._whole.index_copy_(0, rows, values)
        else:
            self._items[rows.numpy()] = _items(values)


def _zeros_like(table: Tensor) -> Tensor:
    return make_zeros(table.shape, table.dtype) if table.is_cpu else torch.zeros_like(table)


def _items(rows: Tensor) -> NDArray[np.void]:
    """Return numpy's view of rows ``(rows, dim)`` or ``(rows,)``: an item for each, ``(rows,)``."""
    item = np.dtype((np.void, prod(rows.shape[1:]) * rows.element_size()))
    return rows.view(torch.uint8).numpy().view(item).reshape(-1)


@dataclass(frozen=True)
class RowGroups:
    """Lookups grouped by the row that they are of.

    Attributes:
        rows: (groups,) the row of each group.
        order: (lookups,) the order that sorts the lookups by row.
        starts: (groups,) where in that order each group's lookups start.
        repeats: (groups,) for each group the one whose sum it takes, None where it is its own.
    """

    rows: Tensor
    order: Tensor
    starts: Tensor
    repeats: Tensor | None = None

    def sums(self, values: Tensor, lookups_each: int = 1) -> Tensor:
        """Add up values ``(lookups / lookups_each, dim)`` by group: ``(groups, dim)``.

        Args:
            values: of the lookups, in their order.
            lookups_each: how many consecutive lookups share one value.
        """
        places = self.order
        if lookups_each > 1:
            places = torch.div(places, lookups_each, rounding_mode="floor")
        # index_add_ takes six times as long, and on a GPU adds in an order that changes.
        sums = embedding_bag(places, values, self.starts, mode="sum")
        return sums if self.repeats is None else sums.index_select(0, self.repeats)


def group_rows(ids: Tensor) -> RowGroups:
    """Group equal ids ``(ids,)`` int64 on the CPU; groups ascend, and there are none of no ids."""
    order = _sorting_order(ids.numpy())
    ordered = ids.numpy().take(order)
    is_first = np.ones(len(ids), dtype=np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=is_first[1:])
    starts = is_first.nonzero()[0]
    return RowGroups(*map(torch.from_numpy, (ordered.take(starts), order, starts)))


def _sorting_order(ids: NDArray[np.int64]) -> NDArray[np.intp]:
    """Return the order that sorts ids from 0 on, equal ones as they come.

    By 16 bits after 16 bits, the last ones first: so short numbers numpy sorts by radix, a table of
    65,536 rows at most six times as fast as torch sorts its 5,000 ids by comparison, others three.
    """
    order = ids.astype(np.uint16).argsort(kind="stable")  # The last 16 bits.
    for shift in range(16, int(ids.max(initial=0)).bit_length(), 16):
        digits = (ids >> shift).astype(np.uint16).take(order)
        order = order.take(digits.argsort(kind="stable"))
    return order


def group_rows_without_wait(ids: Tensor) -> RowGroups:
    """Group equal ids as ``group_rows`` does, in tensors of one shape whatever the ids are.

    So a GPU can queue a step before the last is done, and nobody waits for the number of groups.
    There are as many groups as ids: those that are not needed repeat the last one, row and sum, so
    that an update writes the same there several times.
    """
    ordered, order = torch.sort(ids, stable=True)
    is_first = _is_first(ordered)
    places = torch.arange(len(ids), device=ids.device)
    # The starts, then as often as need be the end, where nothing is left to add up.
    starts = places.masked_fill(~is_first, len(ids)).sort().values
    repeats = torch.minimum(places, is_first.sum() - 1)
    rows = ordered.index_select(0, starts.index_select(0, repeats))
    return RowGroups(rows, order, starts, repeats)


def _is_first(ordered: Tensor) -> Tensor:
    """Return where in ascending ids a new one begins."""
    is_first = torch.ones_like(ordered, dtype=torch.bool)
    torch.ne(ordered[1:], ordered[:-1], out=is_first[1:])
    return is_first


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
