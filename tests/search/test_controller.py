"""The controller network: its features by hand, its layers against a second way to compute them."""

import pytest
import torch

from aesbench.search.controller import Controller, popularity_features
from aesbench.search.units import Unit

UNITS = [Unit(0, 1, 8), Unit(1, 2, 8), Unit(2, 4, 8)]


def test_popularity_by_hand():
    """Cardinalities 1, 2, 4 have logs 0, 1, 2 (times log 2), so -1, 0, 1 over sqrt(2/3).

    Mean counts 8, 4, 2 give the opposite: every row has a value of every field.
    """
    unit = (3 / 2) ** 0.5
    expected = torch.tensor([[-unit, unit], [0, 0], [unit, -unit]])
    torch.testing.assert_close(popularity_features(UNITS), expected)


@pytest.mark.parametrize("units", [[Unit(0, 2, 4)], [Unit(0, 1, 0), Unit(1, 1, 0)]])
def test_what_all_units_share_is_zero(units):
    """One unit, or equal ones, even without any count: nothing to tell apart, nothing infinite."""
    assert not popularity_features(units).any()


def test_logits_are_those_of_the_layers():
    """Identity, popularity and state side by side; linear, normalisation, tanh, linear."""
    controller = Controller(UNITS, 2, 5, torch.Generator().manual_seed(0))
    state = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]])
    inputs = torch.cat([controller.identity, popularity_features(UNITS), state], 1)
    assert inputs.shape == (3, 16 + 2 + 2)
    hidden = inputs @ controller.hidden.weight.T + controller.hidden.bias
    assert hidden.shape == (3, 512)
    centred = hidden - hidden.mean(1, keepdim=True)
    normed = centred / (hidden.var(1, unbiased=False, keepdim=True) + 1e-5).sqrt()
    expected = torch.tanh(normed) @ controller.output.weight.T + controller.output.bias
    torch.testing.assert_close(controller(state), expected)


def test_units_of_equal_popularity_can_differ():
    """Each has a learnt vector of its own."""
    units = [Unit(0, 2, 4), Unit(1, 2, 4)]
    first, second = Controller(units, 1, 2, torch.Generator().manual_seed(0))(torch.zeros(2, 1))
    assert not torch.equal(first, second)
