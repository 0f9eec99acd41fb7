"""The hashing trick: how many vectors, at equal memory."""

import pytest

from aesbench.core.allocation import Block
from aesbench.errors import ConfigError
from aesbench_baselines.hashing import Hashing, HashingConfig

SHAPES = (("user", 1000, 1), ("item", 301, 1), ("kind", 200, 1))


def test_each_large_field_has_the_share(make_context):
    """Half of 1000 and of 301, rounded down; 200 values are not hashed."""
    found = Hashing().search(make_context(shapes=SHAPES), None)
    assert found.blocks == ((Block(1000, 32, 500),), (Block(301, 32, 150),), (Block(200, 32),))
    assert found.parameters == 850 * 32


@pytest.mark.parametrize("budget", [6464, 6465, 9600, 20_000, 48_031])
def test_a_budget_is_met_to_the_last_vector(make_context, budget):
    """All fields have one share, and one step more of it would not fit."""
    context = make_context(shapes=SHAPES, budget=budget)
    method = Hashing()
    found = method.search(context, None)
    assert found.parameters <= budget
    vectors = [blocks[0].vectors for blocks in found.blocks]
    shares = [(vectors[0] + 1) / 1000, (vectors[1] + 1) / 301]
    more = method.hashed(context.fields, min(shares) + 1e-9)
    assert more.parameters > budget
    assert abs(vectors[0] / 1000 - vectors[1] / 301) < 1 / 301


def test_all_vectors_are_a_uniform_size(make_context):
    """Where the budget has room for them, nothing is hashed, and no more is spent."""
    for budget in (1501 * 32, 10**6):
        found = Hashing().search(make_context(shapes=SHAPES, budget=budget), None)
        assert found.dims == (32, 32, 32)
    assert Hashing(HashingConfig(share=1.0)).search(make_context(shapes=SHAPES), None).dims


def test_a_budget_below_one_vector_each_is_named(make_context):
    """202 vectors of 32."""
    with pytest.raises(
        ConfigError, match="budget of 6463 .* take 6464; raise --budget, or lower hashing-trick.dim"
    ):
        Hashing().search(make_context(shapes=SHAPES, budget=6463), None)


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"dim": 0}, "dim"), ({"share": 0.0}, "share"), ({"threshold": -1}, "threshold")],
)
def test_settings_out_of_range_are_named(settings, words):
    """Each by its name."""
    with pytest.raises(ConfigError, match=f"hashing-trick.{words}"):
        HashingConfig(**settings)
