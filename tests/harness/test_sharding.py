"""Shards: together the grid, no prepared state in two of them, evenly dealt."""

from pathlib import Path

import pytest

from aesbench.errors import ConfigError
from aesbench.harness.grid import by_prepared_state, plan
from aesbench.harness.sharding import Shard
from aesbench.plugins.registry import load_plugin

SUPERNET = Path(__file__).parents[1] / "plugin_files" / "supernet.py"


@pytest.fixture(scope="module")
def specs(planted_tiny):
    """Runs of their own, runs that share a supernet, and searches of one state: 3 seeds."""
    load_plugin(SUPERNET)
    grid = {"backbones": ["widedeep", "deepfm"], "seeds": range(3)}
    return plan(planted_tiny, ["ues:2", "mde", "adass"], **grid) + plan(
        planted_tiny, ["supernet"], searches=3, **grid
    )


@pytest.mark.parametrize("of", [1, 2, 7])
def test_shards_are_the_grid_cut_between_prepared_states(specs, of):
    """Every run is in one shard, in the grid's order, beside those that share its state."""
    shards = [Shard(number, of).of_grid(specs) for number in range(1, of + 1)]
    homes = {spec.run_id: n for n, shard in enumerate(shards) for spec in shard}
    assert len(homes) == len(specs) == sum(map(len, shards))
    places = {spec.run_id: place for place, spec in enumerate(specs)}
    for shard in shards:
        assert [places[s.run_id] for s in shard] == sorted(places[s.run_id] for s in shard)
    for group in by_prepared_state(specs):
        assert len({homes[spec.run_id] for spec in group}) == 1


def test_every_label_is_dealt_out_evenly(specs):
    """Three seeds in two shards are two and one of each method, so that both take as long."""
    shards = [Shard(number, 2).of_grid(specs) for number in (1, 2)]
    labels = {(spec.label, spec.backbone): spec for spec in specs}
    for kind in labels:
        counts = [
            len({spec.seed for spec in shard if (spec.label, spec.backbone) == kind})
            for shard in shards
        ]
        assert max(counts) - min(counts) <= 1
    largest_group = 3  # Three searches of one state.
    assert abs(len(shards[0]) - len(shards[1])) <= largest_group


def test_shards_depend_on_the_grid_and_not_on_its_order(specs):
    """Another machine that plans the same runs in another order cuts them alike."""
    backwards = Shard(2, 3).of_grid(specs[::-1])
    assert {s.run_id for s in backwards} == {s.run_id for s in Shard(2, 3).of_grid(specs)}


@pytest.mark.parametrize("text", ["", "3", "0/4", "5/4", "1/0", "-1/4", "1/4/2", "a/b", "1 / 4"])
def test_a_shard_that_is_none_is_an_error_that_shows_one(text):
    """Counting starts at 1, and ends at the number of shards."""
    with pytest.raises(ConfigError, match="--shard .*: expected NUMBER/OF"):
        Shard.from_text(text)


def test_a_shard_is_read_from_text():
    """`3/8` is the third of eight."""
    assert Shard.from_text("3/8") == Shard(3, 8)
