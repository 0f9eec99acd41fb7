"""Generated data whose right embedding sizes are known.

A row is one value per field, drawn independently: value r (from 1) of a field of n values with
probability p_r proportional to r^-exponent (Zipf). The label is Bernoulli(sigmoid(logit)) with

    logit = bias + sum_f w_f * m_f(v_f) + sum_(f,g) w_fg / sqrt(k) * <a_f(v_f), b_g(v_g)>

over the fields f and the pairs (f, g) of the design. The first-order effects m and the latent
vectors a, b of k components are Gaussian, then centred and whitened under the field's value
probabilities:

    sum_v p_v a(v) = 0,    sum_v p_v a(v) a(v)^T = I_k.

So every term has mean 0 and variance w^2, no term is correlated with another, and the matrix of a
pair's logits has k equal singular values once rows and columns are weighted by sqrt(p): its best
approximation of rank d < k keeps exactly d / k of the variance. A field in no pair has rank 1, or
0 if it has no effect at all (noise).

Ids are numbered by descending train count; a value that train never shows keeps its effect and
gets the out-of-vocabulary id. The rows are exchangeable, so the splits, 8:1:1, are the first,
next and last rows.

Why these values. The benchmark must be able to see a wrong size, so two disjoint pairs of small
fields (24 to 40 values, a thousand rows and more each) carry most of the logit's variance and can
be learned before early stopping; with ranks 16 and 8, 24 to 150 values and a flatter Zipf law they
could not (one trial). Size is wasted where memory is: fields of about a thousand values and more
have rank 1 or 0. Measured with Wide&Deep (tests/benchmarks/planted_effects.py, 5 seeds, AUC against
the true probability; the standard deviation of a UES-16 seed is .0021; Bayes .9074):

    field            rank   16 -> 2            16 -> 64
    query             8     -.046 (-22 SD)     +.006 (+2.8)
    category          8     -.049 (-23 SD)     +.008 (+4.0)
    hour              5     -.025 (-12 SD)     -.004 (-1.7)
    region            5     -.022 (-11 SD)     -.001 (-0.6)
    user              1     +.010 (+4.7 SD)    -.009 (-4.3)
    item              1     +.006 (+3.0 SD)    -.007 (-3.5)
    flag              1     +.002 (+1.1 SD)    -.002 (-0.8)
    noise_large       0     +.008 (+3.7 SD)    -.004 (-2.0)
    noise_middle      0     +.003 (+1.5 SD)    -.004 (-1.8)
    noise_small       0     +.002 (+0.9 SD)    -.002 (-1.1)

A noise field never gains from size. It even loses, as does a large field of rank 1, which we take
for overfitting: so mixed sizes beat uniform ones at a fraction of the parameters. UES-2, 8, 16, 32,
64 reach .782, .846, .852, .857, .857; size 2 everywhere but 8, 16, 32, 64 in the pairs reaches
.870, .881, .884, .886. The planted rank is thus the least that can represent a field linearly, not
the size at which an MLP, which learns products slowly, learns it best.

The manifest's ``truth`` holds::

    bayes_auc, bayes_logloss   {split: the metric of the true logit against its probability}
    fields                     {field: {"rank": k, "importance": share, "noise": bool}}
    pairs                      [{"fields": [f, g], "rank": k, "weight": w}]

where the importance is the share of the logit's variance in the terms that the field enters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from aesbench.core.metrics import auc, logloss
from aesbench.core.settings import later, require_int
from aesbench.datasets.base import SPLITS, Field
from aesbench.datasets.encode import check_min_count
from aesbench.datasets.source import Source
from aesbench.datasets.writer import DatasetWriter

Floats = NDArray[np.float64]

_BAYES = {"bayes_auc": auc, "bayes_logloss": logloss}
"""What no model can beat on average: the metrics of the true logit against its probability."""


@dataclass(frozen=True)
class PlantedField:
    """One field of a design.

    Attributes:
        name: the field's name.
        values: how many values may be drawn; those that the train split never shows have no id.
        exponent: of the Zipf law.
        weight: standard deviation of its first-order effect on the logit.
    """

    name: str
    values: int
    exponent: float
    weight: float


@dataclass(frozen=True)
class PlantedPair:
    """An interaction of two fields.

    Attributes:
        first: a field's name.
        second: another field's name.
        rank: of the interaction matrix, below both fields' numbers of values.
        weight: standard deviation of its effect on the logit.
    """

    first: str
    second: str
    rank: int
    weight: float


@dataclass(frozen=True)
class Design:
    """What is planted: the fields in their order, the pairs, and the logit's mean."""

    fields: tuple[PlantedField, ...]
    pairs: tuple[PlantedPair, ...]
    bias: float

    def rank(self, name: str) -> int:
        """Return a field's planted rank: its pair's, 1 for a first-order effect only, 0 if none."""
        of_pairs = [pair.rank for pair in self.pairs if name in (pair.first, pair.second)]
        first_order = [1 for field in self.fields if field.name == name and field.weight > 0]
        return max(of_pairs + first_order, default=0)

    def importance(self, name: str) -> float:
        """Return the share of the logit's variance in the terms that the field enters.

        A pair counts for both of its fields, so the shares of all fields add up to more than 1.
        """
        first_order = {field.name: field.weight**2 for field in self.fields}
        total = sum(first_order.values()) + sum(pair.weight**2 for pair in self.pairs)
        own = [p.weight**2 for p in self.pairs if name in (p.first, p.second)]
        return (first_order[name] + sum(own)) / total


DESIGN = Design(
    fields=(
        PlantedField("user", 3000, 1.4, 0.5),
        PlantedField("item", 1000, 1.4, 0.5),
        PlantedField("noise_large", 2000, 1.4, 0.0),
        PlantedField("noise_middle", 100, 1.0, 0.0),
        PlantedField("noise_small", 20, 1.0, 0.0),
        PlantedField("flag", 3, 0.5, 0.3),
        PlantedField("query", 40, 0.8, 0.3),
        PlantedField("category", 30, 0.8, 0.3),
        PlantedField("region", 40, 0.8, 0.3),
        PlantedField("hour", 24, 0.8, 0.3),
    ),
    pairs=(
        PlantedPair("query", "category", rank=8, weight=2.0),
        PlantedPair("region", "hour", rank=5, weight=1.8),
    ),
    bias=-0.3,
)

TINY_DESIGN = Design(
    fields=(
        PlantedField("user", 300, 1.1, 0.8),
        PlantedField("noise_large", 200, 1.1, 0.0),
        PlantedField("noise_small", 6, 0.7, 0.0),
        PlantedField("query", 12, 0.8, 0.5),
        PlantedField("category", 8, 0.8, 0.5),
    ),
    pairs=(PlantedPair("query", "category", rank=4, weight=1.5),),
    bias=-0.3,
)


@dataclass(frozen=True)
class PlantedConfig:
    """Settings of the generated data set.

    Attributes:
        seed: of everything drawn: effects, values and labels.
        rows: of all splits together; 8:1:1 train, validation and test.
        min_count: rarer values of the train split share the out-of-vocabulary id.
    """

    seed: int = 0
    rows: int = 200_000
    min_count: int = later(1)

    def __post_init__(self) -> None:
        check_min_count(self.min_count)
        require_int(self.seed, "planted.seed", least=0)
        require_int(self.rows, "planted.rows", least=100)

    @property
    def split_rows(self) -> dict[str, int]:
        """The rows of each split."""
        tenth = self.rows // 10
        return {"train": self.rows - 2 * tenth, "validation": tenth, "test": tenth}


@dataclass(frozen=True)
class PlantedTinyConfig(PlantedConfig):
    """Settings of the generated data set for tests."""

    rows: int = 12_000


@dataclass(frozen=True)
class Effects:
    """A drawn design.

    Attributes:
        probabilities: {field: (values,)} of drawing each value.
        first_order: {field: (values,)} what each value adds to the logit.
        interactions: {(first, second): (values of first, values of second)} what each pair of
            values adds to the logit.
    """

    probabilities: Mapping[str, Floats]
    first_order: Mapping[str, Floats]
    interactions: Mapping[tuple[str, str], Floats]


def draw_effects(design: Design, generator: np.random.Generator) -> Effects:
    """Draw the value probabilities, first-order effects and interactions of a design."""
    probabilities, first_order = {}, {}
    for field in design.fields:
        weights = np.arange(1, field.values + 1) ** -field.exponent
        probabilities[field.name] = weights / weights.sum()
        latent = _draw_latent(probabilities[field.name], 1, generator)
        first_order[field.name] = field.weight * latent[:, 0]
    interactions = {}
    for pair in design.pairs:
        first = _draw_latent(probabilities[pair.first], pair.rank, generator)
        second = _draw_latent(probabilities[pair.second], pair.rank, generator)
        scale = pair.weight / np.sqrt(pair.rank)
        interactions[pair.first, pair.second] = scale * first @ second.T
    return Effects(probabilities, first_order, interactions)


def _draw_latent(probabilities: Floats, components: int, generator: np.random.Generator) -> Floats:
    """Return vectors ``(values, components)`` of mean 0 and covariance I under the probabilities.

    With q_v = sqrt(p_v) a(v), both conditions say that q is orthonormal and orthogonal to sqrt(p).
    """
    root = np.sqrt(probabilities)[:, None]  # (values, 1)
    drawn = root * generator.standard_normal((len(root), components))
    orthonormal, _ = np.linalg.qr(np.hstack([root, drawn]))  # (values, 1 + components)
    latent: Floats = orthonormal[:, 1:] / root
    return latent


class Planted(Source):
    """About 200 k generated rows on which sizes matter, and it is known which."""

    name = "planted"
    title = "Planted"
    Config: ClassVar[type] = PlantedConfig
    design: ClassVar[Design] = DESIGN

    def files(self, data_dir: Path | None, cache: Path) -> Mapping[str, Path]:
        """Return {}: everything is generated."""
        return {}

    def build(self, files: Mapping[str, Path], writer: DatasetWriter) -> None:
        """Draw effects, values and labels, and write them with the true probabilities."""
        config: PlantedConfig = self.config
        generator = np.random.Generator(np.random.PCG64(config.seed))
        effects = draw_effects(self.design, generator)
        drawn = {
            name: np.searchsorted(np.cumsum(p)[:-1], generator.random(config.rows), side="right")
            for name, p in effects.probabilities.items()
        }
        logits = np.full(config.rows, self.design.bias)
        for name, first_order in effects.first_order.items():
            logits += first_order[drawn[name]]
        for (first, second), matrix in effects.interactions.items():
            logits += matrix[drawn[first], drawn[second]]
        probabilities = 1 / (1 + np.exp(-logits))
        labels = generator.random(config.rows) < probabilities

        fields = []
        train_rows = config.split_rows["train"]
        ids = np.empty((config.rows, len(drawn)), np.int32)
        for number, (name, values) in enumerate(drawn.items()):
            vocabulary, ids[:, number] = _number_by_count(values, train_rows, config.min_count)
            writer.vocabulary(number, vocabulary)
            counts = vocabulary["count"].to_numpy()
            fields.append(Field(name, cardinality=len(counts), counts=counts))

        truth = self._describe()
        start = 0
        for split in SPLITS:
            rows = config.split_rows[split]
            part = slice(start, start + rows)
            start += rows
            split_ids, split_labels, split_probabilities = writer.split(
                split, rows, len(fields), probabilities=True
            )
            split_ids[:], split_labels[:] = ids[part], labels[part]
            if split_probabilities is not None:
                split_probabilities[:] = probabilities[part]
            for name, metric in _BAYES.items():
                truth[name][split] = metric(probabilities[part], logits[part])
        writer.finish(fields, truth=truth)

    def _describe(self) -> dict[str, Any]:
        """Return the truth but for the Bayes metrics, which need the drawn rows."""
        design = self.design
        return {
            **{name: {} for name in _BAYES},
            "fields": {
                field.name: {
                    "rank": design.rank(field.name),
                    "importance": round(design.importance(field.name), 4),
                    "noise": design.rank(field.name) == 0,
                }
                for field in design.fields
            },
            "pairs": [
                {"fields": [pair.first, pair.second], "rank": pair.rank, "weight": pair.weight}
                for pair in design.pairs
            ],
        }


class PlantedTiny(Planted):
    """The same model with five small fields and 12 k rows: for tests, not for conclusions."""

    name = "planted-tiny"
    title = "Planted (tiny)"
    Config: ClassVar[type] = PlantedTinyConfig
    design: ClassVar[Design] = TINY_DESIGN


def _number_by_count(
    values: NDArray[np.int64], train_rows: int, min_count: int
) -> tuple[pl.DataFrame, NDArray[np.int32]]:
    """Number a field's values by descending count in the first ``train_rows`` rows.

    Those of fewer than ``min_count`` share the last id.

    Returns:
        the vocabulary (``value``, ``count``), its last row the out-of-vocabulary id, and the ids
        ``(rows,)``. Equal counts are numbered in the order of the values.
    """
    counts = np.bincount(values[:train_rows], minlength=values.max() + 1)
    order = np.argsort(-counts, kind="stable")
    seen = order[: np.count_nonzero(counts >= min_count)]
    rare = int(counts.sum() - counts[seen].sum())
    number = np.full(len(counts), len(seen), np.int32)
    number[seen] = np.arange(len(seen), dtype=np.int32)
    vocabulary = pl.DataFrame(
        {"value": [*seen.tolist(), None], "count": [*counts[seen].tolist(), rare]},
        schema={"value": pl.Int64, "count": pl.Int64},
    )
    return vocabulary, number[values]
