"""Records survive the disk whole, or not at all."""

import dataclasses
import errno
import json
import os

import pytest

from aesbench import Allocation, Field, RunRecord, RunSpec, TrainConfig
from aesbench.errors import RecordError
from aesbench.record import read_record, read_records, record_path, settings_of, write_record

SPEC = RunSpec(
    dataset="planted",
    data_hash="ab" * 32,
    backbone="widedeep",
    backbone_config={"hidden": (128, 64)},
    unification="plain",
    method="mde",
    method_config={"alpha": 0.3},
    label="mde:value[alpha=0.3]+transform@0.5",
)
RECORD = RunRecord(
    spec=SPEC,
    status="ok",
    allocation=Allocation.uniform([Field("user", 10), Field("item", 5)], 8),
    prepare_id="0" * 16,
    metrics={"test": {"auc": 0.1 + 0.2, "logloss": 1 / 3}},
    parameters={"embedding": 120},
    flops=7,
    seconds={"search": 1e-9},
    environment={"git": {"commit": "abc", "dirty": False}},
)


def test_a_record_survives_the_disk_to_the_last_bit(tmp_path):
    """Floats come back as they were."""
    again = read_record(write_record(tmp_path, RECORD))
    assert again.metrics == RECORD.metrics
    assert again.allocation == RECORD.allocation
    assert again.to_dict() == json.loads(json.dumps(RECORD.to_dict()))


def test_the_path_names_data_backbone_and_method(tmp_path):
    """A label's odd characters do not reach the file system."""
    path = record_path(tmp_path, SPEC).relative_to(tmp_path).as_posix()
    assert path == (
        f"records/planted/widedeep/mde-value-alpha=0.3-+transform-0.5/{SPEC.run_id}.json"
    )


def test_records_are_read_from_any_depth(tmp_path):
    """`read_records` yields every record of a folder."""
    other = dataclasses.replace(RECORD, spec=dataclasses.replace(SPEC, dataset="ml1m"))
    write_record(tmp_path, RECORD)
    write_record(tmp_path, other)
    assert [r.spec.dataset for r in read_records(tmp_path)] == ["ml1m", "planted"]


@pytest.mark.parametrize("fails", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_record_and_no_scrap(tmp_path, monkeypatch, fails):
    """The error says what to do; the record before is whole."""
    path = write_record(tmp_path, RECORD)
    before = path.read_bytes()

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, fails, full)
    with pytest.raises(RecordError, match="No space left on device; free space or choose"):
        write_record(tmp_path, dataclasses.replace(RECORD, flops=8))
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: data.update(schema=0), "schema 0, this version of aesbench reads 1"),
        (lambda data: data["spec"].update(seed=9), "the file was edited"),
        (lambda data: data.pop("spec"), "malformed record"),
        (lambda data: data.update(extra=1), "malformed record"),
        (lambda data: data["allocation"].update(user=[[0, 8]]), "malformed record"),
    ],
)
def test_a_foreign_or_edited_record_is_refused_by_name(tmp_path, change, words):
    """The error names the file and the reason."""
    path = write_record(tmp_path, RECORD)
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))
    with pytest.raises(RecordError, match=words) as caught:
        read_record(path)
    assert str(path) in str(caught.value)


def test_half_a_record_is_refused_by_name(tmp_path):
    """Text that ends early is no record."""
    path = write_record(tmp_path, RECORD)
    path.write_text(path.read_text()[:100])
    with pytest.raises(RecordError, match="delete or move the file"):
        read_record(path)


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, MemoryError])
def test_an_interrupted_write_leaves_the_old_record_and_no_scrap(
    tmp_path, monkeypatch, interruption
):
    """Ctrl-C in the middle of a write is no reason to litter the results."""
    path = write_record(tmp_path, RECORD)
    before = path.read_bytes()

    def interrupted(*_):
        raise interruption

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(interruption):
        write_record(tmp_path, dataclasses.replace(RECORD, flops=8))
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


def test_a_reader_never_sees_half_a_record(tmp_path, monkeypatch):
    """Until the rename, what readers find is the record before; the scrap is none of theirs."""
    path = write_record(tmp_path, RECORD)
    seen = []
    replace = os.replace

    def look_then_replace(*args):
        seen.extend(read_records(tmp_path))
        replace(*args)

    monkeypatch.setattr(os, "replace", look_then_replace)
    write_record(tmp_path, dataclasses.replace(RECORD, flops=8))
    assert [record.flops for record in seen] == [7]
    assert read_record(path).flops == 8


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    """A file where the results should lie: the error says so, and what to do."""
    (tmp_path / "results").write_text("a file")
    with pytest.raises(RecordError, match="cannot write .*results.*another folder with --results"):
        write_record(tmp_path / "results", RECORD)


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
def test_a_record_may_be_read_by_whom_the_user_allows(tmp_path):
    """A temporary file's private mode does not stay with the record."""
    before = os.umask(0o022)
    try:
        path = write_record(tmp_path, RECORD)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_failed_run_survives_the_disk(tmp_path):
    """Without an allocation or metrics, with its error."""
    error = {"type": "ValueError", "message": "ä \ud800", "phase": "search", "traceback": "..."}
    failed = RunRecord(spec=SPEC, status="failed", error=error)
    again = read_record(write_record(tmp_path, failed))
    assert not again.ok and again.error == error
    assert again.allocation is None and again.metrics == {}


def test_settings_that_are_equal_numbers_are_one_record(tmp_path):
    """A record with l2=0 is read again: on disk it is 0.0, and that is the same run."""
    spec = dataclasses.replace(SPEC, train=TrainConfig(l2=0), budget=60)
    path = write_record(tmp_path, dataclasses.replace(RECORD, spec=spec))
    again = read_record(path)
    assert again.spec.run_id == spec.run_id == path.stem
    assert again.spec.train == spec.train


@pytest.mark.parametrize(
    "text", ["[1]", "3", "null", '"record"', "{}", "", "[" * 20, "\udcff"], ids=repr
)
def test_a_file_of_anything_else_is_refused_by_name(tmp_path, text):
    """Whatever lies among the records, the error names the file."""
    path = tmp_path / "records" / "other.json"
    path.parent.mkdir()
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(RecordError, match="other.json: .*; delete or move the file"):
        list(read_records(tmp_path))


@pytest.mark.parametrize(
    "change",
    [
        {"allocation": [1, 2]},
        {"allocation": 3},
        {"allocation": {"user": [[10, -8]]}},
        {"spec": []},
        {"spec": {}},
        {"spec": "planted"},
        {"run_id": "0" * 16},
        {"run_id": None},
        {"schema": "1"},
    ],
    ids=str,
)
def test_a_malformed_part_is_refused_by_name(tmp_path, change):
    """No part of a foreign file ends in a traceback."""
    path = write_record(tmp_path, RECORD)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(RecordError, match=path.name):
        read_record(path)


@pytest.mark.parametrize("setting", ["budget", "label", "train", "method_config", "data_hash"])
def test_an_edited_spec_is_refused(tmp_path, setting):
    """A run that was never made cannot be claimed by an edit."""
    path = write_record(tmp_path, RECORD)
    data = json.loads(path.read_text())
    edits = {"budget": 1, "label": "ues", "data_hash": "", "method_config": {"alpha": 0.4}}
    edits["train"] = data["spec"]["train"] | {"epochs": 1}
    data["spec"][setting] = edits[setting]
    path.write_text(json.dumps(data))
    with pytest.raises(RecordError, match="the file was edited"):
        read_record(path)


def test_settings_of_repeated_runs_are_equal():
    """Seed and search index repeat a measurement; everything else makes another one."""
    again = dataclasses.replace(SPEC, seed=3, search_index=2)
    assert settings_of(again) == settings_of(SPEC)
    assert settings_of(dataclasses.replace(SPEC, budget=5)) != settings_of(SPEC)
    assert again.run_id != SPEC.run_id


def test_a_folder_without_records_has_none(tmp_path):
    """Nothing was run yet: no error."""
    assert list(read_records(tmp_path)) == []
