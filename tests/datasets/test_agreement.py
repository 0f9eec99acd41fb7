"""Files of one data set whose columns differ in type: read as one, or told apart by name."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import polars as pl
import pytest

from aesbench.datasets.custom.agreement import agree
from aesbench.datasets.custom.source import CustomSource
from aesbench.datasets.store import prepare
from aesbench.errors import DataError

NOON = datetime(2020, 5, 17, 12)


def together(*columns):
    """Put a column of several files under each other, as one series."""
    frames = [pl.LazyFrame({"x": column}) for column in columns]
    names = [f"{n}.parquet" for n in range(len(frames))]
    return pl.concat(agree(frames, names)).collect()["x"]


@pytest.mark.parametrize(
    ("one", "other", "values", "dtype"),
    [
        (pl.Series([1], dtype=pl.Int8), pl.Series([300]), [1, 300], pl.Int64),
        (pl.Series([1], dtype=pl.UInt32), pl.Series([-3], dtype=pl.Int16), [1, -3], pl.Int64),
        (pl.Series([2**63], dtype=pl.UInt64), pl.Series([-1]), [2**63, -1], pl.Int128),
        (pl.Series([2**63], dtype=pl.UInt64), pl.Series([True]), [2**63, 1], pl.UInt64),
        (pl.Series([1]), pl.Series([2.0, float("nan"), None]), [1, 2, None, None], pl.Int64),
        (pl.Series([1]), pl.Series([2.5]), [1.0, 2.5], pl.Float64),
        (pl.Series([1]), pl.Series([float("inf")]), [1.0, float("inf")], pl.Float64),
        (pl.Series([2**53 + 1]), pl.Series([2.0]), [2**53 + 1, 2], pl.Int64),
        (pl.Series([0.1], dtype=pl.Float32), pl.Series([0.1]), [0.1, 0.1], pl.Float64),
        (pl.Series([True, False]), pl.Series([1], dtype=pl.Int8), [1, 0, 1], pl.Int64),
        (pl.Series([Decimal("2.00")]), pl.Series([3]), [2, 3], pl.Int64),
        (pl.Series([Decimal("2.50")]), pl.Series([Decimal("2.5")]), [2.5, 2.5], pl.Float64),
        (pl.Series(["a"], dtype=pl.Categorical), pl.Series(["b"]), ["a", "b"], pl.String),
        (
            pl.Series(["a"], dtype=pl.Enum(["a", "c"])),
            pl.Series(["b"], dtype=pl.Enum(["b"])),
            ["a", "b"],
            pl.String,
        ),
        (pl.Series([None]), pl.Series(["b"]), [None, "b"], pl.String),
        (pl.Series([None]), pl.Series([4], dtype=pl.Int8), [None, 4], pl.Int64),
        (
            pl.Series([NOON], dtype=pl.Datetime("ms")),
            pl.Series([NOON], dtype=pl.Datetime("ns")),
            [NOON, NOON],
            pl.Datetime("ns"),
        ),
        (
            pl.Series([NOON]).dt.replace_time_zone("Asia/Tokyo"),
            pl.Series([NOON], dtype=pl.Datetime("ms")),
            [datetime(2020, 5, 17, 3, tzinfo=UTC), NOON.replace(tzinfo=UTC)],
            pl.Datetime("us", "UTC"),
        ),
        (
            pl.Series([date(2020, 5, 17)]),
            pl.Series([NOON]),
            [datetime(2020, 5, 17), NOON],
            pl.Datetime("us"),
        ),
        (
            pl.Series([timedelta(1)], dtype=pl.Duration("ms")),
            pl.Series([timedelta(2)], dtype=pl.Duration("us")),
            [timedelta(1), timedelta(2)],
            pl.Duration("us"),
        ),
        (
            pl.Series([[1, 2], []], dtype=pl.List(pl.Int8)),
            pl.Series([[3.0], None]),
            [[1, 2], [], [3], None],
            pl.List(pl.Int64),
        ),
        (
            pl.Series([["a"]], dtype=pl.List(pl.Categorical)),
            pl.Series([["b", "c"]], dtype=pl.Array(pl.String, 2)),
            [["a"], ["b", "c"]],
            pl.List(pl.String),
        ),
        (pl.Series([None]), pl.Series([[1]]), [None, [1]], pl.List(pl.Int64)),
    ],
)
def test_types_that_mean_the_same_become_one(one, other, values, dtype):
    """In whichever order the files come."""
    found = together(one, other)
    assert (found.dtype, found.to_list()) == (dtype, values)
    assert together(other, one).sort().to_list() == together(one, other).sort().to_list()


def test_a_single_files_categories_are_text():
    """The order in which they were first met is no order of theirs."""
    found = together(pl.Series(["b", "a"], dtype=pl.Categorical))
    assert found.dtype == pl.String


@pytest.mark.parametrize(
    ("one", "other", "message"),
    [
        (["a"], [1], r"'x' is text \(String\) in 0.parquet, but a number \(Int64\) in 1.parquet"),
        ([1.5], [NOON], r"a number \(Float64\) in 0.parquet, but a time \(Datetime"),
        ([True], ["yes"], r"a number \(Boolean\) in 0.parquet, but text"),
        ([[1]], [1], r"a list \(List\(Int64\)\) in 0.parquet, but a number"),
        ([["a"]], [[1]], r"'x' is text \(String\) in 0.parquet, but a number \(Int64\) in 1"),
        ([{"a": 1}], [{"b": 1}], r"Struct.* in 0.parquet, but Struct.* in 1.parquet"),
        ([b"a"], ["a"], r"Binary \(Binary\) in 0.parquet, but text"),
    ],
)
def test_types_that_mean_different_things_are_named_with_their_files(one, other, message):
    """The way out is said as well."""
    with pytest.raises(DataError, match=message + ".*write it as the same kind in both"):
        together(one, other)


TOML = """
label = "clicked"
[rows]
[split]
train = "train.parquet"
validation = "valid.parquet"
test = "test.parquet"
[[field]]
name = "item"
[[field]]
name = "shop"
[[field]]
name = "tags"
kind = "multi"
[[field]]
name = "hour"
column = "when"
kind = "hour"
"""


@pytest.fixture
def given(tmp_path, cache_dir):
    """Return a function that prepares three files, each of rows with columns of these types."""

    def prepared(*types):
        frame = pl.DataFrame(
            {
                "item": [n % 5 for n in range(60)],
                "shop": [f"s{n % 3}" for n in range(60)],
                "tags": [[n % 4, n % 3] for n in range(60)],
                "when": [NOON + timedelta(hours=n) for n in range(60)],
                "clicked": [n % 2 for n in range(60)],
            }
        )
        for name, start, dtypes in zip(("train", "valid", "test"), (0, 40, 50), types, strict=True):
            part = frame[start : start + (40 if start == 0 else 10)]
            part.cast(dtypes).write_parquet(tmp_path / f"{name}.parquet")
        (tmp_path / "mine.toml").write_text(TOML)
        return prepare(CustomSource.from_toml(tmp_path / "mine.toml"), cache_dir=cache_dir)

    return prepared


def test_a_given_split_is_read_whatever_the_types_of_its_files(given):
    """Ids, label, lists and times that differ in type give the data of equal types."""
    mixed = given(
        {"item": pl.Int8, "clicked": pl.Boolean, "shop": pl.Categorical},
        {"item": pl.Float64, "tags": pl.List(pl.Int16), "when": pl.Datetime("ms")},
        {"clicked": pl.Float32, "when": pl.Datetime("ns", "UTC")},
    )
    assert mixed.hash == given({}, {}, {}).hash


def test_a_given_split_with_text_for_numbers_names_both_files(given):
    """It does not guess that 7 and 007 are one."""
    with pytest.raises(DataError, match=r"'item' is a number \(Int64\) in train.parquet, but text"):
        given({}, {"item": pl.String}, {})


def test_the_order_of_columns_may_differ(tmp_path, given):
    """Columns have names."""
    whole = given({}, {}, {}).hash
    path = tmp_path / "test.parquet"
    pl.read_parquet(path).select(pl.all().exclude("item"), "item").write_parquet(path)
    assert prepare(CustomSource.from_toml(tmp_path / "mine.toml"), cache_dir=tmp_path).hash == whole


def test_a_key_of_floats_meets_its_partner(tmp_path, cache_dir):
    """pandas writes 3.0 where a column has a gap; a side table's 3 is the same key."""
    rows = pl.DataFrame({"item": [0, 1, 2, None] * 10, "clicked": [0, 1] * 20})
    side = pl.DataFrame({"item": [0, 1, 2], "colour": ["red", "blue", "green"]})
    toml = 'label = "clicked"\n[rows]\nfiles = "rows.parquet"\n[split]\nrule = "order"\n'
    toml += '[[join]]\nfiles = "side.parquet"\non = "item"\n[[field]]\nname = "colour"\n'
    (tmp_path / "mine.toml").write_text(toml)
    hashes = set()
    for dtypes in ({}, {"item": pl.Float64}):
        rows.cast(dtypes).write_parquet(tmp_path / "rows.parquet")
        side.cast({"item": pl.Int16}).write_parquet(tmp_path / "side.parquet")
        dataset = prepare(CustomSource.from_toml(tmp_path / "mine.toml"), cache_dir=cache_dir)
        assert dataset.fields[0].cardinality == 5  # Three colours, none, unseen.
        hashes.add(dataset.hash)
    assert len(hashes) == 1
