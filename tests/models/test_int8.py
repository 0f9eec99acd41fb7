"""Tables in int8: rounding by hand, what stays as it is, and that nothing is left behind."""

import numpy as np
import pytest
import torch

from aesbench.core.allocation import Allocation, Block
from aesbench.models.int8 import int8_bytes, int8_tables, quantised
from aesbench.models.training import predict


def test_a_row_is_rounded_to_its_own_scale():
    """Of (1.27, -.5, .004) the scale is .01: 127, -50 and 0; a row of zeros stays one."""
    weight = torch.tensor([[1.27, -0.5, 0.004], [0.0, 0.0, 0.0], [-254.0, 1.1, 3.0]])
    whole, scales = quantised(weight)
    assert whole.dtype == torch.int8
    assert whole.tolist() == [[127, -50, 0], [0, 0, 0], [-127, 1, 2]]
    assert scales.flatten().tolist() == pytest.approx([0.01, 0.0, 2.0])


def test_no_value_moves_by_more_than_half_a_step():
    """Whatever the values, of any magnitude; what is rounded is rounded to itself again."""
    weight = torch.randn(500, 16, generator=torch.Generator().manual_seed(0))
    weight *= 10.0 ** torch.arange(-6, 4).repeat(50).unsqueeze(1)
    whole, scales = quantised(weight)
    rounded = whole * scales
    assert ((rounded - weight).abs() <= scales * 0.5001).all()
    assert torch.equal(quantised(rounded)[0], whole)


def test_bytes_by_hand(make_context):
    """A row of eight values takes 8 + 4 bytes; of one value it keeps its four."""
    fields = make_context().fields  # Of 40, 260, 5 and 12 values.
    sizes = Allocation.field_wise(fields, (8, 1, 0, 2))
    assert int8_bytes(sizes) == 40 * (8 + 4) + 260 * 4 + 12 * (2 + 4)
    blocks = ((Block(10, 8), Block(30, 4)), (Block(260, 4, 20),), (Block(5, 0),), (Block(12, 1),))
    mixed = Allocation(sizes.names, blocks)
    assert int8_bytes(mixed) == 10 * 12 + 30 * 8 + 20 * 8 + 12 * 4


def test_bytes_of_masked_tables_by_hand(make_context):
    """Of kept values one each, four for the scale of a row with any, and the mask's index."""
    fields = make_context().fields[:2]
    keeps = [np.arange(320).reshape(40, 8) < 20, np.ones((260, 2), dtype=np.bool_)]
    masked = Allocation.masked(fields, keeps)
    assert int8_bytes(masked) == 20 + 4 * 3 + masked.index_bytes + 260 * (2 + 4)
    assert masked.index_bytes > 0


def test_tables_are_rounded_inside_and_restored_after(make_context):
    """The tables alone: a second model with rounded tables predicts the same."""
    context = make_context()
    allocation = Allocation.field_wise(context.fields, (8, 1, 0, 2))
    embedding = context.build_embedding(allocation)
    model = context.build_model(embedding)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    plain = predict(model, context.validation)
    with int8_tables(model.embedding):
        inside = predict(model, context.validation)
        changed = {n for n, v in model.state_dict().items() if not torch.equal(v, before[n])}
        rounded = {name: value.clone() for name, value in model.state_dict().items()}
    assert changed == {"embedding.tables.8.weight", "embedding.tables.2.weight"}
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert (inside != plain).any() and abs(inside - plain).max() < 0.01
    model.load_state_dict(rounded)
    assert (predict(model, context.validation) == inside).all()


def test_tables_are_restored_after_an_error(make_context):
    """Whatever is raised inside."""
    context = make_context()
    embedding = context.build_embedding(Allocation.uniform(context.fields, 4))
    before = embedding.tables["4"].weight.clone()
    with pytest.raises(ValueError), int8_tables(embedding):
        raise ValueError
    assert torch.equal(embedding.tables["4"].weight, before)
