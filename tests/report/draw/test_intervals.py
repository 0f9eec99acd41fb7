"""Means with their intervals, in lanes and in groups."""

import math

import numpy as np
import pytest
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.markers import MarkerStyle
from pandas import DataFrame

from aesbench.plugins.exhibit import Look
from aesbench.report.draw.intervals import (
    draw_dots,
    draw_forest,
    draw_groups,
    draw_ranks,
    from_three_seeds,
    student,
)
from aesbench.report.draw.theme import BLUE, VERMILION

LOOKS = {"a": Look("#111111", "s"), "b": Look("#222222", "x"), "c": Look("#333333", "D")}


def scattered(axis) -> list[PathCollection]:
    """The points that were drawn by lanes."""
    return [drawn for drawn in axis.collections if isinstance(drawn, PathCollection)]


def shape_of(drawn: PathCollection) -> str:
    """The marker of points."""
    (path,) = drawn.get_paths()
    for shape in "sxDo":
        known = MarkerStyle(shape)
        vertices = known.get_path().transformed(known.get_transform()).vertices
        if np.array_equal(vertices, path.vertices):
            return shape
    raise AssertionError("no marker of these tests")


def marks(axis) -> list[tuple[float, float, str, str]]:
    """Every point drawn: where, its marker and its colour."""
    found = [
        (float(x), float(y), line.get_marker(), to_hex(line.get_color()))
        for line in axis.lines
        if line.get_marker() not in ("None", "", None)
        for x, y in zip(*line.get_data(), strict=True)
    ]
    for drawn in scattered(axis):
        spots = np.ma.getdata(drawn.get_offsets())
        is_filled = len(drawn.get_facecolor()) and shape_of(drawn) != "x"
        inks = drawn.get_facecolor() if is_filled else drawn.get_edgecolor()
        colours = np.resize(inks, (len(spots), 4))
        found += [
            (float(x), float(y), shape_of(drawn), to_hex(colour))
            for (x, y), colour in zip(spots, colours, strict=True)
        ]
    return [mark for mark in found if math.isfinite(mark[0]) and math.isfinite(mark[1])]


def bars(axis) -> dict[str, list[np.ndarray]]:
    """{colour: the ends of the bars of that colour}."""
    found = {}
    drawn = [
        (line.get_color(), line.get_xydata())
        for line in axis.lines
        if line.get_marker() in ("None", "")
    ]
    for lanes in axis.collections:
        if isinstance(lanes, LineCollection):
            drawn += [(lanes.get_color()[0], np.array(ends)) for ends in lanes.get_segments()]
    for colour, ends in drawn:
        if len(ends) == 2 and np.isfinite(ends).all():
            found.setdefault(to_hex(colour), []).append(ends)
    return found


def test_an_interval_is_students_where_there_are_enough_values():
    """At n = 3, t(.975, 2) / sqrt(3) = 2.4841 standard deviations to each side."""
    assert student([1, 2, 3]) == pytest.approx((2 - 2.4841, 2 + 2.4841), abs=1e-4)
    assert from_three_seeds([1, 2, 3]) == student([1, 2, 3])
    assert not any(map(math.isnan, student([1, 2])))
    assert all(map(math.isnan, (*student([1]), *from_three_seeds([1, 2]))))


def test_a_forest_has_means_and_intervals_in_its_lanes():
    """Lanes are the same in all panels; an empty one says so."""
    rows = [("left", "a", value) for value in (1.0, 2.0, 3.0)]
    rows += [("left", "c", 5.0), ("right", "b", -1.0), ("right", "b", -3.0)]
    figure = Figure()
    draw_forest(figure, DataFrame(rows, columns=["panel", "name", "value"]), ["left", "right"],
                LOOKS, "difference")  # fmt: skip
    left, right = figure.axes
    assert sorted(marks(left)) == [(2, 0, "s", "#111111"), (5, 2, "D", "#333333")]
    assert marks(right) == [(-2, 1, "x", "#222222")]
    ((low, high),) = bars(left)["#111111"]
    assert (*low, *high) == pytest.approx((2 - 2.4841, 0, 2 + 2.4841, 0), abs=1e-4)
    assert "#333333" not in bars(left)
    empty = [[(text.get_text(), text.get_position()[1]) for text in axis.texts]
             for axis in (left, right)]  # fmt: skip
    assert empty == [[("no runs", 1)], [("no runs", 0), ("no runs", 2)]]
    assert [label.get_text() for label in left.get_yticklabels()] == ["a", "b", "c"]
    assert left.get_ylim() == (2.5, -0.5) and left.get_title() == "left"


def test_groups_hold_their_methods_side_by_side():
    """Three methods stand .4 apart; who is missing leaves a place; two seeds have no bar."""
    rows = [("25%", "a", 1.0), ("25%", "a", 3.0), ("50%", "a", 1.0), ("25%", "c", 6.0)]
    rows += [("50%", "b", value) for value in (1.0, 2.0, 3.0)]
    axis = Figure().subplots()
    draw_groups(axis, DataFrame(rows, columns=["group", "name", "value"]), ["25%", "50%"], LOOKS)
    assert sorted(marks(axis)) == [
        (pytest.approx(-0.4), 2, "s", "#111111"),
        (pytest.approx(0.4), 6, "D", "#333333"),
        (pytest.approx(0.6), 1, "s", "#111111"),
        (1, 2, "x", "#222222"),
    ]
    found = bars(axis)
    assert found.keys() - {"#999999"} == {"#222222"}
    ((low, high),) = found["#222222"]
    assert (*low, *high) == pytest.approx((1, 2 - 2.4841, 1, 2 + 2.4841), abs=1e-4)
    assert [label.get_text() for label in axis.get_xticklabels()] == ["25%", "50%"]


@pytest.mark.parametrize("rows", [[], [("25%", "a", 1.0)]])
def test_groups_of_one_method_or_none_are_drawn(rows):
    """A lone method stands in the middle of its group."""
    axis = Figure().subplots()
    frame = DataFrame(rows, columns=["group", "name", "value"])
    draw_groups(axis, frame, ["25%"], {"a": LOOKS["a"]})
    assert [mark[:2] for mark in marks(axis)] == [(0, value) for _, _, value in rows]


def test_given_intervals_are_drawn_as_they_are():
    """With the reference as an open diamond, and the named lines in the legend."""
    nan = math.nan
    rows = [
        ("p", "a", 0.5, 0.3, 0.6, 0.8),
        ("p", "b", nan, nan, nan, 0.7),
        ("q", "a", 1, nan, nan, nan),
    ]
    columns = ["panel", "name", "value", "low", "high", "reference"]
    figure = Figure(layout="constrained")
    lines = {"p": {"halves": 0.75, "true": 0.9}, "q": {"true": 0.4}}
    draw_dots(figure, DataFrame(rows, columns=columns), ["a", "b"], lines, "tau", "paper")
    left, right = figure.axes
    blue, red = BLUE.lower(), VERMILION.lower()
    assert sorted(marks(left)) == [(0.5, 0, "o", blue), (0.7, 1, "D", red), (0.8, 0, "D", red)]
    hollow = {shape_of(drawn): not len(drawn.get_facecolor()) for drawn in scattered(left)}
    assert hollow == {"o": False, "D": True}
    (segment,) = bars(left)[blue]
    assert segment.tolist() == [[0.3, 0], [0.6, 0]]
    assert [text.get_text() for text in left.texts + right.texts] == ["missing", "missing"]
    styles = [line.get_linestyle() for line in left.lines if line.get_xdata()[0] in (0.75, 0.9)]
    assert styles == ["-", ":"] and right.lines[0].get_linestyle() == ":"
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["halves", "true", "paper"]


RANKS = DataFrame(
    {"name": ["b", "a"], "value": [1.25, 1.75], "low": [1.0, 1.5], "high": [1.5, 2.0]}
)


def test_ranks_have_their_intervals():
    """In their looks; without a critical difference there is no bar, and no room for one."""
    axis = Figure().subplots()
    draw_ranks(axis, RANKS, LOOKS, [])
    assert not axis.texts and not axis.lines and axis.get_ylim() == (1.6, -0.6)
    ends = {tuple(map(tuple, own)) for line in axis.collections[1].get_segments() for own in [line]}
    assert ends == {((1.0, 0.0), (1.5, 0.0)), ((1.5, 1.0), (2.0, 1.0))}


def test_ranks_have_bars_over_what_no_test_tells_apart():
    """In the order given, each in its look; the critical difference is a bar above."""
    axis = Figure().subplots()
    ranks = RANKS
    draw_ranks(axis, ranks, LOOKS, [(0, 1)], critical=0.9)
    assert sorted(mark for mark in marks(axis) if mark[2] in "xs") == [
        (1.25, 0, "x", "#222222"),
        (1.75, 1, "s", "#111111"),
    ]
    assert any(list(line.get_xdata()) == [1, 1.9] for line in axis.lines)
    assert any(list(line.get_ydata()) == [-0.2, 1.2] for line in axis.lines)
    assert "CD = 0.90" in axis.texts[0].get_text()
