"""The supernet: the backbone over tables of every candidate size, one subnet at a time (sec. 3.1).

``train_supernet`` is the paper's Algorithm 1. It trains no weight for the sake of one size alone:
the backbone and, per size, the transform serve all subnets.

Supernets of several seeds are trained one after another. Stacked into one step, 3, 5 and 8 of them
made 1.03 to 1.12, 1.00 to 1.08 and .88 to .93 times as many model-steps per processor second (one
thread, 11 fields, batches of 512): the time goes into products and table rows, not into calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from aesbench import Backbone, Context
from aesbench.models.optimizer import ModelAdam
from aesbench.models.training import keep
from aesbench.search.candidates import CandidateTables
from aesbench_methods.adass.config import AdaSSConfig
from aesbench_methods.adass.sampling import Draw, Sampler, make_sampler
from aesbench_methods.adass.scoring import Rows, Scorer
from aesbench_methods.adass.subnet import SubnetEmbedding

STOP_SUBNETS = 10
"""Random subnets whose mean validation AUC decides how long the supernet trains."""

STATISTICS_ROWS = 100_000
"""Train rows, evenly spaced, that give batch normalisation its population statistics."""

VARIANCE_ROWS = 1 << 16
"""A field's variance (Eq. 5) is taken over at most about so many evenly spaced rows: a pass over
all rows of 7.6 million values every few steps would take longer than the steps."""

TRACE_POINTS = 200
"""About how often the rates are recorded over the planned training."""


@torch.no_grad()
def table_variances(tables: CandidateTables) -> Tensor:
    """Return ``Var(E_ij) (fields, candidates)`` of Eq. 5, over the rows that occur in train.

    Of a field of more than ``VARIANCE_ROWS`` values, every k-th row stands for all: ids are in the
    order of their frequency, so frequent and rare values have their shares.
    """
    if len(tables.tables) == 1:  # Prefixes of one table are looked through at once.
        return _prefix_variances(tables, len(tables.candidates) - 1, tables.candidates)
    by_size = [_prefix_variances(tables, j, (dim,)) for j, dim in enumerate(tables.candidates)]
    return torch.cat(by_size, 1)


def _prefix_variances(tables: CandidateTables, candidate: int, dims: Sequence[int]) -> Tensor:
    """Return the variance of the entries of the first components of one size's vectors.

    Args:
        tables: of the supernet.
        candidate: the number of the size.
        dims: of how many first components, ascending up to the size.

    Returns:
        (fields, dims), over the rows that occur in train.
    """
    means, variances = [], []  # By field, each (size,): those of its components.
    for i, field in enumerate(tables.fields):
        every = -(-field.cardinality // VARIANCE_ROWS)
        rows = tables.weight(i, candidate)[::every]
        seen = torch.from_numpy(field.counts[::every] > 0)
        # Weights in place of a choice of rows, which would copy them.
        weights = seen.to(rows.device, rows.dtype) if seen.any() else torch.ones_like(rows[:, 0])
        weights = weights / weights.sum()
        mean = weights @ rows
        means.append(mean)
        variances.append(weights @ (rows - mean).square_())
    first = torch.tensor(dims)
    mean, within = (torch.stack(parts).cpu().double() for parts in (means, variances))
    square = mean.square()
    mean, within, square = (part.cumsum(1)[:, first - 1] / first for part in (mean, within, square))
    return (within + square - mean.square()).float()


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
        embedding.stop_observing()
        model.eval()
        embedding.take_statistics(rows)
        scorer.fold(model)
        current = fmean(scorer.reward(tuple(sizes), "auc") for sizes in fixed)
        context.trace("mean validation AUC of fixed subnets" + title, steps, current)
        context.progress("supernet epoch" + title, epoch, config.epochs)
        if current > best:
            best, best_epoch = current, epoch
            keep(model.state_dict(), best_weights)
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
    rounds = [sampler.draw(config.groups, generator)]
    if config.sandwich:
        every = (True,) * len(embedding.widths)
        largest = len(embedding.tables.candidates) - 1
        rounds += [[Draw((size,) * len(every), every)] for size in (0, largest)]
    for draws in rounds:
        embedding.draws = draws
        loss = binary_cross_entropy_with_logits(model(ids), labels) / len(rounds)
        loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
