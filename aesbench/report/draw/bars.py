"""Horizontal bars: values per name, stages one after the other, and parts of a whole.

Bars in parts are whole bars over each other, the longest first, as in seaborn's gallery.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isnan
from statistics import fmean
from typing import TYPE_CHECKING, Any

from aesbench.report.draw.intervals import student
from aesbench.report.draw.legend import Keys, patch_keys
from aesbench.report.draw.theme import GREY, PALE, SMALL, label_lanes, paler, say_in_lane

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

_HEIGHT = 0.65


def draw_bars(
    axis: Axes, values: DataFrame, colours: Mapping[str, str], errorbar: Any = student
) -> None:
    """Draw a bar per name as long as its mean, with its interval.

    Args:
        axis: to draw on.
        values: columns ``name`` and ``value``, with a row per seed.
        colours: {name: its colour}, from top to bottom; a name without rows is said to be missing.
        errorbar: the interval of a mean, as seaborn takes it; None for values of a single run.
    """
    _bars(axis, values, colours, errorbar)
    _finish(axis, set(values["name"]), list(colours))


def draw_stages(
    axis: Axes,
    seconds: DataFrame,
    stages: Sequence[str],
    colours: Mapping[str, str],
    marks: Mapping[str, str],
) -> None:
    """Draw a bar per name, its stages one after the other, the last in full colour.

    Args:
        axis: to draw on.
        seconds: columns ``name``, ``seed``, ``stage``, ``value``, with a row per seed and stage.
        stages: in the order of time.
        colours: {name: its colour}, from top to bottom; a name without rows is said to be missing.
        marks: {name: what follows the total, which stands at the end of each bar}.
    """
    for last in reversed(range(len(stages))):
        until = seconds[seconds["stage"].isin(stages[: last + 1])]
        totals = until.groupby(["name", "seed"])["value"].sum().reset_index()
        shades = {n: stage_colour(colour, last, len(stages)) for n, colour in colours.items()}
        _bars(axis, totals, shades, None)
    whole = seconds.groupby(["name", "seed"])["value"].sum().reset_index()
    longest = 0.0
    for place, name in enumerate(colours):
        own = whole.loc[whole["name"] == name, "value"].tolist()
        if not own:
            continue
        mean, (low, high) = fmean(own), student(own)
        axis.hlines(place, low, high, color="black", lw=1.2)
        end = max(mean, 0.0 if isnan(high) else high)
        text = f" {mean:,.1f}" + marks.get(name, "")
        axis.text(end, place, text, va="center", fontsize=SMALL)
        longest = max(longest, end)
    axis.set_xlim(0, 1.15 * longest or 1.0)
    _finish(axis, set(whole["name"]), list(colours))


def stage_keys(stages: Sequence[str]) -> Keys:
    """Return what tells the stages apart, for a legend."""
    return patch_keys(
        {stage: stage_colour(GREY, place, len(stages)) for place, stage in enumerate(stages)}
    )


def stage_colour(colour: str, stage: int, stages: int) -> str:
    """Return the colour of a stage, pale for the first and full for the last."""
    last = max(1, stages - 1)
    return paler(colour, PALE + (1 - PALE) * (stage if stages > 1 else 1) / last)


def draw_parts(axis: Axes, parts: DataFrame, lanes: int, colours: Mapping[int, str]) -> None:
    """Draw a bar per lane in parts, with its whole length at its end.

    Args:
        axis: to draw on.
        parts: columns ``lane`` (from 0, from top to bottom), ``size`` and ``value``, with a row per
            part, in order.
        lanes: how many.
        colours: {size: its colour}.
    """
    import seaborn

    own = parts.assign(
        part=parts.groupby("lane").cumcount(), end=parts.groupby("lane")["value"].cumsum()
    )
    for part in reversed(range(own["part"].max() + 1)):
        seaborn.barplot(
            own[own["part"] == part],
            x="end",
            y="lane",
            order=range(lanes),
            orient="y",
            hue="size",
            palette=dict(colours),
            dodge=False,
            errorbar=None,
            saturation=1,
            width=0.8,
            edgecolor="#333333",
            linewidth=0.6,
            legend=False,
            ax=axis,
        )
    for lane, end in own.groupby("lane")["end"].max().items():
        axis.annotate(
            f"{end:.1f}", (end, lane), (4, 0), textcoords="offset points", va="center",
            fontsize=SMALL,
        )  # fmt: skip
    axis.set_xlim(0, 1.15 * own["end"].max() or 1.0)


def _bars(axis: Axes, values: DataFrame, colours: Mapping[str, str], errorbar: Any) -> None:
    import seaborn
    from matplotlib.patheffects import withStroke

    if values.empty:
        return
    paint: dict[str, Any] = {"color": next(iter(colours.values()))}
    if len(set(colours.values())) > 1:
        paint = {"hue": "name", "hue_order": list(colours), "palette": dict(colours)}
        paint |= {"dodge": False, "legend": False}
    seaborn.barplot(
        values,
        x="value",
        y="name",
        order=list(colours),
        saturation=1,
        width=_HEIGHT,
        linewidth=0,
        errorbar=errorbar,
        # With a white edge, for a bar may be black.
        err_kws={
            "color": "black",
            "linewidth": 1.2,
            "path_effects": [withStroke(linewidth=2.6, foreground="white")],
        },
        ax=axis,
        **paint,
    )


def _finish(axis: Axes, known: set[str], names: Sequence[str]) -> None:
    for place, name in enumerate(names):
        if name not in known:
            say_in_lane(axis, place, "missing")
    label_lanes(axis, names)
    axis.grid(False, axis="y")
    axis.set_xlabel("")
