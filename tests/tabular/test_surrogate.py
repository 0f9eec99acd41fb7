"""Surrogates: what they predict, and which is chosen."""

import numpy as np
import pytest

from aesbench.tabular.choosing import choose, folds_of
from aesbench.tabular.surrogate import KINDS, SUMMED, Shape, Surrogate


def drawn(count, fields=5, seed=0):
    """Random sizes (allocations, fields)."""
    return 2.0 ** np.random.default_rng(seed).integers(0, 7, (count, fields))


@pytest.mark.parametrize("kind", KINDS)
def test_predictions_are_those_of_kernel_regression(kind):
    """Without noise the surrogate goes through what it was fitted to."""
    sizes = drawn(40)
    scores = np.sin(np.log2(sizes)).sum(1)
    share = 0.0 if kind in SUMMED else 0.5
    found = Surrogate(Shape(kind, 2.0, 1e-10, share), sizes, scores).predict(sizes)
    if kind not in SUMMED:  # Forty allocations are more than any sum over fields can be bent to.
        assert found == pytest.approx(scores, abs=1e-5)
    else:
        assert found == pytest.approx(scores, abs=1e-3)


@pytest.mark.parametrize("kind", SUMMED)
def test_effects_of_fields_add_up_to_the_prediction(kind):
    """What the front sums is what is predicted."""
    sizes = drawn(40)
    surrogate = Surrogate(Shape(kind, 2.0, 0.1), sizes, np.log2(sizes) @ np.arange(5.0))
    new = drawn(7, seed=1)
    effects = sum(surrogate.effect(field, new[:, field]) for field in range(5))
    assert surrogate.mean + effects == pytest.approx(surrogate.predict(new))


def test_sums_are_chosen_for_sums():
    """And their error is that of the noise."""
    sizes = drawn(150, 8)
    noise = np.random.default_rng(1).normal(0, 0.01, 150)
    found = choose(sizes, np.log2(sizes) @ np.linspace(0.1, 0.8, 8) + noise)
    assert found.shape.kind in SUMMED
    assert 0.009 < found.error < 0.012 and found.explained > 0.99


def test_interactions_are_chosen_where_they_earn_it():
    """The product of two fields' doublings is no sum."""
    sizes = drawn(150)
    places = np.log2(sizes)
    found = choose(sizes, places.sum(1) + places[:, 0] * places[:, 1])
    assert found.shape.kind not in SUMMED
    assert found.error < 0.3 * found.errors["additive"]


def test_folds_are_even_and_always_the_same():
    """Ten, or as many as there are allocations."""
    assert sorted(np.bincount(folds_of(25))) == [2] * 5 + [3] * 5
    assert (folds_of(25) == folds_of(25)).all()
    assert len(set(folds_of(4))) == 4
