"""The commands that make a set of records again, read off the records themselves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from shlex import quote

from aesbench.core.record import RunRecord
from aesbench.core.spec import TrainConfig


def run_commands(records: Iterable[RunRecord]) -> list[str]:
    """Return ``aesbench run`` commands, one for all runs that a single one can make.

    Scores of supernets and runs with settings that were tuned are left out.
    """
    groups: dict[tuple[str, ...], dict[str, set[tuple[str, int, int]]]] = {}
    for record in records:
        spec = record.spec
        called = spec.called
        if called.scores or called.tuned:
            continue
        options: list[str] = []
        for name, text in called.settings:
            options += ["--set", f"{called.name}.{name}={text}"]
        for name, value in asdict(spec.train).items():
            if value != getattr(TrainConfig(), name):
                options += ["--set", f"train.{name}={value}"]
        if called.share is not None:
            options += ["--budget", f"{called.share:g}"]
        options += ["--inherit"] * called.inherit + ["--search-only"] * called.search_only
        method = str(replace(called.plain, unification=called.unification))
        by = record.providers.get("dataset", "")
        dataset = by if by.endswith(".toml") else spec.dataset
        runs = groups.setdefault((dataset, *options), {}).setdefault(method, set())
        runs.add((spec.backbone, spec.seed, spec.search_index))
    return [
        command
        for (dataset, *options), methods in sorted(groups.items())
        for command in _commands(dataset, options, methods)
    ]


def _commands(
    dataset: str, options: Sequence[str], methods: dict[str, set[tuple[str, int, int]]]
) -> list[str]:
    """Return a command for the methods that ran on the same backbones, seeds and searches."""
    alike: dict[tuple[str, str, int], list[str]] = {}
    for method, runs in methods.items():
        backbones = ",".join(sorted({backbone for backbone, _, _ in runs}))
        searches = 1 + max(search for _, _, search in runs)
        key = (backbones, _seeds({seed for _, seed, _ in runs}), searches)
        alike.setdefault(key, []).append(method)
    commands = []
    for (backbones, seeds, searches), names in sorted(alike.items()):
        words = ["aesbench", "run", "--methods", ",".join(sorted(names)), "--dataset", dataset]
        words += ["--backbones", backbones, "--seeds", seeds]
        words += ["--searches", str(searches)] if searches > 1 else []
        commands.append(" ".join(map(quote, [*words, *options])))
    return commands


def _seeds(seeds: set[int]) -> str:
    """Return seeds as ``--seeds`` takes them: a number for the first so many, else a list."""
    if seeds == set(range(len(seeds))):
        return str(len(seeds))
    return ",".join(map(str, sorted(seeds))) + ("," if len(seeds) == 1 else "")
