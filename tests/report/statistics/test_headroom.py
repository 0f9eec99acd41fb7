"""Headroom from retrained allocations, and the share of it that is recovered."""

import dataclasses
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from aesbench.core.headroom import BudgetHeadroom, Headroom
from aesbench.core.record import write_record
from aesbench.core.spec import TrainConfig
from aesbench.plugins.paper import Place
from aesbench.report.evidence import evidence_under, gather
from aesbench.report.exhibits import comparison, overview
from aesbench.report.statistics.headroom import (
    NO_HEADROOM,
    average,
    headrooms,
    recovered,
    shares_everywhere,
)
from aesbench.tabular.headroom import Contest

PLACE = Place("tiny", "widedeep")
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


def place_with(*rooms):
    """A headroom of the records that ``make_record`` makes."""
    conditions = {
        "data": "a" * 16, "protocol": 1, "final_dim": 32,
        **{f"train.{name}": value for name, value in vars(TrainConfig()).items()},
        "widedeep.hidden": [4],
    }  # fmt: skip
    return Headroom("tiny/widedeep", "tiny", "widedeep", "a" * 64, conditions, 170, rooms)


@pytest.fixture
def evidence(make_record):
    """UES-2 and 8, and a method between them that gains .006 over UES-2; three seeds."""
    records = [
        make_record(label, seed, dims=dims, auc=auc + 0.001 * seed * step)
        for label, dims, auc, step in (
            ("ues:2", (2, 2), 0.70, 0.0),
            ("ues:8", (8, 8), 0.72, 0.0),
            ("mde:value", (2, 8), 0.705, 1.0),
        )
        for seed in range(3)
    ]
    return gather(records)


def room_at(parameters, *differences, low=0.001):
    """The headroom of a budget."""
    return dataclasses.replace(room(*differences, low=low), parameters=parameters)


def test_a_share_compares_with_the_budget_that_the_row_covers(evidence):
    """360 parameters: the room of 240, not of 480; and who is smaller than all has none."""
    known = place_with(room_at(240, 0.011, 0.012, 0.013), room_at(480, 0.1, 0.1, 0.1))
    assert known.is_of(evidence.runs["record"][0].spec)
    found = replace(evidence, headroom={PLACE: known})
    own = shares_everywhere(found)[PLACE]
    assert set(own) == {"mde:value"} and own["mde:value"].share == pytest.approx(0.5)
    assert own["mde:value"].low < 0.5 < own["mde:value"].high
    none = replace(evidence, headroom={PLACE: place_with(room_at(480, 0.1, 0.1, 0.1))})
    assert shares_everywhere(none)[PLACE] == {"mde:value": None}
    flat = replace(evidence, headroom={PLACE: place_with(room_at(240, 0.0, 0.1, low=-1.0))})
    assert shares_everywhere(flat)[PLACE] == {"mde:value": NO_HEADROOM}


def test_both_tables_show_it_and_are_as_before_without_it(evidence):
    """A column of the first table and of the scores."""
    known = place_with(room_at(240, 0.011, 0.012, 0.013))
    with_it = replace(evidence, headroom={PLACE: known})
    first = overview.build(with_it)[0].tables[0]
    assert first.column("headroom recovered")[0].startswith("50% [")
    scores = comparison.build(with_it)[0].tables[0]
    shown = dict(zip(scores.column("method"), scores.column("headroom recovered"), strict=True))
    assert list(shown.values()).count("–") == len(shown) - 1
    for build in (overview.build, comparison.build):
        table = build(evidence)[0].tables[0]
        assert not [name for name in table.frame.columns if "recovered" in name]
        assert "eadroom" not in table.caption


def test_an_average_is_over_places():
    """Its interval is that of the mean; without one where one place has none."""
    one, other = recovered([0.004, 0.006], room(0.01, 0.01)), recovered([0.01], room(0.01, 0.01))
    both = average([one, one])
    assert both.share == one.share and (both.low, both.high) == (one.low, one.high)
    assert average([one, other]).share == pytest.approx(0.75) and average([one, other]).low is None
    assert average([]) is None


def test_headroom_is_found_beside_the_records(evidence, tmp_path):
    """Of the same data under the same conditions, whoever draws the split; of no other."""
    for record in evidence.runs["record"]:
        write_record(tmp_path, record)
    known = place_with(room_at(240, 0.011, 0.012))
    known.write(tmp_path / "tabular" / "tiny" / "widedeep")
    assert evidence_under(tmp_path).headroom == {PLACE: known}
    other = dataclasses.replace(known, data_hash="b" * 64)
    other.write(tmp_path / "tabular" / "tiny" / "widedeep")
    assert evidence_under(tmp_path).headroom == {}
