"""Merging: records and traces come together whole, or nothing is written."""

import dataclasses
import json
import shutil

import pytest

import aesbench
from aesbench.core.allocation import Allocation, Block
from aesbench.core.datasheet import probe_path, write_datasheet, write_probe
from aesbench.core.pack import PACK_TOLERANCE
from aesbench.core.probe import Probe, Twins
from aesbench.core.record import RunRecord, read_records, record_path, trace_path, write_record
from aesbench.core.trace import Trace
from aesbench.errors import ConfigError, RecordError
from aesbench.harness.merge import Merged, merge


@pytest.fixture
def make(tmp_path, spec):
    """Write a record of one seed into a folder; return its path."""

    def write(
        folder, seed, *, failed=False, auc=0.75, finished="2026-01-01", traced=True, pack=0, **spec_
    ):
        trace = Trace()
        if traced:
            trace("loss", 0, auc)
        record = RunRecord(
            spec=dataclasses.replace(spec, seed=seed, **spec_),
            status="failed" if failed else "ok",
            error={"type": "E", "message": "m", "phase": "p", "traceback": ""} if failed else None,
            metrics={} if failed else {"test": {"auc": auc}},
            environment={"finished": finished}
            | ({"pack": {"models": pack, "width": 90}} if pack else {}),
            traces={"search": trace},
        )
        facts = ("settings", "fields", "splits", "facts", "truth")
        own = {"name": record.spec.dataset, "hash": record.spec.data_hash}
        write_datasheet(tmp_path / folder, {**own, **dict.fromkeys(facts)})
        return write_record(tmp_path / folder, record)

    return write


def files(folder):
    """The content of every file under a folder, by its path."""
    return {
        path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_records_and_traces_come_together_as_they_were(tmp_path, make):
    """Two folders give one that holds the bytes of both; merging again changes nothing."""
    make("a", 0)
    make("b", 1), make("b", 2, traced=False)
    folders, into = [tmp_path / "a", tmp_path / "b"], tmp_path / "all"
    assert merge(folders, into) == Merged(copied=3, replaced=0, already_there=0)
    assert files(into) == files(tmp_path / "a") | files(tmp_path / "b")
    before = files(into)
    assert merge([*folders, into], into) == Merged(copied=0, replaced=0, already_there=6)
    assert files(into) == before


def test_paths_may_be_text_and_folders_links(tmp_path, make):
    """As a user of Python gives them, and as a cluster's disks are put together."""
    make("a", 0), make("elsewhere", 1)
    (tmp_path / "b").mkdir()
    for part in ("records", "traces", "datasets"):
        (tmp_path / "b" / part).symlink_to(tmp_path / "elsewhere" / part, target_is_directory=True)
    folders = [str(tmp_path / name) for name in ("a", "b")]
    assert aesbench.merge(folders, str(tmp_path / "all")).copied == 2
    assert files(tmp_path / "all") == files(tmp_path / "a") | files(tmp_path / "elsewhere")


def test_a_single_path_is_no_list_of_folders(tmp_path):
    """Its letters would be."""
    for one in ("a", tmp_path):
        with pytest.raises(ConfigError, match="expected a list of results folders"):
            merge(one, tmp_path / "all")


def test_a_record_in_two_folders_is_one(tmp_path, make):
    """Equal records are no conflict, wherever they come from."""
    make("a", 0), make("b", 0)
    merged = merge([tmp_path / "a", tmp_path / "b"], tmp_path / "all")
    assert merged == Merged(copied=1, replaced=0, already_there=1)


@pytest.mark.parametrize("order", [("failed", "ok"), ("ok", "failed")])
def test_a_success_takes_the_place_of_a_failure(tmp_path, make, order):
    """Whichever comes first; and the traces that stay are those of the success."""
    make("failed", 0, failed=True), make("ok", 0, traced=False)
    for folder in order:
        merge([tmp_path / folder], tmp_path / "all")
    (record,) = read_records(tmp_path / "all")
    assert record.ok and not trace_path(tmp_path / "all", record.spec).exists()
    replaced = {"failed": 1, "ok": 0}[order[0]]
    shutil.rmtree(tmp_path / "all")
    merge([tmp_path / order[0]], tmp_path / "all")
    assert merge([tmp_path / order[1]], tmp_path / "all").replaced == replaced


@pytest.mark.parametrize("order", ["ab", "ba"])
def test_of_two_failures_the_later_stays(tmp_path, make, order):
    """A run that failed again last night does not keep the others from being merged."""
    make("a", 0, failed=True, finished="2026-01-01")
    make("b", 0, failed=True, finished="2026-01-02")
    for folder in order:
        merge([tmp_path / folder], tmp_path / "all")
    (record,) = read_records(tmp_path / "all")
    assert record.environment["finished"] == "2026-01-02"


def refused(tmp_path, *words):
    """Merge `a` and `b`, which is refused in these words; nothing is written."""
    with pytest.raises(RecordError) as caught:
        merge([tmp_path / "a", tmp_path / "b"], tmp_path / "all")
    assert all(word in str(caught.value) for word in words), caught.value
    assert not (tmp_path / "all").exists()


def test_different_successes_of_one_run_are_refused(tmp_path, make):
    """Both files are named, since only their owner knows which one counts."""
    paths = [make("a", 0, auc=0.7), make("b", 0, auc=0.8)]
    make("a", 1)
    refused(tmp_path, *map(str, paths), "nothing was copied")


def test_other_data_under_one_name_are_refused(tmp_path, make):
    """Also where no run is in both: their numbers would meet in one table."""
    paths = [make("a", 0), make("b", 1, data_hash="cd" * 32)]
    refused(tmp_path, *map(str, paths), "ab" * 8, "cd" * 8)


def test_the_data_of_the_target_count_too(tmp_path, make):
    """What lies there already is compared like the rest."""
    make("all", 0), make("a", 1, data_hash="cd" * 32)
    before = files(tmp_path / "all")
    with pytest.raises(RecordError, match="do not compare"):
        merge([tmp_path / "a"], tmp_path / "all")
    assert files(tmp_path / "all") == before


def test_one_folder_may_hold_several_data_of_a_name(tmp_path, make):
    """A report keeps them apart; the next folder needs one of them."""
    make("a", 0), make("a", 1, data_hash="cd" * 32), make("b", 2, data_hash="cd" * 32)
    assert merge([tmp_path / "a", tmp_path / "b"], tmp_path / "all").copied == 3


def test_data_sets_of_other_names_have_other_hashes(tmp_path, make):
    """A grid over several data sets is merged like any other."""
    make("a", 0), make("b", 0, dataset="ml1m", data_hash="cd" * 32)
    assert merge([tmp_path / "a", tmp_path / "b"], tmp_path / "all").copied == 2


def test_another_schema_is_refused(tmp_path, make):
    """The file is named, and nothing of the folder is copied."""
    make("a", 0)
    path = make("b", 1)
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema": 3}))
    refused(tmp_path, str(path), "schema 3")


def test_probes_come_with_the_records(tmp_path, make, spec):
    """As the bytes they are; one that is no probe is refused, and nothing is copied."""
    make("a", 0), make("b", 1)
    none = Twins(5, 0.0, 0.0, None)
    twins = {"validation": none, "test": none}
    write_probe(tmp_path / "b", Probe(spec.dataset, spec.data_hash, (), twins, (), {}))
    merge([tmp_path / "a", tmp_path / "b"], tmp_path / "all")
    assert files(tmp_path / "all") == files(tmp_path / "a") | files(tmp_path / "b")
    path = probe_path(tmp_path / "b", spec.dataset, spec.data_hash)
    path.write_text("{}")
    with pytest.raises(RecordError, match=path.name):
        merge([tmp_path / "b"], tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_unreadable_traces_are_refused(tmp_path, make):
    """A record is not copied without what belongs to it."""
    make("a", 0), make("b", 1)
    (path,) = (tmp_path / "b" / "traces").rglob("*.json")
    path.write_text("{")
    refused(tmp_path, str(path))


def test_a_folder_without_records_is_named(tmp_path, make):
    """A misspelt folder is no empty one."""
    make("a", 0)
    refused(tmp_path, str(tmp_path / "b"), "holds no records")


def test_an_interrupted_merge_is_completed_by_the_next(tmp_path, make, monkeypatch):
    """Each record is whole or missing, and the second attempt copies what is missing."""
    from aesbench.harness import merge as module

    make("a", 0), make("a", 1)
    real, written = module.write_atomically, []

    def full(path, content):
        if len(written) == 4:  # Of the second, only the traces are there.
            raise RecordError("disk full")
        written.append(real(path, content))

    monkeypatch.setattr(module, "write_atomically", full)
    with pytest.raises(RecordError, match="disk full"):
        merge([tmp_path / "a"], tmp_path / "all")
    (kept,) = read_records(tmp_path / "all")
    assert record_path(tmp_path / "a", kept.spec).exists()
    monkeypatch.undo()
    assert merge([tmp_path / "a"], tmp_path / "all") == Merged(1, 0, 1)
    assert files(tmp_path / "all") == files(tmp_path / "a")


@pytest.mark.parametrize("order", ["ab", "ba"])
def test_a_run_alone_takes_the_place_of_the_same_in_a_pack(tmp_path, make, order):
    """Whichever comes first, where they agree within the tolerance: it has its cost."""
    make("a", 0, auc=0.75), make("b", 0, auc=0.75 + 0.9 * PACK_TOLERANCE["auc"], pack=8)
    replaced = [merge([tmp_path / folder], tmp_path / "all").replaced for folder in order]
    assert replaced == [0, int(order == "ba")]
    assert files(tmp_path / "all") == files(tmp_path / "a")


def test_of_two_packs_the_first_stays(tmp_path, make):
    """Of one run, in packs of other neighbours."""
    make("a", 0, pack=8), make("b", 0, auc=0.75 - 0.9 * PACK_TOLERANCE["auc"], pack=4)
    merged = merge([tmp_path / "a", tmp_path / "b"], tmp_path / "all")
    assert merged == Merged(copied=1, replaced=0, already_there=1)
    assert files(tmp_path / "all") == files(tmp_path / "a")


def test_a_pack_beyond_the_tolerance_is_refused(tmp_path, make):
    """As any other difference is; and so are other sizes, however near the scores."""
    paths = [make("a", 0, auc=0.75), make("b", 0, auc=0.75 + 1.1 * PACK_TOLERANCE["auc"], pack=8)]
    refused(tmp_path, *map(str, paths), "nothing was copied")
    path = make("b", 0, pack=8)
    sizes = Allocation(("user",), ((Block(9, 2),),)).to_dict()
    path.write_text(json.dumps({**json.loads(path.read_text()), "allocation": sizes}))
    refused(tmp_path, *map(str, paths), "nothing was copied")


def test_alone_a_difference_of_any_size_is_refused(tmp_path, make):
    """Bits are promised there."""
    make("a", 0, auc=0.75), make("b", 0, auc=0.75 + 1e-12)
    refused(tmp_path, "different records of one run")
