"""Studies: those of the registered papers, ours, and the plans of their runs.

A study of a paper is called ``paper/study``, one of ours ``aesbench/study``; ``study`` alone will
do while only one is called so. Ours compare every method: they name none, and take uniform and
random sizes, which the core knows, the line-ups of all papers, and whatever else is registered.
The tabular benchmark (``tabular.py``) is a study whose runs lie in a folder of their own.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Sequence
from dataclasses import replace

from aesbench.core.label import UNIFICATIONS, Label
from aesbench.core.spec import RunSpec
from aesbench.datasets.base import Dataset
from aesbench.errors import ConfigError, did_you_mean
from aesbench.harness.grid import check_owners, choose_methods, plan
from aesbench.harness.tabular import HEADROOM, TABULAR
from aesbench.plugins.registry import METHODS, PAPERS
from aesbench.plugins.study import Options, Part, Settings, Study
from aesbench.report.statistics.scores import PLANTED, RANDOM, REFERENCE, UNIFORM

ALL = "all"
OURS = "aesbench"

BUDGETS = (0.25, 0.5, 0.75)
"""Shares of UES-32's embedding parameters: what UES-8, UES-16 and UES-24 take."""

_NO_RIVALS = ("given", "control")
"""Families that only a line-up brings in."""


def every_method() -> list[str]:
    """Return what chooses sizes: by chance, the papers' line-ups, then other methods' presets.

    Of a line-up those that are registered, since a paper may name what nobody has written yet.
    """
    registered = METHODS.names()
    line_up = [choice for name in PAPERS.names() for choice in PAPERS.get(name).line_up]
    listed = {choice: Label.parse(choice).name for choice in (RANDOM, *line_up)}
    others = [name for name in registered if name not in listed.values()]
    return [
        *(choice for choice, name in listed.items() if name in registered),
        *(name for name in others if METHODS.get(name).family not in _NO_RIVALS),
    ]


def proposed_method() -> str:
    """Return the method that the first of the registered papers proposes.

    Raises:
        ConfigError: none says what it proposes.
    """
    proposed = [own for name in PAPERS.names() if (own := PAPERS.get(name).proposes)]
    if not proposed:
        raise ConfigError(
            "no registered paper proposes a method to search with; name one with --method (aesbench"
            " list methods)"
        )
    return proposed[0]


def _matched(dataset: Dataset, options: Options) -> list[Part]:
    methods = list(filter(_takes_any_budget, every_method()))
    return [Part((UNIFORM,)), *(Part(methods, budget=budget) for budget in BUDGETS)]


def _takes_any_budget(choice: str) -> bool:
    """Whether a method honours budgets; a preset that has a share of its own is another's twin."""
    called = Label.parse(choice)
    method = METHODS.get(called.name)
    return method.honours_budget and called.preset not in method.own_share


def _planted(dataset: Dataset, options: Options) -> list[Part]:
    either = [f"{REFERENCE}+{unification}" for unification in UNIFICATIONS]
    return [Part((UNIFORM, *either, *every_method()))]


STUDIES = (
    Study("matched", "methods at equal parameters", "matched budgets", ("widedeep",), 10, _matched),
    Study(
        *("planted", "methods against the truth", "planted sizes", ("widedeep",), 10, _planted),
        needs_truth=True,
    ),
    TABULAR,
    HEADROOM,
)


def known_studies() -> dict[str, Study]:
    """Return ``{owner/study: it, under that name}``, in the order of the papers, ours last."""
    owners = {**{name: PAPERS.get(name).studies for name in PAPERS.names()}, OURS: STUDIES}
    studies = ((f"{owner}/{study.name}", study) for owner, own in owners.items() for study in own)
    return {name: replace(study, name=name) for name, study in studies}


def choose_studies(names: Iterable[str], dataset: Dataset) -> list[Study]:
    """Return the studies of these names; ``all``, of one owner or any, leaves out what cannot be.

    It leaves out those that have a folder of their own, too.

    Raises:
        ConfigError: there is no such study, several are called so, the data set cannot serve it, or
            one with a folder of its own is not alone.
    """
    known = known_studies()
    knows_truth = "fields" in (dataset.truth or {})
    chosen: list[Study] = []
    for text in names:
        owner, _, name = text.rpartition("/")
        found = fnmatch.filter(known, f"{owner or '*'}/{'*' if name == ALL else name}")
        if name == ALL:
            found = [one for one in found if knows_truth or not known[one].needs_truth]
            found = [one for one in found if not known[one].folder]
        elif len(found) > 1:
            raise ConfigError(f"'{text}' is the name of several studies: {', '.join(found)}")
        elif found and known[found[0]].needs_truth and not knows_truth:
            raise ConfigError(
                f"study '{text}' compares with the true sizes, which nobody knows of"
                f" '{dataset.name}'; run it with --dataset {PLANTED}"
            )
        if not found:
            near = did_you_mean(text, [*(full.rpartition("/")[2] for full in known), *known, ALL])
            raise ConfigError(
                f"unknown study '{text}'{near} It is one of: {', '.join([*known, ALL])}"
            )
        chosen += [known[one] for one in found]
    different = list({study.name: study for study in chosen}.values())
    for study in different:
        if study.folder and len(different) > 1:
            raise ConfigError(
                f"the runs of study '{study.name}' lie in a folder of their own; give it alone, and"
                " the others in a command of theirs"
            )
    return different


def plan_studies(
    studies: Sequence[Study], dataset: Dataset, options: Options
) -> dict[str, list[RunSpec]]:
    """Return ``{study: its runs}``; studies may share some.

    Raises:
        ConfigError: a name or setting is unknown, or a value is out of range.
        AllocationError: the data set has fewer allocations than a study shall have.
    """
    for name in options.methods or ():
        choose_methods(name)
    plans: dict[str, list[RunSpec]] = {}
    owners = {"train", dataset.name}
    for study in studies:
        specs: dict[str, RunSpec] = {}
        backbones = options.backbones or study.backbones
        for part in study.parts(dataset, options):
            methods = {
                choice.method.name for text in part.methods for choice in choose_methods(text)
            }
            own = {*methods, *backbones, "train", dataset.name}
            owners |= own
            for spec in plan(
                dataset,
                part.methods,
                backbones=part.backbones or backbones,
                seeds=part.seeds or options.seeds or range(study.seeds),
                budget=part.budget,
                settings=_merged(options.settings, part.settings, own),
                searches=part.searches,
                retrain=part.retrain,
                scores=part.scores,
            ):
                spec = replace(spec, drawn=spec.drawn and part.drawn)
                names = {spec.method, spec.called.method, spec.label}
                if options.methods is None or not names.isdisjoint(options.methods):
                    specs.setdefault(spec.run_id, spec)
        plans[study.name] = list(specs.values())
    check_owners(options.settings, sorted(owners))
    return plans


def _merged(changed: Settings, own: Settings, owners: Iterable[str]) -> Settings:
    """Return the user's settings of these owners, with a study's own laid over them."""
    return {
        owner: {**changed.get(owner, {}), **own.get(owner, {})}
        for owner in owners
        if owner in changed or owner in own
    }
