"""ESAPN: a policy network enlarges the sizes of fields, rewarded by the fall of the loss.

Liu, Zhao, Wang, Liu, Tang: "Automated Embedding Size Search in Deep Recommender Systems" (SIGIR
2020), and its authors' code ``zgahhblhc/ESAPN``, ``model/train.py``.

Everything starts at the smallest size and only ever grows (hard selection). A policy network keeps
a size or enlarges it to the next candidate. A vector of size d_k passes a chain of linear layers

    d_k -> d_(k+1) -> ... -> d_T,   then batch normalisation and tanh,

and a row that is enlarged starts as W_k e + b, W_k and b being the chain's layer behind its old
size. Policy and model learn in turn: on held-out rows actions are sampled and tried out, the reward
is the fall of the loss below the mean of its last five values, and the log-probability of the
actions is moved in its proportion (REINFORCE); then the sizes the policy now prefers are committed
and train batches move the model. The original decides for each value of two id fields, in a stream.
AdaS&S compares with a form that decides for fields (its section 4.2), which is what this is; of
that form no code is public.

Deviations:

- Per field. The policy's state is the field's size, one-hot, with the features of AutoEmb's
  controller (``aesbench.search.controller``): a learnt vector, log cardinality, log mean train
  count and a moving average of the validation loss. Enlarging copies the field's whole table
  through W_k. All fields share one reward.
- Decisions. A value of the original is decided upon whenever it occurs, some hundred times. A field
  occurs in every batch and would be enlarged to the end within T batches, before anything is
  learnt; decisions are due ``decisions_per_epoch`` times, but ``least_interval`` batches apart.
- The preference for keeping starts higher by ``keep_bias``, for the same reason.
- Held-out rows are validation batches; the code takes the previous train batch.
- Faults of the code not repeated: its exploration overwrites real rows, because restoring them only
  re-assigns a name (here the rows are put back); a value at the largest size still moves the
  policy towards keeping (here it does not count); Adam's moments of a fresh row are those of its
  old value (here they are zeroed); its rewards have no baseline by default and fail with
  two fields (here the mean of the last five losses, an option there).
- Selection: the sizes at the end of the epoch with the best validation AUC. It is measured with
  batch statistics, as the code never leaves training mode. Running ones lag behind the scale of the
  vectors at the end of a chain: with them, on generated data, two of the first four epochs scored
  .60 and .66 where batch statistics give .71 and .78.
- Vectors are unified by the chain to the largest candidate, as in the original, whatever the
  ``final_dim`` and ``unification`` of the run.

What to expect. The published reward cannot tell an enlargement from none. A fresh row W_k e + b
arrives at the end of the chain exactly where e did, so the loss right after enlarging is the loss
before it, to rounding (``tests/baselines/test_esapn.py``). An advantage that does not depend on the
action has an expected policy gradient of zero: the policy drifts by chance, and towards the action
that it takes most often as long as the loss falls. On the data set ``planted`` (Wide&Deep, 5 seeds,
up to 124 decisions; records under ``results/``) the default settings left all fields at size 2
with two seeds, and with the other three enlarged one or two fields, never one that needs size: no
better than a random allocation of as many parameters (``tests/benchmarks/planted_truth.py``).
Without ``keep_bias`` about half of the fields, among them ones without any effect on the label,
went to 64 and the others stayed at 2 (two seeds). This agrees with the small sizes that AdaS&S
reports (its section 4.4), not with its saving of 20 % at unchanged AUC.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, one_hot

from aesbench import Allocation, Context, Method
from aesbench.core.metrics import auc
from aesbench.core.search_space import Range
from aesbench.core.settings import require, require_int
from aesbench.models.backbones import Backbone
from aesbench.models.embedding import FieldEmbedding
from aesbench.models.optimizer import ModelAdam, RowSparseAdam
from aesbench.models.training import predict, step
from aesbench.search.bilevel import Batch, BilevelBatches, Patience
from aesbench.search.candidates import CandidateTables
from aesbench.search.controller import FieldController
from aesbench.search.inheritance import inherit_weights

KEEP, ENLARGE = 0, 1
_EPSILON = 1e-5  # of batch normalisation, torch's default


@dataclass(frozen=True)
class ESAPNConfig:
    """The settings of ESAPN.

    Attributes:
        epochs: the most passes over the train split; ours.
        patience: epochs without a better validation AUC before the search stops; ours.
        decisions_per_epoch: how often the policy learns and decides in an epoch; ours.
        least_interval: train batches between two decisions, at least; ours.
        policy_learning_rate: Adam's, for the policy; 1e-4, public code.
        keep_bias: added to the initial logit of keeping a size; ours.
        last_losses: over how many losses the reward's baseline averages; 5, public code.
        loss_decay: how much of the moving average of the loss stays at each decision; ours.
    """

    epochs: int = 8
    patience: int = 2
    decisions_per_epoch: int = 20
    least_interval: int = 20
    policy_learning_rate: float = 1e-4
    keep_bias: float = 1.0
    last_losses: int = 5
    loss_decay: float = 0.9

    def __post_init__(self) -> None:
        for name in ("epochs", "patience", "decisions_per_epoch", "least_interval", "last_losses"):
            require_int(getattr(self, name), f"esapn.{name}", 1)
        rate = self.policy_learning_rate
        require(rate > 0, "esapn.policy_learning_rate", rate, "above 0")
        require(0 <= self.loss_decay < 1, "esapn.loss_decay", self.loss_decay, "from 0 below 1")

    def interval(self, steps_per_epoch: int) -> int:
        """Return the train batches between two decisions."""
        return max(self.least_interval, steps_per_epoch // self.decisions_per_epoch)


class ESAPN(Method):
    """A policy that keeps or enlarges, one decision per field at a time.

    It takes no budget: nothing in its objective counts parameters.
    """

    name = "esapn"
    title = "ESAPN"
    family = "search"
    Config = ESAPNConfig
    presets = {"quick": {"epochs": 2, "least_interval": 2}}
    space = {
        "decisions_per_epoch": (10, 20, 40),
        "policy_learning_rate": Range(1e-5, 1e-2, log=True),
        "keep_bias": Range(0.0, 3.0),
    }

    def search(self, context: Context, prepared: None) -> Allocation:
        """Train policy and model in turn; return the sizes of the best epoch."""
        config: ESAPNConfig = self.config
        protocol = context.train_config
        embedding = ChosenSizes(
            CandidateTables(
                context.fields,
                context.candidates,
                scheme="independent",
                table_std=protocol.table_std,
                generator=context.generator,
            ),
            context.generator,
        )
        model = self.model = context.build_model(embedding)
        optimizer = ModelAdam(model, learning_rate=protocol.learning_rate, l2=protocol.l2)
        policy = Policy(context, config)
        steps_per_epoch = max(1, len(context.train) // protocol.batch_size)
        batches = BilevelBatches(
            context.train,
            context.validation,
            protocol.batch_size,
            epochs=config.epochs,
            every=config.interval(steps_per_epoch),
            device=context.device,
            generator=context.generator,
            progress=context.progress,
        )
        patience = Patience(config.patience)
        sizes_after: list[list[int]] = []
        for _ in range(config.epochs):
            model.train()
            for (ids, labels), validation in batches.epoch():
                if validation is not None:
                    advantage = policy.explore(model, validation)
                    embedding.enlarge(policy.preferred(embedding.sizes), optimizer.tables)
                    policy.remember(loss_of(model, validation))
                    dims = [context.candidates[size] for size in embedding.sizes]
                    context.trace("dimension", batches.step, dims)
                    context.trace("enlarge_probability", batches.step, policy.enlarging)
                    context.trace("advantage", batches.step, advantage)
                    context.trace("validation_loss", batches.step, policy.losses[-1])
                step(model, optimizer, ids, labels)
            current = auc(context.validation.labels, predict(model, context.validation))
            context.trace("validation_auc", batches.step, current)
            sizes_after.append(list(embedding.sizes))
            if patience.is_over(current):
                break
        best = sizes_after[patience.best_epoch - 1]
        return Allocation.field_wise(context.fields, [context.candidates[size] for size in best])

    def inherit(
        self, context: Context, prepared: None, allocation: Allocation, model: Backbone
    ) -> None:
        """Start the retraining from the searched tables and first order; it has no chain.

        A size that was left again after the best epoch keeps the vectors it had when it was left.
        """
        tables = self.model.embedding.tables
        inherit_weights(model, self.model, tables.vectors_of(allocation.dims))


class ChosenSizes(FieldEmbedding):
    """Each field's vector in its present size, mapped through the rest of the chain.

    Normalisation takes the statistics of the batch at hand, also where the model is evaluated.

    Attributes:
        sizes: the number of each field's present size.
    """

    normalised = True

    def __init__(self, tables: CandidateTables, generator: torch.Generator) -> None:
        super().__init__()
        fields, dims = len(tables.fields), tables.candidates
        self.widths = (dims[-1],) * fields
        self.tables = tables
        self.sizes = [0] * fields
        self.chain = nn.ModuleList(
            ChainLink(fields, dim, next_dim, generator)
            for dim, next_dim in zip(dims, dims[1:], strict=False)
        )

    def forward(self, ids: Tensor) -> Tensor:
        """Map ``ids (batch, columns)`` to ``(batch, fields * largest size)``."""
        vectors = torch.empty(0, len(ids), self.tables.candidates[0], device=ids.device)
        passed: list[int] = []
        for size in range(len(self.tables.candidates)):
            own = [field for field, chosen in enumerate(self.sizes) if chosen == size]
            if own:
                found = self.tables.look_up(ids, size, own).transpose(0, 1)
                vectors = torch.cat([vectors, found]) if passed else found
                passed += own
            if passed and size < len(self.chain):
                vectors = self.chain[size](vectors, passed)  # (passed, batch, next size)
        in_order = vectors[sorted(range(len(passed)), key=passed.__getitem__)]
        joined = in_order.transpose(0, 1).flatten(1)  # (batch, fields * largest size)
        variance, mean = torch.var_mean(joined, dim=0, correction=0)
        return torch.tanh((joined - mean) * torch.rsqrt(variance + _EPSILON))

    @torch.no_grad()
    def enlarge(self, fields: Sequence[int], optimizer: RowSparseAdam | None = None) -> None:
        """Give fields their next size; its rows start as W_k e + b.

        Args:
            fields: their numbers; none is at the largest size.
            optimizer: of the tables; it forgets what it knew of the overwritten rows.
        """
        for field in fields:
            size = self.sizes[field]
            rows = self.tables.weight(field, size)[None]  # (1, cardinality, size)
            self.tables.weight(field, size + 1).copy_(self.chain[size](rows, [field])[0])
            if optimizer is not None:
                table = self.tables.table(size + 1).weight
                optimizer.forget(table, self.tables.rows(field))
            self.sizes[field] = size + 1

    @contextmanager
    def enlarged(self, fields: Sequence[int]) -> Iterator[None]:
        """Enlarge fields for a while: sizes and the rows that were overwritten are given back."""
        sizes = list(self.sizes)
        targets = [self.tables.weight(field, sizes[field] + 1).detach() for field in fields]
        overwritten = [target.clone() for target in targets]
        self.enlarge(fields)
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


class Policy:
    """The policy network, what it has seen of the loss, and how it learns.

    Attributes:
        losses: the last losses with committed sizes.
        enlarging: the probability of enlarging each field, when it last decided.
    """

    def __init__(self, context: Context, config: ESAPNConfig) -> None:
        self._sizes = len(context.candidates)
        self._generator = context.generator
        self._device = context.device
        network = FieldController(context.fields, self._sizes + 1, 2, context.generator)
        with torch.no_grad():
            network.output.bias[KEEP] += config.keep_bias
        self.network = network.to(context.device)
        rate = config.policy_learning_rate
        self._optimizer = ModelAdam(self.network, learning_rate=rate, l2=0.0)
        self._decay = config.loss_decay
        self._mean_loss = 1.0  # Where the losses of the public code start.
        self.losses: deque[float] = deque(maxlen=config.last_losses)
        self.enlarging: list[float] = []

    def logits(self, sizes: Sequence[int]) -> Tensor:
        """Return ``(fields, 2)``, to keep and to enlarge; for the largest size, to keep only."""
        state = one_hot(torch.tensor(sizes, device=self._device), self._sizes).float()
        loss = state.new_full((len(sizes), 1), self._mean_loss)
        logits: Tensor = self.network(torch.cat([state, loss], dim=1))
        forbidden = torch.zeros_like(logits, dtype=torch.bool)
        forbidden[:, ENLARGE] = state[:, -1] == 1
        return logits.masked_fill(forbidden, -torch.inf)

    def explore(self, model: Backbone, batch: Batch) -> float:
        """Try sampled actions out, learn from them and return the advantage; the model stays.

        A copy is tried out, but for its tables, which would be gigabytes: what is overwritten in
        them is a few fields' rows, and is put back.
        """
        embedding = model.embedding
        logits = self.logits(embedding.sizes)
        probabilities = logits.detach().softmax(dim=1).cpu()
        actions = torch.multinomial(probabilities, 1, generator=self._generator).squeeze(1)
        tables = [m.weight for m in model.modules() if isinstance(m, nn.Embedding)]
        explored = copy.deepcopy(model, {id(table): table for table in tables})
        with explored.embedding.enlarged(actions.nonzero().squeeze(1).tolist()):
            advantage = self.advantage(loss_of(explored, batch))
        loss = policy_loss(logits, actions.to(logits.device), advantage)
        self._optimizer.zero_grad()
        loss.backward()
        self._optimizer.step()
        return advantage

    def advantage(self, loss: float) -> float:
        """Return how far a loss lies below the mean of the last ones; 0 if there are none.

        It is (1 - loss) - (1 - mean), the reward less its baseline.
        """
        return sum(self.losses) / len(self.losses) - loss if self.losses else 0.0

    @torch.no_grad()
    def preferred(self, sizes: Sequence[int]) -> list[int]:
        """Return the fields that are more likely enlarged than kept."""
        probabilities = self.logits(sizes).softmax(dim=1)[:, ENLARGE]
        self.enlarging = probabilities.tolist()
        return (probabilities > 0.5).nonzero().squeeze(1).tolist()

    def remember(self, loss: float) -> None:
        """Note the loss of a validation batch with committed sizes."""
        self.losses.append(loss)
        self._mean_loss += (1 - self._decay) * (loss - self._mean_loss)


def policy_loss(logits: Tensor, actions: Tensor, advantage: float) -> Tensor:
    """Return the sum over fields of -log pi(action) times the advantage.

    A field at the largest size adds neither loss nor gradient: it has nothing to decide.

    Args:
        logits: (fields, 2); minus infinity where an action is forbidden.
        actions: (fields,) ``KEEP`` or ``ENLARGE``.
        advantage: of the actions together.
    """
    free = torch.isfinite(logits).all(dim=1)
    return cross_entropy(logits[free], actions[free], reduction="sum") * advantage


@torch.no_grad()
def loss_of(model: nn.Module, batch: Batch) -> float:
    """Return the cross-entropy of a batch."""
    ids, labels = batch
    return binary_cross_entropy_with_logits(model(ids), labels).item()
