"""Retraining from searched weights: what is copied, where it goes, and what starts afresh."""

import pytest
import torch

from aesbench import Allocation, Block
from aesbench.errors import ConfigError
from aesbench.models.embedding import FieldEmbedding
from aesbench.search.candidates import CandidateTables, SizeTransforms
from aesbench.search.inheritance import inherit_chosen_tables, inherit_weights
from aesbench_baselines.sseds import SSEDS, SSEDSConfig


class Searched(FieldEmbedding):
    """Stands for any searched embedding: its tables and one width for all fields."""

    def __init__(self, tables):
        super().__init__()
        self.tables = tables
        self.widths = (2,) * len(tables.fields)


def searched_model(context, scheme="independent"):
    """A backbone on candidate tables, with a first-order term that is not zero."""
    tables = CandidateTables(
        context.fields,
        context.candidates,
        scheme=scheme,
        table_std=1.0,
        generator=context.generator,
    )
    model = context.build_model(Searched(tables))
    torch.nn.init.normal_(model.wide.weights.weight, generator=context.generator)
    return model


def mixed_dims(context):
    """Sizes that differ from field to field, smallest first and again at the end."""
    sizes = (*context.candidates, context.candidates[0])
    return [sizes[number % len(sizes)] for number in range(len(context.fields))]


@pytest.mark.parametrize("scheme", ["independent", "shared"])
def test_every_field_gets_its_searched_vectors(make_context, scheme):
    """What the retrained embedding looks up is what the candidate tables hold, size by size."""
    context = make_context(unification="plain")
    dims = mixed_dims(context)
    source = searched_model(context, scheme)
    tables = source.embedding.tables
    model = context.build_model(
        context.build_embedding(Allocation.field_wise(context.fields, dims))
    )
    inherit_weights(model, source, tables.vectors_of(dims))
    ids = torch.from_numpy(context.train.ids[:50])
    expected = []
    for size, dim in enumerate(context.candidates):
        own = [field for field, chosen in enumerate(dims) if chosen == dim]
        expected += [tables.look_up(ids, size, own)] if own else []
    assert torch.equal(model.embedding(ids), torch.cat([found.flatten(1) for found in expected], 1))
    assert torch.equal(model.wide(ids), source.wide(ids))


def test_transforms_go_where_vectors_are_transformed(make_context):
    """Each size's layer is copied; the dense layers start as they were."""
    context = make_context(unification="transform")
    dims = mixed_dims(context)
    source = searched_model(context)
    layers = SizeTransforms(context.candidates, context.final_dim, context.generator)
    model = context.build_model(
        context.build_embedding(Allocation.field_wise(context.fields, dims))
    )
    before = [parameter.clone() for parameter in model.mlp.parameters()]
    inherit_weights(
        model,
        source,
        source.embedding.tables.vectors_of(dims),
        layers.by_dim(context.candidates),
    )
    for dim, layer in layers.by_dim(context.candidates).items():
        if dim in dims:
            copied = model.embedding.transforms[str(dim)]
            assert torch.equal(copied.weight, layer.weight) and copied.weight is not layer.weight
            assert torch.equal(copied.bias, layer.bias)
    assert all(map(torch.equal, model.mlp.parameters(), before))


def test_every_block_gets_the_vectors_of_its_ids(make_context):
    """A field of two sizes takes the first rows of one table and the others of another."""
    context = make_context(shapes=(("user", 9, 1), ("kind", 5, 1)), unification="transform")
    source = searched_model(context)
    blocks = ((Block(4, 16), Block(5, 2)), (Block(5, 8),))
    model = context.build_model(context.build_embedding(Allocation(("user", "kind"), blocks)))
    inherit_chosen_tables(model, source, Allocation(("user", "kind"), blocks))
    weight = source.embedding.tables.weight
    for dim, own in ((16, weight(0, 2)[:4]), (2, weight(0, 0)[4:]), (8, weight(1, 1))):
        assert torch.equal(model.embedding.tables[str(dim)].weight, own)


@pytest.mark.parametrize("width", [32, 64])
def test_layers_to_another_width_stay_behind(make_context, width):
    """A search may map to the largest size where the retrained model maps to 32."""
    context = make_context(unification="transform")
    source = searched_model(context)
    source.embedding.transforms = SizeTransforms(context.candidates, width, context.generator)
    allocation = Allocation.uniform(context.fields, 8)
    model = context.build_model(context.build_embedding(allocation))
    before = model.embedding.transforms["8"].weight.clone()
    inherit_chosen_tables(model, source, allocation)
    assert torch.equal(model.embedding.transforms["8"].weight, before) == (width == 64)
    assert torch.equal(model.wide.weights.weight, source.wide.weights.weight)


def test_layers_of_single_fields_are_not_inherited(make_context):
    """The retrained embedding has one layer per size, so there is none to take them."""
    context = make_context()
    own = SizeTransforms(context.candidates, 4, context.generator, fields=len(context.fields))
    assert own.by_dim(context.candidates) == {}


def test_a_multi_valued_field_inherits_too(make_context):
    """Its vectors are averaged from the copied rows."""
    context = make_context(shapes=(("user", 9, 1), ("tags", 5, 3)), unification="plain")
    dims = [context.candidates[0]] * 2
    source = searched_model(context)
    tables = source.embedding.tables
    model = context.build_model(
        context.build_embedding(Allocation.field_wise(context.fields, dims))
    )
    inherit_weights(model, source, tables.vectors_of(dims))
    ids = torch.from_numpy(context.train.ids[:50])
    torch.testing.assert_close(model.embedding(ids), tables.look_up(ids, 0).flatten(1))


def test_sseds_inherits_the_dimensions_that_it_keeps(make_context):
    """The most salient columns of the pre-trained tables, in the order of their saliency."""
    context = make_context(unification="plain")
    method = SSEDS(SSEDSConfig(batches=2))
    prepared = method.prepare(context)
    allocation = method.search(make_context(unification="plain"), prepared)
    model = context.build_model(context.build_embedding(allocation))
    method.inherit(context, prepared, allocation, model)
    ids = torch.from_numpy(context.train.ids[:50])
    found = model.embedding(ids)
    columns = []
    for dim in sorted(set(allocation.dims)):
        for field, own in enumerate(allocation.dims):
            if own == dim:
                whole = prepared.embedding.tables.look_up(ids, 0, [field])[:, 0]
                columns.append(whole[:, method.ranked[field, :dim]])
    assert torch.equal(found, torch.cat(columns, 1))


def test_only_the_embedding_of_an_allocation_inherits(context):
    """The error names what the model has instead."""
    model = searched_model(context)
    with pytest.raises(ConfigError, match="got Searched; build the model on context.build_emb"):
        inherit_weights(model, model, [])
