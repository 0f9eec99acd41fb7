"""Parts: fields of many models that are looked up, mapped and normalised alike.

A part holds the vectors of its fields' values, ``(models, rows, dim)``, padded with zeros up to the
largest size that any model gives them, and their first-order weights ``(models, rows)``. It says of
each batch which rows were looked up, and hands the optimizer their gradients.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import batch_norm, embedding_bag

from aesbench.models.embedding import FieldLayout, FirstOrder, MixedEmbedding
from aesbench.models.optimizer import RowGroups, group_rows, group_rows_without_wait

NO_VECTOR = 255
"""The class of a value that has no vector."""


@dataclass(frozen=True)
class PartFields:
    """Which fields make a part, and how they are treated.

    Attributes:
        fields: their numbers.
        by_value: whether their vectors are computed once per value, not once per row.
        dim: the largest dimension of a block, over all models.
        width: the largest width of a field's vector, over all models.
        classes: for each model the dimensions of the only field's blocks, the field's own width
            first; empty where every model has one block per field, and a vector if any has.
    """

    fields: tuple[int, ...]
    by_value: bool
    dim: int
    width: int
    classes: tuple[tuple[int, ...], ...] = ()


class Part(nn.Module):
    """The values of some fields, of every model."""

    weights: Tensor
    wide: Tensor
    class_of: Tensor
    has_vector: Tensor
    counter_of: Tensor
    running_mean: Tensor
    running_var: Tensor

    def __init__(
        self, own: PartFields, embeddings: Sequence[MixedEmbedding], wides: Sequence[FirstOrder]
    ) -> None:
        """Copy the models' values.

        Args:
            own: which fields.
            embeddings: of each model.
            wides: the first-order term of each model.
        """
        super().__init__()
        self.own = own
        layouts = [[one.layout[field] for field in own.fields] for one in embeddings]
        # Of the most values that any model's data have: another draw of the split has others.
        sizes = [max(layout.rows for layout in of_field) for of_field in zip(*layouts, strict=True)]
        # By value, all fields get as many rows as the largest: one product for all of them.
        places = [max(sizes)] * len(sizes) if own.by_value else sizes
        models, rows = len(embeddings), sum(places)
        self._starts = [sum(places[:number]) for number in range(len(places))]
        sample = wides[0].weights.weight
        columns = [number for one in layouts[0] for number in range(one.first, one.last)]
        self.columns_each = layouts[0][0].last - layouts[0][0].first
        offsets = [start for start in self._starts for _ in range(self.columns_each)]
        self._chosen = torch.tensor(columns, device=sample.device)
        self._offsets = torch.tensor(offsets, device=sample.device)

        self.wide = nn.Parameter(sample.new_zeros(models, rows), requires_grad=False)
        self.weights = nn.Parameter(
            sample.new_zeros(models, rows, own.dim), requires_grad=own.by_value and own.dim > 0
        )
        for model, (embedding, wide) in enumerate(zip(embeddings, wides, strict=True)):
            self._copy(model, embedding, wide, back=False)
        self.normalised = embeddings[0].normalised and own.dim > 0
        if self.normalised:
            shape = (models, len(sizes), own.width)
            self.register_buffer("running_mean", sample.new_zeros(shape))
            self.register_buffer("running_var", sample.new_ones(shape))
            for model, embedding in enumerate(embeddings):
                self._copy_statistics(model, embedding, back=False)
        has_vector = torch.tensor([[layout.width > 0 for layout in one] for one in layouts])
        self.some_lack = own.dim > 0 and not own.classes and not bool(has_vector.all())
        if self.some_lack:
            self.register_buffer("has_vector", has_vector.to(sample))
        if own.classes:
            classes = torch.full((models, rows), NO_VECTOR, dtype=torch.uint8)
            for model, dims in enumerate(own.classes):
                for start, stop, dim, _ in layouts[model][0].blocks:
                    if dim:
                        classes[model, start:stop] = dims.index(dim)
            self.register_buffer("class_of", classes.to(sample.device))

    def look_up(self, ids: Tensor) -> Looked:
        """Find the rows of ``ids (models, batch, columns)``."""
        models, rows = self.wide.shape
        own = ids.index_select(2, self._chosen)
        base = torch.arange(0, models * rows, rows, device=ids.device)
        inside = None
        if self.columns_each > 1:
            inside = own >= 0
            own = own.clamp(min=0)
        return Looked(self, own + (self._offsets + base[:, None, None]), inside)

    @property
    def has_counters(self) -> bool:
        """Whether a batch may miss all values of a dimension."""
        return "counter_of" in self._buffers

    def counters(self) -> Tensor:
        """Return the number of each row's table, the models counted through."""
        models, rows = self.counter_of.shape
        base = torch.arange(models, device=self.counter_of.device) * self._tables
        return (self.counter_of + base.unsqueeze(1)).view(-1)

    def note_counters(
        self, embeddings: Sequence[MixedEmbedding], dims: Sequence[Sequence[int]]
    ) -> None:
        """Note the table of each row, among the model's 0 for none and its dimensions' from 1."""
        if not self.own.dim:
            return
        self._tables = 1 + max(map(len, dims))
        numbers = torch.zeros(self.wide.shape, dtype=torch.long)
        for model, embedding in enumerate(embeddings):
            for field, first in zip(self.own.fields, self._starts, strict=True):
                for start, stop, dim, _ in embedding.layout[field].blocks:
                    number = 1 + dims[model].index(dim) if dim else 0
                    numbers[model, first + start : first + stop] = number
        self.register_buffer("counter_of", numbers.to(self.wide.device))

    def without_lacking(self, vectors: Tensor) -> Tensor:
        """Return vectors, by value or ``(models, batch, fields, width)``, that never move from zero
        where the model gives the field none.

        A layer's columns of them are zero too. Where vectors meet each other they are not: the
        gradient of one is the others, whatever itself is.
        """
        if not self.some_lack:
            return vectors
        if self.own.by_value:
            own = self.by_field(vectors) * self.has_vector[:, :, None, None]
            return own.view_as(vectors)
        return vectors * self.has_vector[:, None, :, None]

    def by_field(self, values: Tensor) -> Tensor:
        """View ``(models, rows, width)`` of a part by value as ``(models, fields, -1, width)``."""
        return values.view(len(values), len(self.own.fields), -1, values.shape[2])

    def normalise_values(self, values: Tensor, counts: Tensor, batch: int) -> Tensor:
        """Normalise ``(models, rows, width)`` as the batch that looks them up would be.

        Args:
            values: of every row.
            counts: (models, rows), how often the batch looks each up.
            batch: its rows.
        """
        own = self.by_field(values)
        if not self.training:
            mean, variance = self.running_mean.unsqueeze(2), self.running_var.unsqueeze(2)
            centred = own - mean
        else:
            weights = self.by_field((counts.to(values.dtype) / batch).unsqueeze(2))
            mean = (weights * own).sum(2, keepdim=True)
            centred = own - mean
            variance = (weights * centred.square()).sum(2, keepdim=True)
            with torch.no_grad():
                self.running_mean.lerp_(mean.squeeze(2), MOMENTUM)
                self.running_var.lerp_(variance.squeeze(2) * (batch / (batch - 1)), MOMENTUM)
        return (centred * (variance + EPS).rsqrt()).view_as(values)

    def normalise_rows(self, vectors: Tensor) -> Tensor:
        """Normalise ``(models, batch, fields, width)`` over the batch."""
        found = [
            batch_norm(own, mean, variance, None, None, self.training, MOMENTUM, EPS)
            for own, mean, variance in zip(
                vectors.flatten(2),
                self.running_mean.flatten(1),
                self.running_var.flatten(1),
                strict=True,
            )
        ]
        return torch.stack(found).view_as(vectors)

    @torch.no_grad()
    def write(self, model: int, embedding: MixedEmbedding, wide: FirstOrder) -> None:
        """Copy the values of one model back."""
        self._copy(model, embedding, wide, back=True)
        if self.normalised:
            self._copy_statistics(model, embedding, back=True)

    def _copy(self, model: int, embedding: MixedEmbedding, wide: FirstOrder, *, back: bool) -> None:
        """Copy a model's vectors and first-order weights to or from its own tables."""
        before = _rows_before(embedding.layout)
        weights, first = self.weights.detach()[model], self.wide.detach()[model]
        for field, start in zip(self.own.fields, self._starts, strict=True):
            size = embedding.layout[field].rows
            theirs = wide.weights.weight.detach()[before[field] :][:size, 0]
            _copy(first[start : start + size], theirs, back=back)
            for first_id, last_id, dim, row in embedding.layout[field].blocks:
                if dim:
                    table: Any = embedding.tables[str(dim)]
                    rows = last_id - first_id
                    ours = weights[start + first_id : start + last_id, :dim]
                    _copy(ours, table.weight.detach()[row : row + rows], back=back)

    def _copy_statistics(self, model: int, embedding: MixedEmbedding, *, back: bool) -> None:
        norm: Any = embedding.norm
        for number, field in enumerate(self.own.fields):
            layout = embedding.layout[field]
            theirs = slice(layout.start, layout.start + layout.width)
            for name in ("running_mean", "running_var"):
                ours = getattr(self, name)[model, number, : layout.width]
                _copy(ours, getattr(norm, name)[theirs], back=back)


EPS, MOMENTUM = 1e-5, 0.1
"""Those of ``nn.BatchNorm1d``, which a ``MixedEmbedding`` normalises with."""


class Looked:
    """What a batch looks up in a part.

    Attributes:
        rows: (models, batch, columns) of the part's rows, those of all models counted through.
        inside: of the same shape, which of them are no padding; None where none is.
        vectors: what a training step differentiates: (models, rows or lookups, dim).
    """

    def __init__(self, part: Part, rows: Tensor, inside: Tensor | None) -> None:
        self.part, self.rows, self.inside = part, rows, inside
        self.vectors = part.weights
        if part.own.dim and not part.own.by_value:
            flat = part.weights.detach().flatten(0, 1).index_select(0, rows.flatten())
            self.vectors = flat.view(len(rows), -1, part.own.dim)

    @cached_property
    def groups(self) -> RowGroups:
        """The lookups, those of padding aside, grouped by row."""
        rows = self.rows if self.inside is None else self.rows[self.inside]
        flat = rows.flatten()
        return group_rows(flat) if flat.is_cpu else group_rows_without_wait(flat)

    @cached_property
    def classes(self) -> Tensor:
        """The class of each vector, ``(models, rows or lookups)``."""
        if self.part.own.by_value:
            return self.part.class_of
        return (
            self.part.class_of.flatten()
            .index_select(0, self.rows.flatten())
            .view(len(self.rows), -1)
        )

    def first_order(self) -> Tensor:
        """Return the sum over the part's fields of their first-order weights: (models, batch)."""
        found = self.part.wide.flatten().index_select(0, self.rows.flatten()).view_as(self.rows)
        return self._mean(found.unsqueeze(3)).squeeze(3).sum(2)

    def vectors_of_fields(self, values: Tensor) -> Tensor:
        """Return lookups ``(models, lookups, width)`` as ``(models, batch, fields, width)``.

        A field with several values is their mean; one that is all padding is zero.
        """
        return self._mean(values.view(*self.rows.shape, -1))

    @cached_property
    def counts(self) -> Tensor:
        """How often each row is looked up, where all fields have one column: (models, rows)."""
        flat, wide = self.rows.flatten(), self.part.wide
        if flat.is_cpu:
            return torch.bincount(flat, minlength=wide.numel()).view_as(wide)
        # What counts on a GPU waits for it, to learn the largest number.
        counts = torch.zeros(wide.numel(), dtype=torch.long, device=wide.device)
        return counts.index_add_(0, flat, torch.ones_like(flat)).view_as(wide)

    def vector_gradients(self) -> Tensor:
        """Return the gradients ``(groups, dim)`` of the rows of ``groups``."""
        gradients = self.vectors.grad
        if gradients is None:
            raise RuntimeError("no gradient: the loss does not depend on these vectors")
        flat = gradients.flatten(0, 1)
        if self.part.own.by_value:
            return flat.index_select(0, self.groups.rows)
        return self.groups.sums(flat if self.inside is None else flat[self.inside.flatten()])

    def first_order_gradients(self, gradients: Tensor) -> Tensor:
        """Return those ``(groups,)`` of first-order weights, of the logits' ``(models, batch)``."""
        if self.inside is None:
            columns = self.rows.shape[2]
            return self.groups.sums(gradients.reshape(-1, 1), columns).squeeze(1)
        shares = (gradients / self.inside.sum(2).clamp(min=1)).unsqueeze(2).expand_as(self.rows)
        return self.groups.sums(shares[self.inside].unsqueeze(1)).squeeze(1)

    def _mean(self, values: Tensor) -> Tensor:
        """Return ``(models, batch, columns, width)`` with one column per field."""
        if self.inside is None:
            return values
        total = (values * self.inside.unsqueeze(3)).sum(2, keepdim=True)
        return total / self.inside.sum(2).clamp(min=1)[..., None, None]


class SumOverFields(torch.autograd.Function):
    """The sum, for each row of a batch, of what its values hold: an embedding bag.

    Its gradient sums each value's rows in the groups that the optimizer needs anyway; torch's own
    would sort them again.
    """

    @staticmethod
    def forward(ctx: Any, values: Tensor, bias: Tensor | None, looked: Looked) -> Tensor:
        """Map ``(models, rows, width)`` to ``(models * batch, width)``, and add a bias.

        It is viewed as ``(models, batch, width)`` outside: autograd lets nobody change in place
        what a function gives as a view, and a ReLU may.
        """
        ctx.looked, ctx.shape, ctx.has_bias = looked, values.shape, bias is not None
        models, batch, columns = looked.rows.shape
        bags = embedding_bag(looked.rows.view(-1, columns), values.flatten(0, 1), mode="sum")
        if bias is not None:
            bags.view(models, batch, -1).add_(bias)
        return bags

    @staticmethod
    def backward(ctx: Any, gradients: Tensor) -> tuple[Tensor, Tensor | None, None]:
        """Return the gradients of the values and of the bias."""
        looked = ctx.looked
        counts = looked.counts.flatten()
        batch_rows = torch.div(looked.groups.order, looked.rows.shape[2], rounding_mode="floor")
        starts = counts.cumsum(0) - counts  # A value that nobody looked up has an empty bag: zeros.
        sums = embedding_bag(batch_rows, gradients, starts, mode="sum")
        bias = None
        if ctx.has_bias:
            bias = gradients.view(len(looked.rows), -1, gradients.shape[1]).sum(1, keepdim=True)
        return sums.view(ctx.shape), bias, None


def _copy(ours: Tensor, theirs: Tensor, *, back: bool) -> None:
    theirs.copy_(ours) if back else ours.copy_(theirs)


def _rows_before(layout: Sequence[FieldLayout]) -> list[int]:
    """Return for each field how many values the fields before it have."""
    before, rows = [], 0
    for field in layout:
        before.append(rows)
        rows += field.rows
    return before
