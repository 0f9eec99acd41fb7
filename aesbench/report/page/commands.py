"""The commands that make a set of records again, read off the records themselves."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from shlex import quote

from aesbench.core.record import RunRecord
from aesbench.core.spec import TrainConfig

_LABEL = re.compile(
    r"(?P<method>[^\[+@]+)(\[(?P<settings>.*)\])?(\+(?P<unification>plain|transform))?"
    r"(@(?P<budget>[^+]+))?(?P<flags>(\+inherit|\+search-only)*)"
)


def run_commands(records: Iterable[RunRecord]) -> list[str]:
    """Return ``aesbench run`` commands, one for all runs that a single one can make.

    Runs that a label does not describe, scores of supernets for one, are left out.
    """
    groups: dict[tuple[str, ...], dict[str, set[tuple[str, int, int]]]] = {}
    for record in records:
        spec = record.spec
        label = _LABEL.fullmatch(spec.label)
        if label is None:
            continue
        options: list[str] = []
        method = label["method"].partition(":")[0]
        if label["settings"]:
            for setting in re.split(r",(?=\w+=)", label["settings"]):
                options += ["--set", f"{method}.{setting}"]
        for name, value in asdict(spec.train).items():
            if value != getattr(TrainConfig(), name):
                options += ["--set", f"train.{name}={value}"]
        if label["budget"]:
            options += ["--budget", label["budget"]]
        options += [f"--{flag}" for flag in label["flags"].split("+") if flag]
        text = label["method"] + (f"+{label['unification']}" if label["unification"] else "")
        runs = groups.setdefault((spec.dataset, *options), {}).setdefault(text, set())
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
