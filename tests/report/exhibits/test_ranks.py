"""Ranks over data sets, and the critical difference."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from aesbench.report.evidence import gather
from aesbench.report.exhibits import ranks
from aesbench.report.exhibits.ranks import complete, friedman_nemenyi, joined

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


def test_places_and_methods_are_complete():
    """A place with few methods is left out where that keeps more pairs of place and method."""
    many = dict.fromkeys("abcdef", 0.5)
    few = {"a": 0.5, "b": 0.5, "c": 0.5}
    scores = pd.DataFrame.from_dict({"x/w": many, "y/w": many, "z/w": few}, orient="index")
    found = complete(scores)
    assert (list(found.index), list(found.columns)) == (["x/w", "y/w"], list("abcdef"))
    assert complete(scores.loc[["x/w"]]).empty and complete(pd.DataFrame()).empty


@pytest.fixture
def records(make_record):
    """Three methods on two data sets; UES-16 is not of the line-up, nor is a control."""
    labels = {"ues:32": 0.7, "mde:value": 0.71, "adass:r": 0.72, "ues:16": 0.9}
    return [
        make_record(label, auc=auc, dataset=dataset)
        for dataset in ("one", "two")
        for label, auc in {**labels, "ues:32+transform": 1}.items()
    ]


def test_methods_that_ran_everywhere_are_ranked(records, the_only):
    """The first is ahead of all; two places are too few to tell."""
    exhibit = the_only(ranks.build, records)
    frame = exhibit.tables[0].frame
    assert frame[["method", "mean rank"]].to_numpy().tolist() == [
        *(["adass:r", 1], ["mde:value", 2], ["ues:32", 3]),
    ]
    assert "clearly behind it (Nemenyi, .05): nobody" in exhibit.findings[0]
    assert exhibit.tables[0].column("method") == ["AdaS&S-R", "MDE", "UES-32"]
    assert len(exhibit.runs) == 6


def test_a_place_with_too_few_of_them_is_left_out_and_named(records, make_record, the_only):
    """It is no evidence against those that did not run there."""
    exhibit = the_only(ranks.build, [*records, make_record("ues:32", dataset="three")])
    assert exhibit.findings[1:] == [
        "Left out, as fewer of these methods ran there: three, Wide&Deep."
    ]


def test_one_place_has_no_ranks(records):
    """Nor has none."""
    assert ranks.build(gather(r for r in records if r.spec.dataset == "one")) == []
    assert ranks.build(gather([])) == []
