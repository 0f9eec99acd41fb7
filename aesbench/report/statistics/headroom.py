"""Headroom from retrained allocations, and the share of it that a method recovers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from aesbench.report.statistics.bootstrap import RESAMPLES
from aesbench.report.statistics.paired import compare
from aesbench.tabular.front import Sizes
from aesbench.tabular.headroom import BudgetHeadroom, Contest

Scores = Mapping[Sizes, pd.DataFrame]
"""{sizes: a row per seed with ``validation_auc`` and ``test_auc``}."""


def headrooms(
    contests: Sequence[Contest], scores: Scores, cardinalities: Sequence[int]
) -> list[BudgetHeadroom]:
    """Return the headroom of each budget whose rival and contenders were retrained.

    Args:
        contests: what was to be retrained, by budget.
        scores: of what was, over fresh seeds.
        cardinalities: of the fields.
    """

    def parameters(sizes: Sizes) -> int:
        return sum(n * size for n, size in zip(cardinalities, sizes, strict=True))

    contenders = dict.fromkeys(one for contest in contests for one in contest.contenders)
    found = []
    for contest in contests:
        rival = scores.get((contest.rival,) * len(cardinalities))
        within = [
            one for one in contenders if one in scores and parameters(one) <= contest.parameters
        ]
        if rival is None or not within:
            continue
        best = max(within, key=lambda one: float(scores[one]["validation_auc"].mean()))
        ours, theirs = scores[best]["test_auc"], rival["test_auc"]
        seeds = sorted(set(ours.index) & set(theirs.index))
        if not seeds:
            continue
        gained = compare(ours, theirs)
        found.append(
            BudgetHeadroom(
                uniform=contest.uniform,
                parameters=contest.parameters,
                rival=contest.rival,
                rival_auc=float(theirs[seeds].mean()),
                reference=best,
                reference_parameters=parameters(best),
                differences={int(seed): float(ours[seed] - theirs[seed]) for seed in seeds},
                mean=gained["difference"] or 0.0,
                low=gained["95 % low"],
                high=gained["95 % high"],
            )
        )
    return found


@dataclass(frozen=True)
class Recovered:
    """The share of a headroom that a method recovers, with its 95 % interval.

    ``low`` and ``high`` are None where either side has one seed.
    """

    share: float
    low: float | None
    high: float | None


def recovered(gained: Sequence[float], headroom: BudgetHeadroom) -> Recovered | None:
    """Return what a method gained over the best uniform size, over what there is to gain.

    The interval is the percentile bootstrap's over the seeds of both, each resampled on its own.

    Args:
        gained: of each seed, over the best uniform size of at most as many parameters.
        headroom: of as many parameters.

    Returns:
        None where there is no headroom or nothing was gained or lost: no seed is shared.
    """
    if not headroom.exists or not len(gained):
        return None
    ours, room = np.asarray(gained, float), np.array(list(headroom.differences.values()))
    share = float(ours.mean() / room.mean())
    if min(len(ours), len(room)) < 2:
        return Recovered(share, None, None)
    source = np.random.Generator(np.random.PCG64(0))
    means = [
        own[source.integers(len(own), size=(RESAMPLES, len(own)))].mean(1) for own in (ours, room)
    ]
    low, high = np.quantile(means[0] / means[1], (0.025, 0.975))
    return Recovered(share, float(low), float(high))
