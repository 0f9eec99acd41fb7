"""Figure 4: how often searches give a field each size, on one supernet and from end to end.

The paper repeats searches without saying what is repeated. Searches that share one prepared state
differ by the search alone; searches end to end, one per seed, also by what was trained before. The
coupled methods have only the latter, so the two are never mixed here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import pandas as pd

from aesbench.core.phrasing import many, span
from aesbench.plugins.exhibit import COUNT, SHARE, Evidence, Exhibit, Figure, Form, Table
from aesbench.plugins.paper import Place
from aesbench.plugins.study import reproduce_commands
from aesbench.report.draw.heatmap import draw_maps, maps_size
from aesbench.report.statistics import agreement
from aesbench.report.statistics.scores import by_dataset, places
from aesbench_methods.adass.paper.published import TITLE

COMPARED = ("adass:r", "adass:e", "autodim", "autoemb", "esapn")
"""Whose searches the paper compares, in our order."""

ASKED = 0.75
"""The share of searches that find a field's most frequent size, which the paper has exceeded."""

CLAIM = (
    "In 100 searches AdaS&S gives each field one size in more than 75 % of cases, up to 90 %, which"
    " is considerably more than AutoDim, AutoEmb and ESAPN; AutoEmb inclines to large sizes, ESAPN"
    " to small ones (section 4.4.1)."
)

ONE_STATE, END_TO_END = "one state", "end to end"

_KINDS = {
    ONE_STATE: ("shared", "Searches that share a prepared state"),
    END_TO_END: ("end-to-end", "Searches end to end, one per seed"),
}
"""{what searches share: what files and titles call it}."""


@dataclass(frozen=True, eq=False)
class Repeats:
    """Searches of one method that repeat each other.

    Attributes:
        label, name: of the method; the name says which state they share.
        kind: what they share, a key of ``_KINDS``.
        runs: a row per search.
    """

    label: str
    name: str
    kind: str
    runs: pd.DataFrame

    @cached_property
    def sizes(self) -> pd.DataFrame:
        """What they found: (searches, fields)."""
        return agreement.sizes_of(self.runs)

    @property
    def candidates(self) -> list[int]:
        """The sizes that a search could choose from."""
        return list(next(iter(self.runs["record"])).spec.candidates)

    @cached_property
    def shares(self) -> pd.DataFrame:
        """Of searches: (fields, sizes), the candidates and whatever else was found."""
        found = {*self.candidates, *self.sizes.to_numpy().ravel()}
        return agreement.size_shares(self.sizes, sorted(found))

    @property
    def is_drawn(self) -> bool:
        """Whether they found candidates only."""
        return list(self.shares) == self.candidates


def build(evidence: Evidence) -> list[Exhibit]:
    """Return an exhibit per data set on which some method searched twice."""
    every = {place: repeats_of(evidence, runs) for place, runs in places(evidence.runs)}
    found = {place: own for place, own in every.items() if own}
    return [
        Exhibit(
            name=f"fig4-{dataset}",
            title=f"Figure 4, stability of searches: {evidence.title(dataset)}",
            claim=CLAIM,
            findings=[text for place in own for text in _findings(evidence, place, found[place])],
            tables=[
                table(evidence, place, found[place])
                for place in own
                for table in (_summary, _fields)
            ],
            figures=[
                _figure(evidence, place, kind, found[place])
                for place in own
                for kind in _KINDS
                if any(one.is_drawn and one.kind == kind for one in found[place])
            ],
            reproduce=reproduce_commands("fig4", map(evidence.known, own)),
            runs=[*pd.concat([r.runs["run_id"] for p in own for r in found[p]]).unique()],
        )
        for dataset, own in by_dataset(found).items()
    ]


def repeats_of(evidence: Evidence, runs: pd.DataFrame) -> list[Repeats]:
    """Return the repeated searches of a place, those of one state first."""
    groups = agreement.by_search(runs[runs["sizes"].notna()])
    shared, whole = [], []
    for label in dict.fromkeys((*COMPARED, *sorted(groups))):
        own = groups.get(label, runs[:0])
        if label not in COMPARED and own["retrained"].all():
            continue
        name, first = evidence.method(label), agreement.end_to_end(own)
        for state in agreement.by_state(own):
            called = f"{name}, prepared with seed {state['seed'].iloc[0]}"
            shared.append(Repeats(label, called, ONE_STATE, state))
        if len(first) > 1:
            whole.append(Repeats(label, name, END_TO_END, first))
    return shared + whole


_SUMMARY: dict[str, Form] = {
    **dict.fromkeys(("searches", "different"), COUNT),
    **dict.fromkeys(("modal share", "least", "greatest"), SHARE),
    "entropy (bits)": "{:.2f}",
    **dict.fromkeys(("pairs", "pairs: low", "pairs: high"), SHARE),
    "mean size": "{:.1f}",
}


def _summary(evidence: Evidence, place: Place, repeats: Sequence[Repeats]) -> Table:
    rows = []
    for one in repeats:
        modal = one.shares.max(axis=1)
        numbers = (
            *(len(one.sizes), len(one.sizes.drop_duplicates())),
            *(modal.mean(), modal.min(), modal.max(), agreement.entropies(one.shares).mean()),
            *agreement.pairwise_agreement(one.sizes),
            one.sizes.to_numpy().mean(),
        )
        rows.append((one.label, one.kind, *numbers))
    return Table(
        name=f"fig4-{place.dataset}-{place.backbone}",
        title=f"How far searches agree: {evidence.place(place)}",
        caption=(
            "Modal share: the share of searches that give a field its most frequent size; mean,"
            " least and greatest over fields. It is at least 1 in the number of searches, so few"
            " searches flatter it. Entropy of a field's sizes in bits, mean over fields. Pairs: the"
            " chance that two searches give a field the same size, unbiased for any number of"
            " searches, with its 95 % interval (jackknife over searches); drawing from five sizes"
            " at random has 20 %. Where all agree, that interval is a point, which few searches do"
            " not warrant. One state: searches of one supernet; end to end: one search per"
            " seed, trained anew. Mean size: over fields and searches."
        ),
        frame=pd.DataFrame(rows, columns=["method", "repeated", *_SUMMARY]),
        forms=_SUMMARY,
        texts={"method": [one.name for one in repeats]},
    )


def _fields(evidence: Evidence, place: Place, repeats: Sequence[Repeats]) -> Table:
    """Return a row per method and field: the number behind every square of the figures."""
    candidates = sorted({size for one in repeats for size in one.candidates})
    parts = []
    for one in repeats:
        columns = {
            "method": one.label,
            "repeated": one.kind,
            "field": one.shares.index,
            "modal size": one.shares.idxmax(axis=1),
            "modal share": one.shares.max(axis=1),
            "entropy (bits)": agreement.entropies(one.shares),
        }
        shares = one.shares.reindex(columns=candidates, fill_value=0.0).add_prefix("size ")
        parts.append(pd.DataFrame(columns).join(shares))
    shares_forms = {f"size {size}": SHARE for size in candidates}
    return Table(
        name=f"fig4-fields-{place.dataset}-{place.backbone}",
        title=f"Sizes of each field: {evidence.place(place)}",
        caption=(
            "Shares of searches. Sizes that are no candidates, which SSEDS can find, have no column"
            " of their own."
        ),
        frame=pd.concat(parts, ignore_index=True),
        forms={"modal share": SHARE, "entropy (bits)": "{:.2f}"} | shares_forms,
        texts={"method": [one.name for one in repeats for _ in one.shares.index]},
        detail=True,
    )


def _figure(evidence: Evidence, place: Place, kind: str, repeats: Sequence[Repeats]) -> Figure:
    repeats = [one for one in repeats if one.kind == kind]
    drawn = [one for one in repeats if one.is_drawn]
    maps = {f"{one.name}\n(n = {len(one.sizes)})": one.shares for one in drawn}
    short, title = _KINDS[kind]
    return Figure(
        name=f"fig4-{short}-{place.dataset}-{place.backbone}",
        title=f"{title}: {evidence.place(place)}",
        caption=(
            "Per cent of searches that gave a field (row) a size (column, dimensions of its"
            f" embedding); n = {span(len(one.sizes) for one in drawn)} searches. Boxed: the most"
            " frequent size. Without intervals: those of the agreement are in the table."
        ),
        alternative=" ".join(map(_line, drawn)),
        data=_fields(evidence, place, repeats),
        draw=partial(draw_maps, maps=maps),
        size=maps_size(maps),
    )


def _line(one: Repeats) -> str:
    modal = zip(one.shares.index, one.shares.idxmax(axis=1), one.shares.max(axis=1), strict=True)
    found = ", ".join(f"{field} {size} ({share:.0%})" for field, size, share in modal)
    return f"{one.name}, most frequent sizes: {found}."


def _findings(evidence: Evidence, place: Place, repeats: Sequence[Repeats]) -> list[str]:
    where = evidence.place(place)
    findings = []
    shared = [one for one in repeats if one.kind == ONE_STATE]
    for label in dict.fromkeys(one.label for one in shared):
        own = [one for one in shared if one.label == label]
        modal = pd.DataFrame([one.shares.max(axis=1) for one in own]).to_numpy()
        n = sum(len(one.sizes) for one in own)
        findings.append(
            f"{where}: searches of one prepared state by {evidence.method(label)} give a field"
            f" its most frequent size in {modal.mean():.0%} of cases ({n} searches of"
            f" {many(len(own), 'state')}); {(modal > ASKED).mean():.0%} of fields exceed the"
            f" {ASKED:.0%} of the {TITLE} paper."
        )
    whole = [one for one in repeats if one.kind == END_TO_END]
    pairs = {one: agreement.pairwise_agreement(one.sizes).mean or 0.0 for one in whole}
    texts = []
    for one in sorted(whole, key=lambda one: -pairs[one]):
        found = {*one.sizes.to_numpy().ravel()}
        always = f", always {found.pop()} for all fields" if len(found) == 1 else ""
        texts.append(f"{one.name} {pairs[one]:.0%} (n = {len(one.sizes)}{always})")
    if texts:
        findings.append(
            f"{where}: end to end, two searches give a field the same size with a chance"
            f" of: {', '.join(texts)}."
        )
    return findings
