"""PEP: values of one embedding table are pruned by thresholds that are learnt with them.

Liu, Gao, Chen, Jin, Li: "Learnable Embedding Sizes for Recommender Systems" (ICLR 2021;
arXiv:2101.07577), and the authors' code ``ssui-liu/learnable-embed-sizes-for-RecSys`` at e4d07d2c.

1. Re-parameterisation. All fields have one table V (N values, d dimensions), and the model gets

       v' = sign(v) max(|v| - g(s), 0),        g = sigmoid,

   with thresholds s that are one for all (``global``), per dimension, per value, per field, per
   value and dimension (the default), or per field and dimension. The derivatives are those of a
   soft threshold: where |v| > g(s), dv'/dv = 1 and dv'/ds = -sign(v) g'(s); elsewhere 0.
2. Pruning. Values and thresholds descend the cross-entropy of train batches together, by one Adam
   with weight decay on all parameters. What is zero in V' is pruned. Whenever as few values are
   left as is wanted, the mask is kept: one run gives masks of several sizes.
3. Retraining. A new model is trained with the mask, without thresholds, from the values that V had
   at the beginning, or from new ones. The harness retrains, every method from new ones;
   ``--inherit`` begins with the initial V.

What moves the thresholds is the decay. They start at -15 (ML-1M; -150 elsewhere), where g'(s) is
3e-7 (or 0 in single precision), so that cross-entropy says nothing about them. Adam divides a
gradient by its own size: whatever the decay is, a threshold without another gradient rises by the
learning rate a step, and a value that few batches touch falls by as much (the repository's issue 4
asks about it). After about (15 - ln(1/|v|)) / rate steps g(s) passes |v|. A pruned value has no
gradient but the decay's and stays pruned. So PEP is magnitude pruning under a rising threshold, in
which values that the loss holds fall last. It lives from coupled, dense decay, and here has
``torch.optim.Adam`` itself.

Bugs of the public code that are avoided here: its retraining stops on the test split; its loader of
ML-1M leaves out ratings of 3, and users and movies; and thresholds per dimension are taken for
thresholds per field where there are as many dimensions as fields.

Deviations, each with its reason:

- Batches, rate, decay, clipping, initialisation and d are those of the published ML-1M settings;
  the planned epochs are the run's. The published rate of the thresholds, 1e-3 for a way of 15,
  takes 15,000 steps, which few runs have: by default they get twice the rate of an even walk from
  the start to 0 in the planned steps. A threshold slows down as the decay that it feels shrinks
  with it, since Adam's second moments remember more: so the decay alone brings it to -5 after about
  .4 of the steps and to about -.3 (g = .43) after all of them. From -150 the pruning would have a
  few steps only, hence -15 everywhere.
- Masks are kept at a ladder of shares: budgets are not known when the pruning runs, and one run
  serves all of them. A snapshot is the last state with more values than a target, not the first
  with at most as many; from the smallest one that the budget does not hold the smallest |v'| are
  left out until it does. So a budget is used in full, as it must where methods are held against
  each other at equal memory. It counts the kept values and their index.
- Values are counted every ``count_every`` steps: the trimming makes up for the difference.
- Without a budget, ``keep`` of UES-32's parameters are kept.
- The table enters the backbone as it will at retraining, so under ``transform`` through a linear
  layer and batch normalisation; published is the table as it is.
- Fields of several values are averaged, as everywhere here; the paper has none.
- Dense Adam moves every value in every step; above ``most_values`` of them (N d) the search refuses
  to begin. For large tables a threshold that follows a schedule, with row-sparse deviations from
  it, would do nearly the same, but is not the same optimizer.

Not verified: the paper's full text and its tables of AUC. It claims that 97 to 99 % of the values
can go without a loss, for 20 to 30 % more time; its counts have no index.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import embedding

from aesbench import Allocation, Context, Method, MixedEmbedding
from aesbench.core.metrics import auc
from aesbench.core.search_space import Range
from aesbench.core.settings import require, require_int
from aesbench.datasets.base import Field
from aesbench.errors import ConfigError
from aesbench.models.backbones import Backbone
from aesbench.models.training import cross_entropy_gradient, predict
from aesbench.search.dense_adam import dense_adam, refuse_large_table
from aesbench.search.pruning import Ranking
from aesbench.search.whole_table import WholeTable

Form = Literal["global", "dimension", "value", "field", "value-dimension", "field-dimension"]

LADDER = (
    *(0.98, 0.8, 0.64, 0.5, 0.4, 0.32, 0.25, 0.2, 0.16, 0.125, 0.1, 0.08, 0.063, 0.05, 0.04, 0.03),
    *(0.02, 0.01),
)
"""Shares of the table's values at which a mask is kept: the one before a share is reached."""

_PACE = 2
"""The rate of thresholds over that of an even walk to 0."""

_TRACED_POINTS = 200


@dataclass(frozen=True)
class PEPConfig:
    """The settings of PEP.

    Attributes:
        form: of the thresholds: ``value-dimension`` is the public code's default.
        width: d; 32 on ML-1M (24 on Criteo and Avazu).
        keep: the share of UES-32's embedding parameters that is kept, with the index, if the run
            has no budget; .10, ours: of the published targets on ML-1M, 50, 30 and 20 thousand
            values, the middle one is about a tenth of the table.
        learning_rate: Adam's, 1e-3.
        threshold_learning_rate: of the thresholds (1e-3 published); None: what takes them to
            about 0 in the planned steps (ours, see the module).
        start: of the thresholds; -15 on ML-1M.
        decay: coupled, on all parameters; 1e-5.
        batch_size: 1024.
        clip: the largest norm of a step's gradient; 100.
        epochs: passes over the train split that are planned; None: the run's (ours).
        count_every: steps between two counts of the values left; 1 published.
        most_values: the most values of the table, N d, that dense Adam may move (ours).
    """

    form: Form = "value-dimension"
    width: int = 32
    keep: float = 0.10
    learning_rate: float = 1e-3
    threshold_learning_rate: float | None = None
    start: float = -15.0
    decay: float = 1e-5
    batch_size: int = 1024
    clip: float = 100.0
    epochs: int | None = None
    count_every: int = 5
    most_values: int = 10_000_000

    def __post_init__(self) -> None:
        require(self.form in get_args(Form), "pep.form", self.form, ", ".join(get_args(Form)))
        require(self.keep > 0, "pep.keep", self.keep, "above 0")
        require(self.learning_rate > 0, "pep.learning_rate", self.learning_rate, "above 0")
        rate = self.threshold_learning_rate
        require(rate is None or rate > 0, "pep.threshold_learning_rate", rate, "above 0, or none")
        require(self.start < 0, "pep.start", self.start, "below 0")
        require(self.decay > 0, "pep.decay", self.decay, "above 0: it moves the thresholds")
        require(self.clip > 0, "pep.clip", self.clip, "above 0")
        for name in ("width", "count_every", "most_values"):
            require_int(getattr(self, name), f"pep.{name}", 1)
        require_int(self.batch_size, "pep.batch_size", 2)
        if self.epochs is not None:
            require_int(self.epochs, "pep.epochs", 1)


def soft_threshold(values: Tensor, thresholds: Tensor) -> Tensor:
    """Return ``sign(v) max(|v| - sigmoid(s), 0)``, whose gradient is autograd's."""
    return values.sign() * torch.relu(values.abs() - thresholds.sigmoid())


class ThresholdedTable(WholeTable):
    """The table V', and its thresholds.

    Attributes:
        thresholds: s, shaped by the form: (1, 1), (1, d), (N, 1), (fields, 1), (N, d), (fields, d).
    """

    def __init__(self, context: Context, form: Form, width: int, start: float) -> None:
        super().__init__(
            context.fields,
            width,
            unification=context.unification,
            final_dim=context.final_dim,
            table_std=context.train_config.table_std,
            generator=context.generator,
        )
        rows = self.table.num_embeddings
        self.redraw_as_xavier(context.generator)
        self._per = "value" if "value" in form else "field" if "field" in form else ""
        first = {"value": rows, "field": len(context.fields), "": 1}[self._per]
        second = width if form.endswith("dimension") else 1
        self.thresholds = nn.Parameter(torch.full((first, second), start))

    def thresholds_of(self, rows: Tensor) -> Tensor:
        """Return the thresholds of rows ``(...)`` of the table: ``(..., d or 1)``."""
        if self._per == "value":
            return embedding(rows, self.thresholds)
        if self._per == "field":
            return embedding(self.field_of_row[rows], self.thresholds)
        return self.thresholds

    def of_values(self, vectors: Tensor, rows: Tensor, fields: Sequence[int]) -> Tensor:
        """Return the vectors of V'."""
        return soft_threshold(vectors, self.thresholds_of(rows))

    @torch.no_grad()
    def magnitudes(self) -> Tensor:
        """Return |v'| of the whole table, ``(N, d)``: 0 where a value is pruned."""
        rows = torch.arange(self.table.num_embeddings, device=self.thresholds.device)
        found: Tensor = torch.relu(self.table.weight.abs() - self.thresholds_of(rows).sigmoid())
        return found


@dataclass(frozen=True)
class Snapshot:
    """The values that were left at a step.

    Attributes:
        places: of each in the table, row after row.
        sizes: |v'| of each.
        shape: of the table.
    """

    places: NDArray[np.int64]
    sizes: NDArray[np.float32]
    shape: tuple[int, int]

    @classmethod
    def of(cls, magnitudes: Tensor) -> Snapshot:
        """Take what is not zero of ``(N, d)``."""
        flat = magnitudes.flatten().cpu().numpy()
        places = flat.nonzero()[0]
        rows, width = magnitudes.shape
        return cls(places, flat[places], (rows, width))

    def ranking(self, fields: tuple[Field, ...]) -> Ranking:
        """Rank the values of the table by |v'|."""
        magnitudes = np.zeros(self.shape, dtype=np.float32)
        magnitudes.reshape(-1)[self.places] = self.sizes
        return Ranking(fields, magnitudes)


@dataclass(frozen=True)
class Pruned:
    """What a pruning leaves behind.

    Attributes:
        initial: the table V at the beginning, (N, d).
        snapshots: from the most values to the fewest.
    """

    initial: Tensor
    snapshots: tuple[Snapshot, ...]


class PEP(Method):
    """Values of a table whose magnitude a rising threshold leaves, within a budget."""

    name = "pep"
    title = "PEP"
    family = "pruning"
    titles = {form: f"PEP (s per {form})" for form in ("dimension", "value", "field")} | {
        "global": "PEP (one s)",
        "field-dimension": "PEP (s per field and dimension)",
    }
    Config = PEPConfig
    honours_budget = True
    presets = {
        **{form: {"form": form} for form in get_args(Form) if form != "value-dimension"},
        "quick": {"epochs": 2, "count_every": 1},
    }
    space = {
        "keep": Range(0.05, 0.5, log=True),
        "learning_rate": Range(1e-4, 1e-2, log=True),
        "decay": Range(1e-6, 1e-3, log=True),
        "width": (16, 32, 64),
    }

    def prepare_key(self) -> Hashable:
        """Return the settings that the pruning depends on."""
        return repr(replace(self.config, keep=PEPConfig.keep))

    def prepare(self, context: Context) -> Pruned:
        """Train values and thresholds together until few values are left, and take snapshots.

        Raises:
            ConfigError: the table is too large for dense Adam.
        """
        config: PEPConfig = self.config
        refuse_large_table(
            context.fields, config.width, config.most_values, "pep.most_values", "set pep.width"
        )
        table = ThresholdedTable(context, config.form, config.width, config.start)
        initial = table.table.weight.detach().clone()
        model = context.build_model(table)
        epochs = config.epochs or context.train_config.epochs
        steps = epochs * max(1, len(context.train) // config.batch_size)
        optimizer = make_optimizer(model, table.thresholds, config, steps)
        ladder = Ladder(table.table.weight.numel())
        traced_every = config.count_every * max(1, steps // (config.count_every * _TRACED_POINTS))
        step = 0
        for epoch in range(1, epochs + 1):
            model.train()
            for ids, labels in context.train.batches(
                config.batch_size, device=context.device, shuffle=context.generator
            ):
                if step % config.count_every == 0:
                    left = ladder.note(table.magnitudes())
                    if step % traced_every == 0:
                        context.trace("share of values left", step, left)
                if ladder.is_done:
                    break
                optimizer.zero_grad(set_to_none=True)
                logits = model(ids)
                logits.backward(cross_entropy_gradient(logits.detach(), labels))
                nn.utils.clip_grad_norm_(model.parameters(), config.clip)
                optimizer.step()
                step += 1
            context.trace("mean threshold", epoch, float(table.thresholds.detach().mean()))
            validation = auc(context.validation.labels, predict(model, context.validation))
            context.trace("validation_auc", epoch, validation)
            context.progress("pruning epoch", epoch, epochs)
            if ladder.is_done:
                break
        return Pruned(initial, ladder.snapshots(table.magnitudes()))

    def search(self, context: Context, prepared: Pruned) -> Allocation:
        """Trim the smallest snapshot that the budget does not hold.

        Raises:
            ConfigError: the budget does not hold the largest value and its index.
        """
        fields, budget = context.fields, context.budget_or(self.config.keep)
        chosen = prepared.snapshots[0].ranking(fields)
        for snapshot in reversed(prepared.snapshots):
            ranking = snapshot.ranking(fields)
            if ranking.largest(len(snapshot.places)).memory_parameters >= budget:
                chosen = ranking
                break
        found = chosen.within(budget, "pep")
        shares = [
            kept / (rows * self.config.width)
            for kept, rows in zip(found.field_parameters, found.field_rows, strict=True)
        ]
        context.trace("share of values kept", 0, shares)
        return found

    def inherit(
        self, context: Context, prepared: Pruned, allocation: Allocation, model: Backbone
    ) -> None:
        """Start the retraining from the values that the table had before it was pruned.

        As the public code does by default; everything else starts afresh there, too.
        """
        if not isinstance(model.embedding, MixedEmbedding):
            raise ConfigError("pep hands its initial table to the embedding of an allocation only")
        for field, own in enumerate(prepared.initial.split(allocation.field_rows)):
            model.embedding.set_vectors(field, own)  # Its mask leaves out what was pruned.


class Ladder:
    """Keeps the last state before each share of the ladder was reached.

    Attributes:
        is_done: whether the last one was reached.
    """

    def __init__(self, values: int) -> None:
        self._values, self._targets = values, list(LADDER)
        self._before: Tensor | None = None
        self._kept: list[Snapshot] = []

    @property
    def is_done(self) -> bool:
        """Whether fewer values are left than any target."""
        return not self._targets

    def note(self, magnitudes: Tensor) -> float:
        """Take the state of a step, and return the share of the values that is left."""
        left = int(magnitudes.count_nonzero()) / self._values
        before, self._before = self._before, magnitudes
        reached = [target for target in self._targets if left < target]
        if reached:
            self._targets = self._targets[len(reached) :]
            if before is not None:
                self._kept.append(Snapshot.of(before))
        return left

    def snapshots(self, last: Tensor) -> tuple[Snapshot, ...]:
        """Return what was kept; also the last state, where the ladder was not climbed down."""
        if not self.is_done or not self._kept:
            self._kept.append(Snapshot.of(last))
        return tuple(self._kept)


def make_optimizer(
    model: nn.Module, thresholds: nn.Parameter, config: PEPConfig, steps: int
) -> torch.optim.Adam:
    """Return dense Adam with coupled decay on everything, the thresholds at a rate of their own.

    Args:
        model: whose tables get dense gradients.
        thresholds: among its parameters.
        config: the settings.
        steps: that are planned.
    """
    return dense_adam(
        model,
        learning_rate=config.learning_rate,
        decay=config.decay,
        apart=thresholds,
        rate_apart=config.threshold_learning_rate or -_PACE * config.start / steps,
    )
