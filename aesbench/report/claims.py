"""What the paper's Table 3 claims, held against our records: confirmed, not confirmed, or open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from aesbench.core.record import RunRecord
from aesbench.report.contenders import PAST, Contender
from aesbench.report.names import display_name
from aesbench.report.published import TABLE3, published_place
from aesbench.report.statistics.paired import Comparison, compare, corrected
from aesbench.report.statistics.power import ALPHA
from aesbench.report.statistics.scores import (
    REFERENCE,
    Place,
    Value,
    embedding_params,
    metric,
    over_seeds,
    reference_params,
    seed_means,
    test_auc,
)

CONFIRMED, NOT_CONFIRMED, NOT_TESTABLE = "confirmed", "not confirmed", "not testable at this n"

VERDICTS = (
    f"{CONFIRMED.capitalize()}: a difference of the published sign with a Holm-corrected p below"
    f" .05. {NOT_CONFIRMED.capitalize()}: the opposite sign with such a p, or no such p although"
    " this many seeds would have shown the published difference with a power of 80 %."
    f" {NOT_TESTABLE.capitalize()}: anything else, missing runs included."
)


@dataclass(frozen=True)
class Claim:
    """One claim and what became of it.

    Attributes:
        text: what the paper claims.
        published: the difference that it prints.
        comparison: ours.
    """

    text: str
    published: float
    comparison: Comparison

    @property
    def verdict(self) -> str:
        """Whether our records confirm it."""
        found = self.comparison.difference
        p, detectable = self.comparison.p_holm, self.comparison.detectable
        if found is None or p is None or detectable is None:
            return NOT_TESTABLE
        if p < ALPHA:
            return CONFIRMED if found.mean * self.published > 0 else NOT_CONFIRMED
        return NOT_CONFIRMED if detectable <= abs(self.published) else NOT_TESTABLE


def claims_at(place: Place, rows: Sequence[Contender]) -> list[Claim]:
    """Return the paper's claims about a place or its relative, p-values corrected over them all.

    There are none about a place that the paper does not have.
    """
    published = TABLE3.get(published_place(place))
    if published is None:
        return []
    runs = {row.key: row.records for row in rows}
    claims = []
    for label in ("ues:24", *PAST, "adass:r", "adass:e"):
        difference = published[label].auc - published[REFERENCE].auc
        verb = "beats" if difference > 0 else "is below"
        text = f"{display_name(label)} {verb} UES-32 by AUC"
        claims.append(Claim(text, difference, _compare(runs, label, REFERENCE, test_auc)))

    # Chosen on validation, as whoever had to choose a method would.
    rival = _highest(runs, metric("validation", "auc"))
    best = max(published[label].auc for label in PAST)
    text = f"AdaS&S-E beats the best past AES method{_called(rival)} by AUC"
    difference = published["adass:e"].auc - best
    claims.append(Claim(text, difference, _compare(runs, "adass:e", rival, test_auc)))

    rival = _highest(runs, reduction)
    saved = max(published[label].reduction or 0 for label in PAST)
    text = f"AdaS&S-R saves more of the embedding than any past AES method{_called(rival)}"
    difference = (published["adass:r"].reduction or 0) - saved
    claims.append(Claim(text, difference, _compare(runs, "adass:r", rival, reduction)))

    family = corrected({str(number): claim.comparison for number, claim in enumerate(claims)})
    return [
        replace(claim, comparison=comparison)
        for claim, comparison in zip(claims, family.values(), strict=True)
    ]


def tally(claims: Sequence[Claim]) -> str:
    """Return how many claims have each verdict, in words."""
    counts = Counter(claim.verdict for claim in claims)
    verdicts = (CONFIRMED, NOT_CONFIRMED, NOT_TESTABLE)
    return ", ".join(f"{counts[verdict]} {verdict}" for verdict in verdicts)


def reduction(record: RunRecord) -> float:
    """Return the share of UES-32's embedding parameters that a run saves."""
    return 1 - embedding_params(record) / reference_params(record)


Runs = Mapping[str, Sequence[RunRecord]]


def _compare(runs: Runs, ours: str, theirs: str | None, value: Value) -> Comparison:
    first, second = (seed_means(runs.get(key or "", ()), value) for key in (ours, theirs))
    return compare(first, second)


def _highest(runs: Runs, value: Value) -> str | None:
    """Return the past AES method with the highest mean, if any ran."""
    means = {}
    for key, records in runs.items():
        if key.partition("@")[0] in PAST and (summary := over_seeds(records, value)):
            means[key] = summary.mean
    return max(means, key=lambda key: means[key]) if means else None


def _called(rival: str | None) -> str:
    return f" ({display_name(rival)})" if rival else ""
