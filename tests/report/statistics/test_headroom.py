"""Headroom from retrained allocations, and the share of it that is recovered."""

import numpy as np
import pandas as pd
import pytest

from aesbench.report.statistics.headroom import headrooms, recovered
from aesbench.tabular.headroom import BudgetHeadroom, Contest

SEEDS = (200, 201, 202)
CARDINALITIES = (10, 2)


def frame(validation, test):
    """Scores of three seeds about these means."""
    noise = np.array([-0.001, 0.0, 0.001])
    return pd.DataFrame({"validation_auc": validation + noise, "test_auc": test + noise}, SEEDS)


CONTESTS = [
    Contest(1, 12, 1, ((1, 1),)),
    Contest(2, 24, 2, ((1, 4), (1, 2))),
    Contest(4, 48, 2, ((2, 8), (1, 16))),
]


def test_the_reference_is_chosen_on_validation_and_judged_on_test():
    """At the largest budget that of a smaller one is still the best on validation."""
    scores = {
        (1, 1): frame(0.70, 0.70),
        (2, 2): frame(0.71, 0.71),
        (1, 4): frame(0.74, 0.72),
        (1, 2): frame(0.73, 0.75),
        (2, 8): frame(0.72, 0.76),
    }
    found = headrooms(CONTESTS, scores, CARDINALITIES)
    assert [one.reference for one in found] == [(1, 1), (1, 4), (1, 4)]
    assert [one.reference_parameters for one in found] == [12, 18, 18]
    assert [one.mean for one in found] == pytest.approx([0, 0.01, 0.01])
    assert [one.rival_auc for one in found] == pytest.approx([0.70, 0.71, 0.71])
    assert found[1].differences == pytest.approx(dict.fromkeys(SEEDS, 0.01))
    assert found[1].low == pytest.approx(0.01) and [one.exists for one in found] == [
        *(False, True, True)
    ]


def test_what_was_not_retrained_has_no_headroom():
    """Neither without its rival nor without a contender; one seed tells no interval."""
    scores = {(2, 2): frame(0.71, 0.71).loc[[200]], (2, 8): frame(0.72, 0.76)}
    (one,) = headrooms(CONTESTS, scores, CARDINALITIES)
    assert one.uniform == 4 and one.low is None and not one.exists
    assert headrooms(CONTESTS, {}, CARDINALITIES) == []


def room(*differences, low=0.001):
    """A headroom with these differences by seed."""
    by_seed = dict(enumerate(differences, 200))
    mean = sum(differences) / len(differences)
    return BudgetHeadroom(2, 24, 2, 0.7, (1, 4), 14, by_seed, mean, low, 1.0)


def test_a_share_is_one_mean_over_the_other():
    """Half of the headroom; its interval holds that of either side."""
    found = recovered([0.004, 0.005, 0.006], room(0.01, 0.011, 0.009))
    assert found.share == pytest.approx(0.5)
    assert 0.004 / 0.011 < found.low < 0.5 < found.high < 0.006 / 0.009
    assert found == recovered([0.004, 0.005, 0.006], room(0.01, 0.011, 0.009))


def test_the_interval_covers_as_often_as_it_says():
    """Of ten seeds a percentile bootstrap covers in some 88 % to 95 % of cases."""
    source = np.random.default_rng(0)
    hits = 0
    for _ in range(100):
        found = recovered(
            list(source.normal(0.006, 0.002, 10)), room(*source.normal(0.01, 0.002, 10))
        )
        hits += found.low <= 0.6 <= found.high
    assert 80 <= hits <= 99


def test_without_headroom_there_is_no_share():
    """The denominator's interval holds zero, or nothing was paired; one seed has no interval."""
    assert recovered([0.01], room(0.01, 0.02, low=-0.001)) is None
    assert recovered([], room(0.01, 0.02)) is None
    assert recovered([0.003], room(0.01, 0.02)).low is None
