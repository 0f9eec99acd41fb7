"""What is gained over what it costs: points with intervals, the ground they stand on, the front."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from aesbench.plugins.exhibit import Look
from aesbench.report.draw.intervals import from_three_seeds
from aesbench.report.draw.theme import GREY, PALE_GREY

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

    from aesbench.report.draw.notes import Around


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
        notes: {point: a word beside it}, which finds its place as the figure is drawn.
    """
    import seaborn

    points = scores.groupby(["name", "point"], as_index=False).agg(
        cost=("cost", "first"), mean=("value", "mean"), interval=("value", from_three_seeds)
    )
    if ground is not None and not ground.empty:
        seaborn.scatterplot(
            ground, x="cost", y="value", color=PALE_GREY, s=9, linewidth=0, zorder=1, ax=axis
        )
    steps: list[tuple[float, float]] = []
    if front is not None and not front.empty:
        steps = list(zip(front["cost"], front["value"], strict=True))
        steps.append((points["cost"].max(), steps[-1][1]))
        axis.step(*zip(*steps, strict=True), where="post", color=GREY, lw=1.2, ls="--", zorder=1.5)
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
        from aesbench.report.draw.notes import note

        own = points[points["point"].isin(list(notes))].sort_values("mean", ascending=False)
        words = zip(own["cost"], own["mean"], own["point"].map(notes), strict=True)
        note(axis, list(words), _around(points, ground, steps))


def _around(
    points: DataFrame, ground: DataFrame | None, front: Sequence[tuple[float, float]]
) -> Around:
    """Return what words keep clear of: points, their intervals, the ground and the front."""
    import numpy as np

    from aesbench.report.draw.notes import Around

    lines = [
        ((cost, low), (cost, high))
        for cost, (low, high) in zip(points["cost"], points["interval"], strict=True)
        if low == low
    ]
    for (cost, gain), (next_cost, next_gain) in pairwise(front):
        lines += [((cost, gain), (next_cost, gain)), ((next_cost, gain), (next_cost, next_gain))]
    dots = points.iloc[:0] if ground is None else ground
    return Around(
        markers=points[["cost", "mean"]].to_numpy(float),
        lines=np.array(lines, dtype=float).reshape(-1, 2, 2),
        dots=dots.reindex(columns=["cost", "value"]).to_numpy(float),
    )
