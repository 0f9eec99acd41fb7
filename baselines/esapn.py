"""ESAPN: a policy network enlarges the sizes of fields, rewarded by the fall of the loss.

Liu, Zhao, Wang, Liu, Tang: "Automated Embedding Size Search in Deep Recommender Systems" (SIGIR
2020), and its authors' code ``zgahhblhc/ESAPN``, ``model/train.py``.

Everything starts at the smallest size and only ever grows (hard selection). A policy network keeps
a size or enlarges it to the next candidate. A vector of size d_k passes a chain of linear layers

    d_k -> d_(k+1) -> ... -> d_T,   then batch normalisation and tanh,

and a row that is enlarged starts as W_k e + b, W_k and b being the chain's layer behind its old
size. Policy and model learn in turn: actions are sampled and tried out on some rows, the reward is
the fall of the loss below the mean of its last five values, and the log-probability of the actions
is moved in its proportion (REINFORCE); then the sizes the policy now prefers are committed and
train batches move the model. The original decides for each value of two id fields, in a stream.

Two presets:

- The bare name decides for fields. It is what AdaS&S compares with (its section 4.2); of that form
  no code is public.
- ``value`` decides by popularity, as the original does: the values of a field whose train counts
  lie between one power of two and the next are one unit (``aesbench.search.units``), a contiguous
  ``Block`` of ids. Each has a size, a loss, which is the mean over the rows that show it, and an
  advantage of its own. The policy learns from the previous train batch, as in the code.

What to expect: nothing. **The published reward says nothing about sizes, by construction.** A fresh
row W_k e + b arrives at the end of the chain exactly where e did, so the loss right after enlarging
is the loss before it, to rounding, for a field and for values alike (``tests/baselines/
test_esapn.py``); zeros appended to a vector are as neutral. The advantage then is the same whatever
is done, and its expected policy gradient is zero: the policy drifts by chance, and towards the
action that it takes most often as long as the loss falls. In the authors' code the two actions
differ by an accident: each candidate is normalised by the statistics of all the batch's rows in
that candidate's table, most of which are not in use there. So the row of this method in a table is
a control, a search that learns from no signal, and not a measure of what its authors' system does
in a stream.

Deviations:

- Per field. The policy's state is the size, one-hot, with a learnt vector, log number of values,
  log mean train count and a moving average of the loss (``aesbench.search.controller``). Enlarging
  copies the field's whole table, or the unit's rows. All fields share one reward.
- Popularity. In the stream it is the count so far; here that of the train split, known beforehand.
- Decisions. A value of the original is decided upon whenever it occurs, some hundred times. A unit
  occurs in every batch and would be enlarged to the end within T batches, before anything is
  learnt; decisions are due ``decisions_per_epoch`` times, but ``least_interval`` batches apart.
- The preference for keeping starts higher by ``keep_bias``, for the same reason.
- Rows of fields are held out (``rows="validation"``); the code takes the previous train batch.
- Faults of the code not repeated: its exploration overwrites real rows, because restoring them only
  re-assigns a name (here the rows are put back); a value at the largest size still moves the
  policy towards keeping (here it does not count); Adam's moments of a fresh row are those of its
  old value (here they are zeroed); its rewards have no baseline by default and fail with
  two fields (here the mean of the last five losses, an option there).
- Selection: the sizes at the end of the epoch with the best validation AUC. It is measured with
  batch statistics, as the code never leaves training mode. Running ones lag behind the scale of the
  vectors at the end of a chain: with them, on generated data, two of the first four epochs scored
  .60 and .66 where batch statistics give .71 and .78.
- ``unify``. Where the run retrains by plain concatenation, and fields have sizes, vectors are
  padded with zeros to the largest size, without normalisation and tanh: the model of the present
  sizes is then the one that is retrained. Otherwise the chain unifies them.
"""

from __future__ import annotations

import copy
import math
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    one_hot,
    pad,
)

from aesbench import Allocation, Context, Method
from aesbench.core.metrics import auc
from aesbench.core.search_space import Range
from aesbench.core.settings import require, require_int
from aesbench.models.backbones import Backbone
from aesbench.models.embedding import FieldEmbedding
from aesbench.models.optimizer import ModelAdam, RowSparseAdam
from aesbench.models.training import predict, step
from aesbench.search.bilevel import Batch, BilevelBatches, Patience
from aesbench.search.blocks import allocation_of
from aesbench.search.candidates import CandidateTables
from aesbench.search.controller import Controller
from aesbench.search.inheritance import inherit_chosen_tables
from aesbench.search.units import (
    Units,
    UnitsOfIds,
    field_means,
    fields_as_units,
    popularity_units,
)

KEEP, ENLARGE = 0, 1
_EPSILON = 1e-5  # of batch normalisation, torch's default
_OPTIONS = {
    "rows": ("validation", "previous"),
    "unify": ("run", "chain", "padding"),
    "sizes_of": ("fields", "values"),
}


@dataclass(frozen=True)
class ESAPNConfig:
    """The settings of ESAPN.

    Attributes:
        rows: which the policy learns from: of the ``validation`` split (ours), or those of the
            ``previous`` train batch (public code).
        epochs: the most passes over the train split; ours.
        patience: epochs without a better validation AUC before the search stops; ours.
        decisions_per_epoch: how often the policy learns and decides in an epoch; ours.
        least_interval: train batches between two decisions, at least; ours.
        policy_learning_rate: Adam's, for the policy; 1e-4, public code.
        keep_bias: added to the initial logit of keeping a size; ours.
        last_losses: over how many losses the reward's baseline averages; 5, public code.
        loss_decay: how much of the moving average of the loss stays at each decision; ours.
        unify: how vectors of all sizes get one width: by the ``chain`` of linear layers (public
            code), by zero ``padding``, or by whichever is nearer to how the ``run`` retrains.
        sizes_of: ``fields``, as AdaS&S compares with, or ``values``, as in the paper.
        whole_up_to: with sizes of values, fields of at most so many values have one size; 200, as
            the threshold of MDE.
    """

    rows: Literal["validation", "previous"] = "validation"
    epochs: int = 8
    patience: int = 2
    decisions_per_epoch: int = 20
    least_interval: int = 20
    policy_learning_rate: float = 1e-4
    keep_bias: float = 1.0
    last_losses: int = 5
    loss_decay: float = 0.9
    unify: Literal["run", "chain", "padding"] = "run"
    sizes_of: Literal["fields", "values"] = "fields"
    whole_up_to: int = 200

    def __post_init__(self) -> None:
        for name in (
            *("epochs", "patience", "decisions_per_epoch", "least_interval", "last_losses"),
            "whole_up_to",
        ):
            require_int(getattr(self, name), f"esapn.{name}", 1)
        rate = self.policy_learning_rate
        require(rate > 0, "esapn.policy_learning_rate", rate, "above 0")
        require(0 <= self.loss_decay < 1, "esapn.loss_decay", self.loss_decay, "from 0 below 1")
        for name, options in _OPTIONS.items():
            chosen = getattr(self, name)
            require(chosen in options, f"esapn.{name}", chosen, " or ".join(options))

    def interval(self, steps_per_epoch: int) -> int:
        """Return the train batches between two decisions."""
        return max(self.least_interval, steps_per_epoch // self.decisions_per_epoch)

    def pads(self, unification: str) -> bool:
        """Return whether vectors are padded with zeros where a run retrains with a unification.

        Not where values have sizes: a field of several is retrained with linear layers in any case.
        """
        follows = self.unify == "run" and self.sizes_of == "fields"
        return self.unify == "padding" or (follows and unification == "plain")


class ESAPN(Method):
    """A policy that keeps or enlarges, one decision per field or popularity at a time.

    It takes no budget: nothing in its objective counts parameters.
    """

    name = "esapn"
    title = "ESAPN"
    family = "search"
    titles = {"value": "ESAPN (values)"}
    Config = ESAPNConfig
    presets = {
        "value": {"sizes_of": "values", "rows": "previous"},
        "quick": {"epochs": 2, "least_interval": 2},
    }
    space = {
        "decisions_per_epoch": (10, 20, 40),
        "policy_learning_rate": Range(1e-5, 1e-2, log=True),
        "keep_bias": Range(0.0, 3.0),
    }

    def search(self, context: Context, prepared: None) -> Allocation:
        """Train policy and model in turn; return the sizes of the best epoch."""
        config: ESAPNConfig = self.config
        protocol = context.train_config
        units = fields_as_units(context.fields)
        if config.sizes_of == "values":
            units = popularity_units(context.fields, config.whole_up_to + 1)
        embedding = ChosenSizes(
            CandidateTables(
                context.fields,
                context.candidates,
                scheme="independent",
                table_std=protocol.table_std,
                generator=context.generator,
            ),
            units,
            context.generator,
            padded=config.pads(context.unification),
        )
        model = self.model = context.build_model(embedding)
        optimizer = ModelAdam(model, learning_rate=protocol.learning_rate, l2=protocol.l2)
        policy = Policy(context, config, units)
        steps_per_epoch = max(1, len(context.train) // protocol.batch_size)
        batches = BilevelBatches(
            context.train,
            context.validation if config.rows == "validation" else None,
            protocol.batch_size,
            epochs=config.epochs,
            every=config.interval(steps_per_epoch),
            device=context.device,
            generator=context.generator,
            progress=context.progress,
        )
        candidates = torch.tensor(context.candidates, dtype=torch.float32)
        patience = Patience(config.patience)
        sizes_after: list[list[int]] = []
        for _ in range(config.epochs):
            model.train()
            for (ids, labels), rows in batches.epoch():
                if rows is not None:
                    advantage = policy.explore(model, rows)
                    embedding.enlarge(policy.preferred(embedding.sizes), optimizer.tables)
                    policy.remember(losses_of(model, rows))
                    shown = {
                        "dimension": candidates[embedding.sizes],
                        "enlarge_probability": policy.enlarging,
                        "advantage": advantage,
                        "upper_loss": policy.mean_losses,
                    }
                    for name, values in shown.items():
                        context.trace(name, batches.step, field_means(units, values).tolist())
                step(model, optimizer, ids, labels)
            current = auc(context.validation.labels, predict(model, context.validation))
            context.trace("validation_auc", batches.step, current)
            sizes_after.append(list(embedding.sizes))
            if patience.is_over(current):
                break
        best = sizes_after[patience.best_epoch - 1]
        return allocation_of(
            context.fields,
            [unit.rows for unit in units],
            [context.candidates[size] for size in best],
        )

    def inherit(
        self, context: Context, prepared: None, allocation: Allocation, model: Backbone
    ) -> None:
        """Start the retraining from the searched tables and first order; it has no chain.

        A size that was left again after the best epoch keeps the vectors it had when it was left.
        """
        inherit_chosen_tables(model, self.model, allocation)


class ChosenSizes(FieldEmbedding):
    """Each unit's vector in its present size, mapped through the rest of the chain.

    Normalisation takes the statistics of the batch at hand, also where the model is evaluated.
    Padded vectors are neither mapped nor normalised: they are those of the retrained model.

    Attributes:
        sizes: the number of each unit's present size.
        units: what has a size: fields, or the equally popular values of one.
    """

    def __init__(
        self,
        tables: CandidateTables,
        units: Units,
        generator: torch.Generator,
        *,
        padded: bool = False,
    ) -> None:
        """Start with the smallest size everywhere.

        Args:
            tables: of the fields and sizes.
            units: in the order of the fields and of their ids.
            generator: draws the initial values of the chain.
            padded: put zeros in the place of the chain, and leave out what follows it.
        """
        super().__init__()
        fields, dims = len(tables.fields), tables.candidates
        self.normalised = not padded
        self.widths = (dims[-1],) * fields
        self.tables, self.units = tables, units
        self.sizes = [0] * len(units)
        self.unit_of = UnitsOfIds(tables.fields, units)
        self.chain = nn.ModuleList(
            PaddingLink(next_dim - dim) if padded else ChainLink(fields, dim, next_dim, generator)
            for dim, next_dim in zip(dims, dims[1:], strict=False)
        )
        self._rows: list[slice] = []  # Of each unit, in its field.
        for number, unit in enumerate(units):
            is_next = number > 0 and units[number - 1].field == unit.field
            start = self._rows[-1].stop if is_next else 0
            self._rows.append(slice(start, start + unit.rows))

    def forward(self, ids: Tensor) -> Tensor:
        """Map ``ids (batch, columns)`` to ``(batch, fields * largest size)``."""
        sizes = torch.tensor(self.sizes, device=ids.device)[self.unit_of(ids)].t()
        every, dims = range(len(self.widths)), self.tables.candidates
        vectors = torch.zeros(len(every), len(ids), dims[0], device=ids.device)
        for size in range(len(dims)):
            if size:
                vectors = self.chain[size - 1](vectors, every)  # (fields, batch, size)
            present = zip(self.units, self.sizes, strict=True)
            own = sorted({unit.field for unit, chosen in present if chosen == size})
            if own:
                numbers = torch.tensor(own, device=ids.device)
                found = self.tables.look_up(ids, size, own).transpose(0, 1)
                has_it = (sizes[numbers] == size).unsqueeze(2)  # (own, batch, 1)
                found = torch.where(has_it, found, vectors[numbers])
                vectors = vectors.index_copy(0, numbers, found)
        joined = vectors.transpose(0, 1).flatten(1)  # (batch, fields * largest size)
        if not self.normalised:
            return joined
        variance, mean = torch.var_mean(joined, dim=0, correction=0)
        return torch.tanh((joined - mean) * torch.rsqrt(variance + _EPSILON))

    @torch.no_grad()
    def enlarge(self, units: Sequence[int], optimizer: RowSparseAdam | None = None) -> None:
        """Give units their next size; its rows start as W_k e + b.

        Args:
            units: their numbers; none is at the largest size.
            optimizer: of the tables; it forgets what it knew of the overwritten rows.
        """
        for unit in units:
            field, size, own = self.units[unit].field, self.sizes[unit], self._rows[unit]
            rows = self.tables.weight(field, size)[None, own]  # (1, rows, size)
            self.tables.weight(field, size + 1)[own] = self.chain[size](rows, [field])[0]
            if optimizer is not None:
                first = self.tables.rows(field).start
                moved = slice(first + own.start, first + own.stop)
                optimizer.forget(self.tables.table(size + 1).weight, moved)
            self.sizes[unit] = size + 1

    @contextmanager
    def enlarged(self, units: Sequence[int]) -> Iterator[None]:
        """Enlarge units for a while: sizes and the rows that were overwritten are given back."""
        sizes = list(self.sizes)
        targets = [
            self.tables.weight(self.units[unit].field, sizes[unit] + 1).detach()[self._rows[unit]]
            for unit in units
        ]
        overwritten = [target.clone() for target in targets]
        self.enlarge(units)
        try:
            yield
        finally:
            self.sizes = sizes
            for target, rows in zip(targets, overwritten, strict=True):
                target.copy_(rows)


class ChainLink(nn.Module):
    """The linear layers, one per field, from a size to the next."""

    def __init__(self, fields: int, inputs: int, outputs: int, generator: torch.Generator) -> None:
        super().__init__()
        bound = inputs**-0.5  # As all linear layers of the harness start.
        self.weight = nn.Parameter(
            torch.empty(fields, inputs, outputs).uniform_(-bound, bound, generator=generator)
        )
        self.bias = nn.Parameter(
            torch.empty(fields, 1, outputs).uniform_(-bound, bound, generator=generator)
        )

    def forward(self, vectors: Tensor, fields: Sequence[int]) -> Tensor:
        """Map the vectors ``(fields, batch, inputs)`` of these fields to the next size."""
        chosen = torch.tensor(fields, device=vectors.device)
        weight, bias = self.weight.index_select(0, chosen), self.bias.index_select(0, chosen)
        return torch.baddbmm(bias, vectors, weight)


class PaddingLink(nn.Module):
    """What takes a link's place where nothing is mapped: so many more components, all zero."""

    def __init__(self, zeros: int) -> None:
        super().__init__()
        self.zeros = zeros

    def forward(self, vectors: Tensor, fields: Sequence[int]) -> Tensor:
        """Append the zeros to vectors ``(fields, batch, inputs)``."""
        return pad(vectors, (0, self.zeros))


class Policy:
    """The policy network, what it has seen of the loss, and how it learns.

    Attributes:
        losses: of each unit the last ones with committed sizes, of batches that showed it.
        mean_losses: (units,) their moving averages.
        enlarging: (units,) the probability of enlarging each, when it last decided.
    """

    def __init__(self, context: Context, config: ESAPNConfig, units: Units) -> None:
        self._sizes = len(context.candidates)
        self._generator = context.generator
        self._device = context.device
        network = Controller(units, self._sizes + 1, 2, context.generator)
        with torch.no_grad():
            network.output.bias[KEEP] += config.keep_bias
        self.network = network.to(context.device)
        rate = config.policy_learning_rate
        self._optimizer = ModelAdam(self.network, learning_rate=rate, l2=0.0)
        self._decay = config.loss_decay
        self.mean_losses = torch.ones(len(units))  # Where the losses of the public code start.
        self.losses = [deque[float](maxlen=config.last_losses) for _ in units]
        self.enlarging = torch.zeros(len(units))

    def logits(self, sizes: Sequence[int]) -> Tensor:
        """Return ``(units, 2)``, to keep and to enlarge; for the largest size, to keep only."""
        state = one_hot(torch.tensor(sizes, device=self._device), self._sizes).float()
        loss = self.mean_losses.to(self._device).unsqueeze(1)
        logits: Tensor = self.network(torch.cat([state, loss], dim=1))
        forbidden = torch.zeros_like(logits, dtype=torch.bool)
        forbidden[:, ENLARGE] = state[:, -1] == 1
        return logits.masked_fill(forbidden, -torch.inf)

    def explore(self, model: Backbone, batch: Batch) -> Tensor:
        """Try sampled actions out, learn from them and return the advantages; the model stays.

        A copy is tried out, but for its tables, which would be gigabytes: what is overwritten in
        them is a few units' rows, and is put back.
        """
        embedding = model.embedding
        logits = self.logits(embedding.sizes)
        probabilities = logits.detach().softmax(dim=1).cpu()
        actions = torch.multinomial(probabilities, 1, generator=self._generator).squeeze(1)
        tables = [m.weight for m in model.modules() if isinstance(m, nn.Embedding)]
        explored = copy.deepcopy(model, {id(table): table for table in tables})
        with explored.embedding.enlarged(actions.nonzero().squeeze(1).tolist()):
            advantages = self.advantages(losses_of(explored, batch))
        loss = policy_loss(logits, actions.to(logits.device), advantages.to(logits.device))
        self._optimizer.zero_grad()
        loss.backward()
        self._optimizer.step()
        return advantages

    def advantages(self, losses: Sequence[float]) -> Tensor:
        """Return how far each unit's loss lies below the mean of its last ones, ``(units,)``.

        It is (1 - loss) - (1 - mean), the reward less its baseline; 0 where there is no loss.
        """
        return torch.tensor(
            [
                sum(last) / len(last) - loss if last and math.isfinite(loss) else 0.0
                for last, loss in zip(self.losses, losses, strict=True)
            ]
        )

    @torch.no_grad()
    def preferred(self, sizes: Sequence[int]) -> list[int]:
        """Return the units that are more likely enlarged than kept."""
        self.enlarging = self.logits(sizes).softmax(dim=1)[:, ENLARGE].cpu()
        return (self.enlarging > 0.5).nonzero().squeeze(1).tolist()

    def remember(self, losses: Sequence[float]) -> None:
        """Note the losses ``(units,)`` of a batch with committed sizes."""
        for unit, loss in enumerate(losses):
            if math.isfinite(loss):
                self.losses[unit].append(loss)
                self.mean_losses[unit] += (1 - self._decay) * (loss - self.mean_losses[unit])


def policy_loss(logits: Tensor, actions: Tensor, advantages: Tensor) -> Tensor:
    """Return the sum over units of -log pi(action) times the advantage.

    A unit at the largest size adds neither loss nor gradient: it has nothing to decide.

    Args:
        logits: (units, 2); minus infinity where an action is forbidden.
        actions: (units,) ``KEEP`` or ``ENLARGE``.
        advantages: (units,) of the actions.
    """
    free = torch.isfinite(logits).all(dim=1)
    each = cross_entropy(logits[free], actions[free], reduction="none")
    return (each * advantages[free]).sum()


@torch.no_grad()
def losses_of(model: Backbone, batch: Batch) -> list[float]:
    """Return each unit's cross-entropy, the mean over its rows of a batch; nan if it has none.

    Of a field with one size that is the mean over the batch.
    """
    ids, labels = batch
    losses = binary_cross_entropy_with_logits(model(ids), labels, reduction="none")
    embedding = model.embedding
    units = embedding.unit_of(ids)  # (batch, fields)
    sums = losses.new_zeros(2, len(embedding.units))
    both = torch.stack([losses, torch.ones_like(losses)])[:, :, None].expand(-1, *units.shape)
    sums.index_add_(1, units.flatten(), both.flatten(1))
    found: list[float] = (sums[0] / sums[1]).tolist()
    return found
