"""The embedding seam: ids in, the fields' vectors out; and the embedding of an allocation.

A backbone receives a ``FieldEmbedding`` and never asks how its vectors come about: supernets,
soft-weighted, masked and retrained embeddings are interchangeable, and each backbone exists once.
The vectors come side by side in one row, because raw concatenation (the paper's section 3.3 for
Wide&Deep) leaves them with different widths; where all widths are equal a view gives
``(batch, fields, dim)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from aesbench.core.allocation import Allocation
from aesbench.core.hashing import buckets_of
from aesbench.datasets.base import Field
from aesbench.models.memory import make_zeros


class FieldEmbedding(nn.Module):
    """The seam: subclasses map ids to vectors and say how wide each one is.

    Attributes:
        widths: the width of each vector, in the order in which ``forward`` lays them side by side.
            It need not be the fields' order: no backbone tells fields apart.
        normalised: whether the vectors have unit variance (batch normalisation), which decides
            the initial scale of DeepFM's interaction term.
        has_fixed_shapes: whether all tensors of ``forward`` are shaped by the shape of ``ids``
            alone, whatever the ids are, so that a GPU can replay a step (``capture.py``).
        masked_out: how many values of the tables a mask leaves out: they stay zero, and are no
            parameters.
        targets: of each history, in the data set's order, where the vector of the field that it
            shares begins in that row, and how wide it is; 0 where the field has no vector. What
            ``sequences`` returns is as wide.
    """

    widths: tuple[int, ...]
    targets: tuple[tuple[int, int], ...] = ()
    normalised: bool = False
    has_fixed_shapes: bool = False
    masked_out: int = 0

    def forward(self, ids: Tensor) -> Tensor:
        """Map ``ids (batch, columns)`` to vectors ``(batch, sum(widths))``.

        The columns of histories come last and say nothing here.
        """
        raise NotImplementedError

    def sequences(self, ids: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return the vectors of each history's items, from the table of the field that it shares.

        An item has the vector that it would have as the field's value in this batch.

        Args:
            ids: (batch, columns).

        Returns:
            of each of ``targets`` the vectors ``(batch, items, width)``, zero at the padding, and
            the mask ``(batch, items)``, true where there is an item.
        """
        if self.targets:
            raise NotImplementedError
        return []


def normed_like(
    vectors: Tensor, target: Tensor, population: tuple[Tensor, Tensor] | None, eps: float
) -> Tensor:
    """Normalise items' vectors as batch normalisation does those of the field that they are of.

    Args:
        vectors: (items, width), before normalisation.
        target: (batch, width), the field's in this batch, before normalisation as well.
        population: mean and variance ``(width,)`` outside training; None for those of the batch.
        eps: added to a variance.
    """
    if population is None:
        variance, mean = torch.var_mean(target, dim=0, correction=0)
    else:
        mean, variance = population
    return (vectors - mean) * (variance + eps).rsqrt()


def population_of(norm: nn.BatchNorm1d, start: int, width: int) -> tuple[Tensor, Tensor] | None:
    """Return a part of what a normalisation knows of all batches; None in training."""
    mean, variance = norm.running_mean, norm.running_var
    if norm.training or mean is None or variance is None:
        return None
    return mean[start : start + width], variance[start : start + width]


def make_table(rows: int, dim: int, std: float, generator: torch.Generator) -> nn.Embedding:
    """Return a table ``(rows, dim)`` of N(0, std²) whose gradient holds the batch's rows only."""
    weight = make_zeros((rows, dim)).normal_(0, std, generator=generator)
    return nn.Embedding(rows, dim, sparse=True, _weight=weight)


def make_linear(
    inputs: int, outputs: int, generator: torch.Generator, *, bias: bool = True
) -> nn.Linear:
    """Return a linear layer whose parameters start as U(±1/sqrt(inputs)), torch's default.

    The paper gives no initialisation. With Xavier's, twice as wide here, Wide&Deep over transformed
    vectors of ML-100K overfits two epochs earlier and loses .013 of validation AUC (3 seeds).
    """
    layer: nn.Linear = nn.utils.skip_init(  # type: ignore[no-untyped-call]
        nn.Linear, inputs, outputs, bias=bias
    )
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.uniform_(-(inputs**-0.5), inputs**-0.5, generator=generator)
    return layer


@dataclass(frozen=True)
class FieldLayout:
    """Where a field lies in the embedding of an allocation.

    Attributes:
        first: its first id column.
        last: the id column after its last.
        blocks: of each block its first id, the id after its last, its dimension, and the row of the
            dimension's table at which it begins.
        width: of the field's vector; 0 where it has none.
        start: where its vector begins in the row of all fields' vectors.
        number: among the fields that are looked up block by block; None for the others.
    """

    first: int
    last: int
    blocks: tuple[tuple[int, int, int, int], ...]
    width: int
    start: int
    number: int | None

    @property
    def rows(self) -> int:
        """Its ids."""
        return self.blocks[-1][1]


class MixedEmbedding(FieldEmbedding):
    """The embedding of an allocation, as it is retrained (section 3.3).

    All blocks of one dimension lie in one table, found through row offsets: one lookup per
    distinct dimension for all fields with a single block and a single id column. Fields with
    several blocks, or several columns (whose vectors are averaged), are looked up block by block.

    With ``unification="plain"`` vectors stay as they are; a field with several blocks is as wide
    as its widest block, to which its other blocks are projected without bias (MDE's rule). With
    ``"transform"`` every vector passes a linear layer to ``final_dim``, one per distinct
    dimension, shared by all fields (Eq. 7), then batch normalisation without affine parameters,
    per field and component: statistics over all fields together would let frequent large vectors
    decide the scale of the others.

    A masked field's vectors are taken times its mask: what is left out starts as zero, has no
    gradient, hence no decay, and stays zero. What is kept starts as it would without the mask.

    The ids of a hashed block look their vector up by their bucket; such a field is looked up block
    by block.

    A history has no size: its items are looked up, mapped and normalised as its field's values are.
    """

    def __init__(
        self,
        fields: Sequence[Field],
        allocation: Allocation,
        *,
        unification: str,
        final_dim: int,
        table_std: float,
        generator: torch.Generator,
        histories: Sequence[Field] = (),
    ) -> None:
        super().__init__()
        allocation.check_fits(fields)
        self.normalised = unification == "transform"
        rows_of: dict[int, int] = {}  # dimension -> rows of its table so far
        simple: dict[int, list[int]] = {}  # dimension -> fields
        by_block: list[int] = []
        blocks_of: list[tuple[tuple[int, int, int, int], ...]] = []
        for number, (field, blocks) in enumerate(zip(fields, allocation.blocks, strict=True)):
            found, start = [], 0
            for block in blocks:
                found.append((start, start + block.rows, block.dim, rows_of.get(block.dim, 0)))
                rows_of[block.dim] = rows_of.get(block.dim, 0) + block.vectors
                start += block.rows
            blocks_of.append(tuple(found))
            if len(blocks) == 1 and field.columns == 1 and blocks[0].buckets is None:
                simple.setdefault(blocks[0].dim, []).append(number)
            else:
                by_block.append(number)

        dims = sorted(dim for dim in rows_of if dim > 0)
        self._simple_dims = [dim for dim in dims if dim in simple]
        in_order = [number for dim in self._simple_dims for number in simple[dim]] + by_block
        columns, starts, start = column_ranges(fields), [0] * len(fields), 0
        widths = [max(dim for _, _, dim, _ in found) for found in blocks_of]
        if self.normalised:
            widths = [final_dim if width else 0 for width in widths]
        for number in in_order:
            starts[number], start = start, start + widths[number]
        self.layout = tuple(
            FieldLayout(
                *columns[number],
                blocks_of[number],
                widths[number],
                starts[number],
                by_block.index(number) if number in by_block else None,
            )
            for number in range(len(fields))
        )
        self._parts = [self.layout[number] for number in by_block]

        self.tables = nn.ModuleDict(
            {str(dim): make_table(rows_of[dim], dim, table_std, generator) for dim in dims}
        )
        self._set_masks(allocation)
        self._set_buckets(allocation)
        self.transforms = nn.ModuleDict()
        if self.normalised:
            for dim in dims:
                self.transforms[str(dim)] = make_linear(dim, final_dim, generator)
        for part in self._parts:
            for dim in sorted({dim for _, _, dim, _ in part.blocks if dim not in (0, part.width)}):
                if not self.normalised:
                    self.transforms[self.transform_of(part, dim)] = make_linear(
                        dim, part.width, generator, bias=False
                    )
        for dim in self._simple_dims:
            own = [self.layout[number] for number in simple[dim]]
            chosen = torch.tensor([field.first for field in own])
            offsets = torch.tensor([field.blocks[0][3] for field in own], dtype=torch.int32)
            self.register_buffer(f"columns_{dim}", chosen, persistent=False)
            self.register_buffer(f"offsets_{dim}", offsets, persistent=False)
        self.has_fixed_shapes = not any(part.width for part in self._parts)
        self._takes_all = len(simple) == 1 and not (self._parts or 0 in simple or histories)
        self._set_histories(fields, histories)
        self.widths = tuple(widths[number] for number in in_order if widths[number])
        self.norm = (
            nn.BatchNorm1d(sum(self.widths), affine=False) if self.normalised else nn.Identity()
        )

    def _set_histories(self, fields: Sequence[Field], histories: Sequence[Field]) -> None:
        """Note of each history its id columns, and how one item of it is looked up."""
        shared = [self.layout[number] for number in numbers_shared(fields, histories)]
        self.targets = tuple((own.start, own.width) for own in shared)
        ranges = column_ranges((*fields, *histories))[len(fields) :]
        items = [replace(own, first=0, last=1) for own in shared]
        self._histories = list(zip(ranges, shared, items, strict=True))

    @property
    def dims(self) -> list[int]:
        """The dimensions of its tables, ascending."""
        return sorted(map(int, self.tables))

    def transform_of(self, field: FieldLayout, dim: int) -> str:
        """Return the key, in ``transforms``, of what maps a field's blocks of a dimension.

        There is no such layer where those blocks are as wide as the field's vector already.
        """
        return str(dim) if self.normalised else f"{field.number}-{dim}"

    def forward(self, ids: Tensor) -> Tensor:
        """Map ``ids (batch, columns)`` to ``(batch, sum(widths))``.

        A field whose columns are all padding is a zero vector, before any normalisation.
        """
        vectors = []
        for dim in self._simple_dims:
            chosen = ids if self._takes_all else ids.index_select(1, self._buffer("columns", dim))
            found = self._rows_of(dim, chosen + self._buffer("offsets", dim))
            if self.normalised:
                found = self.transforms[str(dim)](found)
            vectors.append(found.flatten(1))  # (batch, fields of this dimension * width)
        vectors += [self._look_up(part, ids) for part in self._parts if part.width]
        joined = vectors[0] if len(vectors) == 1 else torch.cat(vectors, dim=1)
        normed: Tensor = self.norm(joined)
        return normed

    def sequences(self, ids: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return the vectors ``(batch, items, width)`` of each history, and its mask."""
        found = []
        for (first, last), target, item in self._histories:
            own = ids[:, first:last]
            inside = own >= 0
            vectors = self._look_up(item, own[inside].unsqueeze(1))  # (items of the batch, width)
            if self.normalised and item.width:
                norm: nn.BatchNorm1d = self.norm  # type: ignore[assignment]
                population = population_of(norm, target.start, target.width)
                vectors = normed_like(vectors, self._look_up(target, ids), population, norm.eps)
            found.append((placed(vectors, inside), inside))
        return found

    @torch.no_grad()
    def set_vectors(self, field: int, vectors: Tensor, block: int = 0) -> None:
        """Copy the vectors ``(rows, dim)`` of a field's block, most often its only one, into place.

        Those of a block without dimensions are nowhere to be copied to.
        """
        _, _, dim, first = self.layout[field].blocks[block]
        if dim:
            table: nn.Embedding = self.tables[str(dim)]  # type: ignore[assignment]
            table.weight[first : first + len(vectors)] = vectors
            self._clear(dim)

    @torch.no_grad()
    def set_transform(self, dim: int, layer: nn.Linear) -> None:
        """Copy the layer that maps a dimension to the final one, where vectors are so mapped."""
        if self.normalised and str(dim) in self.transforms:
            self.transforms[str(dim)].load_state_dict(layer.state_dict())

    def _set_masks(self, allocation: Allocation) -> None:
        """Keep what the masks keep, in a buffer ``(rows, dim)`` for each table with any."""
        self.masked_out = allocation.dense_parameters - allocation.parameters
        keeps_of: dict[int, Tensor] = {}
        for layout, mask in zip(self.layout, allocation.field_masks, strict=True):
            if mask is None:
                continue
            _, _, dim, first = layout.blocks[0]
            shape = self.tables[str(dim)].weight.shape
            keeps = keeps_of.setdefault(dim, torch.ones(shape, dtype=torch.bool))  # type: ignore[arg-type]
            keeps[first : first + layout.rows] = torch.from_numpy(mask.values())
        self._masked_dims = tuple(keeps_of)
        for dim, keeps in keeps_of.items():
            self.register_buffer(f"keeps_{dim}", keeps, persistent=False)
            self._clear(dim)

    def _set_buckets(self, allocation: Allocation) -> None:
        """Keep the bucket of each id of a hashed block, in a buffer ``(rows,)`` of its own."""
        self._hashed: dict[tuple[int | None, int], str] = {}
        for layout, blocks in zip(self.layout, allocation.blocks, strict=True):
            for (start, *_), block in zip(layout.blocks, blocks, strict=True):
                if block.buckets is not None:
                    name = f"buckets_{layout.number}_{start}"
                    own = torch.from_numpy(buckets_of(block.rows, block.buckets))
                    self.register_buffer(name, own, persistent=False)
                    self._hashed[layout.number, start] = name
        self.is_hashed = bool(self._hashed)

    @torch.no_grad()
    def _clear(self, dim: int) -> None:
        """Make what the masks of a table leave out zero."""
        if dim in self._masked_dims:
            table: nn.Embedding = self.tables[str(dim)]  # type: ignore[assignment]
            table.weight.masked_fill_(~self._buffer("keeps", dim), 0)

    def _rows_of(self, dim: int, rows: Tensor) -> Tensor:
        """Return the vectors of rows ``(...)`` of the table of a dimension, ``(..., dim)``."""
        found: Tensor = self.tables[str(dim)](rows)
        return found * self._buffer("keeps", dim)[rows] if dim in self._masked_dims else found

    def _look_up(self, part: FieldLayout, ids: Tensor) -> Tensor:
        """Return the mean vector ``(batch, width)`` of a field with several blocks or columns."""
        own = ids[:, part.first : part.last]
        sums = next(self.parameters()).new_zeros(len(ids), part.width)
        for start, stop, dim, offset in part.blocks:
            if dim == 0:
                continue
            inside = (own >= start) & (own < stop)
            rows = own[inside] - start
            if (part.number, start) in self._hashed:
                rows = getattr(self, self._hashed[part.number, start])[rows]
            found = self._rows_of(dim, rows + offset)
            key = self.transform_of(part, dim)
            if key in self.transforms:
                found = self.transforms[key](found)
            sums = sums.index_add(0, inside.nonzero()[:, 0], found)
        if own.shape[1] == 1:
            return sums
        return sums / (own >= 0).sum(dim=1, keepdim=True).clamp(min=1)

    def _buffer(self, name: str, dim: int) -> Tensor:
        buffer: Tensor = getattr(self, f"{name}_{dim}")
        return buffer


def column_ranges(fields: Sequence[Field]) -> list[tuple[int, int]]:
    """Return the first id column of each field and the one after its last."""
    ranges, start = [], 0
    for field in fields:
        ranges.append((start, start + field.columns))
        start += field.columns
    return ranges


def numbers_shared(fields: Sequence[Field], histories: Sequence[Field]) -> list[int]:
    """Return of each history the number of the field whose table it uses."""
    names = [field.name for field in fields]
    return [names.index(history.shares) for history in histories]


def placed(vectors: Tensor, inside: Tensor) -> Tensor:
    """Return items' vectors in their places, with zeros between.

    Args:
        vectors: (items, width).
        inside: (batch, columns), true in as many places, row by row.

    Returns:
        (batch, columns, width).
    """
    whole = vectors.new_zeros(inside.numel(), vectors.shape[1])
    places = inside.flatten().nonzero()[:, 0]
    return whole.index_copy(0, places, vectors).view(*inside.shape, vectors.shape[1])


class FirstOrder(nn.Module):
    """The linear term of Wide&Deep and DeepFM: one weight per value of every field, summed.

    A history has none.

    Attributes:
        has_fixed_shapes: as an embedding's: no field has several values, of which some may be
            padding.
    """

    def __init__(self, fields: Sequence[Field]) -> None:
        super().__init__()
        rows = sum(field.cardinality for field in fields)
        self.weights = nn.Embedding(rows, 1, sparse=True, _weight=make_zeros((rows, 1)))
        self.bias = nn.Parameter(torch.zeros(()))
        offsets, start = [], 0
        for field in fields:
            offsets += [start] * field.columns
            start += field.cardinality
        self.register_buffer("offsets", torch.tensor(offsets, dtype=torch.int32), persistent=False)
        self.offsets: Tensor
        self.has_fixed_shapes = all(field.columns == 1 for field in fields)
        self._columns = [field.columns for field in fields]

    def forward(self, ids: Tensor) -> Tensor:
        """Map ``ids (batch, columns)`` to ``(batch,)``; a multi-valued field counts its mean."""
        ids = ids[:, : len(self.offsets)]  # Without the histories behind.
        if self.has_fixed_shapes:
            total: Tensor = self.weights(ids + self.offsets).flatten(1).sum(1)
            return total + self.bias
        parts = []
        pairs = zip(
            torch.split(ids, self._columns, 1),
            torch.split(self.offsets, self._columns),
            strict=True,
        )
        for own, offsets in pairs:
            inside = own >= 0
            found = self.weights((own + offsets)[inside]).squeeze(1)
            sums = self.bias.new_zeros(len(ids))
            sums = sums.index_add(0, inside.nonzero()[:, 0], found)
            parts.append(sums / inside.sum(dim=1).clamp(min=1))
        return torch.stack(parts, 1).sum(1) + self.bias
