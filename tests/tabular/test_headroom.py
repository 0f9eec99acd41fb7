"""What is retrained for the headroom, and how it is kept."""

import pytest

from aesbench.core.headroom import BudgetHeadroom, Headroom, read_headroom
from aesbench.errors import RecordError
from aesbench.tabular.headroom import contests, known_headrooms


@pytest.fixture
def headroom():
    """Two budgets of a place: nothing to gain at the first."""
    shared = {"rival_auc": 0.7, "reference_parameters": 40}
    budgets = (
        BudgetHeadroom(1, 10, 1, reference=(1, 1), differences={200: 0.0, 201: 0.0}, mean=0.0,
                       low=0.0, high=0.0, **shared),
        BudgetHeadroom(4, 40, 2, reference=(8, 1), differences={200: 0.01, 201: 0.012}, mean=0.011,
                       low=0.001, high=0.02, **shared),
    )  # fmt: skip
    conditions = {"data": "ab", "protocol": 2}
    return Headroom("toy/widedeep", "toy", "widedeep", "ab" * 32, conditions, 70, budgets)


def test_contests_are_chosen_on_validation_within_each_budget(toy):
    """Size 2 is better than 4: its worth falls with the size of user."""
    found = contests(toy)
    assert [one.uniform for one in found] == [1, 2, 4, 8, 16, 32, 64]
    means = {size: toy.query((size,) * 4).validation_auc for size in toy.candidates}
    for one in found:
        assert one.parameters == 2520 * one.uniform
        assert one.rival == max((s for s in means if s <= one.uniform), key=means.get)
        assert all(toy.parameters(sizes) <= one.parameters for sizes in one.contenders)
        assert one.contenders == tuple(toy.front(one.parameters, 3))
    assert found[0].contenders == ((1, 1, 1, 1),)


def test_a_budget_is_that_of_the_largest_that_is_covered(headroom):
    """Below the smallest none is defined."""
    assert headroom.at(9.5) is None
    assert [headroom.at(n).uniform for n in (10, 39, 40, 1e9)] == [1, 1, 4, 4]
    assert [one.exists for one in headroom.budgets] == [False, True]


def test_it_is_kept_beside_the_table(headroom, tmp_path):
    """What is written is read, one's own before another's."""
    mine, theirs = tmp_path / "mine", tmp_path / "theirs"
    path = headroom.write(mine / "toy" / "widedeep")
    other = headroom.write(theirs / "toy" / "widedeep")
    other.write_text(other.read_text().replace('"trainings": 70', '"trainings": 1'))
    assert read_headroom(path) == headroom
    assert known_headrooms([mine, theirs]) == [headroom]
    assert known_headrooms([theirs])[0].trainings == 1
    path.write_text("{}")
    with pytest.raises(RecordError, match="make it again with aesbench reproduce headroom"):
        read_headroom(path)
