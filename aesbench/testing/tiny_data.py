"""A context over tiny generated data, on which checks and tests run methods in a second."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from aesbench.core.spec import TrainConfig
from aesbench.datasets.base import PADDING_ID, Field, Split
from aesbench.models.backbones import Backbone, BackboneConfig, WideDeep
from aesbench.models.embedding import FieldEmbedding
from aesbench.plugins.method import Context

Shape = tuple[str, int, int]
"""A field's name, cardinality and number of id columns."""

TINY_SHAPES: tuple[Shape, ...] = (
    ("user", 40, 1),
    ("item", 260, 1),
    ("kind", 5, 1),
    ("city", 12, 1),
)
_TRAIN_ROWS, _VALIDATION_ROWS = 512, 256
TINY_HISTORY = 4
"""Most items of a history."""


def tiny_context(
    *,
    seed: int = 0,
    shapes: Sequence[Shape] = TINY_SHAPES,
    history_of: str = "",
    **changes: Any,
) -> Context:
    """Return a context over a few hundred generated rows, on the CPU, with Wide&Deep.

    Args:
        seed: of the rows and of the context's generator.
        shapes: the fields; a label depends on the ids of all of them.
        history_of: a field with one id column; each row then has a history of up to
            ``TINY_HISTORY`` of its values.
        changes: attributes of the context to set, as in ``budget=2000``.
    """
    draw = np.random.default_rng(seed)
    columns = [_draw_ids(draw, cardinality, count) for _, cardinality, count in shapes]
    score = np.sum([np.cos(1.0 + ids[:, 0]) for ids in columns], axis=0)
    labels = (score + draw.normal(size=len(score)) > np.median(score)).astype(np.uint8)
    ids = np.concatenate(columns, axis=1).astype(np.int32)
    fields = tuple(
        Field(name, cardinality, count, _train_counts(own, cardinality))
        for (name, cardinality, count), own in zip(shapes, columns, strict=True)
    )
    histories: tuple[Field, ...] = ()
    if history_of:
        (owner,) = (field for field in fields if field.name == history_of)
        histories = (Field("history", owner.cardinality, TINY_HISTORY, shares=owner.name),)
        ids = np.concatenate([ids, _draw_history(draw, columns[fields.index(owner)])], axis=1)

    def backbone(embedding: FieldEmbedding, generator: torch.Generator) -> Backbone:
        return WideDeep(fields, embedding, BackboneConfig(hidden=(8,)), generator)

    context = Context(
        fields=fields,
        train=Split(ids[:_TRAIN_ROWS].copy(), labels[:_TRAIN_ROWS].copy()),
        validation=Split(ids[_TRAIN_ROWS:].copy(), labels[_TRAIN_ROWS:].copy()),
        candidates=(2, 8, 16, 32, 64),
        final_dim=32,
        unification=WideDeep.default_unification,
        budget=None,
        train_config=TrainConfig(batch_size=64, epochs=2),
        device=torch.device("cpu"),
        generator=torch.Generator().manual_seed(seed),
        backbone=backbone,
        progress=lambda what, done, total: None,
        histories=histories,
    )
    return replace(context, **changes)


def _draw_ids(draw: np.random.Generator, cardinality: int, columns: int) -> NDArray[np.int64]:
    """Draw ids ``(rows, columns)`` with a long tail; columns after the first may be padding.

    Renumbered so that ids before the last descend in train frequency, as every data set's do.
    """
    rows = _TRAIN_ROWS + _VALIDATION_ROWS
    popularity = 1.0 / np.arange(1, cardinality + 1)
    ids = draw.choice(cardinality, size=(rows, columns), p=popularity / popularity.sum())
    ids[:, 1:][draw.random(size=(rows, columns - 1)) < 0.5] = PADDING_ID
    order = np.argsort(-_train_counts(ids, cardinality)[:-1], kind="stable")
    number = np.concatenate([np.argsort(order), [cardinality - 1, PADDING_ID]])
    return number[ids]  # Indexed from the end, the padding id -1 finds itself.


def _draw_history(draw: np.random.Generator, ids: NDArray[np.int64]) -> NDArray[np.int32]:
    """Draw train rows' ids ``(rows, TINY_HISTORY)`` for each row, padded behind; one has none."""
    rows = len(ids)
    items = ids[draw.integers(_TRAIN_ROWS, size=(rows, TINY_HISTORY)), 0]
    lengths = draw.integers(TINY_HISTORY + 1, size=(rows, 1))
    lengths[0] = 0
    return np.where(np.arange(TINY_HISTORY) < lengths, items, PADDING_ID).astype(np.int32)


def _train_counts(ids: NDArray[np.int64], cardinality: int) -> NDArray[np.int64]:
    train = ids[:_TRAIN_ROWS]
    return np.bincount(train[train >= 0], minlength=cardinality).astype(np.int64)
