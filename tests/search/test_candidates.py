"""Candidate tables and size transforms."""

import pytest
import torch

from aesbench.errors import ConfigError
from aesbench.search.candidates import CandidateTables, SizeTransforms
from aesbench.testing import tiny_context

CANDIDATES = (2, 4, 8)


def tables(scheme, shapes=(("a", 5, 1), ("b", 3, 1))):
    fields = tiny_context(shapes=shapes).fields
    generator = torch.Generator().manual_seed(0)
    return CandidateTables(fields, CANDIDATES, scheme=scheme, table_std=0.1, generator=generator)


def test_in_the_shared_scheme_all_tables_are_views_of_one_parameter():
    """A change of the largest table shows in every smaller one, and there is one parameter."""
    shared = tables("shared")
    (parameter,) = shared.parameters()
    assert parameter.shape == (8, 8)
    with torch.no_grad():
        parameter[5, 1] = 7.0  # The first row of field b.
    for candidate, size in enumerate(CANDIDATES):
        view = shared.weight(1, candidate)
        assert view.shape == (3, size) and view[0, 1] == 7.0
        assert view.untyped_storage().data_ptr() == parameter.untyped_storage().data_ptr()


def test_in_the_independent_scheme_sizes_have_nothing_in_common():
    """There is a parameter per size, and no two are alike."""
    independent = tables("independent")
    assert [p.shape for p in independent.parameters()] == [(8, 2), (8, 4), (8, 8)]
    assert not torch.equal(independent.weight(0, 0), independent.weight(0, 1)[:, :2])


@pytest.mark.parametrize("scheme", ["independent", "shared"])
def test_a_lookup_finds_the_rows_of_its_field_and_size(scheme):
    """What is looked up for some fields, in any order, is their rows of ``weight``."""
    own = tables(scheme)
    ids = torch.tensor([[4, 0], [1, 2]], dtype=torch.int32)
    for candidate in range(len(CANDIDATES)):
        found = own.look_up(ids, candidate, [1, 0])
        expected = [own.weight(1, candidate)[ids[:, 1]], own.weight(0, candidate)[ids[:, 0]]]
        assert torch.equal(found, torch.stack(expected, 1))
        assert torch.equal(own.look_up(ids, candidate), found.flip(1))


def test_a_multi_valued_field_is_the_mean_over_its_values():
    """Padding does not count, and a row without a value is zero."""
    own = tables("independent", shapes=(("a", 5, 1), ("tags", 4, 2)))
    ids = torch.tensor([[0, 1, 3], [2, 2, -1], [4, -1, -1]], dtype=torch.int32)
    found = own.look_up(ids, 1)[:, 1]
    weight = own.weight(1, 1)
    expected = torch.stack([(weight[1] + weight[3]) / 2, weight[2], torch.zeros(4)])
    assert torch.allclose(found, expected)


def test_only_the_rows_of_the_size_looked_up_get_a_gradient():
    """In the independent scheme the tables of other sizes have none at all."""
    own = tables("independent")
    own.look_up(torch.tensor([[4, 0]], dtype=torch.int32), 1).sum().backward()
    gradients = [p.grad for p in own.parameters()]
    assert gradients[0] is None and gradients[2] is None
    assert gradients[1].coalesce().indices().tolist() == [[4, 5]]


def test_an_unknown_scheme_is_an_error():
    """It names the value and the choices."""
    with pytest.raises(ConfigError, match="'joint': expected one of independent, shared"):
        tables("joint")


@pytest.mark.parametrize("count", [None, 2])
def test_transforms_map_each_size_by_its_layer(count):
    """Fields share the layer of a size, or each has its own."""
    generator = torch.Generator().manual_seed(0)
    transforms = SizeTransforms(CANDIDATES, 3, generator, fields=count)
    vectors = torch.randn(6, 2, 4, generator=generator)
    mapped = transforms(vectors, 1, [1, 0])
    layers = transforms.layers[1]
    for place, field in enumerate([1, 0]):
        layer = layers[field if count else 0]
        assert torch.allclose(mapped[:, place], layer(vectors[:, place]), atol=1e-6)
    assert len(layers) == (count or 1) and mapped.shape == (6, 2, 3)
