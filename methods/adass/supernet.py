"""The supernet: the backbone over tables of every candidate size, one subnet at a time (sec. 3.1).

``SubnetEmbedding`` is the embedding of whichever subnet it is told; ``train_supernet`` is the
paper's Algorithm 1. It trains no weight for the sake of one size alone: the backbone and, per size,
the transform serve all subnets.

How sizes are unified follows the run. ``transform`` is Eq. 7, a linear layer per size that fields
share, then batch normalisation per field and size without affine parameters. Under ``plain``, where
the retrained model concatenates raw vectors (section 3.3), a vector is padded with zeros to the
width of the field's columns, and the backbone's first layer does the rest.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import torch
from torch import Tensor
from torch.nn.functional import batch_norm, binary_cross_entropy_with_logits, pad

from aesbench import Backbone, Context, FieldEmbedding
from aesbench.candidates import CandidateTables, SizeTransforms
from aesbench.optimizer import ModelAdam
from aesbench_methods.adass.config import AdaSSConfig
from aesbench_methods.adass.sampling import Draw, Observation, Sampler, make_sampler
from aesbench_methods.adass.scoring import Rows, Scorer

STOP_SUBNETS = 10
"""Random subnets whose mean validation AUC decides how long the supernet trains."""

STATISTICS_ROWS = 100_000
"""Train rows, evenly spaced, that give batch normalisation its population statistics."""

TRACE_POINTS = 200
"""About how often the rates are recorded over the planned training."""


@dataclass
class _LookedUp:
    """The vectors of the fields of one size in one part of a batch, kept for Eq. 6."""

    fields: list[int]
    vectors: Tensor  # (rows, fields, size)


class SubnetEmbedding(FieldEmbedding):
    """The embedding of a subnet of the supernet.

    Attributes:
        draws: the subnets in use; a batch is cut into as many parts, one for each.
        looked_up: with ``observe``, the vectors of the last batch, whose gradients are kept.
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
        )
        self.normalised = context.unification == "transform"
        if self.normalised:
            self.transforms = SizeTransforms(sizes, context.final_dim, context.generator)
            self._width, self._starts = context.final_dim, [0] * len(sizes)
        elif config.columns == "own":
            self._width, self._starts = sum(sizes), [sum(sizes[:j]) for j in range(len(sizes))]
        else:
            self._width, self._starts = sizes[-1], [0] * len(sizes)
        self.widths = (self._width,) * count
        # Population mean and variance of every normalised component, for subnets in eval mode.
        shape = (len(sizes), count, self._width)
        self.register_buffer("means", torch.zeros(shape), persistent=False)
        self.register_buffer("variances", torch.ones(shape), persistent=False)
        self.means: Tensor
        self.variances: Tensor
        self.draws: list[Draw] = [Draw((0,) * count, (True,) * count)]
        self.observe = False
        self.looked_up: list[_LookedUp] = []

    def forward(self, ids: Tensor) -> Tensor:
        """Map ``ids (batch, columns)`` to ``(batch, fields * width)``."""
        self.looked_up = []
        parts = ids.chunk(len(self.draws))
        vectors = [self._subnet(part, draw) for part, draw in zip(parts, self.draws, strict=False)]
        return torch.cat(vectors)

    def _subnet(self, ids: Tensor, draw: Draw) -> Tensor:
        """Return the vectors of one subnet; those of dropped fields are zero."""
        found, order = [], []
        for size in sorted(set(draw.sizes)):
            fields = [i for i, own in enumerate(draw.sizes) if own == size and draw.keep[i]]
            if fields:
                found.append(self.unified(ids, size, fields))
                order += fields
        dropped = [i for i, kept in enumerate(draw.keep) if not kept]
        if dropped:
            # After the normalisation, and without 1/p: a dropped field says nothing.
            found.append(torch.zeros(len(ids), len(dropped), self._width, device=ids.device))
        place = torch.tensor(order + dropped, device=ids.device).argsort()
        return torch.cat(found, 1).index_select(1, place).flatten(1)

    def unified(self, ids: Tensor, size: int, fields: Sequence[int]) -> Tensor:
        """Return the vectors ``(batch, fields, width)`` of these fields, all of one size."""
        vectors = self.tables.look_up(ids, size, fields)  # (batch, fields, size)
        if self.observe:
            vectors.retain_grad()
            self.looked_up.append(_LookedUp(list(fields), vectors))
        if not self.normalised:
            start = self._starts[size]
            return pad(vectors, (start, self._width - start - vectors.shape[2]))
        mapped = self.transforms(vectors, size, fields)  # (batch, fields, width), Eq. 7
        if self.training:
            normed = batch_norm(mapped.flatten(1), None, None, training=True)
            return normed.view_as(mapped)
        mean, variance = self.means[size, fields], self.variances[size, fields]
        return (mapped - mean) / (variance + 1e-5).sqrt()

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
        for part in self.looked_up:
            gradient = part.vectors.grad
            if gradient is None:
                continue
            totals[0, part.fields] += gradient.abs().sum((0, 2)).cpu()
            totals[1, part.fields] += part.vectors.detach().abs().sum((0, 2)).cpu()
            totals[2, part.fields] += part.vectors[:, 0].numel()
        return Observation(gradient=totals[0], magnitude=totals[1], entries=totals[2])


@torch.no_grad()
def table_variances(tables: CandidateTables) -> Tensor:
    """Return ``Var(E_ij) (fields, candidates)`` of Eq. 5, over the rows that occur in train."""
    result = torch.empty(len(tables.fields), len(tables.candidates))
    for i, field in enumerate(tables.fields):
        seen = torch.from_numpy(field.counts > 0) if len(field.counts) else torch.ones(1).bool()
        for j in range(len(tables.candidates)):
            weight = tables.weight(i, j)
            rows = weight[seen.to(weight.device)] if seen.any() and not seen.all() else weight
            result[i, j] = rows.var(correction=0)
    return result


def train_supernet(context: Context, config: AdaSSConfig, number: int = 0) -> Scorer:
    """Train a supernet (Algorithm 1), the given one of several, and return what scores its subnets.

    Its length is ours, since the paper gives none: as long as the mean validation AUC of a few
    fixed subnets rises, with the best weights restored.
    """
    embedding = SubnetEmbedding(context, config)
    model = context.build_model(embedding)
    train, batch_size = context.train, context.train_config.batch_size
    planned = config.epochs * max(1, len(train) // batch_size)
    sampler = make_sampler(
        config,
        context.fields,
        context.candidates,
        planned // config.rate_interval,
        lambda: table_variances(embedding.tables),
    )
    optimizer = ModelAdam(model, learning_rate=config.learning_rate, l2=context.train_config.l2)
    rows = Rows(context.fields, context.train, STATISTICS_ROWS, context.device)
    scorer = Scorer(model, context, config.reward_rows)
    fixed = torch.randint(
        len(context.candidates), (STOP_SUBNETS, len(context.fields)), generator=context.generator
    ).tolist()

    best, best_epoch, best_weights = -1.0, 0, dict[str, Tensor]()
    title = f" (supernet {number + 1})" if config.supernets > 1 else ""
    steps = 0
    for epoch in range(1, config.epochs + 1):
        model.train()
        batches = train.batches(batch_size, device=context.device, shuffle=context.generator)
        for ids, labels in batches:
            adapts = sampler.adaptive and steps % config.rate_interval == 0
            embedding.observe = adapts
            _step(model, embedding, optimizer, sampler, config, ids, labels, context.generator)
            if adapts:
                sampler.update(table_variances(embedding.tables), embedding.observation())
            if steps % max(1, planned // TRACE_POINTS) == 0:
                context.trace("sampling rate of sizes" + title, steps, sampler.table_rates.tolist())
                context.trace("sampling rate of fields" + title, steps, sampler.keep_rates.tolist())
            optimizer.zero_grad()
            steps += 1
        embedding.observe, embedding.looked_up = False, []
        model.eval()
        embedding.take_statistics(rows)
        scorer.fold(model)
        current = fmean(scorer.score(tuple(sizes)).auc for sizes in fixed)
        context.trace("mean validation AUC of fixed subnets" + title, steps, current)
        context.progress("supernet epoch" + title, epoch, config.epochs)
        if current > best:
            best, best_epoch = current, epoch
            best_weights = copy.deepcopy(model.state_dict())
        if epoch - best_epoch >= config.patience:
            break
    model.load_state_dict(best_weights)
    model.eval()
    embedding.take_statistics(rows)
    scorer.fold(model)
    return scorer


def _step(
    model: Backbone,
    embedding: SubnetEmbedding,
    optimizer: ModelAdam,
    sampler: Sampler,
    config: AdaSSConfig,
    ids: Tensor,
    labels: Tensor,
    generator: torch.Generator,
) -> None:
    """Descend the loss of the drawn subnets once; the gradients are left for Eq. 6."""
    rounds = [[sampler.draw(generator) for _ in range(config.groups)]]
    if config.sandwich:
        every = (True,) * len(embedding.widths)
        largest = len(embedding.tables.candidates) - 1
        rounds += [[Draw((size,) * len(every), every)] for size in (0, largest)]
    for draws in rounds:
        embedding.draws = draws
        loss = binary_cross_entropy_with_logits(model(ids), labels) / len(rounds)
        loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
