"""What searches share that ask for scores and nothing else: budgets, limits, what was seen.

Such a search proposes allocations and is told what each scores (``Context.evaluate``). Under
``run`` an answer is a training alone; on the tabular benchmark it is looked up, so that a whole
search takes seconds (``aesbench tabular score``). The result is the best allocation that was
scored.
"""

from __future__ import annotations

import random
from abc import abstractmethod
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from aesbench.core.allocation import Allocation
from aesbench.core.settings import require, require_int
from aesbench.errors import ConfigError
from aesbench.plugins.method import Context, Method

Sizes = tuple[int, ...]

Proposals = Generator[Sizes, float | None, None]
"""Yields allocations; is sent the validation AUC of each. None of one that cannot be: it is over
the budget, or leaves every field out."""


@dataclass(frozen=True)
class ScoredConfig:
    """The settings of all such searches; ours.

    Attributes:
        fraction: of the protocol's epochs that an allocation is trained for, at least one epoch.
        evaluations: the most allocations to score, or None.
        seconds: the most seconds of scoring, or None; the evaluation in progress is ended.
        proposals: in a row that cannot be or were scored before, after which the search ends.
    """

    fraction: float = 0.1
    evaluations: int | None = 60
    seconds: float | None = None
    proposals: int = 500

    owner: ClassVar[str]
    """The method's name, for messages."""

    def __post_init__(self) -> None:
        name = self.owner
        require(0 < self.fraction <= 1, f"{name}.fraction", self.fraction, "above 0 and at most 1")
        require_int(self.proposals, f"{name}.proposals", 1)
        if self.evaluations is not None:
            require_int(self.evaluations, f"{name}.evaluations", 1)
        require(
            self.seconds is None or self.seconds > 0, f"{name}.seconds", self.seconds, "above 0"
        )
        require(
            self.evaluations is not None or self.seconds is not None,
            f"{name}.evaluations",
            self.evaluations,
            f"a number, unless {name}.seconds is one",
        )


class ScoredSearch(Method):
    """The base class of searches that ask for scores alone.

    A subclass *must* define ``strategy`` besides what every method defines; its ``Config`` derives
    from ``ScoredConfig``.
    """

    family = "control"
    honours_budget = True
    supports_histories = True
    drops_fields = True
    presets = {"quick": {"evaluations": 4}}

    @abstractmethod
    def strategy(self, context: Context, seed: int) -> Proposals:
        """Yield allocations, one candidate per field; the search ends where it stops.

        Args:
            context: of the search; ask it for no scores.
            seed: of everything that the strategy draws.
        """

    def search(self, context: Context, prepared: None) -> Allocation:
        """Return the allocation with the highest validation AUC that was scored.

        Raises:
            ConfigError: the budget is below the smallest allocation.
        """
        config: Any = self.config
        draws = torch.randint(2**31, (2,), generator=context.generator).tolist()
        proposals = self.strategy(context, draws[0])
        scores: dict[Sizes, float] = {}
        in_vain = 0
        answer: float | None = None
        while not self._is_over(context, len(scores), in_vain):
            try:
                sizes = proposals.send(answer)  # The first is sent None, as it must be.
            except StopIteration:
                break
            if not can_be(context, sizes):
                in_vain += 1
                answer = None
                continue
            if sizes in scores:
                in_vain += 1
            else:
                allocation = Allocation.field_wise(context.fields, sizes)
                found = context.evaluate(allocation, fraction=config.fraction, seed=draws[1])
                scores[sizes] = found.auc
                in_vain = 0
                context.trace("validation_auc", len(scores), scores[sizes])
                context.trace("best validation_auc", len(scores), max(scores.values()))
                context.progress("evaluation", len(scores), config.evaluations or len(scores))
            answer = scores[sizes]
        proposals.close()
        best = max(scores, key=scores.__getitem__)
        return Allocation.field_wise(context.fields, best)

    def _is_over(self, context: Context, evaluated: int, in_vain: int) -> bool:
        """Whether the search ends; not before one allocation has been scored."""
        config: Any = self.config
        return evaluated > 0 and (
            (config.evaluations is not None and evaluated >= config.evaluations)
            or (config.seconds is not None and context.spent.seconds >= config.seconds)
            or in_vain >= config.proposals
        )


def can_be(context: Context, sizes: Sizes) -> bool:
    """Whether sizes are within the budget, if there is one, and leave some field in."""
    parameters = sum(
        size * field.cardinality for size, field in zip(sizes, context.fields, strict=True)
    )
    return parameters > 0 and (context.budget is None or parameters <= context.budget)


def draw_sizes(context: Context, source: random.Random) -> Sizes:
    """Return random sizes within the budget, if there is one.

    Without one each is any candidate, all equally likely. With one, fields come in random order,
    and each is any candidate that leaves the smallest for the fields that follow. Where 0 is a
    candidate, all may be 0.

    Raises:
        ConfigError: the budget is below the smallest allocation.
    """
    largest_uniform(context)
    rows = [field.cardinality for field in context.fields]
    least = context.candidates[0]
    left = None if context.budget is None else context.budget - least * sum(rows)
    sizes = [least] * len(rows)
    for field in source.sample(range(len(rows)), len(rows)):
        fitting = [
            size
            for size in context.candidates
            if left is None or (size - least) * rows[field] <= left
        ]
        sizes[field] = fitting[int(source.random() * len(fitting))]
        if left is not None:
            left -= (sizes[field] - least) * rows[field]
    return tuple(sizes)


def largest_uniform(context: Context) -> int:
    """Return the largest candidate that all fields may have; 0 where none above it fits.

    Raises:
        ConfigError: the budget is below the smallest allocation.
    """
    rows = sum(field.cardinality for field in context.fields)
    budget, least = context.budget, smallest_parameters(context)
    if budget is not None and budget < least:
        raise ConfigError(
            f"no allocation meets a budget of {budget} embedding parameters: the smallest has"
            f" {least}; raise --budget"
        )
    return max(size for size in context.candidates if budget is None or size * rows <= budget)


def smallest_parameters(context: Context) -> int:
    """Return the embedding parameters of the smallest allocation of candidates.

    Where 0 is one it leaves all fields out but that of the fewest values.
    """
    rows = [field.cardinality for field in context.fields]
    least = context.candidates[0]
    return least * sum(rows) if least else context.candidates[1] * min(rows)
