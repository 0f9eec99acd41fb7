"""Where a set of numbers comes from: commands, versions, hardware, commits, data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from aesbench.core.phrasing import many
from aesbench.core.record import RunRecord
from aesbench.core.spec import TrainConfig
from aesbench.plugins.exhibit import Exhibit
from aesbench.report.page.commands import run_commands


@dataclass(frozen=True)
class Provenance:
    """What a reader needs to get an exhibit's numbers again.

    Attributes:
        runs: how many records.
        commands: that make them.
        facts: (what, its values), each value with the number of its runs where there are several.
    """

    runs: int
    commands: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]


def provenance(exhibit: Exhibit, runs: pd.DataFrame) -> Provenance:
    """Return where an exhibit comes from; all runs where it does not name its own."""
    own = runs[runs["run_id"].isin(list(exhibit.runs))] if len(exhibit.runs) else runs
    records = list(own["record"])
    facts = [(what, _values(records, read)) for what, read in _FACTS]
    facts = [(what, text) for what, text in facts if text and (what, text) != _USUAL]
    # A study's command says nothing of a trainer that was changed by hand.
    is_plain = all(record.spec.train == TrainConfig() for record in records)
    return Provenance(
        runs=len(records),
        commands=tuple(exhibit.reproduce if is_plain else ()) or tuple(run_commands(records)),
        facts=tuple(facts),
    )


def _values(records: Iterable[RunRecord], read: Callable[[RunRecord], str]) -> str:
    counts = Counter(text for record in records if (text := read(record)))
    if len(counts) == 1:
        return next(iter(counts))
    return "; ".join(f"{text} ({many(count, 'run')})" for text, count in sorted(counts.items()))


def _versions(record: RunRecord) -> str:
    environment: Any = record.environment
    versions = {
        "aesbench": environment.get("aesbench"),
        "Python": environment.get("python"),
        **environment.get("packages", {}),
    }
    return ", ".join(f"{name} {version}" for name, version in versions.items() if version)


def _hardware(record: RunRecord) -> str:
    environment: Any = record.environment
    if not environment.get("cpu"):
        return ""
    on = environment.get("device", "cpu")
    return (
        f"{environment['cpu']}, processors: {environment.get('cpus')}, threads of each run:"
        f" {environment.get('threads')}, {environment.get('platform')}"
        + ("" if on == "cpu" else f", on {on}")
    )


def _commit(record: RunRecord) -> str:
    git: Any = record.environment.get("git", {})
    commit = git.get("commit")
    return f"{commit[:12]}{' with changes' if git.get('dirty') else ''}" if commit else ""


def _providers(record: RunRecord) -> str:
    foreign = {one for one in record.providers.values() if not one.startswith("aesbench ")}
    return ", ".join(sorted(foreign))


def _data(record: RunRecord) -> str:
    settings = ", ".join(f"{k} {v}" for k, v in record.datasheet.get("settings", {}).items())
    return f"{record.spec.dataset}, hash {record.spec.data_hash[:16]}" + (
        f" ({settings})" if settings else ""
    )


def _backbone(record: RunRecord) -> str:
    settings = ", ".join(f"{k} {v}" for k, v in record.spec.backbone_config.items())
    return f"{record.spec.backbone} ({settings})" if settings else record.spec.backbone


def _retrained(record: RunRecord) -> str:
    return f"in packs of {record.pack.models}" if record.pack else _ALONE


_ALONE = "alone"
_USUAL = ("retrained", _ALONE)
_FACTS: tuple[tuple[str, Callable[[RunRecord], str]], ...] = (
    ("data", _data),
    ("backbone", _backbone),
    ("git commit", _commit),
    ("versions", _versions),
    ("plugins of others", _providers),
    ("hardware", _hardware),
    ("retrained", _retrained),
)
