"""AMTL: every value has a mask of its own length, learnt from its frequency by two networks.

Yan, Wang, Zhang, Lin, Lee, Xu, Zheng: "Learning Effective and Efficient Embedding via an
Adaptively-Masked Twins-based Layer" (CIKM 2021; arXiv:2108.11513). Neither its full text nor code
of its authors was to be had: what follows is from second-hand texts and its abstract.

The vector e_v of a value is multiplied by a mask of ones up to a length k_v and zeros beyond. From
facts about the value's frequency, s_v, a layer of two networks of one form and separate weights,
the twins, finds the length:

1. logits  a_v = w_v h(s_v) + (1 - w_v) l(s_v), with w_v from the value's normalised count: frequent
   values train h, rare ones l, which alone would learn next to nothing beside them.
2. probabilities over all lengths 1..d  p_v = softmax(a_v / T), and the likeliest one t_v.
3. straight through: t~_v = p_v + stopgrad(t_v - p_v) has the value of t_v and the gradient of p_v.
4. mask_v = sum_k t~_vk prefix_k, where prefix_k is k ones and d - k zeros; e_v * mask_v enters the
   model, and all is trained together by the loss on train.

Since s_v is all that the length depends on, values of a field that are about as frequent get about
one length: blocks of ids, which are in the order of their frequency.

Readings chosen, and deviations with their reasons:

- Lengths are 1..d as there, d being the largest candidate. ``amtl:sizes`` chooses among the
  candidates, so that sizes compare with the other methods'.
- Twins of each field. With one pair for all, a rare movie and a rare zip would have one length by
  construction, whatever they are worth.
- s_v: the logarithm of a value's train count and its rank, each standardised over the values of its
  field. w_v: the sigmoid of the former.
- The output starts biased to the largest length, probability ``start``, and T falls from 1 to .1
  over the planned epochs.
- ``price`` is what memory costs in the loss. No text describes such a term (a survey ticks "storage
  limit"), but nothing else there wants a short vector: with a price of 0 a search of ``planted``
  shortened noise and ended at 1.8 times UES-32's parameters, far from the 60 % saved that the paper
  claims; with .003 it kept a third of UES-32's.
- A budget is kept at the end, whatever the price: the length of a value is the k of the largest
  log p_vk - m k, with the least m >= 0 at which the allocation fits.
- A search stops early; lengths are those of the epoch with the best validation AUC.
- A field has ``blocks`` blocks at most: the harness looks them up one by one. The two whose joining
  changes the fewest parameters are joined first.
- Vectors enter the backbone as the run unifies them (``aesbench.search.whole_table``).
- Retraining starts from scratch, as for every method.

Not verified: the twins' layers and width, T and how it changes, all rates and numbers of epochs,
the sigmoid of w_v, whether twins are per field, and the published AUC. The claim is 60 % of the
memory saved at no loss on MovieLens, IJCAI-AAC and Taobao.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from aesbench import Allocation, Block, Context, Field, Method
from aesbench.core.metrics import auc
from aesbench.core.search_space import Range
from aesbench.core.settings import require, require_int
from aesbench.errors import ConfigError
from aesbench.models.optimizer import ModelAdam
from aesbench.models.training import predict
from aesbench.search.bilevel import Patience
from aesbench.search.bisection import doubled_until, last_fitting
from aesbench.search.blocks import blocks_of
from aesbench.search.standardise import standardised
from aesbench.search.whole_table import WholeTable

FACTS = 2
"""Of a value: its log count and its rank."""

PRICED_ROWS = 256
"""Values of each field, drawn anew at each step, that stand for all in what memory costs."""


@dataclass(frozen=True)
class AMTLConfig:
    """The settings of AMTL; all numbers are ours, since none could be verified.

    Attributes:
        lengths: to choose from: ``all`` from 1 to the largest candidate (the paper), or the
            ``sizes`` that other methods choose from; ours.
        hidden: units of the hidden layer of each twin.
        start: the probability of the largest length at the start.
        temperature, last_temperature: T at the start and at the end of the planned epochs.
        price: what the loss rises by if all tables have all of their dimensions in place of none.
        epochs: the most passes over the train split.
        patience: passes without a better validation AUC that end the search.
        blocks: the most blocks of a field.
    """

    lengths: Literal["all", "sizes"] = "all"
    hidden: int = 64
    start: float = 0.5
    temperature: float = 1.0
    last_temperature: float = 0.1
    price: float = 0.003
    epochs: int = 8
    patience: int = 2
    blocks: int = 8

    def __post_init__(self) -> None:
        for name in ("hidden", "epochs", "patience", "blocks"):
            require_int(getattr(self, name), f"amtl.{name}", 1)
        require(0 < self.start < 1, "amtl.start", self.start, "between 0 and 1")
        require(
            self.last_temperature > 0, "amtl.last_temperature", self.last_temperature, "above 0"
        )
        require(
            self.temperature >= self.last_temperature,
            "amtl.temperature",
            self.temperature,
            f"at least amtl.last_temperature, {self.last_temperature}",
        )
        require(self.price >= 0, "amtl.price", self.price, "at least 0")


class AMTL(Method):
    """A length for every value by its frequency; ``amtl:sizes`` has the candidates for lengths."""

    name = "amtl"
    title = "AMTL"
    family = "pruning"
    titles = {"sizes": "AMTL (sizes)"}
    Config = AMTLConfig
    honours_budget = True
    presets = {"sizes": {"lengths": "sizes"}, "quick": {"epochs": 2}}
    space = {
        "lengths": ("all", "sizes"),
        "start": (0.1, 0.5, 0.9),
        "price": (0.0, 0.001, 0.003, 0.01, 0.03),
        "last_temperature": Range(0.03, 1.0, log=True),
    }

    def search(self, context: Context, prepared: None) -> Allocation:
        """Train model and twins together; return the lengths of the best epoch, as blocks.

        Raises:
            ConfigError: the budget is below the smallest allocation.
        """
        config: AMTLConfig = self.config
        protocol = context.train_config
        embedding = TwinsEmbedding(context, config)
        lengths = embedding.lengths.tolist()
        smallest = lengths[0] * sum(field.cardinality for field in context.fields)
        if context.budget is not None and context.budget < smallest:
            raise ConfigError(
                f"amtl cannot meet a budget of {context.budget} embedding parameters: its smallest"
                f" allocation has {smallest}; raise --budget"
            )
        model = context.build_model(embedding)
        optimizer = ModelAdam(model, learning_rate=protocol.learning_rate, l2=protocol.l2)
        planned = config.epochs * max(1, len(context.train) // protocol.batch_size)
        patience, steps = Patience(config.patience), 0
        logits: list[Tensor] = []
        for epoch in range(1, config.epochs + 1):
            model.train()
            batches = context.train.batches(
                protocol.batch_size, device=context.device, shuffle=context.generator
            )
            for ids, labels in batches:
                embedding.temperature = temperature(config, steps / planned)
                loss = binary_cross_entropy_with_logits(model(ids), labels)
                if config.price:
                    loss = loss + config.price * embedding.kept_share(context.generator)
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                optimizer.zero_grad()
                steps += 1
            current = auc(context.validation.labels, predict(model, context.validation))
            found = [embedding.logits_of(number) for number in range(len(context.fields))]
            context.trace("validation_auc", epoch, current)
            context.trace("temperature", epoch, embedding.temperature)
            context.trace(
                "mean length of values",
                epoch,
                [float(embedding.lengths.cpu()[own.argmax(1)].double().mean()) for own in found],
            )
            context.progress("search epoch", epoch, config.epochs)
            is_over = patience.is_over(current)
            if patience.best_epoch == epoch:
                logits = found
            if is_over:
                break
        return allocation_within(context.fields, lengths, logits, context.budget, config.blocks)


class Twins(nn.Module):
    """Two networks of one form for each of some fields: linear, ReLU, linear."""

    def __init__(
        self, fields: int, hidden: int, outputs: int, start: float, generator: torch.Generator
    ) -> None:
        """Make the layers; the last output is the likeliest, with probability about ``start``."""
        super().__init__()

        def made(*shape: int) -> nn.Parameter:
            bound = shape[-2] ** -0.5  # As of every linear layer here.
            return nn.Parameter(torch.empty(shape).uniform_(-bound, bound, generator=generator))

        self.first = made(fields, 2, FACTS, hidden)
        self.first_bias = nn.Parameter(torch.zeros(fields, 2, 1, hidden))
        self.second = made(fields, 2, hidden, outputs)
        bias = torch.zeros(outputs)
        bias[-1] = math.log(start / (1 - start) * max(1, outputs - 1))
        self.second_bias = nn.Parameter(bias.repeat(fields, 2, 1, 1))

    def forward(self, facts: Tensor, shares: Tensor, fields: Sequence[int]) -> Tensor:
        """Return the logits ``(values, fields, outputs)`` of values.

        Args:
            facts: (values, fields, FACTS).
            shares: (values, fields) w_v, the weight of the first network.
            fields: whose networks.
        """
        chosen = list(fields)
        inputs = facts.transpose(0, 1).unsqueeze(1)  # (fields, 1, values, FACTS)
        hidden = (inputs @ self.first[chosen] + self.first_bias[chosen]).relu()
        outputs = hidden @ self.second[chosen] + self.second_bias[chosen]
        frequent, rare = outputs.unbind(1)  # Each (fields, values, outputs).
        weights = shares.t().unsqueeze(2)
        return (weights * frequent + (1 - weights) * rare).transpose(0, 1)


class TwinsEmbedding(WholeTable):
    """Vectors of the largest length times the masks that the twins give.

    Attributes:
        lengths: (lengths,) to choose from, ascending.
        temperature: T.
    """

    def __init__(self, context: Context, config: AMTLConfig) -> None:
        largest = context.candidates[-1]
        super().__init__(
            context.fields,
            largest,
            unification=context.unification,
            final_dim=context.final_dim,
            table_std=context.train_config.table_std,
            generator=context.generator,
        )
        lengths = context.candidates if config.lengths == "sizes" else range(1, largest + 1)
        self.register_buffer("lengths", torch.tensor(tuple(lengths)), persistent=False)
        self.lengths: Tensor
        prefixes = torch.arange(largest) < self.lengths.unsqueeze(1)
        self.register_buffer("prefixes", prefixes.float(), persistent=False)
        self.prefixes: Tensor  # (lengths, dim)
        own = [frequency_facts(field.counts) for field in context.fields]
        self.register_buffer("facts", torch.cat([facts for facts, _ in own]), persistent=False)
        self.register_buffer("shares", torch.cat([shares for _, shares in own]), persistent=False)
        self.facts: Tensor  # (rows, FACTS)
        self.shares: Tensor  # (rows,)
        self.twins = Twins(
            len(context.fields), config.hidden, len(self.lengths), config.start, context.generator
        )
        self.temperature = config.temperature
        self._cardinalities = [field.cardinality for field in context.fields]

    def chosen(self, rows: Tensor, fields: Sequence[int]) -> Tensor:
        """Return t~ ``(values, fields, lengths)``: one-hot, with the gradient of softmax."""
        logits = self.twins(self.facts[rows], self.shares[rows], fields)
        return straight_through(logits, self.temperature)

    def of_values(self, vectors: Tensor, rows: Tensor, fields: Sequence[int]) -> Tensor:
        """Return the vectors ``(values, fields, dim)`` cut to their lengths."""
        return vectors * (self.chosen(rows, fields) @ self.prefixes)

    def kept_share(self, generator: torch.Generator) -> Tensor:
        """Return the share of the table that the lengths keep, estimated on some of its rows."""
        every = range(len(self._cardinalities))
        drawn = [
            torch.randint(count, (PRICED_ROWS,), generator=generator)
            for count in self._cardinalities
        ]
        rows = torch.stack(drawn, 1).to(self.facts.device) + self.first_rows  # (values, fields)
        lengths = self.chosen(rows, every) @ self.lengths.float()
        counts = torch.tensor(self._cardinalities, device=lengths.device).float()
        return (lengths.mean(0) * counts).sum() / (counts.sum() * self.dim)

    @torch.no_grad()
    def logits_of(self, field: int) -> Tensor:
        """Return the logits ``(cardinality, lengths)`` of a field's values over T."""
        own = self.rows(field)
        rows = torch.arange(own.start, own.stop, device=self.facts.device)
        parts = [
            self.twins(self.facts[part], self.shares[part], [field]).squeeze(1)
            for part in rows.unsqueeze(1).split(1 << 14)
        ]
        return (torch.cat(parts) / self.temperature).cpu()


def straight_through(logits: Tensor, temperature: float) -> Tensor:
    """Return the one-hot of the largest logit, with the gradient of the softmax over T."""
    probabilities = (logits / temperature).softmax(-1)
    likeliest = torch.zeros_like(probabilities).scatter_(-1, logits.argmax(-1, keepdim=True), 1.0)
    # The difference is exactly 0, so that masks are of zeros and ones.
    return likeliest + (probabilities - probabilities.detach())


def temperature(config: AMTLConfig, spent: float) -> float:
    """Return T when a share of the planned steps is over."""
    return config.temperature + spent * (config.last_temperature - config.temperature)


def frequency_facts(counts: np.ndarray) -> tuple[Tensor, Tensor]:
    """Return s_v ``(ids, FACTS)`` and w_v ``(ids,)`` of a field's values, in the order of ids.

    The log count and the rank, standardised over the ids; w_v is the sigmoid of the former. Where
    all ids are alike in one, it is 0.
    """
    facts = np.stack([np.log1p(counts), np.arange(len(counts), dtype=np.float64)], axis=1)
    scaled = standardised(facts)
    return scaled, scaled[:, 0].sigmoid()


def allocation_within(
    fields: Sequence[Field],
    lengths: Sequence[int],
    logits: Sequence[Tensor],
    budget: int | None,
    blocks: int,
) -> Allocation:
    """Return the likeliest lengths as blocks, or what the least price of a dimension makes fit.

    Args:
        fields: of the allocation.
        lengths: to choose from, ascending.
        logits: of each field, (cardinality, lengths).
        budget: the most parameters, at least that of the smallest length for all.
        blocks: the most of a field.
    """
    costs, sizes = torch.tensor(lengths).float(), np.array(lengths)
    scores = [own.log_softmax(1) for own in logits]
    names = tuple(field.name for field in fields)

    def at(price: float) -> Allocation:
        found: list[tuple[Block, ...]] = []
        for own in scores:
            best = (own - price * costs).argmax(1)
            found.append(blocks_of(sizes[best.numpy()], blocks))
        return Allocation(names, tuple(found))

    likeliest = at(0.0)
    if budget is None or likeliest.parameters <= budget:
        return likeliest

    def fits(price: float) -> bool:
        return at(price).parameters <= budget

    return at(last_fitting(fits, doubled_until(fits, 1.0), 0.0)[0])
