"""The annotated heat map and what it is used for."""

import io

import numpy as np
import pytest
from matplotlib.figure import Figure
from pandas import DataFrame

from aesbench.report.draw.heatmap import (
    draw_maps,
    draw_mean_sizes,
    draw_shares,
    draw_values,
    maps_size,
)

SHARES = DataFrame(
    [[0.0, 0.004, 0.996], [0.5, 0.3, 0.2]], index=["user", "item"], columns=[2, 8, 16]
)


@pytest.fixture
def axis():
    """An empty axis."""
    return Figure().subplots()


def texts(axis) -> list[list[str]]:
    """What stands in the squares, row by row from the top."""
    at = {text.get_position(): text.get_text() for text in axis.texts}
    columns, rows = ({spot[place] for spot in at} for place in (0, 1))
    return [[at[x, y] for x in sorted(columns)] for y in sorted(rows)]


def boxes(axis) -> list[tuple[float, float]]:
    """The corners of the frames, (column, row)."""
    return [box.get_xy() for box in axis.patches]


def test_shares_are_per_cent_with_the_most_frequent_size_boxed(axis):
    """Nothing for none, <1 for a little; the first field is on top."""
    draw_shares(axis, SHARES)
    assert texts(axis) == [["", "<1", "100"], ["50", "30", "20"]]
    assert boxes(axis) == [(2, 0), (0, 1)]
    assert axis.get_ylim() == (2, 0)
    assert [label.get_text() for label in axis.get_yticklabels()] == ["user", "item"]
    assert [label.get_text() for label in axis.get_xticklabels()] == ["2", "8", "16"]


def test_text_is_white_on_dark_squares_only(axis):
    """Of a scale from near white to dark blue."""
    draw_shares(axis, DataFrame([[0.9, 0.5, 0.1]], columns=[2, 8, 16]))
    assert [text.get_color() for text in axis.texts] == ["white", "black", "black"]


def test_sizes_are_drawn_on_a_logarithmic_scale(axis):
    """From 1, with one digit where that tells something; a field without a size has a dash."""
    draw_mean_sizes(axis, DataFrame([[0.5, 4.0, 23.7], [2.25, np.nan, 64]]), "field")
    assert texts(axis) == [["0.5", "4", "24"], ["2.2", "–", "64"]]
    (mesh,) = axis.collections
    values = mesh.get_array().filled(np.nan).ravel()
    assert values == pytest.approx([0, 2, np.log2(23.7), np.log2(2.25), np.nan, 6], nan_ok=True)
    assert axis.get_xlabel() == "field"


def test_signed_values_have_white_at_zero(axis):
    """The scale is as long on both sides; the sizes chosen are boxed if they are there."""
    draw_values(axis, DataFrame([[-0.02, 0.0, 0.04]], columns=[2, 8, 16]), [16])
    assert texts(axis) == [["-0.0200", "+0.0000", "+0.0400"]] and boxes(axis) == [(2, 0)]
    (mesh,) = axis.collections
    assert mesh.get_clim() == (-0.04, 0.04)
    assert min(mesh.to_rgba(0.0)) > 0.96  # Nearly white.
    draw_values(axis := Figure().subplots(), DataFrame([[1.0, 3.0]], columns=[2, 8]), [5])
    assert axis.collections[0].get_clim() == (1, 3) and boxes(axis) == []


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf, 1e300])
def test_a_value_of_any_kind_is_written(axis, number):
    """Without a warning, and in black where there is no colour; also if nothing is finite."""
    draw_values(axis, DataFrame([[number, 1.0]], columns=[2, 8]))
    assert axis.texts[0].get_text() == format(number, ".2g" if number == 1e300 else ".2f")
    assert np.isfinite(number) or axis.texts[0].get_color() == "black"
    draw_values(Figure().subplots(), DataFrame([[number]], columns=[2]))


def test_several_maps_are_panels_of_vectors():
    """Three in a row, rows named at the left only, no pixels in the SVG; their size fits."""
    figure = Figure(layout="constrained")
    maps = {f"method {number}": SHARES for number in range(4)}
    draw_maps(figure, maps)
    shown = [axis for axis in figure.axes if axis.axison]
    assert [axis.get_title() for axis in shown] == list(maps)
    named = [axis.yaxis.get_tick_params()["labelleft"] for axis in shown]
    assert named == [True, False, False, True]
    svg = io.StringIO()
    figure.savefig(svg, format="svg")
    assert "<image" not in svg.getvalue()
    assert maps_size(maps) == (9.5, pytest.approx(2 * (2 * 0.27 + 1.1)))
    assert maps_size({}) == (4.5, pytest.approx(1.37))
