"""The vectors of a history's items: those that its field's values have in the same batch."""

import dataclasses

import numpy as np
import pytest
import torch

from aesbench import Allocation, Block, Field, MixedEmbedding
from aesbench.core.mask import Mask
from aesbench.models.backbones import BackboneConfig, DeepFM, WideDeep
from aesbench.models.embedding import FieldEmbedding, FirstOrder
from aesbench.search.candidates import CandidateTables
from aesbench.search.soft_selection import SoftEmbedding
from aesbench.testing import tiny_context
from aesbench_methods.adass.config import AdaSSConfig
from aesbench_methods.adass.sampling import Draw
from aesbench_methods.adass.subnet import SubnetEmbedding

FIELDS = (Field("user", 9), Field("item", 7), Field("tags", 5, columns=2), Field("kind", 3))
HISTORIES = (Field("seen", 7, 4, shares="item"), Field("met", 9, 1, shares="user"))
ITEM, USER = 1, 0
# Users, items, two tags, kinds, four seen, one met.
IDS = torch.tensor(
    [
        [0, 1, 0, -1, 0, 1, 3, -1, -1, 0],
        [8, 3, 4, 2, 1, 3, 3, 5, 0, 2],
        [2, 5, -1, -1, 2, -1, -1, -1, -1, -1],
        [5, 0, 1, 1, 0, 6, -1, -1, -1, 8],
        [0, 6, 2, -1, 1, 6, 0, 1, 5, 0],
    ],
    dtype=torch.int32,
)
SEEN, MET = IDS[:, 5:9], IDS[:, 9:]
ALLOCATIONS = {
    "field-wise": Allocation.field_wise(FIELDS, (3, 2, 3, 2)),
    "blocks": Allocation(
        ("user", "item", "tags", "kind"),
        ((Block(9, 2),), (Block(3, 3), Block(2, 1), Block(2, 0)), (Block(5, 2),), (Block(3, 2),)),
    ),
    "none of the item": Allocation.field_wise(FIELDS, (3, 0, 3, 2)),
    "hashed": Allocation(
        ("user", "item", "tags", "kind"),
        ((Block(9, 2, 3),), (Block(3, 3), Block(4, 1, 2)), (Block(5, 2),), (Block(3, 2),)),
    ),
    "masked": Allocation(
        ("user", "item", "tags", "kind"),
        ((Block(9, 2),), (Block(7, 3),), (Block(5, 2),), (Block(3, 2),)),
        masks=(None, Mask.of(np.arange(21).reshape(7, 3) % 4 > 0), None, None),
    ),
}


def mixed(allocation, unification, histories=HISTORIES, seed=0):
    """The embedding of an allocation."""
    return MixedEmbedding(
        FIELDS, allocation, unification=unification, final_dim=4, table_std=1.0,
        generator=torch.Generator().manual_seed(seed), histories=histories,
    )  # fmt: skip


def check_items(embedding, ids, owners, columns, *, atol=1e-5):
    """Put each item in place of its field's value, and find the same vector there.

    In eval mode, where a vector does not depend on the others of the batch.
    """
    embedding.eval()
    sequences = embedding.sequences(ids)
    assert len(sequences) == len(owners) == len(embedding.targets)
    for (vectors, mask), owner, (first, last), (start, width) in zip(
        sequences, owners, columns, embedding.targets, strict=True
    ):
        own = ids[:, first:last]
        assert vectors.shape == (*own.shape, width)
        torch.testing.assert_close(mask, own >= 0)
        assert (vectors[~mask] == 0).all()
        for place in range(last - first):
            changed = ids.clone()
            there = own[:, place] >= 0
            changed[there, owner] = own[there, place]
            expected = embedding(changed)[:, start : start + width]
            torch.testing.assert_close(vectors[there, place], expected[there], atol=atol, rtol=1e-5)


@pytest.mark.parametrize("unification", ["plain", "transform"])
@pytest.mark.parametrize("sizes", ALLOCATIONS)
def test_an_item_has_the_vector_of_its_field(sizes, unification):
    """Whatever its size, its blocks, and how sizes are unified; the field's own place is given."""
    embedding = mixed(ALLOCATIONS[sizes], unification)
    if unification == "transform":
        embedding.norm.running_mean.normal_()
        embedding.norm.running_var.uniform_(0.5, 2)
    check_items(embedding, IDS, (ITEM, USER), ((5, 9), (9, 10)))
    assert [width > 0 for _, width in embedding.targets] == [sizes != "none of the item", True]


def test_in_training_items_are_normalised_as_their_field_is():
    """With the mean and variance of the batch's items at hand; the averages move once a step."""
    embedding = mixed(ALLOCATIONS["blocks"], "transform").train()
    ids = IDS.clone()
    ids[:, 5:9] = ids[:, 1:2]  # Every item is the one at hand.
    flat = embedding(ids)
    before = embedding.norm.running_mean.clone()
    (vectors, _), _ = embedding.sequences(ids)
    start, width = embedding.targets[0]
    for place in range(4):
        torch.testing.assert_close(vectors[:, place], flat[:, start : start + width])
    assert (embedding.norm.running_mean == before).all()


@pytest.mark.parametrize("unification", ["plain", "transform"])
def test_histories_take_no_parameters_and_change_no_field(unification):
    """The tables are those without them, and so are the fields' vectors and first order."""
    allocation = ALLOCATIONS["field-wise"]
    own, without = mixed(allocation, unification), mixed(allocation, unification, ())
    assert {n: p.shape for n, p in own.named_parameters()} == {
        n: p.shape for n, p in without.named_parameters()
    }
    torch.testing.assert_close(own(IDS), without(IDS), atol=0, rtol=0)
    wide = FirstOrder(FIELDS)
    torch.nn.init.normal_(wide.weights.weight)
    torch.testing.assert_close(wide(IDS), wide(IDS[:, :5]), atol=0, rtol=0)
    uniform = Allocation.uniform(FIELDS[:2], 2)
    pair = FIELDS[:2]
    one = MixedEmbedding(pair, uniform, unification=unification, final_dim=4, table_std=1.0,
                         generator=torch.Generator().manual_seed(1),
                         histories=HISTORIES[:1])  # fmt: skip
    ids = torch.cat([IDS[:, :2], SEEN], 1)
    assert one(ids).shape == (5, 4 if unification == "plain" else 8)


def test_a_history_trains_the_table_of_its_field():
    """Both lookups give gradients to the same rows."""
    embedding = mixed(ALLOCATIONS["field-wise"], "plain")
    (vectors, mask), _ = embedding.sequences(IDS)
    vectors.sum().backward()
    gradient = embedding.tables["2"].weight.grad.to_dense()[:7]  # Items come before kinds.
    expected = torch.bincount(SEEN[SEEN >= 0], minlength=7)
    assert gradient[:, 0].tolist() == expected.tolist()
    assert embedding.tables["3"].weight.grad is None


def test_an_embedding_without_histories_has_no_sequences():
    """It gives none; one that says that it has some must define them."""
    assert mixed(ALLOCATIONS["blocks"], "plain", ()).sequences(IDS[:, :5]) == []
    embedding = FieldEmbedding()
    assert embedding.sequences(IDS) == []
    embedding.targets = ((0, 2),)
    with pytest.raises(NotImplementedError):
        embedding.sequences(IDS)


@pytest.mark.parametrize("scheme", ["independent", "shared"])
@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("tanh", [False, True])
def test_soft_items_are_the_fields_sums(scheme, own, tanh):
    """In a search that weighs sizes, with the weights of the field."""
    generator = torch.Generator().manual_seed(0)
    tables = CandidateTables(
        FIELDS, (2, 3), scheme=scheme, table_std=1.0, generator=generator, histories=HISTORIES
    )
    embedding = SoftEmbedding(tables, 4, generator, own_transforms=own, tanh=tanh)
    embedding.weights = torch.rand(4, 2, generator=generator)
    for norm in embedding.norms:
        norm.running_mean.normal_(generator=generator)
        norm.running_var.uniform_(0.5, 2, generator=generator)
    check_items(embedding, IDS, (ITEM, USER), ((5, 9), (9, 10)))
    ids = IDS.clone()
    ids[:, 5:9] = ids[:, 1:2]
    flat = embedding.train()(ids)
    (vectors, _), _ = embedding.sequences(ids)
    torch.testing.assert_close(vectors[:, 2], flat[:, 4:8], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("unification", ["plain", "transform"])
@pytest.mark.parametrize("settings", [{}, {"columns": "own"}, {"scheme": "independent"}])
def test_subnet_items_have_the_size_of_their_field(settings, unification):
    """Each part of a batch that of its subnet; those of a dropped field are zero, as its own."""
    context = tiny_context(history_of="item", unification=unification)
    config = AdaSSConfig(**{"epochs": 1, **settings})
    embedding = SubnetEmbedding(context, config)
    embedding.means.normal_(generator=context.generator)
    embedding.variances.uniform_(0.5, 2, generator=context.generator)
    ids, _ = next(context.train.batches(32))
    keep = (True, True, True, False)
    embedding.draws = [Draw((0, 3, 1, 2), keep), Draw((2, 0, 1, 1), (True, False, True, True))]
    check_items(embedding, ids, (1,), ((4, 8),))
    ((vectors, mask),) = embedding.sequences(ids)
    assert mask[16:].any() and (vectors[16:] == 0).all() and (vectors[:16][mask[:16]] != 0).any()
    ids = ids.clone()
    ids[:, 4:] = ids[:, 1:2]
    flat, ((vectors, _),) = embedding.train()(ids), embedding.sequences(ids)
    start, width = embedding.targets[0]
    torch.testing.assert_close(vectors[:, 1], flat[:, start : start + width], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("backbone", "unification"), [(WideDeep, "plain"), (DeepFM, "transform")])
def test_other_backbones_take_the_mean_of_a_history(backbone, unification):
    """As that of a multi-valued field: a plain sum over its items, zero without any."""
    embedding = mixed(ALLOCATIONS["blocks"], unification)
    generator = torch.Generator().manual_seed(3)
    model = backbone(FIELDS, embedding, BackboneConfig((6,)), generator).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, generator=generator)
    rows = []
    for row, flat in zip(IDS, embedding(IDS), strict=True):
        vectors = [flat]
        for items, mask in embedding.sequences(row.unsqueeze(0)):
            found = [items[0, place] for place in range(mask.shape[1]) if mask[0, place]]
            vectors.append(sum(found) / len(found) if found else torch.zeros(items.shape[2]))
        joined = torch.cat(vectors)
        logit = model.mlp(joined.unsqueeze(0)).squeeze()
        if backbone is DeepFM:
            each = joined.view(-1, 4)
            pairs = sum(each[i] @ each[j] for i in range(len(each)) for j in range(i))
            logit = logit + model.pair_scale * pairs
        rows.append(logit)
    torch.testing.assert_close(
        model(IDS), torch.stack(rows) + model.wide(IDS), atol=1e-4, rtol=1e-4
    )
    assert not (model.packs or model.sums_over_fields or model.has_fixed_shapes)
    plain = backbone(
        FIELDS, mixed(ALLOCATIONS["blocks"], unification, ()), BackboneConfig(), generator
    )
    assert plain.packs and plain.sums_over_fields


def test_a_context_hands_its_histories_on():
    """Its embedding of an allocation knows them, and its ids have their columns."""
    context = tiny_context(history_of="item")
    embedding = context.build_embedding(Allocation.uniform(context.fields, 2))
    ids, _ = next(context.train.batches(64))
    assert ids.shape == (64, 4 + 4)
    ((vectors, mask),) = embedding.sequences(ids)
    assert vectors.shape == (64, 4, 2) and 0 < mask.float().mean() < 1
    assert not mask[0].any()
    without = dataclasses.replace(context, histories=())
    assert without.build_embedding(Allocation.uniform(context.fields, 2)).targets == ()
