"""Lines: means over evenly spaced values, values with given intervals, and traces of a search."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aesbench.plugins.exhibit import Look
from aesbench.report.draw.theme import SMALL, Stroke

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

FEW_STEPS = 25
"""Up to so many steps each is marked."""


def draw_sweep(
    axis: Axes, scores: DataFrame, values: Sequence[object], look: Look, errorbar: Any = "se"
) -> None:
    """Draw the mean over seeds at each of some values, evenly spaced.

    Args:
        axis: to draw on.
        scores: columns ``at`` and ``value``, with a row per seed.
        values: of ``at``, from left to right: they may lie too far apart for a scale of their own.
        look: of the line.
        errorbar: as seaborn takes it: one standard error, or ``intervals.student``.
    """
    import seaborn

    _space_evenly(axis, values)
    if scores.empty:
        return
    seaborn.lineplot(
        _placed(scores, values),
        x="place",
        y="value",
        errorbar=errorbar,
        err_style="bars",
        err_kws={"capsize": 3, "elinewidth": 1.3},
        color=look.colour,
        marker=look.marker,
        markeredgecolor=look.colour,
        markersize=5,
        linewidth=1.5,
        legend=False,
        ax=axis,
    )
    axis.set(xlabel="", ylabel="")


def draw_given(
    axis: Axes, estimates: DataFrame, values: Sequence[object], looks: Mapping[str, Look]
) -> None:
    """Draw a line per name over evenly spaced values, with intervals where they are given.

    Args:
        axis: to draw on.
        estimates: columns ``at``, ``name``, ``value``, ``low``, ``high``; NaN for no interval.
        values: of ``at``, from left to right.
        looks: {name: its look}; the first is drawn below the others.
    """
    import seaborn

    _space_evenly(axis, values)
    axis.axhline(0, color="#bbbbbb", lw=0.8, zorder=1)
    placed = _placed(estimates, values).sort_values("place")
    names = [name for name in looks if name in set(placed["name"])]
    for name in names:
        own = placed[placed["name"] == name]
        axis.vlines(own["place"], own["low"], own["high"], color=looks[name].colour, lw=1.3)
    if names:
        seaborn.lineplot(
            placed,
            x="place",
            y="value",
            hue="name",
            style="name",
            hue_order=names,
            style_order=names,
            palette={name: looks[name].colour for name in names},
            markers={name: looks[name].marker for name in names},
            dashes=False,
            estimator=None,
            markeredgewidth=0,
            markersize=4.5,
            linewidth=1.3,
            legend=False,
            ax=axis,
        )
    axis.set(xlabel="", ylabel="")


def _placed(frame: DataFrame, values: Sequence[object]) -> DataFrame:
    places = {value: place for place, value in enumerate(values)}
    return frame.assign(place=frame["at"].map(places))


def _space_evenly(axis: Axes, values: Sequence[object]) -> None:
    texts = [f"{value:g}" if isinstance(value, float) else str(value) for value in values]
    axis.set_xticks(range(len(values)), texts, fontsize=SMALL)


def draw_traces(
    axis: Axes, traced: DataFrame, strokes: Mapping[str, Stroke], thick: str | None = None
) -> None:
    """Draw a line per name over its steps; what is not finite leaves a gap.

    Args:
        axis: to draw on.
        traced: columns ``step``, ``name``, ``value``.
        strokes: {name: how its line is drawn}.
        thick: the name that matters most.
    """
    import seaborn
    from matplotlib.ticker import MaxNLocator

    axis.set_xlabel("step")
    axis.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10], integer=True))
    is_finite = traced["value"].astype(float).abs().lt(math.inf)
    # seaborn drops what is missing and would draw across: lines end where a unit does.
    own = traced.assign(part=(~is_finite).groupby(traced["name"]).cumsum())[is_finite]
    if own.empty:
        return
    names = [name for name in strokes if name in set(own["name"])]
    before = len(axis.lines)
    seaborn.lineplot(
        own,
        x="step",
        y="value",
        units="part",
        estimator=None,
        hue="name",
        hue_order=names,
        palette={name: strokes[name].colour for name in names},
        marker="o" if traced["step"].nunique() <= FEW_STEPS else None,
        markersize=3,
        markeredgewidth=0,
        legend=False,
        ax=axis,
    )
    parts = own.groupby("name")["part"].nunique()
    drawn = [name for name in names for _ in range(parts[name])]
    for line, name in zip(axis.lines[before:], drawn, strict=True):
        line.set(linestyle=strokes[name].style, linewidth=3.0 if name == thick else 1.3)
    axis.set(xlabel="step", ylabel="")
    if own["step"].nunique() == 1:
        axis.set_xticks(own["step"].unique())
