"""Prepared data are whole, reused, and never taken for whole when they are not."""

import errno
import json
import os
from dataclasses import dataclass

import numpy as np
import pytest

from aesbench import Field, Source, load_dataset
from aesbench.datasets.splits import SplitRule
from aesbench.datasets.store import (
    FORMAT,
    DatasetWriter,
    cache_folder,
    open_dataset,
    prepare,
    raw_folder,
    verify,
)
from aesbench.errors import DataError


@dataclass(frozen=True)
class ToyConfig:
    """What the toy source can be told."""

    seed: int = 0
    fail: str = ""


@dataclass(frozen=True)
class DrawnConfig:
    """What the source with a drawn split can be told."""

    split_seed: int | None = None


class Toy(Source):
    """Three rows per split of two fields, made on the spot."""

    name = "toy"
    title = "Toy"
    Config = ToyConfig
    built = 0

    def files(self, data_dir, cache):
        return {} if data_dir is None else {"raw": data_dir / "raw.txt"}

    def build(self, files, writer):
        Toy.built += 1
        config = self.config
        for split in ("train", "validation", "test"):
            rows = 0 if config.fail == split else 3
            ids, labels, _ = writer.split(split, rows, 2)
            ids[:] = [[0, 1], [1, 0], [2, 1]]
            ids[0, 1] = config.seed % 2
            labels[:] = [1, 0, 1] if config.fail != "labels" else 1
            if config.fail == "range":
                ids[0, 0] = 3
        if config.fail == "raise":
            raise RuntimeError("a bug in a source")
        if config.fail != "finish":
            counts = np.array([1, 1, 1]), np.array([2, 1])
            fields = [Field("a", 3, 1, counts[0]), Field("b", 2, 1, counts[1])]
            writer.finish(fields, facts={"said": "so"})


def folders(cache):
    """Whatever lies where prepared data lie."""
    return sorted(path.name for path in (cache / "processed").iterdir())


def test_a_data_set_is_built_once_for_the_same_files_and_settings(tmp_path):
    """A second call opens what the first one wrote; another setting is another folder."""
    before = Toy.built
    first = prepare(Toy(), cache_dir=tmp_path)
    again = prepare(Toy(), cache_dir=tmp_path)
    other = prepare(Toy(ToyConfig(seed=1)), cache_dir=tmp_path)
    assert Toy.built - before == 2
    assert first.hash == again.hash != other.hash
    assert first.folder == again.folder != other.folder
    assert [f.counts.tolist() for f in first.fields] == [[1, 1, 1], [2, 1]]
    assert first.train.ids.tolist() == [[0, 0], [1, 0], [2, 1]]
    assert first.manifest["facts"] == {"said": "so"}


class Drawn(Toy):
    """The same, whose split the seed of a run draws unless one is given."""

    name = "drawn"
    Config = DrawnConfig

    def split_rule(self):
        return SplitRule("random", self.config.split_seed)

    def build(self, files, writer):
        toy = Toy(ToyConfig(seed=self.config.split_seed))
        toy.build(files, writer)


def test_draws_of_a_split_are_prepared_when_they_are_asked_for(tmp_path):
    """The data set is draw 0; the others lie in its folder, and an open one finds them there."""
    dataset = prepare(Drawn(), cache_dir=tmp_path)
    before = Toy.built
    assert dataset.of_seed(0).hash == dataset.hash
    assert dataset.of_seed(1).hash != dataset.hash
    assert dataset.of_seed(1).folder == dataset.folder / "draws" / "1"
    again = prepare(Drawn(), cache_dir=tmp_path)
    assert again.of_seed(1).hash == dataset.of_seed(1).hash and Toy.built == before + 1
    opened = open_dataset(dataset.folder)
    assert opened.of_seed(1).hash == dataset.of_seed(1).hash
    assert opened.of_seed(0) is not None and opened.hash == opened.of_seed(0).hash
    with pytest.raises(DataError, match="holds no readable data set"):
        opened.of_seed(2)
    verify(dataset)
    with (dataset.folder / "draws" / "1" / "test.labels.npy").open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\0")
    with pytest.raises(DataError, match=r"draws.1 has changed since it was prepared"):
        verify(dataset)


def test_a_given_split_seed_is_the_same_for_every_run(tmp_path):
    """Equal to the draw of that number, but of one data set of its own."""
    dataset = prepare(Drawn(DrawnConfig(split_seed=1)), cache_dir=tmp_path)
    assert dataset.draw is None and dataset.of_seed(7) is dataset
    drawn = prepare(Drawn(), cache_dir=tmp_path)
    assert drawn.of_seed(1).hash == dataset.hash != drawn.hash


def test_changed_raw_files_are_prepared_anew(tmp_path):
    """The bytes of the raw files count, not their names."""
    (tmp_path / "raw.txt").write_text("one")
    first = prepare(Toy(), data_dir=tmp_path, cache_dir=tmp_path)
    (tmp_path / "raw.txt").write_text("two")
    second = prepare(Toy(), data_dir=tmp_path, cache_dir=tmp_path)
    assert first.folder != second.folder
    assert first.hash == second.hash  # The rows are the same, and so is their hash.


@pytest.mark.parametrize(
    ("fail", "words"),
    [
        ("test", "the test split of 'toy' is empty"),
        ("labels", "all 3 labels of the train split of 'toy' are 1"),
        ("range", "train ids of field 'a' lie in 1..3, expected 0..2"),
        ("finish", "did not call writer.finish"),
    ],
)
def test_a_source_that_breaks_the_rules_leaves_nothing(tmp_path, fail, words):
    """The error says what is wrong, and no folder is left."""
    with pytest.raises(DataError, match=words):
        prepare(Toy(ToyConfig(fail=fail)), cache_dir=tmp_path)
    assert folders(tmp_path) == []


def test_a_bug_in_a_source_leaves_nothing(tmp_path):
    """It passes through with its traceback; no folder is left."""
    with pytest.raises(RuntimeError, match="a bug in a source"):
        prepare(Toy(ToyConfig(fail="raise")), cache_dir=tmp_path)
    assert folders(tmp_path) == []


def test_a_folder_left_by_a_killed_process_is_not_taken_for_data(tmp_path):
    """What was never renamed does not count, and does not stop the next preparation."""
    target = prepare(Toy(), cache_dir=tmp_path).folder
    os.rename(target, target.parent / f".{target.name}-killed")
    (target.parent / f".{target.name}-killed" / "manifest.json").unlink()
    before = Toy.built
    assert prepare(Toy(), cache_dir=tmp_path).folder == target
    assert Toy.built == before + 1


def test_two_processes_that_prepare_at_once_end_with_one_folder(tmp_path, monkeypatch):
    """Whoever comes second takes what the first one finished meanwhile."""
    real = Toy.build

    def overtaken(self, files, writer):
        real(self, files, writer)
        monkeypatch.setattr(Toy, "build", real)
        prepare(Toy(), cache_dir=tmp_path)

    monkeypatch.setattr(Toy, "build", overtaken)
    dataset = prepare(Toy(), cache_dir=tmp_path)
    assert folders(tmp_path) == [dataset.folder.name]


def test_a_full_disk_is_an_error_that_says_what_to_do(tmp_path, monkeypatch):
    """Nothing half-written is kept."""

    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(np.lib.format, "open_memmap", full)
    with pytest.raises(DataError, match="No space left on device; free space or name another"):
        prepare(Toy(), cache_dir=tmp_path)
    assert folders(tmp_path) == []


def test_a_changed_byte_is_found(tmp_path):
    """`verify` compares the arrays with the manifest's hash."""
    dataset = prepare(Toy(), cache_dir=tmp_path)
    verify(dataset)
    labels = np.lib.format.open_memmap(dataset.folder / "test.labels.npy", mode="r+")
    labels[0] ^= 1
    labels.flush()
    with pytest.raises(DataError, match="has changed since it was prepared"):
        verify(dataset)


def test_training_cannot_change_the_files(tmp_path):
    """Arrays are mapped copy-on-write: torch may write to them, the disk never sees it."""
    dataset = prepare(Toy(), cache_dir=tmp_path)
    dataset.train.ids[:] = 0
    assert open_dataset(dataset.folder).train.ids.tolist() == [[0, 0], [1, 0], [2, 1]]


def test_a_folder_that_is_no_data_set_is_named(tmp_path):
    """A torn manifest says to prepare again."""
    folder = prepare(Toy(), cache_dir=tmp_path).folder
    (folder / "manifest.json").write_text(json.dumps({})[:1])
    with pytest.raises(DataError, match="delete it and run aesbench data prepare again"):
        open_dataset(folder)


def write_rows(folder, *, ids=None, labels=(1, 0, 1), counts=(1, 1, 1), names=("a", "tags"), p=0.5):
    """A data set written by hand: a field of 3 values and a multi-valued one of 2."""
    folder.mkdir()
    writer = DatasetWriter(folder, "hand", raw={}, settings={})
    for split in ("train", "validation", "test"):
        own, labels_of, probabilities = writer.split(split, 3, 3, probabilities=True)
        own[:] = [[0, 1, -1], [1, 0, 1], [2, -1, -1]]
        if ids is not None and split == "test":
            own[:] = ids
        labels_of[:], probabilities[:] = labels, p
    fields = [
        Field(names[0], 3, 1, np.array(counts, np.int64)),
        Field(names[1], 2, 2, np.array([1, 2], np.int64)),
    ]
    writer.finish(fields)
    return open_dataset(folder)


@pytest.mark.parametrize(
    "change",
    [
        {"ids": [[0, 1, -1], [1, 0, 1], [2, 0, -1]]},
        {"labels": (0, 1, 1)},
        {"counts": (2, 1, 1)},
        {"names": ("b", "tags")},
        {"p": 0.25},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_hash_changes_with_every_part_of_the_data(tmp_path, change):
    """Ids, labels, counts, fields and true probabilities; equal data have equal hashes."""
    one, same, other = (
        write_rows(tmp_path / name, **settings)
        for name, settings in (("one", {}), ("same", {}), ("other", change))
    )
    assert one.hash == same.hash != other.hash
    assert len(one.hash) == 64
    verify(other)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ids": [[3, 0, 0]] * 3}, "test ids of field 'a' lie in 3..3, expected 0..2"),
        ({"ids": [[-1, 0, 0]] * 3}, "test ids of field 'a' lie in -1..-1, expected 0..2"),
        ({"ids": [[0, 2, 0]] * 3}, "test ids of field 'tags' lie in 0..2, expected -1..1"),
        ({"ids": [[0, 0, -2]] * 3}, "test ids of field 'tags' lie in -2..0, expected -1..1"),
        ({"labels": (0, 0, 0)}, "all 3 labels of the train split of 'hand' are 0"),
        ({"labels": (0, 1, 5)}, "a label of the train split of 'hand' is 5; labels are 0 or 1"),
        ({"labels": (0, 3, 0)}, "is 3; labels are 0 or 1"),  # Their sum is the number of rows.
        ({"counts": (1, 1)}, "field 'a' of 'hand' has 2 counts for a cardinality of 3"),
        ({"counts": ()}, "has 0 counts for a cardinality of 3"),
    ],
    ids=str,
)
def test_data_that_would_train_wrongly_are_refused(tmp_path, change, words):
    """The error names split and field; no manifest is written."""
    with pytest.raises(DataError, match=words):
        write_rows(tmp_path / "data", **change)
    assert not (tmp_path / "data" / "manifest.json").exists()


def test_ids_of_other_columns_than_the_fields_are_refused(tmp_path):
    """A column too many would shift every field after it."""
    writer = DatasetWriter(tmp_path, "hand", raw={}, settings={})
    for split in ("train", "validation", "test"):
        writer.split(split, 2, 2)
    with pytest.raises(DataError, match="train ids have 2 columns, the fields 1"):
        writer.finish([Field("a", 1, 1, np.array([2]))])


def test_an_interrupted_preparation_leaves_nothing(tmp_path, monkeypatch):
    """Ctrl-C while the rows are written: no folder, and the next call starts anew."""
    real = Toy.build

    def interrupted(self, files, writer):
        writer.split("train", 3, 2)
        raise KeyboardInterrupt

    monkeypatch.setattr(Toy, "build", interrupted)
    with pytest.raises(KeyboardInterrupt):
        prepare(Toy(), cache_dir=tmp_path)
    assert folders(tmp_path) == []
    monkeypatch.setattr(Toy, "build", real)
    assert len(prepare(Toy(), cache_dir=tmp_path).train) == 3


def test_the_remains_of_a_deletion_are_replaced(tmp_path):
    """A folder without its manifest is no data set, and does not stand in the way of one."""
    folder = prepare(Toy(), cache_dir=tmp_path).folder
    (folder / "manifest.json").unlink()
    (folder / "test.ids.npy").unlink()
    assert prepare(Toy(), cache_dir=tmp_path).test.ids.shape == (3, 2)
    assert folders(tmp_path) == [folder.name]


@pytest.mark.parametrize("part", ["counts", "train.ids", "test.labels"])
@pytest.mark.parametrize("damage", ["missing", "cut"])
def test_a_damaged_array_is_an_error_that_names_the_folder(tmp_path, part, damage):
    """The manifest alone makes no data set."""
    folder = prepare(Toy(), cache_dir=tmp_path).folder
    path = folder / f"{part}.npy"
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match=f"{folder.name} holds no readable data set"):
        open_dataset(folder)


def test_another_format_is_refused(tmp_path):
    """Arrays that an older version encoded otherwise are not taken for this one's."""
    folder = prepare(Toy(), cache_dir=tmp_path).folder
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"format": FORMAT - 1}))
    with pytest.raises(DataError, match=f"format {FORMAT - 1}, this aesbench reads {FORMAT}"):
        open_dataset(folder)


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="the platform reserves no space")
def test_space_is_reserved_before_rows_are_written(tmp_path, monkeypatch):
    """A write through a memory map to a full disk would kill the process without a word."""

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(DataError) as caught:
        prepare(Toy(), cache_dir=tmp_path)
    assert "No space left on device" in str(caught.value)
    assert str(tmp_path / "processed") in str(caught.value)
    assert folders(tmp_path) == []


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
def test_prepared_data_may_be_read_by_whom_the_user_allows(tmp_path):
    """A cache can be shared: the scratch folder's private mode does not stay with it."""
    before = os.umask(0o022)
    try:
        folder = prepare(Toy(), cache_dir=tmp_path).folder
    finally:
        os.umask(before)
    assert folder.stat().st_mode & 0o777 == 0o755


def test_the_cache_is_where_the_user_says(tmp_path, monkeypatch):
    """The argument first, then the environment."""
    monkeypatch.setenv("AESBENCH_CACHE", str(tmp_path / "environment"))
    assert cache_folder(tmp_path / "argument") == tmp_path / "argument"
    assert cache_folder() == tmp_path / "environment"
    monkeypatch.delenv("AESBENCH_CACHE")
    assert "aesbench" in cache_folder().parts


def test_raw_files_are_where_the_user_says(tmp_path, monkeypatch):
    """The argument first, then the environment, in Python as on the command line."""
    monkeypatch.setenv("AESBENCH_DATA", str(tmp_path / "environment"))
    assert raw_folder(tmp_path) == tmp_path
    assert raw_folder() == tmp_path / "environment"
    with pytest.raises(DataError, match="environment"):
        load_dataset("ml1m", cache_dir=tmp_path / "cache")
    monkeypatch.delenv("AESBENCH_DATA")
    assert raw_folder() is None
