"""Retraining from the weights of a search, for ``--inherit``: what the two models have in common.

A searched model and the one to be retrained share each field's vectors in its chosen size, the
linear layer of a size where both unify sizes by one, and the first-order term. The dense layers
start afresh: the place and width of what they are fed are other ones. Some public implementations
of searches inherit like this by default; here it is an ablation, the same for every method.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from aesbench.core.allocation import Allocation
from aesbench.errors import ConfigError
from aesbench.models.backbones import Backbone
from aesbench.models.embedding import MixedEmbedding
from aesbench.search.candidates import CandidateTables, SizeTransforms


@torch.no_grad()
def inherit_weights(
    model: Backbone,
    source: Backbone,
    vectors: Sequence[Tensor],
    transforms: Mapping[int, nn.Linear] | None = None,
) -> None:
    """Copy what the models share; nothing of the source is shared itself.

    Args:
        model: to be retrained, freshly initialised on ``context.build_embedding(allocation)``.
        source: what the search trained.
        vectors: each field's, ``(cardinality, dim)`` with the size of the allocation.
        transforms: {dim: the layer that maps this size to the final dimension}, if there is one.

    Raises:
        ConfigError: the model's embedding is not that of an allocation.
    """
    embedding = model.embedding
    if not isinstance(embedding, MixedEmbedding):
        raise ConfigError(
            f"only the embedding of an allocation inherits weights, got {type(embedding).__name__};"
            " build the model on context.build_embedding(allocation)"
        )
    for field, own in enumerate(vectors):
        embedding.set_vectors(field, own)
    for dim, layer in (transforms or {}).items():
        embedding.set_transform(dim, layer)
    ours, theirs = getattr(model, "wide", None), getattr(source, "wide", None)
    if isinstance(ours, nn.Module) and isinstance(theirs, nn.Module):
        ours.load_state_dict(theirs.state_dict())


def inherit_chosen_tables(model: Backbone, source: Backbone, allocation: Allocation) -> None:
    """Copy what ``inherit_weights`` does from a source that has tables of every candidate size.

    Layers that map to another width than the model's stay behind.

    Args:
        model: to be retrained, on the embedding of the allocation.
        source: its embedding holds ``tables`` and, if it has any, their ``transforms``.
        allocation: of sizes among the candidates, perhaps several in a field.
    """
    embedding: Any = source.embedding
    tables: CandidateTables = embedding.tables
    layers: SizeTransforms | None = getattr(embedding, "transforms", None)
    known = {} if layers is None else layers.by_dim(tables.candidates)
    target: Any = model.embedding
    fitting = {dim: layer for dim, layer in known.items() if layer.out_features == target.widths[0]}
    inherit_weights(model, source, [], fitting)
    for field, blocks in enumerate(allocation.blocks):
        start = 0
        for number, block in enumerate(blocks):
            vectors = tables.weight(field, tables.candidates.index(block.dim))
            target.set_vectors(field, vectors[start : start + block.rows], number)
            start += block.rows
