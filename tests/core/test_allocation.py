"""Allocations: counting, checking, and the way through JSON."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aesbench import Allocation, Block, Field
from aesbench.core.allocation import random_sizes, sizes_text
from aesbench.errors import AllocationError

FIELDS = (Field("user", 10), Field("item", 4))
blocks = st.lists(st.builds(Block, st.integers(1, 99), st.integers(1, 64)), min_size=1, max_size=4)
allocations = st.dictionaries(st.text(min_size=1), blocks, min_size=1, max_size=5).map(
    lambda fields: Allocation(tuple(fields), tuple(map(tuple, fields.values())))
)


def test_parameters_are_rows_times_dimension():
    """10 x 8 + 3 x 4 + 1 x 2 = 94."""
    allocation = Allocation(("user", "item"), ((Block(10, 8),), (Block(3, 4), Block(1, 2))))
    assert (allocation.parameters, allocation.rows, allocation.is_field_wise) == (94, 14, False)
    with pytest.raises(AllocationError, match="sizes differ inside a field"):
        _ = allocation.dims


def test_constructors_give_one_block_per_field():
    """`uniform` and `field_wise` cover every row of each field."""
    assert Allocation.uniform(FIELDS, 8) == Allocation.field_wise(FIELDS, [8, 8])
    assert Allocation.field_wise(FIELDS, [2, 0]).dims == (2, 0)
    Allocation.field_wise(FIELDS, [2, 0]).check_fits(FIELDS)


@given(allocations)
def test_an_allocation_survives_json(allocation):
    """What `from_dict` reads equals what was written, and hashes alike."""
    again = Allocation.from_dict(json.loads(json.dumps(allocation.to_dict())))
    assert again == allocation and hash(again) == hash(allocation)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: Block(0, 8), "Block.rows must be an int of at least 1, got 0"),
        (lambda: Block(3, -1), "Block.dim must be an int of at least 0, got -1"),
        (lambda: Block(3, 8.0), "got 8.0 .float.; cast"),
        (lambda: Block(3, np.int64(8)), "int64"),
        (lambda: Block(3, True), "bool"),
        (lambda: Allocation((), ()), "at least one field"),
        (lambda: Allocation(("a", "a"), ((Block(1, 1),),) * 2), "must be distinct"),
        (lambda: Allocation(("a",), ((),)), "'a' has no block"),
        (lambda: Allocation.uniform(FIELDS, 0), "every block has dimension 0"),
        (lambda: Allocation.field_wise(FIELDS, [8]), "expected 2 dimensions, got 1"),
        (lambda: Allocation.from_dict({"a": 3}), "pairs"),
        (lambda: Allocation.uniform(FIELDS[:1], 8).check_fits(FIELDS), "has .'user', 'item'."),
        (
            lambda: Allocation.uniform((Field("user", 9), FIELDS[1]), 8).check_fits(FIELDS),
            "'user' hold 9 rows, its cardinality is 10",
        ),
    ],
)
def test_a_malformed_allocation_is_refused(build, words):
    """The error names the value and what was expected."""
    with pytest.raises(AllocationError, match=words):
        build()


@given(allocations)
def test_parameters_and_rows_are_conserved(allocation):
    """They are the sums over blocks, whether counted by field, by size or after JSON."""
    every = [block for own in allocation.blocks for block in own]
    by_size = {dim: sum(b.rows for b in every if b.dim == dim) for dim in {b.dim for b in every}}
    assert allocation.parameters == sum(dim * rows for dim, rows in by_size.items())
    assert allocation.rows == sum(by_size.values())
    fields = [
        Field(name, sum(block.rows for block in own))
        for name, own in zip(allocation.names, allocation.blocks, strict=True)
    ]
    allocation.check_fits(fields)
    assert allocation.is_field_wise == (len(every) == len(fields))


@given(st.lists(st.tuples(st.integers(1, 99), st.integers(1, 64)), min_size=1, max_size=5))
def test_field_wise_sizes_come_back_as_dims(pairs):
    """Cardinality times size, summed; `uniform` is the case of one size."""
    fields = [Field(f"f{i}", cardinality) for i, (cardinality, _) in enumerate(pairs)]
    dims = [dim for _, dim in pairs]
    allocation = Allocation.field_wise(fields, dims)
    assert allocation.dims == tuple(dims) and allocation.is_field_wise
    assert allocation.parameters == sum(cardinality * dim for cardinality, dim in pairs)


@pytest.mark.parametrize(
    "data",
    [[["a", 1]], None, 5, {"a": [[1]]}, {"a": [[1, 2, 3]]}, {"a": ["12"]}, {"a": "12"}, {"a": []}],
    ids=str,
)
def test_json_of_another_shape_is_refused(data):
    """Whatever a foreign file holds, the error is the user's and not a traceback."""
    with pytest.raises(AllocationError):
        Allocation.from_dict(data)


def test_fields_in_another_order_are_refused():
    """Blocks belong to fields by position: an exchange would go unnoticed in the embedding."""
    same_size = (Field("user", 4), Field("item", 4))
    allocation = Allocation.uniform(same_size, 8)
    with pytest.raises(AllocationError, match="keep their order"):
        allocation.check_fits(same_size[::-1])


def test_random_sizes_are_always_the_same_and_a_longer_list_begins_with_the_shorter():
    """Scores made at different times are of the same allocations; each occurs once."""
    long, short = (random_sizes(FIELDS, (2, 8, 16), count) for count in (9, 4))
    assert long[:4] == short == random_sizes(FIELDS, (2, 8, 16), 4)
    assert len(set(long)) == 9 and {dim for dims in long for dim in dims} == {2, 8, 16}


def test_all_allocations_can_be_drawn_and_no_more():
    """Two sizes for two fields are four allocations."""
    assert len(set(random_sizes(FIELDS[:2], (2, 8), 4))) == 4
    with pytest.raises(AllocationError, match="have 4 allocations, 5 were asked for"):
        random_sizes(FIELDS[:2], (2, 8), 5)


def test_random_sizes_are_uniform():
    """Each of 5 sizes has each field about a fifth of the times: 2,000 draws, 4 deviations."""
    fields = [Field(f"field {number}", 3) for number in range(10)]
    drawn = random_sizes(fields, (2, 8, 16, 32, 64), 2000)
    for sizes in zip(*drawn, strict=True):
        for size in (2, 8, 16, 32, 64):
            assert abs(sizes.count(size) - 400) < 4 * (2000 * 0.2 * 0.8) ** 0.5


def test_sizes_are_one_word():
    """Labels and scores name an allocation by its sizes."""
    assert sizes_text((2, 8, 64)) == "2-8-64"
