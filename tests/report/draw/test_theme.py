"""How figures look, and that nothing of it stays behind."""

import subprocess
import sys

import matplotlib
import pytest
from matplotlib.colors import to_rgb

from aesbench.report.draw.theme import (
    COLOURS,
    GREY,
    Look,
    looks_in_order,
    paler,
    size_colours,
    strokes_in_order,
    themed,
)


def test_no_two_of_many_methods_look_alike():
    """Colours change first, then markers; none is grey."""
    looks = looks_in_order([f"method-{number}" for number in range(56)])
    assert len(set(looks.values())) == 56
    assert [look.colour for look in looks.values()][:7] == list(COLOURS)
    assert {look.marker for look in list(looks.values())[:7]} == {"o"}
    assert GREY not in {look.colour for look in looks.values()}


def test_sizes_that_no_method_chose_are_grey_and_take_no_place():
    """Uniform sizes are circles, random ones crosses, given ones small dots, in any order."""
    looks = looks_in_order(["ues:32", "mine", "random@0.5", "fixed:2-8", "ues:2+transform", "your"])
    assert looks["ues:32"] == looks["ues:2+transform"] == Look(GREY, "o")
    assert looks["random@0.5"] == Look(GREY, "x") and looks["fixed:2-8"].marker == "."
    assert (looks["mine"].colour, looks["your"].colour) == COLOURS[:2]


def test_whatever_was_changed_a_method_looks_the_same():
    """Settings, budgets and flags are no methods of their own."""
    looks = looks_in_order(["a:r[steps=9]@0.5", "a:r", "a:e"])
    assert looks["a:r[steps=9]@0.5"] == looks["a:r"] != looks["a:e"]


def test_fields_and_sizes_are_told_apart():
    """28 fields by colour and style; sizes from dark to light, whatever their order."""
    assert len(set(strokes_in_order(map(str, range(28))).values())) == 28
    colours = size_colours([64, 2, 8])
    assert list(colours) == [2, 8, 64] and size_colours([5]) == {5: colours[2]}
    lightness = [sum(to_rgb(colour)) for colour in colours.values()]
    assert lightness == sorted(lightness) and len(set(lightness)) == 3


@pytest.mark.parametrize(("share", "result"), [(1, "#0072b2"), (0, "#ffffff"), (0.4, "#99c7e0")])
def test_a_pale_colour_is_one_that_covers_white_in_part(share, result):
    """At .4 red is 255 - .4 * 255, green 255 - .4 * 141, blue 255 - .4 * 77."""
    assert paler("#0072B2", share) == result


def test_the_theme_leaves_the_users_settings_alone():
    """They count for nothing inside and are back afterwards, the colour "b" included."""
    with matplotlib.rc_context({"font.size": 30, "axes.spines.top": True}):
        before, blue = dict(matplotlib.rcParams), to_rgb("b")
        with themed():
            assert matplotlib.rcParams["font.size"] == 10
            assert not matplotlib.rcParams["axes.spines.top"]
            assert matplotlib.rcParams["font.sans-serif"] == ["DejaVu Sans"]
        assert dict(matplotlib.rcParams) == before and to_rgb("b") == blue


def test_drawing_asks_for_no_window_system():
    """The modules load neither seaborn nor matplotlib, and drawing only what writes files."""
    code = """
import sys
import aesbench.report.draw.bars, aesbench.report.draw.heatmap, aesbench.report.draw.lines
import aesbench.report.draw.scatter, aesbench.report.draw.sizes_figure
from aesbench.report.draw import figure_files, intervals, theme
assert not {"matplotlib", "seaborn", "torch"} & sys.modules.keys(), "loaded too early"
import pandas
from matplotlib.figure import Figure
with theme.themed():
    figure = Figure(layout="constrained")
    frame = pandas.DataFrame({"panel": "p", "name": "n", "value": [1.0, 2.0]})
    intervals.draw_forest(figure, frame, ["p"], {"n": theme.Look("#000000")}, "unit")
    figure_files.figure_files(figure, "salt")
loaded = {name for name in sys.modules if name.startswith("matplotlib.backends.backend_")}
assert loaded <= {f"matplotlib.backends.backend_{name}" for name in ("agg", "svg", "mixed")}, loaded
assert not sys.modules["matplotlib.pyplot"].get_fignums()
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
