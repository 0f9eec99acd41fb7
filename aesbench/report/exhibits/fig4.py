"""Figure 4: how often searches give a field each size, on one supernet and from end to end.

The paper repeats searches without saying what is repeated. Searches that share one prepared state
differ by the search alone; searches end to end, one per seed, also by what was trained before. The
coupled methods have only the latter, so the two are never mixed here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from aesbench.core.label import Label
from aesbench.core.phrasing import span
from aesbench.core.record import RunRecord
from aesbench.report.draw.share_maps import ShareMap, draw_share_maps, maps_size
from aesbench.report.names import dataset_name, display_name
from aesbench.report.page.exhibit import Cell, Exhibit, FigureData, TableData
from aesbench.report.statistics.agreement import Sizes, entropies, pairwise_agreement, size_shares
from aesbench.report.statistics.places import where
from aesbench.report.statistics.scores import Place, by_place

PAPER = ("adass:r", "adass:e", "autodim", "autoemb", "esapn")
"""Whose searches the paper compares, in our order."""

ASKED = 0.75
"""The share of searches that find a field's most frequent size, which the paper has exceeded."""

CLAIM = (
    "In 100 searches AdaS&S gives each field one size in more than 75 % of cases, up to 90 %, which"
    " is considerably more than AutoDim, AutoEmb and ESAPN; AutoEmb inclines to large sizes, ESAPN"
    " to small ones (section 4.4.1)."
)


@dataclass(frozen=True)
class Repeats:
    """Searches of one method that repeat each other.

    Attributes:
        label: of the method.
        kind: what they share, in words; empty for searches end to end.
        fields: names.
        sizes: (searches, fields).
        candidates: the sizes that a search could choose from.
        records: theirs.
    """

    label: str
    kind: str
    fields: tuple[str, ...]
    sizes: Sizes
    candidates: tuple[int, ...]
    records: tuple[RunRecord, ...]

    @property
    def name(self) -> str:
        """What it is called."""
        return display_name(self.label) + (f", {self.kind}" if self.kind else "")

    @property
    def all_sizes(self) -> list[int]:
        """The candidates and whatever else was found."""
        return sorted({*self.candidates, *np.unique(self.sizes).tolist()})


def build(records: Sequence[RunRecord]) -> list[Exhibit]:
    """Return an exhibit per data set on which some method searched twice."""
    exhibits: dict[str, list[tuple[Place, list[Repeats], list[Repeats]]]] = {}
    for place, labels in by_place(records).items():
        searched = _searches(labels)
        whole = [r for label, own in searched.items() if (r := end_to_end(label, own))]
        shared = [r for label, own in searched.items() for r in on_shared_states(label, own)]
        if whole or shared:
            exhibits.setdefault(place.dataset, []).append((place, shared, whole))
    return [_exhibit(dataset, places) for dataset, places in exhibits.items()]


def _searches(labels: dict[str, list[RunRecord]]) -> dict[str, list[RunRecord]]:
    """Return ``{label: its searches}``, retrained or not, of the methods that were repeated."""
    found: dict[str, list[RunRecord]] = {}
    parsed = {label: Label.parse(label) for label in labels}
    repeated = {one.without("search_only") for one in parsed.values() if one.search_only}
    for label, own in labels.items():
        bare = parsed[label].without("search_only")
        method = str(bare)
        if method in PAPER or bare in repeated:
            found.setdefault(method, []).extend(
                r for r in own if r.ok and r.allocation is not None and r.allocation.is_field_wise
            )
    order = {label: place for place, label in enumerate(PAPER)}
    return dict(sorted(found.items(), key=lambda item: (order.get(item[0], len(order)), item[0])))


def end_to_end(label: str, records: Iterable[RunRecord]) -> Repeats | None:
    """Return the first search of each seed; None for fewer than two seeds."""
    first: dict[int, RunRecord] = {}
    for record in records:
        known = first.get(record.spec.seed)
        if known is None or record.spec.search_index < known.spec.search_index:
            first[record.spec.seed] = record
    return _repeats(label, "", [first[seed] for seed in sorted(first)])


def on_shared_states(label: str, records: Iterable[RunRecord]) -> list[Repeats]:
    """Return the searches of each prepared state that was searched at least twice."""
    states: dict[str, dict[int, RunRecord]] = {}
    for record in records:
        states.setdefault(str(record.prepare_id), {})[record.spec.search_index] = record
    found = []
    for own in states.values():
        seed = next(iter(own.values())).spec.seed
        repeats = _repeats(label, f"prepared with seed {seed}", [own[i] for i in sorted(own)])
        if repeats is not None:
            found.append((seed, repeats))
    return [repeats for _, repeats in sorted(found, key=lambda pair: pair[0])]


def _repeats(label: str, kind: str, records: Sequence[RunRecord]) -> Repeats | None:
    allocations = [record.allocation for record in records if record.allocation is not None]
    if len(allocations) < 2:
        return None
    sizes = np.array([allocation.dims for allocation in allocations])
    candidates = records[0].spec.candidates
    return Repeats(label, kind, allocations[0].names, sizes, candidates, tuple(records))


def _exhibit(dataset: str, places: Sequence[tuple[Place, list[Repeats], list[Repeats]]]) -> Exhibit:
    tables, figures, findings = [], [], []
    runs: dict[str, RunRecord] = {}  # The first search of a state is one of its seed's, too.
    for place, shared, whole in places:
        runs |= {r.spec.run_id: r for one in (*shared, *whole) for r in one.records}
        tables += [_summary(place, shared, whole), _fields(place, [*shared, *whole])]
        findings += _findings(place, shared, whole)
        for kind, title, own in (
            ("shared", "searches that share a prepared state", shared),
            ("end-to-end", "searches end to end, one per seed", whole),
        ):
            if own:
                figures.append(_figure(place, kind, title, own))
    return Exhibit(
        name=f"fig4-{dataset}",
        title=f"Figure 4, stability of searches: {dataset_name(dataset)}",
        claim=CLAIM,
        findings=tuple(findings),
        tables=tuple(tables),
        figures=tuple(figures),
        reproduce=tuple(
            f"aesbench reproduce fig4 --dataset {dataset} --backbones {place.backbone}"
            for place, _, _ in places
        ),
        runs=tuple(runs.values()),
    )


def _summary(place: Place, shared: Sequence[Repeats], whole: Sequence[Repeats]) -> TableData:
    rows = []
    for kind, group in (("one state", shared), ("end to end", whole)):
        for one in group:
            shares = size_shares(one.sizes, one.all_sizes)
            modal = shares.max(1)
            pairs = pairwise_agreement(one.sizes)
            rows.append(
                (
                    Cell(one.label, one.name),
                    Cell.label(kind),
                    Cell.number(len(one.sizes), ",d"),
                    Cell.number(len({tuple(row) for row in one.sizes.tolist()}), ",d"),
                    *(_percent(float(x)) for x in (modal.mean(), modal.min(), modal.max())),
                    Cell.number(float(entropies(shares).mean()), ".2f"),
                    *(_percent(x) for x in (pairs.mean, pairs.low, pairs.high)),
                    Cell.number(float(one.sizes.mean()), ".1f"),
                )
            )
    return TableData(
        name=f"fig4-{place.dataset}-{place.backbone}",
        title=f"How far searches agree: {where(place)}",
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
        header=(
            *("method", "repeated", "searches", "different", "modal share", "least", "greatest"),
            *("entropy (bits)", "pairs", "pairs: low", "pairs: high", "mean size"),
        ),
        rows=tuple(rows),
    )


def _fields(place: Place, repeats: Sequence[Repeats]) -> TableData:
    """Return a row per method and field: the number behind every square of the figures."""
    candidates = sorted({size for one in repeats for size in one.candidates})
    rows = []
    for one in repeats:
        shares = size_shares(one.sizes, one.all_sizes)
        bits = entropies(shares)
        for number, name in enumerate(one.fields):
            of_size = dict(zip(one.all_sizes, shares[number].tolist(), strict=True))
            modal = max(of_size, key=lambda size: of_size[size])
            rows.append(
                (
                    Cell(one.label, one.name),
                    Cell.label("one state" if one.kind else "end to end"),
                    Cell.label(name),
                    Cell.number(modal, "d"),
                    _percent(of_size[modal]),
                    Cell.number(float(bits[number]), ".2f"),
                    *(_percent(of_size.get(size, 0.0)) for size in candidates),
                )
            )
    return TableData(
        name=f"fig4-fields-{place.dataset}-{place.backbone}",
        title=f"Sizes of each field: {where(place)}",
        caption=(
            "Shares of searches. Sizes that are no candidates, which SSEDS can find, have no column"
            " of their own."
        ),
        header=(
            *("method", "repeated", "field", "modal size", "modal share", "entropy (bits)"),
            *(f"size {size}" for size in candidates),
        ),
        rows=tuple(rows),
        detail=True,
    )


def _figure(place: Place, kind: str, title: str, repeats: Sequence[Repeats]) -> FigureData:
    drawn = [one for one in repeats if set(one.all_sizes) == set(one.candidates)]
    maps = [
        ShareMap(
            f"{one.name}\n(n = {len(one.sizes)})",
            one.fields,
            one.candidates,
            size_shares(one.sizes, one.candidates),
        )
        for one in drawn
    ]
    n = span(len(one.sizes) for one in drawn)
    return FigureData(
        name=f"fig4-{kind}-{place.dataset}-{place.backbone}",
        title=f"{title.capitalize()}: {where(place)}",
        caption=(
            "Per cent of searches that gave a field (row) a size (column, dimensions of its"
            f" embedding); n = {n} searches. Boxed: the most frequent"
            " size. Without intervals: those of the agreement are in the table."
        ),
        alternative=" ".join(_line(one) for one in drawn),
        data=_fields(place, repeats),
        draw=lambda figure: draw_share_maps(figure, maps),
        size=maps_size(maps),
    )


def _line(one: Repeats) -> str:
    shares = size_shares(one.sizes, one.all_sizes)
    sizes = [one.all_sizes[place] for place in shares.argmax(1)]
    found = ", ".join(
        f"{field} {size} ({share:.0%})"
        for field, size, share in zip(one.fields, sizes, shares.max(1), strict=True)
    )
    return f"{one.name}, most frequent sizes: {found}."


def _findings(place: Place, shared: Sequence[Repeats], whole: Sequence[Repeats]) -> list[str]:
    findings = []
    for label in dict.fromkeys(one.label for one in shared):
        own = [size_shares(one.sizes, one.all_sizes).max(1) for one in shared if one.label == label]
        n = sum(len(one.sizes) for one in shared if one.label == label)
        kept = np.mean([(modal > ASKED).mean() for modal in own])
        findings.append(
            f"{where(place)}: searches of one prepared state by {display_name(label)} give a field"
            f" its most frequent size in {np.mean(own):.0%} of cases ({n} searches of"
            f" {len(own)}); {kept:.0%} of fields exceed the 75 % of the paper."
        )
    if whole:
        ranked = sorted(whole, key=lambda one: -(pairwise_agreement(one.sizes).mean or 0.0))
        texts = [
            f"{one.name} {pairwise_agreement(one.sizes).mean:.0%} (n = {len(one.sizes)}"
            + (f", always {one.sizes[0, 0]} for all fields)" if np.ptp(one.sizes) == 0 else ")")
            for one in ranked
        ]
        findings.append(
            f"{where(place)}: end to end, two searches give a field the same size with a chance"
            f" of: {', '.join(texts)}."
        )
    return findings


def _percent(value: float | None) -> Cell:
    return Cell.number(value, ".1%")
