"""Supernets out of records: their scores beside those of stand-alone training, kind by kind.

The kinds are those of the paper's Table 4, a scheme of tables and a way to sample subnets each.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aesbench.core.allocation import sizes_text
from aesbench.core.label import Label
from aesbench.core.record import RunRecord
from aesbench.report.names import display_name
from aesbench.report.published import TABLE4
from aesbench.report.statistics.consistency import (
    Tau,
    interval,
    perfect_tau,
    rank_correlation,
    seed_ceiling,
)
from aesbench.report.statistics.effects import Additive, Effect, fit_effects, worth
from aesbench.report.statistics.scores import GIVEN_SIZES, Place
from aesbench.report.statistics.summary import summarise

METRICS = {"auc": "AUC", "logloss": "LogLoss"}
SCHEMES = {"shared": "Shared", "independent": "Indep"}
SAMPLINGS = {
    "random": "Random",
    "vanilla": "Vanilla&Uniform",
    "weight": "Weight&Uniform",
    "adaptive": "Adaptive",
}
KIND = {"scheme", "sampling"}
"""The settings that make a kind."""
KINDS = [(scheme, sampling) for scheme in SCHEMES for sampling in SAMPLINGS]
PUBLISHED = {(row.scheme, row.sampling): {"auc": row.auc, "logloss": row.logloss} for row in TABLE4}

UNDER_WAY = 0.9
"""A stand-alone seed with a smaller share of the allocations than this is not finished."""


@dataclass(frozen=True)
class Alone:
    """Stand-alone scores: of each allocation, with each seed.

    Attributes:
        names: of the allocations, as ``sizes_text`` writes them.
        fields: whose sizes they are.
        scores: {metric: (seeds, allocations)} on validation.
    """

    names: tuple[str, ...]
    fields: tuple[str, ...]
    scores: Mapping[str, NDArray[np.float64]]

    @property
    def seeds(self) -> int:
        """How many seeds each allocation was trained with."""
        return len(self.scores["auc"])

    def of(self, names: Iterable[str]) -> Alone:
        """Return the part about these allocations, in this order."""
        places = {name: place for place, name in enumerate(self.names)}
        kept = [name for name in names if name in places]
        columns = [places[name] for name in kept]
        scores = {metric: values[:, columns] for metric, values in self.scores.items()}
        return Alone(tuple(kept), self.fields, scores)


@dataclass(frozen=True)
class Judgement:
    """AUC with inherited weights beside that of stand-alone training, over the same allocations.

    Attributes:
        worth: by how much the second rises where the first rises by 1.
        alone: the second as a sum of one effect per field and size, the mean over its seeds.
        inherited: the first likewise, the mean over the supernets.
        gap: the first less the second likewise.
    """

    worth: Effect
    alone: Additive
    inherited: Additive
    gap: Additive


@dataclass(frozen=True)
class Supernets:
    """The supernets of one kind, an entry of ``inherited`` each.

    Attributes:
        name: of the kind.
        published: the paper's taus; empty where it has none.
        allocations: how many both the supernets and stand-alone training have scored.
        taus: {metric: tau}; empty if there are fewer than two allocations.
        judgement: the effects of sizes; None where there are too few allocations to tell.
        seconds: mean seconds to train a supernet.
        supernets: how many.
    """

    name: str
    published: Mapping[str, float]
    allocations: int
    taus: Mapping[str, Tau]
    judgement: Judgement | None
    seconds: float | None
    supernets: int


@dataclass(frozen=True)
class Evidence:
    """All that bears on Table 4 at one place.

    Attributes:
        place: where.
        name: of its files: the place, and the unification where there are several.
        alone: the stand-alone scores.
        rows: the supernets, kind by kind.
        halves: {metric: tau of two halves of the stand-alone seeds}; None for a single seed.
        perfect: {metric: the tau that the true ranking would have}; None likewise.
        records: those with scores.
    """

    place: Place
    name: str
    alone: Alone
    rows: Sequence[Supernets]
    halves: Mapping[str, Tau | None]
    perfect: Mapping[str, float | None]
    records: Sequence[RunRecord]


def gather(records: Sequence[RunRecord]) -> list[Evidence]:
    """Return the evidence of every place where supernets scored allocations."""
    places: dict[Place, dict[str, list[RunRecord]]] = {}
    for record in records:
        if record.ok and record.scores:
            place = Place(record.spec.dataset, record.spec.backbone)
            places.setdefault(place, {}).setdefault(record.spec.unification, []).append(record)
    return [
        _evidence(place, f"-{unification}" * (len(unifications) > 1), own, records)
        for place, unifications in sorted(places.items())
        for unification, own in sorted(unifications.items())
    ]


def _evidence(
    place: Place, suffix: str, scored: Sequence[RunRecord], records: Sequence[RunRecord]
) -> Evidence:
    alone = stand_alone(records, place, scored[0].spec.unification)
    is_enough = len(alone.names) > 1
    return Evidence(
        place,
        f"{place.dataset}-{place.backbone}{suffix}",
        alone,
        rows_of(scored, alone),
        {m: seed_ceiling(alone.scores[m]) if is_enough else None for m in METRICS},
        {m: perfect_tau(alone.scores[m]) if is_enough else None for m in METRICS},
        scored,
    )


def stand_alone(records: Iterable[RunRecord], place: Place, unification: str) -> Alone:
    """Return the stand-alone scores of a place; seeds still under way are left out."""
    seeds: dict[int, dict[str, RunRecord]] = {}
    for record in records:
        spec, found = record.spec, record.allocation
        at_place = (spec.dataset, spec.backbone, spec.unification) == (*place, unification)
        is_alone = spec.method == GIVEN_SIZES and spec.retrain and not spec.inherit and record.ok
        if at_place and is_alone and found is not None and found.is_field_wise:
            seeds.setdefault(spec.seed, {})[sizes_text(found.dims)] = record
    most = max(map(len, seeds.values()), default=0)
    kept = [own for _, own in sorted(seeds.items()) if len(own) >= UNDER_WAY * most]
    names = [name for name in (kept[0] if kept else ()) if all(name in own for own in kept)]
    found = kept[0][names[0]].allocation if names else None
    scores = {}
    for metric in METRICS:
        values = [own[name].metrics["validation"][metric] for own in kept for name in names]
        scores[metric] = np.array(values).reshape(len(kept), len(names))
    return Alone(tuple(names), found.names if found else (), scores)


def rows_of(scored: Sequence[RunRecord], alone: Alone) -> list[Supernets]:
    """Return the paper's eight rows, missing ones empty, then whatever else was scored."""
    kinds: dict[tuple[str, str], dict[str, dict[int, RunRecord]]] = {}
    for record in scored:
        settings = record.spec.method_config
        kind = str(settings.get("scheme")), str(settings.get("sampling"))
        label = str(record.spec.called.without("scores"))
        of_seed = kinds.setdefault(kind, {}).setdefault(label, {})
        known = of_seed.get(record.spec.seed)
        if known is None or len(known.scores) < len(record.scores):
            of_seed[record.spec.seed] = record
    rows, others = [], []
    for kind in [*KINDS, *sorted(kinds.keys() - set(KINDS))]:
        plain = _plain_label(kinds.get(kind, {}))
        name = ", ".join((SCHEMES.get(kind[0], kind[0]), SAMPLINGS.get(kind[1], kind[1])))
        published = PUBLISHED.get((SCHEMES.get(kind[0], ""), SAMPLINGS.get(kind[1], "")), {})
        if kind in KINDS or plain:
            own = kinds.get(kind, {}).get(plain, {})
            rows.append(judge(name, published, list(own.values()), alone))
        for label, own in sorted(kinds.get(kind, {}).items()):
            if label != plain:
                others.append(judge(_changed_name(name, label), {}, list(own.values()), alone))
    return rows + others


def _plain_label(labels: Iterable[str]) -> str:
    """Return the label that changes nothing but the scheme and the sampling, if there is one."""
    plain = [label for label in labels if {n for n, _ in Label.parse(label).settings} == KIND]
    return plain[0] if plain else ""


def _changed_name(kind: str, label: str) -> str:
    """Return a kind with what else a label says was changed: ``Shared, Adaptive, groups=1``.

    A label that does not say its kind, as presets do not, is the method's own name.
    """
    called = Label.parse(label)
    own = [f"{name}={text}" for name, text in called.settings if name not in KIND]
    says_kind = called.method == "adass" and len(called.settings) - len(own) == len(KIND)
    return ", ".join((kind, *own)) if says_kind else display_name(label)


def judge(
    name: str, published: Mapping[str, float], supernets: Sequence[RunRecord], alone: Alone
) -> Supernets:
    """Hold the scores of some supernets against stand-alone ones, over what both have scored.

    Supernets that scored fewer allocations than another of them are left out.

    Args:
        name: what the supernets are called.
        published: the paper's taus.
        supernets: the runs that scored, one for each supernet; may be none.
        alone: the stand-alone scores.
    """
    if not supernets:
        return Supernets(name, published, 0, {}, None, None, 0)
    most = max(len(record.scores) for record in supernets)
    supernets = [record for record in supernets if len(record.scores) == most]
    common = [n for n in alone.names if all(n in record.scores for record in supernets)]
    part = alone.of(common)
    seconds = summarise([record.seconds["prepare"] for record in supernets]).mean
    if len(common) < 2:
        return Supernets(name, published, len(common), {}, None, seconds, len(supernets))
    inherited = {
        metric: np.array([[record.scores[n][metric] for n in common] for record in supernets])
        for metric in METRICS
    }
    taus = {m: rank_correlation(inherited[m], part.scores[m].mean(0)) for m in METRICS}
    judgement = _judgement(inherited["auc"].mean(0), part)
    return Supernets(name, published, len(common), taus, judgement, seconds, len(supernets))


def _judgement(inherited: NDArray[np.float64], alone: Alone) -> Judgement | None:
    sizes = np.array([[int(size) for size in name.split("-")] for name in alone.names])
    truth = alone.scores["auc"].mean(0)
    slope = worth(inherited, truth)
    fits = [fit_effects(scores, sizes) for scores in (truth, inherited, inherited - truth)]
    found = [fit for fit in fits if fit is not None]
    return Judgement(slope, *found) if slope and len(found) == len(fits) else None


def difference(
    first: Supernets, second: Supernets, metric: str
) -> tuple[float | None, float | None, float | None]:
    """Return the difference of two taus with its interval; None each where it is not known."""
    if metric not in first.taus or metric not in second.taus:
        return None, None, None
    one, other = first.taus[metric], second.taus[metric]
    mean = one.mean - other.mean
    if first.allocations != second.allocations:  # Their resamples are not paired.
        return mean, None, None
    return mean, *interval(one.resamples - other.resamples)
