"""Ranks over data sets, by hand and by Demšar's numbers."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower

from aesbench.report.statistics.mean_ranks import (
    datasets_needed,
    friedman_nemenyi,
    joined,
    mean_ranks,
)

DEMSAR = """
763 599 954 628 882 936 661 583 775 1000 940 619 972 957
768 591 971 661 888 931 668 583 838 1000 962 666 981 978
771 590 968 654 886 916 609 563 866 1000 965 614 975.1 946
798 569 967 657 898 931 685 625 875 1000 962 669 975 970
"""
"""Thousandths of the AUC of C4.5, as it is and with m, cf or both tuned, on 14 data sets; of two
that are printed as .975 the first is ahead, as the ranks beside them say."""


def frame_of(scores):
    """Scores of methods a, b, ... at places 0, 1, ..."""
    return pd.DataFrame(scores, columns=list("abcdefghij")[: np.shape(scores)[1]])


def test_the_critical_difference_is_demsars():
    """Five methods on 30 sets: CD = 2.728 sqrt(5 x 6 / (6 x 30)) (Demšar 2006, Table 5)."""
    p, critical, apart = friedman_nemenyi(frame_of(np.tile(np.arange(5.0), (30, 1))))
    assert critical == pytest.approx(2.728 * (30 / 180) ** 0.5, abs=1e-3) and p < 1e-20
    assert joined(apart, list("edcba")) == [(0, 1), (1, 2), (2, 3), (3, 4)]


def test_the_test_is_that_of_demsars_example():
    """His Table 6: four classifiers on 14 sets, of ranks 3.143, 2.000, 2.893 and 1.964.

    Friedman's statistic is 9.28 there, and Nemenyi's CD 2.569 sqrt(4 x 5 / (6 x 14)) = 1.25.
    """
    lines = [line.split() for line in DEMSAR.strip().splitlines()]
    scores = frame_of(np.transpose(lines).astype(float))
    mean_ranks = scores.rank(axis=1, ascending=False).mean()
    assert list(mean_ranks) == pytest.approx([3.143, 2.000, 2.893, 1.964], abs=1e-3)
    p, critical, apart = friedman_nemenyi(scores)
    tied = sum(n**3 - n for row in scores.to_numpy() for n in np.unique(row, return_counts=True)[1])
    corrected = 9.28 / (1 - tied / (14 * (4**3 - 4)))  # His is not, scipy's is.
    assert stats.chi2.isf(p, 3) == pytest.approx(corrected, abs=0.02)
    assert critical == pytest.approx(1.25, abs=5e-3)
    assert not apart.to_numpy().any() and joined(apart, list("dbca")) == [(0, 3)]


@pytest.mark.parametrize("seed", range(10))
def test_who_is_apart_is_further_off_than_the_critical_difference(seed):
    """scikit-posthocs' pairs against the definition by mean ranks, with ties among the scores."""
    draw = np.random.default_rng(seed)
    scores = frame_of(draw.integers(0, 12, (draw.integers(4, 20), 6)) + 3.0 * np.arange(6))
    mean_ranks = scores.rank(axis=1, ascending=False).mean()
    _, critical, apart = friedman_nemenyi(scores)
    expected = abs(mean_ranks.to_numpy()[:, None] - mean_ranks.to_numpy()) > critical
    assert (apart.to_numpy() == expected).all() and apart.to_numpy().any()


def test_methods_that_tie_everywhere_are_all_equal():
    """p is 1, where the statistic would be 0 / 0, and nobody is apart."""
    p, _, apart = friedman_nemenyi(frame_of(np.ones((4, 3))))
    assert p == 1 and joined(apart, list("abc")) == [(0, 2)]


def test_a_bar_joins_no_two_that_are_apart():
    """Whatever the order: here b is apart from a and from c, which are level."""
    apart = pd.DataFrame(False, list("abc"), list("abc"))
    apart.loc["a", "b"] = apart.loc["b", "a"] = apart.loc["b", "c"] = apart.loc["c", "b"] = True
    assert joined(apart, list("abc")) == [] and joined(apart, list("acb")) == [(0, 1)]


def scores_of(places):
    """Scores from ``{(data set, backbone): [scores of a, b, ... in each seed]}``."""
    return pd.concat(
        {place: frame_of(seeds) for place, seeds in places.items()},
        names=["dataset", "backbone", "seed"],
    )


def test_a_data_set_counts_once_whatever_its_backbones():
    """a wins both seeds on both backbones of one data set, b the only seed on the other.

    By place a would have the better mean rank, 4 / 3 against 5 / 3.
    """
    found = mean_ranks(
        scores_of(
            {
                ("one", "wide"): [[0.9, 0.8], [0.9, 0.8]],
                ("one", "deep"): [[0.9, 0.8], [0.9, 0.8]],
                ("two", "wide"): [[0.1, 0.2]],
            }
        )
    )
    assert list(found.methods["mean rank"]) == [1.5, 1.5] and found.first == ["a", "b"]
    assert found.by_dataset.to_numpy().tolist() == [[1, 2], [2, 1]]
    assert found.methods.loc["b", "data sets needed"] is None and found.behind == []


def test_a_data_set_under_other_conditions_is_the_same_data_set():
    """Under another protocol, say: its places are further places of the one, as of a backbone."""
    win, lose = [[0.9, 0.8], [0.8, 0.7]], [[0.1, 0.2]]
    places = {("one", "wide"): win, ("one (2)", "wide"): win, ("two", "wide"): lose}
    found = mean_ranks(scores_of(places), {"one (2)": "one"})
    other = {("one", "wide"): win, ("one", "deep"): win, ("two", "wide"): lose}
    pd.testing.assert_frame_equal(found.methods, mean_ranks(scores_of(other)).methods)
    assert list(found.by_dataset.index) == ["one", "two"]


def test_each_seed_ranks_on_its_own():
    """One seed by a mile and two by an inch: ranks 1, 2, 2 and 2, 1, 1, though a's mean leads."""
    found = mean_ranks(scores_of({("one", "wide"): [[0.9, 0.1], [0.1, 0.2], [0.1, 0.2]]}))
    assert list(found.methods.index) == ["b", "a"]
    assert list(found.methods["mean rank"]) == pytest.approx([4 / 3, 5 / 3])
    assert found.methods.loc["a", "data sets needed"] is None  # One data set has no spread.
    assert found.methods.loc["a", "Holm p"] is None


def test_equals_share_a_rank_and_are_never_apart():
    """Two names of one result: both first, and no number of data sets would part them."""
    same = [[0.9, 0.9, 0.1], [0.8, 0.8, 0.2]]
    found = mean_ranks(scores_of({(name, "wide"): same for name in "xyz"}))
    assert found.first == ["a", "b"] and list(found.methods["mean rank"]) == [1.5, 1.5, 3]
    assert found.methods.loc["b", "Holm p"] is None
    assert found.methods.loc["b", "data sets needed"] is None
    assert list(found.methods.loc["b", ["behind", "behind: low", "behind: high"]]) == [0, 0, 0]


def test_the_interval_is_of_data_sets_and_of_seeds():
    """With a seed each, resamples are of data sets alone: their exact distribution is known.

    a is first on four of five data sets and last on one: its mean rank is 1 + 2k / 5 for k draws of
    that one, binomial of 5 and 1 / 5, of which 0 holds a third, and 3 or fewer 99.3 %.
    """
    rows = [[[0.9, 0.5, 0.1]]] * 4 + [[[0.1, 0.5, 0.9]]]
    places = {(str(number), "wide"): own for number, own in enumerate(rows)}
    found = mean_ranks(scores_of(places)).methods.loc["a"]
    assert found["low"] == 1 and found["high"] == pytest.approx(1 + 2 * 3 / 5)
    assert stats.binom.cdf([2, 3], 5, 0.2) == pytest.approx([0.942, 0.993], abs=1e-3)
    # One data set: what is left is the seeds'.
    seeds = {("one", "wide"): [own for (own,) in rows]}
    assert mean_ranks(scores_of(seeds)).methods.loc["a", "high"] == pytest.approx(1 + 2 * 3 / 5)


def test_the_same_ranks_give_the_same_numbers():
    """The bootstrap is seeded."""
    draw = np.random.default_rng(0)
    scores = scores_of({(name, "wide"): draw.normal(size=(4, 3)) for name in "xyz"})
    pd.testing.assert_frame_equal(mean_ranks(scores).methods, mean_ranks(scores).methods)


@pytest.mark.parametrize("differences", [(1, 2, 3), (0.2, 0.9, -0.4, 0.3), (0.5, 0.1, 0.1)])
def test_the_data_sets_needed_are_those_of_the_power_of_a_t_test(differences):
    """Statsmodels' power reaches .8 there and not with one data set fewer."""
    effect = np.mean(differences) / np.std(differences, ddof=1)
    needed = datasets_needed(differences)
    power = [TTestPower().power(effect, count, 0.05) for count in (needed - 1, needed)]
    assert power[0] < 0.8 <= power[1] + 1e-6


def test_many_data_sets_are_counted_by_the_normal_distribution():
    """((1.96 + .84) / d)²: for an effect of .01, 78,489."""
    assert datasets_needed([0.01 - 1, 0.01, 0.01 + 1]) == pytest.approx(78489, abs=1)


def test_no_number_of_data_sets_tells_equals_apart():
    """Nor does one data set say how many would; where all differ alike, two do."""
    assert datasets_needed([0.5, -0.5]) is None and datasets_needed([1.0]) is None
    assert datasets_needed([1.0, 1.0, 1.0]) == 2


def test_who_is_behind_is_so_by_holm_over_all_pairs():
    """On 12 data sets a is always ahead of c, and b of neither clearly."""
    draw = np.random.default_rng(1)
    rows = [[2.0, value, 0.0] for value in draw.choice([-1.0, 1.0, 3.0], 12)]
    found = mean_ranks(scores_of({(str(n), "wide"): [row] for n, row in enumerate(rows)}))
    assert found.first == ["a"] and found.behind[-1] == "c"
