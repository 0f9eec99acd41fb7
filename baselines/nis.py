"""NIS: a controller learns which blocks of an embedding table a field needs, by reward and cost.

Joglekar, Li, Chen, Xu, Wang, Adams, Khaitan, Liu, Le: "Neural Input Search for Large Scale
Recommendation Models" (KDD 2020; arXiv:1907.04471). Neither its full text nor code of its authors
was to be had: what follows is from second-hand texts.

The table of a field, its values in the order of their frequency, is cut into S groups of rows and T
groups of columns. What a field gets is a set of these blocks:

- ``se``, single-size embedding: one corner (s, t). The values of the first s row groups have the
  columns of the first t column groups, all others have nothing. With the choice of nothing at all
  there are S T + 1 choices.
- ``me``, multi-size embedding: for each column group t a number of row groups r_t, from 0 to S; the
  values of the first r_t row groups have these columns. So frequent values have longer vectors.

A value's vector is e_v = sum_t E_t[v] P_t over the column groups that it has, where P_t maps to the
width that all share. The controller holds free logits per field (``me``: per field and column
group), without any input, and a choice is sampled from their softmax at each step. Two steps
alternate:

1. a train batch moves the sampled blocks, P and the model;
2. the validation rows give a reward  R = R_Q - lambda * C_M  for a sampled choice, where R_Q is the
   quality and C_M what the memory is over the budget C, and the logits ascend log p(choice) times
   the advantage, R less a baseline.

At the end each field gets its likeliest choice, and the model is retrained.

Readings chosen, and deviations with their reasons:

- C_M = max(0, (sum of costs) / C - 1), in parameters. C is the run's budget, or ``keep`` of
  UES-32's parameters without one. If the likeliest choices exceed a budget, each field takes the
  choice with the largest log p - m * cost, with the least m at which they fit.
- R_Q is the AUC of ``reward_rows`` evenly spaced validation rows, the same at each step.
- The baseline is a moving average of rewards in place of A3C's learnt value: without a state there
  is nothing else that a value could depend on.
- Column groups are what candidates add: 2, 6, 8, 16, 32 for 2, 8, 16, 32, 64. Row groups hold about
  equal shares of the train occurrences; a field has fewer if its values do not suffice.
- ``me``: r_t never rises with t, so that every value has a prefix and sizes are blocks of ids. Of
  all tuples only these are in the softmax: 126 for S = 4 and T = 5, each with the sum of its
  columns' logits.
- All fields are sampled at once, and training starts with ``warmup`` passes with all blocks in use.
- Vectors enter the backbone as the run unifies them (``aesbench.search.whole_table``): under
  ``plain`` the columns of the first layer that meet E_t are P_t, under ``transform`` those of one
  linear layer are, and batch normalisation follows.
- If every field's choice is nothing, the likeliest other choice that fits is taken.

Not verified, not even second-hand: the form of C_M, lambda, the warm-up, all rates and lengths, and
whether all fields are sampled at once (one text samples a field a step). The claims are +1.8 % of
AUC over sizes set by hand (first version), and +1.02 % of installs with a table smaller by 30 %.
AutoDim's authors reran it (Wide&Deep): Criteo .8067 at 42 % of size 32's parameters (size 32
.8045), Avazu .7842 at 33 % (.7827).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from aesbench import Allocation, Context, Field, Method
from aesbench.core.metrics import auc
from aesbench.core.search_space import Range
from aesbench.core.settings import require, require_int
from aesbench.core.spec import REFERENCE_DIM
from aesbench.errors import ConfigError
from aesbench.models.backbones import Backbone
from aesbench.models.optimizer import FusedAdam, ModelAdam
from aesbench.models.training import step
from aesbench.search.bisection import doubled_until, last_fitting
from aesbench.search.blocks import blocks_of, equal_mass_groups
from aesbench.search.whole_table import WholeTable


@dataclass(frozen=True)
class NISConfig:
    """The settings of NIS; all numbers are ours, since none could be verified.

    Attributes:
        form: ``se``, one corner a field, or ``me``, a row cut for each column group.
        row_groups: S.
        lambda_m: what an excess of the whole budget costs in units of the reward, AUC.
        keep: C without a budget, as a share of UES-32's embedding parameters; .70, as AdaS&S-R
            saves about 30 % in its paper.
        epochs: passes over the train split, the warm-up included.
        warmup: passes with all blocks in use, before the logits move.
        controller_every: train batches between two steps of the logits.
        controller_learning_rate: Adam's, for the logits; with .03 those of ``se`` hardly moved on
            ``planted`` before the end.
        reward_rows: the most validation rows of a reward.
        baseline_decay: how much of the moving average of rewards stays at each step.
    """

    form: Literal["se", "me"] = "me"
    row_groups: int = 4
    lambda_m: float = 0.1
    keep: float = 0.70
    epochs: int = 8
    warmup: int = 1
    controller_every: int = 4
    controller_learning_rate: float = 0.1
    reward_rows: int = 16384
    baseline_decay: float = 0.95

    def __post_init__(self) -> None:
        for name in ("row_groups", "epochs", "controller_every"):
            require_int(getattr(self, name), f"nis.{name}", 1)
        require_int(self.warmup, "nis.warmup", 0)
        require(
            self.warmup < self.epochs, "nis.warmup", self.warmup, f"below nis.epochs, {self.epochs}"
        )
        require_int(self.reward_rows, "nis.reward_rows", 2)
        require(self.lambda_m >= 0, "nis.lambda_m", self.lambda_m, "at least 0")
        require(self.keep > 0, "nis.keep", self.keep, "above 0")
        rate, decay = self.controller_learning_rate, self.baseline_decay
        require(rate > 0, "nis.controller_learning_rate", rate, "above 0")
        require(0 <= decay < 1, "nis.baseline_decay", decay, "from 0 below 1")


class NIS(Method):
    """Blocks of rows and columns, chosen by reward; ``nis:me`` has several sizes in a field."""

    name = "nis"
    title = "NIS"
    family = "search"
    titles = {"se": "NIS (SE)", "me": "NIS (ME)"}
    Config = NISConfig
    honours_budget = True
    presets = {
        "se": {"form": "se"},
        "me": {"form": "me"},
        "quick": {"epochs": 2, "reward_rows": 512},
    }
    default_presets = ("se", "me")
    space = {
        "lambda_m": Range(0.01, 1.0, log=True),
        "keep": Range(0.1, 1.0),
        "controller_learning_rate": Range(1e-2, 1.0, log=True),
        "controller_every": (1, 4, 16),
        "row_groups": (2, 4, 8),
    }

    def search(self, context: Context, prepared: None) -> Allocation:
        """Train blocks and logits in turn; return each field's likeliest choice.

        Raises:
            ConfigError: the budget is below the smallest allocation.
        """
        config: NISConfig = self.config
        protocol = context.train_config
        rows = [equal_mass_groups(field.counts, config.row_groups) for field in context.fields]
        controller = Controller(rows, context.candidates, config)
        budget = context.budget
        if budget is None:
            budget = round(config.keep * REFERENCE_DIM * sum(f.cardinality for f in context.fields))
        embedding = BlocksEmbedding(context, rows, config.row_groups)
        model = context.build_model(embedding)
        optimizer = ModelAdam(model, learning_rate=protocol.learning_rate, l2=protocol.l2)
        chosen = np.linspace(
            0, len(context.validation) - 1, min(config.reward_rows, len(context.validation))
        )
        places = np.unique(chosen.round().astype(np.int64))
        ids = torch.from_numpy(context.validation.ids[places]).to(context.device)
        labels = context.validation.labels[places]
        steps = 0
        for epoch in range(1, config.epochs + 1):
            batches = context.train.batches(
                protocol.batch_size, device=context.device, shuffle=context.generator
            )
            for batch in batches:
                steps += 1
                if epoch <= config.warmup:
                    embedding.cuts = controller.everything
                else:
                    embedding.cuts = controller.cuts(controller.draw(context.generator))
                model.train()
                step(model, optimizer, *batch)
                if epoch > config.warmup and steps % config.controller_every == 0:
                    drawn = controller.draw(context.generator)
                    embedding.cuts = controller.cuts(drawn)
                    quality = auc(labels, scores(model, ids))
                    cost = excess(controller.cost(drawn), budget)
                    controller.learn(drawn, quality - config.lambda_m * cost)
                    if controller.steps % 10 == 1:
                        context.trace("AUC of the drawn choice", steps, quality)
                        context.trace("cost of the drawn choice", steps, cost)
                        context.trace("baseline", steps, controller.baseline)
                        context.trace(
                            "row groups of each column group", steps, controller.expected_cuts()
                        )
            context.progress("search epoch", epoch, config.epochs)
        return controller.allocation(context.fields, context.budget)


class Controller:
    """Free logits over the choices of each field, which ascend the reward.

    Attributes:
        choices: (choices, columns) the row groups that each column group has.
        everything: (fields, columns) the choice of all blocks.
        baseline: moving average of the rewards, None before the first.
        steps: that the logits have taken.
    """

    def __init__(
        self, rows: Sequence[Sequence[int]], candidates: Sequence[int], config: NISConfig
    ) -> None:
        """Start with uniform choices.

        Args:
            rows: of each field, the values in each of its row groups.
            candidates: the sizes that the first so many column groups make.
            config: the form, S and the rates.
        """
        groups, columns = config.row_groups, len(candidates)
        made = corners(groups, columns) if config.form == "se" else staircases(groups, columns)
        self.choices = torch.tensor(made)
        self._form, self._rows, self._candidates = config.form, rows, tuple(candidates)
        own = torch.tensor([len(sizes) for sizes in rows])
        self.everything = own.unsqueeze(1).expand(-1, columns).contiguous()
        # A field of fewer row groups has only the choices that name no other.
        self._impossible = self.choices.amax(1) > own.unsqueeze(1)  # (fields, choices)
        shape = (len(rows), len(made)) if config.form == "se" else (len(rows), columns, groups + 1)
        self.logits = torch.zeros(shape)
        # (fields, S + 1) the rows of the first so many groups.
        held = [[sum(sizes[:count]) for count in range(groups + 1)] for sizes in rows]
        self._held = torch.tensor(held)
        widths = torch.tensor([b - a for a, b in zip((0, *candidates), candidates, strict=False)])
        self.costs = (self._held[:, self.choices] * widths).sum(2)  # (fields, choices)
        self._decay = config.baseline_decay
        self._adam = FusedAdam(learning_rate=config.controller_learning_rate)
        self._moments = torch.zeros_like(self.logits), torch.zeros_like(self.logits)
        self._count = torch.zeros(())
        self.baseline: float | None = None
        self.steps = 0

    def log_probabilities(self, logits: Tensor) -> Tensor:
        """Return log p ``(fields, choices)``; minus infinity for what a field cannot have."""
        if self._form == "me":  # A choice's logit is the sum of its columns'.
            columns = torch.arange(logits.shape[1])
            logits = logits[:, columns, self.choices].sum(2)
        return logits.masked_fill(self._impossible, -torch.inf).log_softmax(1)

    def draw(self, generator: torch.Generator) -> Tensor:
        """Return the number of a choice for each field, ``(fields,)``."""
        probabilities = self.log_probabilities(self.logits).exp()
        return torch.multinomial(probabilities, 1, generator=generator).squeeze(1)

    def cuts(self, drawn: Tensor) -> Tensor:
        """Return ``r (fields, columns)`` of choices ``(fields,)``."""
        return self.choices[drawn]

    def cost(self, drawn: Tensor) -> int:
        """Return the parameters of choices ``(fields,)``."""
        return int(self.costs[torch.arange(len(drawn)), drawn].sum())

    def learn(self, drawn: Tensor, reward: float) -> None:
        """Ascend log p(drawn) times the reward less the baseline, then move the baseline."""
        if self.baseline is None:
            self.baseline = reward
        advantage = reward - self.baseline
        logits = self.logits.clone().requires_grad_()
        log_p = self.log_probabilities(logits)[torch.arange(len(drawn)), drawn].sum()
        (gradient,) = torch.autograd.grad(-advantage * log_p, logits)
        first, second = self._moments
        self._adam.update([self.logits], [gradient], [first], [second], [self._count])
        self.baseline += (1 - self._decay) * advantage
        self.steps += 1

    def expected_cuts(self) -> list[list[float]]:
        """Return the mean r ``(fields, columns)`` under the present probabilities."""
        found: list[list[float]] = (
            self.log_probabilities(self.logits).exp() @ self.choices.float()
        ).tolist()
        return found

    def allocation(self, fields: Sequence[Field], budget: int | None) -> Allocation:
        """Return the likeliest choices, or what the least price of a parameter makes fit.

        Raises:
            ConfigError: not even one block fits the budget.
        """
        log_p = self.log_probabilities(self.logits).double()
        costs = self.costs.double()

        def at(price: float) -> Tensor:
            return (log_p - price * costs).argmax(1)

        best = at(0.0)
        if budget is not None and self.cost(best) > budget:

            def fits(price: float) -> bool:
                return self.cost(at(price)) <= budget

            best = at(last_fitting(fits, doubled_until(fits, 1e-6), 0.0)[0])
        if self.cost(best) == 0:
            best = self._something(log_p, best, budget)
        blocks = []
        for choice, rows in zip(best.tolist(), self._rows, strict=True):
            sizes = [self._size(choice, group) for group in range(len(rows))]
            blocks.append(blocks_of(np.repeat(sizes, rows)))
        return Allocation(tuple(field.name for field in fields), tuple(blocks))

    def _size(self, choice: int, group: int) -> int:
        """Return the size that a choice gives to the values of a row group."""
        columns = int((self.choices[choice] > group).sum())
        return self._candidates[columns - 1] if columns else 0

    def _something(self, log_p: Tensor, best: Tensor, budget: int | None) -> Tensor:
        """Return the choice of nothing but for the field that loses least by having something."""
        loss = log_p.gather(1, best.unsqueeze(1)) - log_p  # (fields, choices)
        fits = (self.costs > 0) & ~self._impossible
        if budget is not None:
            fits &= self.costs <= budget
        if not fits.any():
            least = int(self.costs[(self.costs > 0) & ~self._impossible].min())
            raise ConfigError(
                f"nis cannot meet a budget of {budget} embedding parameters: its smallest"
                f" allocation has {least}; raise --budget"
            )
        place = int(loss.masked_fill(~fits, torch.inf).argmin())
        best = best.clone()
        best[place // fits.shape[1]] = place % fits.shape[1]
        return best


class BlocksEmbedding(WholeTable):
    """Vectors of the largest size, of which a value has the columns that its row group has.

    Attributes:
        cuts: (fields, columns) r_t of each field, in use.
    """

    def __init__(self, context: Context, rows: Sequence[Sequence[int]], groups: int) -> None:
        super().__init__(
            context.fields,
            context.candidates[-1],
            unification=context.unification,
            final_dim=context.final_dim,
            table_std=context.train_config.table_std,
            generator=context.generator,
        )
        counts = torch.tensor([count for sizes in rows for count in sizes])
        numbers = torch.tensor([group for sizes in rows for group in range(len(sizes))])
        self.register_buffer("groups", numbers.repeat_interleave(counts), persistent=False)
        self.groups: Tensor  # (rows of all fields,) the row group within its field.
        bounds = (0, *context.candidates)
        columns = [j for j, dim in enumerate(context.candidates) for _ in range(bounds[j], dim)]
        self.register_buffer("columns", torch.tensor(columns), persistent=False)
        self.columns: Tensor  # (dim,) the column group of each component.
        self._row_groups = groups
        self.cuts = torch.zeros(len(rows), len(context.candidates), dtype=torch.int64)

    def of_values(self, vectors: Tensor, rows: Tensor, fields: Sequence[int]) -> Tensor:
        """Return the vectors ``(values, fields, dim)`` without the columns that are not in use."""
        cuts = self.cuts[list(fields)].to(rows.device)  # (fields, columns)
        every = torch.arange(self._row_groups, device=rows.device)
        # (fields, S, dim), looked up by the value's group.
        table = (every[:, None, None] < cuts).transpose(0, 1)[..., self.columns].float()
        number = torch.arange(len(fields), device=rows.device)
        return vectors * table[number, self.groups[rows]]


def corners(groups: int, columns: int) -> list[tuple[int, ...]]:
    """Return the choices of SE: nothing, and every corner (s, t), as row groups by column group."""
    found = [(0,) * columns]
    for rows, wide in product(range(1, groups + 1), range(1, columns + 1)):
        found.append((rows,) * wide + (0,) * (columns - wide))
    return found


def staircases(groups: int, columns: int) -> list[tuple[int, ...]]:
    """Return the choices of ME: every tuple of row groups that never rises."""
    every = product(range(groups + 1), repeat=columns)
    return [cuts for cuts in every if all(a >= b for a, b in zip(cuts, cuts[1:], strict=False))]


def excess(parameters: int, budget: int) -> float:
    """Return C_M: by what share of the budget the parameters exceed it; 0 within it."""
    return max(0.0, parameters / budget - 1)


@torch.no_grad()
def scores(model: Backbone, ids: Tensor) -> np.ndarray:
    """Return the logits of rows ``(rows,)``, normalised by their own statistics.

    Running statistics mix the choices of many steps.
    """
    model.eval()
    model.embedding.train()
    found: np.ndarray = model(ids).cpu().numpy()
    return found
