"""Words beside the points of a plot, each where it covers nothing, with a line to it if far off.

Where points stand is known only once a figure is laid out, so words find their places as it is
drawn, from their extents as they are rendered. The places are the same each time. (adjustText moves
words by forces, for a time or a number of steps, and may end with words that overlap.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.artist import Artist
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Annotation

Floats = NDArray[np.float64]

_SIZE, _COLOUR = 7.0, "#555555"

_MARGIN = 1.0
_MARKER = 4.0
"""Half the width of what a marker keeps free, in points."""
_DISTANCES = (5.0, 8.0, 12.0, 17.0, 23.0, 30.0, 38.0, 48.0, 60.0, 75.0, 95.0, 120.0)
"""Of a word's nearest edge from its point, in points."""
_ANGLES = np.radians([35, -35, 145, -145, 90, -90, 0, 180, 62, -62, 118, -118, 18, -18, 162, -162])
"""Of a word seen from its point, the best first."""
_NEAR = 8.0
"""Beyond this distance a line leads to the point."""
_ROUNDS = 3
"""How often every word looks for a better place among the others."""

_COVERS = {"word": 1e4, "marker": 1e4, "line": 40.0, "dot": 6.0}
"""What it costs to cover one: a word or a marker never, if it can be helped."""
_CROSSES = {"word": 1e3, "marker": 60.0}
"""What it costs a leading line to cross one."""
_OUTSIDE = 1e6
_PER_POINT = 1.0
"""What a point of distance costs."""


@dataclass(frozen=True, eq=False)
class Around:
    """What words keep clear of, in the data's coordinates.

    Attributes:
        markers: (n, 2), never covered.
        lines: (n, 2, 2), ends of vertical and horizontal ones, such as intervals; avoided.
        dots: (n, 2), covered rather than lines.
    """

    markers: Floats
    lines: Floats
    dots: Floats


def note(axis: Axes, notes: Sequence[tuple[float, float, str]], around: Around) -> None:
    """Write ``(x, y, word)`` beside their points as soon as the figure is drawn."""
    words = [
        axis.annotate(
            word, (x, y), (0, 0), textcoords="offset points", fontsize=_SIZE, color=_COLOUR,
            ha="center", va="center", annotation_clip=False,
            arrowprops={
                "arrowstyle": "-", "color": _COLOUR, "lw": 0.5, "shrinkA": 0,
                "shrinkB": _MARKER - _MARGIN, "relpos": (0.5, 0.5),
            },
        )
        for x, y, word in notes
    ]  # fmt: skip
    for one in words:
        one.set_in_layout(False)
    axis.add_artist(_Placement(axis, words, around))


class _Placement(Artist):
    """Draws nothing: places words before they are drawn, the first time."""

    def __init__(self, axis: Axes, words: Sequence[Annotation], around: Around) -> None:
        super().__init__()
        self.set_zorder(0)
        self.set_in_layout(False)
        self._axis, self._words, self._around = axis, words, around
        self._is_done = False

    def draw(self, renderer: Any) -> None:
        if self._is_done:  # Every file of a figure has its words at the same places.
            return
        self._is_done = True
        scale = 72 / renderer.points_to_pixels(72)
        to_points = self._axis.transData.transform
        own = scale * to_points([word.xy for word in self._words])
        extents = [word.get_window_extent(renderer) for word in self._words]
        halves = scale * np.array([[one.width, one.height] for one in extents]) / 2 + _MARGIN
        shown = Around(
            *(
                scale * to_points(part.reshape(-1, 2)).reshape(part.shape)
                for part in (self._around.markers, self._around.lines, self._around.dots)
            )
        )
        panel = scale * self._axis.bbox.get_points()
        for word, (offset, is_far) in zip(
            self._words, _places(own, halves, shown, panel), strict=True
        ):
            word.set_position((float(offset[0]), float(offset[1])))
            assert word.arrow_patch is not None
            word.arrow_patch.set_visible(is_far)


def _places(
    points: Floats, halves: Floats, around: Around, panel: Floats
) -> list[tuple[Floats, bool]]:
    """Return how far each word's centre is from its point, and whether a line leads to it.

    Args:
        points: (words, 2), as all else in points of text.
        halves: (words, 2), half the width and height of each word.
        around: what to keep clear of.
        panel: its lower left and upper right corner.
    """
    # Every obstacle is a rectangle: (n, 2, 2), its lower left and upper right corners.
    markers = np.stack([around.markers - _MARKER, around.markers + _MARKER], axis=1)
    lines = np.sort(around.lines, axis=1) + np.array([[-0.7], [0.7]])
    dots = np.stack([around.dots - 1.5, around.dots + 1.5], axis=1)
    offered = [_offers(half) for half in halves]
    fixed = []  # What each offer costs, other words apart.
    for point, half, (offsets, distances) in zip(points, halves, offered, strict=True):
        boxes = _boxes(point + offsets, half)
        is_out = ((boxes[:, 0] < panel[0]) | (boxes[:, 1] > panel[1])).any(axis=1)
        cost = _OUTSIDE * is_out + _PER_POINT * distances
        for kind, obstacles in (("marker", markers), ("line", lines), ("dot", dots)):
            cost += _COVERS[kind] * _overlaps(boxes, obstacles).sum(axis=1)
        leads = _leads(point, offsets, distances)
        crossed = _crossed(leads, markers) & ~_is_in(point, markers)
        fixed.append(cost + _CROSSES["marker"] * crossed.sum(axis=1))
    taken: dict[int, int] = {}
    for _ in range(_ROUNDS):
        for number, (point, half, (offsets, distances)) in enumerate(
            zip(points, halves, offered, strict=True)
        ):
            others = [(other, place) for other, place in taken.items() if other != number]
            words = np.array(
                [_boxes(points[o] + offered[o][0][[p]], halves[o])[0] for o, p in others]
            ).reshape(-1, 2, 2)
            paths = np.array(
                [_leads(points[o], offered[o][0][[p]], offered[o][1][[p]])[0] for o, p in others]
            ).reshape(-1, _STEPS, 2)
            boxes = _boxes(point + offsets, half)
            cost = fixed[number] + _COVERS["word"] * _overlaps(boxes, words).sum(axis=1)
            crossed = _crossed(_leads(point, offsets, distances), words).sum(axis=1)
            cost += _CROSSES["word"] * (crossed + _crossed(paths, boxes).sum(axis=0))
            taken[number] = int(cost.argmin())
    return [
        (offsets[taken[number]], bool(distances[taken[number]] > _NEAR))
        for number, (offsets, distances) in enumerate(offered)
    ]


def _offers(half: Floats) -> tuple[Floats, Floats]:
    """Return ``(places, 2)`` offsets of a word's centre from its point, and their distances."""
    angles = np.tile(_ANGLES, len(_DISTANCES))
    distances = np.repeat(_DISTANCES, len(_ANGLES))
    ways = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    # The centre is so far beyond the nearest edge as the word reaches in that direction.
    return ways * distances[:, None] + np.clip(2 * ways, -1, 1) * half, distances


def _boxes(centres: Floats, half: Floats) -> Floats:
    return np.stack([centres - half, centres + half], axis=1)


def _overlaps(boxes: Floats, others: Floats) -> NDArray[np.bool_]:
    """Return ``(boxes, others)``: whether two rectangles overlap."""
    below = boxes[:, None, 0] < others[None, :, 1]
    above = boxes[:, None, 1] > others[None, :, 0]
    return np.asarray((below & above).all(axis=2))


_STEPS = 24


def _leads(point: Floats, offsets: Floats, distances: Floats) -> Floats:
    """Return ``(places, steps, 2)``: points of each line from a point to a word's centre.

    Where no line leads to the word, all are the point itself.
    """
    shares = np.linspace(0, 1, _STEPS)[None, :, None] * (distances > _NEAR)[:, None, None]
    return np.asarray(point + shares * offsets[:, None, :])


def _crossed(paths: Floats, boxes: Floats) -> NDArray[np.bool_]:
    """Return ``(paths, boxes)``: whether a path goes through a rectangle."""
    steps = paths[:, :, None, :]
    inside = np.all((steps > boxes[:, 0]) & (steps < boxes[:, 1]), axis=3)
    return np.asarray(np.any(inside, axis=1))


def _is_in(point: Floats, boxes: Floats) -> NDArray[np.bool_]:
    return np.asarray(np.all((point > boxes[:, 0]) & (point < boxes[:, 1]), axis=1))
