"""The stages of a run: what a method may see, the retraining, the test.

The test split is scored here and nowhere else.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from aesbench.core import metrics
from aesbench.core.allocation import Allocation, random_sizes, sizes_text
from aesbench.core.phrasing import many
from aesbench.core.settings import build_config, content_hash
from aesbench.core.spec import RunSpec
from aesbench.core.trace import Trace
from aesbench.datasets.base import Dataset
from aesbench.errors import AllocationError, ConfigError, DataError
from aesbench.models.backbones import Backbone, BackboneConfig
from aesbench.models.embedding import FieldEmbedding
from aesbench.models.int8 import int8_bytes, int8_tables
from aesbench.models.randomness import global_generators, stage_generator, stage_seed
from aesbench.models.training import FitResult, Progress, fit, predict
from aesbench.plugins.method import Context, Method
from aesbench.plugins.registry import BACKBONES


def data_of(spec: RunSpec, dataset: Dataset) -> Dataset:
    """Return the data of a run: with the draw of its seed, where that draws the split.

    Raises:
        ConfigError: the spec is for other data.
        DataError: the draw cannot be prepared.
    """
    if dataset.hash != spec.data_hash:
        raise ConfigError(
            f"run {spec.run_id} is of {spec.dataset} {spec.data_hash[:16]}, and '{dataset.name}' is"
            f" {dataset.hash[:16]}; give the same files, --dataset and --set as for the run"
        )
    if not spec.drawn:
        return dataset
    if dataset.draw is None:
        raise ConfigError(
            f"run {spec.run_id} has the split that its seed draws, and '{dataset.name}' has one for"
            " all seeds; give it without a split seed"
        )
    return dataset.of_seed(spec.seed)


def make_context(
    spec: RunSpec, dataset: Dataset, device: torch.device, stage: str, progress: Progress
) -> Context:
    """Return what a method may see of a run, with the generator of one stage."""
    backbone_class = BACKBONES.get(spec.backbone)
    settings = spec.backbone_config
    config: BackboneConfig = build_config(backbone_class.Config, settings, spec.backbone)

    fields = dataset.fields  # The closure must not hold the data set, whose test split it has.

    def backbone(embedding: FieldEmbedding, generator: torch.Generator) -> Backbone:
        return backbone_class(fields, embedding, config, generator)

    return Context(
        fields=dataset.fields,
        train=dataset.train,
        validation=dataset.validation,
        candidates=spec.candidates,
        final_dim=spec.final_dim,
        unification=spec.unification,
        budget=spec.budget,
        train_config=spec.train,
        device=device,
        generator=stage_generator(spec.seed, stage),
        backbone=backbone,
        progress=progress,
        trace=Trace((len(dataset.fields), len(spec.candidates))),
        histories=dataset.histories,
    )


def prepare_key_of(spec: RunSpec, method: Method) -> str:
    """Return the id of the prepared state: equal ids, equal states."""
    shared = spec.to_dict()
    own = ("method_config", "label", "budget", "search_index", "retrain", "inherit", "scores")
    for name in (*own, "tuned"):  # The values that were tuned are in ``train`` and the backbone's.
        shared.pop(name, None)
    return content_hash([shared, repr(method.prepare_key())])


def check_allocation(allocation: object, method: Method, context: Context) -> None:
    """Check what a search handed back.

    Raises:
        AllocationError: it is no allocation of these fields, or it breaks the budget.
    """
    if not isinstance(allocation, Allocation):
        raise AllocationError(
            f"{method.name}.search returned {type(allocation).__name__}; return an Allocation"
        )
    allocation.check_fits(context.fields)
    over = context.budget is not None and allocation.memory_parameters > context.budget
    if over and method.honours_budget:
        raise AllocationError(
            f"{method.name} says that it honours budgets, yet returned"
            f" {allocation.memory_parameters} embedding parameters for a budget of"
            f" {context.budget}{allocation.index_note}"
        )


def score_random(
    spec: RunSpec, method: Method, context: Context, prepared: Any
) -> dict[str, dict[str, float]]:
    """Return the metrics of random allocations with inherited weights, by their sizes.

    Raises:
        DataError: one of them is not finite.
    """
    scores = {}
    for dims in random_sizes(context.fields, spec.candidates, spec.scores):
        allocation = Allocation.field_wise(context.fields, dims)
        found = dataclasses.asdict(method.score(context, prepared, allocation))
        if not all(map(math.isfinite, found.values())):
            raise DataError(
                f"{method.name}.score gave {found} for the sizes {sizes_text(dims)}: a score is not"
                " finite; the search diverged: lower its learning rate"
            )
        scores[sizes_text(dims)] = found
        context.progress("score", len(scores), spec.scores)
    return scores


def fresh_model(
    spec: RunSpec,
    dataset: Dataset,
    allocation: Allocation,
    device: torch.device,
    progress: Progress,
) -> tuple[Context, Backbone]:
    """Return the model that retraining begins with, and its context.

    Initialisation and the order of the rows draw from the context's generator, in this order.
    """
    context = make_context(spec, dataset, device, "retrain", progress)
    return context, context.build_model(context.build_embedding(allocation))


def retrain(
    spec: RunSpec,
    dataset: Dataset,
    allocation: Allocation,
    device: torch.device,
    progress: Progress,
    begin: Callable[[Context, Backbone], None] | None = None,
) -> tuple[Backbone, FitResult]:
    """Train an allocation under the protocol: equal specs give equal bits, whatever ran before.

    Args:
        spec: of the run; nothing of its method matters here.
        dataset: the prepared data set that the spec names; its test split is not touched.
        allocation: the sizes.
        device: where to train.
        progress: told after every epoch.
        begin: changes the freshly initialised model, for runs that inherit weights.
    """
    # A backbone with dropout draws from the global generators, and so may the search before.
    with global_generators(stage_seed(spec.seed, "retrain/globals")):
        context, model = fresh_model(spec, dataset, allocation, device, progress)
        if begin is not None:
            begin(context, model)
        result = fit(
            model, dataset.train, dataset.validation, spec.train, context.generator, progress
        )
    return model, result


def score_test(dataset: Dataset, logits: NDArray[np.float32]) -> dict[str, dict[str, float]]:
    """Return the metrics of the test split's logits, for generated data also the expected ones."""
    measured = {"test": dataclasses.asdict(metrics.score(dataset.test.labels, logits))}
    if "test" in dataset.probabilities:
        expected = metrics.score(dataset.probabilities["test"], logits)
        measured["test_expected"] = dataclasses.asdict(expected)
    return measured


def score_int8(dataset: Dataset, model: Backbone, allocation: Allocation) -> dict[str, float]:
    """Return ``auc`` and ``logloss`` on test with the tables in int8, and their ``bytes``.

    It chooses nothing, so that test is read a second time without harm; the model is left as it is.
    """
    with int8_tables(model.embedding):
        logits = predict(model, dataset.test)
    found = metrics.score(dataset.test.labels, logits)
    return {**dataclasses.asdict(found), "bytes": int8_bytes(allocation)}


def checked_device(name: str) -> torch.device:
    """Return the torch device of a name.

    Raises:
        ConfigError: torch does not know it, or this machine has none, or not so many.
    """
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(f"unknown device '{name}'; use cpu, cuda or cuda:1") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError("no CUDA device is available to torch; use --device cpu")
    if device.type == "cuda" and (device.index or 0) >= (gpus := torch.cuda.device_count()):
        raise ConfigError(
            f"no device '{name}': torch sees {many(gpus, 'CUDA device')}, counted from"
            " cuda:0; use --device cuda"
        )
    return device
