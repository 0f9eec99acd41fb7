"""Records survive the disk whole, or not at all."""

import dataclasses
import errno
import json
import os

import pytest

from aesbench import Allocation, Field, RunRecord, RunSpec
from aesbench.errors import RecordError
from aesbench.record import read_record, read_records, record_path, write_record

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
