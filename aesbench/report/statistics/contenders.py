"""Who competes at a place: whatever ran there, or a paper's line-up, whether it ran or not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import pandas as pd

from aesbench.core.label import UNIFICATIONS, Label
from aesbench.plugins.exhibit import Evidence
from aesbench.plugins.paper import Paper, Place
from aesbench.report.statistics.leaders import chosen
from aesbench.report.statistics.paired import versus
from aesbench.report.statistics.scores import (
    GIVEN,
    REFERENCE,
    UNIFORM,
    Measure,
    by_method,
    compared,
    places,
    seed_means,
)

BEST = "best-ues"
"""The key of the row of the best uniform size."""

MOST_GIVEN = 10
"""So many allocations given by hand at a place are contenders."""


@dataclass(frozen=True, eq=False)
class Contender:
    """A row of a comparison.

    Attributes:
        key: names the row: its label, or ``best-ues`` for whichever size was chosen.
        label: of its runs; None where there is nothing to choose from.
        name: as it is read.
        runs: those that can be compared.
        failed: how many others failed.
    """

    key: str
    label: str | None
    name: str
    runs: pd.DataFrame
    failed: int = 0


def competitions(evidence: Evidence) -> Mapping[Place, Sequence[Contender]]:
    """Return ``{place: its contenders}`` of all places where something was retrained."""
    return _competitions(evidence, None)


def line_up(evidence: Evidence, paper: Paper) -> Mapping[Place, Sequence[Contender]]:
    """Return the same as a paper has it: its line-up, whether it ran or not, and nobody else."""
    return _competitions(evidence, paper)


@lru_cache(maxsize=8)  # Several exhibits ask for the same.
def _competitions(evidence: Evidence, paper: Paper | None) -> Mapping[Place, Sequence[Contender]]:
    retrained = evidence.runs[evidence.runs["retrained"]]
    return {
        place: contenders(evidence, runs) if paper is None else contenders_of(evidence, runs, paper)
        for place, runs in places(retrained)
    }


def contenders(evidence: Evidence, runs: pd.DataFrame) -> list[Contender]:
    """Return the rows of one place: whatever ran there.

    Uniform sizes, the best of them, and then the others in the order of the evidence.

    Args:
        evidence: for names.
        runs: of the place, searches without retraining left out.
    """
    groups = by_method(judged(runs))
    uniform = [label for label in groups if is_uniform(label)]
    others = [label for label in groups if label not in uniform]
    rows = [_contender(evidence, groups, label) for label in uniform]
    best = best_uniform(groups)
    if best:
        rows.append(_best(evidence, groups, best))
    return rows + [_contender(evidence, groups, label) for label in others]


def contenders_of(evidence: Evidence, runs: pd.DataFrame, paper: Paper) -> list[Contender]:
    """Return the rows of one place in a paper's table, whether they have runs or not.

    First the reference, the other uniform sizes of the line-up, the reference under the other
    unification and the best uniform size; then the line-up. A method that ran under budgets only
    has those rows.

    Args:
        evidence: for names.
        runs: of the place, searches without retraining left out.
        paper: whose line-up.
    """
    groups = by_method(judged(runs))
    uniform = [c for c in paper.line_up if is_uniform(c) and c != REFERENCE]
    rows = [_contender(evidence, groups, c) for c in (REFERENCE, *uniform, _other(runs))]
    rows.append(_best(evidence, groups, best_uniform(groups)))
    for label in paper.line_up:
        is_row = label in groups or label not in paper.beside
        if is_row and not is_uniform(label):
            budgeted = [name for name in groups if _is_budgeted(name, label)]
            is_missing = label not in groups or not len(compared(groups[label]))
            names = budgeted if is_missing and budgeted else [label]
            rows += [_contender(evidence, groups, name) for name in names]
    return rows


def judged(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the runs of one place without given sizes, where these are too many to be contenders.

    Allocations drawn by the hundred are ground that others are held against.
    """
    is_given = runs["base_method"] == GIVEN
    is_ground = runs["method"][is_given].nunique() > MOST_GIVEN
    return runs[~is_given] if is_ground else runs


def differences(rows: Sequence[Contender], baseline: str, measure: Measure) -> pd.DataFrame:
    """Return each row's paired difference from the row of a key, p corrected over all of them."""
    return versus({row.key: seed_means(row.runs, measure) for row in rows}, baseline)


def best_uniform(groups: dict[str, pd.DataFrame]) -> str | None:
    """Return the label of the uniform size with the highest mean validation AUC, if any ran.

    Chosen on validation, since a size chosen on test has seen what it is judged by.
    """
    sizes = sorted(filter(is_uniform, groups), key=lambda text: int(Label.parse(text).preset))
    return chosen({label: compared(groups[label]) for label in sizes}, "validation_auc")


def is_uniform(label: str, *, tuned: bool = False) -> bool:
    """Whether a label is that of a uniform size as it comes, or as it was tuned."""
    known = Label.parse(label)
    is_size = known.preset.isdecimal() or (tuned and not known.preset)
    return known.name == UNIFORM and is_size and known == replace(known.plain, tuned=tuned)


def rivals(
    rows: Sequence[Contender], may_be: Callable[[str], bool] | None = None
) -> dict[str, str]:
    """Return ``{key: the best uniform size of at most as many embedding parameters}``.

    The best by mean validation AUC; where nothing so small ran, the smallest that did, which is
    larger. Only sizes that share a seed with the row. Tuned methods have tuned uniform sizes as
    rivals, if any ran. A row is left out where there is none, and where it is itself the one.

    Args:
        rows: of one place.
        may_be: whether a row of a key may be a rival, in place of uniform sizes alone.
    """
    may_be = may_be or (lambda key: is_uniform(key) or is_uniform(key, tuned=True))
    ran = [row for row in rows if row.key != BEST and len(row.runs)]
    params = {row.key: float(row.runs["embedding_params"].mean()) for row in ran}
    plain, tuned = (
        {r.key: r.runs for r in ran if may_be(r.key) and Label.parse(r.key).tuned == tuned}
        for tuned in (False, True)
    )
    found = {}
    for row in ran:
        sizes = tuned if tuned and Label.parse(row.key).tuned else plain
        seeds = set(row.runs["seed"])
        sizes = {key: runs for key, runs in sizes.items() if seeds & set(runs["seed"])}
        own = {key: runs for key, runs in sizes.items() if params[key] <= params[row.key]}
        best = chosen(own, "validation_auc") or min(sizes, key=params.__getitem__, default=None)
        if best and best != row.key:
            found[row.key] = best
    return found


def _best(evidence: Evidence, groups: dict[str, pd.DataFrame], best: str | None) -> Contender:
    """Return the row of the best uniform size."""
    row = _contender(evidence, groups, best or BEST)
    name = f"Best UES on validation ({evidence.method(best)})" if best else "Best UES on validation"
    return replace(row, key=BEST, label=best, name=name)


def _is_budgeted(label: str, choice: str) -> bool:
    """Whether a label is a method as it comes under a budget."""
    known = Label.parse(label)
    return known.share is not None and str(known.without("share")) == choice


def _contender(evidence: Evidence, groups: dict[str, pd.DataFrame], label: str) -> Contender:
    own = groups.get(label, evidence.runs.iloc[:0])
    done = compared(own)
    return Contender(label, label, evidence.method(label), done, len(own) - len(done))


def _other(runs: pd.DataFrame) -> str:
    """Return the label of the reference under the unification that is not the backbone's own."""
    plain = [Label.parse(label).unification is None for label in runs["method"]]
    own = set(runs["unification"][plain])
    (other, *_) = [name for name in UNIFICATIONS if name not in own] or UNIFICATIONS
    return str(replace(Label.parse(REFERENCE), unification=other))
