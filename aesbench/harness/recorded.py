"""What a results folder holds of a grid: which runs are done, and what does not compare with them.

A run is found by what it is, not by how it is called: one that was recorded under another spelling
of its settings keeps the label and the id that it has.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from aesbench.core.files import from_json
from aesbench.core.pack import Pack
from aesbench.core.phrasing import many
from aesbench.core.record import provider_id, record_files, upgraded
from aesbench.core.spec import RunSpec
from aesbench.errors import AesbenchError, ConfigError
from aesbench.plugins.registry import BACKBONES, METHODS, Registry

REGISTRIES: Mapping[str, Registry[Any]] = {"method": METHODS, "backbone": BACKBONES}
"""{kind of plugin whose code decides a run's results: those there are}; of data the hash does."""


class Change(NamedTuple):
    """A plugin that somebody else provided when runs were made than does now."""

    name: str
    then: str
    now: str

    @property
    def is_ours(self) -> bool:
        """Whether both are this package, whose protocol's version stands for its code."""
        return not (provider_id(self.then) or provider_id(self.now))


@dataclass(frozen=True)
class Recorded:
    """What a results folder holds of a grid.

    Attributes:
        specs: the grid's, each as the folder has it, under whatever label.
        done: which of them succeeded, by the run ids that were asked for.
        waiting: those of ``specs`` that are to be run.
        notes: what a user should know of the records beside them.
        packed: how many of those done were retrained in packs.
    """

    specs: Sequence[RunSpec]
    done: frozenset[str]
    waiting: Sequence[RunSpec]
    notes: Sequence[str]
    packed: int = 0


@dataclass(frozen=True)
class _Known:
    """A record: its spec, whether it succeeded, who provided what, and its pack."""

    spec: RunSpec
    ok: bool
    providers: Mapping[str, str]
    pack: Pack | None = None


def recorded(results: Path, specs: Sequence[RunSpec], *, force: bool = False) -> Recorded:
    """Look up a grid in a results folder; files that are no records are passed over.

    Args:
        results: the folder; need not exist.
        specs: the grid.
        force: whether it is run again whatever there is.

    Raises:
        ConfigError: a run is done, but by another plugin file or package version than today's.
    """
    known = list(_read(results, {spec.dataset for spec in specs}))
    by_content: dict[str, _Known] = {}
    for one in sorted(known, key=lambda one: not one.ok):
        by_content.setdefault(one.spec.content_id, one)
    own = {one.spec.run_id: one for one in known}
    found = {spec.run_id: _find(spec, own, by_content) for spec in specs}
    done = {run_id: one for run_id, one in found.items() if one is not None and one.ok}
    notes = []
    if not force:
        changes = provider_changes((one.spec, one.providers) for one in done.values())
        _check_providers(changes, results)
        notes = _versions(changes)
    there = {run_id: one.spec for run_id, one in found.items() if one is not None}
    waiting = {}
    for spec in specs:
        if force or spec.run_id not in done:
            # A search that is forced is made anew, and not the run that also retrained one.
            same = there.get(spec.run_id, spec)
            waiting[spec.run_id] = same if same.retrain == spec.retrain else spec
    return Recorded(
        specs=[there.get(spec.run_id, spec) for spec in specs],
        done=frozenset(done),
        waiting=list(waiting.values()),
        notes=[*notes, *_others(specs, known, results)],
        packed=sum(one.pack is not None for one in done.values()),
    )


def _read(results: Path, datasets: Iterable[str]) -> Iterable[_Known]:
    for path in (path for name in sorted(datasets) for path in record_files(results, name)):
        try:
            data = upgraded(from_json(path.read_text(encoding="utf-8")))
            spec = RunSpec.from_dict(data["spec"])
            pack = Pack.of(data.get("environment") or {})
            yield _Known(spec, data["status"] == "ok", data["providers"], pack)
        except (OSError, ValueError, KeyError, TypeError, AesbenchError):
            continue  # Whoever needs this very file says what is wrong with it.


def _find(
    spec: RunSpec, own: Mapping[str, _Known], by_content: Mapping[str, _Known]
) -> _Known | None:
    """Return the record of a run, or of the one that also retrained the same search."""
    found = own.get(spec.run_id) or by_content.get(spec.content_id)
    is_done = found is not None and found.ok
    if not (is_done or spec.retrain or spec.scores):
        label = str(spec.called.without("search_only"))
        retrained = by_content.get(replace(spec, retrain=True, label=label).content_id)
        return retrained if retrained is not None and retrained.ok else found
    return found


def provider_changes(made: Iterable[tuple[RunSpec, Mapping[str, str]]]) -> Counter[Change]:
    """Count the runs of each plugin that somebody else provided than does here and now.

    Plugins that are not registered here are left out: nobody knows whether they changed.

    Args:
        made: each run's spec and its providers.
    """
    counts = Counter(
        (kind, getattr(spec, kind), then)
        for spec, providers in made
        for kind in REGISTRIES
        if (then := providers.get(kind))
    )
    found: Counter[Change] = Counter()
    for (kind, name, then), count in counts.items():  # To ask for a provider takes milliseconds.
        if name in REGISTRIES[kind].names():
            now = REGISTRIES[kind].provider(name)
            is_same_file = bool(provider_id(then)) and provider_id(then) == provider_id(now)
            if now != then and not is_same_file:
                found[Change(name, then, now)] += count
    return found


def _check_providers(changes: Mapping[Change, int], results: Path) -> None:
    for change, count in sorted(changes.items()):
        if not change.is_ours:
            raise ConfigError(
                f"{many(count, 'run')} of '{change.name}' under {results} came from {change.then},"
                f" which is now {change.now}: they may have other results. Run them again with"
                " --force, or choose another folder with --results"
            )


def _versions(changes: Mapping[Change, int]) -> list[str]:
    """Say which records another version of aesbench made."""
    counts: Counter[tuple[str, str]] = Counter()
    for (_, then, now), count in changes.items():
        counts[then, now] = max(counts[then, now], count)
    return [
        f"{many(count, 'run')} that are done came from {then}, this is {now}; --force runs them"
        " again"
        for (then, now), count in sorted(counts.items())
    ]


def _others(specs: Sequence[RunSpec], known: Iterable[_Known], results: Path) -> list[str]:
    """Say which records are of the same data set and backbone, but do not compare."""
    mine = {(spec.dataset, spec.backbone): spec.conditions for spec in specs}
    counts: Counter[tuple[str, str, str]] = Counter()
    for one in known:
        place = one.spec.dataset, one.spec.backbone
        if place in mine and (text := difference(one.spec.conditions, mine[place])):
            counts[(*place, text)] += 1
    return [
        f"{results} also holds {many(count, 'run')} of {dataset}, {backbone} with {text}; a report"
        " keeps them apart"
        for (dataset, backbone, text), count in sorted(counts.items())
    ]


def difference(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """Return in what conditions differ: ``train.l2 = 0.1 (not 1e-06)``; empty for nothing."""
    return ", ".join(
        f"{name} = {one.get(name, 'unset')} (not {other.get(name, 'unset')})"
        for name in dict.fromkeys((*one, *other))
        if one.get(name) != other.get(name)
    )
