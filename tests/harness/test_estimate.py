"""The time that runs will take, from records with seconds chosen by hand."""

import dataclasses
from pathlib import Path

import pytest

from aesbench import RunRecord
from aesbench.core.record import write_record
from aesbench.harness.estimate import Estimate, Pace, duration
from aesbench.harness.grid import plan
from aesbench.plugins.registry import load_plugin


@pytest.fixture(scope="module", autouse=True)
def plugins():
    """A method with a prepared state that searches share is registered."""
    load_plugin(Path(__file__).parents[1] / "plugin_files" / "supernet.py")


def record_of(spec, **seconds):
    """A successful run that took so long."""
    return RunRecord(spec=spec, status="ok", seconds=seconds)


def test_nothing_is_known_before_the_first_record(planted_tiny):
    """Runs on another data set tell nothing."""
    specs = plan(planted_tiny, ["ues:2"], seeds=[0, 1])
    pace = Pace(specs)
    pace.learn(record_of(dataclasses.replace(specs[0], dataset="other"), retrain=9.0))
    assert pace.estimate(specs) == Estimate(None)
    assert pace.estimate([]) == Estimate(0.0)


def test_a_run_is_as_long_as_the_mean_of_its_label(planted_tiny):
    """Retraining took 10 and 20 s: the third seed takes 15 s and half a second for the rest."""
    specs = plan(planted_tiny, ["ues:2"], seeds=range(3))
    pace = Pace(specs)
    for spec, seconds in zip(specs, (10.0, 20.0), strict=False):
        pace.learn(record_of(spec, prepare=0.0, search=0.0, retrain=seconds, evaluate=0.5))
    assert pace.estimate(specs[2:]) == Estimate(15.5)


def test_other_settings_of_a_method_are_taken_to_be_alike_and_other_methods_are_guessed(
    planted_tiny,
):
    """UES-8 takes what UES-2 took; MDE, of which nothing is known, the mean of all, and says so."""
    known, alike, guessed = plan(planted_tiny, ["ues:2", "ues:8", "mde:value"], seeds=[0])
    pace = Pace([known, alike, guessed])
    pace.learn(record_of(known, prepare=0.0, search=1.0, retrain=10.0, evaluate=1.0))
    assert pace.estimate([alike]) == Estimate(12.0)
    assert pace.estimate([alike, guessed]) == Estimate(24.0, guessed=1)


def test_what_searches_share_counts_once(planted_tiny):
    """3 searches of each of 2 supernets: 2 x 100 s to prepare, 6 x 5 s to search."""
    specs = plan(planted_tiny, ["supernet"], seeds=[0, 1], searches=3, retrain=False)
    pace = Pace(specs)
    first = record_of(specs[0], prepare=100.0, search=5.0)
    pace.learn(first)
    assert pace.estimate(specs) == Estimate(230.0)
    pace.finish(first)  # Now its supernet is at hand.
    assert pace.estimate(specs[1:]) == Estimate(125.0)


def test_scores_take_no_search_and_a_search_no_retraining(planted_tiny):
    """A record of a whole run tells what a part of it takes."""
    (whole,) = plan(planted_tiny, ["supernet"], seeds=[0])
    (search,) = plan(planted_tiny, ["supernet"], seeds=[0], retrain=False)
    (scores,) = plan(planted_tiny, ["supernet"], seeds=[0], scores=7)
    pace = Pace([whole, search, scores])
    pace.learn(record_of(whole, prepare=100.0, search=5.0, retrain=50.0, evaluate=1.0))
    pace.learn(record_of(scores, prepare=100.0, score=2.0))
    seconds = [pace.estimate([spec]).seconds for spec in (whole, search, scores)]
    assert seconds == [156.0, 105.0, 102.0]


def test_records_on_disk_are_learned_and_what_is_no_record_is_passed_over(planted_tiny, tmp_path):
    """A file that cannot be read spoils no estimate; a failed run tells nothing."""
    specs = plan(planted_tiny, ["ues:2"], seeds=range(3))
    path = write_record(tmp_path, record_of(specs[0], retrain=10.0))
    failed = RunRecord(spec=specs[1], status="failed", seconds={"retrain": 1.0})
    write_record(tmp_path, failed)
    path.with_name("broken.json").write_text("{")
    assert Pace.from_records(specs, tmp_path).estimate(specs[2:]) == Estimate(10.0)


@pytest.mark.parametrize(
    ("seconds", "text"), [(45.4, "45 s"), (720, "12 min"), (12240, "3.4 h"), (0, "0 s")]
)
def test_times_are_said_in_a_fitting_unit(seconds, text):
    """Seconds, minutes from a minute and a half, hours from an hour and a half."""
    assert duration(seconds) == text


def test_a_share_of_a_pack_is_no_time_of_a_run_alone(planted_tiny, packed):
    """Alone 20 s each, in a pack 5 s: a plan has what its own way takes, once that is known."""
    specs = plan(planted_tiny, ["ues:2", "ues:8", "mde:value"], seeds=range(3))
    ues, mde = [s for s in specs if s.method == "ues"], [s for s in specs if s.method == "mde"]
    alone = record_of(ues[0], prepare=0.0, search=0.0, retrain=20.0, evaluate=1.0)
    share = packed(record_of(ues[1], prepare=0.0, search=0.0, retrain=5.0, evaluate=1.0))

    def estimates(records, wanted):
        found = []
        for is_packed in (False, True):
            pace = Pace(specs, packed=is_packed)
            for record in records:
                pace.learn(record)
            found.append(pace.estimate([wanted]))
        return found

    assert estimates([alone, share], ues[2]) == [Estimate(21.0), Estimate(6.0)]
    assert estimates([alone, share], mde[0]) == [Estimate(21.0, 1), Estimate(6.0, 1)]
    assert estimates([alone], ues[2]) == [Estimate(21.0), Estimate(21.0)]
    assert estimates([share], ues[2]) == [Estimate(None), Estimate(6.0)]
    assert estimates([share], mde[0]) == [Estimate(None), Estimate(6.0, 1)]
    other = record_of(mde[1], prepare=0.0, search=2.0, retrain=10.0, evaluate=1.0)
    assert estimates([share, other], ues[2]) == [Estimate(13.0, 1), Estimate(6.0)]


def test_what_was_searched_in_a_packed_run_tells_of_searches(planted_tiny, packed):
    """Only its retraining was shared."""
    (whole,) = plan(planted_tiny, ["supernet"], seeds=[0])
    (search,) = plan(planted_tiny, ["supernet"], seeds=[0], retrain=False)
    pace = Pace([whole, search])
    pace.learn(packed(record_of(whole, prepare=100.0, search=5.0, retrain=50.0, evaluate=1.0)))
    assert pace.estimate([search]) == Estimate(105.0)
