"""The MovieLens sources: the official files read exactly, and every damage to them named."""

import hashlib
import os
import re
import zipfile
from collections import Counter, defaultdict
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from aesbench.datasets.base import PADDING_ID, SPLITS, Field
from aesbench.datasets.sources import ml1m
from aesbench.datasets.sources.ml1m import ML1M
from aesbench.datasets.sources.ml1m_static import JOINED, ML1MStatic, ML1MStaticConfig
from aesbench.datasets.sources.ml100k import ML100K
from aesbench.datasets.sources.movielens import MovieLensConfig
from aesbench.datasets.sources.movielens_history import (
    ML1MHistory,
    ML100KHistory,
    MovieLensHistoryConfig,
)
from aesbench.datasets.store import prepare
from aesbench.errors import ConfigError, DataError

DATA = Path(os.environ.get("AESBENCH_DATA", ""))
real_data = pytest.mark.skipif(
    "AESBENCH_DATA" not in os.environ, reason="set AESBENCH_DATA to the folder of real data"
)

USERS = [
    ("1", "F", "1", "10", "48067"),
    ("2", "M", "56", "16", "70072"),
    ("10", "M", "25", "1", "00231"),
]
MOVIES = [
    ("1", "Toy Story (1995)", "Animation|Comedy"),
    ("2", "Mis\u00e9rables (1900) (1998)", "Drama"),
    ("3", "Untitled", "Drama"),
    ("10", "GoldenEye (1995) (V)", "Action"),
    *((str(n), f"Film {n} ({1970 + n % 5})", "Drama|War") for n in range(11, 27)),
]
SUNDAY = 977_666_400  # 2000-12-24 14:00 UTC
RATINGS = [
    # Each user and movie once; each hour twice, not in order, ten of them on Sunday.
    (USERS[n % 3][0], MOVIES[n // 3][0], str(1 + n % 5), str(SUNDAY + 3600 * (7 * n % 30)))
    for n in range(60)
]
NAMES = ("user", "gender", "age", "occupation", "zip", "movie", "year", "genres")


def write(path, lines, encoding="utf-8"):
    """Write the official form: no header, every line ended."""
    path.write_bytes("".join("::".join(line) + "\n" for line in lines).encode(encoding))


@pytest.fixture
def official(tmp_path):
    """A tiny ML-1M in the official form."""
    folder = tmp_path / "data" / "ml-1m"
    folder.mkdir(parents=True)
    write(folder / "users.dat", USERS)
    write(folder / "movies.dat", MOVIES, encoding="latin-1")
    write(folder / "ratings.dat", RATINGS)
    return folder


def year(title):
    """Return the last year in brackets."""
    return (re.findall(r"\((\d{4})\)", title) or [""])[-1]


def plain_rows(ratings, users, movies):
    """Join and describe ratings by plain dictionaries: ten values, then rating and timestamp."""
    users, movies = {user[0]: user for user in users}, {movie[0]: movie for movie in movies}
    for user, movie, rating, timestamp in ratings:
        _, title, genres = movies[movie]
        moment = datetime.fromtimestamp(int(timestamp), UTC)
        time = "weekend" if moment.strftime("%a") in ("Sat", "Sun") else "weekday", str(moment.hour)
        yield (*users[user], movie, year(title), genres, *time, int(rating), int(timestamp))


def plain_user_time_split(rows):
    """Deal rows to the three splits, each user's by time, equal times by their order."""
    histories = defaultdict(list)
    for place, row in enumerate(rows):
        histories[row[0]].append(place)
    dealt = [0] * len(rows)
    for history in histories.values():
        history.sort(key=lambda place: rows[place][-1])
        for rank, place in enumerate(history):
            dealt[place] = sum(rank >= (len(history) * n + 5) // 10 for n in (8, 9))
    return [[row for row, s in zip(rows, dealt, strict=True) if s == n] for n in range(3)]


def write_joined(path, rows):
    """Write rows as the parquet file without timestamps."""
    names = ["user_id", "gender", "age", "occupation", "zip_code", "movie_id", "year", "genres"]
    schema = dict.fromkeys(names, pl.String) | {"rating": pl.Int8}
    kept = [(*row[:8], row[10]) for row in rows]
    pl.DataFrame(kept, schema=schema, orient="row").write_parquet(path)


def decode(dataset, split):
    """Return the rows of a split as text, through the stored vocabularies; ? is unseen."""
    columns, start = [], 0
    ids = getattr(dataset, split).ids
    for number, field in enumerate(dataset.fields):
        frame = pl.read_parquet(dataset.folder / "vocabulary" / f"{number}.parquet")
        values = ["?" if value is None else value for value in frame["value"]]
        part = ids[:, start : start + field.columns].tolist()
        start += field.columns
        if field.columns == 1:
            columns.append([values[i] for (i,) in part])
        else:
            columns.append(["|".join(values[i] for i in row if i != PADDING_ID) for row in part])
    return list(zip(*columns, strict=True))


def check_rows(dataset, expected_splits):
    """Compare every row, in order, and every count with plain tuples."""
    train = [row[:10] for row in expected_splits[0]]
    seen = [set(column) for column in zip(*train, strict=True)]
    assert decode(dataset, "train") == train
    for split, expected in zip(SPLITS, expected_splits, strict=True):
        if split != "train":
            assert decode(dataset, split) == [
                tuple(v if v in known else "?" for v, known in zip(row, seen, strict=False))
                for row in expected
            ]
        assert getattr(dataset, split).labels.tolist() == [int(row[10] > 3) for row in expected]
    for field, column in zip(dataset.fields, zip(*train, strict=True), strict=True):
        assert field.counts.tolist() == [n for _, n in Counter(column).most_common()] + [0]


def test_ml1m_gives_the_papers_ten_fields_row_by_row(official, cache_dir):
    """Every value, label and count agrees with plain dictionaries over the same tiny files."""
    dataset = prepare(ML1M(), data_dir=official.parent, cache_dir=cache_dir)
    assert [field.name for field in dataset.fields] == [*NAMES, "weekday", "hour"]
    check_rows(dataset, plain_user_time_split(list(plain_rows(RATINGS, USERS, MOVIES))))


def test_the_first_rating_by_hand(official, cache_dir):
    """User 1 rated movie 1 with 1 on Sunday at 14:00."""
    source = ML1M(MovieLensConfig(split="random", split_seed=2))
    dataset = prepare(source, data_dir=official.parent, cache_dir=cache_dir)
    first = ("1", "F", "1", "10", "48067", "1", "1995", "Animation|Comedy", "weekend", "14")
    assert decode(dataset, "train")[0] == first
    assert dataset.train.labels[0] == 0


def test_files_may_lie_in_the_data_folder_itself(official, cache_dir):
    """--data-dir may name the folder of the files or the one above."""
    inside = prepare(ML1M(), data_dir=official, cache_dir=cache_dir)
    assert inside.hash == prepare(ML1M(), data_dir=official.parent, cache_dir=cache_dir).hash


def test_genres_can_be_a_multi_valued_field(official, cache_dir):
    """As many columns as the longest list; the values are single genres."""
    source = ML1M(MovieLensConfig(genres="multi"))
    dataset = prepare(source, data_dir=official.parent, cache_dir=cache_dir)
    combined = prepare(ML1M(), data_dir=official.parent, cache_dir=cache_dir)
    assert dataset.fields[7].columns == 2
    assert dataset.fields[7].cardinality == 5 + 1  # Animation, Comedy, Drama, Action, War
    assert decode(dataset, "train") == decode(combined, "train")


def test_ml1m_history_is_ml1m_with_what_each_user_rated_before(official, cache_dir):
    """The fields, labels and splits of ``ml1m``; the last train ratings of an earlier second."""
    source = ML1MHistory(MovieLensHistoryConfig(history=6))
    dataset = prepare(source, data_dir=official.parent, cache_dir=cache_dir)
    plain = prepare(ML1M(), data_dir=official.parent, cache_dir=cache_dir)
    assert dataset.fields == plain.fields
    (history,) = dataset.histories
    assert history == Field("history", dataset.fields[5].cardinality, 6, shares="movie")
    splits = plain_user_time_split(list(plain_rows(RATINGS, USERS, MOVIES)))
    check_rows(dataset, splits)
    names = pl.read_parquet(dataset.folder / "vocabulary" / "5.parquet")["value"].to_list()
    for split, rows in zip(SPLITS, splits, strict=True):
        assert (getattr(dataset, split).labels == getattr(plain, split).labels).all()
        for row, ids in zip(rows, getattr(dataset, split).ids[:, 10:], strict=True):
            before = [r for r in splits[0] if r[0] == row[0] and r[-1] < row[-1]]
            expected = [r[5] for r in sorted(before, key=lambda r: r[-1])][-6:]
            assert [names[i] for i in ids if i != PADDING_ID] == expected


def test_a_history_is_made_under_every_split_rule(official, cache_dir):
    """Also where the rule itself asks for neither user nor time."""
    for rule in ("random", "time"):
        source = ML1MHistory(MovieLensHistoryConfig(split=rule, split_seed=1))
        dataset = prepare(source, data_dir=official.parent, cache_dir=cache_dir)
        assert (dataset.train.ids[:, 10:] >= 0).any() and dataset.histories[0].columns > 6


@pytest.mark.parametrize("length", [0, 1.5])
def test_movielens_histories_have_a_length(length):
    """At least one movie."""
    with pytest.raises(ConfigError, match="history = .*an int of at least 1"):
        MovieLensHistoryConfig(history=length)


@pytest.mark.parametrize("genres", ["combined", "multi"])
def test_ml1m_static_is_the_same_from_either_source(official, tmp_path, cache_dir, genres):
    """Official files and a shuffled joined parquet file give one processed hash."""
    folder = tmp_path / "parquet" / "ml-1m"
    folder.mkdir(parents=True)
    rows = list(plain_rows(RATINGS, USERS, MOVIES))
    write_joined(folder / JOINED["joined"], rows[::-1])
    source = ML1MStatic(ML1MStaticConfig(split_seed=1, genres=genres))
    one = prepare(source, data_dir=official.parent, cache_dir=cache_dir)
    two = prepare(source, data_dir=folder.parent, cache_dir=cache_dir)
    assert [field.name for field in one.fields] == [*NAMES]
    assert one.manifest["files"] != two.manifest["files"]
    assert one.hash == two.hash


def break_file(path, change):
    """Rewrite a file's bytes."""
    path.write_bytes(change(path.read_bytes()))


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("ratings.dat", lambda b: b[:-9], r"ratings.dat:60: the last line has no line end.*fetch"),
        ("ratings.dat", lambda b: b"", r"ratings.dat:1: the last line has no line end"),
        (
            "ratings.dat",
            lambda b: b.replace(b"10::2::", b"10::", 1),
            r"ratings.dat:6: expected 4 columns separated by '::', got 3",
        ),
        (
            "users.dat",
            lambda b: b.replace(b"70072", b"70072::x"),
            r"users.dat:2: expected 5 columns separated by '::', got 6: '2::M::56::16::70072::x'",
        ),
        (
            "ratings.dat",
            lambda b: b.replace(b"1::1::1::", b"1::1::four::", 1),
            r"ratings.dat:1: 'rating' must be a number \(Int64\), got 'four'",
        ),
        (
            "users.dat",
            lambda b: b.replace(b"70072", b"\xe9"),
            r"users.dat:2: byte 0xe9 is not utf-8",
        ),
        (
            "users.dat",
            lambda b: b.replace(b"10::M", b"11::M"),
            r"ratings.dat:3: user '10' is not in users.dat; the files do not belong together",
        ),
        (
            "movies.dat",
            lambda b: b + b"2::Again (1999)::Drama\n",
            r"movies.dat:21: movie '2' is listed twice",
        ),
    ],
)
def test_damage_is_named_by_file_and_line(official, cache_dir, name, change, message):
    """Each kind of damage gives the place, what stands there and what to do."""
    break_file(official / name, change)
    with pytest.raises(DataError, match=message):
        prepare(ML1M(), data_dir=official.parent, cache_dir=cache_dir)
    assert not list((cache_dir / "processed").glob(".ml1m*"))


def test_windows_line_ends_change_nothing(official, cache_dir):
    """A file that passed through Windows gives the same data."""
    before = prepare(ML1M(), data_dir=official.parent, cache_dir=cache_dir)
    for name in ("users.dat", "movies.dat", "ratings.dat"):
        break_file(official / name, lambda raw: raw.replace(b"\n", b"\r\n"))
    after = prepare(ML1M(), data_dir=official.parent, cache_dir=cache_dir)
    assert (before.hash, before.folder == after.folder) == (after.hash, False)


@pytest.mark.parametrize("source", [ML1M, ML1MStatic, ML100K])
def test_missing_files_are_listed(tmp_path, cache_dir, source):
    """The message says which files lack, where, and where they come from."""
    with pytest.raises(DataError, match=r"lacks .*ratings.dat|u.data.*unpack https://.*zip"):
        prepare(source(), data_dir=tmp_path, cache_dir=cache_dir)


def test_a_parquet_file_without_a_column_is_an_error(tmp_path, cache_dir):
    """The message names the column and those that are there."""
    pl.DataFrame({"user_id": ["1"], "rating": [4]}).write_parquet(tmp_path / JOINED["joined"])
    with pytest.raises(DataError, match="lacks the columns gender, .*genres; it has user, rating"):
        prepare(ML1MStatic(), data_dir=tmp_path, cache_dir=cache_dir)


def test_a_damaged_parquet_file_is_an_error(tmp_path, cache_dir):
    """What is no parquet file is named."""
    (tmp_path / JOINED["joined"]).write_bytes(b"PAR1 and then nothing")
    with pytest.raises(DataError, match="cannot read .*parquet.*fetch it again"):
        prepare(ML1MStatic(), data_dir=tmp_path, cache_dir=cache_dir)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"split": "given"}, "unknown split 'given' for MovieLens"),
        ({"genres": "single"}, "'combined' or 'multi', got 'single'"),
        ({"min_count": 0}, "whole number from 1 on, got 0"),
        ({"split_seed": -1}, "whole number from 0 on, or none, got -1"),
    ],
)
def test_a_wrong_setting_is_named(settings, message):
    """The message shows the value and what is expected."""
    with pytest.raises(ConfigError, match=message):
        MovieLensConfig(**settings)


@pytest.fixture
def archives(served, monkeypatch):
    """The folder that a local server offers in GroupLens's place."""
    monkeypatch.setattr(ml1m, "URL", f"{served.url}/ml-1m.zip")
    return served.folder


def zip_official(official, archive, monkeypatch):
    """Pack the tiny files as GroupLens does and expect their checksum."""
    with zipfile.ZipFile(archive, "w") as opened:
        for path in official.iterdir():
            opened.write(path, f"ml-1m/{path.name}")
    digest = hashlib.md5(archive.read_bytes(), usedforsecurity=False)
    monkeypatch.setattr(ml1m, "MD5", digest.hexdigest())


def test_files_are_downloaded_on_first_use(official, archives, monkeypatch, cache_dir):
    """Without a data folder the archive is fetched, unpacked, and not fetched again."""
    zip_official(official, archives / "ml-1m.zip", monkeypatch)
    downloaded = prepare(ML1M(), cache_dir=cache_dir)
    assert downloaded.hash == prepare(ML1M(), data_dir=official, cache_dir=cache_dir).hash
    (archives / "ml-1m.zip").unlink()
    assert prepare(ML1M(), cache_dir=cache_dir).hash == downloaded.hash


def test_without_a_connection_the_error_says_what_to_put_where(archives, tmp_path):
    """It names the address, the files, the folder and --data-dir."""
    expected = r"cannot download http.*ml-1m.zip.*users.dat, movies.dat, ratings.dat.*--data-dir"
    with pytest.raises(DataError, match=expected + f".*{tmp_path / 'cache' / 'raw'}"):
        ML1M().files(None, tmp_path / "cache")


def test_a_damaged_download_is_not_used(official, archives, monkeypatch, tmp_path):
    """A wrong checksum is an error and leaves no file behind."""
    zip_official(official, archives / "ml-1m.zip", monkeypatch)
    monkeypatch.setattr(ml1m, "MD5", "0" * 32)
    with pytest.raises(DataError, match="cannot download .*hash"):
        ML1M().files(None, tmp_path / "cache")
    assert not list((tmp_path / "cache").rglob("*.dat"))


@real_data
def test_every_row_of_ml100k_agrees_with_plain_dictionaries(cache_dir):
    """100,000 decoded rows, their labels, splits and counts, by a second reading of the files."""
    folder = DATA / "ml-100k"

    def lines(name, separator):
        text = (folder / name).read_bytes().decode("latin-1")
        return [line.split(separator) for line in text.split("\n") if line]

    genres = [name for name, _ in lines("u.genre", "|")]
    groups = [(56, "56"), (50, "50"), (45, "45"), (35, "35"), (25, "25"), (18, "18"), (0, "1")]
    users = [
        (user, sex, next(g for least, g in groups if int(age) >= least), occupation, zip_code)
        for user, age, sex, occupation, zip_code in lines("u.user", "|")
    ]
    movies = [
        (m[0], m[1], "|".join(g for g, flag in zip(genres, m[5:], strict=True) if flag == "1"))
        for m in lines("u.item", "|")
    ]
    rows = list(plain_rows(lines("u.data", "\t"), users, movies))
    assert len(rows) == 100_000
    dataset = prepare(ML100K(), data_dir=DATA, cache_dir=cache_dir)
    splits = plain_user_time_split(rows)
    check_rows(dataset, splits)
    newest = {}
    for part in splits:
        for row in part:
            assert newest.get(row[0], 0) <= row[-1]
        for row in part:
            newest[row[0]] = max(newest.get(row[0], 0), row[-1])


@real_data
def test_histories_of_ml100k_are_of_train_alone(cache_dir):
    """Of each user no movie of validation and test is in a history; test knows what train does."""
    dataset = prepare(ML100KHistory(), data_dir=DATA, cache_dir=cache_dir)
    plain = prepare(ML100K(), data_dir=DATA, cache_dir=cache_dir)
    assert dataset.fields == plain.fields and dataset.histories[0].columns == 50
    rated, known = defaultdict(set), []
    for user, movie in dataset.train.ids[:, [0, 5]].tolist():
        rated[user].add(movie)
    unseen = dataset.fields[5].cardinality - 1
    for split in SPLITS:
        ids = getattr(dataset, split).ids
        for row in ids[:: max(1, len(ids) // 2000)].tolist():
            history = {movie for movie in row[10:] if movie != PADDING_ID}
            assert history <= rated[row[0]] and unseen not in history
            assert row[5] not in history  # Nobody rates a movie twice.
            if split == "test":
                known.append(len(history) == min(50, len(rated[row[0]])))
    assert np.mean(known) > 0.95  # Some rate the last of train and the first of test in a second.


@real_data
def test_ml1m_reads_the_real_sample(cache_dir):
    """100,000 real ratings: ten fields, and every row agrees with plain dictionaries."""
    folder = DATA / "samples" / "ml-1m"

    def lines(name):
        text = (folder / name).read_bytes().decode("latin-1")
        return [line.split("::") for line in text.split("\n") if line]

    rows = list(plain_rows(lines("ratings.dat"), lines("users.dat"), lines("movies.dat")))
    assert len(rows) == 100_000
    dataset = prepare(ML1M(), data_dir=DATA / "samples", cache_dir=cache_dir)
    check_rows(dataset, plain_user_time_split(rows))


@real_data
def test_ml1m_static_of_the_real_sample_is_the_same_from_either_source(tmp_path, cache_dir):
    """The sample's official files and a parquet file made of them give one processed hash."""
    folder = DATA / "samples" / "ml-1m"

    def lines(name):
        text = (folder / name).read_bytes().decode("latin-1")
        return [line.split("::") for line in text.split("\n") if line]

    rows = plain_rows(lines("ratings.dat"), lines("users.dat"), lines("movies.dat"))
    write_joined(tmp_path / JOINED["joined"], list(rows))
    official = prepare(ML1MStatic(), data_dir=DATA / "samples", cache_dir=cache_dir)
    assert official.hash == prepare(ML1MStatic(), data_dir=tmp_path, cache_dir=cache_dir).hash


@real_data
def test_ml1m_static_reads_the_whole_of_ml1m(cache_dir):
    """All 1,000,209 ratings; 13,597 values less those that only validation or test have."""
    dataset = prepare(ML1MStatic(), data_dir=DATA, cache_dir=cache_dir)
    assert sum(len(getattr(dataset, split)) for split in SPLITS) == 1_000_209
    assert sum(field.counts[:-1].size for field in dataset.fields) <= 13_597
    assert [field.cardinality for field in dataset.fields][:5] == [6041, 3, 8, 22, 3440]
