"""AUC and LogLoss equal scikit-learn's, and a brute-force sum where labels are probabilities."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import log_loss, roc_auc_score

from aesbench.errors import DataError
from aesbench.metrics import auc, logloss

rows = st.integers(2, 200)
seeds = st.integers(0, 2**32 - 1)


@given(rows, seeds, st.booleans())
def test_auc_equals_scikit_learns(n, seed, tied):
    """On random scores, and on scores with many ties, to 1e-9."""
    draw = np.random.default_rng(seed)
    labels = draw.permutation(np.r_[0, 1, draw.integers(0, 2, n - 2)])
    scores = draw.integers(0, 4, n).astype(np.float32) if tied else draw.normal(size=n)
    assert auc(labels, scores) == pytest.approx(roc_auc_score(labels, scores), abs=1e-9)


@given(rows, seeds)
def test_logloss_equals_scikit_learns(n, seed):
    """On random logits, to 1e-9."""
    draw = np.random.default_rng(seed)
    labels, logits = np.r_[0, 1, draw.integers(0, 2, n - 2)], draw.normal(0, 3, n)
    expected = log_loss(labels, 1 / (1 + np.exp(-logits)))
    assert logloss(labels, logits) == pytest.approx(expected, abs=1e-9)


def test_logloss_of_a_confident_mistake_is_not_clipped():
    """A logit of 1000 for a negative costs 1000 nats; clipping would hide divergence."""
    assert logloss([0, 1], [1000.0, 1000.0]) == pytest.approx(500)


@given(st.integers(2, 30), seeds)
def test_soft_auc_is_the_weighted_share_of_ordered_pairs(n, seed):
    """With probabilities for labels every pair (i, j) weighs p_i (1 - p_j)."""
    draw = np.random.default_rng(seed)
    p, scores = draw.uniform(0.01, 0.99, n), draw.integers(0, 5, n)
    ordered = (scores[:, None] > scores) + 0.5 * (scores[:, None] == scores)
    weights = p[:, None] * (1 - p)
    expected = (weights * ordered).sum() / (p.sum() * (1 - p).sum())
    assert auc(p, scores) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("labels", "scores", "words"),
    [
        ([1, 1], [0.1, 0.2], "needs both classes, got 2 labels that are all 1"),
        ([0, 0], [0.1, 0.2], "needs both classes, got 2 labels that are all 0"),
        ([0, 2], [0.1, 0.2], "expected 0..1"),
        ([0, 1], [0.1, float("nan")], "not finite; the model diverged"),
        ([0, 1], [0.1], "pass one per row"),
        ([], [], "non-empty"),
    ],
)
def test_what_has_no_auc_is_a_clear_error(labels, scores, words):
    """One class, foreign labels and diverged scores are named, with the next step."""
    with pytest.raises(DataError, match=words):
        auc(labels, scores)
