"""Sweeps, given estimates and traces."""

import math

import numpy as np
import pytest
from matplotlib.figure import Figure
from pandas import DataFrame

from aesbench.plugins.exhibit import Look
from aesbench.report.draw.lines import FEW_STEPS, draw_given, draw_sweep, draw_traces
from aesbench.report.draw.theme import Stroke

STROKES = {"one": Stroke("#111111", "-"), "two": Stroke("#222222", "--")}


@pytest.fixture
def axis():
    """An empty axis."""
    return Figure().subplots()


def test_a_sweep_has_a_place_for_each_value_and_standard_errors(axis):
    """Of 1 and 3 the standard error is 1, of one value there is none."""
    scores = DataFrame([(0.5, 7.0), (0.001, 1.0), (0.001, 3.0)], columns=["at", "value"])
    draw_sweep(axis, scores, [0.001, 0.5], Look("#111111", "s"))
    assert axis.lines[0].get_xydata().tolist() == [[0, 2], [1, 7]]
    assert axis.lines[0].get_color() == "#111111" and axis.lines[0].get_marker() == "s"
    (errors,) = axis.collections
    segments = [bar for bar in errors.get_segments() if len(bar)]
    assert np.array(segments).tolist() == [[[0, 1], [0, 3]]]
    assert [label.get_text() for label in axis.get_xticklabels()] == ["0.001", "0.5"]


def test_estimates_have_the_intervals_they_come_with(axis):
    """A line per name; who has no interval has no bar."""
    nan = math.nan
    rows = [(8, "b", 2.0, nan, nan), (2, "a", 1.0, 0.5, 1.5), (8, "a", 3.0, 2.5, 3.5)]
    frame = DataFrame(rows, columns=["at", "name", "value", "low", "high"])
    looks = {"a": Look("#111111"), "b": Look("#222222", "s"), "absent": Look("#333333")}
    draw_given(axis, frame, [2, 8], looks)
    zero, first, second = axis.lines
    assert list(zero.get_ydata()) == [0, 0]
    assert first.get_xydata().tolist() == [[0, 1], [1, 3]]
    assert second.get_xydata().tolist() == [[1, 2]]
    ends = np.array(axis.collections[0].get_segments())
    assert ends.tolist() == [[[0, 0.5], [0, 1.5]], [[1, 2.5], [1, 3.5]]]


def traced(values: dict[str, list[float]]) -> DataFrame:
    """Series as rows."""
    rows = [(step, name, own[step]) for name, own in values.items() for step in range(len(own))]
    return DataFrame(rows, columns=["step", "name", "value"])


def test_a_trace_has_gaps_where_it_is_not_finite(axis):
    """A line for each part, in the look of its series; others go on."""
    draw_traces(
        axis, traced({"one": [1, 2, math.nan, 4, math.inf], "two": [5] * 5}), STROKES, "two"
    )
    found = [(line.get_xdata().tolist(), line.get_color(), line.get_linestyle(),
              line.get_linewidth()) for line in axis.lines]  # fmt: skip
    assert found == [
        ([0, 1], "#111111", "-", 1.3),
        ([3], "#111111", "-", 1.3),
        ([0, 1, 2, 3, 4], "#222222", "--", 3.0),
    ]
    assert axis.get_xlabel() == "step" and axis.get_ylabel() == ""


@pytest.mark.parametrize(("steps", "marker"), [(FEW_STEPS, "o"), (FEW_STEPS + 1, "None")])
def test_few_steps_are_marked(axis, steps, marker):
    """Many would hide the line."""
    draw_traces(axis, traced({"one": list(range(steps))}), STROKES)
    assert [line.get_marker() for line in axis.lines] == [marker]


def test_a_trace_of_nothing_finite_is_an_empty_panel(axis):
    """It still says what runs along it."""
    draw_traces(axis, traced({"one": [math.nan, -math.inf]}), STROKES)
    assert not axis.lines and axis.get_xlabel() == "step"
