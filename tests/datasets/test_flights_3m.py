"""The data set `flights-3m`: fields of the day and the route, no time of day, damage named."""

import hashlib
import os
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from aesbench.datasets.base import SPLITS
from aesbench.datasets.sources import flights_3m as source
from aesbench.datasets.sources.flights import FlightsConfig
from aesbench.datasets.sources.flights_3m import FIELDS, SHA256, Flights3M, checked
from aesbench.datasets.store import prepare
from aesbench.errors import ConfigError, DataError

DATA = Path(os.environ.get("AESBENCH_DATA", ""))
REAL = DATA / "flights-3m" / "flights-3m.parquet"
real_data = pytest.mark.skipif(
    not REAL.is_file(),
    reason="set AESBENCH_DATA to a folder that holds flights-3m/flights-3m.parquet",
)
PAGE = Path(__file__).parents[2] / "docs" / "flights-3m.md"
START = datetime(2001, 1, 1, 0, 1)
ROUTES = [("ATL", "SAV", 215), ("LAS", "PHL", 2176), ("RIC", "ORF", 75)]


def miniature():
    """Two hundred flights over twenty days, ten a day, in the form of the file."""
    places = [ROUTES[n % 3] for n in range(200)]
    return pl.DataFrame(
        {
            "date": [START + timedelta(minutes=144 * n) for n in range(200)],
            "delay": [(-7, 15, 16, 90)[(n + n // 10) % 4] for n in range(200)],
            "distance": [distance for _, _, distance in places],
            "origin": [origin for origin, _, _ in places],
            "destination": [destination for _, destination, _ in places],
        }
    )


@pytest.fixture
def official(tmp_path):
    """The miniature where the data folder has the file."""
    folder = tmp_path / "data" / "flights-3m"
    folder.mkdir(parents=True)
    miniature().write_parquet(folder / "flights-3m.parquet", compression="zstd")
    return folder


def prepared(folder, cache_dir, **settings):
    """Prepare the data set of a folder."""
    return prepare(Flights3M(FlightsConfig(**settings)), data_dir=folder, cache_dir=cache_dir)


def test_fields_come_from_day_and_route(official, cache_dir, decoded):
    """By hand; in time order, so that train begins with the first flights of the year."""
    dataset = prepared(official.parent, cache_dir, split="time")
    assert tuple(field.name for field in dataset.fields) == tuple(FIELDS)
    rows = decoded(dataset, "train")
    assert rows.rows()[:2] == [
        ("2001-01-01", "1", "ATL", "SAV", "ATL-SAV", "215"),
        ("2001-01-01", "1", "LAS", "PHL", "LAS-PHL", "2176"),
    ]
    assert rows["day"].is_sorted() and rows["day"].n_unique() == 16
    labels = [n for part in SPLITS for n in getattr(dataset, part).labels.tolist()]
    assert labels == [int(delay > 15) for delay in miniature()["delay"]]


def test_nothing_of_the_time_of_day_enters(official, cache_dir):
    """Other hours and minutes of the same days give the same data."""
    first = prepared(official, cache_dir)
    rows = miniature().with_columns(pl.col("date").dt.truncate("1d"))
    rows.write_parquet(official / "flights-3m.parquet")
    again = prepared(official, cache_dir)
    assert again.folder != first.folder and again.hash == first.hash


def test_day_holds_whole_days_out(official, cache_dir, decoded):
    """16, 2 and 2 of 20 days, none known in two parts."""
    dataset = prepared(official, cache_dir, split="day")
    assert [len(getattr(dataset, part)) for part in SPLITS] == [160, 20, 20]
    assert decoded(dataset, "train")["day"].n_unique() == 16
    assert decoded(dataset, "test")["day"].null_count() == 20


def test_the_splits_are_different_data(official, cache_dir):
    """Seeds draw rows and days; time draws nothing."""
    hashes = {
        (split, seed): prepared(official, cache_dir, split=split, split_seed=seed).hash
        for split in ("random", "day", "time")
        for seed in (0, 1)
    }
    assert len(set(hashes.values())) == 5
    assert hashes["time", 0] == hashes["time", 1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda r: r.drop("origin"),
            r"column 'origin' must be String, got no such column; the col",
        ),
        (lambda r: r.cast({"delay": pl.Float64}), r"column 'delay' must be Int64, got Float64"),
        (lambda r: r.cast({"date": pl.Date}), r"column 'date' must be Datetime, got Date"),
        (
            lambda r: r.with_columns(pl.col("delay").replace(90, None)),
            r"row 4: 'delay' is missing; fetch the file again",
        ),
        (lambda r: r.reverse(), r"row 2: 'date' is before that of the row above; fetch the"),
        (lambda r: r.head(0), r"there are no rows; fetch the file again"),
    ],
)
def test_damage_is_named_by_column_and_row(official, cache_dir, change, message):
    """Each kind of damage gives the place and what to do; nothing stays behind."""
    path = official / "flights-3m.parquet"
    change(miniature()).write_parquet(path)
    with pytest.raises(DataError, match=f"{path}: {message}"):
        prepared(official, cache_dir)
    assert not list((cache_dir / "processed").glob(".flights-3m*"))


def test_a_file_that_is_no_parquet_is_told(official, cache_dir):
    """Cut off in the middle."""
    path = official / "flights-3m.parquet"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(DataError, match=f"cannot read {path} as parquet: .*fetch it again"):
        prepared(official, cache_dir)


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


def test_the_file_is_downloaded_and_checked(official, served, monkeypatch, tmp_path):
    """Another file than the known one is not used and not kept."""
    path = official / "flights-3m.parquet"
    (served.folder / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(source, "URL", f"{served.url}/{path.name}")
    with pytest.raises(DataError, match=r"cannot download .*hash.*--data-dir"):
        Flights3M().files(None, tmp_path / "one")
    assert not list((tmp_path / "one").rglob("*.parquet"))
    monkeypatch.setattr(source, "SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    downloaded = prepare(Flights3M(), cache_dir=tmp_path / "two")
    (served.folder / path.name).unlink()
    assert prepare(Flights3M(), cache_dir=tmp_path / "two").folder == downloaded.folder
    assert prepared(official, tmp_path / "two").folder == downloaded.folder


@real_data
def test_the_page_shows_the_real_rows(cache_dir):
    """Three million rows; the hash of the file, and the day split as the page has it."""
    assert hashlib.sha256(REAL.read_bytes()).hexdigest() == SHA256
    rows = checked(REAL).select(made.alias(name) for name, made in FIELDS.items())
    distinct = rows.select(pl.all().n_unique()).collect().row(0, named=True)
    dataset = prepared(DATA, cache_dir, split="day")
    page = PAGE.read_text()
    for field in dataset.fields:
        line = next(x for x in page.splitlines() if x.startswith(f"| `{field.name}` "))
        assert f" | {distinct[field.name]:,} | " in line and f" | {field.cardinality:,} | " in line
    (line,) = (x for x in page.splitlines() if dataset.hash[:16] in x)
    assert line.startswith("| `day`")
    facts = [dataset.manifest["splits"][part] for part in SPLITS]
    assert sum(part["rows"] for part in facts) == 3_000_000
    for part in facts:
        assert f" {part['rows']:,} ({100 * part['positives'] / part['rows']:.2f} %)" in line
