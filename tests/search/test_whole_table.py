"""The table of all fields: what is looked up, averaged, changed and mapped."""

import torch

from aesbench.search.whole_table import WholeTable
from aesbench.testing import tiny_context

SHAPES = (("user", 20, 1), ("tags", 9, 3), ("kind", 4, 1))


class Numbered(WholeTable):
    """Multiplies the vectors of values by their row, those of fields by 10."""

    def of_values(self, vectors, rows, fields):
        assert vectors.shape == (*rows.shape, self.dim) and rows.shape[1:] == (len(fields),)
        assert (self.field_of_row[rows] == torch.tensor(list(fields))).all()
        return vectors * rows.unsqueeze(-1)

    def of_fields(self, vectors):
        return vectors * 10


def made(kind=WholeTable, shapes=SHAPES, unification="plain"):
    """A table of width 4 with its context."""
    context = tiny_context(shapes=shapes, unification=unification)
    table = kind(
        context.fields,
        4,
        unification=unification,
        final_dim=6,
        table_std=1.0,
        generator=context.generator,
    )
    return context, table


def vector(table, row, first):
    """The mean vector of the values of a row of ids, in a field whose rows begin at ``first``."""
    return torch.stack([table.table.weight[first + int(i)] for i in row if i >= 0]).mean(0)


def test_vectors_are_those_of_the_fields_rows():
    """With several columns a field's vector is the mean over the values that are there."""
    context, table = made()
    ids, _ = next(context.train.batches(30))
    found = table(ids).view(30, 3, 4)
    for row, own in zip(ids, found, strict=True):
        torch.testing.assert_close(own[0], vector(table, row[:1], 0))
        torch.testing.assert_close(own[1], vector(table, row[1:4], 20))
        torch.testing.assert_close(own[2], vector(table, row[4:], 29))
    assert not table.has_fixed_shapes and table.widths == (4, 4, 4)
    assert (table.rows(1), table.rows(2)) == (slice(20, 29), slice(29, 33))
    assert table.field_of_row.tolist() == [0] * 20 + [1] * 9 + [2] * 4


def test_single_columns_are_looked_up_at_once():
    """They give what the general way gives."""
    shapes = (("user", 20, 1), ("kind", 4, 1))
    context, table = made(Numbered, shapes)
    ids, _ = next(context.train.batches(30))
    at_once = table(ids)
    assert table.has_fixed_shapes
    table.has_fixed_shapes = False
    torch.testing.assert_close(table(ids), at_once)


def test_values_are_changed_before_they_are_averaged():
    """By their row in the table; the field's vector after."""
    context, table = made(Numbered)
    ids = torch.tensor([[3, 0, 2, -1, 1]], dtype=torch.int32)
    weight = table.table.weight
    tags = 10 * (20 * weight[20] + 22 * weight[22]) / 2
    expected = torch.cat([10 * 3 * weight[3], tags, 10 * 30 * weight[30]])
    torch.testing.assert_close(table(ids)[0], expected)


def test_a_transform_maps_changed_vectors():
    """A linear layer to the final dimension, shared by the fields, then batch normalisation."""
    context, table = made(Numbered, unification="transform")
    ids, _ = next(context.train.batches(30))
    plain = made(Numbered)[1]
    plain.load_state_dict({"table.weight": table.table.weight})
    vectors = plain(ids).view(30, 3, 4)
    mapped = (vectors @ table.transform.weight.T + table.transform.bias).flatten(1)
    normed = (mapped - mapped.mean(0)) / (mapped.var(0, unbiased=False) + 1e-5).sqrt()
    torch.testing.assert_close(table(ids), normed, atol=1e-4, rtol=1e-4)
    assert table.normalised and table.widths == (6, 6, 6)


class Prefixes(WholeTable):
    """Each row has a prefix as long as its number among all rows, modulo five."""

    def of_values(self, vectors, rows, fields):
        return vectors * (torch.arange(self.dim) < (rows % 5).unsqueeze(-1))


def test_only_what_a_mask_keeps_has_a_gradient():
    """The rest of a row stays where it is, whatever the loss."""
    _, table = made(Prefixes, (("a", 3, 1), ("b", 7, 1)))
    table(torch.tensor([[1, 4]], dtype=torch.int32)).sum().backward()
    gradient = table.table.weight.grad.to_dense()
    assert gradient[1].tolist() == [1, 0, 0, 0] and gradient[7].tolist() == [1, 1, 0, 0]
    assert gradient.sum() == 3


def test_a_row_without_any_value_is_zero():
    """Only padding: there is no mean, and no NaN."""
    _, table = made(Prefixes)
    ids = torch.tensor([[3, -1, -1, -1, 1]], dtype=torch.int32)
    assert table(ids)[0, 4:8].tolist() == [0, 0, 0, 0]


def test_xaviers_values_are_drawn_over_all_rows():
    """Uniform between -/+ sqrt(6 / (33 rows + 4))."""
    context, table = made()
    table.redraw_as_xavier(context.generator)
    bound = (6 / 37) ** 0.5
    largest = table.table.weight.abs().max().item()
    assert 0.9 * bound < largest <= bound
