"""The supernet: the backbone over tables of every candidate size, one subnet at a time (sec. 3.1).

``train_supernet`` is the paper's Algorithm 1. It trains no weight for the sake of one size alone:
the backbone and, per size, the transform serve all subnets.
"""

from __future__ import annotations

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
    result = torch.empty(len(tables.fields), len(tables.candidates))
    for i, field in enumerate(tables.fields):
        every = -(-field.cardinality // VARIANCE_ROWS)
        counts = field.counts[::every]
        seen = torch.from_numpy(counts > 0) if len(counts) else torch.ones(1).bool()
        for j in range(len(tables.candidates)):
            weight = tables.weight(i, j)[::every]
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
