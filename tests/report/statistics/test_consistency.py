"""Rank correlations of supernets, against scipy and against samples whose answer is known."""

import numpy as np
import pytest
from scipy.stats import kendalltau

from aesbench.report.statistics.consistency import (
    RESAMPLES,
    difference,
    perfect_tau,
    rank_correlation,
    seed_ceiling,
)


def test_tau_is_scipys_also_with_ties():
    """The mean over supernets of tau-b; scores are rounded so that some are equal."""
    draw = np.random.default_rng(0)
    truth = draw.normal(size=40).round(1)
    inherited = (truth + draw.normal(size=(3, 40))).round(1)
    expected = [kendalltau(scores, truth).statistic for scores in inherited]
    found = rank_correlation(inherited, truth)
    assert found.mean == pytest.approx(np.mean(expected), abs=1e-12)
    assert found.std == pytest.approx(np.std(expected, ddof=1), abs=1e-12)


def test_the_interval_is_that_of_resampled_allocations():
    """A second bootstrap, which copies rows and asks scipy, has the same interval to .02."""
    draw = np.random.default_rng(1)
    truth = draw.normal(size=60)
    scores = truth + draw.normal(size=60)
    places = draw.integers(60, size=(1000, 60))
    taus = [kendalltau(scores[rows], truth[rows]).statistic for rows in places]
    found = rank_correlation(scores[None], truth)
    assert (found.low, found.high) == pytest.approx(np.percentile(taus, [2.5, 97.5]), abs=0.02)
    assert len(found.resamples) == RESAMPLES and found.std is None


def test_an_interval_covers_the_truth_as_often_as_it_says():
    """Normal scores with correlation .7 have tau 2 / pi arcsin .7; 100 samples of 50."""
    draw = np.random.default_rng(2)
    truth = 2 / np.pi * np.arcsin(0.7)
    covered = 0
    for _ in range(100):
        one = draw.normal(size=50)
        other = 0.7 * one + np.sqrt(1 - 0.49) * draw.normal(size=50)
        found = rank_correlation(other[None], one)
        covered += found.low <= truth <= found.high
    assert 0.90 <= covered / 100 <= 0.99


def test_too_few_allocations_have_no_interval():
    """Nine allocations have a tau and nothing more; a reversed ranking has -1."""
    found = rank_correlation(np.arange(9.0)[None], -np.arange(9.0))
    assert found.mean == -1 and found.low is None and found.high is None


def test_scores_without_any_order_have_no_correlation():
    """A supernet that scores all allocations alike tells nothing: 0, not an error."""
    assert rank_correlation(np.zeros((1, 20)), np.arange(20.0)).mean == 0


def test_differences_are_paired_over_the_same_allocations():
    """A supernet less itself is 0 in every resample; over other allocations nothing is paired."""
    draw = np.random.default_rng(5)
    truth, other = draw.normal(size=(2, 30))
    tau = rank_correlation(other[None], truth)
    opposite = rank_correlation(-other[None], truth)
    assert difference(tau, tau) == (0, 0, 0)
    mean, low, high = difference(tau, opposite)
    assert mean == pytest.approx(2 * tau.mean) and (low, high) == pytest.approx(
        (2 * tau.low, 2 * tau.high)
    )
    fewer = rank_correlation(other[None, :20], truth[:20])
    assert difference(tau, fewer) == (tau.mean - fewer.mean, None, None)
    assert difference(tau, None) == difference(None, tau) == (None, None, None)
    assert str(fewer) == f"{fewer.mean:.2f} [{fewer.low:.2f}, {fewer.high:.2f}]"


def test_the_ceiling_compares_halves_of_the_seeds():
    """Seeds 0 and 2 against 1 and 3, each averaged; a single seed has none."""
    alone = np.random.default_rng(3).normal(size=(4, 30))
    expected = kendalltau(alone[[0, 2]].mean(0), alone[[1, 3]].mean(0)).statistic
    assert seed_ceiling(alone).mean == pytest.approx(expected, abs=1e-12)
    for few in (alone[:1], alone[:, :1], alone[:, :0]):
        assert seed_ceiling(few) is None and perfect_tau(few) is None


def test_the_true_ranking_reaches_the_perfect_tau():
    """Scores are the truth and as much noise again; their mean over 3 seeds is ranked by it."""
    draw = np.random.default_rng(4)
    truth = draw.normal(size=2000)
    alone = truth + draw.normal(size=(3, 2000))
    reached = kendalltau(truth, alone.mean(0)).statistic
    assert perfect_tau(alone) == pytest.approx(reached, abs=0.02)
    assert perfect_tau(np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]])) is None
