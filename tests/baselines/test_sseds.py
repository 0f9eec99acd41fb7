"""SSEDS: saliency against finite differences, the walk against brute force and its budget."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import binary_cross_entropy_with_logits

from aesbench import Split
from aesbench.core.settings import build_config
from aesbench.core.trace import Trace
from aesbench.errors import ConfigError
from aesbench.models.backbones import BackboneConfig, DeepFM
from aesbench.testing import tiny_context
from aesbench_baselines.sseds import SSEDS, SSEDSConfig, saliency, walk

SHAPES = (("user", 40, 1), ("tags", 9, 3), ("one", 1, 1))


def prepared_model(**changes):
    """A context with a pre-trained model of it."""
    context = tiny_context(**{"shapes": SHAPES, "candidates": (2, 4), **changes})
    return context, SSEDS().prepare(context)


def loss_with(model, mask, ids, labels):
    """The loss of a model in double precision, its mask set by hand."""
    model.embedding.mask = mask
    return binary_cross_entropy_with_logits(model(ids), labels.double()).item()


def test_saliency_is_a_finite_difference():
    """|L(m + h) - L(m - h)| / 2h for each field and dimension, as shares of their sum."""
    # In double precision, which the lookup of multi-valued fields does not know.
    context, model = prepared_model(shapes=(("user", 40, 1), ("kind", 5, 1), ("one", 1, 1)))
    model.double()
    ids, labels = next(context.train.batches(128))
    differences = torch.zeros_like(model.embedding.mask)
    step = 1e-4
    for pair in np.ndindex(*differences.shape):
        shifted = torch.zeros_like(differences)
        shifted[pair] = step
        ends = [loss_with(model, 1 + sign * shifted, ids, labels) for sign in (1, -1)]
        differences[pair] = abs(ends[0] - ends[1]) / (2 * step)
    model.embedding.mask = torch.ones_like(differences)
    measured = saliency(model, [(ids, labels.double())])
    torch.testing.assert_close(measured, differences / differences.sum(), atol=1e-7, rtol=1e-4)


def test_saliency_averages_magnitudes_over_batches():
    """Gradients of opposite signs add up instead of cancelling."""
    context, model = prepared_model()
    ids, labels = next(context.train.batches(128))
    one, other = (saliency(model, [(ids, values)]) for values in (labels, 1 - labels))
    both = saliency(model, [(ids, labels), (ids, 1 - labels)])
    assert (
        (both >= torch.minimum(one, other) - 1e-6) & (both <= torch.maximum(one, other) + 1e-6)
    ).all()
    assert both.sum() == pytest.approx(1)


def test_measuring_leaves_the_model_as_it_is():
    """Nothing is trained, and no gradient stays behind."""
    context, model = prepared_model()
    before = {name: value.clone() for name, value in model.named_parameters()}
    saliency(model, list(context.train.batches(128)))
    for name, value in model.named_parameters():
        assert torch.equal(value, before[name])
        assert value.grad is None
    assert (model.embedding.mask == 1).all()


def test_a_column_of_zeros_has_no_saliency():
    """Removing what is zero already changes no loss."""
    context, model = prepared_model()
    with torch.no_grad():
        model.embedding.tables.weight(0, 0)[:, 1] = 0
    measured = saliency(model, list(context.train.batches(128)))
    assert measured[0, 1] == 0
    assert (measured[:2] > 0).sum() == 7


@pytest.mark.parametrize(("backbone", "unification"), [(None, "transform"), (DeepFM, "plain")])
def test_pretraining_is_plain_ues_of_the_largest_candidate(backbone, unification):
    """Vectors of size d_max without normalisation, for both backbones, whatever the run's way."""
    context = tiny_context(shapes=SHAPES, unification=unification)
    if backbone is not None:
        context = replace(
            context,
            backbone=lambda embedding, generator: backbone(
                context.fields, embedding, BackboneConfig((8,)), generator
            ),
        )
    model = SSEDS().prepare(context)
    assert model.embedding.widths == (64, 64, 64)
    assert not model.embedding.normalised
    assert not [m for m in model.embedding.modules() if isinstance(m, torch.nn.BatchNorm1d)]
    ids, _ = next(context.train.batches(8))
    user = model.embedding.tables.weight(0, 0)[ids[:, 0].long()]
    assert torch.equal(model.embedding(ids)[:, :64], user)


def test_searches_with_other_settings_share_the_pretrained_model():
    """No setting is part of the key."""
    keys = {SSEDS(config).prepare_key() for config in (SSEDSConfig(), SSEDSConfig(keep=0.1))}
    assert len(keys) == 1


MEASURED = torch.tensor([[0.30, 0.05, 0.20], [0.10, 0.02, 0.15], [0.08, 0.06, 0.04]])
COSTS = (10, 4, 1)


@pytest.mark.parametrize(
    ("budget", "dims"),
    [
        (15, [1, 1, 1]),  # The least: 10 + 4 + 1.
        (18, [1, 1, 3]),  # Not another 10, nor 4; both of 1.
        (24, [1, 2, 3]),  # 9 left do not hold .20; then 4, 1 and 1, and 3 do not hold another 4.
        (25, [2, 1, 1]),  # .20 takes all of it.
        (45, [3, 3, 3]),
        (1000, [3, 3, 3]),
    ],
)
def test_the_walk_by_hand(budget, dims):
    """The best dimension of each field, then .20 (10), .10 (4), .06 (1), .05 (10), .04, .02."""
    assert walk(COSTS, MEASURED, budget, 1) == dims


def test_a_field_may_lose_all_dimensions_if_allowed():
    """Unconditional: .30 (10), .20 (10), then .15 (4), .10 (4) and so on while it lasts."""
    assert walk(COSTS, MEASURED, 20, 0) == [2, 0, 0]
    assert walk(COSTS, MEASURED, 3, 0) == [0, 0, 3]


@pytest.mark.parametrize(("budget", "least"), [(14, 1), (0, 0)])
def test_a_budget_that_cannot_be_met_is_refused(budget, least):
    """The error tells the smallest allocation there is."""
    with pytest.raises(
        ConfigError, match=f"budget of {budget} .*smallest.*has {15 if least else 1}"
    ):
        walk(COSTS, MEASURED, budget, least)


instances = st.integers(1, 6).flatmap(
    lambda fields: st.tuples(
        st.lists(st.integers(1, 1000), min_size=fields, max_size=fields),
        st.lists(
            st.lists(st.floats(0, 1, width=32), min_size=5, max_size=5),
            min_size=fields,
            max_size=fields,
        ),
        st.floats(0, 1),
        st.integers(0, 2),
    )
)


@given(instances)
def test_the_walk_meets_any_budget_to_the_last_pair(instance):
    """Never more than the budget, never fewer than the least, and no further pair fits."""
    costs, values, share, least = instance
    smallest = max(min(costs), least * sum(costs))
    budget = round(smallest + share * (5 * sum(costs) - smallest))
    dims = walk(costs, torch.tensor(values), budget, least)
    used = sum(cost * dim for cost, dim in zip(costs, dims, strict=True))
    assert used <= budget
    assert all(least <= dim <= 5 for dim in dims)
    assert all(dim == 5 or used + cost > budget for cost, dim in zip(costs, dims, strict=True))


def plain_walk(costs, values, budget):
    """The walk in its simplest form: sort all pairs, take what fits."""
    pairs = sorted(((-v, i, j) for i, row in enumerate(values) for j, v in enumerate(row)))
    dims = [0] * len(costs)
    for _, field, _ in pairs:
        if costs[field] <= budget:
            budget -= costs[field]
            dims[field] += 1
    return dims


@given(instances)
def test_without_a_least_the_walk_is_greedy(instance):
    """Against an independent version, where no two saliencies are equal."""
    costs, values, share, _ = instance
    flat = [value for row in values for value in row]
    values = [
        [value + 1e-3 * (5 * i + j) for j, value in enumerate(row)] for i, row in enumerate(values)
    ]
    if len({np.float32(value) for row in values for value in row}) < len(flat):
        return
    budget = max(min(costs), round(share * 5 * sum(costs)))
    assert walk(costs, torch.tensor(values), budget, 0) == plain_walk(costs, values, budget)


def test_the_default_budget_is_a_share_of_ues_32():
    """70 % of it, and no further dimension would fit."""
    context, model = prepared_model(candidates=(2, 64))
    found = SSEDS().search(context, model)
    rows = sum(field.cardinality for field in context.fields)
    budget = int(0.7 * 32 * rows)
    assert found.parameters <= budget
    assert all(
        dim == 64 or found.parameters + field.cardinality > budget
        for dim, field in zip(found.dims, context.fields, strict=True)
    )


def test_a_budget_takes_the_place_of_the_default():
    """`--budget` decides if there is one."""
    context, model = prepared_model(budget=70)
    assert 61 <= SSEDS().search(context, model).parameters <= 70


def test_snapping_gives_candidates_within_the_budget():
    """Sizes are rounded down; the smallest candidate is what each field keeps at least."""
    context, model = prepared_model(candidates=(2, 8, 16), budget=600)
    raw = SSEDS().search(context, model)
    snapped = replace(context, trace=Trace())
    found = SSEDS(SSEDSConfig(snap=True)).search(snapped, model)
    assert set(found.dims) <= {2, 8, 16}
    assert found.parameters <= 600
    assert set(raw.dims) - {2, 8, 16}


def test_the_split_decides_whose_rows_are_measured(make_context):
    """Other labels in validation change only what is measured there."""
    context, model = prepared_model(budget=90)
    flipped = replace(
        context, validation=Split(context.validation.ids, 1 - context.validation.labels)
    )

    def shares(context, split):
        context = make_context(
            fields=context.fields, train=context.train, validation=context.validation,
            candidates=context.candidates, budget=context.budget,
        )  # fmt: skip
        SSEDS(SSEDSConfig(split=split)).search(context, model)
        return context.trace.series["saliency_share"][1][0]

    assert shares(context, "train") == shares(flipped, "train")
    assert shares(context, "validation") != shares(flipped, "validation")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"keep": 0.0}, "sseds.keep = 0.0"),
        ({"split": "test"}, "sseds.split = 'test'"),
        ({"batches": 0}, "sseds.batches = 0"),
    ],
)
def test_a_setting_out_of_range_is_refused(settings, words):
    """Errors name the setting and its value."""
    with pytest.raises(ConfigError) as caught:
        build_config(SSEDSConfig, settings, "sseds")
    assert words in str(caught.value)
