"""Masked values: what searches that shorten values look up, and the blocks that they derive."""

import numpy as np
import pytest
import torch

from aesbench.core.allocation import Block
from aesbench.search.masked_values import MaskedValues, blocks_of
from aesbench.testing import tiny_context


class Prefixes(MaskedValues):
    """Each row has a prefix as long as its number among all rows, modulo five."""

    def masks(self, rows, fields):
        return (torch.arange(self.size) < (rows % 5).unsqueeze(-1)).float()


def embedding_of(shapes, unification="plain", size=4):
    """A context and the embedding of its fields."""
    context = tiny_context(shapes=shapes, unification=unification)
    made = Prefixes(
        context.fields,
        size,
        unification=unification,
        final_dim=6,
        table_std=1.0,
        generator=context.generator,
    )
    return context, made


def test_every_value_has_its_own_mask():
    """By hand: a field's rows begin after those of the fields before it."""
    _, embedding = embedding_of((("a", 3, 1), ("b", 7, 1)))
    vectors = embedding(torch.tensor([[2, 1], [0, 6]], dtype=torch.int32))
    weight = embedding.table.weight.detach()
    expected = torch.zeros(2, 8)
    for row, (a, b) in enumerate([(2, 1), (0, 6)]):
        for start, number in ((0, a), (4, 3 + b)):
            length = number % 5
            expected[row, start : start + length] = weight[number, :length]
    torch.testing.assert_close(vectors, expected)


def test_values_of_a_multi_valued_field_are_masked_before_their_mean():
    """Padding is left out; a row without any value is zero."""
    _, embedding = embedding_of((("a", 3, 1), ("tags", 9, 3)))
    ids = torch.tensor([[0, 1, 4, -1], [0, -1, -1, -1]], dtype=torch.int32)
    tags = embedding(ids)[:, 4:]
    weight = embedding.table.weight.detach()
    one, other = weight[3 + 1].clone(), weight[3 + 4].clone()
    one[4:], other[2:] = 0, 0  # Rows 4 and 7.
    torch.testing.assert_close(tags, torch.stack([(one + other) / 2, torch.zeros(4)]))


def test_only_what_a_mask_keeps_has_a_gradient():
    """The rest of a row stays where it is, whatever the loss."""
    _, embedding = embedding_of((("a", 3, 1), ("b", 7, 1)))
    embedding(torch.tensor([[1, 4]], dtype=torch.int32)).sum().backward()
    gradient = embedding.table.weight.grad.to_dense()
    assert gradient[1].tolist() == [1, 0, 0, 0] and gradient[7].tolist() == [1, 1, 0, 0]
    assert gradient.sum() == 3


def test_under_the_transform_widths_are_the_final_one_and_normalised():
    """A linear layer of the masked vectors, then batch normalisation per component."""
    context, embedding = embedding_of((("a", 30, 1), ("b", 7, 1)), unification="transform")
    assert embedding.normalised and embedding.widths == (6, 6)
    vectors = embedding(torch.from_numpy(context.train.ids[:50]))
    assert vectors.shape == (50, 12)
    torch.testing.assert_close(vectors.mean(0), torch.zeros(12), atol=1e-5, rtol=0)
    torch.testing.assert_close(vectors.var(0, correction=0), torch.ones(12), atol=1e-2, rtol=0)


@pytest.mark.parametrize(
    ("dims", "most", "blocks"),
    [
        ([4, 4, 2, 2, 2], None, [(2, 4), (3, 2)]),
        ([0, 8], None, [(1, 0), (1, 8)]),
        ([4, 4, 2, 2, 2], 1, [(5, 2)]),
        # One row of 3 between fives of 4 and 2: to join either costs 1; the first comes first.
        ([4] * 5 + [3] + [2] * 5, 2, [(6, 4), (5, 2)]),
        # A row of 9 in fours: joining makes all of it one block.
        ([4, 4, 9, 4, 4], 2, [(5, 4)]),
        ([8, 8, 2, 2], 1, [(4, 2)]),  # As many rows of both: the smaller size.
    ],
)
def test_blocks_are_runs_joined_where_it_changes_least(dims, most, blocks):
    """The rows stay as many as there were."""
    assert blocks_of(np.array(dims), most) == tuple(Block(rows, dim) for rows, dim in blocks)
