"""What a data set is, kept beside its records."""

import dataclasses
import json

import pytest

from aesbench.core.datasheet import (
    read_datasheet,
    read_probe,
    read_results,
    write_datasheet,
    write_probe,
)
from aesbench.core.probe import Probe, RateTable, Twins
from aesbench.core.record import RunRecord, write_record
from aesbench.errors import RecordError
from aesbench.harness.grid import execute


@pytest.fixture
def own_spec(spec, tiny_dataset):
    """The spec of a run on ``tiny_dataset``."""
    return dataclasses.replace(spec, dataset=tiny_dataset.name, data_hash=tiny_dataset.hash)


def test_a_grid_keeps_what_its_data_set_is(planted_tiny, tmp_path, make_record):
    """Rows, fields and the truth come back with every record, also if all runs were done before."""
    place = {"dataset": planted_tiny.name, "data_hash": planted_tiny.hash}
    done = make_record(**place)
    write_record(tmp_path, done)
    outcome = execute([done.spec], planted_tiny, tmp_path)
    (record,) = read_results(tmp_path)
    assert outcome.ran == 0
    assert record.datasheet["truth"] == planted_tiny.truth
    assert record.datasheet["splits"]["train"]["rows"] == len(planted_tiny.train)
    assert record.datasheet["fields"][0]["name"] == planted_tiny.fields[0].name
    assert "files" not in record.datasheet


def test_the_datasheet_is_no_part_of_the_record(tmp_path, own_spec, tiny_dataset):
    """Its file has its own place, and the record's file stays what it was."""
    record = RunRecord(own_spec, "ok", datasheet={"name": "tiny"})
    assert "datasheet" not in record.to_dict()
    with pytest.raises(RecordError, match="datasheet lies in a file of its own"):
        RunRecord.from_dict({**record.to_dict(), "datasheet": {}})


def test_records_without_a_datasheet_are_read(tmp_path, own_spec):
    """Records older than datasheets have none."""
    write_record(tmp_path, RunRecord(own_spec, "ok"))
    (record,) = read_results(tmp_path)
    assert record.datasheet == {}


def test_a_datasheet_is_written_once(tmp_path, own_spec, tiny_dataset):
    """The same data have the same description: an existing file is left alone."""
    path = write_datasheet(tmp_path, tiny_dataset.manifest)
    before = path.stat().st_mtime_ns
    assert write_datasheet(tmp_path, tiny_dataset.manifest) == path
    assert path.stat().st_mtime_ns == before
    assert read_datasheet(tmp_path, own_spec)["hash"] == tiny_dataset.hash


@pytest.mark.parametrize("content", ["", "[]", '{"hash": "another"}'])
def test_a_file_that_describes_other_data_is_refused(tmp_path, own_spec, tiny_dataset, content):
    """The message names the file and the next step."""
    path = write_datasheet(tmp_path, tiny_dataset.manifest)
    path.write_text(content)
    with pytest.raises(RecordError, match=f"{path.name}.*delete"):
        read_datasheet(tmp_path, own_spec)


def test_a_fact_that_is_not_finite_is_null(tmp_path, own_spec, tiny_dataset):
    """A data set's own plugin may divide by nothing; the sheet of one with a long name fits."""
    odd = {**tiny_dataset.manifest, "facts": {"sparsity": float("nan")}, "name": "n" * 300}
    path = write_datasheet(tmp_path, odd)
    assert json.loads(path.read_text(), parse_constant=pytest.fail)["facts"] == {"sparsity": None}
    spec = dataclasses.replace(own_spec, dataset="n" * 300)
    assert len(path.name) == 255 and read_datasheet(tmp_path, spec)["facts"] == {"sparsity": None}


def test_a_datasheet_is_plain_json(tmp_path, tiny_dataset):
    """Anybody can read it."""
    sheet = json.loads(write_datasheet(tmp_path, tiny_dataset.manifest).read_text())
    assert sheet["name"] == "tiny" and set(sheet["splits"]) == {"train", "validation", "test"}


@pytest.fixture
def probe(own_spec):
    """A probe of the data of ``own_spec``, with one table and a field left out of it."""
    return Probe(
        name=own_spec.dataset,
        hash=own_spec.data_hash,
        tables=(RateTable(("user", "item"), 0.7, 0.69),),
        twins={"validation": Twins(10, 0.0, 0.0, None), "test": Twins(10, 0.5, 0.1, 0.9)},
        left_out=("genres",),
        chosen_on={"train": 80, "validation": 10},
    )


def test_a_probe_comes_back_with_the_records(tmp_path, own_spec, tiny_dataset, probe):
    """In their datasheet, whether there is one or not; its own file is no sheet."""
    write_record(tmp_path, RunRecord(own_spec, "ok"))
    write_probe(tmp_path, probe)
    (record,) = read_results(tmp_path)
    assert record.datasheet == {"probe": probe}
    write_datasheet(tmp_path, tiny_dataset.manifest)
    (record,) = read_results(tmp_path)
    assert record.datasheet["probe"] == probe and record.datasheet["name"] == "tiny"
    assert "probe" not in read_datasheet(tmp_path, own_spec)


def test_a_later_probe_takes_the_place_of_an_older_one(tmp_path, own_spec, probe):
    """Its numbers may be those of a better probe."""
    path = write_probe(tmp_path, dataclasses.replace(probe, tables=()))
    assert write_probe(tmp_path, probe) == path
    assert read_probe(tmp_path, own_spec) == probe


def test_data_without_a_probe_have_none(tmp_path, own_spec):
    """As in every folder of before."""
    assert read_probe(tmp_path, own_spec) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda kept: "",
        lambda kept: [],
        lambda kept: {},
        lambda kept: {**kept, "hash": "another"},
        lambda kept: {**kept, "twins": {"test": kept["twins"]["test"]}},
        lambda kept: {**kept, "tables": [{"fields": ["a"], "test_auc": 0.5}]},
        lambda kept: {**kept, "tables": [{**kept["tables"][0], "test_auc": "high"}]},
        lambda kept: {**kept, "more": 1},
    ],
)
def test_a_file_that_is_no_probe_of_the_data_is_refused(tmp_path, own_spec, probe, change):
    """The message names the file and the command that makes it again."""
    path = write_probe(tmp_path, probe)
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    with pytest.raises(RecordError, match=f"{path.name}: .*aesbench data probe"):
        read_probe(tmp_path, own_spec)


def test_what_remembering_twins_is_worth(probe):
    """By hand: 3 of 4 pairs hold one of the test split's, which is a half, and .9 beat .69."""
    assert probe.twins_worth == pytest.approx(0.75 * (0.9 - 0.69)) and probe.warns
    assert dataclasses.replace(probe, tables=()).twins_worth == pytest.approx(0.75 * 0.4)
    worse = dataclasses.replace(probe, tables=(RateTable(("user", "item"), 0.95, 0.95),))
    assert worse.twins_worth == 0.0 and not worse.warns
    assert Twins(10, 0.0, 0.0, None).worth(0.5) == 0.0


def test_the_best_table_is_that_of_validation(probe):
    """The smaller of equals, whatever test says."""
    larger = RateTable(("user", "item", "hour"), 0.7, 0.8)
    assert dataclasses.replace(probe, tables=(*probe.tables, larger)).best == probe.tables[0]
