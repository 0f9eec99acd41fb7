"""An ablation out of records: AdaS&S-R, and whatever differs from it in a few choices.

Runs are told apart by their settings, not by their labels: the default is the one from which most
variants lie a change away, so that an ablation of changed settings (``--set``) is found as well.
Supernets belong to every variant that searched them: one that changes the search alone has the
default's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aesbench.core.record import RunRecord
from aesbench.core.settings import content_hash
from aesbench.core.variants import ABLATED, VARIANTS, Variant
from aesbench.report.names import display_name, method_of
from aesbench.report.statistics.consistency import perfect_tau
from aesbench.report.statistics.scores import Place, compared
from aesbench.report.statistics.supernets import Alone, Supernets, judge, stand_alone

LEAST_VARIANTS = 3
"""So many variants make an ablation: Tables 3 and 4 hold one or two by the way."""

MOST_SPELLED = 4
"""A row that changes more settings than this is named by its label."""

WEIGHTS = ("lambda_r", "lambda_c")
"""Rows that nobody planned are those of the default's weights: the others are Figure 5's."""


@dataclass(eq=False)
class _Group:
    """The runs of one place that have the same unification and settings."""

    unification: str
    config: Mapping[str, Any]
    records: list[RunRecord] = field(default_factory=list)

    @property
    def retrained(self) -> list[RunRecord]:
        """Those with scores to compare."""
        return compared(self.records)


@dataclass(frozen=True)
class Row:
    """One choice and what came of it.

    Attributes:
        name: the changed settings in words.
        records: the runs that were retrained and succeeded, seed by seed.
        failed: how many failed.
        scored: the runs whose supernets scored allocations.
        supernets: what these scores are worth.
    """

    name: str
    records: tuple[RunRecord, ...]
    failed: int
    scored: tuple[RunRecord, ...]
    supernets: Supernets


@dataclass(frozen=True)
class Ablation:
    """The default of one place and its variants.

    Attributes:
        place: where.
        alone: the stand-alone scores that supernets are held against.
        ceiling: the tau by AUC that the true ranking would have; None where seeds do not tell.
        rows: the default first; then the planned variants, missing ones empty; then any other
            settings of the same weights that were retrained.
    """

    place: Place
    alone: Alone
    ceiling: float | None
    rows: Sequence[Row]


def ablations(records: Sequence[RunRecord]) -> list[Ablation]:
    """Return the ablation of every place that has one."""
    places: dict[Place, dict[str, _Group]] = {}
    for record in records:
        spec = record.spec
        if spec.method == ABLATED and spec.budget is None and not spec.inherit:
            groups = places.setdefault(Place(spec.dataset, spec.backbone), {})
            key = _key(spec.unification, spec.method_config)
            group = groups.setdefault(key, _Group(spec.unification, spec.method_config))
            group.records.append(record)
    found = []
    for place, groups in sorted(places.items()):
        default, variants = _default(groups)
        if variants >= LEAST_VARIANTS:
            alone = stand_alone(records, place, default.unification)
            found.append(_ablation(place, alone, default, groups))
    return found


def _key(unification: str, config: Mapping[str, Any]) -> str:
    return content_hash([unification, dict(config)])


def _changed(groups: Mapping[str, _Group], default: _Group, variant: Variant) -> _Group | None:
    """Return the runs of a variant of some settings; None if there are none."""
    key = _key(default.unification, {**default.config, **variant.changes})
    group = groups.get(key)
    return None if group is default else group


def _default(groups: Mapping[str, _Group]) -> tuple[_Group, int]:
    """Return the runs with the most retrained variants, and how many these are."""

    def variants(group: _Group) -> int:
        others = (_changed(groups, group, variant) for variant in VARIANTS)
        return sum(1 for other in others if other is not None and other.retrained)

    counts = {key: variants(group) if group.retrained else 0 for key, group in groups.items()}
    first = max(counts, key=lambda key: counts[key])
    return groups[first], counts[first]


def _ablation(
    place: Place, alone: Alone, default: _Group, groups: Mapping[str, _Group]
) -> Ablation:
    scored = _by_state(record for group in groups.values() for record in group.records)

    def row(name: str, group: _Group | None) -> Row:
        own = group.records if group else []
        states = dict.fromkeys(record.prepare_id for record in own if record.ok)
        scores = sorted(
            (scored[state] for state in states if state in scored), key=lambda r: r.spec.seed
        )
        failed = sum(1 for record in own if record.spec.retrain and not record.ok)
        retrained = sorted(compared(own), key=lambda r: (r.spec.seed, r.spec.search_index))
        return Row(name, tuple(retrained), failed, tuple(scores), judge(name, {}, scores, alone))

    rows = [row(f"default: {display_name(default.retrained[0].spec.label)}", default)]
    seen = [default]
    for variant in VARIANTS:
        if variant.changes:
            if variant.changes.items() <= default.config.items():
                continue  # Changed settings made it the default.
            group, name = _changed(groups, default, variant), in_words(variant.changes)
        else:
            group, name = _of_preset(groups, default, variant), display_name(variant.method)
        if group is not None:
            seen.append(group)
        rows.append(row(name, group))
    rows += [row(name, group) for name, group in _others(groups, default, seen)]
    ceiling = perfect_tau(alone.scores["auc"]) if len(alone.names) > 1 else None
    return Ablation(place, alone, ceiling, rows)


def _by_state(records: Iterable[RunRecord]) -> dict[str | None, RunRecord]:
    """Return ``{prepared state: the run with the most scores of it}``."""
    found: dict[str | None, RunRecord] = {}
    for record in records:
        if record.ok and record.scores:
            known = found.get(record.prepare_id)
            if known is None or len(known.scores) < len(record.scores):
                found[record.prepare_id] = record
    return found


def _of_preset(groups: Mapping[str, _Group], default: _Group, variant: Variant) -> _Group | None:
    """Return the runs of a preset, those nearest to the default if settings of both changed."""
    named = [
        group
        for group in groups.values()
        if group.unification == default.unification
        and any(method_of(record.spec.label) == variant.method for record in group.records)
    ]
    return min(named, key=lambda group: len(changes(group.config, default.config)), default=None)


def _others(
    groups: Mapping[str, _Group], default: _Group, seen: Sequence[_Group]
) -> list[tuple[str, _Group]]:
    """Return other retrained settings of the default's weights, few changes first, by name."""
    found = []
    for group in groups.values():
        own = changes(group.config, default.config)
        is_comparable = group.unification == default.unification and not own.keys() & set(WEIGHTS)
        if group not in seen and group.retrained and is_comparable:
            name = in_words(own)
            if len(own) > MOST_SPELLED:
                name = f"{display_name(group.records[0].spec.label)} ({len(own)} settings)"
            found.append((len(own), name, group))
    return [(name, group) for _, name, group in sorted(found, key=lambda item: item[:2])]


def changes(config: Mapping[str, Any], default: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings whose values are not the default's; None where a record has none."""
    names = dict.fromkeys((*default, *config))
    return {name: config.get(name) for name in names if config.get(name) != default.get(name)}


def in_words(changed: Mapping[str, Any]) -> str:
    """Return settings as ``name=value``, values as ``--set`` takes them."""
    return ", ".join(f"{name}={_value(value)}" for name, value in changed.items())


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
