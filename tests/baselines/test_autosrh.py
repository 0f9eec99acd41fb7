"""AutoSrh and DNIS: groups and steps of alpha by hand, what moves when, derivations, budgets."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from aesbench import Field
from aesbench.core.settings import build_config
from aesbench.core.trace import Trace
from aesbench.errors import ConfigError
from aesbench.models.training import fit
from aesbench.testing import CHECKS, tiny_context
from aesbench.testing.conformance import check_inherit
from aesbench_baselines.autosrh import (
    AutoSrh,
    AutoSrhConfig,
    GroupedTable,
    block_starts,
    frequency_groups,
    moved,
    sizes_of_blocks,
    stepped,
)

SHAPES = (("user", 40, 1), ("tags", 9, 3), ("kind", 5, 1))


def quick(preset="", **settings):
    """A method whose search is short."""
    chosen = {**AutoSrh.preset(preset), **AutoSrh.presets["quick"], **settings}
    return AutoSrh(build_config(AutoSrhConfig, chosen, "autosrh"))


def fresh(context, **changes):
    """The context as a search gets it."""
    generator = torch.Generator().manual_seed(3)
    return replace(context, generator=generator, trace=Trace(), **changes)


def fields_of(*counts):
    """Fields with these train counts."""
    return tuple(
        Field(str(number), len(own), counts=np.array(own)) for number, own in enumerate(counts)
    )


def test_groups_are_cut_by_the_number_of_values():
    """Ten values in shares .2, .3 and .5: two, three and five, over all fields."""
    fields = fields_of((90, 70, 50, 30, 10), (80, 60, 40, 20, 5))
    groups = frequency_groups(fields, (0.2, 0.3, 0.5))
    assert groups.tolist() == [0, 1, 1, 2, 2, 0, 1, 2, 2, 2]


def test_equal_frequencies_go_to_the_more_frequent_group():
    """The first cut is after 9, 7, the second after 5 in the midst of the fives, of both fields."""
    fields = fields_of((9, 5, 5, 1), (7, 5, 2, 0))
    groups = frequency_groups(fields, (0.25, 0.25, 0.5))
    assert groups.tolist() == [0, 1, 1, 2, 0, 1, 2, 2]


def test_groups_without_a_value_are_no_groups():
    """All but one value are as frequent as each other; a share below half a value is none."""
    fields = fields_of((4, 1, 1, 1, 1, 1, 1, 1))
    assert frequency_groups(fields, (0.125,) * 8).tolist() == [0, *[1] * 7]
    assert frequency_groups(fields, (0.01, 0.99)).tolist() == [0] * 8


@given(st.lists(st.integers(0, 9), min_size=1, max_size=60), st.integers(1, 12))
def test_groups_follow_frequency(counts, groups):
    """A more frequent value is never in a later group, equal ones are together, none is empty."""
    found = frequency_groups(fields_of(counts), (1 / groups,) * groups)
    by_count = {}
    for count, group in zip(counts, found.tolist(), strict=True):
        assert by_count.setdefault(count, group) == group
    ordered = [by_count[count] for count in sorted(by_count, reverse=True)]
    assert ordered == sorted(ordered) and set(ordered) == set(range(len(set(ordered))))
    assert len(set(ordered)) <= groups


def test_a_step_of_alpha_by_hand():
    """Row by row g / mean |g|: (2, -4, 0, 2) / 2, and (1e-6, ...) / 1e-6; clipped to 0 and 1."""
    alpha = torch.tensor([[0.5, 0.5, 0.5, 0.005], [1.0, 0.3, 0.999, 0.0]])
    gradient = torch.tensor([[2.0, -4.0, 0.0, 2.0], [1e-5, 1e-5, -1e-5, 1e-5]])
    expected = torch.tensor([[0.49, 0.52, 0.5, 0.0], [0.99, 0.29, 1.0, 0.0]])
    torch.testing.assert_close(stepped(alpha, gradient, 0.01), expected, atol=2e-5, rtol=1e-4)
    assert (stepped(alpha, torch.zeros_like(alpha), 0.01) == alpha).all()  # No division by zero.


def model_of(context, groups=(0.5, 0.5)):
    """A model with groups, untrained."""
    return context.build_model(GroupedTable(context, frequency_groups(context.fields, groups)))


def test_vectors_are_multiplied_by_the_weights_of_their_group():
    """Each value by its own group's, before the mean over the values of a field."""
    context = tiny_context(shapes=SHAPES, candidates=(2, 4))
    embedding = model_of(context, (0.2, 0.8)).embedding
    embedding.alpha.copy_(torch.tensor([[1.0, 0.5, 0.0, 2.0], [0.0, 1.0, 3.0, 1.0]]))
    ids = torch.tensor([[3, 0, 7, -1, 1]], dtype=torch.int32)
    rows = [3, 40, 47, 50]
    scaled = [
        embedding.table.weight[row] * embedding.alpha[embedding.group_of_row[row]] for row in rows
    ]
    expected = torch.cat([scaled[0], (scaled[1] + scaled[2]) / 2, scaled[3]])
    torch.testing.assert_close(embedding(ids)[0], expected)
    assert embedding.group_of_row[40] != embedding.group_of_row[47]
    torch.testing.assert_close(embedding.scaled()[47], scaled[2])


def test_alpha_moves_against_loss_and_l1_by_finite_differences():
    """What a step does is that of the numerical gradient of cross-entropy + l1 * sum |alpha|."""
    context = tiny_context(shapes=(("user", 40, 1), ("kind", 5, 1)), candidates=(2, 4))
    model = model_of(context).double()
    config = AutoSrhConfig(l1=0.003, alpha_learning_rate=0.01)
    ids, labels = next(context.validation.batches(64))
    with torch.no_grad():
        model.embedding.table.weight.mul_(100)
    start = torch.full((2, 4), 0.5, dtype=torch.double)

    def loss(alpha):
        model.embedding.alpha = alpha
        with torch.no_grad():
            entropy = binary_cross_entropy_with_logits(model(ids), labels.double())
        return (entropy + 0.003 * alpha.abs().sum()).item()

    numerical = torch.zeros_like(start)
    for entry in np.ndindex(2, 4):
        shift = torch.zeros_like(start)
        shift[entry] = 1e-5
        numerical[entry] = (loss(start + shift) - loss(start - shift)) / 2e-5
    model.embedding.alpha = start
    found = moved(model, model.embedding, (ids, labels.double()), config)
    expected = start - 0.01 * numerical / numerical.abs().mean(1, keepdim=True)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-4)
    assert not found.requires_grad
    assert all(parameter.grad is None for parameter in model.parameters())


def test_rare_groups_are_governed_by_l1_alone():
    """Values that no row has: all of alpha falls by the rate, whatever the size of l1."""
    context = tiny_context(shapes=SHAPES, candidates=(2, 4))
    embedding = GroupedTable(context, np.r_[np.zeros(53, np.int64), 1])
    model = context.build_model(embedding)
    ids, labels = next(context.validation.batches(64))
    config = AutoSrhConfig()
    unseen = ids[ids[:, 4] != 4], labels[ids[:, 4] != 4]
    found = moved(model, embedding, unseen, config)
    torch.testing.assert_close(found[1], torch.full((4,), 0.99), atol=1e-4, rtol=0)


def test_only_tables_first_order_and_alpha_move_after_the_warm_start():
    """Dense layers and the first-order bias stay as the warm start left them."""
    context = tiny_context(shapes=SHAPES, candidates=(2, 4))
    twin = tiny_context(shapes=SHAPES, candidates=(2, 4))
    warm = model_of(twin, AutoSrhConfig().groups)
    fit(warm, twin.train, twin.validation, twin.train_config, twin.generator)
    searched = quick(least_steps=1).prepare(context)
    before, after = dict(warm.named_parameters()), dict(searched.named_parameters())
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"embedding.table.weight", "wide.weights.weight"}
    assert (searched.embedding.alpha != 1).any()
    assert all(parameter.requires_grad for parameter in searched.parameters())


def test_the_best_validation_loss_decides_after_the_least_steps():
    """Of the epochs with as many steps of alpha; the model holds that epoch's weights."""
    context = tiny_context(shapes=SHAPES, candidates=(2, 4))
    model = quick(epochs=12, least_steps=8, alpha_learning_rate=0.1).prepare(context)
    steps, losses = context.trace.series["validation_logloss"]
    late = [loss for step, loss in zip(steps, losses, strict=True) if step >= 8]
    logits = []
    with torch.no_grad():
        for ids, _ in context.validation.batches(1000):
            logits.append(model(ids))
    labels = torch.from_numpy(context.validation.labels).float()
    own = binary_cross_entropy_with_logits(torch.cat(logits), labels).item()
    assert own == pytest.approx(min(late), abs=1e-5) and len(late) < len(losses)


@pytest.fixture(scope="module")
def prepared():
    """A context and a searched model of it."""
    context = tiny_context(shapes=SHAPES, candidates=(4, 8))
    return context, quick(epochs=10, groups=(0.3, 0.7), alpha_learning_rate=0.05).prepare(context)


def test_dnis_keeps_the_largest_scaled_values(prepared):
    """One threshold over |E * alpha| for all fields: a tenth of 54 * 8 values."""
    context, model = prepared
    found = quick("dnis", pruned=0.9).search(fresh(context), model)
    scaled = model.embedding.scaled().abs()
    least = scaled.flatten().sort(descending=True).values[43 - 1]
    masks = found.masks
    assert found.parameters == 43
    for field, (mask, blocks) in enumerate(zip(masks, found.blocks, strict=True)):
        expected = (scaled[model.embedding.rows(field)] >= least).numpy()
        if mask is None:
            assert blocks[0].dim == 0 and not expected.any()
        else:
            assert np.array_equal(mask.values(), expected)


def test_autosrh_tunes_all_weights_with_alpha_fixed_before_it_prunes(prepared):
    """A copy of the model; the two derivations share what was prepared and may differ."""
    context, model = prepared
    before = {name: value.clone() for name, value in model.state_dict().items()}
    method = quick(pruned=0.9)
    found = method.search(fresh(context), model)
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])
    tuned = method.model.state_dict()
    assert torch.equal(tuned["embedding.alpha"], before["embedding.alpha"])
    moving = [name for name in tuned if not torch.equal(tuned[name], before[name])]
    assert {"embedding.table.weight", "mlp.0.weight", "wide.bias"} <= set(moving)
    assert found != quick("dnis", pruned=0.9).search(fresh(context), model)
    assert quick().prepare_key() == quick("dnis").prepare_key() == quick("block").prepare_key()


@pytest.mark.parametrize("preset", ["", "dnis", "block"])
@pytest.mark.parametrize("share", [0.2, 0.4, 0.8])
def test_budgets_are_met(prepared, preset, share):
    """Of values and index; a budget takes the place of the setting, and little of it is left."""
    context, model = prepared
    budget = int(share * 8 * 54)
    found = quick(preset, pruned=0.99).search(fresh(context, budget=budget), model)
    assert budget - 3 <= found.memory_parameters <= budget
    assert bool(found.masks) == (preset != "block")


def test_pairs_of_block_and_dimension_by_hand():
    """By worth: .9 (10), .8 (3), .7 (10) does not fit 7, .6 (3); then 4 hold .5 (1) and .2 (3)."""
    worth = torch.tensor([[0.9, 0.7, 0.1], [0.6, 0.8, 0.2], [0.5, 0.0, 0.0]])
    assert sizes_of_blocks((10, 3, 1), worth, 20) == [1, 3, 1]
    assert sizes_of_blocks((10, 3, 1), worth, 1000) == [3, 3, 1]  # Nothing is worth 0.
    assert sizes_of_blocks((10, 3, 1), torch.zeros(3, 3), 12) == [1, 0, 0]  # But for the first.


def test_blocks_are_rows_of_one_field_and_group_in_a_row():
    """The value out of vocabulary, the last one, may be of another group than its neighbour."""
    fields = torch.tensor([0, 0, 0, 0, 1, 1, 1])
    groups = torch.tensor([0, 0, 1, 0, 0, 2, 2])
    assert block_starts(fields, groups) == [0, 2, 3, 4, 5]


def test_blocks_are_sized_by_the_worth_of_their_parameters(prepared):
    """alpha * rms(E) of each block and dimension, as a walk over a plain list."""
    context, model = prepared
    found = quick("block", tuning_epochs=0, pruned=0.6).search(fresh(context), model)
    embedding = model.embedding
    pairs, budget = [], round(0.4 * 54 * 8)
    sizes = {}
    for field in range(3):
        start = embedding.rows(field).start
        groups = embedding.group_of_row[embedding.rows(field)].tolist()
        first = 0
        for row in range(1, len(groups) + 1):
            if row == len(groups) or groups[row] != groups[first]:
                own = embedding.table.weight[start + first : start + row].detach()
                worth = embedding.alpha[groups[first]] * own.square().mean(0).sqrt()
                pairs += [(-w, field, first, row - first) for w in worth.tolist()]
                sizes[field, first] = 0
                first = row
    for _, field, first, rows in sorted(pairs):
        if rows <= budget:
            budget -= rows
            sizes[field, first] += 1
    expected = [
        [size for (own, first), size in sizes.items() if own == field for _ in range(1)]
        for field in range(3)
    ]
    for own, blocks in zip(expected, found.blocks, strict=True):
        merged = [size for k, size in enumerate(own) if k == 0 or size != own[k - 1]]
        assert [block.dim for block in blocks] == merged
    assert found.parameters == round(0.4 * 54 * 8) - budget


@pytest.mark.parametrize(("preset", "words"), [("", "largest value alone"), ("block", "smallest")])
def test_a_budget_that_cannot_be_met_is_refused(prepared, preset, words):
    """The message has what the smallest result takes."""
    context, model = prepared
    with pytest.raises(ConfigError, match=f"autosrh cannot meet a budget of 0 .*{words}"):
        quick(preset).search(fresh(context, budget=0), model)


@pytest.mark.parametrize("unification", ["plain", "transform"])
def test_a_model_without_retraining_starts_from_scaled_values(unification):
    """Kept values are E * alpha, the others zero."""
    context = tiny_context(shapes=SHAPES, candidates=(4, 8), unification=unification)
    method = quick("dnis", pruned=0.5)
    prepared = method.prepare(context)
    found = method.search(fresh(context), prepared)
    model = context.build_model(context.build_embedding(found))
    method.inherit(context, prepared, found, model)
    scaled = method.model.embedding.scaled()
    for field, (part, mask) in enumerate(zip(model.embedding.layout, found.masks, strict=True)):
        _, _, dim, first = part.blocks[0]
        own = model.embedding.tables[str(dim)].weight[first : first + part.rows]
        rows = scaled[method.model.embedding.rows(field)]
        torch.testing.assert_close(own, rows * torch.from_numpy(mask.values()))
    if unification == "transform":
        torch.testing.assert_close(
            model.embedding.transforms["8"].weight, method.model.embedding.transform.weight
        )


def test_blocks_have_nothing_to_inherit(prepared):
    """The message says how to run them."""
    context, model = prepared
    method = quick("block")
    found = method.search(fresh(context), model)
    with pytest.raises(ConfigError, match="without --inherit"):
        method.inherit(context, model, found, nn.Module())


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"groups": ()}, "autosrh.groups"),
        ({"groups": (0.5, 0.4)}, "autosrh.groups = .* add up to 1"),
        ({"groups": (1.5, -0.5)}, "autosrh.groups"),
        ({"pruned": 1.0}, "autosrh.pruned = 1.0"),
        ({"alpha_learning_rate": 0.0}, "autosrh.alpha_learning_rate"),
        ({"l1": -1.0}, "autosrh.l1"),
        ({"form": "rows"}, "autosrh.form = 'rows': expected values or blocks"),
        ({"epochs": 0}, "autosrh.epochs"),
    ],
)
def test_invalid_settings_are_named(settings, words):
    """With what was expected."""
    with pytest.raises(ConfigError, match=words):
        AutoSrhConfig(**settings)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("preset", ["block"])
def test_other_presets_keep_the_contract(preset, check):
    """The plain defaults are checked with all methods; blocks have nothing to inherit."""
    if (preset, check) != ("block", check_inherit):
        check(AutoSrh, preset)
