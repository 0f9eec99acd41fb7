"""DimGrow: every field starts with one dimension, and grows while all it has are of use.

arXiv:2505.12683 (2025). Its code was read, ``goldenNormal/Autogrow`` (2bdd62c6),
``models/fs/shuffle_dim.py`` and ``common/fs_trainer.py``, not its full text. There is no supernet:
a field of size d costs what size d costs.

The search, in the order of that code:

1. Each field has d_i = 1 active columns of a table. The active columns of all fields lie side by
   side, x (batch, sum d_i).
2. Shuffle gates. x' is x with each column permuted on its own within the batch, without gradient;
   x* = g x + (1 - g) x' with g = sigmoid(5 theta), a theta per column, 0 at first. A closed gate
   leaves a column its distribution and takes its information.
3. x* W, with W (sum d_i, 64) and no bias, enters the backbone.
4. Each step: a train batch moves tables, W and backbone by the cross-entropy; a validation batch
   moves theta by the cross-entropy plus the mean over active columns of 0.1 w g_k / k, where k is a
   column's number in its field. All by Adam, 1e-3.
5. Then, field by field: where all active gates are above .6, the field grows by a column; where the
   least is below .01 and there are several, its last column goes (and is kept for growing again).
6. After each epoch the validation AUC; training stops after two epochs without a better one, and
   the best state is kept. d_i = the number of active columns with theta > 0; of none the field is
   left out.

theta moves by at most 1e-3 a step: a gate needs 81 steps to reach .6 and 919 to reach .01, so that
few epochs of few steps change nothing. Hence batches of 256 for all data, theirs for ML-1M.

Bugs of that code that this one does not have:

- at the first growth its table optimizer is built anew over *all* parameters of the search, so that
  theta descends on train, too, and each growth loses Adam's moments. Here theta is validation's
  alone, and moments stay: each column is a parameter of its own, which joins the optimizer.
- validation shuffles anew each time, so that the AUC which stops it is noisy. Here it shuffles
  alike in every epoch.
- columns that went, but whose theta is above 0, count in d_i. Here active ones do.
- Adam's momentum moves theta of a column after it went. Here it stays as it was.

Deviations:

- The backbone is the run's, as it is retrained, not Wide&Deep with 32-16, batch normalisation and
  dropout. The wide part of ours has a first-order weight per value, which a field keeps when its
  vector is left out. DeepFM's pairs have nothing to pair: its vectors enter as one.
- The retraining is the benchmark's: vectors side by side or through its transform, where theirs has
  a dense layer to width 64 with a bias.
- ``budget`` there limits the sum of d_i (1000, never reached). Here a run's budget limits embedding
  parameters, sum n_i d_i: a field grows only while it fits.
- A field of several values has their mean for a vector. Where no theta at all is above 0 the field
  whose theta is largest keeps one dimension, since a model needs one.
- ``snapped`` takes the nearest candidate by its logarithm; over a budget the largest table goes
  down until it fits.

Not verified: the full text, where the penalty may be alpha * sum g (second hand).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import rankdata
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, embedding

from aesbench import (
    AesbenchError,
    Allocation,
    Context,
    Field,
    FieldEmbedding,
    Method,
    Range,
    Split,
    require,
)

TRACED_POINTS = 200


@dataclass(frozen=True)
class DimGrowConfig:
    """The settings of DimGrow; those of the public code for ML-1M, unless noted.

    Attributes:
        max_dim: the most columns of a field.
        width: of what enters the backbone.
        penalty: w; .1 for ML-1M, .02 for Criteo, .005 for Avazu.
        temperature: of the gates.
        grow, shrink: the thresholds of a field's gates.
        learning_rate: of everything.
        batch_size: of train and validation batches; 256 for ML-1M, 2048 for the others.
        epochs: the most passes over train; ours.
        patience: epochs without a better validation AUC.
        table_std: of new columns of tables, and of rows of W.
        snap: whether sizes are rounded to candidates; ours.
    """

    max_dim: int = 16
    width: int = 64
    penalty: float = 0.1
    temperature: float = 5.0
    grow: float = 0.6
    shrink: float = 0.01
    learning_rate: float = 1e-3
    batch_size: int = 256
    epochs: int = 20
    patience: int = 2
    table_std: float = 0.01
    snap: bool = False

    def __post_init__(self) -> None:
        for name in ("max_dim", "width", "epochs", "patience"):
            require(getattr(self, name) >= 1, f"dimgrow.{name}", getattr(self, name), "at least 1")
        require(self.batch_size >= 2, "dimgrow.batch_size", self.batch_size, "at least 2")
        require(self.penalty >= 0, "dimgrow.penalty", self.penalty, "at least 0")
        for name in ("temperature", "learning_rate", "table_std"):
            require(getattr(self, name) > 0, f"dimgrow.{name}", getattr(self, name), "above 0")
        is_between = 0 <= self.shrink < self.grow <= 1
        require(is_between, "dimgrow.grow", self.grow, f"above shrink, {self.shrink}, at most 1")


class ShuffleGates(FieldEmbedding):
    """The fields' active columns, gated by shuffling, mapped to one vector.

    Attributes:
        dims: d_i, how many columns of each field are active, the first ones; changed as it grows.
        columns: of each field every column that ever was, ``(cardinality, 1)``.
        weight: of each field their rows of W, ``(1, width)``.
        theta: (fields, max_dim).
        shuffle: a CPU generator of the permutations.
    """

    def __init__(
        self, fields: Sequence[Field], config: DimGrowConfig, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.config, self.shuffle, self._generator = config, generator, generator
        self.dims = [0] * len(fields)
        self._ids = [field.columns for field in fields]
        self._rows = [field.cardinality for field in fields]
        self.columns = nn.ModuleList(nn.ParameterList() for _ in fields)
        self.weight = nn.ModuleList(nn.ParameterList() for _ in fields)
        self.theta = nn.Parameter(torch.zeros(len(fields), config.max_dim))
        self.widths = (config.width,)
        for field in range(len(fields)):
            self.grow(field)

    def forward(self, ids: Tensor) -> Tensor:
        """Map ``ids (batch, columns)`` to one vector ``(batch, width)``."""
        of_fields = zip(ids.split(self._ids, 1), self.columns, self.dims, strict=True)
        parts = [_mean(own, one) for own, all_, dim in of_fields for one in list(all_)[:dim]]
        x = torch.cat(parts, 1)  # (batch, sum of dims)
        gates = self.gates()[self.active()]  # Row by row: in the columns' order.
        weight = torch.cat(
            [one for all_, dim in zip(self.weight, self.dims, strict=True) for one in all_[:dim]]
        )
        mixed = gates * x + (1 - gates) * shuffled(x.detach(), self.shuffle)
        return mixed @ weight

    def gates(self) -> Tensor:
        """Return g ``(fields, max_dim)``, of inactive columns too."""
        return torch.sigmoid(self.config.temperature * self.theta)

    def price(self) -> Tensor:
        """Return the mean over active columns of 0.1 w g_k / k."""
        places = 1 + torch.arange(self.config.max_dim, device=self.theta.device)
        prices = 0.1 * self.config.penalty * self.gates() / places
        return prices[self.active()].mean()

    def active(self) -> Tensor:
        """Return which columns are active, ``(fields, max_dim)``."""
        places = torch.arange(self.config.max_dim, device=self.theta.device)
        return places < torch.tensor(self.dims, device=self.theta.device)[:, None]

    def grow(self, field: int) -> list[nn.Parameter]:
        """Give a field one column more; return what is new, nothing if it was there before."""
        self.dims[field] += 1
        if self.dims[field] <= len(self.columns[field]):
            return []
        shapes = (self._rows[field], 1), (1, self.config.width)
        homes, new = (self.columns[field], self.weight[field]), []
        for home, shape in zip(homes, shapes, strict=True):
            drawn = torch.empty(shape).normal_(0, self.config.table_std, generator=self._generator)
            home.append(nn.Parameter(drawn.to(self.theta.device)))
            new.append(home[-1])
        return new

    def change_dims(self, budget: int | None) -> list[nn.Parameter]:
        """Let fields grow or shrink by one column, as their gates are; return what is new."""
        used = sum(n * dim for n, dim in zip(self._rows, self.dims, strict=True))
        gates = self.gates().detach().cpu()
        new: list[nn.Parameter] = []
        for field, n in enumerate(self._rows):
            dim, own = self.dims[field], gates[field, : self.dims[field]]
            fits = budget is None or used + n <= budget
            if (own > self.config.grow).all() and dim < self.config.max_dim and fits:
                new += self.grow(field)
                used += n
            elif own.min() < self.config.shrink and dim > 1:
                self.dims[field] -= 1
                used -= n
        return new

    def sizes(self) -> list[int]:
        """Return d_i: the active columns with theta above 0, of one field one if there are none."""
        counts = ((self.theta > 0) & self.active()).sum(1).tolist()
        if not any(counts):
            counts[int(self.theta.detach()[:, 0].argmax())] = 1
        return counts


class DimGrow(Method):
    """Sizes that grow from one, without a supernet."""

    name = "dimgrow"
    title = "DimGrow"
    family = "pruning"
    titles = {"snapped": "DimGrow (snapped)"}
    Config = DimGrowConfig
    config: DimGrowConfig
    honours_budget = True
    drops_fields = True
    presets = {"": {}, "snapped": {"snap": True}, "quick": {"epochs": 1}}
    default_presets = ("",)
    space = {"penalty": Range(0.001, 1.0, log=True), "learning_rate": Range(1e-4, 1e-2, log=True)}

    def search(self, context: Context, prepared: None) -> Allocation:
        """Return the sizes of the epoch with the best validation AUC.

        Raises:
            AesbenchError: the budget is below size 1 for every field, where it starts.
        """
        config, rows = self.config, [field.cardinality for field in context.fields]
        if context.budget is not None and sum(rows) > context.budget:
            raise AesbenchError(
                f"dimgrow cannot meet a budget of {context.budget} embedding parameters: it starts"
                f" with size 1 for every field, which takes {sum(rows)}; raise --budget"
            )
        grown = ShuffleGates(context.fields, config, context.generator)
        model = context.build_model(grown)
        for module in model.modules():
            if isinstance(module, nn.Embedding):
                module.sparse = False  # The first-order weights': torch's Adam takes no others.
        others = [own for own in model.parameters() if own is not grown.theta]
        of_weights = torch.optim.Adam(others, lr=config.learning_rate)
        of_gates = torch.optim.Adam([grown.theta], lr=config.learning_rate)
        validation = _endless(context.validation, config.batch_size, context)
        best, best_auc, since, step = grown.sizes(), -1.0, 0, 0
        steps = config.epochs * max(1, len(context.train) // config.batch_size)
        for _ in range(config.epochs):
            model.train()
            for ids, labels in _batches(context.train, config.batch_size, context):
                step += 1
                of_weights.zero_grad()
                _loss(model, ids, labels).backward()
                of_weights.step()
                self._move_gates(model, grown, of_gates, *next(validation))
                if new := grown.change_dims(context.budget):
                    of_weights.add_param_group({"params": new})
                if step % max(1, steps // TRACED_POINTS) == 0:
                    context.trace("active columns", step, grown.dims)
                    context.trace("theta above 0", step, grown.sizes())
            auc = self._auc(context, model, grown)
            context.trace("validation_auc", step, auc)
            context.progress("search step", step, steps)
            since += 1
            if auc > best_auc:
                best, best_auc, since = grown.sizes(), auc, 0
            if since >= config.patience:
                break
        if config.snap:
            best = _snapped(best, context)
        return Allocation.field_wise(context.fields, best)

    def _move_gates(
        self,
        model: nn.Module,
        grown: ShuffleGates,
        optimizer: torch.optim.Optimizer,
        ids: Tensor,
        labels: Tensor,
    ) -> None:
        """Descend theta, and nothing else, on a validation batch; of active columns only."""
        theta, before = grown.theta, grown.theta.detach().clone()
        loss = _loss(model, ids, labels) + grown.price()
        (theta.grad,) = torch.autograd.grad(loss, theta)
        optimizer.step()
        with torch.no_grad():
            theta.copy_(theta.where(grown.active(), before))  # Momentum moves the others.

    def _auc(self, context: Context, model: nn.Module, grown: ShuffleGates) -> float:
        """Return the validation AUC, shuffled alike every time."""
        drawn, grown.shuffle = grown.shuffle, torch.Generator().manual_seed(0)
        model.eval()
        with torch.no_grad():
            batches = context.validation.batches(4096, device=context.device)
            logits = torch.cat([model(ids) for ids, _ in batches]).cpu().numpy()
        grown.shuffle = drawn
        return area_under_curve(context.validation.labels, logits)


def shuffled(x: Tensor, generator: torch.Generator) -> Tensor:
    """Return ``x (batch, columns)`` with each column permuted on its own."""
    order = torch.rand(x.shape, generator=generator).argsort(0)
    return x.gather(0, order.to(x.device))


def area_under_curve(labels: np.ndarray, scores: np.ndarray) -> float:
    """Return the AUC: the Mann-Whitney statistic, ties counting half."""
    positive = labels.astype(bool)
    ones, zeros = int(positive.sum()), int((~positive).sum())
    ranks = rankdata(scores)
    return float((ranks[positive].sum() - ones * (ones + 1) / 2) / (ones * zeros))


def _mean(ids: Tensor, column: Tensor) -> Tensor:
    """Return the mean value ``(batch, 1)`` of a field's ids ``(batch, ids)``; -1 is none."""
    inside = (ids >= 0).float()
    found = embedding(ids.clamp(min=0), column).squeeze(2)  # (batch, ids)
    return (found * inside).sum(1, keepdim=True) / inside.sum(1, keepdim=True).clamp(min=1)


def _loss(model: nn.Module, ids: Tensor, labels: Tensor) -> Tensor:
    return binary_cross_entropy_with_logits(model(ids), labels)


def _batches(split: Split, size: int, context: Context) -> Iterator[tuple[Tensor, Tensor]]:
    return split.batches(size, device=context.device, shuffle=context.generator)


def _endless(split: Split, size: int, context: Context) -> Iterator[tuple[Tensor, Tensor]]:
    while True:
        yield from _batches(split, size, context)


def _snapped(dims: Sequence[int], context: Context) -> list[int]:
    """Return sizes as the nearest candidates by their logarithms, 0 as it is.

    Over the budget the largest table goes down, a candidate at a time, in the end to 0.
    """
    rows = [field.cardinality for field in context.fields]
    sizes = [size for size in context.candidates if size]
    found = [min(sizes, key=lambda size: abs(np.log2(size / dim))) if dim else 0 for dim in dims]
    budget = context.budget or sum(rows) * sizes[-1]
    while sum(n * dim for n, dim in zip(rows, found, strict=True)) > budget:
        largest = max(range(len(rows)), key=lambda field: rows[field] * found[field])
        found[largest] = max((size for size in sizes if size < found[largest]), default=0)
    return found if any(found) else list(dims)
