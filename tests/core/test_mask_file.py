"""Masks beside records: written before them, read and checked when somebody needs them."""

import dataclasses

import numpy as np
import pytest

from aesbench import Allocation, Field
from aesbench.core.mask_file import masks_file
from aesbench.core.record import (
    delete_record,
    mask_path,
    read_record,
    record_path,
    with_masks,
    write_record,
)
from aesbench.errors import AllocationError, RecordError

FIELDS = (Field("a/b", 3), Field("item", 2), Field("..", 9))
KEEPS = [np.eye(3, 4) > 0, np.ones((2, 4)) > 0, np.arange(36).reshape(9, 4) % 5 < 2]


@pytest.fixture
def record(make_record):
    """A successful run that found masks for two of three fields."""
    return dataclasses.replace(make_record("ues:8"), allocation=Allocation.masked(FIELDS, KEEPS))


def test_masks_come_back_with_their_values(tmp_path, record):
    """The record alone has the counts; whatever a field is called is no name of a file."""
    read = read_record(write_record(tmp_path, record))
    assert read.allocation == record.allocation and read.allocation.masks[0].bits is None
    found = with_masks(tmp_path, read).allocation
    for mask, keeps in zip(found.masks, KEEPS, strict=True):
        assert mask is None or np.array_equal(mask.values(), keeps)
    assert found.masks[1] is None


def test_a_run_without_masks_has_no_file(tmp_path, record, make_record):
    """Nor does one that takes the place of a run that had some; deleting takes all along."""
    plain = make_record("ues:8")
    write_record(tmp_path, plain)
    assert not (tmp_path / "masks").exists() and with_masks(tmp_path, plain) is plain
    write_record(tmp_path, record)
    path = mask_path(tmp_path, record.spec)
    assert path.is_file()
    write_record(tmp_path, plain)
    assert not path.exists()
    write_record(tmp_path, record)
    delete_record(tmp_path, record.spec)
    assert not path.exists() and not record_path(tmp_path, record.spec).exists()


def test_equal_masks_are_equal_bytes(record):
    """No time of day is in the file."""
    again = Allocation.masked(FIELDS, [keeps.copy() for keeps in KEEPS])
    assert masks_file(record.allocation) == masks_file(again)


def test_a_record_that_was_read_is_written_without_losing_its_masks(tmp_path, record):
    """Where they are there they stay; where they are not, nothing is written."""
    read = read_record(write_record(tmp_path, record))
    before = mask_path(tmp_path, record.spec).read_bytes()
    write_record(tmp_path, read)
    assert mask_path(tmp_path, record.spec).read_bytes() == before
    with pytest.raises(RecordError, match="are not there; copy the file"):
        write_record(tmp_path / "elsewhere", read)
    assert not record_path(tmp_path / "elsewhere", record.spec).exists()
    with pytest.raises(AllocationError, match="were not read"):
        masks_file(read.allocation)


@pytest.mark.parametrize(
    "damage", ["absent", "empty", "cut short", "written over", "of another run", "of other fields"]
)
def test_masks_that_are_not_the_records_are_refused(tmp_path, record, damage):
    """The message names the file and says what to do."""
    write_record(tmp_path, record)
    path = mask_path(tmp_path, record.spec)
    if damage == "absent":
        path.unlink()
    elif damage == "cut short":
        path.write_bytes(path.read_bytes()[:-30])
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "written over":  # In the midst of what is compressed.
        content = path.read_bytes()
        path.write_bytes(content[:60] + b"xx" + content[62:])
    elif damage == "of another run":
        path.write_bytes(masks_file(Allocation.masked(FIELDS, [~keeps for keeps in KEEPS])))
    else:
        path.write_bytes(masks_file(Allocation.masked(FIELDS[:1], KEEPS[:1])))
    read = read_record(record_path(tmp_path, record.spec))
    with pytest.raises(RecordError, match="run again with --force|copy the file") as told:
        with_masks(tmp_path, read)
    assert str(path) in str(told.value)
