"""Which runs a report may put together: places under equal conditions, rows of one method.

Two runs compare where data, protocol, and the settings of trainer and backbone are equal; what a
folder holds of one name beyond that are places of their own. One row holds the runs of one method
with equal settings by one provider, however their labels spell them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from aesbench.core.label import Label
from aesbench.core.record import RunRecord, provider_id
from aesbench.core.settings import content_hash
from aesbench.errors import RecordError

OWN = "own data"
"""What sets data of the user's own apart from a registered data set of that name."""

BY = "by"
"""Who provides a method or a backbone, where it is not aesbench."""

_DIGITS = 6


@dataclass(frozen=True)
class Groups:
    """What the names of places and methods in the grouped runs stand for.

    Attributes:
        called: {data set or backbone: its name in the records}.
        registered: the same, data of the user's own left out.
        qualified: {data set or backbone: what sets it apart from others of its name}.
    """

    called: Mapping[str, str]
    registered: Mapping[str, str]
    qualified: Mapping[str, str]


def grouped(
    runs: pd.DataFrame, taken: Collection[str], preferred: Collection[str]
) -> tuple[pd.DataFrame, Groups]:
    """Return runs whose ``dataset``, ``backbone`` and ``method`` are equal where they compare.

    The group of a name that holds most runs of the newest protocol keeps it; others are called
    after what is different in them.

    Args:
        runs: of ``records_frame``, and their ``record``.
        taken: names that only a registered data set may keep.
        preferred: labels that a row of several spellings rather has.

    Raises:
        RecordError: a run appears twice.
    """
    _check_no_copies(runs)
    records = list(runs["record"])
    data = _name(((r.spec.dataset, _of_data(r)) for r in records), taken)
    backbones = _name(((r.spec.backbone, _of_backbone(r)) for r in records), ())
    runs = runs.assign(dataset=data.keys, backbone=backbones.keys)
    labels = _labels(runs, preferred)
    changed = [label != record.spec.label for label, record in zip(labels, records, strict=True)]
    if any(changed):
        called = [Label.parse(label) for label in labels]
        runs = runs.assign(
            method=labels,
            preset=[label.preset for label in called],
            choice=[label.method for label in called],
            changes=[label.changes for label in called],
        )
        runs.loc[changed, "title"] = None  # It is that of another preset.
    return runs, Groups(
        called={**data.called, **backbones.called},
        registered={**data.registered, **backbones.registered},
        qualified={**data.qualified, **backbones.qualified},
    )


def _check_no_copies(runs: pd.DataFrame) -> None:
    copies = runs[runs["run_id"].duplicated()]
    if len(copies):
        first = copies.iloc[0]
        raise RecordError(
            f"run {first['run_id']} of '{first['method']}' appears twice, which would count it"
            " twice; delete the copy"
        )


Aspects = Mapping[str, Any]
"""What must be equal within a group: ``{what: its value}``."""


def _of_data(record: RunRecord) -> Aspects:
    """Return what runs on one data set share, whatever the backbone."""
    spec = record.spec
    shared = spec.conditions
    own = {n: value for n, value in shared.items() if not n.startswith(f"{spec.backbone}.")}
    return {**own, OWN: True} if is_own_data(record) else own


def _of_backbone(record: RunRecord) -> Aspects:
    """Return what runs of one backbone share, whatever the data."""
    spec = record.spec
    own = {n: v for n, v in spec.conditions.items() if n.startswith(f"{spec.backbone}.")}
    by = provider_id(record.providers.get("backbone"))
    return {**own, BY: by} if by else own


def is_own_data(record: RunRecord) -> bool:
    """Whether a run's data are described by a TOML file, whatever they are called."""
    by = record.providers.get("dataset", "")
    return by.endswith(".toml") or "field" in record.datasheet.get("settings", {})


@dataclass(frozen=True)
class _Named:
    """The groups of one kind: the key of each record, and what the keys stand for."""

    keys: Sequence[str]
    called: Mapping[str, str]
    registered: Mapping[str, str]
    qualified: Mapping[str, str]


def _name(members: Iterable[tuple[str, Aspects]], taken: Collection[str]) -> _Named:
    """Name the groups of data sets, or of backbones."""
    ids: list[tuple[str, Hashable]] = []
    aspects: dict[str, dict[Hashable, Aspects]] = {}
    for name, own in members:
        identity = tuple((what, repr(value)) for what, value in own.items())
        ids.append((name, identity))
        aspects.setdefault(name, {}).setdefault(identity, own)
    counts = Counter(ids)
    keys: dict[tuple[str, Hashable], str] = {}
    called, registered, qualified = {}, {}, {}
    for name, groups in aspects.items():
        ranked = sorted(
            groups,
            key=lambda one: (
                OWN in groups[one],
                -groups[one].get("protocol", 0),
                -counts[name, one],
                str(one),
            ),
        )
        for number, one in enumerate(ranked):
            group = groups[one]
            is_plain = number == 0 and not (OWN in group and name in taken)
            key = name if is_plain else f"{name}-{content_hash(str(one))[:_DIGITS]}"
            keys[name, one] = key
            called[key] = name
            if OWN not in group:
                registered[key] = name
            if not is_plain or len(ranked) > 1:
                qualified[key] = _what_differs(group, list(groups.values()))
    return _Named([keys[one] for one in ids], called, registered, qualified)


def _what_differs(own: Aspects, groups: Sequence[Aspects]) -> str:
    """Return in what a group differs from others of its name, in words."""
    names = dict.fromkeys(what for group in groups for what in group)
    differing = [w for w in names if any(g.get(w) != own.get(w) for g in groups)]
    if OWN in own and OWN not in differing:
        differing.append(OWN)
    return ", ".join(
        what if what == OWN else f"{what} {_shown(own[what])}" for what in differing if what in own
    )


def _shown(value: Any) -> str:
    return "-".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _labels(runs: pd.DataFrame, preferred: Collection[str]) -> list[str]:
    """Return what each run is called: equal settings at a place alike, others apart."""
    identities = [_identity(record) for record in runs["record"]]
    places = list(zip(runs["dataset"], runs["backbone"], strict=True))
    spellings: dict[tuple[Hashable, Hashable], set[str]] = {}
    for place, identity, label in zip(places, identities, runs["method"], strict=True):
        spellings.setdefault((place, identity), set()).add(label)
    chosen = {row: min(known, key=_plainest(preferred)) for row, known in spellings.items()}
    rows: dict[tuple[Hashable, str], dict[Hashable, RunRecord]] = {}
    for place, identity, record in zip(places, identities, runs["record"], strict=True):
        own = rows.setdefault((place, chosen[place, identity]), {})
        if identity not in own or _finished(own[identity]) < _finished(record):
            own[identity] = record
    for (where, label), variants in rows.items():
        if len(variants) > 1:
            for one, text in _told_apart(label, variants).items():
                chosen[where, one] = text
    return [chosen[place, one] for place, one in zip(places, identities, strict=True)]


def _identity(record: RunRecord) -> Hashable:
    """Return what the runs of one row share; seeds and searches aside."""
    spec = record.spec
    return (
        *(spec.method, content_hash(dict(spec.method_config))),
        *(spec.unification, spec.budget, tuple(spec.candidates), spec.called.tuned),
        content_hash(spec.tuned_settings),
        *(spec.retrain, spec.inherit, spec.scores, provider_id(record.providers.get("method"))),
    )


def _plainest(preferred: Collection[str]) -> Callable[[str], tuple[Any, ...]]:
    def key(text: str) -> tuple[Any, ...]:
        label = Label.parse(text)
        return len(label.settings), label.method not in preferred, len(text), text

    return key


def _finished(record: RunRecord) -> str:
    return str(record.environment.get("finished", ""))


def _told_apart(label: str, variants: Mapping[Hashable, RunRecord]) -> dict[Hashable, str]:
    """Return a label for each of several rows that have one: the latest keeps it.

    The others say in what they differ from it: settings, candidates, or who provides the method.
    """
    latest = max(variants, key=lambda one: (_finished(variants[one]), str(one)))
    called = Label.parse(label)
    texts = {latest: label}
    for identity, record in variants.items():
        if identity != latest:
            mine, theirs = _settings(record), _settings(variants[latest])
            own = {n: v for n, v in mine.items() if v != theirs.get(n)}
            own |= {n: "unset" for n in theirs if n not in mine}
            known = {**dict(called.settings), **own}
            texts[identity] = str(replace(called, settings=tuple(sorted(known.items()))))
    return texts


def _settings(record: RunRecord) -> dict[str, str]:
    spec = record.spec
    shared = {
        **{f"train_{name}": value for name, value in vars(spec.train).items()},
        **{f"backbone_{name}": value for name, value in spec.backbone_config.items()},
    }  # Equal at a place, but for what was tuned.
    known = {**spec.method_config, **shared}
    settings = {name: str(value) for name, value in known.items()}
    candidates = "-".join(map(str, spec.candidates))
    return {**settings, "candidates": candidates, BY: record.providers.get("method", "")}
