"""SSEDS: prune the dimensions of a pre-trained model by their saliency, in a single shot.

Qu, Ye, Tang, Zhang, Shi, Yin: "Single-shot Embedding Dimension Search in Recommender System"
(SIGIR 2022; arXiv:2204.03281). No authors' code could be found; details come from
``goldenNormal/Autogrow``, which re-implements it.

1. Pre-train a model with one size for all fields, here the largest candidate.
2. Multiply the field vectors by a mask m (fields, dimensions) of ones. The saliency of a pair of
   field i and dimension j is what the loss would change, to first order, if it were removed, as a
   share of the whole:  s_ij = |dL/dm_ij| / sum |dL/dm|.
3. Walk the pairs in the order of decreasing saliency and keep those that the budget allows. The
   size of a field is the number of its dimensions that are kept.
4. Re-train from scratch with these sizes, which the harness does.

Readings chosen, and deviations with their reasons:

- The budget counts parameters, as every budget here: keeping a dimension of field i costs its
  cardinality n_i. A pair that does not fit is skipped and the walk goes on, so that at the end no
  further pair fits.
- Every field keeps at least its most salient dimension, the cost of which is set aside first: a
  field without any could not enter the retrained model. ``allow_zero`` is the unconditional walk.
- dL/dm_ij = sum_v E_i[v, j] dL/dE_i[v, j] vanishes on average where the loss is minimal, since a
  mask rescales a column that has been optimised. So magnitudes are averaged over batches, each
  |dL/dm| of one batch, in a model that was stopped early; ``split`` takes them from validation.
- The pre-trained model has plain vectors without transforms or batch normalisation: a mask before
  normalisation would have no effect and its gradient no meaning. All widths being equal, every
  backbone takes them, also those that otherwise need a transform.
- ``snap`` rounds the sizes down to candidates, so that the allocation lies in the search space of
  the other methods; the smallest candidate then takes the place of the one dimension set aside. It
  leaves some of the budget unused.
- Without a budget the walk keeps ``keep`` of UES-32's parameters.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.func import functional_call
from torch.nn.functional import binary_cross_entropy_with_logits

from aesbench import Allocation, Context, Method
from aesbench.core.search_space import Range
from aesbench.core.settings import require, require_int
from aesbench.errors import ConfigError
from aesbench.models.backbones import Backbone
from aesbench.models.embedding import FieldEmbedding
from aesbench.models.training import fit
from aesbench.search.bilevel import Batch
from aesbench.search.candidates import CandidateTables
from aesbench.search.inheritance import inherit_weights


@dataclass(frozen=True)
class SSEDSConfig:
    """The settings of SSEDS; all of them concern the search, none the pre-training.

    Attributes:
        keep: the share of UES-32's embedding parameters to keep if the run has no budget; 0.70, as
            AdaS&S-R saves about 30 % in the paper.
        split: whose rows the saliency is measured on; ours, see the module.
        batches: the most batches it is averaged over; ours.
        batch_size: of these; 4096 in the re-implementation.
        allow_zero: whether a field may lose all of its dimensions, as it may where 0 is a
            candidate; ours.
        snap: whether sizes are rounded down to candidates; ours.
    """

    keep: float = 0.70
    split: Literal["train", "validation"] = "train"
    batches: int = 100
    batch_size: int = 512
    allow_zero: bool = False
    snap: bool = False

    def __post_init__(self) -> None:
        require(self.keep > 0, "sseds.keep", self.keep, "above 0")
        known = ("train", "validation")
        require(self.split in known, "sseds.split", self.split, " or ".join(known))
        require_int(self.batches, "sseds.batches", 1)
        require_int(self.batch_size, "sseds.batch_size", 2)


class SSEDS(Method):
    """Dimensions of a pre-trained UES model, pruned by saliency to a parameter budget."""

    name = "sseds"
    title = "SSEDS"
    family = "pruning"
    Config = SSEDSConfig
    honours_budget = True
    drops_fields = True
    presets = {"quick": {"batches": 4}}
    space = {
        "keep": Range(0.1, 1.0),
        "split": ("train", "validation"),
        "batches": (30, 100, 300),
        "snap": (False, True),
    }

    def prepare_key(self) -> Hashable:
        """Return a constant: no setting changes the pre-training, which follows the protocol."""
        return "pretrained"

    def prepare(self, context: Context) -> Backbone:
        """Train a model with the largest candidate for all fields, by the protocol."""
        embedding = MaskedEmbedding(
            CandidateTables(
                context.fields,
                context.candidates[-1:],
                scheme="independent",
                table_std=context.train_config.table_std,
                generator=context.generator,
            )
        )
        model = context.build_model(embedding)
        result = fit(
            model,
            context.train,
            context.validation,
            context.train_config,
            context.generator,
            context.progress,
        )
        for epoch, auc in enumerate(result.history, 1):
            context.trace("validation_auc", epoch, auc)
        return model

    def search(self, context: Context, prepared: Backbone) -> Allocation:
        """Return the sizes that the walk over saliencies gives.

        Raises:
            ConfigError: the budget is below the smallest allocation.
        """
        config: SSEDSConfig = self.config
        budget = context.budget_or(config.keep)
        split = context.train if config.split == "train" else context.validation
        batches = split.batches(config.batch_size, device=context.device, shuffle=context.generator)
        chosen = [batch for batch, _ in zip(batches, range(config.batches), strict=False)]
        measured = saliency(prepared, chosen)
        self.ranked = measured.argsort(dim=1, descending=True)
        context.trace("saliency_share", 0, measured.sum(dim=1).tolist())
        may_drop = config.allow_zero or context.candidates[0] == 0
        least = 0 if may_drop else context.candidates[0] if config.snap else 1
        dims = walk([field.cardinality for field in context.fields], measured, budget, least)
        if config.snap:
            sizes = (0, *context.candidates)
            dims = [max(size for size in sizes if size <= dim) for dim in dims]
        return Allocation.field_wise(context.fields, dims)

    def inherit(
        self, context: Context, prepared: Backbone, allocation: Allocation, model: Backbone
    ) -> None:
        """Start the retraining from the pre-trained dimensions that were kept."""
        tables = prepared.embedding.tables
        vectors = [
            tables.weight(field, 0)[:, self.ranked[field, :dim]]
            for field, dim in enumerate(allocation.dims)
        ]
        inherit_weights(model, prepared, vectors)


class MaskedEmbedding(FieldEmbedding):
    """Vectors of one size for all fields, in the fields' order, times a mask.

    Attributes:
        mask: (fields, size), all ones.
    """

    def __init__(self, tables: CandidateTables) -> None:
        super().__init__()
        (size,) = tables.candidates
        self.widths = (size,) * len(tables.fields)
        self.tables = tables
        self.has_fixed_shapes = tables.has_fixed_shapes
        self.register_buffer("mask", torch.ones(len(tables.fields), size), persistent=False)
        self.mask: Tensor

    def forward(self, ids: Tensor) -> Tensor:
        """Map ``ids (batch, columns)`` to ``(batch, fields * size)``."""
        return (self.tables.look_up(ids, 0) * self.mask).flatten(1)


def saliency(model: Backbone, batches: Sequence[Batch]) -> Tensor:
    """Return ``s (fields, size)``: mean magnitudes of dL/dm over batches, which sum to 1.

    The model stays as it is: the mask to differentiate is passed to it, not set.
    """
    model.eval()
    mask = model.embedding.mask.clone().requires_grad_()
    total = torch.zeros_like(mask)
    for ids, labels in batches:
        logits = functional_call(model, {"embedding.mask": mask}, (ids,))
        loss = binary_cross_entropy_with_logits(logits, labels)
        (gradient,) = torch.autograd.grad(loss, mask)
        total = total + gradient.abs()
    return (total / total.sum()).cpu()


def walk(cardinalities: Sequence[int], measured: Tensor, budget: int, least: int) -> list[int]:
    """Return how many dimensions each field keeps.

    Pairs come in the order of decreasing saliency, a pair that does not fit the rest of the budget
    is skipped. ``least`` dimensions per field, its most salient ones, are kept in any case.

    Args:
        cardinalities: n_i, what a dimension of field i costs.
        measured: the saliencies, (fields, size).
        budget: the most parameters, sum of n_i times dimensions.
        least: the fewest dimensions of a field.

    Raises:
        ConfigError: the budget does not suffice for the fewest dimensions, or for any at all.
    """
    left = budget - least * sum(cardinalities)
    if left < 0 or budget < min(cardinalities):
        smallest = max(least * sum(cardinalities), min(cardinalities))
        raise ConfigError(
            f"sseds cannot meet a budget of {budget} embedding parameters: its smallest allocation"
            f" has {smallest}; raise --budget" + (", or set sseds.allow_zero" if least else "")
        )
    dims = [least] * len(cardinalities)
    size = measured.shape[1]
    ranked = measured.sort(dim=1, descending=True)
    beyond = ranked.values[:, least:].flatten()  # What is set aside comes first in each field.
    for pair in beyond.argsort(descending=True, stable=True).tolist():
        field = pair // (size - least)
        if cardinalities[field] <= left:
            left -= cardinalities[field]
            dims[field] += 1
    return dims
