"""Records survive the disk whole, or not at all."""

import dataclasses
import errno
import json
import math
import os
from pathlib import Path

import pytest

from aesbench import Allocation, Field, RunRecord, TrainConfig
from aesbench.core.pack import Pack
from aesbench.core.record import (
    find_record,
    read_record,
    read_records,
    read_traces,
    record_files,
    record_path,
    trace_path,
    write_record,
)
from aesbench.core.trace import Trace
from aesbench.errors import RecordError


@pytest.fixture
def record(spec) -> RunRecord:
    """A successful run with floats that decimal digits cannot hold."""
    return RunRecord(
        spec=spec,
        status="ok",
        allocation=Allocation.uniform([Field("user", 10), Field("item", 5)], 8),
        prepare_id="0" * 16,
        metrics={"test": {"auc": 0.1 + 0.2, "logloss": 1 / 3}},
        parameters={"embedding": 120},
        flops=7,
        seconds={"search": 1e-9},
        environment={"git": {"commit": "abc", "dirty": False}},
    )


def traced(record) -> RunRecord:
    """The record with a series in its search, none in its preparation."""
    trace = Trace()
    trace("loss", 0, 0.1 + 0.2)
    trace("loss", 5, float("nan"))
    return dataclasses.replace(record, traces={"prepare": Trace(), "search": trace})


def test_a_record_survives_the_disk_to_the_last_bit(tmp_path, record):
    """Floats come back as they were."""
    again = read_record(write_record(tmp_path, record))
    assert again.metrics == record.metrics
    assert again.allocation == record.allocation
    assert again.to_dict() == json.loads(json.dumps(record.to_dict()))


def test_the_path_names_data_backbone_and_method(tmp_path, spec):
    """A label's odd characters do not reach the file system."""
    path = record_path(tmp_path, spec).relative_to(tmp_path).as_posix()
    assert path == (
        f"records/planted/widedeep/mde-value-alpha=0.3-+transform-0.5/{spec.run_id}.json"
    )


def test_records_are_read_from_any_depth(tmp_path, spec, record):
    """`read_records` yields every record of a folder."""
    other = dataclasses.replace(record, spec=dataclasses.replace(spec, dataset="ml1m"))
    write_record(tmp_path, record)
    write_record(tmp_path, other)
    assert [r.spec.dataset for r in read_records(tmp_path)] == ["ml1m", "planted"]


@pytest.mark.parametrize("fails", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_record_and_no_scrap(tmp_path, monkeypatch, fails, record):
    """The error says what to do; the record before is whole."""
    path = write_record(tmp_path, record)
    before = path.read_bytes()

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, fails, full)
    with pytest.raises(RecordError, match="No space left on device; free space or choose"):
        write_record(tmp_path, dataclasses.replace(record, flops=8))
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
def test_a_foreign_or_edited_record_is_refused_by_name(tmp_path, change, words, record):
    """The error names the file and the reason."""
    path = write_record(tmp_path, record)
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))
    with pytest.raises(RecordError, match=words) as caught:
        read_record(path)
    assert str(path) in str(caught.value)


def test_half_a_record_is_refused_by_name(tmp_path, record):
    """Text that ends early is no record."""
    path = write_record(tmp_path, record)
    path.write_text(path.read_text()[:100])
    with pytest.raises(RecordError, match="delete or move the file"):
        read_record(path)


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, MemoryError])
def test_an_interrupted_write_leaves_the_old_record_and_no_scrap(
    tmp_path, monkeypatch, interruption, record
):
    """Ctrl-C in the middle of a write is no reason to litter the results."""
    path = write_record(tmp_path, record)
    before = path.read_bytes()

    def interrupted(*_):
        raise interruption

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(interruption):
        write_record(tmp_path, dataclasses.replace(record, flops=8))
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


def test_a_reader_never_sees_half_a_record(tmp_path, monkeypatch, record):
    """Until the rename, what readers find is the record before; the scrap is none of theirs."""
    path = write_record(tmp_path, record)
    seen = []
    replace = os.replace

    def look_then_replace(*args):
        seen.extend(read_records(tmp_path))
        replace(*args)

    monkeypatch.setattr(os, "replace", look_then_replace)
    write_record(tmp_path, dataclasses.replace(record, flops=8))
    assert [record.flops for record in seen] == [7]
    assert read_record(path).flops == 8


def test_a_folder_that_cannot_be_made_is_named(tmp_path, record):
    """A file where the results should lie: the error says so, and what to do."""
    (tmp_path / "results").write_text("a file")
    with pytest.raises(RecordError, match="cannot write .*results.*another folder with --results"):
        write_record(tmp_path / "results", record)


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
def test_a_record_may_be_read_by_whom_the_user_allows(tmp_path, record):
    """A temporary file's private mode does not stay with the record."""
    before = os.umask(0o022)
    try:
        path = write_record(tmp_path, record)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_failed_run_survives_the_disk(tmp_path, spec):
    """Without an allocation or metrics, with its error."""
    error = {"type": "ValueError", "message": "ä \ud800", "phase": "search", "traceback": "..."}
    failed = RunRecord(spec=spec, status="failed", error=error)
    again = read_record(write_record(tmp_path, failed))
    assert not again.ok and again.error == error
    assert again.allocation is None and again.metrics == {}


def test_settings_that_are_equal_numbers_are_one_record(tmp_path, spec, record):
    """A record with l2=0 is read again: on disk it is 0.0, and that is the same run."""
    spec = dataclasses.replace(spec, train=TrainConfig(l2=0), budget=60)
    path = write_record(tmp_path, dataclasses.replace(record, spec=spec))
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
def test_a_malformed_part_is_refused_by_name(tmp_path, change, record):
    """No part of a foreign file ends in a traceback."""
    path = write_record(tmp_path, record)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(RecordError, match=path.name):
        read_record(path)


@pytest.mark.parametrize("setting", ["budget", "label", "train", "method_config", "data_hash"])
def test_an_edited_spec_is_refused(tmp_path, setting, record):
    """A run that was never made cannot be claimed by an edit."""
    path = write_record(tmp_path, record)
    data = json.loads(path.read_text())
    edits = {"budget": 1, "label": "ues", "data_hash": "", "method_config": {"alpha": 0.4}}
    edits["train"] = data["spec"]["train"] | {"epochs": 1}
    data["spec"][setting] = edits[setting]
    path.write_text(json.dumps(data))
    with pytest.raises(RecordError, match="the file was edited"):
        read_record(path)


def test_a_folder_without_records_has_none(tmp_path):
    """Nothing was run yet: no error."""
    assert list(read_records(tmp_path)) == []


def test_traces_lie_beside_the_records_and_come_back(tmp_path, record):
    """A stage without a series is left out; the record's own file knows nothing of traces."""
    path = write_record(tmp_path, traced(record))
    traces = read_traces(tmp_path, record.spec)
    assert list(traces) == ["search"]
    steps, values = traces["search"].series["loss"]
    assert steps == [0, 5] and values[0] == 0.1 + 0.2 and math.isnan(values[1])
    where = trace_path(tmp_path, record.spec).relative_to(tmp_path / "traces")
    assert where == path.relative_to(tmp_path / "records")
    assert "traces" not in json.loads(path.read_text())
    assert read_record(path).traces == {}
    assert len(list(read_records(tmp_path))) == 1


def test_a_trace_is_strict_json(tmp_path, record):
    """Other tools read it too: what is not finite is text."""
    write_record(tmp_path, traced(record))
    text = trace_path(tmp_path, record.spec).read_text()
    data = json.loads(text, parse_constant=pytest.fail)
    loss = {"steps": [0, 5], "values": [0.1 + 0.2, "nan"]}
    stages = {"search": {"loss": loss}}
    assert data == {"schema": 1, "run_id": record.spec.run_id, "stages": stages}


def test_a_run_that_traces_nothing_has_no_file(tmp_path, record):
    """Neither its own nor that of the run before it."""
    write_record(tmp_path, record)
    assert not (tmp_path / "traces").exists() and read_traces(tmp_path, record.spec) == {}
    write_record(tmp_path, traced(record))
    write_record(tmp_path, record)
    assert read_traces(tmp_path, record.spec) == {}


def test_a_record_on_disk_has_its_traces_on_disk(tmp_path, monkeypatch, record):
    """The traces are written first: a crash in between leaves a run to be made again."""
    written = []
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda a, b: written.append(b) or replace(a, b))
    path = write_record(tmp_path, traced(record))
    assert written == [trace_path(tmp_path, record.spec), path]


def test_traces_of_another_run_are_refused_by_name(tmp_path, record):
    """A file that was moved or cut is named in the error."""
    write_record(tmp_path, traced(record))
    path = trace_path(tmp_path, record.spec)
    whole = path.read_text()
    for text in (whole.replace(record.spec.run_id, "0" * 16), whole[:60], "[]", '{"schema": 1}'):
        path.write_text(text)
        with pytest.raises(RecordError, match=f"{path.name}.*delete or move the file"):
            read_traces(tmp_path, record.spec)


def test_a_run_is_found_by_the_first_digits_of_its_id(tmp_path, record):
    """As many digits as tell it from the others."""
    write_record(tmp_path, record)
    run_id = record.spec.run_id
    for text in (run_id, run_id[:4], run_id[0]):
        assert find_record(tmp_path, text).spec.run_id == run_id


def test_an_unknown_or_ambiguous_id_leads_to_the_ids(tmp_path, record):
    """The error names the nearest id, or those that begin alike, and where to find all."""
    for seed in range(20):  # More than sixteen: two of them begin with one digit.
        spec = dataclasses.replace(record.spec, seed=seed)
        write_record(tmp_path, dataclasses.replace(record, spec=spec))
    wrong = record.spec.run_id[:-1] + "x"
    with pytest.raises(RecordError, match=f"did you mean '{record.spec.run_id}'.*list runs"):
        find_record(tmp_path, wrong)
    ids = [r.spec.run_id for r in read_records(tmp_path)]
    twice = next(i[0] for i in ids if sum(j[0] == i[0] for j in ids) > 1)
    with pytest.raises(RecordError, match=f"runs begin with '{twice}': .*list runs"):
        find_record(tmp_path, twice)
    with pytest.raises(RecordError, match="list runs"):
        find_record(tmp_path, "")


def linked(tmp_path, record):
    """A results folder whose every part is a link to a place elsewhere, with one run."""
    write_record(tmp_path / "elsewhere", traced(record))
    results = tmp_path / "results"
    results.mkdir()
    for part in ("records", "traces"):
        (results / part).symlink_to(tmp_path / "elsewhere" / part, target_is_directory=True)
    return results


def test_linked_folders_are_seen_by_whoever_reads_or_writes(tmp_path, record):
    """All of `records`, or a data set in it; what is written goes where the link leads."""
    results = linked(tmp_path, record)
    assert [r.spec.run_id for r in read_records(results)] == [record.spec.run_id]
    assert find_record(results, record.spec.run_id).metrics == record.metrics
    assert list(read_traces(results, record.spec)) == ["search"]
    other = dataclasses.replace(record, spec=dataclasses.replace(record.spec, seed=1))
    write_record(results, other)
    assert len(list(read_records(tmp_path / "elsewhere"))) == 2
    above = tmp_path / "third" / "records"
    above.mkdir(parents=True)
    dataset = record.spec.dataset
    (above / dataset).symlink_to(results / "records" / dataset, target_is_directory=True)
    assert record_files(tmp_path / "third", dataset) == record_files(tmp_path / "third")
    assert len(list(read_records(tmp_path / "third"))) == 2


@pytest.mark.parametrize("part", ["dataset", "backbone", "label"])
def test_a_run_with_a_long_name_is_written_and_found(tmp_path, record, part):
    """Longer than a file's name may be, in letters of several bytes; two of them stay two."""
    long = {"label": f"fixed:{'-'.join(['16'] * 120)}", "backbone": "b" * 300}
    specs = [
        dataclasses.replace(record.spec, **{part: long.get(part, "ü" * 200) + end})
        for end in ("", "-8")
    ]
    for spec in specs:
        write_record(tmp_path, traced(dataclasses.replace(record, spec=spec)))
        assert read_record(record_path(tmp_path, spec)).spec.run_id == spec.run_id
        assert find_record(tmp_path, spec.run_id).spec.run_id == spec.run_id
        assert list(read_traces(tmp_path, spec)) == ["search"]
    folders = [path.parent for path in record_files(tmp_path)]
    assert len(set(folders)) == 2
    assert max(len(name.encode()) for path in folders for name in path.parts) <= 255


@pytest.mark.parametrize("dataset", ["../up", "/tmp/absolute", ".."])
def test_no_name_leads_out_of_the_results(tmp_path, record, dataset):
    """A record from elsewhere is written where records lie, whatever it calls its data."""
    spec = dataclasses.replace(record.spec, dataset=dataset)
    path = write_record(tmp_path, dataclasses.replace(record, spec=spec))
    assert path.resolve().is_relative_to(tmp_path / "records")
    assert len(path.relative_to(tmp_path / "records").parts) == 4


def test_labels_that_share_a_folder_do_not_share_a_file(tmp_path, record):
    """Odd characters become hyphens, and so does a capital on some file systems: ids differ."""
    labels = ("mde:value", "mde-value", "MDE:value")
    for label in labels:
        spec = dataclasses.replace(record.spec, label=label)
        write_record(tmp_path, dataclasses.replace(record, spec=spec))
    assert len({path.name.lower() for path in record_files(tmp_path)}) == len(labels)
    assert {r.spec.label for r in read_records(tmp_path)} == set(labels)


def test_a_measurement_that_is_not_finite_is_null(tmp_path, record):
    """Other tools read the record; what a comparison needs is never null."""
    odd = dataclasses.replace(record, seconds={"search": math.inf}, environment={"load": math.nan})
    path = write_record(tmp_path, odd)
    data = json.loads(path.read_text(), parse_constant=pytest.fail)
    assert data["seconds"] == {"search": None} and data["environment"] == {"load": None}


@pytest.mark.parametrize("value", [math.nan, math.inf, None, "0.7"])
@pytest.mark.parametrize("part", ["metrics", "scores"])
def test_a_metric_that_is_no_number_is_neither_written_nor_read(tmp_path, record, part, value):
    """It would spoil every mean without a word."""
    odd = dataclasses.replace(record, **{part: {"test": {"auc": value, "logloss": 0.5}}})
    with pytest.raises(RecordError, match=f"{part} that are no numbers: auc of test = "):
        write_record(tmp_path, odd)
    path = write_record(tmp_path, record)
    data = json.loads(path.read_text())
    data[part] = {"test": {"auc": value, "logloss": 0.5}}
    path.write_text(json.dumps(data))
    with pytest.raises(RecordError, match=f"{path.name}: .*; delete or move the file"):
        read_record(path)


@pytest.mark.parametrize("value", [math.nan, None, "0.7"])
def test_scores_in_int8_are_checked_likewise(tmp_path, record, value):
    """What older records lack is empty, and is no error."""
    odd = dataclasses.replace(record, int8={"auc": value, "logloss": 0.5, "bytes": 12})
    with pytest.raises(RecordError, match="int8 that are no numbers: auc of int8 = "):
        write_record(tmp_path, odd)
    good = dataclasses.replace(record, int8={"auc": 0.7, "logloss": 0.5, "bytes": 12})
    path = write_record(tmp_path, good)
    assert read_record(path).int8 == good.int8
    data = json.loads(path.read_text())
    del data["int8"]
    path.write_text(json.dumps(data))
    assert read_record(path).int8 == {}


def test_a_record_that_is_no_strict_json_is_refused_by_name(tmp_path, record):
    """Older versions could write NaN where nothing reads it: the file is named all the same."""
    path = write_record(tmp_path, record)
    data = json.loads(path.read_text()) | {"seconds": {"search": math.nan}}
    path.write_text(json.dumps(data))
    with pytest.raises(RecordError, match=f"{path.name}: it holds NaN.*delete or move the file"):
        read_record(path)


def test_every_committed_record_still_reads():
    """Each under its own run id, which its spec still hashes to."""
    folder = Path(__file__).parents[2] / "results"
    paths = sorted((folder / "records").rglob("*.json"))
    assert record_files(folder) == paths
    assert [read_record(path).spec.run_id for path in paths] == [path.stem for path in paths]
    assert all(record_path(folder, read_record(path).spec) == path for path in paths)


def test_a_record_tells_its_pack(make_record, packed, tmp_path):
    """Written and read again; what is no pack is no record."""
    record = packed(make_record())
    path = write_record(tmp_path, record)
    assert read_record(path).pack == Pack(8, 352) and make_record().pack is None
    path.write_text(path.read_text().replace('"width": 352', '"width": -1'))
    with pytest.raises(RecordError, match="malformed record: pack = .*delete or move the file"):
        read_record(path)
