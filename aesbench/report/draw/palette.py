"""One colour and one marker per method, the same in every figure.

Okabe and Ito's palette, which the colour-blind tell apart, for the methods of the paper; its
colours again with another marker for their controls. UES is grey: the ground that the others stand
out from. A method that is not listed gets its look from its name, whatever else is drawn.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from aesbench.report.names import method_of

BLUE, VERMILION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY, BLACK, GREY = "#E69F00", "#56B4E9", "#000000", "#777777"


@dataclass(frozen=True)
class Look:
    """How a method is drawn: a colour and a marker, as matplotlib takes them."""

    colour: str
    marker: str


_LOOKS = {
    "ues": Look(GREY, "o"),
    "mde:value": Look(ORANGE, "D"),
    "mde:field": Look(ORANGE, "d"),
    "autodim": Look(GREEN, "s"),
    "autoemb": Look(PURPLE, "^"),
    "esapn": Look(SKY, "v"),
    "sseds": Look(BLACK, "P"),
    "random": Look(GREY, "x"),
    "adass:r": Look(BLUE, "o"),
    "adass:e": Look(VERMILION, "o"),
    "adass:greedy": Look(BLUE, "s"),
    "adass:random": Look(BLUE, "x"),
    "adass:evolution": Look(BLUE, "^"),
    "adass:literal-r": Look(BLUE, "*"),
    "adass:literal-e": Look(VERMILION, "*"),
}
_COLOURS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK)
_MARKERS = ("h", "X", "p", "<", ">", "8", "H")


def look_of(label: str) -> Look:
    """Return the look of a method; its settings, unification and budget change nothing."""
    method = method_of(label)
    known = _LOOKS.get(method) or _LOOKS.get(method.partition(":")[0])
    if known is not None:
        return known
    digest = hashlib.sha256(method.encode()).digest()
    return Look(_COLOURS[digest[0] % len(_COLOURS)], _MARKERS[digest[1] % len(_MARKERS)])
