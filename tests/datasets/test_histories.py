"""Histories: what a user did strictly before, in the train split, and in no other row."""

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from aesbench import Field
from aesbench.datasets.base import PADDING_ID
from aesbench.datasets.encode import LABEL, FieldSpec, encode
from aesbench.datasets.histories import EarlierRows, HistorySpec
from aesbench.datasets.splits import GIVEN, SplitRule
from aesbench.datasets.store import open_dataset, verify
from aesbench.datasets.writer import DatasetWriter
from aesbench.errors import ConfigError, DataError

TRAIN, VALIDATION, TEST = range(3)
SEEN = HistorySpec("seen", of="item", by="who", time="when", length=3)


@pytest.fixture
def encoded(tmp_path):
    """Return a function that encodes rows of user, item, time, split; labels alternate."""

    def run(rows, histories=(SEEN,)):
        names = ("who", "item", "when", GIVEN)
        frame = pl.DataFrame(rows, schema=names, orient="row").with_columns(
            pl.Series(LABEL, [n % 2 for n in range(len(rows))])
        )
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        specs = [FieldSpec("who"), FieldSpec("item")]
        encode(
            frame.lazy(), specs, SplitRule("given"), DatasetWriter(folder, "toy", {}, {}),
            histories=histories,
        )  # fmt: skip
        return open_dataset(folder)

    return run


def items(dataset, split):
    """Return the histories of a split as text, a string per row, from the oldest on."""
    values = pl.read_parquet(dataset.folder / "vocabulary" / "1.parquet")["value"].to_list()
    return [
        "".join(values[i] or "?" for i in row if i != PADDING_ID)
        for row in getattr(dataset, split).ids[:, 2:]
    ]


BY_HAND = [
    # The rows are in no order of time; anna's and ben's lie between each other.
    ("anna", "d", 40, TRAIN),
    ("anna", "a", 10, TRAIN),
    ("ben", "a", 15, TRAIN),
    ("anna", "b", 20, TRAIN),
    ("anna", "c", 20, TRAIN),  # At the time of b: neither is in the other's history.
    ("anna", "e", 30, VALIDATION),  # Later rows of train do not have it in theirs.
    ("anna", "b", 50, TRAIN),
    ("anna", "e", 60, TEST),  # Of the five train rows before it the last three.
    ("anna", "a", 60, VALIDATION),
    ("ben", "z", 5, TEST),  # Before all of ben's rows.
    ("carl", "a", 99, TEST),  # Nobody whom training knows.
    ("carl", "a", 100, TEST),
]


def test_histories_by_hand(encoded):
    """Strictly earlier rows of train, the latest ones, whatever the order of the file."""
    dataset = encoded(BY_HAND)
    assert items(dataset, "train") == ["abc", "", "", "a", "a", "bcd"]
    assert items(dataset, "validation") == ["abc", "cdb"]
    assert items(dataset, "test") == ["cdb", "", "", ""]
    padded = dataset.train.ids[3, 2:]
    assert padded[0] >= 0 and padded[1:].tolist() == [PADDING_ID] * 2
    (history,) = dataset.histories
    assert history == Field("seen", dataset.fields[1].cardinality, 3, shares="item")
    assert [field.name for field in dataset.fields] == ["who", "item"]
    verify(dataset)


def test_a_history_is_no_wider_than_the_longest(encoded):
    """Its columns are those that a row fills, up to the length that was asked for."""
    dataset = encoded(BY_HAND, [HistorySpec("seen", "item", "who", "when", length=50)])
    assert dataset.histories[0].columns == 5
    assert items(dataset, "test")[0] == "abcdb"


def test_what_validation_and_test_hold_changes_no_history(encoded):
    """Other items and labels there, in the same rows, leave every history as it was."""
    changed = [
        (who, item if split == TRAIN else "d", when, split) for who, item, when, split in BY_HAND
    ]
    one, other = encoded(BY_HAND), encoded(changed)
    for split in ("train", "validation", "test"):
        assert items(one, split) == items(other, split)


def test_without_histories_files_and_hash_are_those_of_before(encoded):
    """Nothing is written of histories where there are none, and fields are the same with them."""
    without, with_one = encoded(BY_HAND, []), encoded(BY_HAND)
    assert "histories" not in without.manifest and without.histories == ()
    assert without.manifest["fields"] == with_one.manifest["fields"]
    assert without.hash != with_one.hash
    for split in ("train", "validation", "test"):
        ids, more = getattr(without, split).ids, getattr(with_one, split).ids
        assert (ids == more[:, :2]).all() and ids.shape[1] == 2
    # What these rows hashed to before there were histories.
    assert without.hash.startswith("f3428c699ede86de")


def test_damage_to_a_history_is_found(encoded):
    """Its ids are under the hash of the data set, and so is whose table it uses."""
    dataset = encoded(BY_HAND)
    dataset.manifest["histories"][0]["shares"] = "who"
    with pytest.raises(DataError, match="has changed since it was prepared"):
        verify(dataset)


def plain_history(rows, number, length):
    """The definition, row by row."""
    user, _, time, _ = rows[number]
    if user is None or time is None:
        return []
    earlier = [
        (other_time, place, item)
        for place, (other, item, other_time, is_train) in enumerate(rows)
        if is_train and other == user and other_time is not None and other_time < time
    ]
    return [item for _, _, item in sorted(earlier)][-length:]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b", "c", None]),
            st.integers(0, 9),
            st.none() | st.integers(-3, 5),
            st.booleans(),
        ),
        min_size=1,
        max_size=40,
    ),
    st.integers(1, 6),
)
def test_histories_are_the_definition(rows, length):
    """Any users, items, times (equal or missing) and splits: the rows that a plain search finds."""
    expected = [plain_history(rows, number, length) for number in range(len(rows))]
    frame = pl.DataFrame(
        {"who": [row[0] for row in rows], "when": [row[2] for row in rows]},
        schema={"who": pl.String, "when": pl.Int64},
    )
    spec = HistorySpec("seen", "item", "who", "when", length)
    train = np.array([row[3] for row in rows])
    if not any(expected):
        with pytest.raises(DataError, match="no row has an earlier one of its 'who'"):
            EarlierRows.find(frame.lazy(), spec, train)
        return
    found = EarlierRows.find(frame.lazy(), spec, train)
    assert found.width == max(map(len, expected))
    ids = found.ids(np.array([row[1] for row in rows], np.int32))
    for own, wanted in zip(ids.tolist(), expected, strict=True):
        assert own == wanted + [PADDING_ID] * (found.width - len(wanted))


@given(st.data())
def test_no_row_outside_train_and_no_later_row_matters(data):
    """Histories do not change with anything that a row must not know."""
    rows = data.draw(
        st.lists(
            st.tuples(st.sampled_from("ab"), st.integers(0, 9), st.integers(0, 5), st.booleans()),
            min_size=2,
            max_size=20,
        )
    )
    number = data.draw(st.integers(0, len(rows) - 1))
    user, _, time, _ = rows[number]
    known = [r for r in range(len(rows)) if rows[r][3] and rows[r][0] == user and rows[r][2] < time]
    assume(known)
    other = [row if r in known or r == number else (*row[:1], 9 - row[1], *row[2:])
             for r, row in enumerate(rows)]  # fmt: skip
    other[number] = (user, 9 - rows[number][1], time, not rows[number][3])

    def history(chosen):
        frame = pl.DataFrame({"who": [r[0] for r in chosen], "when": [r[2] for r in chosen]})
        found = EarlierRows.find(
            frame.lazy(),
            HistorySpec("seen", "item", "who", "when"),
            np.array([r[3] for r in chosen]),
        )
        return [i for i in found.ids(np.array([r[1] for r in chosen], np.int32))[number] if i >= 0]

    assert history(rows) == history(other) != []


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (HistorySpec("seen", "itm", "who", "when"), "of 'itm', which is no field.*mean 'item'"),
        (HistorySpec("seen", "tags", "who", "when"), "of 'tags', which has several values.*item"),
        (HistorySpec("item", "item", "who", "when"), "a field and a history are called 'item'"),
    ],
)
def test_a_history_is_of_a_field_with_one_value(spec, message):
    """Else the message says of which it can be."""
    with pytest.raises(ConfigError, match=message):
        spec.place(["item", "tags"], ["tags"])


@pytest.mark.parametrize("length", [0, 2.5, True])
def test_a_history_has_a_length(length):
    """A whole number from 1 on."""
    with pytest.raises(ConfigError, match="length of history 'seen'.*at least 1"):
        HistorySpec("seen", "item", "who", "when", length)


@pytest.mark.parametrize(
    "history",
    [
        Field("seen", 8, 2, shares="other"),
        Field("seen", 9, 2, shares="item"),
        Field("item", 8, 2, shares="item"),
    ],
)
def test_a_source_cannot_write_a_history_of_nothing(tmp_path, history):
    """It has a name of its own, and the ids of a field."""
    writer = DatasetWriter(tmp_path, "toy", {}, {})
    for split in ("train", "validation", "test"):
        ids, labels, _ = writer.split(split, 4, 3)
        ids[:], labels[:] = 0, [0, 1, 0, 1]
    with pytest.raises(DataError, match="shares the table of"):
        writer.finish([Field("item", 8, counts=np.zeros(8, int))], histories=[history])
