"""What searches gain over what needs none, at equal memory."""

import dataclasses

import pytest

from aesbench.plugins.paper import Place
from aesbench.report.evidence import gather
from aesbench.report.statistics.worth import Gain, is_not_worth_it, search_gains

TINY = Place("tiny", "widedeep")


def gain(low, high, pairs=10, larger=False):
    """A gain between two limits."""
    middle = None if low is None else (low + high) / 2
    return Gain("mine", "ues:8", pairs, middle, low, high, larger)


def test_a_rule_is_a_rival_and_no_search(seeds):
    """So are uniform sizes; given and random sizes are neither, nor is a method changed by hand."""
    rule = [
        dataclasses.replace(one, titles={"family": "heuristic"})
        for one in seeds("simple", 0.8, dims=(16, 16))
    ]
    records = [
        *rule,
        *seeds("ues:8", 0.7, dims=(8, 8)),
        *seeds("random", 0.7, dims=(16, 16)),
        *seeds("fixed:16-16", 0.7, dims=(16, 16)),
        *seeds("mine", 0.75, dims=(32, 16)),
        *seeds("mine[steps=3]", 0.9, dims=(16, 16)),
        *seeds("mine@0.25", 0.72, dims=(8, 8)),
    ]
    found = {one.search: one for one in search_gains(gather(records))[TINY]}
    assert {name: one.rival for name, one in found.items()} == {
        "mine": "simple",
        "mine@0.25": "ues:8",
    }
    assert found["mine"].difference == pytest.approx(-0.05, abs=1e-3) and found["mine"].pairs == 4
    assert not found["mine"].larger


def test_the_rival_is_chosen_on_validation(seeds):
    """A size that is lucky on test is not what anybody would have chosen."""
    lucky = seeds("ues:16", 0.9, dims=(16, 16), validation_auc=0.6)
    records = [*lucky, *seeds("ues:8", 0.7, dims=(8, 8)), *seeds("mine", 0.75)]
    (found,) = search_gains(gather(records))[TINY]
    assert found.rival == "ues:8"


def test_a_search_smaller_than_all_others_has_a_larger_rival(seeds):
    """And one without any has none."""
    (found,) = search_gains(gather([*seeds("ues:8", 0.7), *seeds("mine", 0.7, dims=(2, 2))]))[TINY]
    assert found.rival == "ues:8" and found.larger
    (alone,) = search_gains(gather(seeds("mine", 0.7)))[TINY]
    assert alone.rival is None and alone.low is None and not is_not_worth_it([alone])


@pytest.mark.parametrize(
    ("found", "is_so"),
    [
        ([], False),
        ([gain(-0.01, 0.001)], True),
        ([gain(-0.01, 0.001), gain(0.001, 0.002)], False),
        ([gain(-0.01, 0.001, pairs=4)], False),
        ([gain(None, None)], False),
        ([gain(-0.01, 0.001, larger=True)], False),
        ([gain(-0.01, -0.001, larger=True)], True),
    ],
)
def test_nothing_is_gained_only_where_every_interval_says_so(found, is_so):
    """None above 0, none of few seeds, and what is smaller than all must be clearly worse."""
    assert is_not_worth_it(found) == is_so
