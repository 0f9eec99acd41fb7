"""Means over seeds with Student's intervals, and values that come with intervals of their own.

Frames of scores have a row per seed: seaborn takes the means, ``student`` the intervals.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from aesbench.plugins.exhibit import Look
from aesbench.report.draw.legend import look_keys, outside_legend, stroke_keys
from aesbench.report.draw.theme import (
    BLUE,
    GREY,
    LABEL,
    TITLE,
    VERMILION,
    Stroke,
    label_lanes,
    rule_lanes,
    say_in_lane,
)
from aesbench.report.statistics.summary import summarise

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame

SEEDS_OF_A_BAR = 3
"""With two seeds Student's interval is 13 standard errors to each side: it would hide the rest."""
BAR_CAPTION = f"Means; bars: Student's 95 % interval from {SEEDS_OF_A_BAR} seeds on"


def student(values: Iterable[float], least: int = 2) -> tuple[float, float]:
    """Return Student's 95 % interval of a mean, as seaborn's ``errorbar`` takes it.

    Args:
        values: one per seed.
        least: with fewer values there is no interval, and both ends are NaN.
    """
    numbers = [float(value) for value in values]
    if len(numbers) < least:
        return math.nan, math.nan
    found = summarise(numbers)
    if found.low is None or found.high is None:
        return math.nan, math.nan
    return found.low, found.high


from_three_seeds = partial(student, least=SEEDS_OF_A_BAR)
"""``student``, but without a bar for two seeds."""


def draw_forest(
    figure: Figure,
    differences: DataFrame,
    panels: Sequence[str],
    looks: Mapping[str, Look],
    unit: str,
) -> None:
    """Fill a figure with panels side by side, which share their lanes and not their scales.

    Args:
        figure: an empty one.
        differences: columns ``panel``, ``name``, ``value``, with a row per pair of seeds.
        panels: from left to right.
        looks: {name of a lane: its look}, from top to bottom; a lane without rows says so.
        unit: of the differences.
    """
    from matplotlib.ticker import MaxNLocator

    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axis, panel in zip(axes, panels, strict=True):
        axis.axvline(0, color="#555555", lw=1, zorder=1)
        own = differences[differences["panel"] == panel]
        _lane_points(axis, own, looks, errorbar=student)
        known = set(own["name"])
        for place, name in enumerate(looks):
            if name not in known:
                say_in_lane(axis, place, "no runs")
        axis.set_title(panel, fontsize=TITLE)
        axis.set_xlabel(unit, fontsize=LABEL)
        axis.margins(x=0.08)
        rule_lanes(axis)
        axis.xaxis.set_major_locator(MaxNLocator(nbins=5))
    label_lanes(axes[0], list(looks))


def draw_dots(
    figure: Figure,
    values: DataFrame,
    names: Sequence[str],
    lines: Mapping[str, Mapping[str, float]],
    unit: str,
    reference: str,
) -> None:
    """Fill a figure with panels of values that come with their intervals.

    Args:
        figure: an empty one.
        values: columns ``panel``, ``name``, ``value``, ``low``, ``high``, ``reference``; NaN is not
            drawn. A lane without a value says so.
        names: of the lanes, from top to bottom.
        lines: {panel: {name: value}}, panels from left to right, each with its vertical lines.
        unit: of the values.
        reference: what the references are, for the legend.
    """
    axes = figure.subplots(1, len(lines), sharey=True, sharex=True, squeeze=False)[0]
    strokes: dict[str, Stroke] = {}
    for axis, (panel, verticals) in zip(axes, lines.items(), strict=True):
        for name, value in verticals.items():
            style = ("-", ":", "--", "-.")[len(strokes) % 4]
            stroke = strokes.setdefault(name, Stroke(GREY, style))
            axis.axvline(value, color=stroke.colour, ls=stroke.style, lw=1.2, zorder=1)
        own = values[values["panel"] == panel].set_index("name")
        own = own.reindex(list(names)).reset_index()
        axis.hlines(own.index, own["low"], own["high"], color=BLUE, lw=2)
        looks = dict.fromkeys(names, Look(BLUE, "o"))
        _lane_points(axis, own, looks)
        references = own.drop(columns="value").rename(columns={"reference": "value"})
        _lane_points(axis, references, dict.fromkeys(names, Look(VERMILION, "D")), hollow=True)
        for place in own.index[own["value"].isna()]:
            say_in_lane(axis, place, "missing")
        axis.set_title(panel, fontsize=TITLE)
        axis.set_xlabel(unit, fontsize=LABEL)
        rule_lanes(axis)
    label_lanes(axes[0], names)
    keys = stroke_keys(strokes, width=1.2)
    if values["reference"].notna().any():
        keys |= look_keys({reference: Look(VERMILION, "D")})
        keys[reference].set(markerfacecolor="none")
    outside_legend(figure, keys, "below")


def _lane_points(
    axis: Axes,
    values: DataFrame,
    looks: Mapping[str, Look],
    errorbar: Any = None,
    *,
    area: float = 44,
    hollow: bool = False,
) -> None:
    """Draw the mean of each name's ``value`` in its lane, and its interval.

    Not by ``pointplot``, which goes over all names for each look: six times as long.
    """
    import seaborn

    scores = values.dropna(subset="value").groupby("name")["value"]
    lanes = [name for name in looks if name in scores.groups]
    means = scores.mean().reindex(lanes).rename_axis("name").reset_index()
    means["lane"] = [list(looks).index(name) for name in lanes]
    colours = {name: looks[name].colour for name in lanes}
    if errorbar is not None:
        for lane, name in zip(means["lane"], lanes, strict=True):
            axis.hlines(lane, *errorbar(scores.get_group(name)), color=colours[name], lw=2)
    means["shape"] = [looks[name].marker for name in lanes]
    for shape, own in means.groupby("shape"):
        seaborn.scatterplot(
            own,
            x="value",
            y="lane",
            hue="name",
            palette=colours,
            marker=shape,
            s=area,
            linewidth=1.2 if shape == "x" else 0,
            legend=False,
            zorder=2.5,
            ax=axis,
        )
        if hollow:
            (*_, drawn) = axis.collections
            drawn.set(facecolor="none", edgecolor=drawn.get_facecolor(), linewidth=1.2)
    axis.set(xlabel="", ylabel="")


def draw_groups(
    axis: Axes,
    scores: DataFrame,
    groups: Sequence[str],
    looks: Mapping[str, Look],
    errorbar: Any = from_three_seeds,
) -> None:
    """Draw means side by side within each group, with dashed lines between groups.

    Args:
        axis: to draw on.
        scores: columns ``group``, ``name``, ``value``, with a row per seed.
        groups: from left to right.
        looks: {name: its look}, from left to right within each group; a name keeps its place
            where it has no rows.
        errorbar: the interval of a mean, as seaborn takes it.
    """
    import seaborn

    if not scores.empty:
        seaborn.pointplot(
            scores,
            x="group",
            y="value",
            order=list(groups),
            hue="name",
            hue_order=list(looks),
            palette={name: look.colour for name, look in looks.items()},
            markers=[look.marker for look in looks.values()],
            dodge=0.8 if len(looks) > 1 else False,
            linestyle="none",
            errorbar=errorbar,
            err_kws={"linewidth": 1.3},
            legend=False,
            markersize=6,
            markeredgewidth=1.2,
            ax=axis,
        )
    for place in range(1, len(groups)):
        axis.axvline(place - 0.5, color="#999999", ls="--", lw=0.8)
    axis.set_xticks(range(len(groups)), list(groups))
    axis.set_xlim(-0.5, len(groups) - 0.5)
    axis.set(xlabel="", ylabel="")
    axis.grid(False, axis="x")


def draw_ranks(
    axis: Axes,
    ranks: DataFrame,
    looks: Mapping[str, Look],
    joined: Sequence[tuple[int, int]],
    critical: float | None = None,
) -> None:
    """Draw mean ranks with their intervals, and bars that join those that no test tells apart.

    Args:
        axis: to draw on.
        ranks: columns ``name``, ``value``, ``low``, ``high``, a row per name, the best first.
        looks: {name: its look}.
        joined: (first, last) place of the names that each bar joins.
        critical: the critical difference of mean ranks, drawn above them; None where there is none.
    """
    count = len(ranks)
    axis.hlines(range(count), 1, ranks["value"], color="#DDDDDD", lw=1, zorder=0)
    colours = [looks[name].colour for name in ranks["name"]]
    axis.hlines(range(count), ranks["low"], ranks["high"], color=colours, lw=2)
    _lane_points(axis, ranks, {name: looks[name] for name in ranks["name"]}, area=64)
    for number, (first, last) in enumerate(joined):
        x = count + 0.4 + 0.25 * number
        axis.plot([x, x], [first - 0.2, last + 0.2], color=GREY, lw=4, solid_capstyle="butt")
    if critical is not None:
        axis.plot([1, 1 + critical], [-1, -1], "k|-", lw=1.5)
        axis.text(1 + critical, -1, f"  CD = {critical:.2f}", va="center", fontsize=8)
    label_lanes(axis, list(ranks["name"]))
    axis.set_ylim(count - 0.4, -0.6 if critical is None else -1.6)
    axis.set_xticks(range(1, count + 1))
    axis.set_xlabel("")
    axis.grid(False)
