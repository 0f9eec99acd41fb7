"""ESAPN: enlarging copies through the chain, exploration touches nothing, the advantage by hand."""

import copy
import math

import pytest
import torch

from aesbench.core.settings import build_config
from aesbench.errors import ConfigError
from aesbench.models.optimizer import ModelAdam
from aesbench.models.training import step
from aesbench.search.candidates import CandidateTables
from aesbench.search.units import Unit, fields_as_units, popularity_units
from aesbench.testing import CHECKS, tiny_context
from aesbench_baselines.esapn import (
    ENLARGE,
    ESAPN,
    KEEP,
    ChosenSizes,
    ESAPNConfig,
    Policy,
    losses_of,
    policy_loss,
)

SHAPES = (("user", 40, 1), ("tags", 9, 3), ("kind", 5, 1))


def model_with(sizes, context=None, units=None, *, padded=False):
    """A model whose fields have these sizes, with its context and a batch of validation rows."""
    context = context or tiny_context(shapes=SHAPES)
    units = fields_as_units(context.fields) if units is None else units
    tables = CandidateTables(
        context.fields,
        context.candidates,
        scheme="independent",
        table_std=1.0,
        generator=context.generator,
    )
    model = context.build_model(ChosenSizes(tables, units, context.generator, padded=padded))
    model.embedding.sizes = list(sizes)
    return model, context, next(context.validation.batches(64))


def policy_of(context, **settings):
    """A policy that decides about the fields."""
    return Policy(context, ESAPNConfig(**settings), fields_as_units(context.fields))


def test_a_vector_passes_the_rest_of_the_chain():
    """From 16, 64 and 2: two links, none, and four, each field's own; then norm and tanh."""
    model, _, (ids, _) = model_with([2, 4, 0])
    embedding = model.embedding
    columns = {0: ids[:, :1], 1: ids[:, 1:4], 2: ids[:, 4:]}
    expected = []
    for field, size in enumerate(embedding.sizes):
        table = embedding.tables.weight(field, size)
        vectors = torch.stack([table[row[row >= 0].long()].mean(0) for row in columns[field]])
        for link in list(embedding.chain)[size:]:
            vectors = vectors @ link.weight[field] + link.bias[field]
        normed = (vectors - vectors.mean(0)) / (vectors.var(0, unbiased=False) + 1e-5).sqrt()
        expected.append(torch.tanh(normed))
    torch.testing.assert_close(embedding(ids), torch.cat(expected, 1), atol=1e-4, rtol=1e-4)


def test_enlarging_copies_the_table_through_the_link():
    """The rows of the next size are W e + b; other fields' rows and other tables stay."""
    model, _, _ = model_with([1, 1, 1])
    embedding = model.embedding
    before = {name: value.clone() for name, value in embedding.state_dict().items()}
    embedding.enlarge([1])
    tables, link = embedding.tables, embedding.chain[1]
    assert embedding.sizes == [1, 2, 1]
    expected = tables.weight(1, 1) @ link.weight[1] + link.bias[1]
    torch.testing.assert_close(tables.weight(1, 2), expected)
    changed = [
        n for n, value in embedding.state_dict().items() if not torch.equal(value, before[n])
    ]
    assert changed == ["tables.tables.2.weight"]
    rows = tables.rows(1)
    same = (embedding.state_dict()[changed[0]] == before[changed[0]]).all(1)
    assert not same[rows].any()
    assert same[: rows.start].all() and same[rows.stop :].all()


def test_enlarging_changes_no_prediction():
    """The new rows pass the rest of the chain and arrive where the old ones did.

    So what the published reward measures right after an enlargement is not the enlargement.
    """
    model, _, (ids, _) = model_with([0, 1, 2])
    before = model(ids)
    model.embedding.enlarge([0, 1, 2])
    torch.testing.assert_close(model(ids), before, atol=1e-4, rtol=1e-4)


def test_padding_is_what_is_retrained():
    """Vectors of the present sizes, zeros beyond them, neither mapped nor normalised."""
    model, _, (ids, _) = model_with([2, 4, 0], padded=True)
    tables = model.embedding.tables
    found = model.embedding(ids).view(len(ids), 3, 64)
    for field, size in enumerate(model.embedding.sizes):
        dim = tables.candidates[size]
        assert torch.equal(found[:, field, :dim], tables.look_up(ids, size, [field])[:, 0])
        assert not found[:, field, dim:].any()
    assert not model.embedding.normalised and not list(model.embedding.chain.parameters())


@pytest.mark.parametrize("padded", [True, False])
def test_enlarging_changes_no_prediction_of_values_either(padded):
    """Nor does giving a part of a field's values another size: fresh rows arrive where old did."""
    units = [Unit(0, 3, 9), Unit(0, 37, 9), Unit(1, 9, 9), Unit(2, 5, 9)]
    model, _, (ids, _) = model_with([0, 1, 2, 0], units=units, padded=padded)
    before = model(ids)
    model.embedding.enlarge([0, 2])
    assert model.embedding.sizes == [1, 1, 3, 0]
    torch.testing.assert_close(model(ids), before, atol=1e-4, rtol=1e-4)


def test_values_of_one_field_have_different_sizes():
    """Each row's vector is that of a field-wise model in which all have the row's size."""
    units = [Unit(0, 3, 9), Unit(0, 37, 9), Unit(1, 9, 9), Unit(2, 5, 9)]
    mixed, _, (ids, _) = model_with([2, 0, 1, 0], units=units, padded=True)
    found = mixed.embedding(ids)
    is_first = ids[:, 0] < 3
    assert is_first.any() and not is_first.all()
    for size, rows in ((2, is_first), (0, ~is_first)):
        alike, _, _ = model_with([size, 1, 0], padded=True)  # Drawn from the same seed.
        assert torch.equal(found[rows], alike.embedding(ids)[rows])


def test_enlarging_some_values_leaves_the_others():
    """The rows of the unit are written, the field's others are not, nor forgotten."""
    units = [Unit(0, 3, 9), Unit(0, 37, 9), Unit(1, 9, 9), Unit(2, 5, 9)]
    model, context, _ = model_with([1, 1, 1, 1], units=units)
    optimizer = ModelAdam(model, learning_rate=0.01, l2=0.0)
    for ids, labels in context.train.batches(64):
        step(model, optimizer, ids, labels)
    embedding = model.embedding
    embedding.sizes = [0, 0, 0, 0]
    tables, link = embedding.tables, embedding.chain[0]
    before = tables.weight(0, 1).detach().clone()
    embedding.enlarge([0], optimizer.tables)
    expected = tables.weight(0, 0)[:3] @ link.weight[0] + link.bias[0]
    torch.testing.assert_close(tables.weight(0, 1)[:3], expected)
    assert torch.equal(tables.weight(0, 1)[3:], before[3:])
    table = tables.table(1).weight
    (moments,) = [
        pair
        for known, pair in zip(optimizer.tables.tables, optimizer.tables.moments, strict=True)
        if known is table
    ]
    assert all(not moment[:3].any() and moment[3:40].any() for moment in moments)


def test_fresh_rows_have_no_past():
    """Adam's moments of the copied rows are zero, those of other fields' rows are kept."""
    model, context, _ = model_with([1, 1, 1])
    optimizer = ModelAdam(model, learning_rate=0.01, l2=0.0)
    for ids, labels in context.train.batches(64):
        step(model, optimizer, ids, labels)
    model.embedding.sizes = [0, 0, 0]  # The rows of size 8 now have moments.
    model.embedding.enlarge([0], optimizer.tables)
    table = model.embedding.tables.table(1).weight
    (moments,) = [
        pair
        for known, pair in zip(optimizer.tables.tables, optimizer.tables.moments, strict=True)
        if known is table
    ]
    own = model.embedding.tables.rows(0)
    for moment in moments:
        assert not moment[own].any()
        assert moment[own.stop :].any()


def test_forgetting_needs_a_table_of_the_optimizer():
    """A mistake is told, not ignored."""
    model, _, _ = model_with([0, 0, 0])
    optimizer = ModelAdam(model, learning_rate=0.01, l2=0.0)
    with pytest.raises(ConfigError, match="belong to no table"):
        optimizer.tables.forget(torch.zeros(3, 2), slice(0, 2))


def test_the_largest_size_can_only_be_kept():
    """Its logit to enlarge is minus infinity, whatever the network says; all others are finite."""
    model, context, _ = model_with([4, 0, 3])
    policy = policy_of(context, keep_bias=-1000.0)
    logits = policy.logits(model.embedding.sizes)
    assert torch.isneginf(logits[0, ENLARGE])
    assert torch.isfinite(logits[:, KEEP]).all() and torch.isfinite(logits[1:]).all()
    assert policy.preferred(model.embedding.sizes) == [1, 2]


def test_sizes_only_ever_grow_by_one(make_context):
    """From the smallest to the largest, one candidate at a decision, until nothing is left."""
    context = make_context()
    config = ESAPNConfig(
        epochs=2, patience=2, keep_bias=-1000.0, least_interval=2, decisions_per_epoch=100
    )
    found = ESAPN(config).search(context, None)
    steps, dims = context.trace.series["dimension"]
    assert steps == list(range(2, 17, 2))
    assert [row[0] for row in dims] == [8, 16, 32, 64, 64, 64, 64, 64]
    assert set(found.dims) == {64}


def test_exploration_leaves_the_model_as_it_is(monkeypatch):
    """Sizes, parameters and statistics stay, though every field is enlarged on the copy."""
    model, context, batch = model_with([0, 1, 2])
    policy = policy_of(context, keep_bias=-1000.0)
    before = copy.deepcopy(model.state_dict())
    tried = []
    enlarge = ChosenSizes.enlarge
    monkeypatch.setattr(
        ChosenSizes, "enlarge", lambda self, fields: (tried.append(fields), enlarge(self, fields))
    )
    policy.explore(model, batch)
    assert tried == [[0, 1, 2]]
    assert model.embedding.sizes == [0, 1, 2]
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_exploration_copies_no_table(monkeypatch):
    """What explores is a copy, but for the tables, which would be gigabytes at full size."""
    model, context, batch = model_with([0, 1, 2])
    tried = []
    enlarge = ChosenSizes.enlarge
    monkeypatch.setattr(
        ChosenSizes, "enlarge", lambda self, fields: (tried.append(self), enlarge(self, fields))
    )
    policy_of(context, keep_bias=-1000.0).explore(model, batch)
    (explored,) = tried
    assert explored is not model.embedding
    pairs = zip(model.embedding.tables.tables, explored.tables.tables, strict=True)
    assert all(own.weight is other.weight for own, other in pairs)


def test_the_policy_learns_from_exploring():
    """With a baseline its parameters move; they alone."""
    model, context, batch = model_with([0, 0, 0])
    policy = policy_of(context)
    before = [parameter.detach().clone() for parameter in policy.network.parameters()]
    policy.remember([2.0] * 3)
    losses = torch.tensor(losses_of(model, batch))
    torch.testing.assert_close(policy.explore(model, batch), 2.0 - losses, atol=1e-4, rtol=0)
    assert any(
        not torch.equal(old, new)
        for old, new in zip(before, policy.network.parameters(), strict=True)
    )
    assert all(parameter.grad is None for parameter in model.parameters())


def test_the_advantage_by_hand(context):
    """The mean of a unit's last five losses less the new one; nothing before there is a loss.

    Each has its own; one that a batch does not show keeps what it had.
    """
    policy = policy_of(context)
    assert policy.advantages([0.4] * 4).tolist() == [0] * 4
    for loss in (9.0, 0.5, 0.6, 0.7, 0.8, 0.9):
        policy.remember([loss, loss, 0.5, math.nan])
    assert list(policy.losses[0]) == [0.5, 0.6, 0.7, 0.8, 0.9]
    assert list(policy.losses[2]) == [0.5] * 5 and not policy.losses[3]
    found = policy.advantages([0.4, 0.9, math.nan, 0.4]).tolist()
    assert found == pytest.approx([0.3, -0.2, 0, 0])
    assert policy.mean_losses[3] == 1
    assert policy.mean_losses[2] == pytest.approx(0.5 + 0.5 * 0.9**6)


def test_the_loss_of_a_unit_is_that_of_its_rows():
    """The mean over the rows that hold one of its values; of a whole field over all rows."""
    units = [Unit(0, 3, 9), Unit(0, 36, 9), Unit(0, 1, 0), Unit(1, 9, 9), Unit(2, 5, 9)]
    model, _, (ids, labels) = model_with([0] * 5, units=units)
    inside = ids[:, 0] < 39
    ids, labels = ids[inside], labels[inside]
    with torch.no_grad():
        logits = model(ids)
    each = torch.log1p(torch.exp(logits * (1 - 2 * labels)))  # -log of the label's probability.
    first = ids[:, 0] < 3
    found = losses_of(model, (ids, labels))
    expected = [each[first].mean(), each[~first].mean(), math.nan, each.mean(), each.mean()]
    torch.testing.assert_close(
        found, [float(x) for x in expected], equal_nan=True, rtol=1e-4, atol=0
    )


def test_the_policy_gradient_by_hand():
    """advantage * (probability - one-hot action) per free field, none for a masked one."""
    logits = torch.tensor([[0.0, math.log(3)], [1.0, -torch.inf], [0.0, 0.0]], requires_grad=True)
    policy_loss(
        logits, torch.tensor([ENLARGE, KEEP, KEEP]), torch.tensor([2.0, 2.0, 4.0])
    ).backward()
    expected = 2.0 * torch.tensor([[0.25, -0.25], [0.0, 0.0], [-1.0, 1.0]])
    torch.testing.assert_close(logits.grad, expected)


def test_all_fields_at_the_largest_size_leave_the_policy_alone():
    """Nothing to decide is no error: loss 0, gradient 0."""
    logits = torch.tensor([[1.0, -torch.inf]], requires_grad=True)
    loss = policy_loss(logits, torch.tensor([KEEP]), torch.tensor([2.0]))
    loss.backward()
    assert loss == 0
    assert not logits.grad.any()


def test_the_best_epochs_sizes_are_returned(make_context, monkeypatch):
    """Not those of the last epoch: validation is best after the second of three here."""
    from aesbench_baselines import esapn

    scores = iter([0.5, 0.7, 0.6, 0.6])
    monkeypatch.setattr(esapn, "auc", lambda labels, logits: next(scores))
    context = make_context()
    config = ESAPNConfig(
        epochs=4, patience=2, keep_bias=-1000.0, least_interval=8, decisions_per_epoch=1
    )
    found = ESAPN(config).search(context, None)
    assert [row[0] for row in context.trace.series["dimension"][1]] == [8, 16, 32, 64]
    assert set(found.dims) == {16}


def test_values_get_sizes_by_their_popularity(make_context):
    """Blocks of contiguous ids: with a policy that always enlarges all of them, else as decided."""
    context = make_context()
    config = build_config(ESAPNConfig, {**ESAPN.preset("value"), "epochs": 1}, "esapn")
    method = ESAPN(config)
    found = method.search(context, None)
    units = popularity_units(context.fields, 201)
    sizes = [context.candidates[size] for size in method.model.embedding.sizes]
    by_value = [[block.dim for block in own for _ in range(block.rows)] for own in found.blocks]
    assert len(units) > 6 and found.parameters == sum(
        unit.rows * size for unit, size in zip(units, sizes, strict=True)
    )
    assert [len(own) for own in by_value] == [field.cardinality for field in context.fields]


@pytest.mark.parametrize(
    ("settings", "unification", "padded"),
    [
        ({}, "plain", True),
        ({}, "transform", False),
        ({"unify": "chain"}, "plain", False),
        ({"unify": "padding"}, "transform", True),
        ({"sizes_of": "values"}, "plain", False),  # Blocks are mapped at retraining, too.
    ],
)
def test_sizes_are_unified_as_the_run_retrains(make_context, settings, unification, padded):
    """Padded under ``plain`` where fields have sizes, by the chain otherwise."""
    method = ESAPN(ESAPNConfig(epochs=1, **settings))
    method.search(make_context(unification=unification), None)
    assert method.model.embedding.normalised != padded


@pytest.mark.parametrize(("steps", "interval"), [(100, 20), (1000, 50), (1, 20)])
def test_decisions_keep_their_distance(steps, interval):
    """Twenty per epoch, twenty batches apart at least."""
    assert ESAPNConfig().interval(steps) == interval


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", ["value"])
def test_every_preset_keeps_the_contract(name, check):
    """As the bare name does, which the registry's test takes."""
    check(ESAPN, name)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"last_losses": 0}, "esapn.last_losses = 0"),
        ({"policy_learning_rate": -1.0}, "esapn.policy_learning_rate = -1.0"),
        ({"loss_decay": 1.0}, "esapn.loss_decay = 1.0"),
        ({"rows": "test"}, "esapn.rows = 'test'"),
        ({"unify": "mean"}, "esapn.unify = 'mean'"),
        ({"sizes_of": "rows"}, "esapn.sizes_of = 'rows'"),
    ],
)
def test_a_setting_out_of_range_is_refused(settings, words):
    """Errors name the setting and its value."""
    with pytest.raises(ConfigError) as caught:
        build_config(ESAPNConfig, settings, "esapn")
    assert words in str(caught.value)
