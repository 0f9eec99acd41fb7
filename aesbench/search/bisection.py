"""Where a number begins or ceases to fit a budget, to the last float."""

from __future__ import annotations

from collections.abc import Callable


def last_fitting(
    fits: Callable[[float], bool], inside: float, outside: float
) -> tuple[float, float]:
    """Return two neighbouring floats, of which the first fits and the second does not.

    Args:
        fits: tells of a number, between the two, whether what it makes fits.
        inside: a number that fits; below the other one or above.
        outside: one that does not.
    """
    while True:
        middle = (inside + outside) / 2
        if middle in (inside, outside):
            return inside, outside
        if fits(middle):
            inside = middle
        else:
            outside = middle


def doubled_until(is_enough: Callable[[float], bool], start: float) -> float:
    """Return the first of ``start``, twice it, four times it, ... that is enough."""
    while not is_enough(start):
        start *= 2
    return start
