"""Dense Adam with coupled decay: what it does to values without a gradient, by hand."""

import pytest
import torch
from torch import nn

from aesbench.errors import ConfigError
from aesbench.search.dense_adam import dense_adam, make_dense

LIMITS = {"most": 1000, "setting": "mine.most_values"}


def trained(steps, decay, learning_rate=3e-4, start=0.01):
    """A table of two rows and its values after steps that look up row 0 only."""
    model = nn.Sequential(nn.Embedding(2, 3, sparse=True))
    nn.init.constant_(model[0].weight, start)
    make_dense(model)
    optimizer = dense_adam(model.parameters(), learning_rate=learning_rate, decay=decay, **LIMITS)
    for _ in range(steps):
        model(torch.tensor([0])).sum().backward()
        optimizer.step()
        optimizer.zero_grad()
    return model[0].weight.detach()


def test_an_untouched_value_moves_by_the_learning_rate():
    """The first step is lr * g / (|g| + 1e-8) with g = wd * p = 1e-7."""
    weight = trained(1, 1e-5)
    torch.testing.assert_close(weight[1], torch.full((3,), 0.01 - 3e-4 / 1.1))


def test_an_untouched_value_is_gone_in_a_hundred_steps():
    """As Adam in Python says; geometric decay would leave .01 as it is."""
    p, m, v = 0.01, 0.0, 0.0
    for step in range(1, 101):
        g = 1e-5 * p
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        p -= 3e-4 * (m / (1 - 0.9**step)) / ((v / (1 - 0.999**step)) ** 0.5 + 1e-8)
    weight = trained(100, 1e-5)
    torch.testing.assert_close(weight[1], torch.full((3,), p), atol=1e-6, rtol=1e-3)
    assert weight[1].abs().max() < 1e-3 < 0.01 * (1 - 3e-4 * 1e-5) ** 100


def test_without_decay_an_untouched_value_stays():
    """It has no gradient at all."""
    assert (trained(20, 0.0)[1] == 0.01).all()


def test_too_many_parameters_are_refused():
    """The message says how many, and what to change."""
    model = nn.Embedding(500, 3)
    with pytest.raises(ConfigError, match=r"1,500 parameters .*mine\.most_values allows 1,000"):
        dense_adam(model.parameters(), learning_rate=1e-3, decay=0.0, **LIMITS)
