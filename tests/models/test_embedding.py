"""The embedding of an allocation on tables written out by hand, and what it must not touch."""

import numpy as np
import pytest
import torch

from aesbench import Allocation, Block, Field, MixedEmbedding
from aesbench.models.embedding import FirstOrder, make_linear, make_table

USER, ITEM = Field("user", 3), Field("item", 4)
TAGS = Field("tags", 3, columns=3)


def embed(fields, *blocks, unification="plain", seed=0, table_std=0.5):
    """The embedding of these fields and blocks, ``(rows, dim), ...`` for each field."""
    allocation = Allocation(
        tuple(field.name for field in fields),
        tuple(tuple(Block(*block) for block in own) for own in blocks),
    )
    return MixedEmbedding(
        fields,
        allocation,
        unification=unification,
        final_dim=5,
        table_std=table_std,
        generator=torch.Generator().manual_seed(seed),
    )


def set_rows(module, rows):
    """Give a table or a layer these weights."""
    with torch.no_grad():
        module.weight.copy_(torch.tensor(rows, dtype=torch.float32))


def ids(*rows):
    """A batch of ids, as data sets hold them."""
    return torch.tensor(rows, dtype=torch.int32)


def test_fields_of_one_size_never_read_each_others_rows():
    """User id 2 is row 2, item id 0 is row 3: the first one after the users."""
    embedding = embed([USER, ITEM], [(3, 1)], [(4, 1)])
    set_rows(embedding.tables["1"], [[0], [1], [2], [10], [11], [12], [13]])
    assert embedding(ids((2, 0), (0, 3))).tolist() == [[2, 10], [0, 13]]


def test_every_row_of_every_table_belongs_to_exactly_one_id():
    """Over all ids of all fields each parameter is looked up once: rows are conserved."""
    fields = [Field("a", 6), Field("b", 3), Field("c", 5, columns=2), Field("d", 2)]
    embedding = embed(
        fields, [(1, 2), (2, 3), (3, 2)], [(3, 2)], [(2, 3), (3, 2)], [(2, 3)], unification="plain"
    )
    for table in embedding.tables.values():
        torch.nn.init.ones_(table.weight)
    # One row per id of the field whose turn it is; the others stay at id 0.
    for number, field in enumerate(fields):
        for value in range(field.cardinality):
            row = [0, 0, 0, -1, 0]
            row[number if number < 3 else 4] = value
            embedding(ids(row)).sum().backward()
    for table in embedding.tables.values():
        touched = table.weight.grad.coalesce().indices()[0]
        assert touched.tolist() == list(range(len(table.weight)))


def test_the_order_of_the_vectors_is_that_of_widths():
    """Ascending sizes first, fields of one size in their order, then fields in several pieces."""
    fields = [Field("a", 2), TAGS, Field("b", 2), Field("c", 2), Field("d", 2)]
    embedding = embed(fields, [(2, 3)], [(3, 4)], [(2, 1)], [(1, 2), (1, 1)], [(2, 3)])
    for dim, table in embedding.tables.items():
        set_rows(table, [[100 * int(dim) + row] * int(dim) for row in range(len(table.weight))])
    assert embedding.widths == (1, 3, 3, 4, 2)
    # Rows of size 1: b 0-1, c 2. Of size 3: a 0-1, d 2-3.
    vector = embedding(ids((1, 2, -1, -1, 1, 0, 0))).tolist()[0]
    assert vector == [101] + [301] * 3 + [302] * 3 + [402] * 4 + [200] * 2


def test_a_multi_valued_field_is_the_mean_of_its_values_and_padding_is_none_of_them():
    """Padding may stand anywhere; a repeated value counts twice; without a value: zero."""
    embedding = embed([ITEM, TAGS], [(4, 2)], [(3, 2)])
    # Row 3 is the last item: the padding id -1 plus the offset 4 of the tags would find it.
    set_rows(embedding.tables["2"], [[0, 0]] * 3 + [[99, 99]] + [[1, 0], [2, 0], [7, 12]])
    found = embedding(ids((0, 0, 2, -1), (0, -1, -1, 1), (0, 2, 2, 0), (0, -1, -1, -1)))
    assert found[:, 2:].tolist() == [[4, 6], [2, 0], [5, 8], [0, 0]]


def test_a_padded_batch_gives_no_gradient_to_any_row():
    """Not even a batch without any value stops the backward pass."""
    embedding = embed([TAGS], [(3, 2)])
    embedding(ids((-1, -1, -1))).sum().backward()
    assert embedding.tables["2"].weight.grad.coalesce().indices().numel() == 0


def test_blocks_within_a_field_begin_where_the_one_before_ends():
    """Ids 0 | 1 2 | 3: sizes 2, 1, 0. The narrow block is projected, the empty one is zero."""
    embedding = embed([ITEM], [(1, 2), (2, 1), (1, 0)])
    set_rows(embedding.tables["2"], [[5, 6]])
    set_rows(embedding.tables["1"], [[1], [10]])
    set_rows(embedding.transforms["0-1"], [[2], [3]])
    assert embedding.transforms["0-1"].bias is None
    assert embedding(ids((0,), (1,), (2,), (3,))).tolist() == [[5, 6], [2, 3], [20, 30], [0, 0]]


def test_blocks_of_one_size_share_a_table_and_are_not_projected():
    """Ids 0 and 2 have size 2 in different blocks; each has a row of its own."""
    embedding = embed([USER], [(1, 2), (1, 1), (1, 2)])
    set_rows(embedding.tables["2"], [[1, 2], [3, 4]])
    assert list(embedding.transforms) == ["0-1"]
    assert embedding(ids((0,), (2,))).tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("unification", ["plain", "transform"])
@pytest.mark.parametrize("field", [ITEM, TAGS], ids=["one-column", "multi-valued"])
@pytest.mark.parametrize("blocks", [1, 2])
def test_a_field_without_parameters_has_no_vector(unification, field, blocks):
    """Whatever its columns and blocks, it widens no layer that comes after."""
    own = [(field.cardinality, 0)] if blocks == 1 else [(1, 0), (field.cardinality - 1, 0)]
    embedding = embed([USER, field], [(3, 2)], own, unification=unification)
    assert embedding.widths == ((2,) if unification == "plain" else (5,))
    batch = torch.zeros(4, 1 + field.columns, dtype=torch.int32)
    assert embedding(batch).shape == (4, sum(embedding.widths))


def test_the_transform_is_shared_by_the_fields_of_a_size():
    """One layer per distinct size (Eq. 7), with bias; blocks and tags use the same ones."""
    fields = [USER, ITEM, Field("kind", 2), TAGS]
    embedding = embed(
        fields, [(3, 2)], [(2, 2), (2, 4)], [(2, 4)], [(3, 2)], unification="transform"
    )
    shapes = {key: tuple(layer.weight.shape) for key, layer in embedding.transforms.items()}
    assert shapes == {"2": (5, 2), "4": (5, 4)}
    assert all(layer.bias is not None for layer in embedding.transforms.values())
    assert embedding.widths == (5, 5, 5, 5)
    assert not list(embedding.norm.parameters())


def test_statistics_are_of_each_field_and_component():
    """A field whose vectors are large does not shrink those of another field."""
    embedding = embed([USER, ITEM], [(3, 2)], [(4, 3)], unification="transform")
    with torch.no_grad():
        embedding.tables["3"].weight.mul_(1000)
    draw = np.random.default_rng(0)
    batch = torch.from_numpy(
        np.stack([draw.integers(0, 3, 400), draw.integers(0, 4, 400)], 1).astype(np.int32)
    )
    found = embedding(batch).detach()
    np.testing.assert_allclose(found.std(0), 1, atol=0.02)


def test_the_initial_values_are_the_generators_and_nobody_elses():
    """Equal seeds give equal bits, other seeds others; the global generator is left alone."""
    before = torch.get_rng_state()
    one, same, other = (
        embed([USER, ITEM], [(3, 2)], [(2, 4), (2, 1)], unification="transform", seed=seed)
        for seed in (0, 0, 1)
    )
    assert torch.equal(torch.get_rng_state(), before)
    for name, value in one.named_parameters():
        assert torch.equal(value, same.get_parameter(name))
        if "bias" not in name:
            assert not torch.equal(value, other.get_parameter(name))


def test_a_table_starts_with_the_given_deviation():
    """N(0, std²), whatever the size: the sample's deviation of 40,000 values is within 2 %."""
    generator = torch.Generator().manual_seed(0)
    for dim in (2, 64):
        weight = make_table(40_000 // dim, dim, 0.01, generator).weight
        assert weight.std().item() == pytest.approx(0.01, rel=0.02)
        assert abs(weight.mean().item()) < 3e-4


def test_a_layer_starts_as_torchs_default_does():
    """Weights and bias fill U(±1/sqrt(inputs)), from the generator alone."""
    layer, again = (make_linear(50, 100, torch.Generator().manual_seed(0)) for _ in range(2))
    bound = 50**-0.5
    for parameter in (layer.weight, layer.bias):
        assert bound * 0.9 < parameter.detach().abs().max().item() <= bound
    assert torch.equal(layer.weight, again.weight) and torch.equal(layer.bias, again.bias)
    assert make_linear(50, 100, torch.Generator(), bias=False).bias is None


def test_the_linear_term_sums_weights_and_averages_multi_valued_fields():
    """By hand: user 1 + mean of tags + bias; a sample without tags has no tag term."""
    first_order = FirstOrder([USER, TAGS])
    set_rows(first_order.weights, [[1], [2], [3], [10], [20], [60]])
    with torch.no_grad():
        first_order.bias.fill_(0.5)
    batch = ids((1, 0, 1, 2), (2, 1, -1, 2), (0, -1, -1, -1))
    assert first_order(batch).tolist() == [2 + 30 + 0.5, 3 + 40 + 0.5, 1 + 0.5]


def test_the_linear_term_starts_at_zero():
    """Before training it says nothing of any value."""
    assert FirstOrder([USER, ITEM])(ids((0, 3), (2, 1))).tolist() == [0, 0]


def test_weights_survive_a_state_dict():
    """What `fit` keeps of the best epoch restores every bit of the output."""
    one, other = (
        embed([USER, TAGS], [(3, 2)], [(1, 3), (2, 1)], unification="transform", seed=seed)
        for seed in (0, 1)
    )
    one(ids((0, 0, 1, -1), (1, 2, -1, -1)))  # Moves the running statistics.
    other.load_state_dict(one.state_dict())
    batch = ids((2, 1, 2, -1), (0, -1, -1, -1))
    assert torch.equal(one.eval()(batch), other.eval()(batch))
