"""The embeddings of many allocations as one, with the first-order terms of their values.

Fields that are treated alike make a *part* (``parts.py``). A field whose values are few beside a
batch's rows is computed value by value, not row by row: what a layer makes of a vector depends on
the value alone, so that its product is taken once per value and then only added up row by row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from aesbench.models.embedding import FirstOrder, MixedEmbedding
from aesbench.models.packed.layers import NotPackableError, Places
from aesbench.models.packed.maps import Transforms, map_of
from aesbench.models.packed.parts import Looked, Part, PartFields, SumOverFields
from aesbench.models.vectors import FieldVectors

ROWS_PER_VALUE, LEAST_WIDTH = 4, 24
"""Fields are computed value by value whose vectors are at least so wide, if a batch has at least so
many rows for each of their values.

Measured on one thread of a server, a pack of eight: with vectors of width 2 row by row takes .7 of
the time, of width 16 .9, of width 32 1.2, of width 64 1.4."""


class PackedEmbedding(nn.Module):
    """Many ``MixedEmbedding`` and ``FirstOrder`` of the same fields.

    Attributes:
        parts: the fields, by how they are treated.
        bias: (models, 1), of the first-order terms.
        places: where each model's vectors stand among the pack's.
        is_sure: (models, 1 + dimensions), whether every batch looks up that table of the model.
        has_fixed_shapes: as a ``FieldEmbedding``'s.
        looked: what the last batch looked up in each part.
        first_order: the first-order terms of the last batch, (models, batch), without the bias.
    """

    is_sure: Tensor
    batches: Tensor

    def __init__(
        self, embeddings: Sequence[MixedEmbedding], wides: Sequence[FirstOrder], batch_size: int
    ) -> None:
        """Copy the models' weights.

        Args:
            embeddings: of each model.
            wides: the first-order term of each model.
            batch_size: rows of a training step.

        Raises:
            NotPackableError: they are of other kinds.
        """
        super().__init__()
        are_known = all(type(one) is MixedEmbedding for one in embeddings)
        if not are_known or any(type(one) is not FirstOrder for one in wides):
            raise NotPackableError("only the embeddings of allocations are packed")
        if any(one.masked_out for one in embeddings):
            raise NotPackableError("masked tables are trained alone")
        if any(one.is_hashed for one in embeddings):
            raise NotPackableError("hashed tables are trained alone")
        self.parts = nn.ModuleList(
            Part(fields, embeddings, wides) for fields in alike(embeddings, batch_size)
        )
        zero = torch.zeros((), dtype=torch.long, device=wides[0].bias.device)
        self.bias = nn.Parameter(torch.stack([one.bias.detach() for one in wides]).unsqueeze(1))
        self.maps = nn.ModuleList(map_of(part.own, embeddings) for part in self.all_parts())
        self.transforms = Transforms(embeddings) if embeddings[0].normalised else None
        tracked = [getattr(one.norm, "num_batches_tracked", zero) for one in embeddings]
        self.register_buffer("batches", torch.stack(tracked))
        self.places = self._places(embeddings)
        self._note_counters(embeddings)
        self.looked: list[Looked] = []
        self.first_order = self.bias.detach()

    def forward(self, ids: Tensor) -> tuple[PackedVectors, Tensor]:
        """Map ``ids (models, batch, columns)`` to all vectors and the first-order terms."""
        with torch.no_grad():
            self.looked = [part.look_up(ids) for part in self.all_parts()]
            self.first_order = sum(
                (looked.first_order() for looked in self.looked), torch.zeros_like(self.bias)
            )
        if self.training:
            self.batches += 1
        if torch.is_grad_enabled():
            self.first_order.requires_grad_()
            for looked in self.looked:
                looked.vectors.requires_grad_(looked.part.own.dim > 0)
        vectors = [
            self._vectors(looked, own)
            for looked, own in zip(self.looked, self.maps, strict=True)
            if looked.part.own.dim
        ]
        return PackedVectors(vectors), self.first_order + self.bias

    def _vectors(self, looked: Looked, own: nn.Module) -> PartVectors:
        """Return the vectors of a part: mapped to one width, averaged, normalised."""
        part = looked.part
        values: Tensor = own(looked, self.transforms)
        if part.own.by_value:
            if part.normalised:
                counts = looked.counts if self.training else part.wide
                values = part.normalise_values(values, counts, looked.rows.shape[1])
            return PartVectors(looked, values)
        vectors = looked.vectors_of_fields(values)
        return PartVectors(looked, part.normalise_rows(vectors) if part.normalised else vectors)

    def all_parts(self) -> list[Part]:
        """Return the parts."""
        return list(self.parts)  # type: ignore[arg-type]

    def _note_counters(self, embeddings: Sequence[MixedEmbedding]) -> None:
        """Note which of the models' tables every batch looks up."""
        dims = [one.dims for one in embeddings]
        sure = torch.zeros(len(embeddings), 1 + max(map(len, dims)), dtype=torch.bool)
        sure[:, 0] = True  # Of values without a vector.
        for model, (embedding, own) in enumerate(zip(embeddings, dims, strict=True)):
            for layout in embedding.layout:
                if layout.number is None and layout.width:
                    sure[model, 1 + own.index(layout.blocks[0][2])] = True
            sure[model, 1 + len(own) :] = True
        self.register_buffer("is_sure", sure.to(self.bias.device))
        self.all_are_sure = bool(sure.all())
        self.has_fixed_shapes = self.all_are_sure and all(
            part.columns_each == 1 for part in self.all_parts()
        )
        for part in self.all_parts():
            if not self.all_are_sure:
                part.note_counters(embeddings, dims)

    def _places(self, embeddings: Sequence[MixedEmbedding]) -> Places:
        """Return where each model's vectors stand: part by part, field by field."""
        columns, start = [torch.empty(sum(one.widths), dtype=torch.long) for one in embeddings], 0
        for part in self.all_parts():
            for field in part.own.fields:
                for own, embedding in zip(columns, embeddings, strict=True):
                    layout = embedding.layout[field]
                    places = torch.arange(start, start + layout.width)
                    own[layout.start : layout.start + layout.width] = places
                start += part.own.width
        return Places(start, columns)

    @torch.no_grad()
    def write(self, model: int, embedding: MixedEmbedding, wide: FirstOrder) -> None:
        """Copy what was learned for one model into its own embedding and first-order term."""
        for part, own in zip(self.all_parts(), self.maps, strict=True):
            part.write(model, embedding, wide)
            own.write(model, embedding)  # type: ignore[operator]
        if self.transforms is not None:
            self.transforms.write(model, embedding)
            tracked: Any = embedding.norm.num_batches_tracked
            tracked.copy_(self.batches[model])
        wide.bias.copy_(self.bias[model, 0])


@dataclass(frozen=True)
class PartVectors:
    """The vectors of a part: (models, rows, width) by value, or (models, batch, fields, width)."""

    looked: Looked
    vectors: Tensor

    @property
    def by_value(self) -> bool:
        """Whether there is one vector per value."""
        return self.looked.part.own.by_value

    def sum_over_fields(self, values: Tensor, bias: Tensor | None = None) -> Tensor:
        """Return what the rows of a batch hold of ``(models, rows, width)``, added up."""
        found: Tensor = SumOverFields.apply(  # type: ignore[no-untyped-call]
            values, bias, self.looked
        )
        return found.view(*self.looked.rows.shape[:2], -1)

    def total(self) -> Tensor:
        """Return the sum of the fields' vectors, ``(models, batch, width)``."""
        vectors = self.looked.part.without_lacking(self.vectors)
        return self.sum_over_fields(vectors) if self.by_value else vectors.sum(2)

    @property
    def width(self) -> int:
        """How many columns of the row of all vectors it takes."""
        return self.looked.part.own.width * len(self.looked.part.own.fields)

    def product(self, weight: Tensor) -> Tensor:
        """Return each vector times its field's rows of ``weight (models, width, outputs)``."""
        part = self.looked.part
        weights = weight.view(len(weight), len(part.own.fields), part.own.width, -1)
        return (part.by_field(self.vectors) @ weights).flatten(1, 2)


class PackedVectors(FieldVectors):
    """All fields' vectors of a batch, ``...`` being (models, batch), without laying them out."""

    def __init__(self, parts: Sequence[PartVectors]) -> None:
        self._parts = parts

    def linear(self, layer: nn.Linear) -> Tensor:
        """Return a stacked layer of all vectors."""
        outputs: Tensor | None = layer.bias
        widths = [part.width for part in self._parts]
        weights = torch.split(layer.weight, widths, 1)
        for part, weight in zip(self._parts, weights, strict=True):
            if not part.by_value:
                flat = part.vectors.flatten(2)
                if outputs is None:
                    outputs = torch.bmm(flat, weight)
                else:
                    outputs = torch.baddbmm(outputs, flat, weight)
                continue
            is_first = outputs is layer.bias
            found = part.sum_over_fields(part.product(weight), outputs if is_first else None)
            outputs = found if is_first or outputs is None else outputs + found
        if outputs is None:
            raise RuntimeError("an allocation has parameters, hence vectors")
        return outputs

    def total(self) -> Tensor:
        """Return the sum of the vectors."""
        parts = [part.total() for part in self._parts]
        width = max(part.shape[2] for part in parts)  # What is narrower is so in every model.
        wide = [pad(part, (0, width - part.shape[2])) for part in parts]
        return torch.stack(wide).sum(0) if len(wide) > 1 else wide[0]

    def squares(self) -> Tensor:
        """Return the sum of their squared lengths."""
        parts = [
            part.sum_over_fields(part.vectors.square().sum(2, keepdim=True)).squeeze(2)
            if part.by_value
            else part.vectors.square().sum((2, 3))
            for part in self._parts
        ]
        return torch.stack(parts).sum(0) if len(parts) > 1 else parts[0]


def alike(embeddings: Sequence[MixedEmbedding], batch_size: int) -> list[PartFields]:
    """Group the fields by how they are treated, those that are computed by value first."""
    normalised = embeddings[0].normalised
    groups: dict[tuple[Any, ...], list[int]] = {}
    made: dict[tuple[Any, ...], PartFields] = {}
    for field in range(len(embeddings[0].layout)):
        layouts = [one.layout[field] for one in embeddings]
        first = layouts[0]
        classes = tuple(
            tuple(sorted({dim for _, _, dim, _ in own.blocks if dim}, reverse=True))
            for own in layouts
        )
        dim, width = max(map(max, ([0, *own] for own in classes))), max(o.width for o in layouts)
        has_columns = first.last - first.first > 1
        has_few_values = max(own.rows for own in layouts) * ROWS_PER_VALUE <= batch_size
        by_value = not has_columns and has_few_values and width >= LEAST_WIDTH
        has_blocks = any(len(own.blocks) > 1 for own in layouts)
        needs_classes = dim > 0 and (has_blocks or (normalised and () in classes))
        is_alone = needs_classes or has_columns
        key = (
            not by_value,
            dim,
            classes if normalised else (),  # Their layers differ with their sizes.
            field if is_alone else -1,
        )
        groups.setdefault(key, []).append(field)
        made[key] = PartFields((), by_value, dim, width, classes if needs_classes else ())
    return [replace(made[key], fields=tuple(groups[key])) for key in sorted(groups)]
