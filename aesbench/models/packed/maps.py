"""How the vectors of a part come to one width: as they are, by blocks, or by Eq. 7's layers.

Each is what ``MixedEmbedding`` does of its unification, for many models at once: products are
batched over the models, and vectors of several dimensions inside a field pass each dimension's
product, of which all but their own count nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from aesbench.models.embedding import MixedEmbedding
from aesbench.models.packed.parts import Looked, PartFields


class Transforms(nn.Module):
    """The layers from each dimension of a model to the final one, which its fields share (Eq. 7).

    Attributes:
        weight: (models, dimensions, largest dimension, final dimension).
        bias: (models, dimensions, final dimension).
    """

    def __init__(self, embeddings: Sequence[MixedEmbedding]) -> None:
        super().__init__()
        self.dims = [one.dims for one in embeddings]
        layers: list[list[Any]] = [
            [one.transforms[str(dim)] for dim in dims]
            for one, dims in zip(embeddings, self.dims, strict=True)
        ]
        sample = layers[0][0].weight.detach()
        most, largest = max(map(len, self.dims)), max(map(max, self.dims))
        self.weight = nn.Parameter(sample.new_zeros(len(embeddings), most, largest, len(sample)))
        self.bias = nn.Parameter(sample.new_zeros(len(embeddings), most, len(sample)))
        with torch.no_grad():
            for model, own in enumerate(layers):
                for number, layer in enumerate(own):
                    self.weight[model, number, : layer.in_features] = layer.weight.T
                    self.bias[model, number] = layer.bias

    def write(self, model: int, embedding: MixedEmbedding) -> None:
        """Copy the layers of one model back."""
        for number, dim in enumerate(self.dims[model]):
            layer: Any = embedding.transforms[str(dim)]
            layer.weight.copy_(self.weight[model, number, :dim].T)
            layer.bias.copy_(self.bias[model, number])

    def keep(self, models: Sequence[int]) -> None:
        """Forget the other models."""
        self.dims = [self.dims[model] for model in models]


class AsTheyAre(nn.Module):
    """Vectors of one block per field, side by side as they are."""

    def forward(self, looked: Looked, transforms: nn.Module) -> Tensor:
        """Return the vectors."""
        return looked.vectors

    def write(self, model: int, embedding: MixedEmbedding) -> None:
        """Nothing to copy: nothing is learned here."""


class Projected(nn.Module):
    """A field with several blocks, projected to its widest one without bias (MDE's rule).

    Attributes:
        weight: (models, dimensions - 1, dim, width): the widest needs no projection.
    """

    def __init__(self, own: PartFields, embeddings: Sequence[MixedEmbedding]) -> None:
        super().__init__()
        self.field, self.classes = own.fields[0], list(own.classes)
        self.width = own.width
        most = max(map(len, own.classes))
        sample = next(embeddings[0].parameters()).detach()
        self.weight = nn.Parameter(sample.new_zeros(len(embeddings), most - 1, own.dim, own.width))
        for model, embedding in enumerate(embeddings):
            self._copy(model, embedding, back=False)

    def forward(self, looked: Looked, transforms: nn.Module) -> Tensor:
        """Map vectors ``(models, n, dim)`` to ``(models, n, width)``."""
        classes = looked.classes.unsqueeze(2)
        found = looked.vectors * (classes == 0)
        for number in range(self.weight.shape[1]):
            product = torch.bmm(looked.vectors, self.weight[:, number])
            found = found + product * (classes == number + 1)
        return found

    @torch.no_grad()
    def _copy(self, model: int, embedding: MixedEmbedding, *, back: bool) -> None:
        layout = embedding.layout[self.field]
        for number, dim in enumerate(self.classes[model][1:]):
            layer: Any = embedding.transforms[embedding.transform_of(layout, dim)]
            ours = self.weight[model, number, :dim, : layout.width]
            if back:
                layer.weight.copy_(ours.T)
            else:
                ours.copy_(layer.weight.T)

    def write(self, model: int, embedding: MixedEmbedding) -> None:
        """Copy the projections of one model back."""
        self._copy(model, embedding, back=True)

    def keep(self, models: Sequence[int]) -> None:
        """Forget the other models."""
        self.classes = [self.classes[model] for model in models]


class Transformed(nn.Module):
    """Fields whose vectors pass the layer of their dimension (Eq. 7).

    Attributes:
        choice: (models, classes), which of the model's layers each class of values passes.
    """

    choice: Tensor

    def __init__(self, own: PartFields, embeddings: Sequence[MixedEmbedding]) -> None:
        super().__init__()
        self.dim, self.has_classes = own.dim, bool(own.classes)
        classes = own.classes or [(one.layout[own.fields[0]].blocks[0][2],) for one in embeddings]
        choice = torch.zeros(len(embeddings), max(map(len, classes)), dtype=torch.long)
        for model, (embedding, dims) in enumerate(zip(embeddings, classes, strict=True)):
            for number, dim in enumerate(dims):
                choice[model, number] = embedding.dims.index(dim)
        device = next(embeddings[0].parameters()).device
        self.register_buffer("choice", choice.to(device))

    def forward(self, looked: Looked, transforms: Transforms) -> Tensor:
        """Map vectors ``(models, n, dim)`` to ``(models, n, final dimension)``."""
        models, dimensions = transforms.weight.shape[:2]
        base = torch.arange(0, models * dimensions, dimensions, device=self.choice.device)
        found: Tensor | None = None
        for number in range(self.choice.shape[1]):
            chosen = base + self.choice[:, number]
            weight = transforms.weight.flatten(0, 1).index_select(0, chosen)[:, : self.dim]
            bias = transforms.bias.flatten(0, 1).index_select(0, chosen).unsqueeze(1)
            product = torch.baddbmm(bias, looked.vectors, weight)
            if self.has_classes:
                product = product * (looked.classes == number).unsqueeze(2)
            found = product if found is None else found + product
        if found is None:
            raise RuntimeError("a part without classes has no vectors to map")
        return found

    def write(self, model: int, embedding: MixedEmbedding) -> None:
        """Nothing to copy: the layers are ``Transforms``'."""


def map_of(own: PartFields, embeddings: Sequence[MixedEmbedding]) -> nn.Module:
    """Return what maps the vectors of a part."""
    if own.dim and embeddings[0].normalised:
        return Transformed(own, embeddings)
    return Projected(own, embeddings) if own.classes else AsTheyAre()
