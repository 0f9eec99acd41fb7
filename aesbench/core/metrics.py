"""AUC and LogLoss, exact, over whole splits.

Both accept true probabilities in place of labels: a generated data set knows them, and scoring
against them takes the noise of the drawn labels out of the metric.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aesbench.errors import DataError


@dataclass(frozen=True)
class Metrics:
    """The two metrics of CTR prediction: AUC (higher is better) and LogLoss (lower is better)."""

    auc: float
    logloss: float


def auc(labels: ArrayLike, scores: ArrayLike) -> float:
    """Return the area under the ROC curve, ties counted half.

    It is the share of (positive, negative) pairs that the scores put in order. A label between 0
    and 1 counts as that much of a positive and the rest of a negative.

    Args:
        labels: (rows,) in [0, 1].
        scores: (rows,) finite, in any monotone unit.

    Raises:
        DataError: the labels are all of one class, out of range, or a score is not finite.
    """
    positive = _checked_labels(labels)
    values = np.asarray(scores)
    if values.shape != positive.shape:
        raise DataError(f"{values.shape} scores for {positive.shape} labels; pass one per row")
    if not np.isfinite(values).all():
        raise DataError("a score is not finite; the model diverged: lower its learning rate")
    total, rows = float(positive.sum()), len(positive)
    if total <= 0 or total >= rows:
        raise DataError(
            f"AUC needs both classes, got {rows} labels that are all {int(total > 0)};"
            " score a split that holds positives and negatives"
        )
    positive, is_first = _by_score(positive, values)
    negative = 1 - positive
    if not is_first.all():  # Tied scores count together.
        starts = np.flatnonzero(is_first)
        positive = np.add.reduceat(positive, starts)
        negative = np.add.reduceat(negative, starts)
    below = np.cumsum(negative)
    below -= negative / 2
    # Not np.dot, whose threads cost more than they bring and would decide the last bits.
    in_order = (positive * below).sum()
    return float(in_order / (total * (rows - total)))


def logloss(labels: ArrayLike, logits: ArrayLike) -> float:
    """Return the mean cross-entropy (Eq. 2) of logits, in nats, without clipping.

    Args:
        labels: (rows,) in [0, 1].
        logits: (rows,) log-odds of a positive.

    Raises:
        DataError: a label is out of range, a logit is not finite, or there is not one per label.
    """
    positive = _checked_labels(labels)
    z = np.asarray(logits, dtype=np.float64)
    if z.shape != positive.shape:
        raise DataError(f"{z.shape} logits for {positive.shape} labels; pass one per row")
    if not np.isfinite(z).all():
        raise DataError("a logit is not finite; the model diverged: lower its learning rate")
    # log(1 + exp(z)) without overflow; np.logaddexp takes four times as long. In place, for a split
    # of millions of rows.
    losses = np.abs(z)
    for function in (np.negative, np.exp, np.log1p):
        function(losses, out=losses)
    losses += np.maximum(z, 0)
    losses -= positive * z
    return float(losses.mean())


def score(labels: ArrayLike, logits: ArrayLike) -> Metrics:
    """Return both metrics of one split's logits."""
    return Metrics(auc(labels, logits), logloss(labels, logits))


def _by_score(
    positive: NDArray[np.float64], scores: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the labels by ascending score, and where a score is the first of its value.

    A float32 score and a label of 0 or 1 go into one integer each: integers sort several times
    faster than the places of floats, and a search scores thousands of subnets.
    """
    ordered: NDArray[Any]
    if scores.dtype == np.float32 and (positive * positive == positive).all():
        bits = (scores + np.float32(0)).view(np.int32)  # -0 becomes 0.
        bits ^= bits >> 31 & 0x7FFFFFFF  # The lower a negative number, the larger its bits.
        ordered = bits.astype(np.int64)
        ordered <<= 1
        ordered |= positive.astype(bool)
        ordered.sort()
        positive = (ordered & 1).astype(np.float64)
        ordered >>= 1
    else:
        order = np.argsort(scores)
        ordered, positive = scores[order], positive[order]
    is_first = np.ones(len(ordered), dtype=bool)
    np.not_equal(ordered[1:], ordered[:-1], out=is_first[1:])
    return positive, is_first


def _checked_labels(labels: ArrayLike) -> NDArray[np.float64]:
    values = np.asarray(labels, dtype=np.float64)
    if values.ndim != 1 or len(values) == 0:
        raise DataError(f"labels must be a non-empty vector, got shape {values.shape}")
    if not (values.min() >= 0 and values.max() <= 1):
        raise DataError(f"labels lie in {values.min()}..{values.max()}, expected 0..1")
    return values
