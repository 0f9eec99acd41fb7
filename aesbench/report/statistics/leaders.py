"""Who leads: means compared over the seeds that all have, ties named, a lead told from chance.

A mean over some seeds beside one over others compares seeds as much as methods: the same method
would lead itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations

import pandas as pd

from aesbench.core.phrasing import listed, many
from aesbench.plugins.exhibit import AUC, Form, shown
from aesbench.report.statistics.paired import ALPHA, holm, t_test
from aesbench.report.statistics.scores import Measure, seed_means
from aesbench.report.statistics.summary import summarise

CLEARLY = (
    "Clearly: a t-test paired by seed has a p below .05, corrected by Holm over all pairs of the"
    " compared methods."
)
"""What a lead is called clear by, for a caption."""

LEAST_SEEDS = 2
"""One seed tells no difference from chance."""


@dataclass(frozen=True)
class Lead:
    """Who has the best mean over the seeds that all compared methods have.

    Attributes:
        first: the key with the best mean; all of them where several have the same.
        mean: theirs.
        seeds: over which means were taken.
        others: the keys of the compared methods behind, in the order given.
        behind: those of ``others`` that are clearly behind whoever is first: the t-test's p, paired
            by seed, is below ``ALPHA`` when corrected by Holm over all pairs of compared methods.
            Of all, as the first one was picked after looking.
        left_out: the keys of methods that have scores, but not of these seeds.
    """

    first: tuple[str, ...]
    mean: float
    seeds: tuple[int, ...]
    others: tuple[str, ...]
    behind: tuple[str, ...]
    left_out: tuple[str, ...]

    @property
    def is_clear(self) -> bool:
        """Whether one method is clearly ahead of every other that was compared."""
        return len(self.first) == 1 and len(self.behind) == len(self.others)

    @property
    def level(self) -> tuple[str, ...]:
        """The keys of ``others`` that chance does not tell from whoever is first."""
        return tuple(key for key in self.others if key not in self.behind)

    def marks(self, keys: Iterable[str]) -> list[bool]:
        """Return which of some keys are first, as the bold of a table's column."""
        return [key in self.first for key in keys]

    def in_words(
        self,
        name: Callable[[str], str],
        what: str = "mean test AUC",
        *,
        most: str = "highest",
        form: Form = AUC,
    ) -> str:
        """Return a clause that says who is first, of how many, over which seeds, and how clearly.

        Args:
            name: what a key is called.
            what: was compared.
            most: what the best is: ``highest``, ``lowest``.
            form: how the mean is shown.
        """
        names = listed(map(name, self.first))
        mean = f"{shown(self.mean, form)} (n = {many(len(self.seeds), 'seed')})"
        if self.others:
            verb = "has" if len(self.first) == 1 else "share"
            count = len(self.first) + len(self.others)
            text = f"{names} {verb} the {most} {what} of {count} methods, {mean}, {self._how(name)}"
        else:
            text = f"{names} have the same {what}, {mean}"
        return text + self.without(name)

    def without(self, name: Callable[[str], str]) -> str:
        """Return what to add to a clause about this lead: who could not be compared, if anybody."""
        if not self.left_out:
            return ""
        return f"; not compared, for want of these seeds: {listed(map(name, self.left_out), 6)}"

    def _how(self, name: Callable[[str], str]) -> str:
        if len(self.seeds) < LEAST_SEEDS:
            return "which a single seed does not tell from chance"
        if not self.behind:
            return "clearly ahead of nobody"
        if not self.level:
            return "clearly ahead of all others" if len(self.others) > 1 else "clearly ahead"
        if len(self.level) <= len(self.behind):
            return f"clearly ahead of all but {listed(map(name, self.level))}"
        return f"clearly ahead of {listed(map(name, self.behind))} only"


def complete(scores: pd.DataFrame, least_columns: int = 2, least_rows: int = 1) -> pd.DataFrame:
    """Return the rows and columns without a gap: as many cells as can be had.

    Rows enter by how many columns they have; each is kept as long as the table grows.

    Args:
        scores: a row per seed, or per place; a column per method; NaN where it did not run.
        least_columns, least_rows: with fewer there is nothing to compare, and none is returned.
    """
    best = scores.iloc[:0, :0]
    counts = scores.notna().sum(axis=1).to_numpy()
    order = sorted(range(len(scores)), key=lambda row: -counts[row])
    for count in range(least_rows, len(order) + 1):
        own = scores.iloc[sorted(order[:count])].dropna(axis=1)
        if own.shape[1] >= least_columns and own.size > best.size:
            best = own
    return best


def common_scores(
    rows: Mapping[str, pd.DataFrame | pd.Series], measure: Measure = "test_auc"
) -> tuple[pd.DataFrame, list[str]]:
    """Return ``(seeds, methods)``: a measure over the seeds that methods have in common.

    Several searches of a seed enter as their mean. A method with few of the others' seeds is left
    out if that keeps more scores than dropping the seeds that it lacks.

    Args:
        rows: {key: its runs, or its score of each seed}; those without any are passed over.
        measure: what is compared of runs.

    Returns:
        The scores, without rows and columns if no two methods share a seed; and the keys that have
        scores and were left out.
    """
    scores = {
        key: own if isinstance(own, pd.Series) else seed_means(own, measure)
        for key, own in rows.items()
        if len(own)
    }
    table = pd.DataFrame({key: own.dropna() for key, own in scores.items()}).sort_index()
    found = complete(table)
    return found, [key for key, own in scores.items() if own.notna().any() and key not in found]


def leader(
    rows: Mapping[str, pd.DataFrame | pd.Series],
    measure: Measure = "test_auc",
    *,
    least: bool = False,
) -> Lead | None:
    """Return who has the best mean over common seeds.

    Args:
        rows: {key: its runs, or its score of each seed}; give each once, under one key.
        measure: what is compared of runs.
        least: whether the least is best.

    Returns:
        None where no two methods have a seed in common: nobody leads alone.
    """
    scores, left_out = common_scores(rows, measure)
    if scores.empty:
        return None
    first, mean = _first(scores, least)
    others = tuple(str(key) for key in scores if key not in first)
    return Lead(
        first=first,
        mean=mean,
        seeds=tuple(int(seed) for seed in scores.index),
        others=others,
        behind=_behind(scores, first, others),
        left_out=tuple(left_out),
    )


def chosen(
    rows: Mapping[str, pd.DataFrame], measure: Measure, *, least: bool = False
) -> str | None:
    """Return whom a measure chooses: the first one given of those who lead, or the only one.

    Args:
        rows, measure, least: as of ``leader``; ``measure`` on validation, or the choice has seen
            what it is judged by.

    Returns:
        None where nothing ran, or where several did without a seed in common.
    """
    ran = [key for key, runs in rows.items() if len(runs)]
    if len(ran) < 2:
        return ran[0] if ran else None
    scores, _ = common_scores(rows, measure)
    return None if scores.empty else _first(scores, least)[0][0]


def firsts(rows: Mapping[str, pd.DataFrame], measure: Measure, *, least: bool = False) -> set[str]:
    """Return who leads, without asking by how much: the bold of a table's column.

    Args:
        rows, measure, least: as of ``leader``.

    Returns:
        Nobody where no two methods have a seed in common.
    """
    scores, _ = common_scores(rows, measure)
    return set() if scores.empty else set(_first(scores, least)[0])


def _first(scores: pd.DataFrame, least: bool) -> tuple[tuple[str, ...], float]:
    """Return whose mean is best, and that mean."""
    means = {str(key): summarise(list(own)).mean for key, own in scores.items()}
    mean = (min if least else max)(means.values())
    return tuple(key for key, own in means.items() if own == mean), mean


def _behind(
    scores: pd.DataFrame, first: tuple[str, ...], others: tuple[str, ...]
) -> tuple[str, ...]:
    """Return who differs from everyone who is first."""
    pairs = list(combinations(scores, 2))
    p_values = [t_test(list(scores[one] - scores[other])) for one, other in pairs]
    clear = {
        frozenset(pair)
        for pair, p in zip(pairs, holm(p_values), strict=True)
        if p is not None and p < ALPHA
    }
    return tuple(key for key in others if all(frozenset((key, one)) in clear for one in first))
