"""AUC and LogLoss equal scikit-learn's, and a brute-force sum where labels are probabilities."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import log_loss, roc_auc_score

from aesbench.core.metrics import Metrics, auc, logloss, score
from aesbench.errors import DataError

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


@given(st.integers(2, 40), seeds)
def test_soft_auc_is_scikit_learns_over_both_halves_of_each_row(n, seed):
    """A row of probability p is a positive that weighs p and a negative that weighs 1 - p."""
    draw = np.random.default_rng(seed)
    p, scores = draw.uniform(0.01, 0.99, n), draw.integers(0, 6, n).astype(float)
    halves = np.repeat([1, 0], n)
    expected = roc_auc_score(halves, np.r_[scores, scores], sample_weight=np.r_[p, 1 - p])
    assert auc(p, scores) == pytest.approx(expected, abs=1e-9)


@given(rows, seeds)
def test_auc_depends_on_the_order_of_the_scores_only(n, seed):
    """A monotone map changes nothing; turning order or labels round gives the rest to 1."""
    draw = np.random.default_rng(seed)
    labels = draw.permutation(np.r_[0, 1, draw.integers(0, 2, n - 2)])
    scores = draw.integers(-3, 4, n).astype(float)
    value = auc(labels, scores)
    assert auc(labels, np.exp(scores) - 5) == value
    assert auc(labels, -scores) == pytest.approx(1 - value, abs=1e-12)
    assert auc(1 - labels, scores) == pytest.approx(1 - value, abs=1e-12)
    shuffled = draw.permutation(n)
    assert auc(labels[shuffled], scores[shuffled]) == pytest.approx(value, abs=1e-12)


@given(rows, seeds, st.booleans())
def test_auc_is_the_same_to_the_bit_for_scores_of_either_precision(n, seed, tied):
    """Single precision with labels of 0 and 1 is sorted in a way of its own; -0 ties with 0."""
    draw = np.random.default_rng(seed)
    labels = draw.permutation(np.r_[0, 1, draw.integers(0, 2, n - 2)])
    scores = draw.integers(-2, 3, n) * draw.choice([-1.0, 1.0], n) if tied else draw.normal(size=n)
    single = scores.astype(np.float32)
    assert auc(labels, single) == auc(labels, single.astype(np.float64))


def test_the_extremes_of_auc():
    """All pairs in order, none, and all tied."""
    assert auc([0, 0, 1], [1, 2, 3]) == 1
    assert auc([1, 0, 0], [1, 2, 3]) == 0
    assert auc([1, 0, 1, 0], [7, 7, 7, 7]) == 0.5


def test_auc_of_many_rows_is_exact():
    """Counts of pairs beyond 32 bits: 300,000 rows, against scikit-learn to 1e-9."""
    draw = np.random.default_rng(0)
    labels = draw.integers(0, 2, 300_000).astype(np.uint8)
    scores = (draw.normal(size=300_000) + labels).astype(np.float32)
    assert auc(labels, scores) == pytest.approx(roc_auc_score(labels, scores), abs=1e-9)
    rounded = np.round(scores, 1)
    assert auc(labels, rounded) == pytest.approx(roc_auc_score(labels, rounded), abs=1e-9)


def test_logloss_of_probabilities_is_their_cross_entropy():
    """By hand: -0.25 log 0.5 - 0.75 log 0.5, and the entropy where the logit is the truth's."""
    assert logloss([0.25], [0.0]) == pytest.approx(np.log(2), abs=1e-12)
    p = 0.2
    entropy = -p * np.log(p) - (1 - p) * np.log(1 - p)
    assert logloss([p, p], [np.log(p / (1 - p))] * 2) == pytest.approx(entropy, abs=1e-12)


@pytest.mark.parametrize(
    ("labels", "logits", "words"),
    [
        ([0, 1], [[0.1], [0.2]], "(2, 1) logits for (2,) labels; pass one per row"),
        ([0, 1], [0.1, 0.2, 0.3], "(3,) logits for (2,) labels"),
        ([0, 1], [0.1, float("inf")], "not finite; the model diverged"),
        ([0, float("nan")], [0.1, 0.2], "expected 0..1"),
        ([-1, 1], [0.1, 0.2], "labels lie in -1.0..1.0, expected 0..1"),
        ([[0, 1]], [[0.1, 0.2]], "labels must be a non-empty vector"),
    ],
)
def test_what_has_no_logloss_is_a_clear_error(labels, logits, words):
    """A column of logits would broadcast against the labels to a wrong mean, silently."""
    with pytest.raises(DataError) as caught:
        logloss(labels, logits)
    assert words in str(caught.value)


def test_one_class_has_a_logloss_but_no_score():
    """`score` needs both metrics, and says which class is missing."""
    assert logloss([1, 1], [0.0, 0.0]) == pytest.approx(np.log(2))
    with pytest.raises(DataError, match="needs both classes"):
        score([1, 1], [0.0, 0.0])
    assert score([0, 1], [0.0, 0.0]) == Metrics(auc=0.5, logloss=pytest.approx(np.log(2)))
