"""Blocks: groups of equal mass, runs of equal size, and the allocation of both."""

import numpy as np
import pytest

from aesbench.core.allocation import Block
from aesbench.datasets.base import Field
from aesbench.search.blocks import allocation_of, blocks_of, equal_mass_groups


def test_groups_hold_equal_shares_of_the_occurrences():
    """By hand: 16 known occurrences, 4 a share; the id out of vocabulary is in the last group."""
    assert equal_mass_groups(np.array([4, 4, 2, 2, 2, 1, 1, 9]), 4) == [1, 1, 2, 4]
    # The first id completes two shares at once.
    assert equal_mass_groups(np.array([8, 4, 2, 1, 1, 0, 0, 5]), 4) == [1, 1, 6]
    assert equal_mass_groups(np.array([7]), 4) == [1]
    assert equal_mass_groups(np.array([0, 0, 3]), 4) == [3]
    assert equal_mass_groups(np.array([5, 5, 0]), 1) == [3]


def test_neighbours_of_one_size_are_one_block():
    """Not across fields, and not where another size comes between two of the same."""
    fields = [Field("user", 6), Field("kind", 3), Field("k", 2)]
    found = allocation_of(fields, (2, 1, 1, 2, 1, 2, 2), (8, 2, 2, 8, 8, 0, 0))
    assert found.blocks == (
        (Block(2, 8), Block(2, 2), Block(2, 8)),
        (Block(1, 8), Block(2, 0)),
        (Block(2, 0),),
    )
    found.check_fits(fields)


@pytest.mark.parametrize(
    ("dims", "most", "blocks"),
    [
        ([4, 4, 2, 2, 2], None, [(2, 4), (3, 2)]),
        ([0, 8], None, [(1, 0), (1, 8)]),
        ([4, 4, 2, 2, 2], 1, [(5, 2)]),
        # One row of 3 between fives of 4 and 2: to join either costs 1; the first comes first.
        ([4] * 5 + [3] + [2] * 5, 2, [(6, 4), (5, 2)]),
        # A row of 9 in fours: joining makes all of it one block.
        ([4, 4, 9, 4, 4], 2, [(5, 4)]),
        ([8, 8, 2, 2], 1, [(4, 2)]),  # As many rows of both: the smaller size.
    ],
)
def test_blocks_are_runs_joined_where_it_changes_least(dims, most, blocks):
    """The rows stay as many as there were."""
    assert blocks_of(np.array(dims), most) == tuple(Block(rows, dim) for rows, dim in blocks)
