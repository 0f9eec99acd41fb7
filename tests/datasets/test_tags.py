"""The data sets of tags: official files read exactly, negatives that are none, damage named."""

import hashlib
import os
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from aesbench.datasets.base import SPLITS
from aesbench.datasets.sources import lastfm_tags, ml10m_tags
from aesbench.datasets.sources.lastfm_tags import LastfmTags
from aesbench.datasets.sources.ml10m_tags import ML10MTags
from aesbench.datasets.sources.tag_assignments import TagsConfig, with_negatives
from aesbench.datasets.store import prepare
from aesbench.errors import ConfigError, DataError

DATA = Path(os.environ.get("AESBENCH_DATA", ""))
DOCS = Path(__file__).parents[2] / "docs"
REAL = {
    ML10MTags: (DATA / "ml-10m" / "tags.dat", 95_580),
    LastfmTags: (DATA / "hetrec2011-lastfm-2k" / "user_taggedartists.dat", 186_478),
}
MODULES = {ML10MTags: ml10m_tags, LastfmTags: lastfm_tags}


def real(source):
    """A parameter of a test that needs the real file of a source."""
    path = REAL[source][0]
    wanted = path.relative_to(DATA) if DATA in path.parents else path
    reason = f"set AESBENCH_DATA to a folder that holds {wanted}"
    return pytest.param(source, marks=pytest.mark.skipif(not path.is_file(), reason=reason))


TAGS = [*(f"Tag {n}" for n in range(28)), "It's!", " Café"]
GIVEN = [
    # Six users, four movies, each five tags of thirty.
    (str(1 + user), str(10 + movie), TAGS[(7 * user + 3 * movie + number) % 30])
    for user in range(6)
    for movie in range(4)
    for number in range(5)
]


def write(source, folder):
    """Write the miniature in a source's official form; return the path."""
    folder.mkdir(parents=True, exist_ok=True)
    if source is ML10MTags:
        path = folder / "tags.dat"
        text = "".join(f"{u}::{m}::{t}::1188263{n:03}\n" for n, (u, m, t) in enumerate(GIVEN))
    else:
        path = folder / "user_taggedartists.dat"
        text = "userID\tartistID\ttagID\tday\tmonth\tyear\r\n" + "".join(
            f"{u}\t{m}\t{1 + TAGS.index(t)}\t1\t4\t2009\r\n" for u, m, t in GIVEN
        )
    path.write_bytes(text.encode())
    return path


def positives(source):
    """Return the miniature's positives as a source has them."""
    if source is ML10MTags:
        return [(u, m, t.lower()) for u, m, t in GIVEN]
    return [(u, m, str(1 + TAGS.index(t))) for u, m, t in GIVEN]


both = pytest.mark.parametrize("source", [ML10MTags, LastfmTags])


@pytest.fixture
def official(tmp_path):
    """Both miniatures in folders as the real data lie."""
    write(ML10MTags, tmp_path / "data" / "ml-10m")
    write(LastfmTags, tmp_path / "data" / "hetrec2011-lastfm-2k")
    return tmp_path / "data"


def labelled(dataset, decoded):
    """Return the rows of all parts as tuples, by label."""
    rows = {0: [], 1: []}
    for part in SPLITS:
        for row, label in zip(
            decoded(dataset, part).rows(), getattr(dataset, part).labels, strict=True
        ):
            rows[int(label)].append(row)
    return rows


@both
def test_positives_are_the_file_and_negatives_are_none(official, cache_dir, decoded, source):
    """Two others for each, of the same user and item, no row twice, each positive once."""
    dataset = prepare(source(), data_dir=official, cache_dir=cache_dir)
    assert [field.name for field in dataset.fields] == ["user", source.item, "tag"]
    rows = labelled(dataset, decoded)
    known = Counter(positives(source))
    assert len(rows[1]) == 120 and len(rows[0]) == 240
    seen = [row for label in rows for row in rows[label] if None not in row]
    assert len(set(seen)) == len(seen) > 300
    assert set(map(tuple, rows[1])) - {row for row in rows[1] if None in row} <= set(known)
    assert not set(rows[0]) & set(known)


def test_each_positive_is_followed_by_two_negatives_of_its_user_and_item():
    """Before the split, in the order of the file."""
    given = pl.DataFrame(GIVEN, schema=["user", "item", "tag"], orient="row")
    rows = with_negatives(given, 0, Path("tags.dat"))
    assert rows["__label__"].to_list() == [1, 0, 0] * 120
    assert rows.filter(pl.col("__label__") == 1).drop("__label__").equals(given)
    pairs = rows.select("user", "item").rows()
    assert pairs[::3] == pairs[1::3] == pairs[2::3]
    assert rows.select("user", "item", "tag").is_unique().all()
    assert set(rows["tag"]) == set(TAGS)


def test_a_positive_listed_again_counts_once():
    """As it would if a user gave a movie a tag in two spellings."""
    given = pl.DataFrame(GIVEN, schema=["user", "item", "tag"], orient="row")
    twice = pl.concat([given, given.head(7)])
    assert with_negatives(twice, 3, Path("x")).equals(with_negatives(given, 3, Path("x")))


def test_the_draw_is_even_over_distinct_tags():
    """However often a tag is used: one that has 99 % of the positives is drawn like another."""
    given = pl.DataFrame(
        {
            "user": [str(n) for n in range(30_000)],
            "item": "1",
            "tag": ["common" if n >= 99 else f"rare {n}" for n in range(30_000)],
        }
    )
    rows = with_negatives(given, 0, Path("x"))
    drawn = rows.filter((pl.col("__label__") == 0) & (pl.col("tag") != "common"))
    counts = drawn["tag"].value_counts()["count"].to_numpy().astype(int)
    assert len(counts) == 99
    # Two draws of 99 others: 606 each; five standard deviations are 121.
    assert np.all(np.abs(counts - 606) < 125)


def test_a_user_with_nearly_all_tags_is_an_error():
    """There must be as many others; the message names the user, the item and the counts."""
    given = pl.DataFrame({"user": "u", "item": "i", "tag": [str(n) for n in range(9)]})
    with pytest.raises(DataError, match=r"x: user 'u' gave item 'i' 9 of 9 tags, .*too few"):
        with_negatives(given, 0, Path("x"))
    other = pl.concat([given.head(3), given.with_columns(user=pl.Series(map(str, range(9))))])
    assert with_negatives(other, 0, Path("x")).is_unique().all()


@both
def test_seeds_draw_negatives_and_split_apart(official, cache_dir, decoded, source):
    """Another split seed deals the same rows; another negatives seed draws other tags."""
    first, split, drawn = (
        prepare(source(TagsConfig(**changes)), data_dir=official, cache_dir=cache_dir)
        for changes in ({}, {"split_seed": 1}, {"negatives_seed": 1})
    )
    assert len({first.hash, split.hash, drawn.hash}) == 3
    (path,) = source().files(official, cache_dir).values()
    for data, seed in ((first, 0), (split, 0), (drawn, 1)):
        made = with_negatives(source().read(path), seed, path)
        known = {label: set(made.filter(pl.col("__label__") == label).rows()) for label in (0, 1)}
        for label, rows in labelled(data, decoded).items():
            assert {(*row, label) for row in rows if None not in row} <= known[label]


@both
def test_the_folder_may_be_the_archives_or_the_one_that_is_named(tmp_path, cache_dir, source):
    """The archive's own folder, and the folder itself, are found like the data's."""
    name = {ML10MTags: "ml-10M100K", LastfmTags: "hetrec2011-lastfm-2k"}[source]
    write(source, tmp_path / name)
    above = prepare(source(), data_dir=tmp_path, cache_dir=cache_dir)
    assert prepare(source(), data_dir=tmp_path / name, cache_dir=cache_dir).hash == above.hash


@both
def test_missing_files_are_listed(tmp_path, cache_dir, source):
    """The message says what lacks and where it comes from."""
    with pytest.raises(DataError, match=r"lacks .*tag.*\.dat; unpack https://files.grouplens"):
        prepare(source(), data_dir=tmp_path, cache_dir=cache_dir)


@both
def test_files_are_downloaded_and_checked(served, monkeypatch, tmp_path, source):
    """From the archive as it is packed; another archive than the known one is not used."""
    module = MODULES[source]
    inside = {ML10MTags: "ml-10M100K/", LastfmTags: ""}[source]
    path = write(source, tmp_path / "own")
    archive = served.folder / "archive.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        opened.write(path, inside + path.name)
    monkeypatch.setattr(module, "URL", f"{served.url}/archive.zip")
    with pytest.raises(DataError, match=r"cannot download .*hash.*--data-dir"):
        source().files(None, tmp_path / "one")
    name = {ML10MTags: "MD5", LastfmTags: "SHA256"}[source]
    monkeypatch.setattr(module, name, hashlib.new(name, archive.read_bytes()).hexdigest())
    downloaded = prepare(source(), cache_dir=tmp_path / "two")
    given = prepare(source(), data_dir=tmp_path / "own", cache_dir=tmp_path / "two")
    assert downloaded.folder == given.folder


@pytest.mark.parametrize(
    ("source", "change", "message"),
    [
        (ML10MTags, lambda b: b[:-1], r"tags.dat:120: the last line has no line end"),
        (
            ML10MTags,
            lambda b: b.replace(b"::", b":", 1),
            r"tags.dat:1: expected 4 columns .* got 3",
        ),
        (
            ML10MTags,
            lambda b: b.replace(b"\n1::11", b"\nx::11", 1),
            r"tags.dat:6: 'user' must be a num",
        ),
        (ML10MTags, lambda b: b.replace(b"\xc3\xa9", b"\xe9"), r"tags.dat:\d+: byte 0xe9 is not"),
        (LastfmTags, lambda b: b.split(b"\n", 1)[1], r"artists.dat:1: expected the header 'userID"),
        (
            LastfmTags,
            lambda b: b.replace(b"\n1\t11", b"\n1\tx", 1),
            r".dat:7: 'artistID' must be a",
        ),
        (
            LastfmTags,
            lambda b: b[: b.index(b"\n") + 1],
            r".dat: there are no rows after the header",
        ),
        (LastfmTags, lambda b: b"", r"artists.dat:1: the last line has no line end"),
    ],
)
def test_damage_is_named_by_file_and_line(official, cache_dir, source, change, message):
    """Each kind of damage gives the place and what to do; nothing stays behind."""
    (path,) = source().files(official, cache_dir).values()
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(DataError, match=message):
        prepare(source(), data_dir=official, cache_dir=cache_dir)
    assert not list((cache_dir / "processed").glob(f".{source.name}*"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"negatives_seed": -1}, "negatives_seed = -1: expected an int of at least 0"),
        ({"negatives_seed": True}, "negatives_seed = True: expected an int of at least 0"),
        ({"split_seed": -1}, "whole number from 0 on, or none, got -1"),
        ({"min_count": 0}, "a whole number from 1 on, got 0"),
    ],
)
def test_a_wrong_setting_is_named(settings, message):
    """The message shows the value and what is expected."""
    with pytest.raises(ConfigError, match=message):
        TagsConfig(**settings)


@pytest.mark.parametrize("source", [real(ML10MTags), real(LastfmTags)])
def test_the_page_shows_the_real_rows(cache_dir, decoded, source):
    """Counts and hash as the page has them; no negative is a positive, no row stands twice."""
    path, known = REAL[source]
    dataset = prepare(source(), data_dir=DATA, cache_dir=cache_dir)
    rows = source().read(path)
    assert rows.height == known and rows.is_unique().all()
    facts = [dataset.manifest["splits"][part] for part in SPLITS]
    assert sum(part["rows"] for part in facts) == 3 * known
    assert sum(part["positives"] for part in facts) == known
    page = (DOCS / f"{source.name}.md").read_text()
    (line,) = (x for x in page.splitlines() if dataset.hash[:16] in x)
    for part in facts:
        assert f" {part['rows']:,} ({100 * part['positives'] / part['rows']:.2f} %)" in line
    for name, field in zip(rows.columns, dataset.fields, strict=True):
        (line,) = (x for x in page.splitlines() if x.startswith(f"| `{field.name}` "))
        assert line.endswith(f"| {rows[name].n_unique():,} | {field.cardinality:,} |")
    train = decoded(dataset, "train").with_columns(label=pl.Series(dataset.train.labels))
    assert train.drop("label").is_unique().all()
    keys = dict(zip(train.columns[:3], rows.columns, strict=True))
    found = train.rename(keys).join(rows, on=rows.columns, how="semi")
    assert (found["label"] == 1).all() and len(found) == facts[0]["positives"]
