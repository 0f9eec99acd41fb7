"""A pack: many backbones as one, from which each can be taken back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from aesbench.models.backbones import Backbone
from aesbench.models.packed.embedding import PackedEmbedding
from aesbench.models.packed.layers import NotPackableError, StackedDropout, stack, write

_APART = ("embedding", "wide")
"""What of a backbone is not stacked: ``PackedEmbedding`` takes its place."""


class Pack(nn.Module):
    """Backbones of one kind, each on an allocation of its own, whose steps are taken together.

    Attributes:
        embedding: all of their embeddings and first-order terms.
        backbone: their other layers.
        width: of the row of all vectors, padding included.
        has_fixed_shapes: whether a step does the same work on every batch, so that a GPU can replay
            it: not where dropout draws from generators of its own.
    """

    def __init__(
        self, models: Sequence[Backbone], batch_size: int, generators: Sequence[torch.Generator]
    ) -> None:
        """Copy the models' weights.

        Args:
            models: of one kind and settings; they are left as they are.
            batch_size: rows of a training step.
            generators: of each model, on its device, for dropout.

        Raises:
            NotPackableError: the backbone or the embedding does not say that it can be packed.
        """
        super().__init__()
        first = models[0]
        if not first.packs or any(type(model) is not type(first) for model in models):
            raise NotPackableError(f"{type(first).__name__} does not say that it can be packed")
        inner: list[Any] = list(models)
        self.embedding = PackedEmbedding(
            [model.embedding for model in inner], [model.wide for model in inner], batch_size
        )
        inputs: Sequence[nn.Module] = first.input_layers()
        stacked: Any = stack(models, dict.fromkeys(inputs, self.embedding.places), _APART)
        self.backbone: Backbone = stacked
        for module in self.backbone.modules():
            if isinstance(module, StackedDropout):
                module.generators = list(generators)
        self.width = self.embedding.places.width
        self.has_fixed_shapes = self.embedding.has_fixed_shapes and not any(
            isinstance(module, StackedDropout) for module in self.modules()
        )

    def forward(self, ids: Tensor) -> Tensor:
        """Map ``ids (models, batch, columns)`` to logits ``(models, batch)``."""
        vectors, first_order = self.embedding(ids)
        return self.backbone.logits(vectors, first_order)

    @torch.no_grad()
    def keep(self, models: Sequence[int]) -> None:
        """Go on with these models alone, in this order."""
        for tensor in (*self.parameters(), *self.buffers()):
            chosen = torch.tensor(list(models), device=tensor.device)
            tensor.data = tensor.data.index_select(0, chosen)
        for module in self.modules():
            if module is not self and hasattr(module, "keep"):
                module.keep(models)  # type: ignore[operator]

    def write(self, model: int, to: Backbone) -> None:
        """Copy what was learned for one model into that model itself."""
        inner: Any = to
        self.embedding.write(model, inner.embedding, inner.wide)
        write(self.backbone, model, to)
