"""The runs behind each table and figure of the paper, and behind the ablation beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aesbench.core.allocation import random_sizes, sizes_text
from aesbench.core.settings import build_config
from aesbench.core.spec import RunSpec
from aesbench.plugins.study import Options, Part, Study
from aesbench_methods.adass.config import EFFECT_FIRST, RESOURCE_FIRST, AdaSSConfig
from aesbench_methods.adass.paper.variants import ABLATED, DEFAULT, VARIANTS, Variant

if TYPE_CHECKING:
    from aesbench.datasets.base import Dataset

UES = ("ues:2", "ues:8", "ues:16", "ues:24", "ues:32", "ues:64")
OTHER_UNIFICATION = ("ues:32+plain", "ues:32+transform")  # One of them is the backbone's own.
SEARCHED = ("autodim", "autoemb", "esapn")
PAST_METHODS = ("mde:quarter", "mde:value", "mde:field", *SEARCHED, "sseds")
ONE_SHOT = ("adass:r", "adass:e")
CONTROLS = ("adass:greedy", "adass:random")

SCHEMES = ("shared", "independent")
SAMPLINGS = ("random", "vanilla", "weight", "adaptive", "constant")
"""The rows of Table 4, and the control of adaptive sampling, which is it without adaptation."""
ALONE_SEEDS = 2
"""Of each of its allocations: two seeds tell how far single ones agree."""

LAMBDA_R = (0.0, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.04)
LAMBDA_C = (0.0, 0.02, 0.04, 0.06, 0.08, 0.1, 0.12)
"""The axes of Figure 5 and beyond: they hold the values of both modes, .0025, .005, .04, .08."""


def _table3(dataset: Dataset, options: Options) -> list[Part]:
    return [Part((*UES, *OTHER_UNIFICATION, *PAST_METHODS, *ONE_SHOT, *CONTROLS))]


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
    supernets = range(options.supernets)
    shared = Part(ONE_SHOT, supernets, searches=options.searches, retrain=False)
    return [shared, Part((*SEARCHED, *ONE_SHOT), retrain=False)]


def _fig5(dataset: Dataset, options: Options) -> list[Part]:
    """λ_r at the λ_c of effect-first mode, .08, and λ_c at the λ_r of resource-first mode, .005.

    λ_c weighs a penalty on the policy alone. A search that returns the best allocation it scored
    hardly feels it, so its sweep reads the policy's likeliest, as the paper does.
    """
    return [
        *_sweep("adass:e", EFFECT_FIRST, "lambda_r", LAMBDA_R, {}),
        *_sweep("adass:r", RESOURCE_FIRST, "lambda_c", LAMBDA_C, {"result": "likeliest"}),
    ]


def _sweep(
    method: str,
    preset: Mapping[str, Any],
    name: str,
    values: Sequence[float],
    settings: Mapping[str, Any],
) -> list[Part]:
    # The preset's own value changes nothing: with no other settings these runs are Table 3's.
    changes = [{} if value == preset[name] else {name: value} for value in values]
    return [Part((method,), settings={ABLATED: {**change, **settings}}) for change in changes]


def _fig6(dataset: Dataset, options: Options) -> list[Part]:
    return [Part(("ues:32", *PAST_METHODS, *ONE_SHOT))]


def _ablation(dataset: Dataset, options: Options) -> list[Part]:
    """AdaS&S-R and its variants, retrained; the scores of every kind of supernet among them.

    A search and the scores of one seed share a supernet. Stand-alone runs are Table 4's, and so
    are the scores of the supernets that both have: hence the settings that it names.
    """
    from aesbench_methods.adass.method import AdaSS  # It loads torch.

    changed = options.settings.get(ABLATED, {})
    default = AdaSSConfig()
    named = {"scheme": default.scheme, "sampling": default.sampling, **changed}
    parts, states = [], set()
    for variant in (Variant(), *VARIANTS):
        values = {**AdaSS.preset(variant.preset), **changed, **variant.settings}
        state = AdaSS(build_config(AdaSSConfig, values, ABLATED)).prepare_key()
        if state not in states:
            states.add(state)
            is_default = variant.preset == DEFAULT
            method, own = (f"{ABLATED}:", named) if is_default else (variant.method, {})
            parts.append(_scored(method, {**own, **variant.settings}, options))
        parts.append(Part((variant.method,), settings={ABLATED: variant.settings}))
    return [*parts, _stand_alone(dataset, options, range(ALONE_SEEDS))]


STUDIES = (
    Study("table3", "overall performance", "Table 3", ("widedeep", "deepfm"), 10, _table3),
    Study("table4", "consistency of supernets", "Table 4", ("widedeep",), ALONE_SEEDS, _table4),
    Study("fig4", "stability of searches", "Figure 4", ("widedeep",), 100, _fig4),
    Study("fig5", "effect of both penalties", "Figure 5", ("deepfm",), 5, _fig5),
    Study("fig6", "cost of search and inference", "Figure 6", ("widedeep",), 10, _fig6),
    Study("ablation", "choices of AdaS&S, one by one", "ablation", ("widedeep",), 5, _ablation),
)
