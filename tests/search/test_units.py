"""Units: fields cut by popularity, by hand, and the allocation and means that they give."""

import numpy as np
import pytest
import torch

from aesbench import Field
from aesbench.search.units import (
    Unit,
    UnitsOfIds,
    field_means,
    fields_as_units,
    popularity_units,
)


def field_of(name, *counts, columns=1):
    """A field with the given train counts, the last that of the out-of-vocabulary id."""
    return Field(name, len(counts), columns, np.array(counts, dtype=np.int64))


def test_values_of_one_power_of_two_are_one_unit():
    """8 to 15, 4 to 7, 1, and 0 with the last id, whatever that counts."""
    units = popularity_units([field_of("user", 15, 8, 7, 4, 1, 1, 0, 100)], 2)
    assert units == [Unit(0, 2, 23), Unit(0, 2, 11), Unit(0, 2, 2), Unit(0, 2, 0)]


def test_the_last_id_joins_the_last_unit_of_known_values():
    """It has no popularity of its own."""
    assert popularity_units([field_of("user", 9, 3, 2, 8)], 2) == [Unit(0, 1, 9), Unit(0, 3, 5)]


@pytest.mark.parametrize(
    "field",
    [
        field_of("few", 8, 4, 0),
        field_of("several", 8, 4, 2, 1, 0, columns=3),
        field_of("one", 7),
    ],
    ids=lambda field: field.name,
)
def test_some_fields_stay_whole(field):
    """Those of few values, of several in a row, or of no known one."""
    assert popularity_units([field], 4) == fields_as_units([field])
    assert fields_as_units([field]) == [Unit(0, field.cardinality, int(field.counts.sum()))]


def test_every_id_has_its_unit():
    """By the id alone; a field of several columns has one unit also where its first is padding."""
    fields = [field_of("user", 9, 3, 2, 8), field_of("tags", 5, 5, columns=2), field_of("k", 4, 1)]
    units = popularity_units(fields, 3)
    assert [unit.field for unit in units] == [0, 0, 1, 2]
    ids = torch.tensor([[0, 1, -1, 1], [1, -1, -1, 0], [3, 0, 1, 1]], dtype=torch.int32)
    assert UnitsOfIds(fields, units)(ids).tolist() == [[0, 2, 3], [1, 2, 3], [1, 2, 3]]


def test_means_by_field_are_weighted_by_counts():
    """(3 * 2 + 1 * 6) / 4 = 3; of a field without counts by rows: (1 * 0 + 3 * 4) / 4 = 3."""
    units = [Unit(0, 1, 3), Unit(0, 9, 1), Unit(1, 1, 0), Unit(1, 3, 0)]
    torch.testing.assert_close(
        field_means(units, torch.tensor([2.0, 6.0, 0.0, 4.0])), torch.tensor([3.0, 3.0])
    )
    weights = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [0.0, 1.0]])
    torch.testing.assert_close(
        field_means(units, weights), torch.tensor([[0.75, 0.25], [0.0, 1.0]])
    )
