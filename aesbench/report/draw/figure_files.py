"""A figure as SVG and PNG: the same bytes each time, whatever the user's matplotlib settings."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

from aesbench.report.page.exhibit import FigureData

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DPI = 150


def draw(data: FigureData) -> dict[str, bytes]:
    """Return ``{"svg": ..., "png": ...}`` of a figure of a report."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        figure = Figure(figsize=data.size, layout="constrained")
        data.draw(figure)
        return figure_files(figure, salt=data.name)


def figure_files(figure: Figure, salt: str) -> dict[str, bytes]:
    """Return ``{"png": ..., "svg": ...}`` without dates; ids in the SVG come from the salt."""
    import matplotlib

    files = {}
    with matplotlib.rc_context({"svg.hashsalt": salt}):
        for suffix in ("png", "svg"):
            buffer = io.BytesIO()
            metadata = {"Date": None} if suffix == "svg" else None
            figure.savefig(buffer, format=suffix, dpi=_DPI, metadata=metadata)
            files[suffix] = buffer.getvalue()
            figure.set_layout_engine("none")  # The next one is laid out as this one was.
    return files


def inline_svg(svg: str, name: str) -> str:
    """Return an SVG file as an element of a page that holds others: its ids are its own.

    The prologue and the metadata go, the size in points gives way to the page's.
    """
    element = svg[svg.index("<svg") :]
    element = re.sub(r"<metadata>.*?</metadata>", "", element, flags=re.DOTALL)
    element = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", element, count=1)
    element = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", element, count=1)
    return re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", element)
