"""A paper's claims held against records: confirmed, not confirmed, or open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from aesbench.core.label import Label
from aesbench.plugins.exhibit import Evidence
from aesbench.plugins.paper import Claim, Paper, Place, Score
from aesbench.report.statistics.contenders import Contender
from aesbench.report.statistics.leaders import chosen
from aesbench.report.statistics.paired import ALPHA, Comparison, compare, corrected
from aesbench.report.statistics.scores import seed_means

CONFIRMED, NOT_CONFIRMED, NOT_TESTABLE = "confirmed", "not confirmed", "not testable at this n"

VERDICTS = (
    f"{CONFIRMED.capitalize()}: a difference of the published sign with a Holm-corrected p below"
    f" .05. {NOT_CONFIRMED.capitalize()}: the opposite sign with such a p, or no such p although"
    " this many seeds would have shown the published difference with a power of 80 %."
    f" {NOT_TESTABLE.capitalize()}: anything else, missing runs included."
)

_PRINTED = {"test_auc": "auc", "test_logloss": "logloss", "param_reduction": "reduction"}
"""{column of the runs: where a published score has it}."""


def verdict_of(published: float | None, comparison: Comparison) -> str:
    """Return whether records confirm a published difference."""
    found, p = comparison["difference"], comparison["Holm p"]
    detectable = comparison["detectable"]
    if published is None or found is None or p is None or detectable is None:
        return NOT_TESTABLE
    if p < ALPHA:
        return CONFIRMED if found * published > 0 else NOT_CONFIRMED
    return NOT_CONFIRMED if detectable <= abs(published) else NOT_TESTABLE


def verdicts(
    evidence: Evidence, paper: Paper, place: Place, rows: Sequence[Contender]
) -> pd.DataFrame:
    """Return a paper's claims about a place or its relative, p corrected over them all.

    Claims without a difference of their own need the paper's scores: there are none about a place
    that it does not have.

    Returns:
        ``claim``, ``verdict``, ``paper`` (the published difference) and the columns of a
        comparison, a row per claim.
    """
    scores = paper.published_at(evidence.known(place))
    runs = {row.key: row.runs for row in rows}
    texts, printed, comparisons = [], [], {}
    for claim in paper.claims:
        difference = claim.difference
        if difference is None:
            if not scores:
                continue
            difference = _published(claim, scores)
        rival = _rival(claim, runs)
        texts.append(
            claim.text.format(
                ours=evidence.method(claim.ours),
                rival=f" ({evidence.method(rival)})" if rival else "",
                verb="beats" if (difference or 0) > 0 else "is below",
            )
        )
        printed.append(difference)
        none = evidence.runs.iloc[:0]
        ours, theirs = (
            seed_means(runs.get(key or "", none), claim.measure) for key in (claim.ours, rival)
        )
        comparisons[str(len(texts))] = compare(ours, theirs)
    found = corrected(comparisons)
    verdict = [verdict_of(d, row) for d, row in zip(printed, found.to_dict("records"), strict=True)]
    found.insert(0, "claim", texts)
    found.insert(1, "verdict", verdict)
    found.insert(2, "paper", pd.Series(printed, found.index, dtype=object))
    return found


def tally(found: Iterable[str]) -> str:
    """Return how many claims have each verdict, in words."""
    counts = Counter(found)
    return ", ".join(f"{counts[one]} {one}" for one in (CONFIRMED, NOT_CONFIRMED, NOT_TESTABLE))


def _published(claim: Claim, scores: Mapping[str, Score]) -> float | None:
    """Return the difference of two published scores, from the best of several rivals."""
    name = _PRINTED[claim.measure]

    def score(method: str) -> float:
        found = getattr(scores.get(method, Score()), name)
        return float("nan") if found is None else float(found)

    theirs = (claim.theirs,) if isinstance(claim.theirs, str) else claim.theirs
    difference = score(claim.ours) - max(score(method) for method in theirs)
    return None if difference != difference else difference


def _rival(claim: Claim, runs: Mapping[str, pd.DataFrame]) -> str | None:
    """Return whom a claim is held against: of several, who leads over common seeds, if any ran."""
    if isinstance(claim.theirs, str):
        return claim.theirs
    rivals = {
        key: own
        for key, own in runs.items()
        if str(Label.parse(key).without("share")) in claim.theirs
    }
    return chosen(rivals, claim.chosen_by)
