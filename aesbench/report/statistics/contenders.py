"""Who competes at a place: a line-up, whether it ran or not, and whoever else ran as it comes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import pandas as pd

from aesbench.core.label import UNIFICATIONS, Label
from aesbench.plugins.exhibit import Evidence
from aesbench.plugins.paper import Paper, Place
from aesbench.report.statistics.paired import versus
from aesbench.report.statistics.scores import (
    GIVEN,
    REFERENCE,
    UNIFORM,
    Measure,
    by_method,
    compared,
    over_seeds,
    places,
    seed_means,
)

BEST = "best-ues"
"""The key of the row of the best uniform size."""


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


def line_up(papers: Sequence[Paper]) -> tuple[list[str], set[str]]:
    """Return the methods of all line-ups, and those that have a row only where they ran."""
    listed = dict.fromkeys(choice for paper in papers for choice in paper.line_up)
    return list(listed), {choice for paper in papers for choice in paper.beside}


def competitions(
    evidence: Evidence, papers: Sequence[Paper] | None = None
) -> Mapping[Place, Sequence[Contender]]:
    """Return ``{place: its contenders}`` of all places where something was retrained."""
    return _competitions(evidence, tuple(evidence.papers if papers is None else papers))


@lru_cache(maxsize=8)  # Several exhibits ask for the same.
def _competitions(
    evidence: Evidence, papers: tuple[Paper, ...]
) -> Mapping[Place, Sequence[Contender]]:
    retrained = evidence.runs[evidence.runs["retrained"]]
    return {place: contenders(evidence, runs, papers) for place, runs in places(retrained)}


def contenders(
    evidence: Evidence, runs: pd.DataFrame, papers: Sequence[Paper] | None = None
) -> list[Contender]:
    """Return the rows of one place, whether they have runs or not.

    First the reference, the other uniform sizes of the line-up, the reference under the other
    unification and the best uniform size; then the line-up; then every other method that ran with
    its own settings, without a budget. A method that ran under budgets only has those rows.

    Args:
        evidence: for names.
        runs: of the place, searches without retraining left out.
        papers: whose line-ups; all that are registered if None.
    """
    listed, beside = line_up(evidence.papers if papers is None else papers)
    groups = by_method(runs[runs["base_method"] != GIVEN])
    uniform = [REFERENCE, *(c for c in listed if _is(c, UNIFORM) and c != REFERENCE)]
    best = best_uniform(groups)
    chosen = f" ({evidence.method(best)})" if best else ""
    rows = [_contender(evidence, groups, label) for label in (*uniform, _other(runs))]
    row = _contender(evidence, groups, best or BEST)
    rows.append(Contender(BEST, best, f"Best UES on validation{chosen}", row.runs, row.failed))
    ran = [label for label in groups if Label.parse(label).is_plain and not _is(label, UNIFORM)]
    known = [c for c in listed if not _is(c, UNIFORM) and (c not in beside or c in ran)]
    for label in (*known, *(label for label in ran if label not in known)):
        budgeted = [name for name in groups if _is_budgeted(name, label)]
        is_missing = label not in groups or not len(compared(groups[label]))
        names = budgeted if is_missing and budgeted else [label]
        rows += [_contender(evidence, groups, name) for name in names]
    return rows


def differences(rows: Sequence[Contender], baseline: str, measure: Measure) -> pd.DataFrame:
    """Return each row's paired difference from the row of a key, p corrected over all of them."""
    return versus({row.key: seed_means(row.runs, measure) for row in rows}, baseline)


def best_uniform(groups: dict[str, pd.DataFrame]) -> str | None:
    """Return the label of the uniform size with the highest mean validation AUC, if any ran.

    Chosen on validation, since a size chosen on test has seen what it is judged by.
    """
    sizes = [c for c in groups if _is(c, UNIFORM) and Label.parse(c).is_plain]
    means = {}
    for label in sorted(sizes, key=lambda text: int(Label.parse(text).preset)):
        summary = over_seeds(compared(groups[label]), "validation_auc")
        if summary is not None:
            means[label] = summary.mean
    return max(means, key=lambda label: means[label]) if means else None


def _is(label: str, name: str) -> bool:
    return Label.parse(label).name == name


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
