"""Draws of settings: those that TPE proposes, each once, until none is left."""

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.trial import create_trial

from aesbench.core.search_space import Range
from aesbench.harness.tuning.draws import count_settings, distributions, draw

VALUES = st.one_of(
    st.lists(st.integers(0, 99), min_size=1, max_size=4, unique=True).map(tuple),
    st.tuples(st.integers(1, 5), st.integers(1, 3)).map(lambda pair: Range(pair[0], sum(pair))),
    st.just(("train", "validation")),
)
SPACES = st.dictionaries(st.sampled_from("abc"), VALUES, min_size=1)


@pytest.mark.parametrize(
    ("space", "count"),
    [
        ({"dim": (2, 4, 8)}, 3),
        ({"dim": (2, 4, 8), "steps": Range(1, 10), "snap": (False, True)}, 60),
        ({"dim": (2, 4, 8), "rate": Range(0.0, 1.0)}, None),
        ({}, 1),
    ],
    ids=["list", "product", "real", "nothing"],
)
def test_the_settings_of_a_space_are_counted(space, count):
    """The product of lists and whole ranges; real numbers are without number."""
    assert count_settings(space) == count


@given(SPACES, st.integers(0, 2**63))
def test_a_finite_space_is_drawn_to_its_end_without_a_repeat(space, seed):
    """As many draws as there are settings, all different, each of the space; then none."""
    tried = []
    while (settings := draw(space, [], tried, lambda attempt: seed + attempt)) is not None:
        assert settings not in tried and list(settings) == list(space)
        assert all(value in space[name] for name, value in settings.items())
        tried.append(settings)
    assert len(tried) == count_settings(space)


def test_equal_seeds_draw_alike_and_others_differ():
    """On what was told and tried, a seed gives one answer."""
    space = {"rate": Range(1e-4, 1e-1, log=True), "dim": Range(1, 64)}
    one, again, other = (draw(space, [], [], lambda _, seed=seed: seed) for seed in (3, 3, 4))
    assert one == again != other


def test_draws_follow_what_was_told():
    """After forty trials that like a small rate, most draws are small; TPE has learnt it."""
    space = {"rate": Range(0.0, 1.0)}
    told = [
        create_trial(params={"rate": rate}, distributions=distributions(space), value=-rate)
        for rate in (number / 40 for number in range(40))
    ]
    drawn = [draw(space, told, [], lambda _, seed=seed: seed)["rate"] for seed in range(10)]
    assert sum(rate < 0.3 for rate in drawn) >= 8


def test_the_last_settings_are_found_where_tpe_repeats(monkeypatch):
    """A sampler that knows one answer only does not keep the others from being tried."""
    monkeypatch.setattr(
        "aesbench.harness.tuning.draws.TPESampler",
        lambda seed: optuna.samplers.RandomSampler(seed=0),
    )
    space, tried = {"dim": (2, 4, 8), "steps": Range(3, 5)}, []
    while (settings := draw(space, [], tried, lambda attempt: attempt)) is not None:
        tried.append(settings)
    assert len(tried) == 9


def test_a_range_too_narrow_for_another_number_ends():
    """Two neighbouring reals are no endless search."""
    space = {"rate": Range(1.0, 1.0 + 2**-52)}
    tried = [{"rate": 1.0}, {"rate": 1.0 + 2**-52}]
    assert draw(space, [], tried, lambda attempt: attempt) is None
