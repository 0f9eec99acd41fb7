"""An ablation out of runs: AdaS&S-R, and whatever differs from it in a few choices.

Runs are told apart by their settings, not by their labels: the default is the one from which most
variants lie a change away, so that an ablation of changed settings (``--set``) is found as well.
Supernets belong to every variant that searched them: one that changes the search alone has the
default's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from aesbench.core.settings import content_hash
from aesbench.plugins.exhibit import Evidence
from aesbench.plugins.paper import Place
from aesbench.report.statistics.scores import by_method, compared, places
from aesbench_methods.adass.paper.supernets import Alone, Supernets, judge, scored, stand_alone
from aesbench_methods.adass.paper.variants import ABLATED, VARIANTS

LEAST_VARIANTS = 3
"""So many variants make an ablation: Tables 3 and 4 hold one or two by the way."""

MOST_SPELLED = 4
"""A row that changes more settings than this is named by its label."""

WEIGHTS = ("lambda_r", "lambda_c")
"""Rows that nobody planned are those of the default's weights: the others are Figure 5's."""

Groups = Mapping[str, pd.DataFrame]
"""The runs of one place by ``_key``: those of one unification and one set of settings."""


@dataclass(frozen=True, eq=False)
class Row:
    """One choice and what came of it.

    Attributes:
        runs: that were retrained and succeeded.
        failed: how many failed.
        scored: the runs whose supernets scored allocations.
        supernets: what these scores are worth.
    """

    runs: pd.DataFrame
    failed: int
    scored: pd.DataFrame
    supernets: Supernets


@dataclass(frozen=True, eq=False)
class Ablation:
    """The default of one place and its variants.

    Attributes:
        place: where.
        title: what it is called.
        alone: the stand-alone scores that supernets are held against.
        rows: {changed settings in words: what came of them}; the default first, then the planned
            variants, missing ones empty, then any other settings of the same weights that were
            retrained.
    """

    place: Place
    title: str
    alone: Alone
    rows: Mapping[str, Row]

    @property
    def default(self) -> str:
        """The name of the first row."""
        return next(iter(self.rows))


def ablations(evidence: Evidence) -> Iterator[Ablation]:
    """Yield the ablation of every place that has one."""
    for place, runs in places(evidence.runs):
        own = runs[(runs["base_method"] == ABLATED) & runs["budget"].isna() & ~runs["inherited"]]
        keys = [_key(r.spec.unification, r.spec.method_config) for r in own["record"]]
        groups = by_method(own.assign(key=keys), "key")
        default, variants = _default(groups)
        if variants >= LEAST_VARIANTS:
            alone = stand_alone(runs, groups[default]["unification"].iloc[0])
            supernets = scored(own).drop_duplicates("prepare_id")
            rows = {
                name: _row(groups.get(key, own.iloc[:0]), supernets, alone)
                for name, key in _names(evidence, groups, default).items()
            }
            yield Ablation(place, evidence.place(place), alone, rows)


def _key(unification: str, config: Mapping[str, Any]) -> str:
    return content_hash([unification, dict(config)])


def _config(runs: pd.DataFrame) -> Mapping[str, Any]:
    config: Mapping[str, Any] = runs["record"].iloc[0].spec.method_config
    return config


def _changed(runs: pd.DataFrame, changes: Mapping[str, Any]) -> str:
    """Return the key of the settings of some runs with a few changed."""
    return _key(runs["unification"].iloc[0], {**_config(runs), **changes})


def _default(groups: Groups) -> tuple[str, int]:
    """Return the settings with the most retrained variants, and how many these are."""
    retrained = [key for key, own in groups.items() if len(compared(own))]
    counts = {
        key: len(
            {_changed(groups[key], variant.changes) for variant in VARIANTS} & {*retrained} - {key}
        )
        for key in retrained
    }
    return max(counts.items(), key=lambda item: item[1], default=("", 0))


def _names(evidence: Evidence, groups: Groups, default: str) -> dict[str, str]:
    """Return ``{name of a row: key of its settings}``, in the order of rows."""
    runs = groups[default]
    config = _config(runs)
    named = {f"default: {evidence.method(compared(runs)['method'].iloc[0])}": default}
    same = {
        key: own
        for key, own in groups.items()
        if own["unification"].iloc[0] == runs["unification"].iloc[0]
    }
    changed = {key: changes(_config(own), config) for key, own in same.items()}
    for variant in VARIANTS:
        if not variant.changes:
            # If settings of both changed, there are several: the one nearest to the default.
            of_preset = [k for k in same if (same[k]["choice"] == variant.method).any()]
            nearest = min(of_preset, key=lambda key: len(changed[key]), default="")
            named[evidence.method(variant.method)] = nearest
        elif not variant.changes.items() <= config.items():  # Changed settings made it the default.
            named[in_words(variant.changes)] = _changed(runs, variant.changes)
    others = []
    for key, own in changed.items():
        is_known = key in named.values() or own.keys() & set(WEIGHTS)
        if not is_known and len(compared(same[key])):
            label = evidence.method(same[key]["method"].iloc[0])
            is_long = len(own) > MOST_SPELLED
            name = f"{label} ({len(own)} settings)" if is_long else in_words(own)
            others.append((len(own), name, key))
    return named | {name: key for _, name, key in sorted(others)}


def _row(own: pd.DataFrame, supernets: pd.DataFrame, alone: Alone) -> Row:
    is_ok = own["status"] == "ok"
    states = supernets[supernets["prepare_id"].isin(own["prepare_id"][is_ok])].sort_values("seed")
    failed = int((own["retrained"] & ~is_ok).sum())
    return Row(compared(own), failed, states, judge(states, alone))


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
