"""AMTL: the twins, the straight-through choice and its gradient, and lengths within a budget."""

import numpy as np
import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from aesbench import Allocation, Block, Field
from aesbench.core.settings import build_config
from aesbench.errors import ConfigError
from aesbench.testing import tiny_context
from aesbench_baselines.amtl import (
    AMTL,
    AMTLConfig,
    Twins,
    TwinsEmbedding,
    allocation_within,
    frequency_facts,
    straight_through,
    temperature,
)

SHAPES = (("user", 40, 1), ("kind", 5, 1))


def embedding_of(unification="plain", shapes=SHAPES, candidates=(2, 4, 8), **settings):
    """A context and the embedding that AMTL trains on it."""
    context = tiny_context(shapes=shapes, unification=unification, candidates=candidates)
    return context, TwinsEmbedding(context, AMTLConfig(**settings))


def test_the_choice_is_one_hot_and_its_gradient_that_of_softmax():
    """By hand at T = 2: dp_j/da_k = p_j (1[j = k] - p_k) / T."""
    logits = torch.tensor([1.0, 3.0, 2.0], requires_grad=True)
    chosen = straight_through(logits, 2.0)
    assert chosen.tolist() == [0, 1, 0]
    weights = torch.tensor([5.0, -1.0, 2.0])
    (chosen * weights).sum().backward()
    p = np.exp([0.5, 1.5, 1.0])
    p /= p.sum()
    w = weights.numpy()
    expected = (np.diag(p) - np.outer(p, p)) @ w / 2
    assert logits.grad.numpy() == pytest.approx(expected, abs=1e-6)


def test_a_mask_is_a_prefix_and_passes_gradient_to_every_length():
    """mask_j = sum of t~_k over the lengths k that hold component j."""
    _, embedding = embedding_of()
    rows = torch.tensor([[3, 41]])
    masks = embedding.of_values(torch.ones(*rows.shape, embedding.dim), rows, range(2))
    assert masks.shape == (1, 2, 8)
    for mask in masks.detach().view(-1, 8):
        length = int(mask.sum())
        assert mask.tolist() == [1.0] * length + [0.0] * (8 - length)
    masks.sum().backward()
    assert (embedding.twins.second.grad.abs().amax((1, 2)) > 0).all()


def test_gradients_of_length_probabilities_follow_the_loss():
    """dL/dt~_k is the sum over k's components of dL/dmask, which is e times dL/d(masked e)."""
    context, embedding = embedding_of(lengths="sizes")
    model = context.build_model(embedding)
    ids, labels = next(context.train.batches(32))
    seen = {}
    straight = embedding.chosen

    def chosen(rows, fields):
        seen["chosen"] = straight(rows, fields)
        seen["chosen"].retain_grad()
        return seen["chosen"]

    embedding.chosen = chosen
    forward = embedding.forward

    def looked_up(ids):
        seen["vectors"] = forward(ids)
        seen["vectors"].retain_grad()
        return seen["vectors"]

    embedding.forward = looked_up
    binary_cross_entropy_with_logits(model(ids), labels).backward()
    whole = embedding.table(ids + embedding.first_rows).detach()  # (batch, fields, size)
    of_mask = whole * seen["vectors"].grad.view_as(whole)
    for number, length in enumerate((2, 4, 8)):
        expected = of_mask[..., :length].sum(2)
        torch.testing.assert_close(seen["chosen"].grad[..., number], expected)


def test_twins_are_weighted_by_a_values_count():
    """w h(s) + (1 - w) l(s), each a network of its own, per field: by hand for two values."""
    twins = Twins(2, 3, 4, 0.5, torch.Generator().manual_seed(0))
    facts = torch.tensor([[[0.3, -1.0], [1.2, 0.1]], [[0.0, 2.0], [-0.7, 0.4]]])
    shares = torch.tensor([[0.9, 0.2], [0.0, 1.0]])
    logits = twins(facts, shares, range(2)).detach()
    for value in range(2):
        for field in range(2):
            outputs = []
            for twin in range(2):
                hidden = facts[value, field] @ twins.first[field, twin]
                hidden = (hidden + twins.first_bias[field, twin, 0]).clamp(min=0)
                out = hidden @ twins.second[field, twin] + twins.second_bias[field, twin, 0]
                outputs.append(out.detach())
            w = shares[value, field]
            expected = w * outputs[0] + (1 - w) * outputs[1]
            torch.testing.assert_close(logits[value, field], expected)


def test_frequent_values_train_one_twin_and_rare_ones_the_other():
    """Gradients are in proportion to w and 1 - w: none of the other at w = 1 and w = 0."""
    twins = Twins(1, 3, 4, 0.5, torch.Generator().manual_seed(0))
    for share, idle in ((1.0, 1), (0.0, 0)):
        twins.zero_grad()
        logits = twins(torch.ones(1, 1, 2), torch.full((1, 1), share), [0])
        logits[0, 0, 0].backward()
        gradient = twins.second_bias.grad[0, :, 0]
        assert gradient[idle].abs().sum() == 0 and gradient[1 - idle].abs().sum() > 0


def test_the_largest_length_is_likeliest_at_the_start():
    """With probability about ``start``, in all fields and both twins."""
    twins = Twins(1, 64, 64, 0.5, torch.Generator().manual_seed(0))
    p = twins(torch.zeros(1, 1, 2), torch.full((1, 1), 0.3), [0]).softmax(-1)[0, 0]
    assert p.argmax() == 63 and p[63].item() == pytest.approx(0.5, abs=0.02)


def test_facts_are_standardised_log_counts_and_ranks():
    """And the weight of the first twin is the sigmoid of the former."""
    counts = np.array([90, 9, 9, 0])
    facts, shares = frequency_facts(counts)
    logs = np.log1p(counts)
    expected = (logs - logs.mean()) / logs.std()
    assert facts[:, 0].numpy() == pytest.approx(expected, abs=1e-6)
    ranks = np.arange(4.0)
    assert facts[:, 1].numpy() == pytest.approx((ranks - 1.5) / ranks.std(), abs=1e-6)
    assert shares.numpy() == pytest.approx(1 / (1 + np.exp(-expected)), abs=1e-6)
    facts, shares = frequency_facts(np.array([7]))
    assert facts.tolist() == [[0, 0]] and shares.tolist() == [0.5]


def test_temperature_falls_linearly():
    """From 1 to .1 over the planned steps."""
    config = AMTLConfig()
    assert [temperature(config, x) for x in (0, 0.5, 1)] == pytest.approx([1, 0.55, 0.1])


def test_the_kept_share_is_that_of_the_table():
    """Two fields of 40 and 5 rows, all of them at one length: that length over the largest."""
    context, embedding = embedding_of()
    assert embedding.kept_share(context.generator).item() == pytest.approx(1.0)
    with torch.no_grad():
        for field, length in ((0, 2), (1, 6)):
            embedding.twins.second_bias[field] = 0
            embedding.twins.second_bias[field, ..., length - 1] = 99
    share = embedding.kept_share(context.generator)
    assert share.item() == pytest.approx((40 * 2 + 5 * 6) / (45 * 8))


def logits_for(*lengths, count=8, strength=9.0):
    """Logits of as many values, each with one length from 1 to ``count`` far ahead."""
    found = torch.zeros(len(lengths), count)
    found[torch.arange(len(lengths)), torch.tensor(lengths) - 1] = strength
    return found


FIELDS = (Field("a", 5, 1, np.arange(5)[::-1]), Field("b", 3, 1, np.arange(3)[::-1]))


def test_lengths_become_blocks_of_ids():
    """Without a budget, or within it, each value has its likeliest length."""
    logits = [logits_for(8, 8, 3, 3, 3), logits_for(1, 2, 2)]
    found = allocation_within(FIELDS, range(1, 9), logits, None, 8)
    blocks = (Block(2, 8), Block(3, 3)), (Block(1, 1), Block(2, 2))
    assert found == Allocation(("a", "b"), blocks)
    assert allocation_within(FIELDS, range(1, 9), logits, found.parameters, 8) == found


def test_a_budget_shortens_what_loses_least():
    """At the least price that fits; of equal scores per dimension the surer length stays longer."""
    sure = logits_for(8, 8, 8, 8, 8, strength=20.0)
    unsure = logits_for(8, 8, 8, strength=5.0)
    found = allocation_within(FIELDS, range(1, 9), [sure, unsure], 5 * 8 + 3, 8)
    assert found.blocks == ((Block(5, 8),), (Block(3, 1),))
    least = allocation_within(FIELDS, range(1, 9), [sure, unsure], 8, 8)
    assert least.parameters == 8 and least.dims == (1, 1)


@pytest.mark.parametrize("lengths", ["all", "sizes"])
@pytest.mark.parametrize("unification", ["plain", "transform"])
def test_a_search_keeps_its_budget_and_its_lengths(lengths, unification):
    """Of ``sizes`` all are candidates; the number of blocks is kept."""
    context = tiny_context(budget=1500, unification=unification)
    config = AMTLConfig(lengths=lengths, epochs=1, blocks=3)
    found = AMTL(config).search(context, None)
    assert found.parameters <= 1500 and max(map(len, found.blocks)) <= 3
    dims = {block.dim for blocks in found.blocks for block in blocks}
    assert dims <= set(context.candidates if lengths == "sizes" else range(1, 65))


def test_a_price_saves_memory():
    """The more a dimension costs, the shorter values are on average."""
    kept = [
        AMTL(AMTLConfig(lengths="sizes", epochs=8, patience=8, price=price, start=0.3))
        .search(tiny_context(), None)
        .parameters
        for price in (0.0, 30.0)
    ]
    assert kept[1] < kept[0]


@pytest.mark.parametrize(
    "settings",
    [
        {"start": 1.0},
        {"temperature": 0.05},
        {"last_temperature": 0.0},
        {"price": -1.0},
        {"blocks": 0},
        {"lengths": "some"},
    ],
)
def test_settings_out_of_range_are_errors(settings):
    """The message names the setting."""
    with pytest.raises(ConfigError, match=f"amtl.{next(iter(settings))}"):
        build_config(AMTLConfig, settings, "amtl")


def test_a_budget_below_the_smallest_allocation_is_an_error():
    """One component for every value, or the smallest candidate."""
    rows = sum(field.cardinality for field in tiny_context().fields)
    for settings, least in (({}, rows), ({"lengths": "sizes"}, 2 * rows)):
        with pytest.raises(ConfigError, match=f"its smallest allocation has {least}"):
            AMTL(AMTLConfig(**settings)).search(tiny_context(budget=least - 1), None)
