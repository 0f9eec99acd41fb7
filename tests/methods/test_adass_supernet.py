"""AdaS&S's supernet (Algorithm 1), its subnets and their scores."""

import dataclasses

import numpy as np
import pytest
import torch

from aesbench import Allocation, Backbone, BackboneConfig
from aesbench.core import metrics
from aesbench.models.backbones import DeepFM, WideDeep
from aesbench.models.embedding import FirstOrder, make_linear
from aesbench.models.training import predict
from aesbench.testing import TINY_SHAPES, tiny_context
from aesbench_methods.adass import scoring
from aesbench_methods.adass.config import LITERAL, AdaSSConfig
from aesbench_methods.adass.method import AdaSS
from aesbench_methods.adass.sampling import Draw, Sampler
from aesbench_methods.adass.scoring import Rows, Scorer, find_lead
from aesbench_methods.adass.subnet import SubnetEmbedding
from aesbench_methods.adass.supernet import table_variances, train_supernet

MULTI_VALUED = (*TINY_SHAPES, ("tags", 9, 3))
LEADING = (("kind", 5, 1), ("side", 2, 1), ("user", 40, 1), ("item", 260, 1))
EVERY = (True,) * 4


class Sum(Backbone):
    """A backbone that offers no sums over fields."""

    name = "sum"
    title = "Sum"
    default_unification = "transform"

    def __init__(self, fields, embedding, config, generator):
        super().__init__(fields, embedding, config, generator)
        self.wide = FirstOrder(fields)
        self.layer = make_linear(sum(embedding.widths), 1, generator)

    def forward(self, ids):
        return self.layer(self.embedding(ids).tanh()).squeeze(1) + self.wide(ids)


def context_on(backbone, unification, shapes=TINY_SHAPES, **changes):
    context = tiny_context(shapes=shapes, unification=unification, **changes)

    def build(embedding, generator):
        return backbone(context.fields, embedding, BackboneConfig(hidden=(8, 4)), generator)

    return dataclasses.replace(context, backbone=build)


def quick(**settings):
    return AdaSSConfig(**{"epochs": 1, **settings})


def test_a_subnet_is_its_stand_alone_model():
    """Under ``plain``, with the same weights, both give the same logits."""
    context = context_on(WideDeep, "plain")
    supernet = context.build_model(SubnetEmbedding(context, quick(columns="own")))
    sizes = (0, 3, 4, 1)
    embedding = supernet.embedding
    dims = [context.candidates[size] for size in sizes]
    alone = context.build_model(
        context.build_embedding(Allocation.field_wise(context.fields, dims))
    )
    # The stand-alone embedding lays fields out by ascending size: here 0, 3, 1, 2.
    with torch.no_grad():
        columns = []
        for field in (0, 3, 1, 2):
            size, dim = sizes[field], dims[field]
            alone.embedding.tables[str(dim)].weight.copy_(embedding.tables.weight(field, size))
            start = field * 122 + sum(context.candidates[:size])
            columns += range(start, start + dim)
        alone.mlp[0].weight.copy_(supernet.mlp[0].weight[:, columns])
        alone.mlp[0].bias.copy_(supernet.mlp[0].bias)
        for own, other in zip(
            alone.mlp[1:].parameters(), supernet.mlp[1:].parameters(), strict=True
        ):
            own.copy_(other)
    embedding.draws = [Draw(sizes, EVERY)]
    expected = predict(alone, context.validation)
    assert predict(supernet, context.validation) == pytest.approx(expected, abs=1e-6)


def test_equation_7_normalises_each_field_and_size():
    """In training every kept component has mean 0 and variance 1 over the batch; others are 0."""
    context = context_on(WideDeep, "transform")
    embedding = SubnetEmbedding(context, quick())
    embedding.draws = [Draw((0, 1, 2, 3), (True, False, True, True))]
    vectors = embedding(torch.from_numpy(context.train.ids[:256])).view(256, 4, 32)
    kept = vectors[:, [0, 2, 3]].flatten(1)
    assert kept.mean(0).abs().max() < 1e-3  # In float32, over vectors of about .01 each.
    # The variance of a component that is 1e-5 in the batch is held down by the epsilon.
    assert kept.var(0, correction=0).max() <= 1.0001
    assert torch.equal(vectors[:, 1], torch.zeros(256, 32))


def test_population_statistics_are_those_of_the_train_rows():
    """In eval mode a component has mean 0 and variance 1 over train, whatever the batch."""
    context = context_on(WideDeep, "transform")
    embedding = SubnetEmbedding(context, quick())
    with torch.no_grad():
        for table in embedding.tables.parameters():
            table.mul_(100)  # So that the epsilon of the normalisation does not count.
    embedding.take_statistics(Rows(context.fields, context.train, 10_000, context.device))
    embedding.eval()
    embedding.draws = [Draw((4, 1, 2, 3), EVERY)]
    vectors = embedding(torch.from_numpy(context.train.ids))
    assert vectors.mean(0).abs().max() < 1e-4
    assert vectors.var(0, correction=0).detach().numpy() == pytest.approx(np.ones(128), abs=1e-3)
    assert torch.allclose(
        embedding(torch.from_numpy(context.train.ids[:3])), vectors[:3], atol=1e-5
    )


def test_parts_of_a_batch_are_subnets_of_their_own():
    """With two draws each half of the batch gets the vectors of its draw."""
    context = context_on(WideDeep, "plain")
    embedding = SubnetEmbedding(context, quick())
    ids = torch.from_numpy(context.train.ids[:10])
    draws = [Draw((0, 1, 2, 3), EVERY), Draw((4, 4, 0, 0), (False, True, True, True))]
    embedding.draws = draws
    both = embedding(ids)
    for draw, rows in zip(draws, (slice(0, 5), slice(5, 10)), strict=True):
        embedding.draws = [draw]
        assert torch.equal(both[rows], embedding(ids[rows]))


@pytest.mark.parametrize("shapes", [TINY_SHAPES, MULTI_VALUED], ids=["single", "multi-valued"])
@pytest.mark.parametrize(
    ("backbone", "unification"),
    [(WideDeep, "plain"), (WideDeep, "transform"), (DeepFM, "transform"), (Sum, "transform")],
)
def test_a_score_is_that_of_the_subnet_run_as_it_is(backbone, unification, shapes):
    """Folded tables and the whole forward pass give the same logits on the validation rows."""
    context = context_on(backbone, unification, shapes)
    scorer = train_supernet(context, quick())
    for sizes in ((0, 1, 2, 3, 4), (4, 4, 0, 1, 0), (2,) * 5):
        own = sizes[: len(shapes)]
        scorer.model.embedding.draws = [Draw(own, (True,) * len(own))]
        expected = predict(scorer.model, context.validation)
        assert scorer.logits(own).numpy() == pytest.approx(expected, abs=1e-4)
        assert scorer.score(own).auc == pytest.approx(
            metrics.auc(context.validation.labels, expected), abs=1e-6
        )
        assert scorer.reward(own, "auc") == scorer.score(own).auc
        assert scorer.reward(own, "logloss") == -scorer.score(own).logloss
        right = (scorer.logits(own).numpy() > 0) == (context.validation.labels > 0)
        assert scorer.reward(own, "accuracy") == right.mean()


@pytest.mark.parametrize(("backbone", "unification"), [(WideDeep, "plain"), (DeepFM, "transform")])
def test_summing_the_first_fields_ahead_changes_no_bit(backbone, unification, monkeypatch):
    """The first fields' sum is taken once for the rows that share it."""
    context = context_on(backbone, unification, LEADING)
    model = context.build_model(SubnetEmbedding(context, quick())).eval()
    found = {}
    for rows_per_lead in (4, 10**6):
        monkeypatch.setattr(scoring, "ROWS_PER_LEAD", rows_per_lead)
        scorer = Scorer(model, context, 10**6)
        assert scorer._lead.fields == (2 if rows_per_lead == 4 else 0)
        scorer.fold(model)
        found[rows_per_lead] = [scorer.logits(sizes) for sizes in ((0, 1, 2, 3), (4, 4, 0, 1))]
    assert all(torch.equal(ahead, at_once) for ahead, at_once in zip(*found.values(), strict=True))


def test_the_lead_is_the_most_first_fields_that_many_rows_share():
    """Four rows per combination, here; its places give the rows' own again."""
    draw = np.random.default_rng(0)
    places = torch.from_numpy(np.c_[draw.integers(0, 5, (100, 2)), draw.integers(0, 50, 100)])
    lead = find_lead(places)
    assert lead.fields == 2 and len(lead.combinations) <= 25
    assert torch.equal(lead.combinations[lead.of_rows], places[:, :2])
    assert find_lead(places[:, 1:]).fields == 0  # One field has nothing to be summed with.
    assert find_lead(places.flip(1)).fields == 0


def test_scores_use_evenly_spaced_rows_when_there_are_many():
    """With a limit the first and the last row and those between at equal steps are scored."""
    context = context_on(WideDeep, "plain")
    scorer = Scorer(context.build_model(SubnetEmbedding(context, quick())), context, 6)
    scorer.fold(scorer.model.eval())
    chosen = [0, 51, 102, 153, 204, 255]
    scorer.model.embedding.draws = [Draw((1,) * 4, EVERY)]
    expected = predict(scorer.model, context.validation)[chosen]
    assert scorer.logits((1,) * 4).numpy() == pytest.approx(expected, abs=1e-6)


def test_a_step_trains_the_sampled_tables_only(monkeypatch):
    """Algorithm 1: with sizes fixed by the rates, tables of other sizes keep their start."""
    rates = torch.zeros(4, 5)
    rates[torch.arange(4), torch.tensor([0, 1, 2, 3])] = 1.0
    sampler = Sampler(rates, torch.tensor([1.0, 1.0, 1.0, 0.0]))
    monkeypatch.setattr("aesbench_methods.adass.supernet.make_sampler", lambda *arguments: sampler)
    config = quick(scheme="independent")
    before = SubnetEmbedding(context_on(WideDeep, "plain"), config).tables
    tables = train_supernet(context_on(WideDeep, "plain"), config).model.embedding.tables
    for field in range(4):
        for size in range(5):
            moved = not torch.equal(before.weight(field, size), tables.weight(field, size))
            assert moved == (field == size and field < 3)


def test_adaptive_rates_move_and_are_traced():
    """Training changes both rates within their bounds and records them over time."""
    context = context_on(WideDeep, "plain")
    train_supernet(context, quick(epochs=3, patience=3, rate_interval=1, sampling="adaptive"))
    _, sizes = context.trace.series["sampling rate of sizes"]
    _, fields = context.trace.series["sampling rate of fields"]
    assert np.shape(sizes) == (24, 4, 5) and np.shape(fields) == (24, 4)
    assert np.sum(sizes, 2) == pytest.approx(np.ones((24, 4)), abs=1e-5)
    for rates in (np.array(sizes), np.array(fields)):
        assert np.ptp(rates, axis=0).min() > 0 and rates.min() >= 0 and rates.max() <= 1


@pytest.mark.parametrize("training", [True, False], ids=["training", "scoring"])
@pytest.mark.parametrize("shapes", [TINY_SHAPES, MULTI_VALUED], ids=["single", "multi-valued"])
@pytest.mark.parametrize("unification", ["plain", "transform"])
@pytest.mark.parametrize("batch", [11, 12], ids=["uneven", "even"])
def test_prefixes_looked_up_at_once_are_those_of_each_size(batch, unification, shapes, training):
    """Vectors, gradients and what Eq. 6 sees are the same as when sizes are looked up in turn."""
    context = context_on(WideDeep, unification, shapes)
    embedding = SubnetEmbedding(context, quick(scheme="shared")).double().train(training)
    embedding.take_statistics(Rows(context.fields, context.train, 20, context.device))
    count, ids = len(shapes), torch.from_numpy(context.train.ids[:batch])
    embedding.draws = [
        Draw((0, 3, 4, 1, 2)[:count], (True, True, False, True, True)[:count]),
        Draw((2, 2, 0, 4, 1)[:count], (True,) * count),
    ]
    embedding.observe = True
    weights = torch.rand(batch, sum(embedding.widths), generator=context.generator)
    seen = []
    for at_once in (True, False):
        embedding._at_once = at_once
        embedding.zero_grad()
        vectors = embedding(ids)
        (vectors * weights).sum().backward()
        told = embedding.observation()
        gradients = [p.grad.to_dense() for p in embedding.parameters() if p.grad is not None]
        seen.append([vectors, told.gradient, told.magnitude, told.entries, *gradients])
    assert len(seen[0]) == (5 if unification == "plain" else 15)
    for one, other in zip(*seen, strict=True):
        torch.testing.assert_close(one, other)


def test_the_gradient_of_equation_6_is_that_of_the_looked_up_vectors():
    """The L1 norm of a field's vectors' gradient equals that computed from its table's."""
    context = context_on(WideDeep, "plain")
    model = context.build_model(SubnetEmbedding(context, quick(scheme="independent")))
    embedding = model.embedding
    embedding.draws, embedding.observe = [Draw((3, 3, 1, 0), (True, True, True, False))], True
    ids = torch.from_numpy(context.train.ids[:1])  # One row: no two lookups share a table row.
    model(ids).sum().backward()
    seen = embedding.observation()
    table = embedding.tables.table(1).weight.grad
    assert seen.gradient[2].item() == pytest.approx(table.coalesce().values().abs().sum().item())
    looked_up = embedding.tables.weight(2, 1)[ids[0, 2]].abs().sum().item()
    assert seen.magnitude[2].item() == pytest.approx(looked_up)
    assert seen.entries.tolist() == [32, 32, 8, 0] and seen.gradient[3] == 0


@pytest.mark.parametrize("scheme", ["shared", "independent"])
@pytest.mark.parametrize("unification", ["plain", "transform"])
@pytest.mark.parametrize("importance", ["raw", "balanced"])
def test_the_letter_of_equation_6_norms_dropped_fields_too(scheme, unification, importance):
    """The norm of all chosen vectors, computed from the tables; ``balanced`` has kept ones only."""
    context = context_on(WideDeep, unification)
    config = quick(scheme=scheme, importance=importance)
    model = context.build_model(SubnetEmbedding(context, config))
    embedding = model.embedding
    draws = [
        Draw((3, 3, 1, 0), (True, True, True, False)),
        Draw((2, 0, 4, 1), (False, True, True, True)),
    ]
    embedding.draws, embedding.observe = draws, True
    ids = torch.from_numpy(context.train.ids[:6])
    model(ids).sum().backward()
    seen = embedding.observation()
    expected = torch.zeros(4)
    for part, draw in zip(ids.chunk(2), draws, strict=True):
        for field, size in enumerate(draw.sizes):
            if draw.keep[field] or importance == "raw":
                rows = embedding.tables.weight(field, size)[part[:, field]]
                expected[field] += rows.detach().abs().sum()
    torch.testing.assert_close(seen.magnitude, expected)
    # Gradients and counts are those of kept fields in both readings.
    lengths = [(3 * 32 + 0), 3 * 32 + 3 * 2, 3 * 8 + 3 * 64, 3 * 8]
    assert seen.entries.tolist() == lengths


@pytest.mark.parametrize("scheme", ["shared", "independent"])
def test_in_the_letter_a_field_without_gradient_has_a_norm(scheme):
    """A field that every subnet of the step drops: gradient 0, importance from its norm alone."""
    context = context_on(WideDeep, "plain")
    model = context.build_model(SubnetEmbedding(context, quick(scheme=scheme, importance="raw")))
    embedding = model.embedding
    embedding.draws, embedding.observe = [Draw((3, 3, 1, 4), (True, True, True, False))], True
    ids = torch.from_numpy(context.train.ids[:5])
    model(ids).sum().backward()
    seen = embedding.observation()
    assert seen.gradient[3] == 0 and seen.entries[3] == 0
    looked_up = embedding.tables.weight(3, 4)[ids[:, 3]].abs().sum().item()
    assert seen.magnitude[3].item() == pytest.approx(looked_up) and looked_up > 0


def test_the_literal_supernet_goes_on_training_every_field():
    """No keep rate is stuck at 0 for long: dropped fields come back by their norm."""
    context = context_on(WideDeep, "plain")
    train_supernet(context, AdaSSConfig(**{**LITERAL, "epochs": 4, "patience": 4}))
    _, rates = context.trace.series["sampling rate of fields"]
    kept = torch.tensor(rates)
    assert len(kept) > 10 and (kept == 0).any()
    assert (kept[len(kept) // 2 :].amax(0) > 0).all()


@pytest.mark.parametrize("scheme", ["shared", "independent"])
def test_variances_are_those_of_the_rows_that_train_holds(scheme):
    """For every field and size; rows without an occurrence say nothing of the training."""
    context = context_on(WideDeep, "plain", (("a", 60, 1), ("b", 3, 1)))
    tables = SubnetEmbedding(context, quick(scheme=scheme)).tables
    with torch.no_grad():
        for table in tables.parameters():  # Components that differ in mean and in spread.
            table.mul_(torch.rand(table.shape[1])).add_(0.1 * torch.rand(table.shape[1]))
    assert 0 < (context.fields[0].counts > 0).sum() < 60
    expected = [
        [tables.weight(i, j).detach().numpy()[field.counts > 0].var() for j in range(5)]
        for i, field in enumerate(context.fields)
    ]
    assert table_variances(tables).numpy() == pytest.approx(np.array(expected), rel=1e-4)


@pytest.mark.parametrize("shapes", [TINY_SHAPES, MULTI_VALUED], ids=["single", "multi-valued"])
def test_rows_know_each_fields_values_and_where_they_are(shapes):
    """The distinct values at the rows' places are the rows, and each is counted."""
    context = context_on(WideDeep, "plain", shapes)
    rows = Rows(context.fields, context.train, 100, context.device)
    whole = sum(rows.distinct(i)[0][rows.places(i)] for i in range(len(shapes)))
    assert torch.equal(whole, rows.ids)
    for field in range(len(shapes)):
        values, counts = rows.distinct(field)
        assert len(values.unique(dim=0)) == len(values)
        assert torch.equal(rows.places(field).bincount(), counts)


@pytest.mark.parametrize("settings", [{"sandwich": True}, {"groups": 1}, {"columns": "own"}])
def test_variants_of_the_training_give_other_supernets(settings):
    """Each setting changes what is learned, and the scores stay finite."""
    scores = [
        train_supernet(context_on(WideDeep, "plain"), quick(**changed)).score((1, 2, 3, 4))
        for changed in ({}, settings)
    ]
    assert scores[0] != scores[1] and 0 < scores[1].auc < 1


def test_scores_of_several_supernets_are_averaged():
    """With ``supernets=2`` a score is the mean over two trained from one generator."""
    context = context_on(WideDeep, "plain")
    method = AdaSS(quick(supernets=2))
    memo = method.prepare(context)
    sizes = (1, 2, 3, 4)
    own = [scorer.score(sizes) for scorer in memo.scorers]
    assert own[0] != own[1]
    assert memo.metrics(sizes).auc == pytest.approx((own[0].auc + own[1].auc) / 2)
    allocation = Allocation.field_wise(context.fields, [8, 16, 32, 64])
    assert method.score(context, memo, allocation) == memo.metrics(sizes)
