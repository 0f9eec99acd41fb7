"""OptEmbed: row thresholds and prefix lengths, learnt in one supernet; lengths by evolution.

Lyu, Tang, Zhu, Guo, Zhang, Tang, Liu: "OptEmbed: Learning Optimal Embedding Table for Click-through
Rate Prediction" (CIKM 2022; arXiv:2208.04482), and the authors' code ``fuyuanlyu/OptEmbed`` at
0feda5f8, whose README says that it does not reproduce the paper's results yet.

1. Row pruning. A row e of field i is kept if its norm is over a threshold that is learnt,

       m = 1[|e|_1 - t_i > 0],       e' = m e,

   for which the derivative of the step is taken to be, at x = |e|_1 - t_i,

       2 - 4|x|  where |x| <= .4,      .4  where .4 < |x| <= 1,      0 beyond.

   It reaches the threshold and, through the norm, the row itself. The t_i start at 0.
2. Prefix lengths. For every sample and field a length k is drawn uniformly from 1..d, and the
   vector keeps its first k components. So one table holds the vectors of every length.
3. Supernet. The loss is cross-entropy + alpha * sum_i exp(-t_i). Adam with coupled decay moves
   tables and layers, plain gradient descent the thresholds. It stops at the first epoch without a
   better validation AUC, measured with rows pruned and all lengths at d.
4. Evolution of the lengths, row masks fixed: a random population of 20, in each of 30 generations
   10 mutations (of each of the best; every field gets a new random length with probability .1) and
   10 one-point crossovers among the best. Fitness is the validation AUC of the supernet; the
   result is the best ever seen.
5. Retraining with both masks, which the harness does.

Rows fall mostly by the decay: a row that few batches touch moves towards zero by about the learning
rate a step (``aesbench.search.dense_adam``), where a threshold slightly above zero catches it. The
term alpha * exp(-t) alone moves a threshold by alpha * 1e-4 a step.

Bugs of the public code that are avoided here: mutation changes its parent in place, and with it the
best candidate that was saved; the crossover point is drawn from 1..d instead of 1..M - 1, so that
with fewer fields than d most children are copies; mutation never draws length 1; a length k + 1
counts as k parameters per row; and a crossover may take one parent twice.

Deviations, each with its reason:

- Learning rate, batch size and the width d (the largest candidate, 64 as published) are the run's,
  since the paper trains and retrains at one rate. Its rates, 3e-5 to 3e-4 with batches of 2048
  rows, are from a grid search per model and data set that includes the run's 1e-3.
- ``decay`` is the Avazu row of the README (1e-5), ``alpha`` too (1e-6).
- Sizes enter the backbone as in the run's retraining: under ``transform`` vectors pass a linear
  layer to the final dimension and batch normalisation after they were masked.
- ``dims`` is the public code's mode ``embed``: lengths only, whose result is a size per field. Its
  mode ``feature``, rows only, is not offered: it finds no sizes.
- A row mask costs an index, a parameter for each row of the field, with or without a budget. A
  field where that is no less than what the pruned rows would take keeps all of its rows: most have
  one row without a train count, for values out of vocabulary, and it falls.
- ``row_budget`` (ours) keeps this share of all rows, those whose |e|_1 - t_i is largest, instead of
  those over the threshold. On data of some 100,000 rows the learnt thresholds prune at most rows
  that no train row has (``ml100k``; decay 1e-5 and 1e-3, threshold rate 1e-4 and 1e-2): rare rows
  are touched again before they are gone, and thresholds get to 1e-6 or 1e-2, of norms around 1, as
  often below zero, where nothing falls, as above.
- A budget (ours; the paper's fitness ignores memory) counts kept values and index. Candidates that
  exceed it are repaired before they are scored: fields, in a random order, are shortened to the
  longest length that fits, at least 1, until the budget holds. Every field keeps a length of 1.
- Dense Adam moves every value in every step; above ``most_values`` of them the search refuses to
  begin.
- k = 15 parents of crossovers is the README's; the code takes the best 11.

Cost, in seconds of one core: on ``ml100k`` 10 for the supernet and 14 for evolution, 600 candidates
on 10,000 rows each; ten times that is to be expected of ``ml1m-static``.

Not verified: the paper's full text. What thresholds did to its tables at which step is not known.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from aesbench import Allocation, Context, Method
from aesbench.core import metrics
from aesbench.core.metrics import Metrics
from aesbench.core.search_space import Range
from aesbench.core.settings import require, require_int
from aesbench.errors import ConfigError
from aesbench.models.backbones import Backbone
from aesbench.models.training import keep, predict
from aesbench.search.bilevel import Patience
from aesbench.search.dense_adam import dense_adam, refuse_large_table
from aesbench.search.inheritance import inherit_weights
from aesbench.search.whole_table import WholeTable

Lengths = tuple[int, ...]
"""The prefix length of every field."""


@dataclass(frozen=True)
class OptEmbedConfig:
    """The settings of OptEmbed; the README is that of the public code.

    Attributes:
        prunes_rows: whether rows are pruned by thresholds; the preset ``dims`` searches lengths
            only (mode ``embed`` of the public code).
        row_budget: the share of all rows to keep, or None for those over the thresholds; ours.
        epochs: the most passes of the supernet; 30, README.
        patience: epochs without a better validation AUC before it stops; 1, public code.
        decay: coupled weight decay of everything but the thresholds; 1e-5, README (Avazu).
        alpha: weight of sum exp(-t); 1e-6, README (Avazu).
        threshold_learning_rate: of the thresholds; 1e-4, README.
        generations: of evolution; 30, README.
        mutations: children by mutation; 10, README.
        crossovers: children by crossover; 10, README. Both together are the random population.
        mutation_rate: of each field; 0.1, README.
        parents: the best candidates that crossovers take; 15, README.
        most_values: the most values of the table that dense Adam may move; ours.
    """

    prunes_rows: bool = True
    row_budget: float | None = None
    epochs: int = 30
    patience: int = 1
    decay: float = 1e-5
    alpha: float = 1e-6
    threshold_learning_rate: float = 1e-4
    generations: int = 30
    mutations: int = 10
    crossovers: int = 10
    mutation_rate: float = 0.1
    parents: int = 15
    most_values: int = 10_000_000

    def __post_init__(self) -> None:
        for name in ("epochs", "patience", "generations", "most_values"):
            require_int(getattr(self, name), f"optembed.{name}", 1)
        for name in ("mutations", "crossovers"):
            require_int(getattr(self, name), f"optembed.{name}", 0)
        for name in ("decay", "alpha", "threshold_learning_rate"):
            require(getattr(self, name) >= 0, f"optembed.{name}", getattr(self, name), "at least 0")
        require(0 <= self.mutation_rate <= 1, "optembed.mutation_rate", self.mutation_rate,
                "between 0 and 1")  # fmt: skip
        share = self.row_budget
        is_share = share is None or (self.prunes_rows and 0 < share <= 1)
        require(is_share, "optembed.row_budget", share,
                "above 0 and at most 1, and optembed.prunes_rows true, or none")  # fmt: skip
        population = self.mutations + self.crossovers
        require(population >= 1, "optembed.mutations", self.mutations, "at least 1 child in all")
        require_int(self.parents, "optembed.parents", 2)
        require(self.parents <= population, "optembed.parents", self.parents,
                f"at most the population, {population} candidates")  # fmt: skip
        pairs = self.parents * (self.parents - 1)
        require(self.crossovers <= pairs, "optembed.crossovers", self.crossovers,
                f"at most {pairs}, the ordered pairs of {self.parents} parents")  # fmt: skip


class OptEmbed(Method):
    """A supernet of prefix lengths and pruned rows, searched by evolution."""

    name = "optembed"
    title = "OptEmbed"
    family = "one-shot"
    titles = {"dims": "OptEmbed (field-wise)"}
    Config = OptEmbedConfig
    honours_budget = True
    presets = {
        "dims": {"prunes_rows": False},
        "quick": {"epochs": 1, "generations": 2, "mutations": 3, "crossovers": 3, "parents": 3},
    }
    space = {
        "decay": Range(1e-6, 1e-3, log=True),
        "alpha": Range(1e-6, 1e-4, log=True),
        "threshold_learning_rate": Range(1e-4, 1e-2, log=True),
    }

    def prepare_key(self) -> Hashable:
        """Return the settings of the supernet; searches with others share it."""
        config: OptEmbedConfig = self.config
        return (
            *(config.prunes_rows, config.epochs, config.patience, config.decay, config.alpha),
            *(config.threshold_learning_rate, config.most_values),
        )

    def prepare(self, context: Context) -> Backbone:
        """Train the supernet; return it with the weights of its best epoch.

        Raises:
            ConfigError: dense Adam would move more parameters than the settings allow.
        """
        config: OptEmbedConfig = self.config
        protocol = context.train_config
        refuse_large_table(
            context.fields,
            context.candidates[-1],
            config.most_values,
            "optembed.most_values",
            "give smaller --candidates",
        )
        embedding = PrunedTable(context, prunes_rows=config.prunes_rows)
        model = context.build_model(embedding)
        optimizer = dense_adam(
            model,
            learning_rate=protocol.learning_rate,
            decay=config.decay,
            apart=embedding.thresholds,
            rate_apart=None,  # Plain gradient descent moves them.
        )
        of_thresholds = torch.optim.SGD([embedding.thresholds], lr=config.threshold_learning_rate)
        patience, best = Patience(config.patience), dict[str, Tensor]()
        for epoch in range(1, config.epochs + 1):
            model.train()
            for ids, labels in context.train.batches(
                protocol.batch_size, device=context.device, shuffle=context.generator
            ):
                shape = len(ids), len(context.fields)
                drawn = torch.randint(1, embedding.dim + 1, shape, generator=context.generator)
                with embedding.cut_to(drawn):
                    logits = model(ids)
                loss = binary_cross_entropy_with_logits(logits, labels)
                if config.prunes_rows:
                    loss = loss + config.alpha * (-embedding.thresholds).exp().sum()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                of_thresholds.step()
                optimizer.zero_grad()
                of_thresholds.zero_grad()
            current = metrics.auc(context.validation.labels, predict(model, context.validation))
            is_over = patience.is_over(current)
            if patience.best_epoch == epoch:
                keep(model.state_dict(), best)
            context.trace("validation_auc", epoch, current)
            context.trace("threshold", epoch, embedding.thresholds.tolist())
            context.trace("kept rows", epoch, [own.mean().item() for own in embedding.kept()])
            context.progress("supernet epoch", epoch, config.epochs)
            if is_over:
                break
        model.load_state_dict(best)
        model.eval()
        return model

    def search(self, context: Context, prepared: Backbone) -> Allocation:
        """Return the best lengths that evolution saw, on the rows that are kept.

        Raises:
            ConfigError: no row is over its threshold, or the budget is below the smallest
                allocation.
        """
        config: OptEmbedConfig = self.config
        embedding = pruned_table_of(prepared)
        kept = rows_kept(embedding, config.row_budget)
        if not any(own.any() for own in kept):
            raise ConfigError(
                "optembed pruned every row of every field; lower"
                " optembed.threshold_learning_rate or optembed.decay, or set optembed.row_budget"
            )
        costs = [memory(own, embedding.dim) for own in kept]
        least = sum(own[1] for own in costs)
        if context.budget is not None and context.budget < least:
            raise ConfigError(
                f"optembed cannot meet a budget of {context.budget} embedding parameters: its"
                f" smallest allocation, every field at length 1, has {least}; raise --budget"
            )

        def fitting(lengths: Lengths) -> Lengths:
            if context.budget is None:
                return lengths
            return repaired(lengths, costs, context.budget, context.generator)

        pruned = torch.from_numpy(np.concatenate(kept)).to(context.device)
        scores: dict[Lengths, float] = {}

        def fitness(lengths: Lengths) -> float:
            if lengths not in scores:
                with embedding.keeping(pruned), embedding.cut_to(torch.tensor(lengths)):
                    logits = predict(prepared, context.validation)
                scores[lengths] = metrics.auc(context.validation.labels, logits)
            return scores[lengths]

        fields, size = len(context.fields), embedding.dim
        drawn = torch.randint(
            1, size + 1, (config.mutations + config.crossovers, fields), generator=context.generator
        )
        population = [fitting(tuple(own)) for own in drawn.tolist()]
        best = population[0]
        for generation in range(1, config.generations + 1):
            population.sort(key=fitness, reverse=True)
            best = max(best, population[0], key=fitness)
            context.trace("population_auc", generation, fitness(population[0]))
            context.trace("best_auc", generation, fitness(best))
            context.progress("generation", generation, config.generations)
            if generation < config.generations:
                children = [
                    *mutations(population, config.mutations, config.mutation_rate, size,
                               context.generator),
                    *crossovers(population[: config.parents], config.crossovers,
                                context.generator),
                ]  # fmt: skip
                population = [fitting(child) for child in children]
        return allocation_of(context, kept, best)

    def score(self, context: Context, prepared: Backbone, allocation: Allocation) -> Metrics:
        """Return the metrics of sizes per field, as prefixes of the supernet's vectors."""
        embedding = pruned_table_of(prepared)
        largest = max(allocation.dims)
        require(largest <= embedding.dim, "size", largest, f"at most {embedding.dim}, the table's")
        with embedding.cut_to(torch.tensor(allocation.dims)):
            logits = predict(prepared, context.validation)
        return metrics.score(context.validation.labels, logits)

    def inherit(
        self, context: Context, prepared: Backbone, allocation: Allocation, model: Backbone
    ) -> None:
        """Start the retraining from the prefixes of the supernet, and its first order."""
        embedding = pruned_table_of(prepared)
        dims = [blocks[0].dim for blocks in allocation.blocks]
        vectors = [
            embedding.table.weight[embedding.rows(field), :dim].detach()
            for field, dim in enumerate(dims)
        ]
        layer = embedding.transform
        transforms = {}
        if isinstance(layer, nn.Linear):
            transforms = {dim: first_inputs(layer, dim) for dim in {*dims} - {0}}
        inherit_weights(model, prepared, vectors, transforms)


class Step(torch.autograd.Function):
    """1 where x > 0, else 0, with the surrogate derivative of the module's text."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        """Return the step of ``x``, of its shape."""
        ctx.save_for_backward(x)
        return (x > 0).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # type: ignore[override]
        """Return the gradient by ``x``."""
        (x,) = ctx.saved_tensors
        distance = x.abs()
        slope = torch.where(distance <= 0.4, 2 - 4 * distance, 0.4)
        return gradient * slope.masked_fill(distance > 1, 0)


class PrunedTable(WholeTable):
    """A table of which rows are pruned by thresholds, and vectors cut to prefixes.

    Attributes:
        thresholds: (fields,) t.
        prunes_rows: whether they prune anything.
    """

    def __init__(self, context: Context, *, prunes_rows: bool) -> None:
        """Make the table, with Xavier's initial values over all rows, as published."""
        super().__init__(
            context.fields,
            context.candidates[-1],
            unification=context.unification,
            final_dim=context.final_dim,
            table_std=0.0,
            generator=context.generator,
        )
        self.redraw_as_xavier(context.generator)
        self.prunes_rows = prunes_rows
        self.thresholds = nn.Parameter(torch.zeros(len(context.fields)))
        self._lengths: Tensor | None = None
        self._kept: Tensor | None = None
        self.register_buffer("_components", torch.arange(self.dim), persistent=False)
        self._components: Tensor

    def of_values(self, vectors: Tensor, rows: Tensor, fields: Sequence[int]) -> Tensor:
        """Zero the vectors of rows that are pruned."""
        if self._kept is not None:
            return vectors * self._kept[rows].unsqueeze(-1)
        if not self.prunes_rows:
            return vectors
        margins = vectors.abs().sum(-1) - self.thresholds[self.field_of_row[rows]]
        step: Tensor = Step.apply(margins)  # type: ignore[no-untyped-call]
        return vectors * step.unsqueeze(-1)

    def of_fields(self, vectors: Tensor) -> Tensor:
        """Zero what comes after the prefixes."""
        if self._lengths is None:
            return vectors
        return vectors * (self._components < self._lengths.unsqueeze(-1))

    @contextmanager
    def cut_to(self, lengths: Tensor) -> Iterator[None]:
        """Cut vectors to lengths ``(batch, fields)`` or ``(fields,)`` for the time being."""
        self._lengths = lengths.to(self.table.weight.device)
        try:
            yield
        finally:
            self._lengths = None

    @contextmanager
    def keeping(self, kept: Tensor) -> Iterator[None]:
        """Keep these rows ``(rows,)`` for the time being, whatever the thresholds are."""
        self._kept = kept
        try:
            yield
        finally:
            self._kept = None

    @torch.no_grad()
    def margins(self) -> Tensor:
        """Return |e|_1 - t of every row, ``(rows,)``."""
        return self.table.weight.abs().sum(1) - self.thresholds[self.field_of_row]

    def kept(self) -> list[Tensor]:
        """Return of each field which rows are kept, ``(cardinality,)``, as 1 and 0."""
        inside = self.margins() > 0 if self.prunes_rows else torch.ones(len(self.field_of_row))
        return list(inside.float().split([field.cardinality for field in self.fields]))


def pruned_table_of(model: Backbone) -> PrunedTable:
    """Return the embedding of a supernet."""
    embedding: PrunedTable = model.embedding  # type: ignore[assignment]
    return embedding


def rows_kept(embedding: PrunedTable, share: float | None) -> list[NDArray[np.bool_]]:
    """Return of each field which rows are kept, ``(cardinality,)``.

    Args:
        embedding: of the supernet.
        share: of all rows, those of the largest margins; None for those over the thresholds.
    """
    if share is None:
        return [own.bool().cpu().numpy() for own in embedding.kept()]
    margins = embedding.margins().cpu()
    inside = torch.zeros(len(margins), dtype=torch.bool)
    most = max(1, int(share * len(margins)))
    inside[margins.argsort(descending=True, stable=True)[:most]] = True
    return [own.numpy() for own in inside.split([f.cardinality for f in embedding.fields])]


def mutations(
    ranked: Sequence[Lengths], count: int, rate: float, size: int, generator: torch.Generator
) -> list[Lengths]:
    """Return mutated copies of the best candidates, each once; beyond the last the best again.

    Args:
        ranked: the best first; they stay as they are.
        count: of children.
        rate: the probability that a field gets a new length, uniform on 1..size.
        size: the longest length.
        generator: to draw from.
    """
    children = []
    for number in range(count):
        parent = ranked[number % len(ranked)]
        changes = torch.rand(len(parent), generator=generator).tolist()
        drawn = torch.randint(1, size + 1, (len(parent),), generator=generator).tolist()
        children.append(
            tuple(
                new if change < rate else old
                for old, new, change in zip(parent, drawn, changes, strict=True)
            )
        )
    return children


def crossovers(parents: Sequence[Lengths], count: int, generator: torch.Generator) -> list[Lengths]:
    """Return children of different ordered pairs: the first fields of one, the rest of the other.

    The point lies between two fields, every place equally likely; a single field is the first's.

    Args:
        parents: at least two if any child is asked for.
        count: of children, at most as many as there are pairs.
        generator: to draw from.
    """
    pairs = [(x, y) for x in range(len(parents)) for y in range(len(parents)) if x != y]
    children = []
    for number in torch.randperm(len(pairs), generator=generator)[:count].tolist():
        first, second = (parents[parent] for parent in pairs[number])
        point = int(torch.randint(1, max(2, len(first)), (), generator=generator))
        children.append((*first[:point], *second[point:]))
    return children


def memory(kept: NDArray[np.bool_], size: int) -> list[int]:
    """Return what a field's table costs at the lengths 0..size, in parameters.

    With a row mask that is the kept rows and the index, a parameter for every row; where that is
    not less than the whole table, all rows stay.
    """
    whole = [len(kept) * length for length in range(size + 1)]
    if not kept.any():
        return [0] * (size + 1)
    count = int(kept.sum())
    return [min(all_rows, count * length + len(kept)) for length, all_rows in enumerate(whole)]


def repaired(
    lengths: Lengths, costs: Sequence[Sequence[int]], budget: int, generator: torch.Generator
) -> Lengths:
    """Return lengths that a budget holds: as they are, or some fields shortened.

    In a random order fields take the longest length that fits, or 1, until the budget holds all.

    Args:
        lengths: of the fields.
        costs: of each field at the lengths from 0, ascending.
        budget: at least what all cost at length 1.
        generator: to draw the order from.
    """
    over = sum(own[length] for own, length in zip(costs, lengths, strict=True)) - budget
    fixed = list(lengths)
    for field in torch.randperm(len(fixed), generator=generator).tolist():
        if over <= 0:
            break
        before = costs[field][fixed[field]]
        while fixed[field] > 1 and before - costs[field][fixed[field]] < over:
            fixed[field] -= 1
        over -= before - costs[field][fixed[field]]
    return tuple(fixed)


def allocation_of(
    context: Context, kept: Sequence[NDArray[np.bool_]], lengths: Lengths
) -> Allocation:
    """Return the allocation of prefix lengths, and of the row masks that save memory."""
    keeps = []
    for own, length in zip(kept, lengths, strict=True):
        costs = memory(own, length)[length]
        inside = np.ones_like(own) if costs == len(own) * length else own
        keeps.append(np.broadcast_to(inside[:, None], (len(own), length)))
    return Allocation.masked(context.fields, keeps)


def first_inputs(layer: nn.Linear, count: int) -> nn.Linear:
    """Return the layer as it maps vectors of which only the first components are not zero."""
    cut: nn.Linear = nn.utils.skip_init(  # type: ignore[no-untyped-call]
        nn.Linear, count, layer.out_features
    )
    with torch.no_grad():
        cut.weight.copy_(layer.weight[:, :count])
        cut.bias.copy_(layer.bias)
    return cut
