"""Whether searching is worth it: each search against the best of what needs none, at equal memory.

What needs no search is a uniform size or a rule (methods of the family ``heuristic``): nobody would
search who can have as much from a formula. A search is any other method as it comes, or as it was
tuned, under whatever budget; sizes given by hand and by chance are neither.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from aesbench.core.label import Label
from aesbench.plugins.exhibit import Evidence
from aesbench.plugins.paper import Place
from aesbench.report.statistics.contenders import BEST, Contender, competitions, is_uniform, rivals
from aesbench.report.statistics.paired import compare
from aesbench.report.statistics.scores import GIVEN, RANDOM, UNIFORM, seed_means

RULES = "heuristic"
"""The family of methods that need no training to choose sizes."""

LEAST_PAIRS = 5
"""Of fewer seeds an interval is too wide to say that there is nothing: Student's of three pairs is
twice as wide as of five with the same deviation."""


@dataclass(frozen=True)
class Gain:
    """What a search gains over the best of what needs none, of at most as many parameters.

    Attributes:
        search: its label.
        rival: the label of what it is held against; None where there is nothing.
        pairs: seeds that both have.
        difference, low, high: test AUC, Student's 95 % interval; None where so few pairs have none.
        larger: whether the rival has more parameters, as nothing so small ran.
    """

    search: str
    rival: str | None
    pairs: int
    difference: float | None
    low: float | None
    high: float | None
    larger: bool


def search_gains(evidence: Evidence) -> Mapping[Place, list[Gain]]:
    """Return ``{place: what each search gains}`` of all places where one ran.

    The rival is chosen by its mean validation AUC over the seeds; tuned searches have tuned rivals,
    if any ran.
    """
    families = _families(evidence)
    found = {place: _gains(rows, families) for place, rows in competitions(evidence).items()}
    return {place: own for place, own in found.items() if own}


def is_not_worth_it(found: Sequence[Gain]) -> bool:
    """Whether none of some searches gains anything, as far as their seeds can tell.

    No interval lies above 0, each is over ``LEAST_PAIRS`` seeds at least, and no search is smaller
    than all that needs none without being clearly below what it is then held against.
    """
    return bool(found) and all(
        one.low is not None
        and one.high is not None
        and one.pairs >= LEAST_PAIRS
        and (one.high < 0 if one.larger else one.low <= 0)
        for one in found
    )


def _gains(rows: Sequence[Contender], families: Mapping[str, str]) -> list[Gain]:
    """Return what each search of a place gains."""
    rows = [row for row in rows if row.key != BEST and len(row.runs)]
    kinds = {row.key: _kind(row.key, families) for row in rows}
    needless = {row.key for row in rows if kinds[row.key] == RULES}
    rival = rivals(rows, lambda key: key in needless)
    scores = {row.key: seed_means(row.runs, "test_auc") for row in rows}
    params = {row.key: float(row.runs["embedding_params"].mean()) for row in rows}
    nothing = pd.Series(dtype=float)
    gains = []
    for row in rows:
        if kinds[row.key] == "search":
            other = rival.get(row.key)
            one = compare(scores[row.key], scores.get(other or "", nothing))
            is_larger = other is not None and params[other] > params[row.key]
            limits = one["difference"], one["95 % low"], one["95 % high"]
            gains.append(Gain(row.key, other, int(one["pairs"] or 0), *limits, is_larger))
    return gains


def _kind(key: str, families: Mapping[str, str]) -> str | None:
    """Return whether a row is a rule, uniform sizes among them, or a search; None for neither."""
    label = Label.parse(key)
    if is_uniform(key) or is_uniform(key, tuned=True):
        return RULES
    is_as_it_comes = label.without("tuned", "share").is_plain
    if not is_as_it_comes or label.name in (GIVEN, RANDOM, UNIFORM):
        return None
    return RULES if families.get(label.name) == RULES else "search"


def _families(evidence: Evidence) -> dict[str, str]:
    """Return ``{method: its family}`` where any record says it; old ones do not."""
    known = evidence.runs.dropna(subset=["family"]).drop_duplicates("base_method", keep="last")
    return dict(zip(known["base_method"], known["family"], strict=True))
