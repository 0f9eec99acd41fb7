"""Adaptive sampling (Eq. 4-6) and the other strategies of Table 4."""

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from aesbench.testing import tiny_context
from aesbench_methods.adass.config import LITERAL, AdaSSConfig
from aesbench_methods.adass.sampling import AdaptiveSampler, Observation, Sampler, make_sampler

FIELDS = tiny_context().fields
CANDIDATES = (2, 8, 16, 32, 64)


def adaptive(fields=2, candidates=(1, 4, 16), updates=100, first=None, **settings):
    """A sampler whose sizes start equally likely unless the settings say otherwise."""
    first = torch.ones(fields, len(candidates)) if first is None else first
    config = AdaSSConfig(**{"size_power": 0.0, **settings})
    return AdaptiveSampler(config, fields, candidates, updates, first)


def observation(gradient, magnitude, entries):
    return Observation(
        *(torch.tensor(v, dtype=torch.float32) for v in (gradient, magnitude, entries))
    )


def layer_norm(values):
    """By hand, in numpy."""
    values = np.asarray(values, dtype=float)
    return (values - values.mean()) / np.sqrt(values.var() + 1e-5)


NOTHING = observation([1, 1], [1, 1], [1, 1])


def test_draws_follow_the_rates():
    """Eq. 4: sizes are categorical with P_E, kept fields Bernoulli with P_F (chi-square)."""
    table_rates = torch.tensor([[0.1, 0.2, 0.7], [0.5, 0.25, 0.25]])
    keep_rates = torch.tensor([0.9, 0.6])
    sampler = Sampler(table_rates, keep_rates)
    generator = torch.Generator().manual_seed(1)
    draws = sampler.draw(5000, generator)
    sizes = np.array([d.sizes for d in draws])
    for field in range(2):
        counts = np.bincount(sizes[:, field], minlength=3)
        assert chisquare(counts, 5000 * table_rates[field].numpy()).pvalue > 0.001
    # None kept is drawn again: the rates of the pairs that remain are divided by 1 - .1 * .4.
    patterns = [(True, True), (True, False), (False, True)]
    expected = np.array([0.9 * 0.6, 0.9 * 0.4, 0.1 * 0.6]) / 0.96
    counts = np.array([sum(d.keep == p for d in draws) for p in patterns])
    assert counts.sum() == 5000 and chisquare(counts, 5000 * expected).pvalue > 0.001


def test_draws_are_those_of_torch_one_after_another():
    """Seeded supernets stay what they are, however many subnets are drawn at a time."""
    rates = torch.rand(6, 5, generator=torch.Generator().manual_seed(0))
    keep = torch.tensor([0.1, 0.2, 0.1, 0.1, 0.3, 0.2])  # None is kept in four draws of ten.
    ours, theirs = torch.Generator().manual_seed(1), torch.Generator().manual_seed(1)
    for drawn in Sampler(rates, keep).draw(50, ours):
        sizes = torch.multinomial(rates, 1, generator=theirs).squeeze(1)
        kept = torch.zeros(6)
        while not kept.any():
            kept = torch.bernoulli(keep, generator=theirs)
        assert drawn.sizes == tuple(sizes.tolist())
        assert drawn.keep == tuple(kept.bool().tolist())
    assert torch.equal(ours.get_state(), theirs.get_state())


def test_small_sizes_start_likelier():
    """P_E starts in proportion to a power of the size, in every field alike."""
    rates = adaptive(size_power=0.5).table_rates
    assert rates.numpy() == pytest.approx(np.array([[4, 2, 1]] * 2) / 7)
    assert adaptive(size_power=0.0).table_rates.numpy() == pytest.approx(np.full((2, 3), 1 / 3))


def test_equation_5_samples_tables_of_low_variance_more():
    """P_E moves by -step * LN over the sizes of a field, by hand."""
    sampler = adaptive(updates=50, table_rate_floor=0.0)
    variances = torch.tensor([[1.0, 2.0, 6.0], [3.0, 3.0, 3.0]])
    sampler.update(variances, NOTHING)
    moved = 1 / 3 - 0.5 / 50 * layer_norm([1, 2, 6])  # Sums to 1, since LN sums to 0.
    assert sampler.table_rates[0].numpy() == pytest.approx(moved, abs=1e-6)
    assert sampler.table_rates[1].numpy() == pytest.approx([1 / 3] * 3, abs=1e-6)
    assert sampler.table_rates[0, 0] > sampler.table_rates[0, 2]


def test_equation_5_compares_variances_with_those_before_training():
    """Tables whose variances all doubled are alike, whatever they were; raw ones are not."""
    first = torch.tensor([[1.0, 5.0, 9.0]])
    relative = adaptive(fields=1, first=first)
    raw = adaptive(fields=1, first=first, variance="raw")
    for sampler in (relative, raw):
        sampler.update(2 * first, observation([1], [1], [1]))
    assert relative.table_rates[0].numpy() == pytest.approx([1 / 3] * 3, abs=1e-6)
    assert raw.table_rates[0, 0] > raw.table_rates[0, 2]


def test_the_letter_of_equation_5_leaves_the_sizes_equally_likely():
    """Its update has no index of size, so P_E stays uniform within every field."""
    sampler = adaptive(**LITERAL)
    for _ in range(20):
        sampler.update(torch.tensor([[1.0, 2.0, 6.0], [9.0, 3.0, 3.0]]), NOTHING)
    assert sampler.table_rates.numpy() == pytest.approx(np.full((2, 3), 1 / 3), abs=1e-6)


def test_table_rates_keep_their_floor_and_sum_to_one():
    """However long one table's variance is the largest, it keeps a quarter of its share."""
    sampler = adaptive(updates=1)
    for _ in range(50):
        sampler.update(torch.tensor([[1.0, 1.0, 99.0], [1.0, 50.0, 99.0]]), NOTHING)
        assert sampler.table_rates.sum(1).numpy() == pytest.approx([1, 1], abs=1e-6)
        assert sampler.table_rates.min() >= 0.25 / 3 / 2  # Normalised after the clamp.


def test_equation_6_by_hand():
    """P_F moves by step * LN of the mix of per-entry means, each in units of its mean."""
    sampler = adaptive(fields=3, updates=50, keep_rate=0.7, keep_floor=0.0)
    # Per entry: gradients .1, .2, .6 (mean .3), magnitudes 2, 1, 3 (mean 2).
    seen = observation([1.0, 4.0, 3.0], [20.0, 20.0, 15.0], [10, 20, 5])
    sampler.update(torch.ones(3, 3), seen)
    mixed = 0.6 * np.array([1, 2, 6]) / 3 + 0.4 * np.array([2, 1, 3]) / 2
    expected = 0.7 + 0.5 / 50 * layer_norm(mixed)
    assert sampler.keep_rates.numpy() == pytest.approx(expected, abs=1e-6)


def test_the_letter_of_equation_6_by_hand():
    """Sums over the batch, no step but 1, clipped to [0, 1]."""
    sampler = adaptive(fields=3, **LITERAL)
    sampler.update(torch.ones(3, 3), observation([1.0, 4.0, 3.0], [20.0, 20.0, 15.0], [10, 20, 5]))
    mixed = 0.6 * np.array([1.0, 4.0, 3.0]) + 0.4 * np.array([20.0, 20.0, 15.0])
    expected = np.clip(0.6 + layer_norm(mixed), 0, 1)
    assert sampler.keep_rates.numpy() == pytest.approx(expected, abs=1e-6)


def test_a_dropped_field_keeps_the_importance_that_it_showed():
    """Without a gradient of its own it neither rises nor falls against the others."""
    sampler = adaptive(fields=3, updates=50, keep_rate=0.7)
    whole = observation([1.0, 2.0, 6.0], [1.0, 1.0, 1.0], [1, 1, 1])
    dropped = observation([1.0, 2.0, 0.0], [1.0, 1.0, 0.0], [1, 1, 0])
    sampler.update(torch.ones(3, 3), whole)
    first = sampler.keep_rates - 0.7
    sampler.update(torch.ones(3, 3), dropped)
    assert (sampler.keep_rates - 0.7).numpy() == pytest.approx(2 * first.numpy(), abs=1e-6)


def test_in_the_letter_a_dropped_field_comes_back_by_its_norm():
    """Eq. 6 norms what was chosen before any field is dropped: the largest norm is kept again."""
    sampler = adaptive(fields=3, **LITERAL)
    # The third field is dropped: no gradient, but the largest norm of the three.
    dropped = observation([1.0, 1.0, 0.0], [5.0, 1.0, 30.0], [4, 4, 0])
    sampler.keep_rates = torch.tensor([1.0, 1.0, 0.0])
    sampler.update(torch.ones(3, 3), dropped)
    normed = layer_norm(0.6 * np.array([1, 1, 0]) + 0.4 * np.array([5, 1, 30]))
    assert normed[2] > 1
    expected = np.clip(np.array([1, 1, 0]) + normed, 0, 1)
    assert sampler.keep_rates.numpy() == pytest.approx(expected, abs=1e-6)


def test_raw_variances_are_not_swamped_by_what_layer_norm_adds():
    """Variances of .01² differ as much as others do: LN moves sizes by its full step."""
    first = torch.full((1, 3), 1e-4)
    sampler = adaptive(fields=1, first=first, updates=50, variance="raw", table_rate_floor=0.0)
    sampler.update(torch.tensor([[1e-4, 2e-4, 6e-4]]), observation([1], [1], [1]))
    moved = 1 / 3 - 0.5 / 50 * layer_norm([1, 2, 6])
    assert sampler.table_rates[0].numpy() == pytest.approx(moved, abs=1e-6)


def test_keep_rates_keep_their_bounds():
    """The most important field is always kept, the least never less than the floor."""
    sampler = adaptive(updates=1)
    for _ in range(20):
        sampler.update(torch.ones(2, 3), observation([9, 1], [1, 1], [1, 1]))
    assert sampler.keep_rates.tolist() == pytest.approx([1.0, 0.6])


def test_the_control_of_adaptation_starts_alike_and_stays():
    """``constant`` has the prior and the keep rate of ``adaptive``, whatever training shows."""
    settings = {"size_power": 0.5, "keep_rate": 0.9}
    adapts, stays = (
        make_sampler(
            AdaSSConfig(sampling=sampling, **settings),
            FIELDS,
            CANDIDATES,
            10,
            lambda: torch.ones(4, 5),
        )
        for sampling in ("adaptive", "constant")
    )
    assert torch.equal(adapts.table_rates, stays.table_rates)
    assert torch.equal(adapts.keep_rates, stays.keep_rates)
    before = stays.table_rates.clone(), stays.keep_rates.clone()
    seen = observation([1.0, 2.0, 6.0, 1.0], [1.0, 1.0, 1.0, 1.0], [1, 1, 1, 1])
    for sampler in (adapts, stays):
        sampler.update(torch.rand(4, 5, generator=torch.Generator().manual_seed(0)), seen)
    assert not stays.adaptive
    assert torch.equal(stays.table_rates, before[0]) and torch.equal(stays.keep_rates, before[1])
    assert not torch.equal(adapts.table_rates, before[0])
    assert not torch.equal(adapts.keep_rates, before[1])


@pytest.mark.parametrize("sampling", ["random", "vanilla", "weight", "uniform"])
def test_the_other_strategies_never_adapt(sampling):
    """Their rates are Table 4's: sizes equally or in proportion, fields by a constant or weight."""
    config = AdaSSConfig(sampling=sampling)
    sampler = make_sampler(config, FIELDS, CANDIDATES, 10, lambda: torch.ones(4, 5))
    equal, proportional = [0.2] * 5, np.array(CANDIDATES) / 122
    expected = equal if sampling in ("random", "uniform") else proportional
    for row in sampler.table_rates.tolist():
        assert row == pytest.approx(expected)
    keep = sampler.keep_rates.tolist()
    if sampling == "random":
        assert keep == pytest.approx([config.random_keep_rate] * 4)
    elif sampling == "weight":
        weights = np.log1p([f.cardinality for f in FIELDS])
        unclipped = config.random_keep_rate * 4 * weights / weights.sum()
        assert keep == pytest.approx(np.clip(unclipped, 0.05, 1))
        assert keep[1] == max(keep)  # The largest field.
    else:
        assert keep == [1.0] * 4
    before = sampler.keep_rates.clone(), sampler.table_rates.clone()
    sampler.update(torch.rand(4, 5), NOTHING)
    assert torch.equal(before[0], sampler.keep_rates)
    assert torch.equal(before[1], sampler.table_rates)
