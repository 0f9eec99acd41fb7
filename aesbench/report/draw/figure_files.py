"""A figure as PNG and SVG: the same bytes each time, whatever the user's matplotlib settings."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

from aesbench.plugins.exhibit import Figure as FigureData
from aesbench.report.draw.theme import themed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DPI = 150


def draw(data: FigureData) -> dict[str, bytes]:
    """Return ``{"png": ..., "svg": ...}`` of a figure of a report."""
    with themed():
        from matplotlib.figure import Figure

        figure = Figure(figsize=data.size, layout="constrained")
        data.draw(figure)
        return figure_files(figure, salt=data.name)


def figure_files(figure: Figure, salt: str) -> dict[str, bytes]:
    """Return ``{"png": ..., "svg": ...}`` without dates; ids in the SVG come from the salt.

    Each is one drawing. ``savefig`` makes two: the first, of which nothing is kept, lays the figure
    out, as every drawing with a layout engine does anyway.
    """
    figure.dpi = _DPI
    files = {}
    for suffix, printed in _PRINTERS.items():
        files[suffix] = printed(figure, salt)
        figure.dpi = _DPI  # That of the SVG is its own.
        figure.set_layout_engine("none")  # The next one is laid out as this one was.
    return files


def _png(figure: Figure, salt: str) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    buffer = io.BytesIO()
    canvas: Any = FigureCanvasAgg(figure)
    canvas.print_png(buffer, pil_kwargs={"compress_level": 3})  # 6 takes thrice as long.
    return buffer.getvalue()


def _svg(figure: Figure, salt: str) -> bytes:
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    buffer = io.BytesIO()
    canvas: Any = FigureCanvasSVG(figure)
    with matplotlib.rc_context({"svg.hashsalt": salt}):
        canvas.print_svg(buffer, metadata={"Date": None})
    return buffer.getvalue()


_PRINTERS = {"png": _png, "svg": _svg}
"""{suffix: writes a figure}; the first lays it out for all."""


def inline_svg(svg: str, name: str) -> str:
    """Return an SVG file as an element of a page that holds others: its ids are its own.

    The prologue and the metadata go, the size in points gives way to the page's.
    """
    element = svg[svg.index("<svg") :]
    element = re.sub(r"<metadata>.*?</metadata>", "", element, flags=re.DOTALL)
    element = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", element, count=1)
    element = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", element, count=1)
    return re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", element)
