"""UES: any one size for every field."""

import pytest

from aesbench.core.settings import build_config
from aesbench.errors import ConfigError
from aesbench_baselines.ues import UES


@pytest.mark.parametrize("dim", [1, 7, 24, 32, 1000])
def test_every_field_gets_the_size_of_the_preset(context, dim):
    """`ues:N` is N dimensions for every field, N in the candidates or not."""
    method = UES(build_config(UES.Config, UES.preset(str(dim)), "ues"))
    found = method.search(context, None)
    assert found.dims == (dim,) * len(context.fields)
    assert found.parameters == dim * sum(field.cardinality for field in context.fields)


def test_the_bare_name_is_the_family_of_the_paper():
    """The candidates D and the paper's baseline UES-24, each a preset."""
    assert UES.default_presets == ("2", "8", "16", "24", "32", "64")


@pytest.mark.parametrize("text", ["", "0", "-8", "8.0", "08", "wide", "８"])
def test_a_preset_that_is_no_size_is_refused(text):
    """The error names the text and shows a valid preset."""
    with pytest.raises(ConfigError, match=f"'{text}'.*ues:32"):
        UES.preset(text)


def test_a_size_below_one_is_refused():
    """Settings are checked as presets are."""
    with pytest.raises(ConfigError, match="ues.dim = 0: expected an int of at least 1"):
        build_config(UES.Config, {"dim": "0"}, "ues")


def test_ues_says_that_it_takes_no_budget():
    """Its size is its definition, so the harness gives it no budget."""
    assert not UES.honours_budget
