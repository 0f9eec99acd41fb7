"""Bars: whole, in stages and in parts."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from pandas import DataFrame

from aesbench.report.draw.bars import draw_bars, draw_parts, draw_stages, stage_keys
from aesbench.report.draw.theme import paler

COLOURS = {"a": "#0072b2", "b": "#d55e00", "c": "#000000"}


@pytest.fixture
def axis():
    """An empty axis."""
    return Figure().subplots()


def drawn(axis) -> list[tuple[int, float, str]]:
    """(lane, length, colour) of each bar, the last drawn on top."""
    return [
        (round(bar.get_y() + bar.get_height() / 2), bar.get_width(), to_hex(bar.get_facecolor()))
        for bar in axis.patches
    ]


def test_a_bar_is_as_long_as_a_mean(axis):
    """With Student's interval; who has none is said to be missing."""
    values = DataFrame({"name": ["a", "a", "a", "c"], "value": [1.0, 2.0, 3.0, 7.0]})
    draw_bars(axis, values, COLOURS)
    assert drawn(axis) == [(0, 2, COLOURS["a"]), (2, 7, COLOURS["c"])]
    ends = [line.get_xydata() for line in axis.lines if np.isfinite(line.get_xydata()).all()]
    assert np.array(ends).ravel() == pytest.approx([2 - 2.4841, 0, 2 + 2.4841, 0], abs=1e-4)
    assert [(text.get_text(), text.get_position()[1]) for text in axis.texts] == [("missing", 1)]
    assert [label.get_text() for label in axis.get_yticklabels()] == list("abc")
    assert axis.get_ylim() == (2.5, -0.5)


def test_bars_of_one_colour_need_no_interval(axis):
    """The values of a single run."""
    draw_bars(axis, DataFrame({"name": ["a", "b"], "value": [0.0, -2.0]}),
              {"a": "#0072b2", "b": "#0072b2"}, errorbar=None)  # fmt: skip
    assert drawn(axis) == [(0, 0, "#0072b2"), (1, -2, "#0072b2")] and not axis.lines


def test_stages_follow_each_other_from_pale_to_full(axis):
    """The whole is drawn first and what comes before over it; the total stands at its end."""
    rows = [("a", 0, "prepare", 10.0), ("a", 0, "search", 5.0), ("a", 1, "prepare", 20.0)]
    rows += [("a", 1, "search", 7.0), ("c", 0, "prepare", 3.0)]
    frame = DataFrame(rows, columns=["name", "seed", "stage", "value"])
    draw_stages(axis, frame, ["prepare", "search"], COLOURS, {"c": " W"})
    assert drawn(axis) == [
        (0, 21, COLOURS["a"]),
        (2, 3, COLOURS["c"]),
        (0, 15, paler(COLOURS["a"], 0.4)),
        (2, 3, paler(COLOURS["c"], 0.4)),
    ]
    assert [text.get_text() for text in axis.texts] == [" 21.0", " 3.0 W", "missing"]
    # Of 15 and 27 Student's half is t(.975, 1) * 6 = 76.237.
    assert axis.texts[0].get_position()[0] == pytest.approx(21 + 76.237, abs=1e-3)
    assert list(stage_keys(["prepare", "search"])) == ["prepare", "search"]


def test_parts_add_up_to_the_whole(axis):
    """Each in the colour of its size, in order, with the sum at the end."""
    rows = [(0, 64, 50.0), (0, 2, 20.0), (1, 8, 30.0), (2, 2, 0.0)]
    colours = {2: "#111111", 8: "#222222", 64: "#333333"}
    draw_parts(axis, DataFrame(rows, columns=["lane", "size", "value"]), 3, colours)
    bars = drawn(axis)
    assert bars[0] == (0, 70, "#111111")
    assert set(bars[1:]) == {(0, 50, "#333333"), (1, 30, "#222222"), (2, 0, "#111111")}
    assert [text.get_text() for text in axis.texts] == ["70.0", "30.0", "0.0"]


def test_nothing_is_drawn_of_nothing(axis):
    """All lanes are missing."""
    draw_stages(axis, DataFrame(columns=["name", "seed", "stage", "value"]), ["one"], COLOURS, {})
    assert [text.get_text() for text in axis.texts] == ["missing"] * 3
