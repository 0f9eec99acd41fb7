"""The embedding of a masked allocation: the lookups, what is trained, what is counted."""

import numpy as np
import pytest
import torch

from aesbench import Allocation, Field, MixedEmbedding
from aesbench.models.backbones import BackboneConfig, DeepFM, WideDeep
from aesbench.models.cost import count_flops, count_parameters
from aesbench.models.int8 import int8_bytes, int8_tables
from aesbench.models.optimizer import ModelAdam
from aesbench.models.packed.layers import NotPackableError
from aesbench.models.packed.model import Pack
from aesbench.models.training import step

FIELDS = (Field("user", 3), Field("item", 4), Field("tags", 5, columns=2))
KEEPS = [
    np.array([[True, False], [False, False], [True, True]]),
    np.ones((4, 2), dtype=np.bool_),
    np.arange(15).reshape(5, 3) % 2 == 0,
]
MASKED = Allocation.masked(FIELDS, KEEPS)
DENSE = Allocation.field_wise(FIELDS, [2, 2, 3])


def embed(allocation, unification="plain", seed=0):
    """The embedding of FIELDS."""
    return MixedEmbedding(
        FIELDS,
        allocation,
        unification=unification,
        final_dim=4,
        table_std=0.5,
        generator=torch.Generator().manual_seed(seed),
    )


def build(allocation, backbone=WideDeep, unification="plain", seed=0):
    """A small model on it."""
    generator = torch.Generator().manual_seed(seed)
    return backbone(FIELDS, embed(allocation, unification, seed), BackboneConfig((6,)), generator)


IDS = torch.tensor([[0, 0, 1, 2], [1, 1, 0, -1], [2, 3, 4, 4], [0, 2, 3, 1]], dtype=torch.int32)
LABELS = torch.tensor([1.0, 0.0, 1.0, 0.0])


@pytest.mark.parametrize("unification", ["plain", "transform"])
def test_vectors_are_those_of_the_dense_tables_times_the_mask(unification):
    """The same start values, those left out zeroed, whatever stands in the tables there."""
    masked, dense = embed(MASKED, unification), embed(DENSE, unification)
    zeroed = {
        "2": torch.cat([torch.from_numpy(KEEPS[0]), torch.from_numpy(KEEPS[1])]),
        "3": torch.from_numpy(KEEPS[2]),
    }
    with torch.no_grad():
        for dim, keeps in zeroed.items():
            dense.tables[dim].weight.mul_(keeps)
            assert torch.equal(masked.tables[dim].weight, dense.tables[dim].weight)
            masked.tables[dim].weight.masked_fill_(~keeps, 7.0)  # Must not be looked up.
    assert torch.equal(masked(IDS), dense(IDS))


@pytest.mark.parametrize("unification", ["plain", "transform"])
def test_what_is_left_out_stays_zero_and_what_is_kept_is_trained(unification):
    """Neither a gradient nor the decay moves it, in many steps."""
    model = build(MASKED, unification=unification)
    optimizer = ModelAdam(model, learning_rate=0.1, l2=0.1)
    before = {dim: table.weight.detach().clone() for dim, table in model.embedding.tables.items()}
    for _ in range(20):
        step(model, optimizer, IDS, LABELS)
    small, large = (model.embedding.tables[dim].weight.detach() for dim in ("2", "3"))
    assert torch.equal(small[:3] != 0, torch.from_numpy(KEEPS[0]))
    assert torch.equal(large != 0, torch.from_numpy(KEEPS[2]))
    assert (small[3:] != before["2"][3:]).all()
    assert (small[0, 0] != before["2"][0, 0]) and (large[0, 0] != before["3"][0, 0])


def test_a_masked_model_learns_as_a_dense_one_whose_gradient_is_masked():
    """Twenty steps end at the same weights: the mask is all that differs."""
    masked, dense = build(MASKED), build(DENSE)
    zeroed = {
        "2": torch.cat([torch.from_numpy(KEEPS[0]), torch.from_numpy(KEEPS[1])]).float(),
        "3": torch.from_numpy(KEEPS[2]).float(),
    }
    with torch.no_grad():
        for dim, keeps in zeroed.items():
            dense.embedding.tables[dim].weight.mul_(keeps)
    optimizers = [ModelAdam(one, learning_rate=0.05, l2=0.01) for one in (masked, dense)]
    for _ in range(20):
        step(masked, optimizers[0], IDS, LABELS)
        step(dense, optimizers[1], IDS, LABELS)
        with torch.no_grad():
            for dim, keeps in zeroed.items():
                dense.embedding.tables[dim].weight.mul_(keeps)
    assert torch.allclose(masked(IDS), dense(IDS), atol=1e-6)


@pytest.mark.parametrize("unification", ["plain", "transform"])
def test_a_history_reads_the_masked_table_that_it_shares(unification):
    """Its items have the vectors of the field, what is left out included."""
    fields, history = FIELDS[:2], Field("seen", 4, columns=2, shares="item")
    keeps = [KEEPS[0], np.array([[True, False], [True, True], [False, True], [True, True]])]
    embedding = MixedEmbedding(
        fields,
        Allocation.masked(fields, keeps),
        unification=unification,
        final_dim=4,
        table_std=0.5,
        generator=torch.Generator().manual_seed(0),
        histories=(history,),
    ).eval()
    with torch.no_grad():  # Must not be looked up.
        embedding.tables["2"].weight[3:].masked_fill_(~torch.from_numpy(keeps[1]), 7.0)
    ids = torch.tensor([[0, 2, 0, 2], [1, 3, 3, -1]], dtype=torch.int32)
    ((vectors, inside),) = embedding.sequences(ids)
    assert inside.tolist() == [[True, True], [True, False]]
    item = embedding.layout[1]
    own = embedding(ids)[:, item.start : item.start + item.width]
    torch.testing.assert_close(vectors[0, 1], own[0])  # Item 2, as target and as history.
    torch.testing.assert_close(vectors[1, 0], own[1])
    if unification == "plain":
        assert vectors[0, 0, 1] == 0 and vectors[0, 0, 0] == embedding.tables["2"].weight[3, 0]


def test_inherited_vectors_are_masked():
    """`set_vectors` copies a whole table; what is left out stays zero."""
    embedding = embed(MASKED)
    embedding.set_vectors(0, torch.full((3, 2), 9.0))
    assert embedding.tables["2"].weight[:3].tolist() == [[9, 0], [0, 0], [9, 9]]


def test_parameters_count_what_is_kept_and_flops_stay():
    """3 + 8 + 8 values of 6 + 8 + 15; the layers above take the vectors with their zeros."""
    masked, dense = build(MASKED, DeepFM, "transform"), build(DENSE, DeepFM, "transform")
    counted, all_ = count_parameters(masked), count_parameters(dense)
    assert counted.embedding == MASKED.parameters == 19
    assert all_.embedding == MASKED.dense_parameters == 29
    assert (counted.transform, counted.wide, counted.dense) == (
        all_.transform, all_.wide, all_.dense,
    )  # fmt: skip
    ids = IDS[:2]
    assert count_flops(masked, ids) == count_flops(dense, ids)


def test_masked_tables_in_int8_take_what_is_kept_and_the_index():
    """Of size 2: 3 + 8 values in 2 + 4 rows; of size 3: 8 in 5; index 13 and 22 bytes by hand.

    User: rows x 2 as a bitmap, 1 + 12. Tags: 15 values as a bitmap, 2 + 20.
    """
    assert MASKED.index_bytes == 13 + 22
    assert int8_bytes(MASKED) == (11 + 6 * 4) + (8 + 5 * 4) + 13 + 22
    assert int8_bytes(DENSE) == 7 * (2 + 4) + 5 * (3 + 4)
    embedding = embed(MASKED)
    with int8_tables(embedding):
        assert (embedding.tables["3"].weight != 0).sum() <= 8


def test_masks_are_no_part_of_the_weights():
    """A state dict has the tables, with zeros where values are left out."""
    state = embed(MASKED).state_dict()
    assert set(state) == {"tables.2.weight", "tables.3.weight"}


def test_masked_models_are_not_packed():
    """The pack says so, and whoever packs trains them alone."""
    models = [build(MASKED, seed=seed) for seed in (0, 1)]
    with pytest.raises(NotPackableError, match="masked tables are trained alone"):
        Pack(models, batch_size=4, generators=[torch.Generator()] * 2)
