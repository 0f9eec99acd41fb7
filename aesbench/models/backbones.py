"""The backbones: an embedding in, logits out. Wide&Deep and DeepFM, as in the paper's section 4.2.

A backbone is built on any ``FieldEmbedding`` and is the same module in a supernet, in a search and
at retraining. Further backbones enter through the entry-point group ``aesbench.models.backbones``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from aesbench.core.search_space import Space
from aesbench.core.settings import later, require
from aesbench.datasets.base import Field
from aesbench.errors import ConfigError
from aesbench.models.embedding import FieldEmbedding, FirstOrder, make_linear
from aesbench.models.vectors import FieldVectors, Joined


@dataclass(frozen=True)
class BackboneConfig:
    """Settings that both backbones share.

    Attributes:
        hidden: widths of the hidden layers; 128-64 for ML-1M and Avazu, 256-128 for Criteo (the
            paper's {128, 64, 1} and {256, 128, 1}, whose last entry is the output).
        dropout: the share of each hidden layer's outputs that training drops; none in the paper.
        batch_norm: whether hidden layers are batch-normalised before their ReLU; not in the paper.
    """

    hidden: tuple[int, ...] = (128, 64)
    dropout: float = later(0.0)
    batch_norm: bool = later(False)

    def __post_init__(self) -> None:
        valid = len(self.hidden) > 0 and min(self.hidden) >= 1
        require(valid, "hidden", self.hidden, "at least one width of at least 1, as in 128,64")
        require(0 <= self.dropout < 1, "dropout", self.dropout, "at least 0 and below 1")


_SPACE: Space = {"dropout": (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)}


class Backbone(nn.Module):
    """The contract of a backbone.

    Attributes:
        name: what ``--backbones`` calls it.
        title: its name in tables.
        Config: its settings, a frozen dataclass.
        space: {setting: values to choose from, or a ``Range``}: what ``aesbench tune --tune
            backbone.NAME`` may change. It holds the default, and the setting is a ``later`` one,
            so that rows with it tuned share a protocol with rows without. Optional.
        default_unification: how mixed sizes enter it unless a run says otherwise.
        needs_history: whether it works on data with a history only. Optional. Whoever asks the
            embedding for no ``sequences`` leaves histories out.
        sums_over_fields: whether ``summands``, ``first_order`` and ``logits_of_sums`` are defined,
            which they are on no embedding with histories: a supernet then scores its subnets many
            times faster. Optional.
        has_fixed_shapes: whether a step does the same work on every batch of one shape; a GPU then
            replays one that it recorded (``capture.py``). Optional.
        packs: whether many of it can be trained as one (``aesbench.models.packed``), where there
            are no histories. It then defines ``logits`` and ``input_layers``, calls its first-order
            term ``wide``, and all of its layers are linear, ReLU and the like, batch normalisation
            or dropout. Parameters of its own are scalars or vectors; ``logits`` gets them, and
            activations, with the models as a first dimension: count dimensions from the last.
            Optional.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    Config: ClassVar[type] = BackboneConfig
    space: ClassVar[Space] = {}
    default_unification: ClassVar[str]
    needs_history: ClassVar[bool] = False
    sums_over_fields: bool = False
    packs: bool = False
    has_fixed_shapes: bool = False

    def __init__(
        self,
        fields: Sequence[Field],
        embedding: FieldEmbedding,
        config: BackboneConfig,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.embedding = embedding
        if embedding.targets:  # The vectors of a field enter by its history, too.
            self.sums_over_fields = self.packs = False

    def forward(self, ids: Tensor) -> Tensor:
        """Map ``ids (batch, columns)`` to logits ``(batch,)``."""
        raise NotImplementedError

    def logits(self, vectors: FieldVectors, first_order: Tensor) -> Tensor:
        """Return the logits ``(..., batch)`` of all fields' vectors and the first-order term."""
        raise NotImplementedError

    def input_layers(self) -> Sequence[nn.Linear]:
        """Return the layers that ``logits`` gives all vectors side by side."""
        raise NotImplementedError

    def summands(self, vectors: Tensor, start: int) -> Tensor:
        """Return what one field's vectors add to the sums over fields that the logits depend on.

        Args:
            vectors: (rows, width).
            start: where they begin in the row of all fields' vectors.

        Returns:
            (rows, summands).
        """
        raise NotImplementedError

    def first_order(self, ids: Tensor) -> Tensor:
        """Return what ids add to the logits without any vector: (batch, columns) -> (batch,)."""
        raise NotImplementedError

    def logits_of_sums(self, sums: Tensor, first_order: Tensor) -> Tensor:
        """Return the logits ``(batch,)`` of the sums ``(batch, summands)`` over all fields.

        The sums are overwritten.
        """
        raise NotImplementedError


def make_mlp(
    inputs: int,
    config: BackboneConfig,
    generator: torch.Generator,
    activation: Callable[[int], nn.Module] | None = None,
) -> nn.Sequential:
    """Return layers of the configured widths and a linear output of width 1.

    Args:
        inputs: the width of what comes in.
        config: the layers.
        generator: draws the initial values.
        activation: makes that of a layer of so many units; by default a ReLU.
    """
    layers: list[nn.Module] = []
    for width in config.hidden:
        layers.append(make_linear(inputs, width, generator))
        if config.batch_norm:
            layers.append(nn.BatchNorm1d(width))
        # In place: new memory takes longer to touch than to compute.
        layers.append(activation(width) if activation else nn.ReLU(inplace=True))
        if config.dropout:
            layers.append(nn.Dropout(config.dropout))
        inputs = width
    return nn.Sequential(*layers, make_linear(inputs, 1, generator))


def joined(embedding: FieldEmbedding, ids: Tensor) -> Joined:
    """Return all fields' vectors, and behind them the mean over each history's items.

    As a multi-valued field's: a history without items is zero.
    """
    flat, widths = embedding(ids), joined_widths(embedding)
    means = [
        vectors.sum(1) / mask.sum(1, keepdim=True).clamp(min=1)
        for vectors, mask in embedding.sequences(ids)
    ]
    return Joined(torch.cat([flat, *means], 1) if means else flat, widths)


def joined_widths(embedding: FieldEmbedding) -> tuple[int, ...]:
    """Return the widths of the vectors of ``joined``."""
    return (*embedding.widths, *(width for _, width in embedding.targets if width))


class WideDeep(Backbone):
    """Wide&Deep (Cheng et al., 2016): a first-order term beside an MLP over the vectors.

    The wide part has no crossed features, as is usual in comparisons without hand-made crosses.
    """

    name = "widedeep"
    title = "Wide&Deep"
    space = _SPACE
    default_unification = "plain"
    sums_over_fields = True
    packs = True

    def __init__(
        self,
        fields: Sequence[Field],
        embedding: FieldEmbedding,
        config: BackboneConfig,
        generator: torch.Generator,
    ) -> None:
        super().__init__(fields, embedding, config, generator)
        self.wide = FirstOrder(fields)
        fixed = embedding.has_fixed_shapes and self.wide.has_fixed_shapes
        self.has_fixed_shapes = fixed and not embedding.targets
        self.mlp = make_mlp(sum(joined_widths(embedding)), config, generator)

    def forward(self, ids: Tensor) -> Tensor:
        """Map ``ids (batch, columns)`` to logits ``(batch,)``."""
        return self.logits(joined(self.embedding, ids), self.wide(ids))

    def logits(self, vectors: FieldVectors, first_order: Tensor) -> Tensor:
        """Return the MLP's output and the first-order term, added up."""
        return _deep(self.mlp, vectors) + first_order

    def input_layers(self) -> Sequence[nn.Linear]:
        """Return the MLP's first layer."""
        return (_first_layer(self.mlp),)

    def summands(self, vectors: Tensor, start: int) -> Tensor:
        """Return the vectors' part of the first layer, ``(rows, hidden)``."""
        return vectors @ _first_layer(self.mlp).weight[:, start : start + vectors.shape[1]].T

    def first_order(self, ids: Tensor) -> Tensor:
        """Return the wide part."""
        wide: Tensor = self.wide(ids)
        return wide

    def logits_of_sums(self, sums: Tensor, first_order: Tensor) -> Tensor:
        """Return the logits from the first layer's sums."""
        return _deep_of_sums(self.mlp, sums) + first_order


class DeepFM(Backbone):
    """DeepFM (Guo et al., 2017): first order, pairwise products of field vectors, and an MLP.

    The pairwise term has a learnable scale. Over batch-normalised vectors it starts at 0.01: 45
    products of unit-variance vectors of width 32 would otherwise drown the other two terms (LogLoss
    above 2.9 was measured). Over raw vectors it starts at 1, the published model.
    """

    name = "deepfm"
    title = "DeepFM"
    space = _SPACE
    default_unification = "transform"
    sums_over_fields = True
    packs = True

    def __init__(
        self,
        fields: Sequence[Field],
        embedding: FieldEmbedding,
        config: BackboneConfig,
        generator: torch.Generator,
    ) -> None:
        super().__init__(fields, embedding, config, generator)
        if len(set(embedding.widths)) != 1:
            raise ConfigError(
                f"deepfm multiplies field vectors and needs one width for all, got"
                f" {list(embedding.widths)}; use the unification 'transform'"
            )
        self.wide = FirstOrder(fields)
        fixed = embedding.has_fixed_shapes and self.wide.has_fixed_shapes
        self.has_fixed_shapes = fixed and not embedding.targets
        self.pair_scale = nn.Parameter(torch.tensor(0.01 if embedding.normalised else 1.0))
        self.mlp = make_mlp(sum(joined_widths(embedding)), config, generator)

    def forward(self, ids: Tensor) -> Tensor:
        """Map ``ids (batch, columns)`` to logits ``(batch,)``."""
        return self.logits(joined(self.embedding, ids), self.wide(ids))

    def logits(self, vectors: FieldVectors, first_order: Tensor) -> Tensor:
        """Return the MLP's output, the first-order term and the scaled pairs, added up."""
        # Sum of all pairwise dot products = half of (square of the sum - sum of the squares).
        pairs = 0.5 * (vectors.total().square().sum(-1) - vectors.squares())
        logits: Tensor = _deep(self.mlp, vectors) + first_order + self.pair_scale * pairs
        return logits

    def input_layers(self) -> Sequence[nn.Linear]:
        """Return the MLP's first layer."""
        return (_first_layer(self.mlp),)

    def summands(self, vectors: Tensor, start: int) -> Tensor:
        """Return the vectors' part of the first layer, themselves and their squared length."""
        hidden = vectors @ _first_layer(self.mlp).weight[:, start : start + vectors.shape[1]].T
        return torch.cat([hidden, vectors, vectors.square().sum(1, keepdim=True)], 1)

    def first_order(self, ids: Tensor) -> Tensor:
        """Return the first-order part."""
        wide: Tensor = self.wide(ids)
        return wide

    def logits_of_sums(self, sums: Tensor, first_order: Tensor) -> Tensor:
        """Return the logits from the sums of first layer, vectors and squared lengths."""
        parts = [_first_layer(self.mlp).out_features, self.embedding.widths[0], 1]
        hidden, vectors, squares = torch.split(sums, parts, 1)
        pairs = 0.5 * (vectors.square().sum(1) - squares.squeeze(1))
        logits: Tensor = _deep_of_sums(self.mlp, hidden) + first_order + self.pair_scale * pairs
        return logits


def _deep(mlp: nn.Sequential, vectors: FieldVectors) -> Tensor:
    """Return what the MLP adds to the logits."""
    hidden = vectors.linear(_first_layer(mlp))
    for layer in list(mlp)[1:]:
        hidden = layer(hidden)
    return hidden.squeeze(-1)


def _deep_of_sums(mlp: nn.Sequential, sums: Tensor) -> Tensor:
    """Return what the MLP adds to the logits, from its first layer's sums without the bias.

    The sums are overwritten.
    """
    # In place: searches spend their time here, and to touch new memory takes as long as a layer.
    hidden = sums.add_(_first_layer(mlp).bias)
    for layer in list(mlp)[1:]:
        hidden = hidden.relu_() if isinstance(layer, nn.ReLU) else layer(hidden)
    return hidden.squeeze(1)


def _first_layer(mlp: nn.Sequential) -> nn.Linear:
    first = mlp[0]
    if not isinstance(first, nn.Linear):
        raise TypeError(
            f"the first layer is {type(first).__name__}, not the linear layer of make_mlp"
        )
    return first
