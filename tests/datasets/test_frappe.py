"""`frappe-redrawn`: a miniature of its format, and the real files where AESBENCH_DATA has them."""

import hashlib
import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from aesbench.datasets.base import SPLITS
from aesbench.datasets.custom.source import CustomSource
from aesbench.datasets.sources import frappe_redrawn as source
from aesbench.datasets.sources.bars_splits import FILES, FrappeX1
from aesbench.datasets.sources.frappe_redrawn import (
    FOLDERS,
    HASHES,
    FrappeRedrawn,
    FrappeRedrawnConfig,
)
from aesbench.datasets.store import prepare
from aesbench.errors import ConfigError, DataError

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "frappe-redrawn.toml"
PAGE = ROOT / "docs" / "frappe.md"
DATA = Path(os.environ.get("AESBENCH_DATA", ""))


def real_files(folder):
    """Whether AESBENCH_DATA is set and this folder of it has the three files."""
    names = FILES.values()
    return "AESBENCH_DATA" in os.environ and all((DATA / folder / n).is_file() for n in names)


real_redrawn = pytest.mark.skipif(
    not any(map(real_files, FOLDERS)),
    reason="set AESBENCH_DATA to a folder that holds frappe-redrawn/ or frappe/",
)
real_official = pytest.mark.skipif(
    not real_files(FrappeX1.folder), reason="set AESBENCH_DATA to a folder that holds Frappe_x1/"
)

FIELDS = (
    *("user", "item", "daytime", "weekday", "isweekend", "homework", "cost", "weather"),
    *("country", "city"),
)
ROWS = {"train": 202_027, "validation": 57_722, "test": 28_860}
POSITIVES = {"train": 67_604, "validation": 19_063, "test": 9_536}
"""As the leaderboard's logs print them."""


def small_rows(split):
    """Return 40 rows of a split, five positives: values of every field, each with both labels."""
    start = 1000 * SPLITS.index(split)
    return [
        (int(n % 8 == 0), n % 5, n % 9, n % 7, n % 6, n % 2, n % 3, n // 8 % 2, n % 4, n % 3, n % 4)
        for n in range(start, start + 40)
    ]


@pytest.fixture
def miniature(tmp_path, monkeypatch):
    """The folder of data with a miniature of the files, whose sums are taken for the real ones."""
    folder = tmp_path / "data" / "frappe"
    folder.mkdir(parents=True)
    header = ",".join(("label", *FIELDS))
    for split, name in FILES.items():
        lines = [header, *(",".join(map(str, row)) for row in small_rows(split))]
        (folder / name).write_text("".join(line + "\n" for line in lines))
    sums = {
        split: hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for split, name in FILES.items()
    }
    monkeypatch.setattr(source, "HASHES", sums)
    return folder.parent


@pytest.fixture(scope="module")
def real(cache_dir):
    """The real data set, prepared."""
    return prepare(FrappeRedrawn(), data_dir=DATA, cache_dir=cache_dir)


@pytest.fixture(scope="module")
def table():
    """The real rows as numbers, with the name of their split."""
    folder = next(DATA / name for name in FOLDERS if real_files(name))
    parts = [
        pl.read_csv(folder / name).with_columns(split=pl.lit(split))
        for split, name in FILES.items()
    ]
    return pl.concat(parts)


def test_the_rows_of_three_files_are_the_three_splits(miniature, cache_dir, decoded):
    """Labels and values in the order of the files; every value of train has an id."""
    dataset = prepare(FrappeRedrawn(), data_dir=miniature, cache_dir=cache_dir)
    assert tuple(field.name for field in dataset.fields) == FIELDS
    for split in SPLITS:
        rows = small_rows(split)
        assert getattr(dataset, split).labels.tolist() == [row[0] for row in rows]
        expected = [tuple(map(str, row[1:])) for row in rows]
        assert decoded(dataset, split).rows() == expected


def test_rare_values_may_share_an_id(miniature, cache_dir):
    """Of 40 rows each of nine items has four or five: with five at least four items are left."""
    plain = prepare(FrappeRedrawn(), data_dir=miniature, cache_dir=cache_dir)
    fewer = prepare(
        FrappeRedrawn(FrappeRedrawnConfig(min_count=5)), data_dir=miniature, cache_dir=cache_dir
    )
    sizes = [{f.name: f.cardinality for f in one.fields}["item"] for one in (plain, fewer)]
    assert sizes == [10, 5]
    with pytest.raises(ConfigError, match="min_count is how often"):
        FrappeRedrawnConfig(min_count=0)


def test_the_example_describes_the_same_data(miniature, cache_dir):
    """In TOML, as one's own files: every id and label is the same, and so is the hash."""
    built_in = prepare(FrappeRedrawn(), data_dir=miniature, cache_dir=cache_dir)
    own = prepare(CustomSource.from_toml(EXAMPLE), data_dir=miniature, cache_dir=cache_dir)
    assert_same(own, built_in)


def assert_same(one, two):
    """Hold two prepared data sets against each other."""
    assert one.folder != two.folder and one.name == two.name and one.hash == two.hash
    for split in SPLITS:
        assert np.array_equal(getattr(one, split).ids, getattr(two, split).ids)
        assert np.array_equal(getattr(one, split).labels, getattr(two, split).labels)


def test_a_folder_of_its_own_name_comes_first(miniature, tmp_path):
    """`frappe-redrawn/` where both are there; a folder that lacks a file does not count."""
    own = miniature / "frappe-redrawn"
    own.mkdir()
    for name in ("train.csv", "valid.csv"):
        (own / name).write_bytes((miniature / "frappe" / name).read_bytes())
    found = FrappeRedrawn().files(miniature, tmp_path)
    assert {path.parent.name for path in found.values()} == {"frappe"}
    (own / "test.csv").write_bytes((miniature / "frappe" / "test.csv").read_bytes())
    found = FrappeRedrawn().files(miniature, tmp_path)
    assert {path.parent.name for path in found.values()} == {"frappe-redrawn"}


@pytest.mark.parametrize("data_dir", [True, False])
def test_without_files_it_says_what_it_is_and_where_the_official_one_lies(tmp_path, data_dir):
    """Nothing can be downloaded; the message names the data set to take instead."""
    folder = tmp_path if data_dir else None
    with pytest.raises(DataError) as caught:
        prepare(FrappeRedrawn(), data_dir=folder, cache_dir=tmp_path)
    place = tmp_path if data_dir else tmp_path / "raw"
    assert str(caught.value) == (
        f"{place} lacks train.csv, valid.csv, test.csv in frappe-redrawn or frappe; frappe-redrawn"
        " is Frappe_x1 with other train negatives, a stand-in that is published nowhere; for the"
        " official rows fetch https://huggingface.co/datasets/reczoo/Frappe_x1 and use the data set"
        " frappe_x1, or name the folder that holds frappe-redrawn/ with --data-dir"
    )


@pytest.mark.parametrize("split", SPLITS)
def test_other_files_are_refused(miniature, tmp_path, split):
    """One label is enough; the message names the file, both sums and what to do."""
    path = miniature / "frappe" / FILES[split]
    path.write_text(path.read_text().replace("\n0,", "\n1,", 1))
    with pytest.raises(DataError, match=f"{path} is not the {split} file of frappe-redrawn: its"):
        prepare(FrappeRedrawn(), data_dir=miniature, cache_dir=tmp_path)
    assert not list(tmp_path.glob("processed/*/manifest.json"))


def test_the_published_files_are_not_taken_for_the_redrawn_ones(miniature, tmp_path, monkeypatch):
    """The leaderboard's own rows, put under the stand-in's name, are refused by it."""
    monkeypatch.setattr(source, "HASHES", HASHES)
    with pytest.raises(DataError, match=r"use the data set frappe_x1, or describe your own files"):
        prepare(FrappeRedrawn(), data_dir=miniature, cache_dir=tmp_path)


@real_redrawn
def test_the_real_rows_are_counted_as_the_leaderboard_counts(real):
    """Rows and positives of its logs, and 5,389 ids with one per field for the unseen."""
    for split in SPLITS:
        facts = real.manifest["splits"][split]
        assert facts == {"rows": ROWS[split], "positives": POSITIVES[split]}
    assert tuple(ROWS.values()) == tuple(part.rows for part in FrappeX1.parts)
    assert sum(field.cardinality for field in real.fields) == 5_389


@real_redrawn
def test_the_example_gives_the_real_rows(real, cache_dir):
    """Described as one's own data, down to the hash."""
    assert_same(prepare(CustomSource.from_toml(EXAMPLE), data_dir=DATA, cache_dir=cache_dir), real)


@real_redrawn
def test_negatives_are_what_the_page_says(table):
    """Twice as many as positives in every context, over all parts; no app that the user used."""
    context = [name for name in FIELDS if name != "item"]
    counted = table.group_by(context).agg(
        used=pl.col("label").sum().cast(pl.Int64), rows=pl.len().cast(pl.Int64)
    )
    assert (counted["rows"] == 3 * counted["used"]).all()
    pair = ["user", "item"]
    used = table.filter(pl.col("label") == 1).select(pair)
    assert table.filter(pl.col("label") == 0).join(used, on=pair, how="semi").is_empty()


@real_redrawn
def test_the_page_shows_what_is_prepared(real, table):
    """Hash, sums, rows, positives, and the values and cardinality of each field."""
    page = PAGE.read_text()
    assert real.hash[:16] in page
    assert all(value in page for value in HASHES.values())
    for split in SPLITS:
        assert f" {ROWS[split]:,} ({100 * POSITIVES[split] / ROWS[split]:.2f} %)" in page
    for field in real.fields:
        (line,) = (x for x in page.splitlines() if x.startswith(f"| `{field.name}` "))
        values = table[field.name].n_unique()
        assert line.endswith(f" | {values:,} | {field.cardinality:,} |")


@real_official
def test_the_official_rows_are_read(cache_dir):
    """The files of the leaderboard: rows, positives and ids of its logs."""
    dataset = prepare(FrappeX1(), data_dir=DATA, cache_dir=cache_dir)
    for split in SPLITS:
        facts = dataset.manifest["splits"][split]
        assert facts == {"rows": ROWS[split], "positives": POSITIVES[split]}
    assert sum(field.cardinality for field in dataset.fields) == 5_389
