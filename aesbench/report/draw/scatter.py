"""What is gained over what it costs: points with intervals, the ground they stand on, the front."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from aesbench.plugins.exhibit import Look
from aesbench.report.draw.intervals import from_three_seeds
from aesbench.report.draw.theme import GREY, PALE_GREY

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

_NOTE = 7.0
_OFFSETS = ((5, 4), (5, -9), (-5, 4), (-5, -9), (5, 15), (5, -20), (-5, 15), (-5, -20))
"""Places of a note beside its point, in points of text, the best first; left of it for x < 0."""
_PANEL = 0.7, 0.85
"""About how much of a figure a panel with a legend beside it takes."""


def draw_gains(
    axis: Axes,
    scores: DataFrame,
    looks: Mapping[str, Look],
    *,
    ground: DataFrame | None = None,
    front: DataFrame | None = None,
    notes: Mapping[str, str] | None = None,
) -> None:
    """Draw mean gains over costs on a logarithmic scale, with Student's intervals.

    Args:
        axis: to draw on.
        scores: columns ``point``, ``name``, ``cost``, ``value``, with a row per seed; a point has
            one cost, a name has one look.
        looks: {name: its look}, in the order of drawing.
        ground: columns ``cost`` and ``value``: small grey dots behind all else.
        front: columns ``cost`` and ``value``: a line of steps through the best, cheapest first.
        notes: {point: a word beside it}; words do not cover each other.
    """
    import seaborn

    points = scores.groupby(["name", "point"], as_index=False).agg(
        cost=("cost", "first"), mean=("value", "mean"), interval=("value", from_three_seeds)
    )
    if ground is not None and not ground.empty:
        seaborn.scatterplot(
            ground, x="cost", y="value", color=PALE_GREY, s=9, linewidth=0, zorder=1, ax=axis
        )
    if front is not None and not front.empty:
        costs = [*front["cost"], points["cost"].max()]
        gains = [*front["value"], front["value"].iloc[-1]]
        axis.step(costs, gains, where="post", color=GREY, lw=1.2, ls="--", zorder=1.5)
    for name, look in looks.items():
        own = points[points["name"] == name]
        if own.empty:
            continue
        low, high = (own["interval"].str[place].astype(float) for place in (0, 1))
        axis.vlines(own["cost"], low, high, color=look.colour, lw=1.2, alpha=0.85, zorder=2)
        seaborn.scatterplot(
            own,
            x="cost",
            y="mean",
            color=look.colour,
            marker=look.marker,
            s=36,
            linewidth=1.2 if look.marker == "x" else 0.4,
            alpha=0.9,
            zorder=2.5,
            legend=False,
            ax=axis,
        )
    axis.set(xlabel="", ylabel="")
    axis.set_xscale("log")  # Not before: seaborn would take logarithms and round on the way back.
    if notes:
        own = points[points["point"].isin(list(notes))].sort_values("mean", ascending=False)
        _note(axis, list(zip(own["cost"], own["mean"], own["point"].map(notes), strict=True)))


def _note(axis: Axes, notes: Sequence[tuple[float, float, str]]) -> None:
    """Write ``(cost, gain, word)`` beside their points, each where it covers no other."""
    whole = axis.figure.bbox
    width, height = (
        72 * share * pixels / axis.figure.dpi
        for share, pixels in zip(_PANEL, (whole.width, whole.height), strict=True)
    )
    axis.autoscale_view()
    taken: list[tuple[float, float, float, float]] = []
    to_axis = axis.transScale + axis.transLimits
    for cost, gain, word in notes:
        x, y = to_axis.transform((cost, gain)) * (width, height)
        long = 0.62 * _NOTE * len(word)
        boxes = {
            (right, up): (x + right - (long if right < 0 else 0), y + up, long, 1.4 * _NOTE)
            for right, up in _OFFSETS
        }
        free = [at for at, box in boxes.items() if not any(_overlap(box, one) for one in taken)]
        right, up = at = (free or list(boxes))[0]
        taken.append(boxes[at])
        axis.annotate(
            word, (cost, gain), at, textcoords="offset points", fontsize=_NOTE, color=GREY,
            ha="left" if right > 0 else "right",
        )  # fmt: skip


def _overlap(
    one: tuple[float, float, float, float], other: tuple[float, float, float, float]
) -> bool:
    (x, y, width, height), (left, low, wide, high) = one, other
    return x < left + wide and left < x + width and y < low + high and low < y + height
