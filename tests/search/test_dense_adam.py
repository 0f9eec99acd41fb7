"""Dense Adam with coupled decay: what it does to values without a gradient, by hand."""

import pytest
import torch
from torch import nn

from aesbench.datasets.base import Field
from aesbench.errors import ConfigError
from aesbench.search.dense_adam import dense_adam, refuse_large_table


class Apart(nn.Embedding):
    """A table of two rows, and a parameter beside it."""

    def __init__(self, start):
        super().__init__(2, 3, sparse=True)
        nn.init.constant_(self.weight, start)
        self.apart = nn.Parameter(torch.zeros(2))


def trained(steps, decay, learning_rate=3e-4, start=0.01):
    """The values of a table of two rows after steps that look up row 0 only."""
    model = nn.Sequential(Apart(start))
    rates = {"learning_rate": learning_rate, "decay": decay}
    optimizer = dense_adam(model, **rates, apart=model[0].apart, rate_apart=None)
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


def test_a_parameter_apart_has_its_own_rate_or_none():
    """Its first step is as long as its rate; left alone, it is of no group."""
    for rate, moved in ((0.5, -0.5), (None, 0.0)):
        model = Apart(0.01)
        optimizer = dense_adam(
            model, learning_rate=1e-3, decay=1e-5, apart=model.apart, rate_apart=rate
        )
        (model(torch.tensor([0])).sum() + model.apart.sum()).backward()
        optimizer.step()
        torch.testing.assert_close(model.apart.detach(), torch.full((2,), moved))


def test_too_large_a_table_is_refused():
    """The message says how large it is, and what to change."""
    fields = (Field("a", 300), Field("b", 200))
    refuse_large_table(fields, 2, 1000, "mine.most_values", "set mine.width")
    with pytest.raises(ConfigError, match=r"500 x 3, and mine\.most_values allows 1,000; set mine"):
        refuse_large_table(fields, 3, 1000, "mine.most_values", "set mine.width")
