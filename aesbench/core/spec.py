"""What a run is, as data: frozen settings whose hash names the run's record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from aesbench.core.label import UNIFICATIONS, Label
from aesbench.core.search_space import Range, Space
from aesbench.core.settings import (
    build_config,
    content_hash,
    plain_settings,
    require,
    require_int,
)

REFERENCE_DIM = 32
"""UES-32 is what budgets and parameter reductions refer to (paper, section 4.2)."""

PROTOCOL = 2
"""The version of what all methods share beyond their settings: the trainer, its optimizer and
decay, when it stops, and what is measured. Raise it whenever equal settings would give other
numbers; results of different versions are never compared.

1: weight decay also on values of a row that have no gradient; every seed has the one split.
2: weight decay on values with a gradient only; a split that is drawn is drawn by the run's seed.
"""


@dataclass(frozen=True)
class TrainConfig:
    """The one training protocol, the same for every method (paper, section 4.2, unless noted).

    Attributes:
        batch_size: rows per step.
        learning_rate: Adam's, for tables and dense parameters.
        epochs: the most passes over the train split; not given in the paper, ours.
        patience: epochs without a better validation AUC before training stops; ours.
        l2: weight decay on the embedding rows of the batch, coupled as in Adam, on their values
            that have a gradient; ours.
        table_std: standard deviation of a table's initial values, the same for every size, so that
            no size starts ahead of another; ours.
    """

    batch_size: int = 512
    learning_rate: float = 1e-3
    epochs: int = 20
    patience: int = 2
    l2: float = 1e-6
    table_std: float = 0.01

    def __post_init__(self) -> None:
        require_int(self.batch_size, "train.batch_size", 2)
        require(self.learning_rate > 0, "train.learning_rate", self.learning_rate, "above 0")
        require_int(self.epochs, "train.epochs", 1)
        require_int(self.patience, "train.patience", 1)
        require(self.l2 >= 0, "train.l2", self.l2, "at least 0")
        require(self.table_std > 0, "train.table_std", self.table_std, "above 0")
        # A record gives back 0.0 for l2=0: both must have one hash.
        for name in ("learning_rate", "l2", "table_std"):
            object.__setattr__(self, name, float(getattr(self, name)))


TRAIN_SPACE: Space = {
    "l2": (0.0, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3),
    "learning_rate": Range(1e-4, 1e-2, log=True),
    "table_std": Range(1e-3, 1e-1, log=True),
}
"""What of the protocol ``aesbench tune --tune train.NAME`` may change, alike for every method.

Ours: a decade to each side of a default; for ``l2`` from none at all to three decades above it.
"""


@dataclass(frozen=True)
class RunSpec:
    """One run: everything that determines its result, and nothing else.

    Attributes:
        dataset: the data set's name.
        data_hash: the prepared data set's hash, so that no result outlives its data; that of draw 0
            where the seed draws the split.
        backbone: the registered name of the backbone.
        backbone_config: its settings, defaults included.
        unification: how mixed sizes enter the backbone, one of ``UNIFICATIONS``.
        method: the registered name of the method.
        method_config: its settings, defaults included.
        label: how tables call this method with these settings, ``ues:32+transform`` for example.
        final_dim: the width that ``transform`` maps every vector to (the paper's d_f).
        candidates: the sizes a search may choose from (the paper's D); 0 leaves a field out, for
            methods that can.
        budget: the most embedding parameters, or None.
        seed: the run's seed; the seeds of its stages derive from it.
        search_index: which of several searches on one prepared state.
        train: the training protocol.
        retrain: whether the allocation is retrained and tested, or only recorded.
        inherit: whether the retrained model starts from the weights of the search.
        scores: of how many random allocations the method predicts the metrics with inherited
            weights, in place of a search; 0 searches.
        drawn: whether the seed draws the split, too.
        protocol: the version of the protocol, ``PROTOCOL`` of the code that runs it.
        tuned: which settings of the protocol ``aesbench tune`` chose for this row, in the order of
            their names: ``train.l2``, ``backbone.dropout``.
    """

    dataset: str
    data_hash: str
    backbone: str
    backbone_config: Mapping[str, Any]
    unification: str
    method: str
    method_config: Mapping[str, Any]
    label: str
    final_dim: int = 32
    candidates: tuple[int, ...] = (2, 8, 16, 32, 64)
    budget: int | None = None
    seed: int = 0
    search_index: int = 0
    train: TrainConfig = field(default_factory=TrainConfig)
    retrain: bool = True
    inherit: bool = False
    scores: int = 0
    drawn: bool = False
    protocol: int = 1
    tuned: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        require(
            self.unification in UNIFICATIONS,
            "unification",
            self.unification,
            "one of " + ", ".join(UNIFICATIONS),
        )
        require_int(self.final_dim, "final_dim", 1)
        for size in self.candidates:
            require_int(size, "a size of candidates", 0)
        is_ascending = list(self.candidates) == sorted(set(self.candidates))
        require(
            is_ascending and max(self.candidates, default=0) > 0,
            "candidates",
            self.candidates,
            "distinct sizes in ascending order, one of at least 1; 0 leaves a field out",
        )
        if self.budget is not None:
            require_int(self.budget, "budget", 1)
        require_int(self.seed, "seed")
        require_int(self.search_index, "search_index", 0)
        require(type(self.retrain) is bool, "retrain", self.retrain, "true or false")
        require(type(self.inherit) is bool, "inherit", self.inherit, "true or false")
        require(
            self.retrain or not self.inherit,
            "inherit",
            self.inherit,
            "false where nothing is retrained (search only)",
        )
        require_int(self.scores, "scores", 0)
        require(
            not (self.scores and self.retrain), "scores", self.scores, "0 where a run is retrained"
        )
        require(type(self.drawn) is bool, "drawn", self.drawn, "true or false")
        require_int(self.protocol, "protocol", 1)
        require(
            all(map(_is_of_protocol, self.tuned)) and list(self.tuned) == sorted(set(self.tuned)),
            "tuned",
            self.tuned,
            "distinct settings of train and backbone in order, as in backbone.dropout,train.l2",
        )

    @cached_property
    def run_id(self) -> str:
        """Sixteen hexadecimal digits that change with any setting, seed or data."""
        return content_hash(self.to_dict())

    @cached_property
    def content_id(self) -> str:
        """Digits that are equal for two specs of one run, whatever their labels.

        Equal settings are one run, whether a preset gives them or ``--set``, and however their
        values are spelled. Tuned ones stay apart: how they were found is part of the comparison.
        """
        return content_hash([{**self.to_dict(), "label": ""}, self.called.tuned])

    @cached_property
    def conditions(self) -> dict[str, Any]:
        """What must be equal for two runs at one place to compare, whatever their methods.

        The hash of the data, whether the seed draws their split, the version of the protocol, and
        the settings of trainer and backbone as ``train.l2`` and ``widedeep.hidden``. Those that
        were tuned for this row stand at their defaults, which of a backbone are left out, as they
        are of any spec.
        """
        train = {
            f"train.{name}": getattr(TrainConfig(), name)
            if f"train.{name}" in self.tuned
            else value
            for name, value in plain_settings(self.train).items()
        }
        backbone = {
            f"{self.backbone}.{name}": tuple(value) if isinstance(value, list) else value
            for name, value in self.backbone_config.items()
            if f"backbone.{name}" not in self.tuned
        }
        return {
            "data": self.data_hash[:16],
            **({"split": "drawn by the seed"} if self.drawn else {}),
            "protocol": self.protocol,
            "final_dim": self.final_dim,
            **train,
            **backbone,
        }

    @cached_property
    def called(self) -> Label:
        """The label in its parts.

        Raises:
            ConfigError: the text is no label.
        """
        return Label.parse(self.label)

    @property
    def tuned_settings(self) -> dict[str, Any]:
        """Return ``{name: value}`` of the settings of the protocol that were tuned."""
        plain = {"train": vars(self.train), "backbone": self.backbone_config}
        parts = {name: name.split(".", 1) for name in self.tuned}
        return {name: plain[owner][setting] for name, (owner, setting) in parts.items()}

    def to_dict(self) -> dict[str, Any]:
        """Return the spec as plain JSON values; settings of ``_LATER`` only if they are changed."""
        # Not by ``asdict`` of it all: a report has thousands of specs, and reads the ids of each.
        plain: dict[str, Any] = {name: getattr(self, name) for name in self.__dataclass_fields__}
        plain["train"] = plain_settings(self.train)
        plain["candidates"] = list(self.candidates)
        plain["tuned"] = list(self.tuned)
        for name in ("backbone_config", "method_config"):
            plain[name] = dict(plain[name])
        for name, default in _LATER.items():
            if plain[name] == default:
                del plain[name]
        return plain

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> RunSpec:
        """Read what ``to_dict`` wrote.

        Raises:
            ConfigError: a key is unknown or a value has the wrong type.
        """
        return build_config(cls, data, "spec")


def _is_of_protocol(name: str) -> bool:
    owner, _, setting = name.partition(".")
    if owner == "train":
        return setting in vars(TrainConfig())
    return owner == "backbone" and bool(setting)


_LATER = {"retrain": True, "inherit": False, "scores": 0, "drawn": False,
          "protocol": 1, "tuned": []}  # fmt: skip
"""Settings younger than the first records, whose ids must stay what they are."""
