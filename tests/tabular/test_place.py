"""A place of the tabular benchmark: asked for what was trained and for what was not."""

import subprocess
import sys
import time

import numpy as np
import pytest

from aesbench.errors import AllocationError, ConfigError, RecordError
from aesbench.tabular.draws import SIZES, draw_allocations
from aesbench.tabular.place import known_places, load


def test_what_was_trained_is_looked_up(toy):
    """The mean over seeds, one of them, or an epoch of one."""
    sizes = toy.trained[7]  # The first that was drawn has two seeds.
    one, other = toy.query(sizes, seed=100), toy.query(sizes, seed=101)
    both = toy.query(sizes)
    assert both.seeds == (100, 101) and one.seeds == (100,)
    assert both.validation_auc == pytest.approx((one.validation_auc + other.validation_auc) / 2)
    assert one.test_auc == pytest.approx(one.validation_auc - 0.01)
    first = toy.query(sizes, seed=100, epoch=1)
    assert first.validation_auc == pytest.approx(one.validation_auc - 0.02)
    assert first.test_auc is None
    assert toy.query(dict(zip(toy.fields, sizes, strict=True))) == both


def test_a_query_takes_less_than_a_millisecond(toy):
    """The best of a hundred, on a machine that does other work."""
    sizes, seconds = toy.trained[9], []
    for _ in range(100):
        start = time.perf_counter()
        toy.query(sizes)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 1e-3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((64, 64, 64, 63),), "63 were not trained; the nearest that were: 64-64-64-64"),
        (((64, 64),), "2 sizes; toy/widedeep has 4 fields: day, user, flag, item"),
        (({"day": 1},), "sizes for day; the fields of toy/widedeep are day, user"),
        (((1, 1, 1, 1), 7), "not trained with seed 7, only with 100, 101"),
        (((1, 1, 1, 1), None, 4), "epoch 4 .* trained for 3 epochs"),
        (((1, 1, 1, 1), None, 0), "epoch 0"),
    ],
)
def test_what_was_not_trained_is_told(toy, arguments, message):
    """With the nearest that was, or what there is."""
    with pytest.raises(AllocationError, match=message):
        toy.query(*arguments)


def test_samples_are_of_what_was_trained(toy):
    """Without repetition, and the same for the same seed."""
    found = toy.sample(20)
    assert len(set(found)) == 20 and set(found) <= set(toy.trained)
    assert found == toy.sample(20, seed=0) != toy.sample(20, seed=1)
    assert len(toy.sample(3, np.random.default_rng(5))) == 3
    with pytest.raises(AllocationError, match="1000 allocations of 67"):
        toy.sample(1000)


def test_predictions_are_near_the_truth_and_say_how_near(toy, world):
    """Of allocations that were never trained."""
    others = [one.sizes for one in draw_allocations("others", world.fields, 50)[7:]]
    errors = [toy.predict(one).validation_auc - world.truth(one) for one in others]
    assert np.std(errors) < 2 * world.noise
    found = toy.predict(others[0])
    assert world.noise / 2 < found.auc_error < 4 * world.noise
    assert found.validation_logloss == pytest.approx(1.2 - found.validation_auc, abs=0.002)
    assert toy.card["surrogates"]["validation_auc"]["noise"] == pytest.approx(world.noise, rel=0.5)
    with pytest.raises(AllocationError, match="size 3 is none of 1, 2, 4"):
        toy.predict((1, 2, 3, 4))


def test_the_front_is_what_the_surrogate_expects_most_of(toy, world):
    """Wide where width is worth something, within the budget, and never below the smallest."""
    rows = sum(field.cardinality for field in world.fields)
    assert toy.front(rows) == [(1, 1, 1, 1)]
    best, *others = toy.front(2 * rows, 3)
    assert best[:2] == (64, 1) and best[2] >= 32 and best[3] == 1
    predicted = [toy.predict(one).validation_auc for one in (best, *others)]
    assert predicted == sorted(predicted, reverse=True)
    assert all(toy.parameters(one) <= 2 * rows for one in (best, *others))
    with pytest.raises(ConfigError, match="size 1 for every field takes 2520"):
        toy.front(rows - 1)


def test_a_front_with_interactions_is_searched(tmp_path, world):
    """It finds what the sum alone would not name first."""
    place = load("toy/widedeep", world.write(tmp_path, interaction=-0.0015))
    assert place.card["surrogates"]["validation_auc"]["shape"]["kind"] in ("pairs", "product")
    (best,) = place.front(10**9)
    every = [(a, b, c, d) for a in SIZES for b in (1, 2) for c in SIZES for d in (1, 2)]
    assert (
        world.truth(best, -0.0015)
        > max(world.truth(one, -0.0015) for one in every) - 4 * world.noise
    )


def test_costs_are_parameters_and_seconds(toy):
    """Measured of what was trained, else of what is nearest in parameters."""
    assert toy.cost((2, 2, 2, 2)) == (cost := toy.cost({name: 2 for name in toy.fields}))
    assert (cost.parameters, cost.seconds) == (5040, 5.04)
    cost = toy.cost((2, 2, 2, 1))
    assert cost.parameters == 4540 and 2 < cost.seconds < 8


def test_places_are_found_by_name(places, tmp_path, world):
    """An unknown one is told, with what there is; a damaged one, too."""
    assert known_places(places) == ["toy/widedeep"]
    with pytest.raises(ConfigError, match="no place 'toy/wide'.*did you mean 'toy/widedeep'"):
        load("toy/wide", places)
    with pytest.raises(ConfigError, match="There are: none; aesbench reproduce tabular makes one"):
        load("toy", tmp_path)
    folder = world.write(tmp_path)
    (folder / "toy" / "widedeep" / "table.parquet").write_bytes(b"PAR1")
    with pytest.raises(RecordError, match="cannot read the place under .*make it again"):
        load("toy/widedeep", folder)


def test_reading_a_place_needs_no_torch(places):
    """In a process of its own."""
    code = (
        "import sys; from aesbench import tabular;"
        f"tabular.load('toy/widedeep', {str(places)!r}).front(9999);"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
