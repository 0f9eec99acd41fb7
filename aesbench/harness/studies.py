"""Each table and figure of the paper, and three of ours, as the set of runs behind it.

A study only says which runs there must be: ``aesbench.harness.grid`` makes them,
``aesbench.report`` draws whatever there are. Studies share runs wherever they need the same ones,
and those made by one call share what methods prepare.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aesbench.core.allocation import random_sizes, sizes_text
from aesbench.core.settings import require_int
from aesbench.core.spec import RunSpec
from aesbench.core.variants import ABLATED, DEFAULT, VARIANTS, Variant
from aesbench.datasets.base import Dataset
from aesbench.errors import ConfigError, did_you_mean
from aesbench.harness.grid import Settings, check_owners, choose_methods, plan
from aesbench.plugins.registry import METHODS

ALL = "all"

UES = ("ues:2", "ues:8", "ues:16", "ues:24", "ues:32", "ues:64")
OTHER_UNIFICATION = ("ues:32+plain", "ues:32+transform")  # One of them is the backbone's own.
PAST_METHODS = ("mde:value", "mde:field", "autodim", "autoemb", "esapn", "sseds")
ONE_SHOT = ("adass:r", "adass:e")
CONTROLS = ("adass:greedy", "adass:random")
OVERALL = (*UES, *OTHER_UNIFICATION, *PAST_METHODS, *ONE_SHOT, *CONTROLS)

SCHEMES = ("shared", "independent")
SAMPLINGS = ("random", "vanilla", "weight", "adaptive")
"""The rows of Table 4."""
ALONE_SEEDS = 2
"""Of each of its allocations: two seeds tell how far single ones agree."""

LAMBDA_R = (0.0, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.04)
LAMBDA_C = (0.0, 0.02, 0.04, 0.06, 0.08, 0.1, 0.12)
"""The axes of Figure 5 and beyond: they hold the values of both modes, .0025, .005, .04, .08."""

BUDGETED = ("mde:value", "mde:field", "sseds", *ONE_SHOT, *CONTROLS, "random")
BUDGETS = (0.25, 0.5, 0.75)
"""Shares of UES-32's embedding parameters: what UES-8, UES-16 and UES-24 take."""


@dataclass(frozen=True)
class Options:
    """What a user may change of a study.

    Attributes:
        backbones, seeds: in place of the study's own.
        methods: runs of other methods are left out; a bare name means all presets of a study.
        allocations: of Table 4 and the ablation.
        searches: of each shared supernet in Figure 4.
        supernets: seeds of the supernets that are scored in Table 4 and the ablation, and of
            those that Figure 4 shares.
        settings: changed settings of methods, backbones, the data set and ``train``.
    """

    backbones: tuple[str, ...] | None = None
    seeds: tuple[int, ...] | None = None
    methods: tuple[str, ...] | None = None
    allocations: int = 200
    searches: int = 100
    supernets: int = 3
    settings: Settings = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_int(self.allocations, "allocations", 2)
        require_int(self.searches, "searches", 1)
        require_int(self.supernets, "supernets", 1)
        for name in self.methods or ():
            choose_methods(name)


@dataclass(frozen=True)
class Part:
    """Runs that one call of ``plan`` names; ``seeds`` None means the study's."""

    methods: Sequence[str]
    seeds: Iterable[int] | None = None
    settings: Settings = field(default_factory=dict)
    budget: float | None = None
    searches: int = 1
    retrain: bool = True
    scores: int = 0


@dataclass(frozen=True)
class Study:
    """A question, and the runs that answer it.

    Attributes:
        name: what the command line calls it.
        title: what it shows.
        exhibits: what the report draws from its runs, in words.
        backbones: where the paper asks it, unless the user says otherwise.
        seeds: how many, likewise.
        parts: its runs on a data set.
    """

    name: str
    title: str
    exhibits: str
    backbones: tuple[str, ...]
    seeds: int
    parts: Callable[[Dataset, Options], list[Part]]


def _table3(dataset: Dataset, options: Options) -> list[Part]:
    return [Part(OVERALL)]


def _table4(dataset: Dataset, options: Options) -> list[Part]:
    """Scores of supernets, and stand-alone runs of the same allocations that all rows share."""
    rows = [
        _scored("adass:", {"scheme": scheme, "sampling": sampling}, options)
        for scheme in SCHEMES
        for sampling in SAMPLINGS
    ]
    return [*rows, _stand_alone(dataset, options)]


def _scored(method: str, settings: Mapping[str, Any], options: Options) -> Part:
    """Return the supernets of a method of AdaS&S, which score random allocations."""
    seeds = range(options.supernets)
    return Part((method,), seeds, {ABLATED: settings}, scores=options.allocations)


def _stand_alone(dataset: Dataset, options: Options, seeds: Iterable[int] | None = None) -> Part:
    """Return the runs of the allocations that ``_scored`` supernets score."""
    drawn = random_sizes(dataset.fields, RunSpec.candidates, options.allocations)
    return Part([f"fixed:{sizes_text(dims)}" for dims in drawn], seeds)


def _fig4(dataset: Dataset, options: Options) -> list[Part]:
    """Searches on shared supernets, and one from end to end for each seed."""
    shared = Part(
        ONE_SHOT, seeds=range(options.supernets), searches=options.searches, retrain=False
    )
    return [shared, Part(("autodim", "autoemb", "esapn", *ONE_SHOT), retrain=False)]


def _fig5(dataset: Dataset, options: Options) -> list[Part]:
    """λ_r at the λ_c of effect-first mode, .08, and λ_c at the λ_r of resource-first mode, .005.

    The sweeps meet where one has the other's weight; the second one makes these runs.
    """
    crossing: Any = METHODS.get("adass").preset("r")["lambda_r"]
    values = [value for value in LAMBDA_R if value != crossing]
    return [*_sweep("e", "lambda_r", values), *_sweep("r", "lambda_c", LAMBDA_C)]


def _sweep(preset: str, name: str, values: Sequence[float]) -> list[Part]:
    own: Any = METHODS.get("adass").preset(preset)[name]
    return [
        # The preset's own value changes nothing: these runs are Table 3's.
        Part((f"adass:{preset}",), settings={} if value == own else {"adass": {name: value}})
        for value in values
    ]


def _fig6(dataset: Dataset, options: Options) -> list[Part]:
    return [Part(("ues:32", *PAST_METHODS, *ONE_SHOT))]


def _matched(dataset: Dataset, options: Options) -> list[Part]:
    return [Part(UES), *(Part(BUDGETED, budget=budget) for budget in BUDGETS)]


def _ablation(dataset: Dataset, options: Options) -> list[Part]:
    """AdaS&S-R and its variants, retrained; the scores of every kind of supernet among them.

    A search and the scores of one seed share a supernet. Stand-alone runs are Table 4's, and so
    are the scores of the supernets that both have: hence the settings that it names.
    """
    changed = options.settings.get(ABLATED, {})
    default: Any = METHODS.get(ABLATED).Config()
    named = {"scheme": default.scheme, "sampling": default.sampling, **changed}
    parts, states = [], set()
    for variant in (Variant(), *VARIANTS):
        (choice,) = choose_methods(variant.method, {ABLATED: {**changed, **variant.settings}})
        state = choice.method(choice.config).prepare_key()
        if state not in states:
            states.add(state)
            is_default = variant.preset == DEFAULT
            method, own = (f"{ABLATED}:", named) if is_default else (variant.method, {})
            parts.append(_scored(method, {**own, **variant.settings}, options))
        parts.append(Part((variant.method,), settings={ABLATED: variant.settings}))
    return [*parts, _stand_alone(dataset, options, range(ALONE_SEEDS))]


def _planted(dataset: Dataset, options: Options) -> list[Part]:
    """Every method where the truth is known.

    Raises:
        ConfigError: it is not known on this data set.
    """
    if not _knows_truth(dataset):
        raise ConfigError(
            f"study 'planted' compares with the true sizes, which nobody knows of"
            f" '{dataset.name}'; run it with --dataset planted"
        )
    return [Part((*OVERALL, "random"))]


STUDIES = {
    study.name: study
    for study in (
        Study("table3", "overall performance", "Table 3", ("widedeep", "deepfm"), 10, _table3),
        Study("table4", "consistency of supernets", "Table 4", ("widedeep",), ALONE_SEEDS, _table4),
        Study("fig4", "stability of searches", "Figure 4", ("widedeep",), 100, _fig4),
        Study("fig5", "effect of both penalties", "Figure 5", ("deepfm",), 5, _fig5),
        Study("fig6", "cost of search and inference", "Figure 6", ("widedeep",), 10, _fig6),
        Study(
            "matched", "methods at equal parameters", "matched budgets", ("widedeep",), 10, _matched
        ),
        Study("ablation", "choices of AdaS&S, one by one", "ablation", ("widedeep",), 5, _ablation),
        Study("planted", "methods against the truth", "planted sizes", ("widedeep",), 10, _planted),
    )
}
"""{name: study}, in the order of the paper, ours last."""


def choose_studies(names: Iterable[str], dataset: Dataset) -> list[Study]:
    """Return the studies of these names; ``all`` means every one that the data set can serve.

    Raises:
        ConfigError: there is no such study.
    """
    chosen: list[Study] = []
    for name in names:
        if name == ALL:
            chosen += [s for s in STUDIES.values() if s.name != "planted" or _knows_truth(dataset)]
        elif name in STUDIES:
            chosen.append(STUDIES[name])
        else:
            known = [*STUDIES, ALL]
            raise ConfigError(
                f"unknown study '{name}'{did_you_mean(name, known)}"
                f" It is one of: {', '.join(known)}"
            )
    return list({study.name: study for study in chosen}.values())


def plan_studies(
    studies: Sequence[Study], dataset: Dataset, options: Options
) -> dict[str, list[RunSpec]]:
    """Return ``{study: its runs}``; studies may share some.

    Raises:
        ConfigError: a name or setting is unknown, a value is out of range, or the data set cannot
            serve a study.
        AllocationError: the data set has fewer allocations than Table 4 shall have.
    """
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
                backbones=backbones,
                seeds=part.seeds or options.seeds or range(study.seeds),
                budget=part.budget,
                settings=_merged(options.settings, part.settings, own),
                searches=part.searches,
                retrain=part.retrain,
                scores=part.scores,
            ):
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


def _knows_truth(dataset: Dataset) -> bool:
    return "fields" in (dataset.truth or {})
