"""The data set `diabetes130`: the UCI file read exactly, both splits, and damage named."""

import hashlib
import os
import zipfile
from pathlib import Path

import polars as pl
import pytest

from aesbench.datasets.base import SPLITS
from aesbench.datasets.sources import diabetes130 as source
from aesbench.datasets.sources.diabetes130 import (
    COLUMNS,
    FIELDS,
    MEDICINES,
    PATIENT,
    READMITTED,
    Diabetes130,
    Diabetes130Config,
    read,
)
from aesbench.datasets.store import prepare
from aesbench.errors import ConfigError, DataError

DATA = Path(os.environ.get("AESBENCH_DATA", ""))
real_data = pytest.mark.skipif(
    not (DATA / "diabetes130" / "diabetic_data.csv").is_file(),
    reason="set AESBENCH_DATA to a folder that holds diabetes130/diabetic_data.csv",
)
PAGE = Path(__file__).parents[2] / "docs" / "diabetes130.md"


def admission(number):
    """Return an admission of one of 20 patients: {column: value}, medicines apart all varying."""
    row = {name: f"{name[:3]}{number % 3}" for name in COLUMNS}
    row |= dict.fromkeys(MEDICINES, "No")
    row |= {"insulin": ("Up", "Down")[number % 2], "encounter_id": str(1000 + number)}
    row |= {
        PATIENT: str(500 + number % 20),
        READMITTED: ("NO", ">30", "<30", "NO")[(number + number // 20) % 4],
    }
    return row | {"race": ("?", "Asian")[number % 5 > 0]}


@pytest.fixture
def official(tmp_path):
    """Sixty admissions in the official form: a header, Windows line ends."""
    folder = tmp_path / "data" / "diabetes130"
    folder.mkdir(parents=True)
    lines = [",".join(COLUMNS), *(",".join(admission(n).values()) for n in range(60))]
    (folder / "diabetic_data.csv").write_bytes("".join(f"{x}\r\n" for x in lines).encode())
    return folder


def test_there_are_48_fields():
    """All columns but the admission's number and the label."""
    assert len(FIELDS) == len(set(FIELDS)) == 48 and len(COLUMNS) == 50
    assert set(COLUMNS) - set(FIELDS) == {"encounter_id", READMITTED}


def test_rows_and_labels_by_hand(official):
    """A question mark is missing; readmitted is positive unless NO."""
    rows = read(official / "diabetic_data.csv")
    assert rows.height == 60 and tuple(rows.columns[:-1]) == FIELDS
    for number, row in enumerate(rows.iter_rows(named=True)):
        given = admission(number)
        assert row.pop("__label__") == (given[READMITTED] != "NO")
        assert row == {name: None if given[name] == "?" else given[name] for name in FIELDS}


@pytest.mark.parametrize("split", ["random", "patient"])
def test_no_row_is_lost_and_a_missing_value_is_a_value(official, cache_dir, decoded, split):
    """The parts together are the file; missing has an id of its own, medicines may be constant."""
    config = Diabetes130Config(split=split)
    dataset = prepare(Diabetes130(config), data_dir=official.parent, cache_dir=cache_dir)
    assert tuple(field.name for field in dataset.fields) == FIELDS
    rows = pl.concat(decoded(dataset, part) for part in SPLITS)
    assert rows.height == 60
    assert sorted(rows["race"]) == sorted("" if n % 5 == 0 else "Asian" for n in range(60))
    assert dataset.fields[FIELDS.index("examide")].cardinality == 2
    labels = sum(dataset.manifest["splits"][part]["positives"] for part in SPLITS)
    assert labels == 30


def test_patient_holds_whole_patients_out(official, cache_dir, decoded):
    """16, 2 and 2 of 20 patients, three admissions each, none known in two parts."""
    source_ = Diabetes130(Diabetes130Config(split="patient"))
    dataset = prepare(source_, data_dir=official, cache_dir=cache_dir)
    assert [len(getattr(dataset, part)) for part in SPLITS] == [48, 6, 6]
    assert decoded(dataset, "train")[PATIENT].n_unique() == 16
    assert decoded(dataset, "test")[PATIENT].null_count() == 6


def test_the_seed_draws_the_split(official, cache_dir):
    """Equal seeds give equal data, another seed others."""
    hashes = {
        prepare(
            Diabetes130(Diabetes130Config(split=split, split_seed=seed)),
            data_dir=official,
            cache_dir=cache_dir,
        ).hash
        for split in ("random", "patient")
        for seed in (0, 1)
    }
    assert len(hashes) == 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda b: b[:-1], r"diabetic_data.csv:61: the last line has no line end"),
        (
            lambda b: b.replace(b"\r\n1003,", b"\r\n1003,9,"),
            r".csv:5: expected 50 columns .*got 51",
        ),
        (
            lambda b: b.replace(b">30\r\n", b"YES\r\n", 1),
            r".csv:3: 'readmitted' must be one of NO, ",
        ),
        (
            lambda b: b.replace(b"1002,502,", b"1002,?,"),
            r".csv:4: 'patient_nbr' must be a patient's",
        ),
        (
            lambda b: b.replace(b"1002,502,", b"1002,,"),
            r".csv:4: 'patient_nbr' must be a patient's",
        ),
        (lambda b: b.split(b"\n", 1)[1], r".csv:1: expected the header 'encounter_id,patient_nbr,"),
        (lambda b: b.replace(b"ins1", b"\xff\xff", 1), r".csv:\d+: byte 0xff is not utf-8"),
        (lambda b: b"", r".csv:1: the last line has no line end"),
    ],
)
def test_damage_is_named_by_line_and_column(official, cache_dir, change, message):
    """Each kind of damage gives the place and what to do; nothing stays behind."""
    path = official / "diabetic_data.csv"
    path.write_bytes(change(path.read_bytes()))
    if "0xff" in message:
        path.write_bytes(path.read_bytes().replace(b"Asian", b"Asi\xff", 1))
    with pytest.raises(DataError, match=message):
        prepare(Diabetes130(), data_dir=official, cache_dir=cache_dir)
    assert not list((cache_dir / "processed").glob(".diabetes130*"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"split": "patients"}, "split = 'patients': expected random or patient"),
        ({"split_seed": -1}, "whole number from 0 on, or none, got -1"),
        ({"min_count": 0}, "a whole number from 1 on, got 0"),
    ],
)
def test_a_wrong_setting_is_named(settings, message):
    """The message shows the value and what is expected."""
    with pytest.raises(ConfigError, match=message):
        Diabetes130Config(**settings)


def test_missing_files_are_listed(tmp_path, cache_dir):
    """The message says what lacks, where, and where it comes from."""
    with pytest.raises(DataError, match=r"lacks diabetic_data.csv; unpack https://archive.ics"):
        prepare(Diabetes130(), data_dir=tmp_path, cache_dir=cache_dir)


def test_the_file_is_downloaded_and_checked(official, served, monkeypatch, tmp_path):
    """UCI's archive has no folder inside; another archive than the known one is not used."""
    archive = served.folder / "diabetes.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        opened.write(official / "diabetic_data.csv", "diabetic_data.csv")
    monkeypatch.setattr(source, "URL", f"{served.url}/diabetes.zip")
    with pytest.raises(DataError, match=r"cannot download .*hash.*--data-dir"):
        Diabetes130().files(None, tmp_path / "one")
    monkeypatch.setattr(source, "SHA256", hashlib.sha256(archive.read_bytes()).hexdigest())
    downloaded = prepare(Diabetes130(), cache_dir=tmp_path / "two")
    given = prepare(Diabetes130(), data_dir=official, cache_dir=tmp_path / "two")
    assert downloaded.folder == given.folder


@real_data
@pytest.mark.parametrize("split", ["random", "patient"])
def test_the_page_shows_the_real_rows(cache_dir, split, decoded):
    """101,766 admissions; hash, rows and positives of each part as the page has them."""
    config = Diabetes130Config(split=split)
    dataset = prepare(Diabetes130(config), data_dir=DATA, cache_dir=cache_dir)
    facts = [dataset.manifest["splits"][part] for part in SPLITS]
    assert sum(part["rows"] for part in facts) == 101_766
    assert sum(part["positives"] for part in facts) == 46_902
    (line,) = (x for x in PAGE.read_text().splitlines() if dataset.hash[:16] in x)
    assert line.startswith(f"| `{split}`")
    for part in facts:
        share = 100 * part["positives"] / part["rows"]
        assert f" {part['rows']:,} ({share:.2f} %)" in line
    unseen = decoded(dataset, "test")[PATIENT].null_count() / facts[2]["rows"]
    assert unseen == (1 if split == "patient" else pytest.approx(0.588, abs=5e-4))


@real_data
def test_real_values_are_counted():
    """71,518 patients; what data.md and the page say of values in all rows."""
    rows = read(DATA / "diabetes130" / "diabetic_data.csv")
    page = PAGE.read_text()
    for name in FIELDS:
        (line,) = (x for x in page.splitlines() if x.startswith(f"| `{name}` "))
        assert line.split("|")[3].strip() == f"{rows[name].n_unique():,}"
    assert rows[PATIENT].n_unique() == 71_518
    once = rows.group_by(PATIENT).len().filter(pl.col("len") == 1).height
    assert once / 71_518 == pytest.approx(0.77, abs=5e-3)
