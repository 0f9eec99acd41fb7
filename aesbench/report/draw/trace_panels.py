"""Names of ``theme`` that exhibits and tests still look for here."""

from __future__ import annotations

from aesbench.report.draw.theme import Stroke, size_colours, strokes_in_order
from aesbench.report.draw.theme import clean as clean


def field_looks(count: int) -> list[Stroke]:
    """Return a stroke for each field."""
    return list(strokes_in_order(map(str, range(count))).values())


def size_looks(count: int) -> list[str]:
    """Return a colour for each size."""
    return list(size_colours(range(count)).values())
