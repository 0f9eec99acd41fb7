"""The encoder: what each id stands for, and that only the train split decides it."""

from collections import Counter

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aesbench.datasets import encode as encode_module
from aesbench.datasets.base import PADDING_ID, SPLITS
from aesbench.datasets.encode import LABEL, FieldSpec, encode
from aesbench.datasets.splits import GIVEN, SplitRule
from aesbench.datasets.store import open_dataset
from aesbench.datasets.writer import DatasetWriter
from aesbench.errors import ConfigError, DataError
from aesbench.terminal.dataset import unseen_share

TRAIN, VALIDATION, TEST = range(3)
# Both labels in each split: what the writer asks of any data set.
TAIL = [(split, label) for split in range(3) for label in (0, 1)]


@pytest.fixture(scope="module")
def encoded(tmp_path_factory):
    """Return a function that encodes columns of values, given the split of each row."""

    def run(columns, splits, labels, *, multi=(), constant=(), **options):
        folder = tmp_path_factory.mktemp("encoded")
        types = {n: pl.List(pl.String) if n in multi else pl.String for n in columns}
        rows = pl.DataFrame(columns, schema=types).with_columns(
            pl.Series(GIVEN, splits, pl.UInt8), pl.Series(LABEL, labels)
        )
        specs = [
            FieldSpec(name, multi=name in multi, allow_constant=name in constant)
            for name in columns
        ]
        writer = DatasetWriter(folder, "toy", {}, {})
        encode(rows.lazy(), specs, SplitRule("given"), writer, **options)
        return open_dataset(folder)

    return run


def vocabulary(dataset, number=0):
    """Return (values, counts) of one field, by id."""
    frame = pl.read_parquet(dataset.folder / "vocabulary" / f"{number}.parquet")
    return frame["value"].to_list(), frame["count"].to_list()


SPLIT_COLUMN = [TRAIN] * 6 + [VALIDATION] * 2 + [TEST] * 2
LABELS = [0, 1] * 5


def test_ids_follow_train_frequency_and_then_text(encoded):
    """The most frequent train value is 0, equals go by text, and the last id is for the unseen."""
    dataset = encoded({"f": [*"bcaccb", *"cz", *"az"]}, SPLIT_COLUMN, LABELS)
    assert vocabulary(dataset) == (["c", "b", "a", None], [3, 2, 1, 0])
    assert dataset.train.ids[:, 0].tolist() == [1, 0, 2, 0, 0, 1]
    assert dataset.validation.ids[:, 0].tolist() == [0, 3]
    assert dataset.test.ids[:, 0].tolist() == [2, 3]
    assert dataset.train.labels.tolist() == [0, 1, 0, 1, 0, 1]
    assert dataset.fields[0].cardinality == 4
    assert dataset.fields[0].counts.tolist() == [3, 2, 1, 0]


def test_equal_frequencies_sort_as_text(encoded):
    """10 comes before 9, since values are text."""
    dataset = encoded({"f": ["9", "10", "9", "10", "2", "2", *"2222"]}, SPLIT_COLUMN, LABELS)
    assert vocabulary(dataset)[0] == ["10", "2", "9", None]


def test_rare_values_share_the_last_id_and_are_counted_there(encoded):
    """A value below the minimum count has no id; the last id counts its train rows."""
    dataset = encoded({"f": [*"aaabcc", *"bb", *"ac"]}, SPLIT_COLUMN, LABELS, min_count=2)
    assert vocabulary(dataset) == (["a", "c", None], [3, 2, 1])
    assert dataset.train.ids[:, 0].tolist() == [0, 0, 0, 2, 1, 1]
    assert dataset.validation.ids[:, 0].tolist() == [2, 2]
    assert dataset.test.ids[:, 0].tolist() == [0, 1]


def test_a_missing_value_is_a_value(encoded):
    """Missing and empty are one value with an id of its own, apart from the unseen."""
    values = ["a", None, "", "a", "a", "b", None, "z", "", "a"]
    dataset = encoded({"f": values}, SPLIT_COLUMN, LABELS)
    assert vocabulary(dataset) == (["a", "", "b", None], [3, 2, 1, 0])
    assert dataset.train.ids[:, 0].tolist() == [0, 1, 1, 0, 0, 2]
    assert dataset.validation.ids[:, 0].tolist() == [1, 3]


def test_multi_valued_fields_have_a_column_per_value(encoded):
    """Values fill the columns in their order, the rest is padding; no value is the missing one."""
    lists = [["x", "y"], ["x"], [], None, ["y", "x", "z"], ["x"], ["z", "q"], [], ["x"], ["q"]]
    dataset = encoded({"a": [*"abbaabaaab"], "f": lists}, SPLIT_COLUMN, LABELS, multi=("f",))
    assert vocabulary(dataset, 1) == (["x", "", "y", "z", None], [4, 2, 2, 1, 0])
    pad = PADDING_ID
    assert dataset.fields[1].columns == 3
    assert dataset.train.ids[:, 1:].tolist() == [
        [0, 2, pad],
        [0, pad, pad],
        [1, pad, pad],
        [1, pad, pad],
        [2, 0, 3],
        [0, pad, pad],
    ]
    assert dataset.validation.ids[:, 1:].tolist() == [[3, 4, pad], [1, pad, pad]]


def test_chunks_do_not_show(encoded, monkeypatch):
    """Dealing the rows a few at a time gives the same data set."""
    columns = {"f": [*"bcaccb", *"cz", *"az"], "g": [*"0101010101"]}
    splits = [TRAIN, TEST, TRAIN, VALIDATION, TRAIN, TEST, TRAIN, TRAIN, VALIDATION, TRAIN]
    labels = [0, 1, 1, 0, 0, 0, 1, 1, 1, 0]
    whole = encoded(columns, splits, labels)
    monkeypatch.setattr(encode_module, "_CHUNK_ROWS", 3)
    assert encoded(columns, splits, labels).hash == whole.hash


def test_nothing_temporary_is_left(encoded):
    """The folder holds the data set alone."""
    dataset = encoded({"f": [*"bcaccb", *"cz", *"az"]}, SPLIT_COLUMN, LABELS)
    arrays = {f"{split}.{part}.npy" for split in SPLITS for part in ("ids", "labels")}
    expected = {"manifest.json", "counts.npy", "vocabulary"} | arrays
    assert {path.name for path in dataset.folder.iterdir()} == expected


VALUES = st.one_of(st.none(), st.text(max_size=3), st.sampled_from("abc"))
ROWS = st.lists(
    st.tuples(st.sampled_from(range(3)), st.booleans(), VALUES, st.lists(VALUES, max_size=3))
)


@given(ROWS, st.integers(1, 3))
def test_decoding_gives_back_every_value_that_train_has_often_enough(encoded, rows, min_count):
    """Against plain counting: ids decode to the values, or to unseen where train has too few."""
    rows = [*rows, *((split, label, "a", ["b"]) for split, label in TAIL)]
    splits, labels = [row[0] for row in rows], [int(row[1]) for row in rows]
    columns = {"f": [row[2] for row in rows], "g": [row[3] for row in rows]}
    dataset = encoded(
        columns, splits, labels, multi=("g",), constant=("f", "g"), min_count=min_count
    )
    expected = [[[row[2] or ""], [value or "" for value in row[3]] or [""]] for row in rows]
    column = 0
    for number, field in enumerate(dataset.fields):
        seen = Counter(
            value
            for split, values in zip(splits, expected, strict=True)
            for value in values[number]
            if split == TRAIN
        )
        kept = sorted((v for v in seen if seen[v] >= min_count), key=lambda v: (-seen[v], v))
        values, counts = vocabulary(dataset, number)
        assert values == [*kept, None]
        assert counts[:-1] == [seen[value] for value in kept]
        assert sum(counts) == seen.total()
        for place, split in enumerate(SPLITS):
            ids = getattr(dataset, split).ids[:, column : column + field.columns]
            decoded = [[values[i] for i in row if i != PADDING_ID] for row in ids]
            assert decoded == [
                [value if value in kept else None for value in all_values[number]]
                for all_values, s in zip(expected, splits, strict=True)
                if s == place
            ]
        column += field.columns


@given(ROWS, st.lists(VALUES, min_size=4, max_size=4))
def test_rows_outside_train_never_change_what_training_sees(encoded, rows, others):
    """With other validation and test rows, vocabulary, counts and train ids stay as they were."""
    rows = [(s, y, v) for s, y, v, _ in rows] + [(s, y, "a") for s, y in TAIL]
    splits, labels = [row[0] for row in rows], [int(row[1]) for row in rows]
    values = [row[2] for row in rows]
    changed = [
        value if split == TRAIN else others[place % len(others)]
        for place, (split, value) in enumerate(zip(splits, values, strict=True))
    ]
    one, two = (encoded({"f": v}, splits, labels, constant="f") for v in (values, changed))
    assert vocabulary(one) == vocabulary(two)
    assert one.fields[0].counts.tolist() == two.fields[0].counts.tolist()
    assert np.array_equal(one.train.ids, two.train.ids)


@pytest.mark.parametrize(
    ("labels", "shown"),
    [([0, 1, 2, 5] + [0, 1] * 3, "2, 5"), ([None, 1] + [0, 1] * 4, "missing")],
)
def test_a_label_that_is_not_binary_is_an_error(encoded, labels, shown):
    """The message shows the labels found and a rule that would do."""
    with pytest.raises(DataError, match=f"also have {shown}.*rating > 3"):
        encoded({"f": [*"abababaaab"]}, SPLIT_COLUMN, labels)


def test_a_field_with_one_train_value_is_an_error(encoded):
    """The message names the field and its value and says to leave it out."""
    with pytest.raises(DataError, match="field 'f' has one value in the train split, 'a'.*leave"):
        encoded({"f": [*"aaaaaa", *"bc", *"ab"]}, SPLIT_COLUMN, LABELS)


def test_a_constant_field_can_be_allowed(encoded):
    """With the switch it is encoded like any other."""
    dataset = encoded({"f": [*"aaaaaa", *"bc", *"ab"]}, SPLIT_COLUMN, LABELS, constant=("f",))
    assert dataset.fields[0].counts.tolist() == [6, 0]


def test_an_empty_split_is_an_error(encoded):
    """The message names the split."""
    with pytest.raises(DataError, match="the validation split of 'toy' is empty"):
        encoded({"f": [*"abababaaab"]}, [TRAIN] * 6 + [TEST] * 4, LABELS)


@pytest.mark.parametrize("min_count", [0, -1, 1.5, True])
def test_a_minimum_count_is_a_whole_number_from_one(encoded, min_count):
    """Anything else is a mistake in the settings."""
    with pytest.raises(ConfigError, match=f"whole number from 1 on, got {min_count}"):
        encoded({"f": [*"abababaaab"]}, SPLIT_COLUMN, LABELS, min_count=min_count)


def test_the_cold_start_rate_counts_values_without_an_id(encoded):
    """Both validation rows are new; padding is no value, and without values the rate is 0."""
    dataset = encoded({"f": [*"aaabcc", *"bb", *"ac"]}, SPLIT_COLUMN, LABELS, min_count=2)
    cardinality = dataset.fields[0].cardinality
    rates = [unseen_share(s.ids, cardinality) for s in (dataset.train, dataset.validation)]
    assert rates == [1 / 6, 1.0]
    padded = np.array([[0, PADDING_ID], [2, PADDING_ID], [0, 2]])
    assert unseen_share(padded, 3) == 2 / 4
    assert unseen_share(np.full((2, 1), PADDING_ID), 3) == 0.0
