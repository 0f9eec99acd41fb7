"""Values by magnitude: how many are kept, and what a budget holds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aesbench import Field
from aesbench.errors import ConfigError
from aesbench.search.pruning import Ranking

FIELDS = (Field("user", 3), Field("kind", 2))
MAGNITUDES = np.array([[9, 1], [0, 5], [8, 2], [7, 7], [3, 4]], dtype=np.float32)


def kept(allocation):
    """What is kept of every field, as lists of 0 and 1."""
    masks = allocation.masks or [None] * len(allocation.names)
    return [
        np.ones((blocks[0].rows, blocks[0].dim), int).tolist()
        if mask is None
        else mask.values().astype(int).tolist()
        for blocks, mask in zip(allocation.blocks, masks, strict=True)
    ]


def test_the_largest_values_of_all_fields_are_kept():
    """9, 8 and the two 7: two of each field, the second field's one whole row."""
    found = Ranking(FIELDS, MAGNITUDES).largest(4)
    assert kept(found) == [[[1, 0], [0, 0], [1, 0]], [[1, 1], [0, 0]]]
    assert kept(Ranking(FIELDS, MAGNITUDES).largest(3)) == [
        [[1, 0], [0, 0], [1, 0]],
        [[1, 0], [0, 0]],
    ]


def test_a_field_without_a_value_has_no_dimension():
    """The largest two are the first field's; all values need no mask."""
    found = Ranking(FIELDS, MAGNITUDES).largest(2)
    assert found.blocks[1][0].dim == 0 and found.parameters == 2
    assert not Ranking(FIELDS, MAGNITUDES).largest(10).masks


@given(st.integers(0, 2**32 - 1), st.floats(0, 1.1))
def test_a_budget_is_met_to_the_last_value(seed, share):
    """It holds what is kept and its index, and not with the next value."""
    draw = np.random.default_rng(seed)
    fields = (Field("a", int(draw.integers(1, 60))), Field("b", int(draw.integers(1, 9))))
    shape = (sum(field.cardinality for field in fields), 16)
    magnitudes = draw.exponential(size=shape) * draw.choice([0, 1, 5], size=(shape[0], 1))
    ranking = Ranking(fields, magnitudes)
    least = ranking.largest(1).memory_parameters
    budget = least + int(share * (magnitudes.size - least))
    found = ranking.within(budget, "mine")
    assert found.memory_parameters <= budget
    if found.parameters < magnitudes.size:
        assert ranking.largest(found.parameters + 1).memory_parameters > budget


def test_a_budget_below_the_largest_value_is_refused():
    """One value of three rows: by a bitmap 1 byte and 12, hence 1 + 4 parameters."""
    ranking = Ranking(FIELDS, MAGNITUDES)
    assert ranking.within(5, "mine").parameters == 1
    with pytest.raises(ConfigError, match="mine cannot meet a budget of 4 .* alone takes 5"):
        ranking.within(4, "mine")
