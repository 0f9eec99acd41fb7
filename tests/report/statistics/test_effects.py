"""Effects of sizes, against scores made of known ones and against a second way to compute them."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from aesbench.report.statistics.effects import fit_effects, worth

SIZES = (2, 8, 16, 32, 64)


def drawn(rows, fields=8, seed=5):
    """Random sizes (rows, fields)."""
    return pd.DataFrame(np.random.default_rng(seed).choice(SIZES, size=(rows, fields)))


def test_effects_of_a_sum_are_found_and_explain_it_all():
    """Scores are .7 and an effect per size of field 0; the other fields have none."""
    sizes = drawn(200)
    true = dict(zip(SIZES, (-3.0, -1.0, 1.0, 2.0, 1.0), strict=True))
    scores = 0.7 + np.array([true[size] for size in sizes[0]])
    found = fit_effects(scores, sizes)
    assert found.r2 == pytest.approx(1.0) and len(found.effects) == 8 * 5
    for (field, size), effect in found.effects["mean"].items():
        assert effect == pytest.approx(true[size] if field == 0 else 0.0, abs=1e-9)


def test_two_sizes_of_one_field_are_a_t_test():
    """Half the difference of two groups' means, with the interval and p of Student's test."""
    draw = np.random.default_rng(1)
    sizes = pd.DataFrame({"item": np.repeat([2, 64], [30, 20])})
    scores = draw.normal(size=50) + (sizes["item"] == 64)
    small, large = scores[:30], scores[30:]
    found = fit_effects(scores, sizes).effects.loc[("item", 64)]
    expected = stats.ttest_ind(large, small)
    interval = expected.confidence_interval(0.95)
    assert found["mean"] == pytest.approx((large.mean() - small.mean()) / 2, abs=1e-9)
    assert found["low"] == pytest.approx(interval.low / 2, abs=1e-8)
    assert found["high"] == pytest.approx(interval.high / 2, abs=1e-8)
    assert found["p"] == pytest.approx(expected.pvalue, rel=1e-6)


def test_intervals_hold_the_truth_as_often_as_they_say():
    """Noise over 40 effects that are all 0, 50 times: 95 % hold 0, and R² is 0 on average."""
    draw = np.random.default_rng(2)
    fits = [fit_effects(draw.normal(size=100), drawn(100, seed=n)) for n in range(50)]
    effects = pd.concat([fit.effects for fit in fits])
    held = (effects["low"] <= 0) & (effects["high"] >= 0)
    assert 0.93 <= np.mean(held) <= 0.97
    assert abs(np.mean([fit.r2 for fit in fits])) < 0.05


def test_a_sum_of_effects_is_wholly_additive_and_a_product_is_not():
    """R² is 1 for a sum over fields, 0 on average for noise, and below 1 for an interaction."""
    draw = np.random.default_rng(5)
    sizes = pd.DataFrame(draw.choice(SIZES, size=(200, 8)))
    effects = dict(zip(SIZES, (0, 3, 4, 4.5, 4), strict=True))
    summed = sizes.replace(effects).sum(axis=1)
    assert fit_effects(summed, sizes).r2 == pytest.approx(1.0)
    noise = [fit_effects(draw.normal(size=200), sizes).r2 for _ in range(20)]
    assert abs(np.mean(noise)) < 0.05
    pair = ((sizes[0] > 8) & (sizes[1] > 8)) * 1.0
    assert 0.5 < fit_effects(pair, sizes).r2 < 0.95
    assert fit_effects(summed[:20], sizes[:20]) is None


def test_what_cannot_be_told_apart_is_not_fitted():
    """Too few allocations, no variance, two fields of always the same size; a constant field is."""
    sizes = drawn(200)
    scores = np.random.default_rng(3).normal(size=200)
    assert fit_effects(scores[:20], sizes[:20]) is None
    assert fit_effects(np.ones(200), sizes) is None
    assert fit_effects(scores, pd.DataFrame(np.full((200, 2), 8))) is None
    assert fit_effects(scores, sizes.assign(again=sizes[0])) is None
    constant = pd.DataFrame({"item": sizes[0], "user": 8})
    assert {field for field, _ in fit_effects(scores, constant).effects.index} == {"item"}


def test_a_supernet_that_exaggerates_twofold_is_worth_half():
    """Alone, differences are half of what is inherited; 95 % of the intervals say so."""
    draw = np.random.default_rng(4)
    held = []
    for _ in range(200):
        inherited = draw.normal(0.8, 0.004, size=40)
        alone = 0.5 * inherited + draw.normal(0, 0.001, size=40)
        found = worth(inherited, alone)
        held.append(found["low"] <= 0.5 <= found["high"])
    assert 0.9 <= np.mean(held) <= 0.99 and found["mean"] == pytest.approx(0.5, abs=0.2)
    assert found["p"] == pytest.approx(stats.pearsonr(inherited, alone).pvalue)
    assert worth(np.full(40, 0.8), alone) is None and worth(inherited[:2], alone[:2]) is None
