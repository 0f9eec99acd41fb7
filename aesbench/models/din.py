"""DIN: the user as what of the history bears on the item at hand (target attention).

Zhou, Song, Zhu, Fan, Zhu, Ma, Yan, Jin, Li, Gai: "Deep Interest Network for Click-Through Rate
Prediction" (KDD 2018, arXiv:1706.06978); the AdaS&S paper's third example of an architecture
(section 2.1, reference 17). The authors' code was read: ``zhougr1993/DeepInterestNetwork``,
``din/model.py`` and ``din/Dice.py``.

With q the vector of the item at hand and b_1 .. b_H those of the user's history, all of one table:

1. Activation unit. a_j = F([q, b_j, q - b_j, q * b_j]), a small network with one output.
2. User vector. v = sum_j a_j b_j . The scores are no shares: without softmax their sum says
   how much of the history bears on q (section 4.3). Padding has none.
3. All fields' vectors (q among them) and v pass an MLP of 200 and 80 units with Dice.

Readings, and deviations with their reasons:

- The unit's input and its 80 and 40 sigmoid units are the code's. The paper draws the outer product
  beside q and b, and 36 PReLU or Dice units: ``unit_hidden=36`` and ``unit_activation`` come near.
- ``softmax=True`` is the code's: weights softmax_j(a_j / sqrt(width)) over the history, without
  padding; a history without items is zero there as well, where the code gives its padding's vector.
- The code lays a normalised and mapped user vector beside q (in some versions their product, too),
  normalises the inputs of an MLP of 80 and 40 sigmoid units, and adds a bias per item. The paper
  has none of these, and neither has this file; ``batch_norm`` normalises hidden layers.
- Mini-batch aware regularisation (section 5.1) decays the rows that a batch looks up: the
  protocol's weight decay does so for every backbone (``aesbench.models.optimizer``).
- Every field of the data set enters the MLP, as in the paper's production model (user profile,
  item, context); there is no first-order term.

Not verified: the paper's full text was not at hand; what is said of it here is from its abstract,
from second-hand texts and from the code, also Dice's epsilon and the initial value of its alpha.
Its experiment on MovieLens has another split of 20 million ratings, and cannot be compared.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from aesbench.core.search_space import Space
from aesbench.core.settings import later, require
from aesbench.datasets.base import Field
from aesbench.errors import ConfigError
from aesbench.models.backbones import Backbone, BackboneConfig, make_mlp
from aesbench.models.dice import Dice
from aesbench.models.embedding import FieldEmbedding

ACTIVATIONS: dict[str, Callable[[int], nn.Module]] = {
    "dice": Dice,
    "prelu": nn.PReLU,
    "sigmoid": lambda units: nn.Sigmoid(),
}
"""{name: makes the activation of a layer of so many units}."""


@dataclass(frozen=True)
class DINConfig(BackboneConfig):
    """The settings of DIN.

    Attributes:
        hidden: the MLP's layers; 200 and 80, the paper.
        dropout: as of every backbone.
        batch_norm: as of every backbone, before the activation.
        activation: of the MLP; ``dice`` or ``prelu``, the paper's two.
        unit_hidden: the activation unit's layers; 80 and 40, the code.
        unit_activation: of the activation unit; ``sigmoid``, the code.
        softmax: whether scores become shares of 1 (the code); not in the paper.
    """

    hidden: tuple[int, ...] = (200, 80)
    activation: Literal["dice", "prelu"] = later("dice")
    unit_hidden: tuple[int, ...] = (80, 40)
    unit_activation: Literal["sigmoid", "prelu", "dice"] = later("sigmoid")
    softmax: bool = later(False)

    def __post_init__(self) -> None:
        super().__post_init__()
        valid = len(self.unit_hidden) > 0 and min(self.unit_hidden) >= 1
        require(valid, "unit_hidden", self.unit_hidden, "at least one width of at least 1")
        known = ("dice", "prelu")
        require(self.activation in known, "activation", self.activation, "one of dice, prelu")
        own, among = self.unit_activation, tuple(ACTIVATIONS)
        require(own in among, "unit_activation", own, "one of " + ", ".join(among))


class ActivationUnit(nn.Module):
    """Attention of an item to a history: what of the history bears on it."""

    def __init__(self, width: int, config: DINConfig, generator: torch.Generator) -> None:
        """Make the layers for vectors of a width."""
        super().__init__()
        layers = BackboneConfig(config.unit_hidden)
        self.layers = make_mlp(4 * width, layers, generator, ACTIVATIONS[config.unit_activation])
        self.softmax = config.softmax

    def forward(self, target: Tensor, items: Tensor, mask: Tensor) -> Tensor:
        """Return the user vector ``(batch, width)``; zero where there are no items.

        Args:
            target: q, (batch, width).
            items: the b_j, (batch, items, width), zero at the padding.
            mask: (batch, items), true where there is an item.
        """
        scores = self.scores(target, items, mask)
        if self.softmax:
            scaled = scores / items.shape[2] ** 0.5
            lowest = torch.finfo(scaled.dtype).min
            scores = scaled.masked_fill(~mask, lowest).softmax(1) * mask
        user: Tensor = (scores.unsqueeze(1) @ items).squeeze(1)
        return user

    def scores(self, target: Tensor, items: Tensor, mask: Tensor) -> Tensor:
        """Return the a_j ``(batch, items)``, zero at the padding, which is not computed."""
        places = mask.flatten().nonzero()[:, 0]
        b = items.flatten(0, 1).index_select(0, places)  # (items of the batch, width)
        q = target.index_select(0, places // items.shape[1])
        found = self.layers(torch.cat([q, b, q - b, q * b], 1)).squeeze(1)
        scores: Tensor = found.new_zeros(mask.numel()).index_copy(0, places, found)
        return scores.view(mask.shape)


class DIN(Backbone):
    """Deep Interest Network.

    The vectors of a history have the width of the item's, whatever sizes the fields have, so that
    it takes mixed sizes as they are. A history whose field has no vector says nothing.
    """

    name = "din"
    title = "DIN"
    Config = DINConfig
    space: ClassVar[Space] = {
        "dropout": (0.0, 0.1, 0.2, 0.3, 0.4, 0.5),
        "activation": ("dice", "prelu"),
        "softmax": (False, True),
    }
    default_unification = "plain"
    needs_history = True

    def __init__(
        self,
        fields: Sequence[Field],
        embedding: FieldEmbedding,
        config: DINConfig,
        generator: torch.Generator,
    ) -> None:
        """Make the layers.

        Raises:
            ConfigError: the data set has no history.
        """
        super().__init__(fields, embedding, config, generator)
        if not embedding.targets:
            raise ConfigError(
                "din attends to a history, and the data set has none; take one that has, or give"
                ' your own data a field of kind = "history"'
            )
        self.units = nn.ModuleList(
            ActivationUnit(width, config, generator) for _, width in embedding.targets if width
        )
        users = sum(width for _, width in embedding.targets)
        self.mlp = make_mlp(
            sum(embedding.widths) + users, config, generator, ACTIVATIONS[config.activation]
        )

    def forward(self, ids: Tensor) -> Tensor:
        """Map ``ids (batch, columns)`` to logits ``(batch,)``."""
        flat = self.embedding(ids)
        histories = zip(self.embedding.targets, self.embedding.sequences(ids), strict=True)
        known = [(start, items, mask) for (start, width), (items, mask) in histories if width]
        users = [
            unit(flat[:, start : start + items.shape[2]], items, mask)
            for unit, (start, items, mask) in zip(self.units, known, strict=True)
        ]
        logits: Tensor = self.mlp(torch.cat([flat, *users], 1)).squeeze(1)
        return logits
