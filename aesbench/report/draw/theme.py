"""How figures look: seaborn's theme with sizes of ours, and a colour and marker per method.

Colours are Okabe and Ito's, which the colour-blind tell apart, without their yellow, which is faint
on white. Uniform, random and given sizes are grey: the ground that methods stand out from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aesbench.core.label import Label
from aesbench.plugins.exhibit import Look

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BLUE, VERMILION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY, BLACK, GREY = "#E69F00", "#56B4E9", "#000000", "#777777"
PALE_GREY = "#BBBBBB"
COLOURS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK)
PALE = 0.4
"""How much of its colour the first of two stages has."""

SMALL, LABEL, TITLE = 8.0, 9.0, 10.0
"""Points: ticks, legends and what stands in a panel; labels of axes; titles of panels."""

_MARKERS = ("o", "s", "^", "D", "P", "v", "X", "*")
_STYLES = ("-", "--", ":", "-.")
_GRID, _GRID_WIDTH = "#DDDDDD", 0.6


@dataclass(frozen=True)
class Stroke:
    """How a line is drawn: a colour and a style, as matplotlib takes them."""

    colour: str
    style: Any = "-"


_GROUND = {"ues": Look(GREY, "o"), "random": Look(GREY, "x"), "fixed": Look(PALE_GREY, ".")}


def looks_in_order(labels: Iterable[str]) -> dict[str, Look]:
    """Return a look for each label, by the place of its method among those that choose sizes.

    Colours change from one method to the next, markers once all colours are had; labels of one
    method look alike. Uniform, random and given sizes look the same in any order and take no
    place in it. No two of 56 methods look alike.
    """
    of_method: dict[str, Look] = {}
    looks = {}
    for label in labels:
        known = Label.parse(label)
        method, look = known.method, _GROUND.get(known.name)
        if look is None:
            turn, place = divmod(len(of_method), len(COLOURS))
            look = Look(COLOURS[place], _MARKERS[turn % len(_MARKERS)])
            look = of_method.setdefault(method, look)
        looks[label] = look
    return looks


def strokes_in_order(names: Iterable[str]) -> dict[str, Stroke]:
    """Return a stroke for each name: its own colour, and another style once colours run out."""
    return {
        name: Stroke(COLOURS[place % len(COLOURS)], _STYLES[place // len(COLOURS) % len(_STYLES)])
        for place, name in enumerate(names)
    }


def size_colours(sizes: Iterable[int]) -> dict[int, str]:
    """Return a colour for each size, from dark for the smallest to light for the largest."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    ordered = sorted(set(sizes))
    last = max(1, len(ordered) - 1)
    return {
        size: to_hex(colormaps["viridis"](0.88 * place / last))
        for place, size in enumerate(ordered)
    }


def paler(colour: str, share: float) -> str:
    """Return a colour as it appears on white where it covers this share."""
    from matplotlib.colors import to_hex, to_rgb

    red, green, blue = (1 - share * (1 - part) for part in to_rgb(colour))
    return to_hex((red, green, blue))


@contextmanager
def themed() -> Iterator[None]:
    """Draw in the theme of reports, whatever the user's settings, which come back afterwards.

    Figures are made and written inside: much of what matplotlib draws asks for its settings only
    then.
    """
    import matplotlib
    import seaborn

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        # ``seaborn.set_theme`` would also change what "b" and "k" mean, for good.
        matplotlib.rcParams.update(seaborn.plotting_context("paper"))
        matplotlib.rcParams.update(seaborn.axes_style("ticks"))
        matplotlib.rcParams.update(_settings())
        yield


def _settings() -> Any:
    return {
        "axes.edgecolor": "#333333",
        "axes.grid": True,
        "axes.labelsize": LABEL,
        "axes.linewidth": 0.8,
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.titlesize": TITLE,
        "figure.titlesize": 11,
        # seaborn prefers Arial, where it is installed: bytes would depend on the machine.
        "font.sans-serif": ["DejaVu Sans"],
        "font.size": TITLE,
        "grid.color": _GRID,
        "grid.linewidth": _GRID_WIDTH,
        "legend.fontsize": SMALL,
        "legend.frameon": False,
        "legend.title_fontsize": LABEL,
        "xtick.labelsize": SMALL,
        "xtick.major.size": 3.5,
        "xtick.minor.size": 2,
        "ytick.labelsize": SMALL,
        "ytick.major.size": 3.5,
        "ytick.minor.size": 2,
    }


def label_lanes(axis: Axes, names: Sequence[str]) -> None:
    """Name the lanes of a horizontal plot, the first on top."""
    axis.set_yticks(range(len(names)), names, fontsize=LABEL)
    axis.set_ylim(len(names) - 0.5, -0.5)
    axis.set_ylabel("")


def rule_lanes(axis: Axes) -> None:
    """Draw a faint line along each lane, which seaborn takes away."""
    axis.grid(True, axis="y", color=_GRID, lw=_GRID_WIDTH)


def say_in_lane(axis: Axes, place: int, text: str) -> None:
    """Say at the left of a lane why it is empty."""
    at_edge = axis.get_yaxis_transform()
    axis.text(
        0.02, place, text, transform=at_edge, va="center", fontsize=SMALL, color="#8A8A8A",
        style="italic",
    )  # fmt: skip


def clean(axis: Axes) -> None:
    """Leave a faint grid and two of the four edges, outside ``themed`` too."""
    axis.grid(True, color=_GRID, lw=_GRID_WIDTH)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(labelsize=SMALL)
