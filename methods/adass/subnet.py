"""The embedding of a subnet: one size per field of the supernet's tables, in one width (Eq. 7).

How sizes are unified follows the run. ``transform`` is Eq. 7, a linear layer per size that fields
share, then batch normalisation per field and size without affine parameters. Under ``plain``, where
the retrained model concatenates raw vectors (section 3.3), a vector is padded with zeros to the
width of the field's columns, and the backbone's first layer does the rest.

Of independent tables each size is looked up by itself. Prefixes of one table are looked up at once:
the vector of a size is the largest one, with zeros from that size on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import batch_norm, pad

from aesbench import Context, FieldEmbedding
from aesbench.models.embedding import normed_like, placed
from aesbench.search.candidates import CandidateTables, SizeTransforms, sent
from aesbench_methods.adass.config import AdaSSConfig
from aesbench_methods.adass.sampling import Draw, Observation
from aesbench_methods.adass.scoring import Rows

EPSILON = 1e-5
"""Added to a variance before its root, as by torch's batch normalisation."""


@dataclass
class _LookedUp:
    """Vectors of a batch or a part of it, kept for Eq. 6."""

    fields: list[int]
    vectors: Tensor  # (rows, fields, width)
    used: Tensor  # (subnets, fields, width), 1 where a subnet has a component, else 0.
    normed: Tensor  # (subnets, fields, width), 1 where a component counts in the norm of Ė.
    lengths: list[int]  # The rows of each subnet.


class SubnetEmbedding(FieldEmbedding):
    """The embedding of a subnet of the supernet.

    Attributes:
        draws: the subnets in use; a batch is cut into as many parts, one for each.
        observe: whether what Eq. 6 needs is kept.
    """

    def __init__(self, context: Context, config: AdaSSConfig) -> None:
        super().__init__()
        count, sizes = len(context.fields), context.candidates
        self.tables = CandidateTables(
            context.fields,
            sizes,
            scheme=config.scheme,
            table_std=context.train_config.table_std,
            generator=context.generator,
            histories=context.histories,
        )
        self.normalised = context.unification == "transform"
        own_columns = config.columns == "own" and not self.normalised
        self._starts = [sum(sizes[:j]) if own_columns else 0 for j in range(len(sizes))]
        if self.normalised:
            self.transforms = SizeTransforms(sizes, context.final_dim, context.generator)
            self._width = context.final_dim
        else:
            self._width = sum(sizes) if own_columns else sizes[-1]
        self.widths = (self._width,) * count
        self.targets = tuple((field * self._width, self._width) for field in self.tables.shared)
        self._at_once = config.scheme == "shared" and not own_columns
        prefixes = torch.arange(sizes[-1]) < torch.tensor(sizes).unsqueeze(1)
        self.register_buffer("prefixes", prefixes.float(), persistent=False)
        self.prefixes: Tensor  # (candidates, largest size)
        # Population mean and variance of every normalised component, for subnets in eval mode.
        shape = (len(sizes), count, self._width)
        self.register_buffer("means", torch.zeros(shape), persistent=False)
        self.register_buffer("variances", torch.ones(shape), persistent=False)
        self.means: Tensor
        self.variances: Tensor
        self.draws: list[Draw] = [Draw((0,) * count, (True,) * count)]
        self.observe = False
        # The letter of Eq. 6 takes the norm of what ES chose, before FS drops fields (Eq. 4).
        self._norms_dropped = config.importance == "raw"
        self._looked_up: list[_LookedUp] = []

    def forward(self, ids: Tensor) -> Tensor:
        """Map ``ids (batch, columns)`` to ``(batch, fields * width)``."""
        self._looked_up = []
        parts = ids.chunk(len(self.draws))
        if self._at_once:
            return self._prefixes_of_largest(ids, [len(part) for part in parts])
        vectors = [self._subnet(part, draw) for part, draw in zip(parts, self.draws, strict=False)]
        return torch.cat(vectors)

    def sequences(self, ids: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return the vectors of each history's items, in the size of the field that it shares.

        Those of a dropped field are zero, as its own. Eq. 6 observes a field by its own vectors.
        """
        parts = list(zip(ids.chunk(len(self.draws)), self.draws, strict=False))
        found = []
        for number in range(len(self.tables.shared)):
            vectors, masks = zip(*(self._items(*part, number) for part in parts), strict=True)
            found.append((torch.cat(vectors), torch.cat(masks)))
        return found

    def _items(self, ids: Tensor, draw: Draw, number: int) -> tuple[Tensor, Tensor]:
        """Return the vectors ``(rows, items, width)`` of a history in one subnet, and its mask."""
        field = self.tables.shared[number]
        size = draw.sizes[field]
        vectors, inside = self.tables.look_up_history(ids, size, number)
        if not draw.keep[field]:
            unified = vectors.new_zeros(len(vectors), self._width)
        elif not self.normalised:
            start = self._starts[size]
            unified = pad(vectors, (start, self._width - start - vectors.shape[1]))
        else:
            own = self.tables.look_up(ids, size, [field])  # (rows, 1, size)
            mapped, target = (
                self.transforms(part, size, [field]).squeeze(1)
                for part in (vectors.unsqueeze(1), own)
            )
            known = (self.means[size, field], self.variances[size, field])
            unified = normed_like(mapped, target, None if self.training else known, EPSILON)
        return placed(unified, inside), inside

    def _prefixes_of_largest(self, ids: Tensor, lengths: list[int]) -> Tensor:
        """Return the vectors of all parts of a batch, by one lookup.

        What a subnet leaves out has a zero gradient: only Adam's momentum moves it. To compute
        with the columns in use alone, a fifth of them, brings nothing: to pick them and to put
        their gradients back takes the time that the first layer's products save.
        """
        largest = self.tables.look_up(ids, len(self.prefixes) - 1)  # (batch, fields, largest size)
        draws = self.draws[: len(lengths)]
        sizes = sent([draw.sizes for draw in draws], ids.device)
        keep = sent([draw.keep for draw in draws], ids.device).unsqueeze(2)
        chosen = self.prefixes[sizes]  # (draws, fields, largest size)
        used = chosen * keep
        if self.observe:
            largest.retain_grad()
            fields = list(range(len(self.widths)))
            normed = chosen if self._norms_dropped else used
            self._looked_up = [_LookedUp(fields, largest, used, normed, lengths)]
        if not self.normalised:
            return _masked(largest, used, lengths).flatten(1)
        weights, biases = self.transforms.padded()
        vectors = []
        for part, own, kept in zip(largest.split(lengths), sizes, keep, strict=True):
            mapped = torch.baddbmm(  # A matrix per field: (fields, rows, width)
                biases[own].unsqueeze(1), part.transpose(0, 1), weights[own].transpose(1, 2)
            )
            normed = self._normed(mapped.transpose(0, 1), own, torch.arange(len(own)))
            vectors.append((normed * kept).flatten(1))
        return torch.cat(vectors)

    def _subnet(self, ids: Tensor, draw: Draw) -> Tensor:
        """Return the vectors of one subnet, size by size; those of dropped fields are zero."""
        found, order = [], []
        for size in sorted(set(draw.sizes)):
            fields = [i for i, own in enumerate(draw.sizes) if own == size and draw.keep[i]]
            if fields:
                found.append(self.unified(ids, size, fields))
                order += fields
        dropped = [i for i, kept in enumerate(draw.keep) if not kept]
        if dropped and self.observe and self._norms_dropped:
            self._observe_dropped(ids, draw.sizes, dropped)
        if dropped:
            # After the normalisation, and without 1/p: a dropped field says nothing.
            found.append(torch.zeros(len(ids), len(dropped), self._width, device=ids.device))
        place = sent(order + dropped, ids.device).argsort()
        return torch.cat(found, 1).index_select(1, place).flatten(1)

    @torch.no_grad()
    def _observe_dropped(self, ids: Tensor, sizes: Sequence[int], dropped: Sequence[int]) -> None:
        """Keep the vectors of fields that a subnet leaves out, which have a norm all the same."""
        for field in dropped:
            vectors = self.tables.look_up(ids, sizes[field], [field])  # (rows, 1, size)
            counted = torch.ones((1, *vectors.shape[1:]), device=ids.device)
            self._looked_up.append(
                _LookedUp([field], vectors, torch.zeros_like(counted), counted, [len(ids)])
            )

    def unified(self, ids: Tensor, size: int, fields: Sequence[int]) -> Tensor:
        """Return the vectors ``(batch, fields, width)`` of these fields, all of one size."""
        vectors = self.tables.look_up(ids, size, fields)  # (batch, fields, size)
        if self.observe:
            vectors.retain_grad()
            used = torch.ones((1, *vectors.shape[1:]), device=ids.device)
            self._looked_up.append(_LookedUp(list(fields), vectors, used, used, [len(ids)]))
        if not self.normalised:
            start = self._starts[size]
            return pad(vectors, (start, self._width - start - vectors.shape[2]))
        mapped = self.transforms(vectors, size, fields)  # (batch, fields, width), Eq. 7
        return self._normed(mapped, size, fields)

    def _normed(
        self, mapped: Tensor, sizes: int | Tensor, fields: Sequence[int] | Tensor
    ) -> Tensor:
        """Normalise mapped vectors ``(batch, fields, width)`` per field and component.

        With the statistics of the batch in training, otherwise with those of these sizes.
        """
        if self.training:
            normed = batch_norm(mapped.flatten(1), None, None, training=True, eps=EPSILON)
            return normed.view_as(mapped)
        mean, variance = self.means[sizes, fields], self.variances[sizes, fields]
        return (mapped - mean) / (variance + EPSILON).sqrt()

    @torch.no_grad()
    def take_statistics(self, rows: Rows) -> None:
        """Set the population statistics from train rows, so that scores need no batch."""
        if not self.normalised:
            return
        for field in range(len(self.widths)):
            ids, weights = rows.distinct(field)
            share = (weights / weights.sum()).unsqueeze(1)
            for size in range(len(self.means)):
                vectors = self.tables.look_up(ids, size, [field])
                mapped = self.transforms(vectors, size, [field]).squeeze(1)  # (values, width)
                mean = (share * mapped).sum(0)
                self.means[size, field] = mean
                self.variances[size, field] = (share * (mapped - mean).square()).sum(0)

    def observation(self) -> Observation:
        """Return what Eq. 6 needs of the step whose gradients have just been computed."""
        totals = torch.zeros(3, len(self.widths))
        for part in self._looked_up:
            if part.vectors.grad is not None:
                totals[0, part.fields] += part.vectors.grad.abs().sum((0, 2)).cpu()
            vectors = _masked(part.vectors.detach(), part.normed, part.lengths)
            entries = part.used.sum(2) * sent(part.lengths, vectors.device).unsqueeze(1)
            totals[1, part.fields] += vectors.abs().sum((0, 2)).cpu()
            totals[2, part.fields] += entries.sum(0).cpu()
        return Observation(gradient=totals[0], magnitude=totals[1], entries=totals[2])

    def stop_observing(self) -> None:
        """Let go of what was kept of the last step."""
        self.observe, self._looked_up = False, []


def _masked(vectors: Tensor, used: Tensor, lengths: list[int]) -> Tensor:
    """Return vectors ``(rows, fields, width)`` with zeros for what their subnets do not use.

    Args:
        vectors: those of all subnets, one after another.
        used: (subnets, fields, width) 1 or 0.
        lengths: the rows of each subnet.
    """
    if len(set(lengths)) == 1:  # No mask per row: to fill one takes as long as to apply it.
        return (vectors.unflatten(0, (len(lengths), -1)) * used.unsqueeze(1)).flatten(0, 1)
    rows = sent(lengths, vectors.device)
    return vectors * used.repeat_interleave(rows, 0, output_size=len(vectors))
