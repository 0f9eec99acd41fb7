"""A search scored on a place of the tabular benchmark: its regret over evaluations, in seconds.

What was trained is looked up, the mean over its seeds; what was not is predicted, as NAS-Bench-301
does (Zela et al., ICLR 2022): nearly every allocation of a search is. The regret of an allocation
is what the surrogate expects of the best one within the budget, less what it expects of that one,
for looked-up ones too: what luck with a seed gave is no merit of a search.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import torch

from aesbench.core.allocation import Allocation
from aesbench.core.spec import TrainConfig
from aesbench.datasets.base import Field
from aesbench.errors import ConfigError
from aesbench.models.randomness import global_generators, stage_generator, stage_seed
from aesbench.plugins.method import Context, Evaluation, Method
from aesbench.tabular.front import Sizes
from aesbench.tabular.place import TabularPlace


class NoRows:
    """Stands where a context has rows: the tabular benchmark has none."""

    def __getattr__(self, name: str) -> NoReturn:
        _refuse()

    def __len__(self) -> NoReturn:
        _refuse()


def _refuse(*_: Any) -> NoReturn:
    raise ConfigError(
        "the tabular benchmark has no rows and no models: only methods that ask for scores"
        " (Context.evaluate) can be scored on it; run this one with aesbench run"
    )


@dataclass(frozen=True)
class Course:
    """How one search went.

    Attributes:
        seed: of the search.
        seen: its allocations, in the order of their evaluation.
        scores: the validation AUC that it was told of each.
        regrets: of the best allocation so far, by those scores, after each evaluation.
        looked_up: how many answers were looked up; the others were predicted.
        training_s: what the trainings of all would have taken.
        wall_s: what the search took.
    """

    seed: int
    seen: tuple[Sizes, ...]
    scores: tuple[float, ...]
    regrets: tuple[float, ...]
    looked_up: int
    training_s: float
    wall_s: float


def score_search(
    method: Method, place: TabularPlace, seeds: Sequence[int], budget: int | None = None
) -> list[Course]:
    """Return how a search goes at a place, with each of some seeds.

    Args:
        method: with its settings.
        place: of the tabular benchmark.
        seeds: of the search.
        budget: the most embedding parameters, or None.

    Raises:
        ConfigError: the method asks for rows or models, or for no score, or keeps to no budget.
    """
    if budget is not None and not method.honours_budget:
        raise ConfigError(f"method '{method.name}' keeps to no budget; leave --budget out")
    most = place.parameters((place.candidates[-1],) * len(place.fields))
    (best,) = place.front(most if budget is None else budget)
    reached = place.predict(best).validation_auc
    return [_course(method, place, seed, budget, reached) for seed in seeds]


def _course(
    method: Method, place: TabularPlace, seed: int, budget: int | None, reached: float
) -> Course:
    told: list[Evaluation] = []
    seen: list[Sizes] = []

    def evaluate(allocation: Allocation) -> Evaluation:
        seen.append(allocation.dims)
        told.append(evaluation_at(place, allocation))
        return told[-1]

    context = context_at(place, seed, budget, evaluate)
    start = time.perf_counter()
    with global_generators(stage_seed(seed, "globals")):
        method.search(context, method.prepare(context))
    wall_s = time.perf_counter() - start
    if not told:
        raise ConfigError(
            f"method '{method.name}' asks for no scores, so that there is no course to show; run"
            " it with aesbench run"
        )
    regrets, leader, top = [], 0.0, -1.0
    for sizes, answer in zip(seen, told, strict=True):
        if answer.auc > top:
            top, leader = answer.auc, reached - place.predict(sizes).validation_auc
        regrets.append(leader)
    return Course(
        seed=seed,
        seen=tuple(seen),
        scores=tuple(answer.auc for answer in told),
        regrets=tuple(regrets),
        looked_up=sum(answer.source == "looked up" for answer in told),
        training_s=context.spent.seconds,
        wall_s=wall_s,
    )


def evaluation_at(place: TabularPlace, allocation: Allocation) -> Evaluation:
    """Return what a place knows of an allocation: looked up if it was trained, else predicted."""
    sizes = allocation.dims
    seconds = place.cost(sizes).seconds
    if place.was_trained(sizes):
        row = place.query(sizes)
        return Evaluation(row.validation_auc, row.validation_logloss, "looked up", seconds)
    found = place.predict(sizes)
    return Evaluation(found.validation_auc, found.validation_logloss, "predicted", seconds)


def context_at(place: TabularPlace, seed: int, budget: int | None, evaluate: Any) -> Context:
    """Return what a method may use at a place: sizes and scores, no rows and no models.

    Args:
        place: of the tabular benchmark.
        seed: of the search.
        budget: the most embedding parameters, or None.
        evaluate: answers ``Context.evaluate``.
    """
    nothing: Any = NoRows()
    fields = zip(place.fields, place.cardinalities, strict=True)
    return Context(
        fields=tuple(Field(name, cardinality) for name, cardinality in fields),
        train=nothing,
        validation=nothing,
        candidates=place.candidates,
        final_dim=place.card["final_dim"],
        unification=place.card["unification"],
        budget=budget,
        train_config=TrainConfig(**place.card.get("train", {})),
        device=torch.device("cpu"),
        generator=stage_generator(seed, "search/0"),
        backbone=_refuse,
        progress=lambda what, done, total: None,
        evaluator=evaluate,
    )
