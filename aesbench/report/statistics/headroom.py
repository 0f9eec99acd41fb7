"""Headroom from retrained allocations, and the share of it that a method recovers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aesbench.core.headroom import BudgetHeadroom, Headroom
from aesbench.plugins.exhibit import Evidence, shown
from aesbench.plugins.paper import Place
from aesbench.report.statistics.bootstrap import RESAMPLES
from aesbench.report.statistics.contenders import (
    BEST,
    Contender,
    competitions,
    is_uniform,
    rivals,
)
from aesbench.report.statistics.paired import compare
from aesbench.report.statistics.scores import mean_over_seeds, seed_means
from aesbench.tabular.front import Sizes
from aesbench.tabular.headroom import Contest

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
    """The share of a headroom that a method recovers.

    Attributes:
        share: what it gains, over what there is to gain.
        low, high: the 95 % interval; None where either side has one seed.
        resampled: the shares of resampled seeds; empty without an interval.
    """

    share: float
    low: float | None
    high: float | None
    resampled: NDArray[np.float64] = field(
        default_factory=lambda: np.empty(0), compare=False, repr=False
    )


def recovered(gained: Sequence[float], headroom: BudgetHeadroom, seed: int = 0) -> Recovered | None:
    """Return what a method gained over the best uniform size, over what there is to gain.

    The interval is the percentile bootstrap's over the seeds of both, each resampled on its own.

    Args:
        gained: of each seed, over the best uniform size of at most as many parameters.
        headroom: of as many parameters.
        seed: of the resampling; another at each place whose shares are averaged.

    Returns:
        None where there is no headroom, or no seed has a difference.
    """
    if not headroom.exists or not len(gained):
        return None
    ours, room = np.asarray(gained, float), np.array(list(headroom.differences.values()))
    share = float(ours.mean() / room.mean())
    if min(len(ours), len(room)) < 2:
        return Recovered(share, None, None)
    source = np.random.Generator(np.random.PCG64(seed))
    means = [
        own[source.integers(len(own), size=(RESAMPLES, len(own)))].mean(1) for own in (ours, room)
    ]
    return _with_interval(share, means[0] / means[1])


def average(shares: Sequence[Recovered]) -> Recovered | None:
    """Return the mean of shares over places, with the interval of that mean; None of none.

    Without an interval where one of them has none.
    """
    if not shares:
        return None
    mean = float(np.mean([one.share for one in shares]))
    if any(not len(one.resampled) for one in shares):
        return Recovered(mean, None, None)
    return _with_interval(mean, np.mean([one.resampled for one in shares], axis=0))


def _with_interval(share: float, resampled: NDArray[np.float64]) -> Recovered:
    low, high = np.quantile(resampled, (0.025, 0.975))
    return Recovered(share, float(low), float(high), resampled)


NO_HEADROOM = "no headroom"

RECOVERED = (
    "Headroom recovered: test AUC gained over the best uniform size of at most as many parameters,"
    " over what the reference front gains there (the best of the allocations that a surrogate of"
    " some hundreds of stand-alone trainings names, retrained on fresh seeds); bootstrap interval"
    " of 95 % over the seeds of both; 'no headroom' where the interval of what there is to gain"
    " holds 0."
)
"""What the share is, for a caption."""

Shares = Mapping[str, Recovered | str | None]
"""{row: its share; ``NO_HEADROOM``; None where none is defined or nothing compares}."""


def shares(rows: Sequence[Contender], headroom: Headroom, seed: int = 0) -> Shares:
    """Return what each row of a place recovers of the headroom there.

    Args:
        rows: the contenders of the place; uniform sizes are what others are held against.
        headroom: of the place.
        seed: of the resampling.
    """
    rows = [row for row in rows if row.key != BEST]
    rival = rivals(rows)
    scores = {row.key: seed_means(row.runs, "test_auc") for row in rows}
    sizes = {row.key: mean_over_seeds(row.runs, "embedding_params") for row in rows}
    found: dict[str, Recovered | str | None] = {}
    for row in rows:
        ours, against = sizes[row.key], rival.get(row.key)
        if is_uniform(row.key) or ours is None or against is None:
            continue
        room = headroom.at(ours)
        if room is None or (sizes[against] or 0.0) > ours:
            found[row.key] = None
            continue
        differences = (scores[row.key] - scores[against]).dropna()
        found[row.key] = recovered(list(differences), room, seed) if room.exists else NO_HEADROOM
    return found


@lru_cache(maxsize=8)  # Several exhibits ask for the same.
def shares_everywhere(evidence: Evidence) -> dict[Place, Shares]:
    """Return ``{place: what its rows recover}`` of all places whose headroom is known."""
    known = [place for place in competitions(evidence) if place in evidence.headroom]
    return {
        place: shares(competitions(evidence)[place], evidence.headroom[place], number)
        for number, place in enumerate(known)
    }


def share_text(found: Recovered | str | None) -> str:
    """Return a share as tables show it, with its interval."""
    if not isinstance(found, Recovered):
        return shown(found)
    interval = "" if found.low is None else f" [{found.low:.0%}, {found.high:.0%}]"
    return f"{found.share:.0%}{interval}"
