"""Gains over costs."""

import numpy as np
import pytest
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from pandas import DataFrame

from aesbench.plugins.exhibit import Look
from aesbench.report.draw.legend import (
    fill_with_legend,
    look_keys,
    outside_legend,
    patch_keys,
    stroke_keys,
)
from aesbench.report.draw.scatter import draw_gains
from aesbench.report.draw.theme import PALE_GREY, Stroke

LOOKS = {"UES": Look("#777777"), "mine": Look("#0072b2", "x"), "absent": Look("#000000")}


def scores(points: dict[str, tuple[str, float, list[float]]]) -> DataFrame:
    """{point: (name, cost, values)} as rows."""
    rows = [(p, name, cost, value) for p, (name, cost, own) in points.items() for value in own]
    return DataFrame(rows, columns=["point", "name", "cost", "value"])


def test_points_are_means_over_their_costs_with_bars_from_three_seeds_on():
    """Ground and front lie behind; the front goes on to the largest cost."""
    axis = Figure().subplots()
    frame = scores({"ues:2": ("UES", 100, [1, 2, 3]), "ues:4": ("UES", 200, [4, 6]),
                    "mine": ("mine", 1000, [5])})  # fmt: skip
    draw_gains(
        axis,
        frame,
        LOOKS,
        ground=DataFrame({"cost": [150.0], "value": [0.5]}),
        front=DataFrame({"cost": [100.0, 200.0], "value": [2.0, 5.0]}),
    )
    dots = {}
    for one in axis.collections:
        if isinstance(one, PathCollection):
            for x, y in one.get_offsets().tolist():
                dots[x, y] = to_hex(one.get_facecolor()[0])
    assert dots[150, 0.5] == PALE_GREY.lower()
    assert dots.keys() == {(150, 0.5), (100, 2), (200, 5), (1000, 5)}
    assert dots[100, 2] == "#777777" and dots[1000, 5] == "#0072b2"
    lines = [one for one in axis.collections if isinstance(one, LineCollection)]
    bars = [bar for one in lines for bar in one.get_segments() if len(bar)]
    assert np.array(bars).ravel() == pytest.approx([100, 2 - 2.4841, 100, 2 + 2.4841], abs=1e-4)
    (front,) = axis.lines
    assert front.get_xydata().tolist() == [[100, 2], [200, 5], [1000, 5]]
    assert front.get_drawstyle() == "steps-post" and axis.get_xscale() == "log"


def test_legends_show_what_they_are_given():
    """Outside, beside or below all panels, or instead of one; none without keys."""
    figure = Figure(layout="constrained")
    left, right = figure.subplots(1, 2)
    outside_legend(figure, {})
    assert not figure.legends
    outside_legend(
        figure,
        stroke_keys({"line": Stroke("#111111", ":")}) | patch_keys({"bar": "#222222"}),
        "below",
    )
    line, patch = figure.legends[0].get_patches() + figure.legends[0].get_lines()[::-1]
    assert to_hex(line.get_facecolor()) == "#222222" and patch.get_linestyle() == ":"
    fill_with_legend(right, "method", look_keys({"mine": Look("#333333", "s")}))
    legend = right.get_legend()
    assert not right.axison and legend.get_title().get_text() == "method"
    assert [key.get_marker() for key in legend.get_lines()] == ["s"]
