"""The search half of AdaS&S alone: its policy, rewarded by stand-alone scores, without a supernet.

What it finds at as many evaluations as other searches says what the policy is worth; beside the
method itself it says what the supernet is worth, which scores a thousand subnets in the time of a
few trainings. Deviations from the method: memory has no price (λ_r = 0), since scores alone are
compared, and a budget bounds it; the unit of rewards comes from ``UNIT`` random allocations, which
count as evaluations, not from 64.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import pstdev

import torch

from aesbench import Allocation, Context
from aesbench.plugins.method import Method
from aesbench.plugins.scored_search import ScoredConfig
from aesbench_methods.adass import rl
from aesbench_methods.adass.config import AdaSSConfig
from aesbench_methods.adass.objective import Objective
from aesbench_methods.adass.space import Sizes, Space

UNIT = 8
"""Random allocations whose scores' standard deviation is the unit of the search's loss."""


@dataclass(frozen=True)
class PolicySearchConfig(ScoredConfig):
    """The settings of the search: those of all searches by scores. ``proposals`` is not used.

    The last update of the policy is ended, which may take a few evaluations more.
    """

    owner = "adass-policy"


class AloneMemo:
    """Scores of allocations that are trained alone, each once; takes a supernet's place."""

    def __init__(self, context: Context, space: Space, fraction: float, seed: int) -> None:
        self._context, self._space = context, space
        self._fraction, self._seed = fraction, seed
        self._scores: dict[Sizes, float] = {}

    def reward(self, sizes: Sizes, kind: str) -> float:
        """Return the validation AUC of an allocation, whatever the kind."""
        if sizes not in self._scores:
            context = self._context
            found = context.evaluate(
                self._space.allocation(sizes), fraction=self._fraction, seed=self._seed
            )
            self._scores[sizes] = found.auc
            count = len(self._scores)
            context.trace("validation_auc", count, found.auc)
            context.trace("best validation_auc", count, max(self._scores.values()))
        return self._scores[sizes]


class AloneObjective(Objective):
    """The objective of a search that ends by seconds, too."""

    seconds: float | None = None
    context: Context

    @property
    def exhausted(self) -> bool:
        """Whether the search has spent what it may."""
        is_late = self.seconds is not None and self.context.spent.seconds >= self.seconds
        return is_late or super().exhausted


class AdaSSPolicy(Method):
    """AdaS&S's policy, told what allocations score when they are trained alone."""

    name = "adass-policy"
    title = "AdaS&S policy, no supernet"
    family = "control"
    Config = PolicySearchConfig
    honours_budget = True
    supports_histories = True
    presets = {"quick": {"evaluations": 12}}

    def search(self, context: Context, prepared: None) -> Allocation:
        """Return the best allocation that was scored.

        Raises:
            ConfigError: the budget is below the smallest allocation.
        """
        own: PolicySearchConfig = self.config
        seed = int(torch.randint(2**31, (), generator=context.generator))
        most = own.evaluations or 10**9  # By seconds alone.
        config = AdaSSConfig(
            lambda_r=0.0, reward_unit="none", evaluations=most, steps=min(most, 10_000)
        )
        space = Space(context.fields, context.candidates, context.budget)
        memo = AloneMemo(context, space, own.fraction, seed)
        objective = AloneObjective(memo, space, config, context.generator)
        objective.context, objective.seconds = context, own.seconds
        rewards = [objective.reward(objective.random()) for _ in range(min(UNIT, most))]
        objective.unit = max(pstdev(rewards), 1e-9)
        if objective.exhausted:
            return space.allocation(objective.best())
        return space.allocation(rl.search(objective, config, context))
