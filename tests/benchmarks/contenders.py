"""A backbone as we, DeepCTR-Torch and FuxiCTR train it, on the same rows with the same shape.

A step is everything from getting the batch to the updated parameters, so each contender uses its
own loader:

- DeepCTR-Torch trains through ``model.fit`` with ``verbose=0`` on arrays in memory; above 0 it
  computes metrics in every step.
- FuxiCTR trains through ``train_step`` on batches of its npz loader without workers, its fastest.
  Its wheel has neither Wide&Deep nor DeepFM, so they are built from its own layers. Its step always
  clips the gradient norm, which is part of what its user waits for.

The peers run without regularisation; ours keeps its weight decay on the rows of the batch, its
default.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim.adam import adam

from aesbench.core.allocation import Allocation
from aesbench.core.spec import TrainConfig
from aesbench.datasets.base import Field, Split
from aesbench.models import training
from aesbench.models.backbones import Backbone, BackboneConfig
from aesbench.models.embedding import MixedEmbedding
from aesbench.models.optimizer import FusedAdam, ModelAdam
from aesbench.models.packed import training as packed_training
from aesbench.models.packed.model import Pack
from aesbench.models.packed.optimizer import PackedAdam
from aesbench.plugins.registry import BACKBONES

LEARNING_RATE = TrainConfig().learning_rate


@dataclass(frozen=True)
class Task:
    """What is trained.

    Attributes:
        split: the rows, one id column per field.
        cardinalities: distinct ids per field.
        dim: the embedding size of every field.
        batch_size: rows per step.
        hidden: widths of the MLP.
        backbone: ``widedeep`` or ``deepfm``.
        device: ``cpu`` or ``cuda``.
    """

    split: Split
    cardinalities: tuple[int, ...]
    dim: int
    batch_size: int
    hidden: tuple[int, ...]
    backbone: str = "widedeep"
    device: str = "cpu"

    @property
    def names(self) -> list[str]:
        """The fields' names."""
        return [f"field{number}" for number in range(len(self.cardinalities))]

    @property
    def columns(self) -> dict[str, NDArray[Any]]:
        """The ids by field, ``(rows,)`` each."""
        return {name: self.split.ids[:, column] for column, name in enumerate(self.names)}


@dataclass(frozen=True)
class Contender:
    """A library at work.

    Attributes:
        name: how the table calls it.
        train: takes one step per batch of the rows, in a fresh random order.
        predict: returns the logits ``(rows,)`` in file order.
        models: how many are trained, each by one step per batch; ``predict`` is the first one's.
    """

    name: str
    train: Callable[[], None]
    predict: Callable[[], NDArray[Any]]
    models: int = 1


def make_ours(task: Task) -> Contender:
    """Build our model and the loop body of ``training.fit``."""
    model, optimizer, generator = build_ours(task)
    return our_loop("aesbench", task, model, optimizer, generator)


def make_uncaptured(task: Task) -> Contender:
    """Build ours as it is on a GPU where a step can't be captured."""
    model, optimizer, generator = build_ours(task)
    model.has_fixed_shapes = False
    return our_loop("aesbench, not captured", task, model, optimizer, generator)


def make_compiled(task: Task) -> Contender:
    """Build ours with ``torch.compile`` in place of the capture."""
    model, optimizer, generator = build_ours(task)
    compiled = torch.compile(model)
    return our_loop("aesbench, torch.compile", task, compiled, optimizer, generator)


def make_foreach(task: Task) -> Contender:
    """Build ours with torch's ``foreach`` kernels in place of its fused one."""
    model, optimizer, generator = build_ours(task)
    optimizer._adam = optimizer.tables._adam = ForeachAdam(learning_rate=LEARNING_RATE)
    return our_loop("aesbench, foreach", task, model, optimizer, generator)


class ForeachAdam(FusedAdam):
    """``FusedAdam`` by several kernels, each over all tensors."""

    def update(self, *columns: list[Tensor]) -> None:
        """Update values, moments and step counts in place, as ``FusedAdam`` does."""
        adam(
            *columns[:4],
            [],
            columns[4],
            lr=self.learning_rate,
            beta1=self.betas[0],
            beta2=self.betas[1],
            eps=self.eps,
            weight_decay=0.0,
            amsgrad=False,
            maximize=False,
            foreach=True,
        )


class TorchAdam:
    """torch's own optimizers in place of ours; without weight decay, which theirs lack on rows."""

    def __init__(self, ours: ModelAdam, model: nn.Module) -> None:
        known = {id(table) for table in ours.tables.tables}
        dense = [p for p in model.parameters() if id(p) not in known]
        self._optimizers = [
            torch.optim.SparseAdam(ours.tables.tables, lr=LEARNING_RATE),
            torch.optim.Adam(dense, lr=LEARNING_RATE, fused=True),
        ]

    def step(self) -> None:
        """Apply the gradients."""
        for optimizer in self._optimizers:
            optimizer.step()

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for optimizer in self._optimizers:
            optimizer.zero_grad()


def make_torchs(task: Task) -> Contender:
    """Build ours with torch's optimizers."""
    model, ours, generator = build_ours(task)
    return our_loop("aesbench, SparseAdam", task, model, TorchAdam(ours, model), generator)


def make_packed(task: Task, models: int) -> Contender:
    """Build so many of ours, that differ in their seeds, to be trained as one."""
    built = [build_ours(task, seed) for seed in range(models)]
    device, config = torch.device(task.device), TrainConfig(batch_size=task.batch_size)
    pack = Pack([model for model, _, _ in built], task.batch_size, [])
    optimizer = PackedAdam(
        pack.embedding, pack.backbone, learning_rate=config.learning_rate, l2=config.l2
    )
    take_step = training.make_step(pack, optimizer, device)

    def train() -> None:
        pack.train()
        each = [
            task.split.batches(task.batch_size, device=device, shuffle=generator)
            for _, _, generator in built
        ]
        for batches in zip(*each, strict=True):
            ids, labels = zip(*batches, strict=True)
            take_step(torch.stack(ids), torch.stack(labels))

    def predict() -> NDArray[Any]:
        return packed_training.predict(pack, task.split, models, device)[0]

    return Contender(f"aesbench, pack of {models}", train, predict, models)


def build_ours(task: Task, seed: int = 0) -> tuple[Backbone, ModelAdam, torch.Generator]:
    """Build our model with the protocol's settings, its optimizer and what shuffles."""
    fields = [Field(*pair) for pair in zip(task.names, task.cardinalities, strict=True)]
    config = TrainConfig(batch_size=task.batch_size)
    generator = torch.Generator().manual_seed(seed)
    embedding = MixedEmbedding(
        fields,
        Allocation.uniform(fields, task.dim),
        unification="plain",
        final_dim=task.dim,
        table_std=config.table_std,
        generator=generator,
    )
    backbone = BACKBONES.get(task.backbone)
    model = backbone(fields, embedding, BackboneConfig(task.hidden), generator).to(task.device)
    optimizer = ModelAdam(model, learning_rate=config.learning_rate, l2=config.l2)
    return model, optimizer, generator


def our_loop(
    name: str,
    task: Task,
    model: nn.Module,
    optimizer: ModelAdam | TorchAdam,
    generator: torch.Generator,
) -> Contender:
    """Return the contender that trains this model as ``training.fit`` does."""
    device = torch.device(task.device)
    take_step = training.make_step(model, optimizer, device)

    def train() -> None:
        model.train()
        for ids, labels in task.split.batches(task.batch_size, device=device, shuffle=generator):
            take_step(ids, labels)

    return Contender(name, train, lambda: training.predict(model, task.split))


def make_deepctr(task: Task) -> Contender:
    """Build DeepCTR-Torch's model.

    Raises:
        ImportError: DeepCTR-Torch is not installed.
    """
    from deepctr_torch.inputs import SparseFeat
    from deepctr_torch.models import WDL, DeepFM

    columns = [
        SparseFeat(*pair, task.dim) for pair in zip(task.names, task.cardinalities, strict=True)
    ]
    kind = {"widedeep": WDL, "deepfm": DeepFM}[task.backbone]
    model = kind(
        columns,
        columns,
        dnn_hidden_units=task.hidden,
        l2_reg_linear=0,
        l2_reg_embedding=0,
        device=task.device,
    )
    model.compile("adam", "binary_crossentropy")
    inputs = task.columns
    labels = task.split.labels.astype(np.float32)

    def train() -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            model.fit(inputs, labels, batch_size=task.batch_size, verbose=0)

    return Contender(
        "DeepCTR-Torch", train, lambda: to_logits(model.predict(inputs, training.EVALUATION_BATCH))
    )


def make_fuxictr(task: Task) -> Contender:
    """Build the model from FuxiCTR's layers and write the rows to a file for its npz loader.

    Raises:
        ImportError: FuxiCTR is not installed.
    """
    from fuxictr.features import FeatureMap
    from fuxictr.pytorch.dataloaders import RankDataLoader
    from fuxictr.pytorch.layers import (
        FactorizationMachine,
        FeatureEmbedding,
        LogisticRegression,
        MLP_Block,
    )
    from fuxictr.pytorch.models import BaseModel

    class FuxiModel(BaseModel):  # type: ignore[misc]
        """Wide&Deep or DeepFM as FuxiCTR's model zoo writes its models."""

        def __init__(self, feature_map: Any, **settings: Any) -> None:
            super().__init__(feature_map, **settings)
            self._max_gradient_norm = 10.0  # The default of its ``fit``.
            self.embedding_layer = FeatureEmbedding(feature_map, task.dim)
            multiplies = task.backbone == "deepfm"
            self.fm = FactorizationMachine(feature_map) if multiplies else None
            self.lr_layer = None if multiplies else LogisticRegression(feature_map)
            width = feature_map.sum_emb_out_dim()
            self.mlp = MLP_Block(width, list(task.hidden), output_dim=1)
            self.compile("adam", "binary_crossentropy", lr=1e-3)
            self.reset_parameters()
            self.model_to_device()

        def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
            """Map a batch to ``y_pred (batch, 1)``."""
            features = self.get_inputs(inputs)
            vectors = self.embedding_layer(features)  # (batch, fields, dim)
            deep = self.mlp(vectors.flatten(1))
            wide = self.fm(features, vectors) if self.fm else self.lr_layer(features)
            return {"y_pred": self.output_activation(wide + deep)}

    feature_map = FeatureMap("generated", "")
    feature_map.features = OrderedDict(
        (name, {"source": "", "type": "categorical", "vocab_size": cardinality})
        for name, cardinality in zip(task.names, task.cardinalities, strict=True)
    )
    feature_map.labels = ["label"]
    feature_map.default_emb_dim = task.dim
    feature_map.num_fields = feature_map.get_num_fields()
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "rows.npz")
        np.savez(path, label=task.split.labels, **task.columns)

        def load(shuffle: bool) -> Any:
            return RankDataLoader(
                feature_map,
                stage="train",
                train_data=path,
                batch_size=task.batch_size,
                shuffle=shuffle,
                num_workers=0,
            )[0]

        shuffled, in_order = load(True), load(False)
    gpu = 0 if torch.device(task.device).type == "cuda" else -1
    model = FuxiModel(feature_map, gpu=gpu, metrics=["logloss"], model_root="", verbose=0)

    def train() -> None:
        model.train()
        for batch in shuffled:
            model.train_step(batch)

    return Contender("FuxiCTR", train, lambda: to_logits(model.predict(in_order)))


def to_logits(probabilities: NDArray[Any]) -> NDArray[Any]:
    """Return the log-odds ``(rows,)`` of probabilities that may have been rounded to 0 or 1."""
    flat = probabilities.reshape(-1).clip(1e-7, 1 - 1e-7)
    return np.log(flat) - np.log1p(-flat)


MAKERS: dict[str, Callable[[Task], Contender]] = {
    "aesbench": make_ours,
    "DeepCTR-Torch": make_deepctr,
    "FuxiCTR": make_fuxictr,
}
"""Ours first."""

VARIANTS: dict[str, Callable[[Task], Contender]] = {
    "not-captured": make_uncaptured,
    "compiled": make_compiled,
    "foreach": make_foreach,
    "torch-optimizers": make_torchs,
    **{f"packed-{models}": partial(make_packed, models=models) for models in (1, 8, 64, 256)},
}
"""Ours in other ways, to tell what each is worth."""

PACKAGES = {"DeepCTR-Torch": "deepctr-torch", "FuxiCTR": "fuxictr"}
"""The distributions of the peers."""


def installed_peers() -> list[str]:
    """Return the peers that can be imported here."""
    return [name for name, package in PACKAGES.items() if find_spec(package.replace("-", "_"))]
