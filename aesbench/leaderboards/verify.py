"""Train a backbone on a leaderboard's split with its settings, and judge the outcome."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from aesbench.core import metrics
from aesbench.core.metrics import Metrics
from aesbench.core.settings import require_int
from aesbench.datasets.base import Dataset
from aesbench.errors import ConfigError, did_you_mean
from aesbench.leaderboards.boards import BOARDS, STAND_INS, Published
from aesbench.leaderboards.numbers import Numbers, NumericEmbedding, NumericFirstOrder
from aesbench.leaderboards.training import EPOCHS, fit_as_published
from aesbench.models.backbones import Backbone, BackboneConfig
from aesbench.models.randomness import global_generators, stage_generator, stage_seed
from aesbench.models.training import Progress, predict
from aesbench.plugins.registry import BACKBONES

TOLERANCE = 1e-3
"""Reproduced is what differs by no more in AUC and in LogLoss; the paper calls .001 of AUC
significant. Between seeds the published runs differ by .0001 on Criteo and .0005 on Avazu."""

TABLE_STD = 1e-4


@dataclass(frozen=True)
class Verification:
    """How our backbone did beside the leaderboard's.

    Attributes:
        dataset: the name of the data that it was trained on.
        data_hash: of that data set.
        split: the leaderboard's split: the same name, or what the data set stands in for.
        backbone: the backbone's name.
        seed: of the run.
        published: their numbers and settings.
        ours: our metrics on the test split.
        validation: our metrics on the validation split, in the best epoch.
        history: the validation AUC after each of our epochs.
        best_epoch: the one whose weights were tested.
        parameters: of our model, all tables included.
    """

    dataset: str
    data_hash: str
    split: str
    backbone: str
    seed: int
    published: Published
    ours: Metrics
    validation: Metrics
    history: tuple[float, ...]
    best_epoch: int
    parameters: int

    @property
    def is_stand_in(self) -> bool:
        """Whether the rows are others than the leaderboard's."""
        return self.dataset != self.split

    @property
    def is_reproduced(self) -> bool:
        """Whether both metrics agree within the tolerance, on the leaderboard's rows."""
        theirs = self.published.metrics
        differences = self.ours.auc - theirs.auc, self.ours.logloss - theirs.logloss
        return not self.is_stand_in and max(map(abs, differences)) <= TOLERANCE


def find_published(dataset: str, backbone: str) -> Published:
    """Return what is published of a backbone on a split, or on the one that it stands in for.

    Raises:
        ConfigError: nothing is.
    """
    split = STAND_INS.get(dataset, dataset)
    if split not in BOARDS:
        known = (*BOARDS, *STAND_INS)
        raise ConfigError(
            f"'{dataset}' is no split of the leaderboard{did_you_mean(dataset, known)}"
            f" Splits: {', '.join(known)}"
        )
    if backbone not in BOARDS[split]:
        backbones = BOARDS[split]
        raise ConfigError(
            f"nothing is published here of '{backbone}' on"
            f" {split}{did_you_mean(backbone, backbones)} Backbones: {', '.join(backbones)}"
        )
    return BOARDS[split][backbone]


def verify(
    dataset: Dataset,
    backbone: str,
    *,
    seed: int = 0,
    device: str = "cpu",
    epochs: int = EPOCHS,
    progress: Progress | None = None,
) -> Verification:
    """Train a backbone as the leaderboard did and test it once.

    Args:
        dataset: one of the leaderboard's splits, or what stands in for it, prepared.
        backbone: a backbone's name.
        seed: of weights, dropout and the order of the rows.
        device: ``cpu`` or ``cuda``.
        epochs: the most passes; the leaderboard's are 100, which patience ends earlier.
        progress: told after every epoch.

    Raises:
        ConfigError: nothing is published of them, or ``epochs`` is no number of epochs.
        DataError: the model diverged.
    """
    require_int(epochs, "epochs", 1)
    published = find_published(dataset.name, backbone)
    model = build_model(dataset, backbone, published, stage_generator(seed, "weights"))
    model = model.to(device)
    with global_generators(stage_seed(seed, "globals")):
        result = fit_as_published(
            model,
            dataset.train,
            dataset.validation,
            published,
            stage_generator(seed, "order"),
            epochs=epochs,
            progress=progress,
        )
    ours = metrics.score(dataset.test.labels, predict(model, dataset.test))
    return Verification(
        dataset=dataset.name,
        data_hash=dataset.hash,
        split=STAND_INS.get(dataset.name, dataset.name),
        backbone=backbone,
        seed=seed,
        published=published,
        ours=ours,
        validation=result.validation,
        history=result.history,
        best_epoch=result.best_epoch,
        parameters=sum(p.numel() for p in model.parameters()),
    )


def build_model(
    dataset: Dataset, backbone: str, published: Published, generator: torch.Generator
) -> Backbone:
    """Return our backbone with the leaderboard's widths and initial values."""
    numbers = Numbers(dataset)
    embedding = NumericEmbedding(numbers, published.dim, TABLE_STD, generator)
    config = BackboneConfig(
        hidden=published.hidden, dropout=published.dropout, batch_norm=published.batch_norm
    )
    model: Backbone = BACKBONES.get(backbone)(numbers.fields, embedding, config, generator)
    model.wide = NumericFirstOrder(numbers)
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            nn.init.xavier_normal_(layer.weight, generator=generator)
            nn.init.zeros_(layer.bias)
    return model
