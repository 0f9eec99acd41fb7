"""Which allocations a tabular benchmark trains."""

from collections import Counter

import pytest

from aesbench import Field
from aesbench.errors import AllocationError, ConfigError
from aesbench.tabular.draws import KINDS, SEEDS, SIZES, UNIFORM, draw_allocations

FIELDS = [Field("day", 10), Field("user", 100_000), Field("flag", 10), Field("item", 1000)]


def test_a_longer_list_begins_with_the_shorter_one():
    """The trainings of 150 allocations serve 300."""
    assert draw_allocations("d", FIELDS, 300)[:157] == draw_allocations("d", FIELDS, 150)


def test_another_data_set_has_other_draws():
    """Its name seeds them; the uniform sizes are the same."""
    one, other = (draw_allocations(name, FIELDS, 20) for name in ("d", "e"))
    assert one[:7] == other[:7] and one[7:] != other[7:]


def test_uniform_sizes_come_first_and_with_both_seeds():
    """They are what headroom is measured from, and are known by their size."""
    uniform = draw_allocations("d", FIELDS, 2)[:7]
    assert [one.sizes for one in uniform] == [(size,) * 4 for size in SIZES]
    assert [one.number for one in uniform] == [-size for size in SIZES]
    assert {(one.kind, one.seeds) for one in uniform} == {(UNIFORM, SEEDS)}


def test_no_allocation_is_drawn_twice_and_none_is_uniform():
    """Every row of the table is of another one."""
    drawn = draw_allocations("d", FIELDS[:2], 20)  # Of 42 that there are.
    assert len({one.sizes for one in drawn}) == 27


def test_half_are_even_and_half_by_cardinality():
    """By the written probabilities: d ** -1.25 of 100,000 values, d ** -0.25 of ten."""
    others = [Field(str(number), 50) for number in range(6)]  # Hardly any is drawn twice.
    drawn = draw_allocations("d", [*FIELDS, *others], 2000)[7:]
    assert Counter(one.kind for one in drawn) == dict.fromkeys(KINDS, 1000)
    for field, exponent in ((0, 0.25), (1, 1.25)):
        weights = [size**-exponent for size in SIZES]
        for kind, shares in (
            ("even", [1 / 7] * 7),
            ("by cardinality", [weight / sum(weights) for weight in weights]),
        ):
            counts = Counter(one.sizes[field] for one in drawn if one.kind == kind)
            found = [counts[size] / 1000 for size in SIZES]
            assert found == pytest.approx(shares, abs=0.05)


def test_a_tenth_has_two_seeds_half_of_either_kind():
    """The noise must be that of all."""
    twice = [one for one in draw_allocations("d", FIELDS, 100)[7:] if one.seeds == SEEDS]
    assert Counter(one.kind for one in twice) == dict.fromkeys(KINDS, 5)


def test_what_does_not_exist_is_not_drawn():
    """It would be sought forever."""
    with pytest.raises(AllocationError, match="1 fields with 7 sizes have 0 allocations"):
        draw_allocations("d", FIELDS[:1], 2)
    with pytest.raises(AllocationError, match="at most half are drawn; 22 were asked for"):
        draw_allocations("d", FIELDS[:2], 22)
    with pytest.raises(ConfigError, match="allocations = 0"):
        draw_allocations("d", FIELDS, 0)
