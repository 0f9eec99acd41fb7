"""What must hold of records before any two of them are compared."""

import pytest

from aesbench.core.spec import TrainConfig
from aesbench.errors import RecordError
from aesbench.report.page.comparable import check_comparable


def test_runs_of_one_label_with_other_settings_are_refused(make_record):
    """Seeds trained for 20 and for 3 epochs must not be averaged; the error names both runs."""
    one, other = make_record(), make_record(seed=1, train=TrainConfig(epochs=3))
    with pytest.raises(RecordError, match="ues:32.*train") as raised:
        check_comparable([one, other])
    assert one.spec.run_id in str(raised.value) and other.spec.run_id in str(raised.value)
    with pytest.raises(RecordError, match="budget"):
        check_comparable([one, make_record(seed=1, budget=5)])


def test_seeds_and_searches_are_no_settings(make_record):
    """Runs that differ in their seed or search alone compare."""
    check_comparable([make_record(), make_record(seed=1), make_record(seed=1, search_index=1)])


def test_a_run_just_made_compares_with_a_record_read(make_record):
    """The one's settings hold tuples where the other's hold lists; 8 and 16 are other settings."""
    made = make_record(method_config={"dims": (8, 2)})
    check_comparable([made, make_record(seed=1, method_config={"dims": [8, 2]})])
    with pytest.raises(RecordError, match="method_config"):
        check_comparable([made, make_record(seed=1, method_config={"dims": [16, 2]})])


def test_two_versions_of_one_data_set_are_refused(make_record):
    """The error names the data set and both hashes, and says what to do."""
    with pytest.raises(RecordError, match="'tiny'.*aaaa.*bbbb.*move"):
        check_comparable([make_record(), make_record("ues:8", data_hash="b" * 64)])


def test_a_run_that_appears_twice_is_refused(make_record):
    """A copied file must not count as another seed."""
    with pytest.raises(RecordError, match="twice"):
        check_comparable([make_record(), make_record()])


def test_methods_trained_differently_are_refused(make_record):
    """One protocol for every method: 20 epochs of one beside 3 of another do not compare."""
    other = make_record("mde", train=TrainConfig(epochs=3))
    with pytest.raises(RecordError, match="'ues:32'.*'mde'.*train"):
        check_comparable([make_record(), other])


def test_settings_that_were_tuned_may_differ(make_record):
    """From the default and from each other, wherever the row stands; nothing else may."""
    plain = make_record()
    tuned = [
        make_record(f"{name}+tuned", train=TrainConfig(l2=l2), tuned=("train.l2",))
        for name, l2 in (("ues:32", 1e-3), ("mde", 0.0))
    ]
    check_comparable([plain, *tuned])
    check_comparable([*tuned, plain])
    for first in (plain, tuned[0]):
        for other in (
            make_record("ues:8", train=TrainConfig(l2=1e-3)),
            make_record("ues:8", train=TrainConfig(l2=1e-3, epochs=3), tuned=("train.l2",)),
        ):
            with pytest.raises(RecordError, match="'ues:8'.*differ in train and"):
                check_comparable([first, other])


def test_one_label_is_tuned_one_way(make_record):
    """Seeds of which one had its weight decay tuned are no seeds of one row."""
    with pytest.raises(RecordError, match="'mde.tuned'.*differ in.*tuned"):
        check_comparable(
            [make_record("mde+tuned", tuned=("train.l2",)), make_record("mde+tuned", seed=1)]
        )


def test_searches_have_no_protocol(make_record):
    """What retrained nothing was trained by none."""
    settings = {"retrain": False, "train": TrainConfig(epochs=3)}
    check_comparable([make_record(), make_record("mde+search-only", **settings)])
