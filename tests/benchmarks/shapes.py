"""The shapes of data sets as a training step sees them, and generated rows of such a shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from click_logs import CRITEO_CATEGORIES, CRITEO_NUMBERS

from aesbench.datasets.base import Split

SKEW = 0.5
"""Frequency falls as rank to this power: the most frequent item takes 0.8 % of the rows. It takes
0.3 % of ML-1M's. A steeper fall would leave fewer distinct rows per batch and flatter ours."""
CRITEO_VALUES, CRITEO_BUCKETS = 7_605_436, 50
"""Values in all (the paper's Table 2), and of each bucketed number."""


@dataclass(frozen=True)
class Shape:
    """What of a data set decides how long a step takes.

    Attributes:
        cardinalities: distinct ids per field.
        hidden: widths of the MLP, the paper's.
    """

    cardinalities: tuple[int, ...]
    hidden: tuple[int, ...]


def criteo() -> Shape:
    """Return Criteo's shape: rare values leave its large fields, in proportion."""
    distinct = [count for count, _ in CRITEO_CATEGORIES.values()]
    buckets = [CRITEO_BUCKETS] * len(CRITEO_NUMBERS)
    large = sum(count for count in distinct if count > 10**6)
    left = CRITEO_VALUES - sum(buckets) - sum(distinct) + large
    kept = [count * left // large if count > 10**6 else count for count in distinct]
    return Shape((*buckets, *kept), (256, 128))


SHAPES = {
    # Out-of-vocabulary ids included.
    "ml1m": Shape((6041, 3707, 3440, 3, 8, 22, 82, 302, 3, 25), (128, 64)),
    "ml100k": Shape((944, 1614, 796, 3, 8, 22, 73, 215, 3, 25), (128, 64)),
    "criteo": criteo(),
    "flights": Shape((12, 31, 7, 19, 60, 16, 3765, 4000, 3, 104, 1160), (128, 64)),
}


def draw_rows(cardinalities: Sequence[int], rows: int) -> Split:
    """Draw skewed ids and labels that depend on them through one weight per value."""
    rng = np.random.default_rng(0)
    ids = np.empty((rows, len(cardinalities)), dtype=np.int32)
    logits = np.zeros(rows)
    deviation = 0.7 * (10 / len(cardinalities)) ** 0.5  # Labels as certain with any fields.
    for column, cardinality in enumerate(cardinalities):
        frequencies = np.arange(1, cardinality + 1) ** -SKEW
        ids[:, column] = rng.choice(cardinality, size=rows, p=frequencies / frequencies.sum())
        logits += rng.normal(0, deviation, size=cardinality)[ids[:, column]]
    labels = rng.random(rows) < 1 / (1 + np.exp(-logits))
    return Split(ids, labels.astype(np.uint8))
