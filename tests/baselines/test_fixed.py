"""Sizes given by hand: one per field in the data set's order, or one for all."""

import pytest

from aesbench.core.settings import build_config
from aesbench.errors import AllocationError, ConfigError
from aesbench.harness.grid import choose_methods
from aesbench.plugins.registry import METHODS

Fixed = METHODS.get("fixed")


def fixed(dims):
    """The method with sizes as the command line gives them."""
    return Fixed(build_config(Fixed.Config, {"dims": dims}, "fixed"))


def test_each_field_gets_its_size(context):
    """Sizes are taken in the order of the fields; 0 leaves a field without an embedding."""
    found = fixed("2,8,0,64").search(context, None)
    assert found.names == ("user", "item", "kind", "city")
    assert found.dims == (2, 8, 0, 64)


def test_one_size_is_for_all_fields(context):
    """A single size is a uniform allocation; the default is that of UES-32."""
    assert fixed("8").search(context, None).dims == (8, 8, 8, 8)
    assert Fixed().search(context, None).dims == (32, 32, 32, 32)


def test_a_preset_is_a_list_of_sizes(context):
    """`fixed:2-8-16-32` names an allocation in one word, so that many fit into one command."""
    (choice,) = choose_methods("fixed:2-8-16-32")
    assert choice.label == "fixed:2-8-16-32"
    assert choice.method(choice.config).search(context, None).dims == (2, 8, 16, 32)
    (changed,) = choose_methods("fixed", {"fixed": {"dims": "2,8,16,32"}})
    assert changed.config == choice.config and changed.label == "fixed[dims=2,8,16,32]"


def test_a_wrong_number_of_sizes_names_the_fields(context):
    """The message says how many there are, how many are expected, and in what order."""
    with pytest.raises(ConfigError) as caught:
        fixed("2,8,16").search(context, None)
    message = str(caught.value)
    assert "has 3 sizes (2, 8, 16)" in message
    assert "each of the 4 fields, in this order: user, item, kind, city" in message


@pytest.mark.parametrize("text", ["2-x", "2--8", "-2", "2,8", "2-8-", "٢"])
def test_what_is_no_list_of_sizes_is_refused(text):
    """A preset takes digits joined by hyphens."""
    with pytest.raises(ConfigError, match="as in fixed:2-8-16"):
        choose_methods(f"fixed:{text}")


@pytest.mark.parametrize("dims", ["", "2,-8", "2,8.5"])
def test_sizes_are_whole_and_not_negative(dims):
    """A setting that is no list of sizes is refused with its value."""
    with pytest.raises(ConfigError, match="fixed.dims"):
        fixed(dims)


def test_no_embedding_at_all_is_no_allocation(context):
    """At least one field needs a size."""
    with pytest.raises(AllocationError, match="give one field at least 1"):
        fixed("0").search(context, None)
