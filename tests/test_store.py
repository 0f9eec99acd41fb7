"""Prepared data are whole, reused, and never taken for whole when they are not."""

import errno
import json
import os
from dataclasses import dataclass

import numpy as np
import pytest

from aesbench import Field, Source
from aesbench.datasets.store import open_dataset, prepare, verify
from aesbench.errors import DataError


@dataclass(frozen=True)
class ToyConfig:
    """What the toy source can be told."""

    seed: int = 0
    fail: str = ""


class Toy(Source):
    """Three rows per split of two fields, made on the spot."""

    name = "toy"
    title = "Toy"
    Config = ToyConfig
    built = 0

    def files(self, data_dir):
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
