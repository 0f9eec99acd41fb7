"""What a search maximises: a subnet's validation reward less the penalty on its sizes (Eq. 9)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from statistics import fmean, pstdev
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from aesbench import Metrics
from aesbench_methods.adass.config import AdaSSConfig
from aesbench_methods.adass.scoring import Scorer
from aesbench_methods.adass.space import Sizes, Space

UNIT_SUBNETS = 64
"""Random subnets whose rewards' standard deviation is the unit of the search's loss."""

PROGRESS_POINTS = 200
"""About how many points of a search's progress are recorded."""


class Memo:
    """The subnets of a prepared state, their rewards remembered for all of its searches."""

    def __init__(self, scorers: Sequence[Scorer]) -> None:
        self.scorers = tuple(scorers)
        self._rewards: dict[tuple[str, Sizes], float] = {}

    def metrics(self, sizes: Sizes) -> Metrics:
        """Return a subnet's validation metrics, the mean over the supernets."""
        scores = [scorer.score(sizes) for scorer in self.scorers]
        return Metrics(fmean(s.auc for s in scores), fmean(s.logloss for s in scores))

    def reward(self, sizes: Sizes, kind: str) -> float:
        """Return a subnet's reward of a kind (``Scorer.reward``), the mean over the supernets."""
        key = kind, sizes
        if key not in self._rewards:
            self._rewards[key] = fmean(scorer.reward(sizes, kind) for scorer in self.scorers)
        return self._rewards[key]


class Rewards(Protocol):
    """Whatever rewards allocations: a supernet's memo, or trainings alone."""

    def reward(self, sizes: Sizes, kind: str) -> float:
        """Return the reward of an allocation."""
        ...


class Objective:
    """The objective of one search, which counts the subnets that it scores.

    Attributes:
        space: what may be chosen.
        seen: {subnet: its objective}, in the order of their evaluation.
        prices: (fields, candidates) what a field's size costs, λ_r included.
        unit: the standard deviation of the reward over random subnets, or 1.
    """

    def __init__(
        self,
        memo: Rewards,
        space: Space,
        config: AdaSSConfig,
        generator: torch.Generator,
    ) -> None:
        self.space, self.config = space, config
        self._memo, self._generator = memo, generator
        self.seen: dict[Sizes, float] = {}
        # A budget is a hard bound on the parameters; a price on top of it would only distort.
        self.lambda_r = config.lambda_r if space.budget is None else 0.0
        self.prices = self.lambda_r * _weights(space, config)
        self.unit = 1.0
        if config.reward_unit == "deviation":
            rewards = [self.reward(self.random()) for _ in range(UNIT_SUBNETS)]
            self.unit = max(pstdev(rewards), 1e-9)

    @property
    def exhausted(self) -> bool:
        """Whether the search has scored as many subnets as it may."""
        return len(self.seen) >= self.config.evaluations

    def random(self) -> Sizes:
        """Draw an allocation of the space."""
        shape = (len(self.space.fields),)
        drawn = torch.randint(len(self.space.candidates), shape, generator=self._generator)
        return self.space.nearest(tuple(drawn.tolist()))

    def reward(self, sizes: Sizes) -> float:
        """Return the reward of Eq. 8's R, weight included, and count the evaluation."""
        reward = self._memo.reward(sizes, self.config.reward)
        weight = self.config.lambda_r if self.config.reward_weight == "lambda_r" else 1.0
        self.seen.setdefault(sizes, weight * reward - self.penalty(sizes))
        return weight * reward

    def penalty(self, sizes: Sizes) -> float:
        """Return the first term of Eq. 9 for an allocation that is certain."""
        return float(self.prices[range(len(sizes)), sizes].sum())

    def value(self, sizes: Sizes) -> float:
        """Return reward less penalty, the objective that all searches maximise."""
        return self.reward(sizes) - self.penalty(sizes)

    def best(self) -> Sizes:
        """Return the best allocation seen; the earliest of equals."""
        return max(self.seen, key=lambda sizes: self.seen[sizes])

    def progress(self) -> list[tuple[int, float]]:
        """Return the best objective after each of some numbers of subnets scored, ascending."""
        best = list(accumulate(self.seen.values(), max))
        return list(enumerate(best, 1))[:: -(-len(best) // PROGRESS_POINTS)]

    def changes(self, sizes: Sizes) -> list[list[float]]:
        """Return by how much the objective changes if one field alone takes another size.

        (fields, candidates), zero at the sizes themselves; the budget and the count of evaluations
        are left aside. It is why a size was chosen, as far as the search could see.
        """
        weight = self.config.lambda_r if self.config.reward_weight == "lambda_r" else 1.0

        def value(changed: Sizes) -> float:
            return weight * self._memo.reward(changed, self.config.reward) - self.penalty(changed)

        here = value(sizes)
        return [
            [value((*sizes[:i], size, *sizes[i + 1 :])) - here for size in range(len(row))]
            for i, row in enumerate(self.space.costs)
        ]


def _weights(space: Space, config: AdaSSConfig) -> NDArray[np.float64]:
    """Return the weight ``(fields, candidates)`` of each P_ij in the first term of Eq. 9.

    As printed it is d_j / M for every field; weighted by cardinality, n_i d_j / Σ n.
    """
    by_field = np.full(len(space.fields), 1 / len(space.fields))
    rows = np.array([field.cardinality for field in space.fields])
    share = config.price_by_parameters
    weights = (1 - share) * by_field + share * rows / rows.sum()
    unit = space.candidates[-1] if config.size_unit == "relative" else 1
    weighted: NDArray[np.float64] = np.outer(weights, np.array(space.candidates) / unit)
    return weighted
