"""Names and looks of methods."""

import pytest

from aesbench.report.draw.palette import look_of
from aesbench.report.names import display_name, method_of


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("adass:r", "AdaS&S-R"),
        ("ues:16", "UES-16"),
        ("ues:32+transform", "UES-32 (transform)"),
        ("mde:value@0.5", "MDE @0.5"),
        ("adass:e[lambda_c=0.1]+search-only", "AdaS&S-E[lambda_c=0.1] (search-only)"),
        ("mine:a_b", "mine:a_b"),
    ],
)
def test_methods_have_the_papers_names(label, name):
    """Whatever was changed follows the name; a method that the paper lacks keeps its label."""
    assert display_name(label) == name


def test_what_was_changed_is_no_part_of_the_method():
    """Settings, unification, budget and flags are cut off."""
    assert method_of("adass:r[steps=9]+plain@0.5+inherit") == "adass:r"


def test_a_method_looks_the_same_whatever_was_changed():
    """One colour per method everywhere; all uniform sizes are one method."""
    assert look_of("adass:r") == look_of("adass:r[steps=9]@0.5")
    assert look_of("ues:2") == look_of("ues:32+transform")


def test_methods_of_the_paper_are_told_apart():
    """No two have one look, and those of the main comparison no one colour."""
    labels = ["ues:32", "mde:value", "autodim", "autoemb", "esapn", "sseds", "adass:r", "adass:e"]
    assert len({look_of(label).colour for label in labels}) == len(labels)
    controls = ["adass:greedy", "adass:random", "adass:evolution", "random", "mde:field"]
    assert len({look_of(label) for label in labels + controls}) == len(labels + controls)


def test_a_third_partys_method_has_a_look_of_its_name():
    """It does not depend on what else is drawn, and takes no look of a method of the paper."""
    look = look_of("mine")
    assert look == look_of("mine@0.5")
    assert look.marker not in {look_of(label).marker for label in ("ues:32", "adass:r", "sseds")}
