"""The controller network: its features by hand, its layers against a second way to compute them."""

import numpy as np
import pytest
import torch

from aesbench import Field
from aesbench.search.controller import FieldController, popularity_features


def field_of(name, *counts):
    """A field with the given train counts."""
    return Field(name, len(counts), 1, np.array(counts, dtype=np.int64))


def test_popularity_by_hand():
    """Cardinalities 1, 2, 4 have logs 0, 1, 2 (times log 2), so -1, 0, 1 over sqrt(2/3).

    Mean counts 8, 4, 2 give the opposite: every row has a value of every field.
    """
    fields = [field_of("a", 8), field_of("b", 7, 1), field_of("c", 4, 2, 1, 1)]
    unit = (3 / 2) ** 0.5
    expected = torch.tensor([[-unit, unit], [0, 0], [unit, -unit]])
    torch.testing.assert_close(popularity_features(fields), expected)


@pytest.mark.parametrize("fields", [[field_of("a", 3, 1)], [field_of("a", 0), field_of("b", 0)]])
def test_what_all_fields_share_is_zero(fields):
    """One field, or equal ones, even without any count: nothing to tell apart, nothing infinite."""
    assert not popularity_features(fields).any()


def test_logits_are_those_of_the_layers():
    """Identity, popularity and state side by side; linear, normalisation, tanh, linear."""
    fields = [field_of("a", 8), field_of("b", 7, 1), field_of("c", 4, 2, 1, 1)]
    controller = FieldController(fields, 2, 5, torch.Generator().manual_seed(0))
    state = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]])
    inputs = torch.cat([controller.identity, popularity_features(fields), state], 1)
    assert inputs.shape == (3, 16 + 2 + 2)
    hidden = inputs @ controller.hidden.weight.T + controller.hidden.bias
    assert hidden.shape == (3, 512)
    centred = hidden - hidden.mean(1, keepdim=True)
    normed = centred / (hidden.var(1, unbiased=False, keepdim=True) + 1e-5).sqrt()
    expected = torch.tanh(normed) @ controller.output.weight.T + controller.output.bias
    torch.testing.assert_close(controller(state), expected)


def test_fields_of_equal_popularity_can_differ():
    """Each has a learnt vector of its own."""
    fields = [field_of("a", 3, 1), field_of("b", 3, 1)]
    first, second = FieldController(fields, 1, 2, torch.Generator().manual_seed(0))(
        torch.zeros(2, 1)
    )
    assert not torch.equal(first, second)
