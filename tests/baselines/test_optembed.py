"""OptEmbed: thresholds and their gradient by hand, prefixes, evolution's operators, budgets."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from aesbench import Allocation, Split
from aesbench.core import metrics
from aesbench.core.settings import build_config
from aesbench.core.trace import Trace
from aesbench.errors import ConfigError
from aesbench.models.training import predict
from aesbench.testing import CHECKS, tiny_context
from aesbench_baselines.optembed import (
    OptEmbed,
    OptEmbedConfig,
    PrunedTable,
    Step,
    crossovers,
    memory,
    mutations,
    repaired,
    rows_kept,
)

SHAPES = (("user", 40, 1), ("tags", 9, 3), ("kind", 5, 1))


def generator(seed=0):
    """A generator of its own."""
    return torch.Generator().manual_seed(seed)


def quick(preset="", **settings):
    """A method whose search is short."""
    chosen = {**OptEmbed.preset(preset), **OptEmbed.presets["quick"], **settings}
    return OptEmbed(build_config(OptEmbedConfig, chosen, "optembed"))


def table(**changes):
    """A table of width 4 over user, kind and a field of one value, with its context."""
    shapes = (("user", 6, 1), ("kind", 3, 1), ("one", 1, 1))
    context = tiny_context(**{"shapes": shapes, "candidates": (2, 4), **changes})
    return PrunedTable(context, prunes_rows=True), context


@pytest.mark.parametrize(
    ("x", "step", "slope"),
    [
        (0.0, 0, 2.0),  # Not over the threshold.
        (0.1, 1, 1.6),
        (-0.1, 0, 1.6),
        (0.3, 1, 0.8),
        (-0.39, 0, 0.44),
        (0.5, 1, 0.4),
        (-1.0, 0, 0.4),
        (1.1, 1, 0.0),
        (-3.0, 0, 0.0),
    ],
)
def test_the_step_and_its_surrogate_derivative(x, step, slope):
    """2 - 4|x| up to .4, .4 up to 1, nothing beyond; times what comes from above."""
    value = torch.tensor([x], requires_grad=True)
    found = Step.apply(value)
    (gradient,) = torch.autograd.grad(found, value, torch.tensor([3.0]))
    assert found.item() == step
    assert gradient.item() == pytest.approx(3 * slope, abs=1e-5)


def test_a_row_is_kept_if_its_norm_is_over_its_fields_threshold():
    """|e|_1 of the whole row, against the threshold of its own field."""
    embedding, _ = table()
    with torch.no_grad():
        embedding.table.weight.zero_()
        embedding.table.weight[:, 0] = torch.tensor([0.1, -0.3, 0.5, 0, 1, 2, 0.2, -0.6, 0.4, 0.0])
        embedding.table.weight[1, 3] = 0.2
        embedding.thresholds.copy_(torch.tensor([0.4, 0.5, -0.1]))
    assert [own.tolist() for own in embedding.kept()] == [[0, 1, 1, 0, 1, 1], [0, 1, 0], [1]]
    found = embedding(torch.tensor([[0, 1, 0], [1, 0, 0]])).view(2, 3, 4)
    torch.testing.assert_close(found[0, 1], torch.tensor([-0.6, 0, 0, 0]))
    torch.testing.assert_close(found[1, 0], torch.tensor([-0.3, 0, 0, 0.2]))
    assert (found[0, 0] == 0).all() and (found[1, 1] == 0).all()


def test_gradients_of_threshold_and_row_by_hand():
    """Of sum_c w_c e'_c: the row's is m w + (w . e) h sign(e), the threshold's -(w . e) h."""
    embedding, _ = table()
    rows = torch.tensor([[0.1, -0.3, 0.0, 0.2], [0.1, 0.0, -0.1, 0.0]])  # Norms .6 and .2.
    with torch.no_grad():
        embedding.table.weight[:2] = rows
        embedding.thresholds[0] = 0.35  # x = .25, hence h = 1; and -.15, hence h = 1.4.
    weights = torch.tensor([[1.0, 2.0, -1.0, 3.0], [2.0, 1.0, -1.0, 1.0]])
    found = embedding(torch.tensor([[0, 0, 0], [1, 0, 0]])).view(2, 3, 4)[:, 0]
    gradients = torch.autograd.grad(
        (weights * found).sum(), (embedding.table.weight, embedding.thresholds)
    )
    by_mask = torch.tensor([0.1, 0.3])  # w . e: .1 - .6 + .6; .2 + .1.
    expected = weights * torch.tensor([[1.0], [0.0]])
    expected = expected + (by_mask * torch.tensor([1.0, 1.4]))[:, None] * rows.sign()
    torch.testing.assert_close(gradients[0].to_dense()[:2], expected)
    assert gradients[1][0].item() == pytest.approx(-(0.1 * 1.0 + 0.3 * 1.4), rel=1e-5)
    assert (gradients[1][1:] == 0).all()  # Of fields without a weight.


def test_vectors_are_cut_to_their_first_components():
    """A length for each sample and field, or for each field; all of it again afterwards."""
    embedding, context = table()
    with torch.no_grad():
        embedding.table.weight.fill_(1.0)
    ids = torch.zeros(2, 3, dtype=torch.int32)
    with embedding.cut_to(torch.tensor([[1, 2, 4], [3, 0, 1]])):
        counts = embedding(ids).view(2, 3, 4).sum(-1)
        first = embedding(ids).view(2, 3, 4)[0, 1]
    assert counts.tolist() == [[1, 2, 4], [3, 0, 1]] and first.tolist() == [1, 1, 0, 0]
    with embedding.cut_to(torch.tensor([4, 1, 2])):
        assert embedding(ids).view(2, 3, 4).sum(-1).tolist() == [[4, 1, 2]] * 2
    assert (embedding(ids) == 1).all()


def test_training_draws_every_length_for_each_sample_and_field():
    """Uniform on 1..d: no prefix of 0, and the whole vector too."""
    context = tiny_context(candidates=(2, 4), shapes=SHAPES)
    seen = []
    cut = PrunedTable.cut_to

    def noted(self, lengths):
        seen.append(lengths)
        return cut(self, lengths)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PrunedTable, "cut_to", noted)
        quick(epochs=3, patience=3).prepare(context)
    drawn = torch.cat(seen)
    assert drawn.shape[1] == 3 and seen[0].shape[0] == 64
    shares = torch.bincount(drawn.flatten(), minlength=5) / drawn.numel()
    assert shares[0] == 0 and (shares[1:] - 0.25).abs().max() < 0.05
    assert (seen[0][:, 0] != seen[0][:, 1]).any() and len(seen[0][:, 0].unique()) > 1


def test_a_steps_loss_and_optimizers_by_hand():
    """One step: Adam with coupled decay on all but t, and t by the gradient of loss and penalty."""
    context = tiny_context(shapes=SHAPES, candidates=(2, 4))
    context = replace(context, train_config=replace(context.train_config, batch_size=10_000))
    settings = {"alpha": 0.5, "threshold_learning_rate": 0.01, "decay": 0.1}
    model = quick(**settings).prepare(context)

    again = tiny_context(shapes=SHAPES, candidates=(2, 4))
    embedding = PrunedTable(again, prunes_rows=True)
    twin = again.build_model(embedding)
    for module in twin.modules():
        if isinstance(module, nn.Embedding):
            module.sparse = False
    ids, labels = next(again.train.batches(10_000, shuffle=again.generator))
    lengths = torch.randint(1, 5, (len(ids), 3), generator=again.generator)
    with embedding.cut_to(lengths):
        loss = nn.functional.binary_cross_entropy_with_logits(twin(ids), labels)
    loss.backward()
    expected = 0.01 * (0.5 - embedding.thresholds.grad)  # From t = 0, where exp(-t) = 1.
    torch.testing.assert_close(model.embedding.thresholds, expected)
    weight = embedding.table.weight
    g = weight.grad + 0.1 * weight.detach()
    moved = weight.detach() - 1e-3 * g / (g.abs() + 1e-8)  # Adam's first step.
    torch.testing.assert_close(model.embedding.table.weight, moved, atol=1e-6, rtol=1e-4)


def test_a_row_that_no_batch_touches_decays_below_the_threshold():
    """The rest stays: what prunes is the optimizer, as published."""
    context = tiny_context(shapes=(("user", 30, 1), ("kind", 5, 1)), candidates=(2, 4))
    ids = context.train.ids.copy()
    ids[ids[:, 0] == 7, 0] = 0
    context = replace(context, train=Split(ids, context.train.labels))
    settings = {"epochs": 60, "patience": 60, "threshold_learning_rate": 1e-1, "alpha": 1e-4}
    model = quick(**settings).prepare(context)
    start = PrunedTable(replace(context, generator=generator()), prunes_rows=True)
    norms = model.embedding.table.weight.abs().sum(1)
    assert norms[7] < 0.01 * start.table.weight.abs().sum(1)[7]
    assert norms[:7].min() > 10 * norms[7]


@pytest.fixture(scope="module")
def prepared():
    """A context and a supernet of it, twice as wide as its other candidate."""
    context = tiny_context(shapes=SHAPES, candidates=(4, 8))
    return context, quick(epochs=3, patience=3).prepare(context)


def fresh(context, **changes):
    """The context as a search gets it."""
    return replace(context, generator=generator(3), trace=Trace(), **changes)


def test_the_supernet_stops_at_the_first_epoch_without_a_better_auc():
    """Its weights are those of the epoch before."""
    context = tiny_context(shapes=SHAPES, candidates=(2, 4))
    model = quick(epochs=30).prepare(context)
    history = context.trace.series["validation_auc"][1]
    assert len(history) < 30 and history[-1] <= max(history) == history[-2]
    own = metrics.auc(context.validation.labels, predict(model, context.validation))
    assert own == pytest.approx(history[-2])


PARENT = (1, 2, 3, 4)


def test_mutation_reaches_every_length_of_every_field_and_no_parent_changes():
    """A field changes with the rate, to any of 1..size, the smallest included."""
    ranked = [PARENT, (8, 8, 8, 8)]
    children = mutations(ranked, 4000, 0.25, 8, generator())
    own = np.array(children[::2])  # Parents take turns.
    assert ranked == [PARENT, (8, 8, 8, 8)]
    for field, old in enumerate(PARENT):
        assert set(own[:, field]) == set(range(1, 9))
        share = (own[:, field] != old).mean()  # A rate of 1/4, to another length in 7 of 8 cases.
        assert share == pytest.approx(0.25 * 7 / 8, abs=0.04)
    assert mutations(ranked, 3, 0.0, 8, generator()) == [PARENT, (8, 8, 8, 8), PARENT]


def test_crossover_has_every_point_between_two_fields():
    """Never a copy where all lengths differ, and each of the M - 1 points is reached."""
    seen = {}
    for seed in range(300):
        (child,) = crossovers([(1, 1, 1, 1), (2, 2, 2, 2)], 1, generator(seed))
        seen[child] = seen.get(child, 0) + 1
    expected = {(a,) * k + (3 - a,) * (4 - k) for a in (1, 2) for k in (1, 2, 3)}
    assert set(seen) == expected and min(seen.values()) > 25


def test_crossovers_take_different_pairs():
    """Every ordered pair once, where as many children are asked for; one field is the first's."""
    parents = [(10 * k, k) for k in (1, 2, 3)]
    children = crossovers(parents, 6, generator())
    assert sorted(children) == [(10 * x, y) for x in (1, 2, 3) for y in (1, 2, 3) if x != y]
    assert sorted(crossovers([(1,), (2,)], 2, generator())) == [(1,), (2,)]


def test_the_result_is_the_best_that_was_ever_scored(prepared):
    """By hand over all candidates that evolution asked for; none of them scored higher."""
    context, model = prepared
    asked = {}
    method = quick(generations=6)
    own = fresh(context)
    original = PrunedTable.cut_to

    def noted(self, lengths):
        asked[tuple(lengths.tolist())] = None
        return original(self, lengths)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PrunedTable, "cut_to", noted)
        found = method.search(own, model)
    dims = [blocks[0].dim for blocks in found.blocks]
    scores = {
        lengths: method.score(own, model, Allocation.field_wise(context.fields, lengths)).auc
        for lengths in asked
    }
    assert scores[tuple(dims)] == max(scores.values()) and len(scores) > 6
    best = own.trace.series["best_auc"][1]
    assert best == sorted(best) and best[-1] == max(scores.values())


def test_a_generation_is_made_of_children_only(prepared):
    """No candidate survives by itself: the population's best may fall, the best ever does not."""
    context, model = prepared
    own = fresh(context)
    quick(generations=20, mutation_rate=1.0, crossovers=0).search(own, model)
    assert own.trace.series["population_auc"][1] != own.trace.series["best_auc"][1]


def test_a_score_is_that_of_a_model_with_shorter_tables(prepared):
    """Prefixes are zeros behind; a size of 0 leaves a field out."""
    context, model = prepared
    score = quick().score(context, model, Allocation.field_wise(context.fields, (3, 0, 8)))
    twin = quick(epochs=3, patience=3).prepare(tiny_context(shapes=SHAPES, candidates=(4, 8)))
    with torch.no_grad():
        twin.embedding.table.weight[:40, 3:] = 0
        twin.embedding.table.weight[40:49] = 0
    twin.embedding.prunes_rows = False
    expected = metrics.score(context.validation.labels, predict(twin, context.validation))
    assert score.auc == pytest.approx(expected.auc, abs=1e-6)
    assert score.logloss == pytest.approx(expected.logloss, abs=1e-6)
    with pytest.raises(ConfigError, match="size = 9: expected at most 8"):
        quick().score(context, model, Allocation.field_wise(context.fields, (3, 9, 8)))


def test_dims_are_sizes_of_fields():
    """No row is pruned, in training either; thresholds stay where they began."""
    context = tiny_context(shapes=SHAPES, candidates=(2, 4))
    method = quick("dims", threshold_learning_rate=10.0)
    model = method.prepare(context)
    found = method.search(context, model)
    assert found.is_field_wise and all(1 <= dim <= 4 for dim in found.dims)
    assert (model.embedding.thresholds == 0).all()
    assert all(own.all() for own in rows_kept(model.embedding, None))


@pytest.mark.parametrize(("share", "rows"), [(0.5, 27), (1.0, 54), (0.001, 1)])
def test_a_row_budget_keeps_the_rows_of_the_largest_margins(prepared, share, rows):
    """Over all fields together, against their own thresholds."""
    _, model = prepared
    kept = np.concatenate(rows_kept(model.embedding, share))
    margins = model.embedding.margins().numpy()
    assert kept.sum() == rows
    assert kept.all() or margins[kept].min() >= margins[~kept].max()


def test_a_row_budget_gives_masks_of_rows(prepared):
    """A mask is over whole rows of the prefix, and the index is counted: a parameter a row."""
    context, model = prepared
    found = quick(row_budget=0.3).search(fresh(context), model)
    kept = rows_kept(model.embedding, 0.3)
    assert found.masks
    for field, blocks, mask, own in zip(
        context.fields, found.blocks, found.masks, kept, strict=True
    ):
        if mask is not None:
            assert mask.is_of_rows and (mask.values().any(axis=1) == own).all()
            saved = (len(own) - own.sum()) * blocks[0].dim
            assert saved > field.cardinality
    costs = [memory(own, 8)[blocks[0].dim] for own, blocks in zip(kept, found.blocks, strict=True)]
    assert found.memory_parameters == sum(costs)


def test_memory_by_hand():
    """Two of five rows: 2 k + 5 where that is less than 5 k; a field without rows costs nothing."""
    assert memory(np.array([1, 1, 0, 0, 0], bool), 4) == [0, 5, 9, 11, 13]
    assert memory(np.ones(3, bool), 3) == [0, 3, 6, 9]
    assert memory(np.zeros(3, bool), 2) == [0, 0, 0]


cases = st.tuples(
    st.lists(
        st.tuples(st.integers(1, 50), st.integers(0, 50), st.integers(1, 8)), min_size=1, max_size=6
    ),
    st.floats(0, 1.2),
    st.integers(0, 1000),
)


@given(cases)
def test_a_repaired_candidate_fits_and_is_shortened_no_further(case):
    """No field grows, none is below 1; the one that was shortened last could not be longer."""
    fields, share, seed = case
    costs = [memory(np.arange(rows) < kept, 8) for rows, kept, _ in fields]
    lengths = tuple(length for *_, length in fields)
    used = sum(own[length] for own, length in zip(costs, lengths, strict=True))
    least = sum(own[1] for own in costs)
    budget = least + int(share * max(0, used - least))
    fixed = repaired(lengths, costs, budget, generator(seed))
    total = sum(own[length] for own, length in zip(costs, fixed, strict=True))
    assert total <= budget and all(1 <= a <= b for a, b in zip(fixed, lengths, strict=True))
    if used <= budget:
        assert fixed == lengths
    else:
        shortened = [i for i, (a, b) in enumerate(zip(fixed, lengths, strict=True)) if a < b]
        assert any(total - costs[i][fixed[i]] + costs[i][fixed[i] + 1] > budget for i in shortened)


@pytest.mark.parametrize("row_budget", [None, 0.3])
@pytest.mark.parametrize("share", [0.3, 0.6])
def test_budgets_hold(prepared, row_budget, share):
    """Of parameters and index, whatever rows are kept."""
    context, model = prepared
    budget = int(share * 8 * 54)
    found = quick(row_budget=row_budget).search(fresh(context, budget=budget), model)
    assert found.memory_parameters <= budget
    if row_budget is None:
        assert found.memory_parameters > 0.5 * budget


def test_a_budget_that_cannot_be_met_is_refused(prepared):
    """The message has the smallest allocation: one component of every row."""
    context, model = prepared
    with pytest.raises(ConfigError, match="budget of 53 .* has 54; raise --budget"):
        quick("dims").search(fresh(context, budget=53), quick("dims").prepare(fresh(context)))


def test_a_supernet_without_rows_is_refused(prepared):
    """The message says what to lower."""
    context, _ = prepared
    model = quick().prepare(fresh(context))
    with torch.no_grad():
        model.embedding.thresholds.fill_(1e3)
    with pytest.raises(ConfigError, match="pruned every row"):
        quick().search(fresh(context), model)


def test_a_table_too_large_for_dense_adam_is_refused():
    """54 rows of 8 + 1 values, and the layers."""
    context = tiny_context(shapes=SHAPES, candidates=(4, 8))
    with pytest.raises(ConfigError, match=r"optembed\.most_values allows 400"):
        quick(most_values=400).prepare(context)


@pytest.mark.parametrize("unification", ["plain", "transform"])
def test_inherited_weights_score_as_the_supernet(unification):
    """Vectors, transforms and first order of the retrained model are those of the search."""
    context = tiny_context(shapes=SHAPES, candidates=(4, 8), unification=unification)
    method = quick(row_budget=0.3)
    prepared = method.prepare(context)
    found = method.search(fresh(context), prepared)
    model = context.build_model(context.build_embedding(found))
    method.inherit(context, prepared, found, model)
    ids = torch.tensor([[3, 0, 2, -1, 1]], dtype=torch.int32)
    for field, part in enumerate(model.embedding.layout):
        if not part.width:
            continue
        _, _, dim, first = part.blocks[0]
        rows = prepared.embedding.table.weight[prepared.embedding.rows(field), :dim]
        own = model.embedding.tables[str(dim)].weight[first : first + part.rows]
        inside = own.abs().sum(1) > 0
        torch.testing.assert_close(own[inside], rows[inside])
        if unification == "transform":
            layer = model.embedding.transforms[str(dim)]
            torch.testing.assert_close(layer.weight, prepared.embedding.transform.weight[:, :dim])
    torch.testing.assert_close(model.wide(ids), prepared.wide(ids))


def test_searches_with_other_settings_share_the_supernet():
    """Evolution's are not in the key, those of training are."""
    plain = quick().prepare_key()
    assert quick(generations=5, mutation_rate=0.5, row_budget=0.5).prepare_key() == plain
    for changes in ({"decay": 0.1}, {"alpha": 0.1}, {"epochs": 9}, {"prunes_rows": False}):
        assert quick(**changes).prepare_key() != plain


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"row_budget": 1.5}, "optembed.row_budget = 1.5"),
        ({"row_budget": 0.5, "prunes_rows": False}, "optembed.row_budget = 0.5"),
        ({"parents": 30}, "optembed.parents = 30: expected at most the population, 20"),
        ({"parents": 2}, "optembed.crossovers = 10: expected at most 2"),
        ({"mutations": 0, "crossovers": 0, "parents": 2}, "at least 1 child"),
        ({"mutation_rate": 2.0}, "optembed.mutation_rate = 2.0"),
        ({"decay": -1.0}, "optembed.decay = -1.0"),
        ({"epochs": 0}, "optembed.epochs = 0"),
    ],
)
def test_invalid_settings_are_named(settings, words):
    """With what was expected."""
    with pytest.raises(ConfigError, match=words):
        OptEmbedConfig(**settings)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_dims_keep_the_contract(check):
    """The plain defaults are checked with all methods."""
    check(OptEmbed, "dims")
