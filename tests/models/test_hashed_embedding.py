"""The embedding of an allocation whose ids share vectors."""

import dataclasses

import numpy as np
import pytest
import torch

from aesbench.core.allocation import Allocation, Block
from aesbench.core.hashing import buckets_of
from aesbench.models.cost import count_parameters
from aesbench.models.int8 import int8_bytes
from aesbench.models.packed.embedding import PackedEmbedding
from aesbench.models.packed.layers import NotPackableError
from aesbench.models.training import fit

SHAPES = (("user", 40, 1), ("item", 260, 1), ("tags", 9, 3))
BLOCKS = ((Block(40, 4),), (Block(60, 4), Block(200, 4, 20)), (Block(9, 4, 5),))
ALLOCATION = Allocation(("user", "item", "tags"), BLOCKS)


@pytest.mark.parametrize("unification", ["plain", "transform"])
def test_an_id_has_its_buckets_vector(make_context, unification):
    """As an embedding does whose larger tables hold a bucket's vector for each of its ids."""
    context = dataclasses.replace(make_context(shapes=SHAPES), unification=unification)
    hashed = context.build_embedding(ALLOCATION).eval()
    whole = context.build_embedding(
        Allocation(
            ALLOCATION.names, ((Block(40, 4),), (Block(60, 4), Block(200, 4)), (Block(9, 4),))
        )
    ).eval()
    state = {name: value for name, value in hashed.state_dict().items() if "tables" not in name}
    whole.load_state_dict(state, strict=False)
    table = hashed.tables["4"].weight.detach()
    assert table.shape == (40 + 60 + 20 + 5, 4)
    own = torch.cat(
        [
            table[:100],
            table[100:120][torch.from_numpy(buckets_of(200, 20))],
            table[120:][torch.from_numpy(buckets_of(9, 5))],
        ]
    )
    whole.tables["4"].weight.data.copy_(own)
    ids = torch.from_numpy(np.asarray(context.validation.ids))
    assert hashed.widths == whole.widths
    assert torch.allclose(hashed(ids), whole(ids), atol=1e-7)


def test_it_is_counted_and_trained_as_what_it_is(make_context):
    """Vectors of a bucket move together; the counts are the allocation's, in int8, too."""
    context = make_context(shapes=SHAPES)
    model = context.build_model(context.build_embedding(ALLOCATION))
    assert count_parameters(model).embedding == ALLOCATION.parameters == 4 * 125
    before = model.embedding.tables["4"].weight.detach().clone()
    fit(model, context.train, context.validation, context.train_config, context.generator)
    moved = (model.embedding.tables["4"].weight.detach() != before).any(1)
    seen = np.unique(context.train.ids[:, 1])
    rare = buckets_of(200, 20)[seen[seen >= 60] - 60]
    assert set(np.flatnonzero(moved[100:120])) == set(rare.tolist())
    assert int8_bytes(ALLOCATION) == 125 * (4 + 4)


def test_it_is_trained_alone(make_context):
    """A pack says that it can't."""
    context = make_context(shapes=SHAPES)
    model = context.build_model(context.build_embedding(ALLOCATION))
    with pytest.raises(NotPackableError, match="hashed tables are trained alone"):
        PackedEmbedding([model.embedding] * 2, [model.wide] * 2, 64)
