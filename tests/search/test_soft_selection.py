"""The soft combination of sizes: against a loop over fields and sizes, in train and eval mode."""

from dataclasses import replace

import pytest
import torch

from aesbench.search.candidates import CandidateTables
from aesbench.search.soft_selection import SoftEmbedding
from aesbench.testing import tiny_context

SHAPES = (("user", 40, 1), ("tags", 9, 3), ("one", 1, 1))
SIZES, WIDTH = (2, 3), 4


def soft(**settings):
    """A soft embedding of three fields and two sizes, with a batch of ids."""
    context = tiny_context(shapes=SHAPES)
    generator = context.generator
    scheme = settings.pop("scheme", "independent")
    tables = CandidateTables(
        context.fields, SIZES, scheme=scheme, table_std=1.0, generator=generator
    )
    embedding = SoftEmbedding(tables, WIDTH, generator, **settings)
    return embedding, next(context.train.batches(64))[0]


def by_loop(embedding, ids, *, tanh):
    """The same combination, field by field and size by size, from the formula alone."""
    columns = {0: ids[:, :1], 1: ids[:, 1:4], 2: ids[:, 4:]}
    vectors = []
    for field, own in columns.items():
        total = torch.zeros(len(ids), WIDTH)
        for size, dim in enumerate(SIZES):
            table = embedding.tables.weight(field, size)
            rows = [table[row[row >= 0].long()].mean(0) for row in own]
            layers = embedding.transforms.layers[size]
            mapped = layers[field if len(layers) > 1 else 0](torch.stack(rows))
            normed = (mapped - mapped.mean(0)) / (mapped.var(0, unbiased=False) + 1e-5).sqrt()
            assert table.shape[1] == dim
            total += embedding.weights[field, size] * (torch.tanh(normed) if tanh else normed)
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
