"""Ids that share vectors: the hash, and what an allocation makes of it."""

import json

import numpy as np
import pytest

from aesbench.core.allocation import Allocation, Block
from aesbench.core.hashing import buckets_of
from aesbench.core.mask import Mask
from aesbench.errors import AllocationError


def murmur(number):
    """MurmurHash3's finaliser, written out in Python's integers."""
    number ^= number >> 16
    number = number * 0x85EBCA6B % 2**32
    number ^= number >> 13
    number = number * 0xC2B2AE35 % 2**32
    return number ^ number >> 16


@pytest.mark.parametrize(("rows", "buckets"), [(1000, 7), (1000, 999), (50_000, 20_000)])
def test_the_hash_is_murmurs(rows, buckets):
    """Exported models depend on it: it never changes."""
    expected = [murmur(number) * buckets // 2**32 for number in range(rows)]
    assert buckets_of(rows, buckets).tolist() == expected
    assert murmur(1) == 0x514E28B7  # As published.


def test_ids_are_spread_evenly_and_frequent_ones_collide_as_others_do():
    """As many empty buckets as by chance, 1/e at as many ids; so among the first ids alone."""
    for rows in (1000, 100_000):
        used = len(np.unique(buckets_of(rows, rows)))
        assert used / rows == pytest.approx(1 - np.exp(-1), abs=0.02)
    first = buckets_of(100_000, 1000)[:1000]
    assert len(np.unique(first)) < 700


def hashed():
    """Two fields: one of two blocks whose second is hashed, one that is whole."""
    return Allocation(("user", "kind"), ((Block(100, 8), Block(900, 4, 90)), (Block(5, 2),)))


def test_what_is_shared_is_counted_once():
    """100 * 8 + 90 * 4 + 5 * 2, of 1005 ids; sizes alone do not say it."""
    allocation = hashed()
    assert allocation.parameters == allocation.dense_parameters == 800 + 360 + 10
    assert allocation.field_parameters == (1160, 10) and allocation.rows == 1005
    assert allocation.memory_parameters == 1170 and allocation.index_bytes == 0
    assert allocation.is_hashed and not allocation.is_field_wise
    single = Allocation(("user",), ((Block(10, 4, 3),),))
    assert not single.is_field_wise and single != Allocation(("user",), ((Block(10, 4),),))
    with pytest.raises(AllocationError, match=r"read \.blocks"):
        _ = single.dims


def test_it_survives_json():
    """As a third entry behind the dimension; beside a masked field, too."""
    for allocation in (hashed(), with_mask()):
        again = Allocation.from_dict(json.loads(json.dumps(allocation.to_dict())))
        assert again == allocation
    assert hashed().to_dict()["user"] == [[100, 8], [900, 4, {"buckets": 90}]]


def with_mask():
    """A hashed field beside a masked one."""
    mask = Mask.of(np.eye(4, dtype=bool))
    blocks = ((Block(10, 4, 3),), (Block(4, 4),))
    return Allocation(("user", "kind"), blocks, (None, mask))


@pytest.mark.parametrize("buckets", [0, -1, 10, 11, 2.0, True, np.int64(3)])
def test_a_number_of_vectors_that_cannot_be_is_refused(buckets):
    """Of ten ids from 1 to 9 can be shared; as many as there are ids is None."""
    with pytest.raises(AllocationError, match="from 1 to 9, or None"):
        Block(10, 4, buckets)


def test_nothing_has_no_vectors_to_share():
    """A block of dimension 0 is not hashed; a mask is over a table of an id each."""
    with pytest.raises(AllocationError, match="Block.buckets of 10 rows of dimension 0"):
        Block(10, 0, 3)
    mask = Mask.of(np.eye(10, dtype=bool)[:, :4])
    with pytest.raises(AllocationError, match="'user' is hashed and has a mask"):
        Allocation(("user",), ((Block(10, 4, 3),),), (mask,))


@pytest.mark.parametrize("entry", [{"buckets": 3, "more": 1}, {"buckets": "3"}, 3, [3]])
def test_a_block_that_nobody_wrote_is_refused(entry):
    """Whatever stands behind the dimension is a mask's counts or buckets."""
    with pytest.raises(AllocationError):
        Allocation.from_dict({"user": [[10, 4, entry]]})
