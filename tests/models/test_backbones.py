"""Embedding and backbones equal a slow, plainly written reference, sample by sample."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from aesbench import Allocation, Block, Field, MixedEmbedding
from aesbench.errors import ConfigError
from aesbench.models.backbones import BackboneConfig, DeepFM, WideDeep

SIMPLE = (Field("user", 9), Field("item", 7), Field("kind", 3))
MULTI = (*SIMPLE, Field("tags", 5, columns=3))


def draw_ids(fields, rows, seed=0):
    """Random ids; multi-valued fields have 0 to all columns filled."""
    draw = np.random.default_rng(seed)
    columns = []
    for field in fields:
        ids = draw.integers(0, field.cardinality, (rows, field.columns))
        if field.columns > 1:
            filled = draw.integers(0, field.columns + 1, (rows, 1))
            filled[0] = 0  # A row without any value.
            ids[np.arange(field.columns) >= filled] = -1
        columns.append(ids)
    return torch.from_numpy(np.concatenate(columns, 1).astype(np.int32))


def build(backbone, fields, allocation, unification, seed=0):
    """A model whose every parameter is random, in eval mode with random running statistics."""
    generator = torch.Generator().manual_seed(seed)
    embedding = MixedEmbedding(
        fields, allocation, unification=unification, final_dim=4, table_std=0.5,
        generator=generator,
    )  # fmt: skip
    model = backbone(fields, embedding, BackboneConfig((6, 5)), generator)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.5)
        if unification == "transform":
            embedding.norm.running_mean.normal_(0, 0.5, generator=generator)
            embedding.norm.running_var.uniform_(0.5, 2, generator=generator)
    return model.eval()


def reference_vectors(model, fields, allocation, unification, sample):
    """The vectors of one sample by the definition, {field number: vector before normalisation}."""
    embedding = model.embedding
    tables = {int(dim): table.weight.detach().numpy() for dim, table in embedding.tables.items()}
    # A dimension's rows come field by field, in the order of fields and blocks.
    start_of, filled = {}, {}
    for number, blocks in enumerate(allocation.blocks):
        for position, block in enumerate(blocks):
            start_of[number, position] = filled.get(block.dim, 0)
            filled[block.dim] = filled.get(block.dim, 0) + block.rows
    complex_fields = [
        n for n, f in enumerate(fields) if f.columns > 1 or len(allocation.blocks[n]) > 1
    ]
    vectors, column = {}, 0
    for number, (field, blocks) in enumerate(zip(fields, allocation.blocks, strict=True)):
        ids = sample[column : column + field.columns]
        column += field.columns
        width = 4 if unification == "transform" else max(b.dim for b in blocks)
        found = []
        for value in ids[ids >= 0]:
            position, first = 0, 0
            while value >= first + blocks[position].rows:
                first += blocks[position].rows
                position += 1
            block = blocks[position]
            if block.dim == 0:
                found.append(np.zeros(width))
                continue
            vector = tables[block.dim][start_of[number, position] + value - first]
            key = str(block.dim)
            if unification == "plain":
                place = complex_fields.index(number) if number in complex_fields else None
                key = f"{place}-{block.dim}"
            if key in embedding.transforms:
                layer = embedding.transforms[key]
                vector = layer.weight.detach().numpy() @ vector
                if layer.bias is not None:
                    vector = vector + layer.bias.detach().numpy()
            found.append(vector)
        vectors[number] = np.mean(found, 0) if found else np.zeros(width)
    return vectors, complex_fields


def reference_logit(model, fields, allocation, unification, sample):
    """The logit of one sample, written as the papers write it."""
    vectors, complex_fields = reference_vectors(model, fields, allocation, unification, sample)
    simple = [n for n in range(len(fields)) if n not in complex_fields]
    order = sorted(simple, key=lambda n: (allocation.blocks[n][0].dim, n)) + complex_fields
    order = [n for n in order if len(vectors[n]) and any(b.dim for b in allocation.blocks[n])]
    flat = np.concatenate([vectors[n] for n in order])
    if unification == "transform":
        norm = model.embedding.norm
        flat = (flat - norm.running_mean.numpy()) / np.sqrt(norm.running_var.numpy() + norm.eps)
    hidden = flat
    layers = [layer for layer in model.mlp if hasattr(layer, "weight")]
    for layer in layers:
        hidden = layer.weight.detach().numpy() @ hidden + layer.bias.detach().numpy()
        if layer is not layers[-1]:
            hidden = np.maximum(hidden, 0)
    logit = float(hidden[0]) + model.wide.bias.item()
    weights, first_row, column = model.wide.weights.weight.detach().numpy(), 0, 0
    for field in fields:
        ids = sample[column : column + field.columns]
        present = ids[ids >= 0]
        if len(present):
            logit += float(np.mean([weights[first_row + value, 0] for value in present]))
        first_row += field.cardinality
        column += field.columns
    if isinstance(model, DeepFM):
        parts = flat.reshape(-1, model.embedding.widths[0])
        pairs = sum(
            float(parts[i] @ parts[j]) for i in range(len(parts)) for j in range(i + 1, len(parts))
        )
        logit += model.pair_scale.item() * pairs
    return logit


MIXED = Allocation.field_wise(SIMPLE, [4, 2, 4])
BLOCKS = Allocation(
    ("user", "item", "kind", "tags"),
    (
        (Block(2, 6), Block(3, 2), Block(4, 1)),
        (Block(7, 2),),
        (Block(3, 6),),
        (Block(2, 3), Block(3, 6)),
    ),
)
DROPPED = Allocation(
    ("user", "item", "kind"), ((Block(4, 3), Block(5, 0)), (Block(7, 0),), (Block(3, 2),))
)
TAGS_SHARE = Allocation.field_wise(MULTI, [4, 2, 0, 4])
TAGS_NOTHING = Allocation(
    ("user", "item", "kind", "tags"),
    ((Block(9, 3),), (Block(3, 3), Block(4, 0)), (Block(3, 3),), (Block(1, 0), Block(4, 0))),
)
CASES = {
    "uniform": (SIMPLE, Allocation.uniform(SIMPLE, 4)),
    "mixed": (SIMPLE, MIXED),
    "blocks-and-tags": (MULTI, BLOCKS),
    "dropped": (SIMPLE, DROPPED),
    "tags-share-a-table": (MULTI, TAGS_SHARE),
    "tags-have-nothing": (MULTI, TAGS_NOTHING),
    "tags-alone": (MULTI[3:], Allocation(("tags",), ((Block(1, 4), Block(4, 4)),))),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(
    ("backbone", "unification"),
    [(WideDeep, "plain"), (WideDeep, "transform"), (DeepFM, "transform"), (DeepFM, "plain")],
)
def test_a_backbone_equals_its_reference(backbone, unification, case):
    """Every logit of a batch equals the one computed value by value."""
    fields, allocation = CASES[case]
    one_width = case in ("uniform", "tags-have-nothing", "tags-alone")
    if backbone is DeepFM and unification == "plain" and not one_width:
        with pytest.raises(ConfigError, match="use the unification 'transform'"):
            build(backbone, fields, allocation, unification)
        return
    model = build(backbone, fields, allocation, unification)
    ids = draw_ids(fields, 40)
    with torch.no_grad():
        logits = model(ids).numpy()
    expected = [reference_logit(model, fields, allocation, unification, s) for s in ids.numpy()]
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)


field_shapes = st.lists(
    st.tuples(
        st.lists(st.tuples(st.integers(1, 4), st.integers(0, 4)), min_size=1, max_size=3),
        st.integers(1, 3),
    ),
    min_size=1,
    max_size=5,
)


@given(field_shapes, st.sampled_from([WideDeep, DeepFM]), st.integers(0, 99))
def test_any_allocation_equals_its_reference(shapes, backbone, seed):
    """Any number of fields, blocks and columns, empty blocks anywhere, sizes in any order."""
    assume(any(dim for blocks, _ in shapes for _, dim in blocks))
    fields = tuple(
        Field(f"f{n}", sum(rows for rows, _ in blocks), columns)
        for n, (blocks, columns) in enumerate(shapes)
    )
    allocation = Allocation(
        tuple(field.name for field in fields),
        tuple(tuple(Block(*block) for block in blocks) for blocks, _ in shapes),
    )
    unification = "transform" if backbone is DeepFM or seed % 2 else "plain"
    model = build(backbone, fields, allocation, unification, seed)
    ids = draw_ids(fields, 8, seed)
    with torch.no_grad():
        logits = model(ids).numpy()
    expected = [reference_logit(model, fields, allocation, unification, s) for s in ids.numpy()]
    np.testing.assert_allclose(logits, expected, rtol=1e-3, atol=1e-4)


def test_transformed_vectors_have_unit_variance_in_training():
    """Batch normalisation without affine parameters: mean 0, variance 1 in every component."""
    model = build(WideDeep, SIMPLE, MIXED, "transform").train()
    vectors = model.embedding(draw_ids(SIMPLE, 500)).detach().numpy()
    np.testing.assert_allclose(vectors.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(vectors.std(0), 1, atol=5e-3)


def test_one_table_holds_all_fields_of_a_dimension():
    """Sizes 4, 2, 4 give two tables, of 9 + 3 rows and of 7 rows."""
    model = build(WideDeep, SIMPLE, MIXED, "plain")
    shapes = {dim: tuple(t.weight.shape) for dim, t in model.embedding.tables.items()}
    assert shapes == {"2": (7, 2), "4": (12, 4)}
    assert model.embedding.widths == (2, 4, 4)


def test_gradients_reach_the_rows_of_the_batch_only():
    """A table's gradient is sparse and names exactly the rows that were looked up."""
    model = build(WideDeep, SIMPLE, Allocation.uniform(SIMPLE, 4), "plain")
    model(torch.tensor([[3, 1, 0], [3, 2, 2]], dtype=torch.int32)).sum().backward()
    gradient = model.embedding.tables["4"].weight.grad.coalesce()
    assert gradient.indices()[0].tolist() == [3, 9 + 1, 9 + 2, 16 + 0, 16 + 2]


def test_an_allocation_of_other_fields_is_refused():
    """The embedding checks what a search handed back."""
    with pytest.raises(Exception, match="'user'"):
        build(WideDeep, SIMPLE, Allocation.uniform(MULTI, 4), "plain")


def test_deepfm_starts_small_over_normalised_vectors_only():
    """45 products of unit-variance vectors would drown the other terms; raw vectors are small."""
    uniform = Allocation.uniform(SIMPLE, 4)
    for unification, scale in (("transform", 0.01), ("plain", 1.0)):
        generator = torch.Generator().manual_seed(0)
        embedding = MixedEmbedding(
            SIMPLE, uniform, unification=unification, final_dim=4, table_std=0.01,
            generator=generator,
        )  # fmt: skip
        model = DeepFM(SIMPLE, embedding, BackboneConfig(), generator)
        assert model.pair_scale.item() == pytest.approx(scale)


@pytest.mark.parametrize("backbone", [WideDeep, DeepFM])
@pytest.mark.parametrize("unification", ["plain", "transform"])
def test_a_logit_does_not_depend_on_the_rest_of_the_batch(backbone, unification):
    """In eval mode every sample stands alone, a batch of one included."""
    allocation = Allocation.uniform(MULTI, 4)
    model = build(backbone, MULTI, allocation, unification)
    ids = draw_ids(MULTI, 12)
    with torch.no_grad():
        together, alone = model(ids), torch.cat([model(sample) for sample in ids.split(1)])
    assert together.shape == (12,)
    torch.testing.assert_close(together, alone)


@pytest.mark.parametrize("backbone", [WideDeep, DeepFM])
def test_the_order_of_the_values_of_a_field_does_not_matter(backbone):
    """A multi-valued field is a set; its padding may stand anywhere."""
    model = build(backbone, MULTI, Allocation.uniform(MULTI, 4), "transform")
    ids = draw_ids(MULTI, 20)
    turned = torch.cat([ids[:, :3], ids[:, 3:].flip(1)], 1)
    with torch.no_grad():
        torch.testing.assert_close(model(ids), model(turned))


@pytest.mark.parametrize("backbone", [WideDeep, DeepFM])
@pytest.mark.parametrize("unification", ["plain", "transform"])
def test_gradients_equal_finite_differences(backbone, unification):
    """Of the sum of logits, by every weight of every part, tables included."""
    model = build(backbone, SIMPLE, Allocation.uniform(SIMPLE, 4), unification).double()
    ids = draw_ids(SIMPLE, 6)
    model(ids).sum().backward()
    draw = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            gradient = parameter.grad.to_dense()
            direction = torch.randn(parameter.shape, generator=draw, dtype=torch.float64)
            parameter += 1e-6 * direction
            above = model(ids).sum()
            parameter -= 2e-6 * direction
            below = model(ids).sum()
            parameter += 1e-6 * direction
            expected = ((above - below) / 2e-6).item()
            found = (gradient * direction).sum().item()
            assert found == pytest.approx(expected, rel=1e-4, abs=1e-6), name


@pytest.mark.parametrize("backbone", [WideDeep, DeepFM])
def test_a_backbone_starts_from_its_generator_only(backbone):
    """Equal seeds give equal bits, and the global generator is left alone."""
    before = torch.get_rng_state()
    models = []
    for seed in (0, 0, 1):
        generator = torch.Generator().manual_seed(seed)
        embedding = MixedEmbedding(
            SIMPLE,
            MIXED,
            unification="transform",
            final_dim=4,
            table_std=0.01,
            generator=generator,
        )
        models.append(backbone(SIMPLE, embedding, BackboneConfig((6,)), generator))
    assert torch.equal(torch.get_rng_state(), before)
    one, same, other = (model.state_dict() for model in models)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["mlp.0.weight"], other["mlp.0.weight"])


@pytest.mark.parametrize("hidden", [(), (0,), (8, -1)])
def test_a_backbone_needs_layers_of_some_width(hidden):
    """The error names the setting and gives an example."""
    with pytest.raises(ConfigError, match="hidden = .*as in 128,64"):
        BackboneConfig(hidden)
