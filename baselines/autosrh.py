"""AutoSrh and DNIS: soft weights of dimensions by groups of frequency; one search, two derivations.

Cheng, Shen, Huang: "Differentiable Neural Input Search for Recommender Systems" (DNIS, 2020;
arXiv:2006.04466), and Kong, Cheng, Shen, Huang: "AutoSrh: An Embedding Dimensionality Search
Framework for Tabular Data Prediction" (TKDE 35(7), 2023), which is DNIS grown up. Read: their code
``SJTU-DMTai/AutoSrh`` at 0da13c9d (``main_nas.py``, ``model/nas.py``, the scripts, the notebook
``pruning_Avazu``), and the re-implementation in ``HugoZHL/Hetu`` (VLDB 2024).

The search:

1. All values of all fields, by descending frequency in train, are cut into S groups by their
   number. A value v of group g has the vector e_v * alpha_g, with alpha (S, d) and d the largest
   size.
2. Warm start: tables and layers are trained with alpha = 1.
3. Then alpha := 1 and in turn, at first order: a train batch moves the tables and the first-order
   weights, dense layers standing still; a validation batch moves alpha by gradient descent on
   cross-entropy + l1 * sum |alpha|. A group's gradient is divided by its own mean magnitude,

       alpha_g <- clip(alpha_g - lr * g / (mean |g| + 1e-8), 0, 1),

   so that frequent groups do not drown rare ones. An epoch is a pass over the validation batches;
   the weights of the best validation loss are kept.

   Through the division a group whose data say little (rare values) is governed by l1 alone: all of
   its d gradients are then equal, and alpha falls by lr a step. In the authors' notebook the mean
   alpha is .29 in the most frequent tenth and below .01 in all others.

The derivations:

- ``autosrh``: two more epochs on all weights with alpha fixed, then values are kept by one
  threshold over |E * alpha|, of all fields together. The result is a mask.
- ``autosrh:dnis``: the threshold right after the search.
- ``autosrh:block`` (ours): sizes instead of masks. A block is the values of a field in one group;
  pairs of block and dimension j come by descending alpha_gj * rms(E_block,j), what a parameter of
  the pair is worth, and are kept while they fit. The size of a block is the number of its pairs.

Readings chosen, and deviations with their reasons:

- Values of equal frequency go to one group, the more frequent one (Hetu). The authors cut where the
  number says. Ten equal groups are the script for ML-20M; the one for Avazu has .1, .2, .2, .2, .3.
- The threshold is over |E * alpha| (Hetu). The notebook takes |E|, with alpha still applied: it
  would keep values that alpha has set to zero.
- The warm start is the protocol's own training: best validation AUC instead of best loss, and no
  drop of the rate. Hence the same initial values, batches, decay and patience as at retraining.
- Batches are the protocol's, not 4096 rows: alpha moves by lr a step whatever the batch, and with
  10,000 validation rows an epoch would be two steps.
- The tables move by lazy Adam without decay (``torch.optim.SparseAdam``): the public code's dense
  Adam, without decay too, differs only by momentum on rows outside the batch. Its rate falls
  tenfold after two epochs in a row without a better loss, and the third fall ends the search, as
  published.
- An epoch of fewer than ``least_steps`` steps does not count as a candidate for the best loss until
  alpha has made so many: within them alpha cannot have left the neighbourhood of 1.
- Sizes enter the backbone as at retraining: under ``transform`` the scaled vectors pass a linear
  layer to the final dimension and batch normalisation.
- A budget counts kept values and the index of the mask, and is met to the last value (pair) that
  fits. Without one ``pruned`` of all values go; .95 is the notebook's.
- Retraining from scratch is the harness's, for all methods alike. DNIS uses the searched values as
  they are, AutoSrh those of the two epochs; ``--inherit`` starts from them.

Cost, in seconds of one core: 34 on ``ml100k`` for warm start and search, 35 epochs of 19 steps;
some five times that is to be expected of ``ml1m-static``.

Not verified: the papers' full texts; second-order steps, which the public code has and its scripts
do not use. Bugs of the public code: the best loss is chosen on the rows that moved alpha (kept
here: there is no other split), and the test split is scored at every new best.
"""

from __future__ import annotations

import copy
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from aesbench import Allocation, Context, Field, Method
from aesbench.core import metrics
from aesbench.core.search_space import Range
from aesbench.core.settings import require, require_int
from aesbench.errors import ConfigError
from aesbench.models.backbones import Backbone
from aesbench.models.optimizer import ModelAdam
from aesbench.models.training import fit, keep, predict, step
from aesbench.search.bilevel import BilevelBatches
from aesbench.search.blocks import allocation_of
from aesbench.search.inheritance import inherit_weights
from aesbench.search.pruning import Ranking
from aesbench.search.whole_table import WholeTable


@dataclass(frozen=True)
class AutoSrhConfig:
    """The settings of AutoSrh and DNIS.

    Attributes:
        groups: of frequency, the share of all values that is in each; ten equal ones, the authors'
            script for ML-20M.
        epochs: the most passes over the validation batches; 50, public code.
        least_steps: of alpha before weights may count as the best; ours.
        alpha_learning_rate: of alpha; 1e-2, the authors' scripts (Hetu: 1e-3).
        l1: weight of sum |alpha|; 1e-5, public code.
        form: of the result: a mask over ``values``, or sizes of ``blocks`` (ours).
        tuning_epochs: on all weights with alpha fixed before values are ranked; 2, the notebook,
            and 0 for DNIS.
        pruned: the share of all values that go if the run has no budget; 0.95, the notebook.
    """

    groups: tuple[float, ...] = (0.1,) * 10
    epochs: int = 50
    least_steps: int = 100
    alpha_learning_rate: float = 1e-2
    l1: float = 1e-5
    form: Literal["values", "blocks"] = "values"
    tuning_epochs: int = 2
    pruned: float = 0.95

    def __post_init__(self) -> None:
        shares = self.groups
        are_shares = len(shares) > 0 and min(shares) > 0 and abs(sum(shares) - 1) < 1e-6
        require(are_shares, "autosrh.groups", shares, "shares above 0 that add up to 1")
        require_int(self.epochs, "autosrh.epochs", 1)
        require_int(self.least_steps, "autosrh.least_steps", 0)
        require_int(self.tuning_epochs, "autosrh.tuning_epochs", 0)
        rate = self.alpha_learning_rate
        require(rate > 0, "autosrh.alpha_learning_rate", rate, "above 0")
        require(self.l1 >= 0, "autosrh.l1", self.l1, "at least 0")
        forms = ("values", "blocks")
        require(self.form in forms, "autosrh.form", self.form, " or ".join(forms))
        require(0 <= self.pruned < 1, "autosrh.pruned", self.pruned, "at least 0 and below 1")


class AutoSrh(Method):
    """Dimensions weighted by groups of frequency on validation batches, then pruned by value."""

    name = "autosrh"
    title = "AutoSrh"
    family = "pruning"
    titles = {"dnis": "DNIS", "block": "AutoSrh (blocks)"}
    Config = AutoSrhConfig
    honours_budget = True
    presets = {
        "dnis": {"tuning_epochs": 0},
        "block": {"form": "blocks"},
        "quick": {"epochs": 2, "least_steps": 2},
    }
    default_presets = ("", "dnis")
    space = {
        "alpha_learning_rate": Range(1e-3, 1e-1, log=True),
        "l1": Range(1e-6, 1e-3, log=True),
        "pruned": (0.8, 0.9, 0.95, 0.98),
    }

    def prepare_key(self) -> Hashable:
        """Return the settings of the search for alpha, which all derivations share."""
        config: AutoSrhConfig = self.config
        return (
            *(config.groups, config.epochs, config.least_steps),
            *(config.alpha_learning_rate, config.l1),
        )

    def prepare(self, context: Context) -> Backbone:
        """Warm-start a model, then learn alpha; return it with those of the best epoch."""
        embedding = GroupedTable(context, frequency_groups(context.fields, self.config.groups))
        model = context.build_model(embedding)
        warm = fit(
            model,
            context.train,
            context.validation,
            context.train_config,
            context.generator,
            context.progress,
        )
        for epoch, auc in enumerate(warm.history, 1):
            context.trace("warm_start_auc", epoch, auc)
        learn_alpha(context, model, embedding, self.config)
        return model

    def search(self, context: Context, prepared: Backbone) -> Allocation:
        """Return what is left of the largest values, or sizes of blocks.

        Raises:
            ConfigError: the budget does not hold the smallest result.
        """
        config: AutoSrhConfig = self.config
        self.model = self._tuned(context, prepared)
        embedding = grouped_table_of(self.model)
        scaled = embedding.scaled().cpu()
        if config.form == "blocks":
            return self._blocks(context, embedding, scaled)
        ranking = Ranking(context.fields, scaled.abs().numpy())
        if context.budget is not None:
            return ranking.within(context.budget, "autosrh")
        return ranking.largest(max(1, round((1 - config.pruned) * ranking.values)))

    def inherit(
        self, context: Context, prepared: Backbone, allocation: Allocation, model: Backbone
    ) -> None:
        """Start the retraining from E * alpha, the layers' first order and, if any, transform.

        Raises:
            ConfigError: the result are blocks, whose dimensions differ from value to value.
        """
        if self.config.form == "blocks":
            raise ConfigError(
                "autosrh:block has no weights to inherit: its blocks keep different dimensions;"
                " run it without --inherit"
            )
        embedding = grouped_table_of(self.model)
        scaled = embedding.scaled()
        vectors = [scaled[embedding.rows(field)] for field in range(len(context.fields))]
        layer = embedding.transform
        transforms = {embedding.dim: layer} if isinstance(layer, nn.Linear) else None
        inherit_weights(model, self.model, vectors, transforms)

    def _tuned(self, context: Context, prepared: Backbone) -> Backbone:
        """Return a copy of the searched model after the epochs with alpha fixed."""
        model = copy.deepcopy(prepared)
        protocol = context.train_config
        optimizer = ModelAdam(model, learning_rate=protocol.learning_rate, l2=protocol.l2)
        model.train()
        for epoch in range(1, self.config.tuning_epochs + 1):
            for ids, labels in context.train.batches(
                protocol.batch_size, device=context.device, shuffle=context.generator
            ):
                step(model, optimizer, ids, labels)
            context.progress("tuning epoch", epoch, self.config.tuning_epochs)
        model.eval()
        return model

    def _blocks(self, context: Context, embedding: GroupedTable, scaled: Tensor) -> Allocation:
        """Return sizes of blocks; see the module's text."""
        groups = embedding.group_of_row.cpu()
        starts = block_starts(embedding.field_of_row.cpu(), groups)
        rows = np.diff([*starts, len(groups)]).tolist()
        worth = torch.stack([part.square().mean(0).sqrt() for part in scaled.split(rows)])
        budget = context.budget
        if budget is None:
            budget = max(min(rows), round((1 - self.config.pruned) * scaled.numel()))
        if budget < min(rows):
            raise ConfigError(
                f"autosrh cannot meet a budget of {budget} embedding parameters: its smallest"
                f" block has {min(rows)} values; raise --budget"
            )
        sizes = sizes_of_blocks(rows, worth, budget)
        return allocation_of(context.fields, rows, sizes)


class GroupedTable(WholeTable):
    """A table whose vectors are multiplied by the weights of their group.

    Attributes:
        group_of_row: (rows,) the group of every value.
        alpha: (groups, dim); ones to begin with, no parameter: an optimizer of the model leaves
            it alone.
    """

    def __init__(self, context: Context, group_of_row: NDArray[np.int64]) -> None:
        """Make the table as at retraining."""
        super().__init__(
            context.fields,
            context.candidates[-1],
            unification=context.unification,
            final_dim=context.final_dim,
            table_std=context.train_config.table_std,
            generator=context.generator,
        )
        self.register_buffer("group_of_row", torch.from_numpy(group_of_row), persistent=False)
        self.register_buffer("alpha", torch.ones(int(group_of_row.max()) + 1, self.dim))
        self.group_of_row: Tensor
        self.alpha: Tensor

    def of_values(self, vectors: Tensor, rows: Tensor, fields: Sequence[int]) -> Tensor:
        """Return the vectors times alpha of their rows' groups."""
        return vectors * self.alpha[self.group_of_row[rows]]

    @torch.no_grad()
    def scaled(self) -> Tensor:
        """Return E * alpha, ``(rows, dim)``."""
        return self.table.weight * self.alpha[self.group_of_row]


def grouped_table_of(model: Backbone) -> GroupedTable:
    """Return the embedding of a searched model."""
    embedding: GroupedTable = model.embedding  # type: ignore[assignment]
    return embedding


def frequency_groups(fields: Sequence[Field], shares: Sequence[float]) -> NDArray[np.int64]:
    """Return the group of every value of all fields, ``(rows,)``; group 0 is the most frequent.

    Values are cut by their number into parts of these shares, and those that are as frequent as
    the last one before a cut are before it, too. Groups that are left without a value are none.
    """
    counts = np.concatenate([field.counts for field in fields])
    descending = np.sort(counts)[::-1]
    cuts = np.round(np.cumsum(shares[:-1]) * len(counts)).astype(np.int64)
    least = np.array([descending[cut - 1] for cut in cuts if cut > 0])
    passed: NDArray[np.int64] = (counts[:, None] < least).sum(axis=1)
    return np.unique(passed, return_inverse=True)[1].reshape(-1).astype(np.int64)


def learn_alpha(
    context: Context, model: Backbone, embedding: GroupedTable, config: AutoSrhConfig
) -> None:
    """Learn alpha and the tables in turn; leave those of the best validation loss in the model.

    Those are the last ones where all epochs together have fewer than ``least_steps`` steps.
    """
    protocol = context.train_config
    tables = [own.weight for own in model.modules() if isinstance(own, nn.Embedding)]
    frozen = [p for p in model.parameters() if all(p is not table for table in tables)]
    lower = torch.optim.SparseAdam(tables, lr=protocol.learning_rate)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(
        lower, patience=1, threshold=1e-7, min_lr=protocol.learning_rate * 1e-3
    )
    # An epoch is one of validation batches, so they take the place of the train batches here.
    batches = BilevelBatches(
        context.validation,
        context.train,
        protocol.batch_size,
        epochs=config.epochs,
        every=1,
        device=context.device,
        generator=context.generator,
        progress=context.progress,
    )
    best, least = dict[str, Tensor](), float("inf")
    for parameter in frozen:
        parameter.requires_grad_(False)
    for _ in range(config.epochs):
        model.train()
        for validation, train in batches.epoch():
            if train is not None:  # As it is for every one.
                step(model, lower, *train)
            embedding.alpha = moved(model, embedding, validation, config)
        found = metrics.score(context.validation.labels, predict(model, context.validation))
        if batches.step >= config.least_steps and found.logloss < least:
            least = found.logloss
            keep(model.state_dict(), best)
        schedule.step(found.logloss)
        context.trace("validation_logloss", batches.step, found.logloss)
        context.trace("validation_auc", batches.step, found.auc)
        context.trace("alpha", batches.step, mean_alpha(embedding))
        if lower.param_groups[0]["lr"] <= protocol.learning_rate * 1e-3 * (1 + 1e-6) and best:
            break
    if best:
        model.load_state_dict(best)
    for parameter in frozen:
        parameter.requires_grad_(True)
    model.eval()


def moved(
    model: Backbone, embedding: GroupedTable, batch: tuple[Tensor, Tensor], config: AutoSrhConfig
) -> Tensor:
    """Return alpha after a step on a validation batch; nothing else moves."""
    alpha = embedding.alpha.detach().requires_grad_()
    embedding.alpha = alpha
    ids, labels = batch
    loss = binary_cross_entropy_with_logits(model(ids), labels) + config.l1 * alpha.abs().sum()
    (gradient,) = torch.autograd.grad(loss, alpha)
    return stepped(alpha.detach(), gradient, config.alpha_learning_rate)


def stepped(alpha: Tensor, gradient: Tensor, learning_rate: float) -> Tensor:
    """Return alpha after a step against a gradient that is divided by the mean of its row."""
    scale = gradient.abs().mean(dim=1, keepdim=True) + 1e-8
    return (alpha - learning_rate * gradient / scale).clamp(0, 1)


def mean_alpha(embedding: GroupedTable) -> list[float]:
    """Return the mean of alpha over the values of each field."""
    by_row = embedding.alpha.mean(dim=1)[embedding.group_of_row]
    sizes = [field.cardinality for field in embedding.fields]
    return [own.mean().item() for own in by_row.split(sizes)]


def block_starts(fields: Tensor, groups: Tensor) -> list[int]:
    """Return where blocks begin: rows of one field and one group that follow each other."""
    changes = (fields[1:] != fields[:-1]) | (groups[1:] != groups[:-1])
    return [0, *(changes.nonzero()[:, 0] + 1).tolist()]


def sizes_of_blocks(rows: Sequence[int], worth: Tensor, budget: int) -> list[int]:
    """Return how many dimensions each block keeps: pairs by descending worth, while they fit.

    Args:
        rows: of each block, what a dimension costs.
        worth: (blocks, dim), of a parameter of each pair; what is worth nothing is not kept.
        budget: the most parameters.
    """
    sizes, left = [0] * len(rows), budget
    for pair in worth.flatten().argsort(descending=True, stable=True).tolist():
        block = pair // worth.shape[1]
        if rows[block] <= left and (worth[block, pair % worth.shape[1]] > 0 or left == budget):
            left -= rows[block]
            sizes[block] += 1
    return sizes
