"""`aesbench records`: what a folder holds, and what of it does not compare."""

import dataclasses
import json

import pytest
from rich.console import Console

from aesbench.core.record import mask_path, read_records, record_path, upgrade_record, write_record
from aesbench.core.spec import TrainConfig
from aesbench.errors import RecordError
from aesbench.terminal.records import show_records, show_upgrade


@pytest.fixture
def shown(tmp_path):
    """Return the function that prints a folder's records, as one line of words."""

    def show(what=show_records):
        console = Console(record=True, width=100)
        what(console, tmp_path)
        return " ".join(console.export_text().split())

    return show


def old(path):
    """Write a record's file as schema 1 had it."""
    data = json.loads(path.read_text())
    data["environment"]["providers"] = data.pop("providers")
    del data["titles"]
    path.write_text(json.dumps({**data, "schema": 1}))


def test_groups_say_what_sets_them_apart(tmp_path, make_record, shown):
    """Other data, another protocol, other settings; and who made them with what."""
    for record in (
        make_record(),
        make_record(seed=1),
        make_record(data_hash="b" * 64),
        make_record(train=TrainConfig(l2=0.5)),
    ):
        write_record(tmp_path, record)
    text = shown()
    assert text.startswith(f"4 records under {tmp_path}, by aesbench 0.1.0 (4)")
    assert f"data {'b' * 16}" in text and "train.l2 0.5)" in text
    assert "rows of their own" not in text and "unreadable" not in text


def test_rows_that_do_not_compare_say_why(tmp_path, make_record, shown):
    """Two plugins of one name, and one that is no longer here."""
    for seed, provider in enumerate(("mine.py sha256:aa", "mine.py sha256:bb")):
        record = make_record("mine", seed)
        write_record(tmp_path, dataclasses.replace(record, providers={"method": provider}))
    text = shown()
    assert "1 run of mine[by=mine.py sha256:" in text and "another provider" in text
    assert "not known here (name them with --plugin): 1 run of mine by mine.py sha256:aa" in text


def test_what_cannot_be_read_is_listed_and_costs_nothing_else(tmp_path, make_record, shown):
    """With its path and what to do."""
    write_record(tmp_path, make_record())
    path = record_path(tmp_path, make_record(seed=1).spec)
    path.write_text("{")
    text = shown()
    assert "1 record under" in text and "unreadable:" in text and "delete or move the file" in text


def test_an_empty_folder_is_an_error(shown):
    """That says how to fill it."""
    with pytest.raises(RecordError, match="holds no records; make some with 'aesbench run'"):
        shown()


def test_an_upgrade_changes_no_result(tmp_path, make_record, shown):
    """Files of schema 1 are written anew, once; ids, specs and measurements are what they were."""
    for seed in range(2):
        write_record(tmp_path, make_record(seed=seed))
    path = record_path(tmp_path, make_record().spec)
    old(path)
    before = list(read_records(tmp_path))
    assert shown(show_upgrade) == "1 record upgraded to schema 2; no result was changed"
    assert list(read_records(tmp_path)) == before
    assert json.loads(path.read_text())["schema"] == 2 and not upgrade_record(path)
    assert shown(show_upgrade).startswith("0 records upgraded")


def test_a_file_that_is_no_record_is_not_touched(tmp_path, make_record, shown):
    """An upgrade passes over it."""
    path = write_record(tmp_path, make_record())
    path.write_text('{"schema": 99}')
    assert shown(show_upgrade).startswith("0 records") and path.read_text() == '{"schema": 99}'


def test_packs_are_listed_by_place_and_width(tmp_path, make_record, packed, shown):
    """As what has no cost to compare; a folder without any says nothing of them."""
    write_record(tmp_path, make_record())
    assert "retrained in packs" not in shown()
    for seed in range(1, 4):
        write_record(tmp_path, packed(make_record(seed=seed), width=90 if seed == 1 else 352))
    text = shown()
    assert "retrained in packs: no cost; run with --pack 1 --force:" in text
    assert "1 run on tiny, widedeep: 8 models, width 90" in text
    assert "2 runs on tiny, widedeep: 8 models, width 352" in text


def test_masks_that_are_not_there_are_listed(tmp_path, make_record, masked, shown):
    """The run still counts; whoever wants to export it learns what is missing."""
    for seed in (0, 1):
        write_record(tmp_path, masked(make_record("pruned", seed)))
    assert "masks that cannot" not in shown(show_records)
    path = mask_path(tmp_path, make_record("pruned", 1).spec)
    path.unlink()
    text = shown(show_records)
    assert "masks that cannot be read:" in text and str(path) in text and text.count(".npz") == 1
