"""Masks: what they keep, what it costs to say so, and allocations that carry them."""

import dataclasses
import json

import numpy as np
import pytest

from aesbench import Allocation, Block, Field, Mask
from aesbench.errors import AllocationError

FIELDS = (Field("user", 3), Field("item", 2))


def keeps(rows, dim, *kept):
    """Truth values ``(rows, dim)``, true at these places only."""
    values = np.zeros((rows, dim), dtype=np.bool_)
    for place in kept:
        values[place] = True
    return values


USER = keeps(3, 4, (0, 0), (0, 3), (2, 1))
ALL = np.ones((2, 4), dtype=np.bool_)


def test_a_mask_gives_back_what_it_was_made_from():
    """Three values in two of three rows; the bits are an eighth of a byte each."""
    mask = Mask.of(USER)
    assert (mask.rows, mask.dim, mask.kept, mask.kept_rows) == (3, 4, 3, 2)
    assert np.array_equal(mask.values(), USER) and len(mask.bits) == 2


def test_whole_rows_need_a_dimension():
    """Rows 0 and 2 of three, each with all of its four values."""
    mask = Mask.of(np.array([True, False, True]), dim=4)
    assert mask == Mask.of(np.array([[True] * 4, [False] * 4, [True] * 4]))
    assert mask.is_of_rows and mask.kept == 8
    with pytest.raises(AllocationError, match="needs the dimension of its table"):
        Mask.of(np.array([True, False]))


def test_equal_masks_are_equal_without_their_values_and_shapes_tell_apart():
    """A record holds counts and a hash only; 2 x 3 is not 3 x 2 of the same bits."""
    mask = Mask.of(USER)
    read = Mask.from_dict(3, 4, json.loads(json.dumps(mask.to_dict())))
    assert read == mask and hash(read) == hash(mask) and read.bits is None
    assert read.index_bytes == mask.index_bytes
    assert Mask.of(~USER) != mask
    wide, tall = keeps(2, 3, (0, 0)), keeps(3, 2, (0, 0))
    assert np.packbits(wide).tobytes() == np.packbits(tall).tobytes()
    assert Mask.of(wide).sha256 != Mask.of(tall).sha256
    with pytest.raises(AllocationError, match="were not read"):
        read.values()
    assert np.array_equal(read.with_bits(mask.bits).values(), USER)
    with pytest.raises(AllocationError, match="not those that were found"):
        read.with_bits(Mask.of(~USER).bits)


def test_the_index_is_the_smallest_of_its_formats():
    """By hand: rows 4n; csr b nnz + 4(n + 1); bitmap n d / 8 + 4n."""
    rows = Mask.of(np.arange(10) < 4, dim=32)
    assert (rows.index_format, rows.index_bytes) == ("rows", 4 * 10)
    few = Mask.of(keeps(10, 32, (0, 0), (3, 1)))
    assert (few.index_format, few.index_bytes) == ("csr", 2 + 4 * 11)
    most = Mask.of(~keeps(10, 32, (0, 0), (3, 1)))
    assert (most.index_format, most.index_bytes) == ("bitmap", 10 * 32 // 8 + 4 * 10)
    # 300 components take two bytes each: 5 in csr 2 * 5 + 4 * 3 = 22, as bitmap 75 + 8.
    wide = Mask.of(keeps(2, 300, *((0, place) for place in range(5))))
    assert (wide.index_format, wide.index_bytes) == ("csr", 22)
    # A bit too many makes a byte more: 3 x 3 values take two bytes.
    odd = Mask.of(~keeps(3, 3, (1, 1)))
    assert (odd.index_format, odd.index_bytes) == ("bitmap", 2 + 12)


def test_an_allocation_counts_what_its_masks_keep():
    """3 of 12 values of user, all 8 of item; csr takes 3 + 16 bytes, the bitmap 2 + 12."""
    allocation = Allocation.masked(FIELDS, [USER, ALL])
    assert allocation.masks == (Mask.of(USER), None)
    assert (allocation.parameters, allocation.dense_parameters) == (11, 20)
    assert allocation.index_bytes == 14 and allocation.memory_parameters == 11 + 4
    assert allocation.rows == 5
    allocation.check_fits(FIELDS)
    assert "11 kept values, and 14 bytes of index" in allocation.index_note


def test_a_masked_field_has_no_one_size():
    """Whoever reads sizes per field is told so, as of several blocks."""
    allocation = Allocation.masked(FIELDS, [USER, ALL])
    assert not allocation.is_field_wise
    with pytest.raises(AllocationError, match="sizes differ inside a field"):
        _ = allocation.dims


def test_masks_that_keep_all_or_nothing_are_no_masks():
    """Equal allocations are equal, however they were made; without masks all is as before."""
    assert Allocation.masked(FIELDS, [keeps(3, 4), ALL]) == Allocation.field_wise(FIELDS, [0, 4])
    plain = Allocation.uniform(FIELDS, 4)
    assert dataclasses.replace(plain, masks=(None, None)) == plain
    assert plain.masks == () and plain.index_note == "" and plain.index_bytes == 0
    assert plain.memory_parameters == plain.parameters == plain.dense_parameters
    assert plain.to_dict() == {"user": [[3, 4]], "item": [[2, 4]]}


def test_a_masked_allocation_survives_json_but_for_its_values():
    """The counts and the hash stand behind the block; equality and hash stay."""
    allocation = Allocation.masked(FIELDS, [USER, ALL])
    written = json.loads(json.dumps(allocation.to_dict()))
    assert written["item"] == [[2, 4]]
    assert written["user"][0][:2] == [3, 4] and written["user"][0][2]["kept"] == 3
    again = Allocation.from_dict(written)
    assert again == allocation and hash(again) == hash(allocation)
    assert again.memory_parameters == allocation.memory_parameters


def test_a_mask_whose_counts_are_not_its_own_is_refused():
    """Whoever made it by hand would be counted too little."""
    mask = dataclasses.replace(Mask.of(USER), kept=2)
    allocation = Allocation(("user",), ((Block(3, 4),),), (mask,))
    with pytest.raises(AllocationError, match="'user' does not keep 2 values in 2 rows"):
        allocation.check_fits(FIELDS[:1])


def mask_dict(**changes):
    """What an allocation's JSON says of USER's mask, with changes."""
    return Mask.of(USER).to_dict() | changes


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: Mask.of(np.ones((2, 2))), "numpy array of bool"),
        (lambda: Mask.of([[True]]), "numpy array of bool"),
        (lambda: Mask.of(USER, dim=5), "not of dimension 5"),
        (lambda: Mask(2, 2, 5, 2, ""), "cannot keep 5 values"),
        (lambda: Mask(2, 2, 3, 1, ""), "cannot keep 3 values in 1 rows"),
        (lambda: Allocation.masked(FIELDS, [USER.T, ALL]).check_fits(FIELDS), "mask of field 'us"),
        (lambda: Allocation.masked(FIELDS, [USER]), "expected 2 dimensions, got 1"),
        (
            lambda: Allocation(("a",), ((Block(1, 4), Block(2, 4)),), (Mask.of(USER),)),
            "2 blocks and a mask",
        ),
        (lambda: Allocation(("a",), ((Block(3, 2),),), (Mask.of(USER),)), "its table 3 x 2"),
        (
            lambda: Allocation(("a",), ((Block(2, 4),),), (Mask.of(ALL),)),
            "keeps 8 of 8 values; give",
        ),
        (
            lambda: Allocation(("a",), ((Block(3, 4),),), (Mask.of(USER), None)),
            "for each of 1 fields, got 2",
        ),
        (lambda: Allocation.from_dict({"a": [[3, 4, 7]]}), "7 is no mask"),
        (lambda: Allocation.from_dict({"a": [[3, 4, mask_dict(), 1]]}), "too many values"),
        (lambda: Allocation.from_dict({"a": [[3, 4, mask_dict()], [1, 2]]}), "too many values"),
        (lambda: Allocation.from_dict({"a": [[3, 4, {"kept": 1}]]}), "a mask has kept, kept_rows"),
        (lambda: Allocation.from_dict({"a": [[3, 4, mask_dict(sha256=1)]]}), "a mask has kept"),
        (lambda: Allocation.from_dict({"a": [[3, 4, mask_dict(kept=13)]]}), "cannot keep 13"),
    ],
)
def test_what_is_no_mask_is_refused(build, words):
    """The message says what was expected."""
    with pytest.raises(AllocationError, match=words):
        build()
