"""The soft combination of sizes: against a loop over fields and sizes, in train and eval mode."""

from dataclasses import replace

import pytest
import torch

from aesbench.search.candidates import CandidateTables
from aesbench.search.soft_selection import SoftEmbedding
from aesbench.search.units import Unit
from aesbench.testing import tiny_context

SHAPES = (("user", 40, 1), ("tags", 9, 3), ("one", 1, 1))
SIZES, WIDTH = (2, 3), 4


def soft(**settings):
    """A soft embedding of three fields and two sizes, with a batch of ids."""
    context = tiny_context(shapes=SHAPES)
    generator = context.generator
    scheme, width = settings.pop("scheme", "independent"), settings.pop("width", WIDTH)
    tables = CandidateTables(
        context.fields, SIZES, scheme=scheme, table_std=1.0, generator=generator
    )
    embedding = SoftEmbedding(tables, width, generator, **settings)
    return embedding, next(context.train.batches(64))[0]


def by_loop(embedding, ids, *, tanh, layers=True):
    """The same combination, field by field and size by size, from the formula alone."""
    columns = {0: ids[:, :1], 1: ids[:, 1:4], 2: ids[:, 4:]}
    width, vectors = WIDTH if layers else SIZES[-1], []
    for field, own in columns.items():
        total = torch.zeros(len(ids), width)
        for size, dim in enumerate(SIZES):
            table = embedding.tables.weight(field, size)
            found = torch.stack([table[row[row >= 0].long()].mean(0) for row in own])
            if layers:
                known = embedding.transforms.layers[size]
                found = known[field if len(known) > 1 else 0](found)
            normed = (found - found.mean(0)) / (found.var(0, unbiased=False) + 1e-5).sqrt()
            assert table.shape[1] == dim
            bounded = torch.tanh(normed) if tanh else normed
            total[:, : found.shape[1]] += embedding.weights[field, size] * bounded
        vectors.append(total)
    return torch.cat(vectors, 1)


@pytest.mark.parametrize("scheme", ["independent", "shared"])
@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("tanh", [False, True])
def test_the_combination_is_the_formula(scheme, own, tanh):
    """sum_t p_it BN(W_it v_it), with the batch's own mean and variance, for every kind of field."""
    embedding, ids = soft(scheme=scheme, own_transforms=own, tanh=tanh)
    embedding.weights = torch.tensor([[0.9, 0.1], [0.3, 0.7], [0.0, 1.0]])
    # The constant field's rounding errors are divided by sqrt(1e-5).
    expected = by_loop(embedding, ids, tanh=tanh)
    torch.testing.assert_close(embedding(ids), expected, atol=3e-4, rtol=1e-4)


@pytest.mark.parametrize("scheme", ["independent", "shared"])
@pytest.mark.parametrize("tanh", [False, True])
def test_padding_is_the_formula_without_layers(scheme, tanh):
    """sum_t p_it pad(BN(v_it)): each size at the first of its field's components, zeros beyond."""
    embedding, ids = soft(scheme=scheme, tanh=tanh, width=None)
    embedding.weights = torch.tensor([[0.9, 0.1], [0.3, 0.7], [0.0, 1.0]])
    assert embedding.widths == (SIZES[-1],) * 3 and embedding.transforms is None
    expected = by_loop(embedding, ids, tanh=tanh, layers=False)
    torch.testing.assert_close(embedding(ids), expected, atol=3e-4, rtol=1e-4)
    embedding(ids)  # Twice, so that running statistics are no longer those at the start.
    assert torch.isfinite(embedding.eval()(ids)).all()


@pytest.mark.parametrize("width", [WIDTH, None])
@pytest.mark.parametrize("scheme", ["independent", "shared"])
def test_values_can_have_weights_of_their_own(scheme, width):
    """A row's vector is that of a field-wise combination with the weights of the row's unit."""
    units = [Unit(0, 3, 9), Unit(0, 37, 5), Unit(1, 9, 9), Unit(2, 1, 9)]
    weights = torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.5, 0.5], [0.4, 0.6]])
    embedding, ids = soft(scheme=scheme, width=width, units=units)
    alike, _ = soft(scheme=scheme, width=width)  # Drawn from the same seed.
    embedding.weights = weights
    found = embedding(ids)
    for unit in (0, 1):
        alike.weights = weights[[unit, 2, 3]]
        rows = (ids[:, 0] < 3) == (unit == 0)
        assert rows.any()
        torch.testing.assert_close(found[rows], alike(ids)[rows])


def test_a_weight_of_one_leaves_one_size():
    """With one-hot weights the other size's tables and layers have no part in the result."""
    embedding, ids = soft()
    embedding.weights = torch.tensor([[1.0, 0.0]] * 3)
    embedding(ids).square().sum().backward()
    small, large = (embedding.tables.table(size).weight.grad for size in (0, 1))
    assert small.to_dense().any()
    assert not large.to_dense().any()


def test_gradients_reach_the_weights():
    """A search learns what its weights come from through the combination."""
    embedding, ids = soft()
    weights = torch.full((3, 2), 0.5, requires_grad=True)
    embedding.weights = weights
    embedding(ids).sin().sum().backward()
    assert weights.grad[:2].all()  # The third field is constant: normalised to zero.


def test_all_widths_are_the_final_dimension(make_context):
    """So every backbone takes it, whatever the run's unification."""
    for unification in ("plain", "transform"):
        context = replace(make_context(), unification=unification)
        tables = CandidateTables(
            context.fields, SIZES, scheme="shared", table_std=0.01, generator=context.generator
        )
        model = context.build_model(SoftEmbedding(tables, WIDTH, context.generator))
        ids, _ = next(context.train.batches(8))
        assert model(ids).shape == (8,)
        assert model.embedding.widths == (WIDTH,) * 4
