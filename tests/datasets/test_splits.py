"""Split rules: which rows train, validate and test."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aesbench.datasets.splits import GIVEN, GROUP, TIMESTAMP, USER, SplitRule
from aesbench.errors import ConfigError, DataError


def rows(count):
    """Return so many rows without keys."""
    return pl.LazyFrame({"value": range(count)})


@pytest.mark.parametrize(
    ("count", "shares"),
    [
        (1, (1, 0, 0)),
        (2, (2, 0, 0)),
        (3, (2, 1, 0)),
        (5, (4, 1, 0)),
        (6, (5, 0, 1)),
        (10, (8, 1, 1)),
        (20, (16, 2, 2)),
        (1_000_209, (800_167, 100_021, 100_021)),
    ],
)
@pytest.mark.parametrize("rule", ["order", "random"])
def test_boundaries_are_rounded_to_the_nearest_row(rule, count, shares):
    """0.8 n and 0.9 n, halves up: by hand."""
    assigned = SplitRule(rule).assign(rows(count))
    assert tuple(np.bincount(assigned, minlength=3)) == shares


def test_order_keeps_the_order_of_the_file():
    """First train, then validation, then test."""
    assert SplitRule("order").assign(rows(10)).tolist() == [0] * 8 + [1, 2]


@pytest.mark.parametrize("rule", ["order", "random"])
def test_rules_without_keys_need_the_number_of_rows_only(rule):
    """They deal rows that nobody has read as they deal a table."""
    split = SplitRule(rule, seed=5)
    assert split.deal(1003).tolist() == split.assign(rows(1003)).tolist()
    with pytest.raises(ConfigError, match="'time' reads __timestamp__ and not only the number"):
        SplitRule("time").deal(10)


def test_other_shares_can_be_asked_for():
    """6:2:2 of ten rows."""
    assigned = SplitRule("order", shares=(6, 2, 2)).assign(rows(10))
    assert assigned.tolist() == [0] * 6 + [1] * 2 + [2] * 2


def test_a_random_split_depends_on_its_seed_alone():
    """The same seed gives the same split, another seed another one."""
    first, again, other = (SplitRule("random", seed).assign(rows(1000)) for seed in (3, 3, 4))
    assert first.tolist() == again.tolist() != other.tolist()
    assert first.tolist() != sorted(first)


def test_time_splits_all_rows_by_time_and_ties_by_the_file():
    """Ten rows, three of them at the same moment across the boundaries."""
    timestamps = [9, 1, 2, 7, 7, 7, 3, 4, 5, 6]
    keys = pl.LazyFrame({TIMESTAMP: timestamps})
    assert SplitRule("time").assign(keys).tolist() == [2, 0, 0, 0, 0, 1, 0, 0, 0, 0]


def test_user_time_splits_each_history():
    """Two users of 5 and 10 rows, interleaved; the second one's go back in time."""
    users = ["a", "b", "b"] * 5
    timestamps = [place if user == "a" else -place for place, user in enumerate(users)]
    assigned = SplitRule("user-time").assign(pl.LazyFrame({USER: users, TIMESTAMP: timestamps}))
    of_a = [s for s, user in zip(assigned, users, strict=True) if user == "a"]
    of_b = [s for s, user in zip(assigned, users, strict=True) if user == "b"]
    assert of_a == [0, 0, 0, 0, 1]
    assert of_b == [2, 1] + [0] * 8


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3)), min_size=1, max_size=60))
def test_user_time_agrees_with_a_plain_loop(history):
    """Against Python's stable sort and rounding by fractions, with many equal timestamps."""
    expected = [0] * len(history)
    for user in "abc":
        mine = [place for place, (who, _) in enumerate(history) if who == user]
        mine.sort(key=lambda place: history[place][1])
        for rank, place in enumerate(mine):
            expected[place] = sum(rank >= (len(mine) * tenths + 5) // 10 for tenths in (8, 9))
    keys = pl.LazyFrame(history, schema={USER: pl.String, TIMESTAMP: pl.Int64}, orient="row")
    assert SplitRule("user-time").assign(keys).tolist() == expected


@given(st.lists(st.sampled_from("abcdefghijklmnopqrst"), min_size=1, max_size=80), st.randoms())
def test_no_group_is_in_two_splits(groups, random):
    """Groups, not rows, are dealt by their shares, and their draw ignores how rows are ordered."""
    shuffled = random.sample(groups, len(groups))
    parts = []
    for order in (groups, shuffled):
        assigned = SplitRule("group", seed=4).assign(pl.LazyFrame({GROUP: order}))
        parts.append(sorted(set(zip(order, assigned.tolist(), strict=True))))
    assert parts[0] == parts[1]
    count = len(set(groups))
    assert len(parts[0]) == count
    dealt = [sum(split == place for _, split in parts[0]) for place in range(3)]
    assert dealt == np.bincount(SplitRule("order").deal(count), minlength=3).tolist()


def test_the_groups_that_are_held_out_depend_on_the_seed():
    """The same seed draws the same groups, another seed others; here of 100 numbers."""
    keys = pl.LazyFrame({GROUP: [n // 3 for n in range(300)]})
    first, again, other = (SplitRule("group", seed).assign(keys).tolist() for seed in (3, 3, 4))
    assert first == again != other


def test_given_takes_what_it_is_given():
    """The column is the split."""
    assert SplitRule("given").assign(pl.LazyFrame({GIVEN: [2, 0, 1]})).tolist() == [2, 0, 1]


def test_a_row_without_its_group_is_an_error():
    """It could come to lie in any split."""
    with pytest.raises(DataError, match="1 of 2 rows have no group, which the 'group' split needs"):
        SplitRule("group").assign(pl.LazyFrame({GROUP: ["a", None]}))


@pytest.mark.parametrize("column", [USER, TIMESTAMP])
def test_a_row_without_its_key_is_an_error(column):
    """The message counts the rows and names what they lack."""
    keys = pl.LazyFrame({USER: ["a", "b"], TIMESTAMP: [1, 2]})
    keys = keys.with_columns(pl.when(pl.col(USER) == "a").then(pl.col(column)).alias(column))
    with pytest.raises(DataError, match=f"1 of 2 rows have no {column.strip('_')}"):
        SplitRule("user-time").assign(keys)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rule": "randon"}, "unknown split rule 'randon'; did you mean 'random'"),
        ({"rule": "random", "seed": -1}, "whole number from 0 on, or none, got -1"),
        ({"rule": "random", "shares": (8, 2)}, r"three whole numbers above 0.*\[8, 2\]"),
        ({"rule": "random", "shares": (8, 2, 0)}, r"three whole numbers above 0.*\[8, 2, 0\]"),
        ({"rule": "random", "shares": (0.8, 0.1, 0.1)}, "three whole numbers above 0"),
    ],
)
def test_a_wrong_setting_is_named(arguments, message):
    """The message shows the setting and what is expected."""
    with pytest.raises(ConfigError, match=message):
        SplitRule(**arguments)
