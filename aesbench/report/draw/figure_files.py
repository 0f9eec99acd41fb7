"""A figure as PNG, SVG and PDF: the same bytes each time, whatever the user's settings."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from aesbench.plugins.exhibit import Figure as FigureData
from aesbench.report.draw.theme import COLOURS, GREY, PALE, paler, themed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DPI = 150

FILES = ("png", "svg")
"""What a figure is written as; the first lays it out for all."""
WITH_PDF = (*FILES, "pdf")
"""With what LaTeX includes. A PDF takes nearly as long as both others: its fonts are cut."""


def draw(data: FigureData, suffixes: Sequence[str] = FILES) -> dict[str, bytes]:
    """Return ``{suffix: content}`` of a figure of a report."""
    with themed():
        from matplotlib.figure import Figure

        figure = Figure(figsize=data.size, layout="constrained")
        data.draw(figure)
        return figure_files(figure, data.name, suffixes)


def figure_files(figure: Figure, salt: str, suffixes: Sequence[str] = FILES) -> dict[str, bytes]:
    """Return ``{suffix: content}`` without dates; ids in the SVG come from the salt.

    Each is one drawing. ``savefig`` makes two: the first, of which nothing is kept, lays the figure
    out, as every drawing with a layout engine does anyway.
    """
    figure.dpi = _DPI
    files = {}
    for suffix in suffixes:
        files[suffix] = _PRINTERS[suffix](figure, salt)
        figure.dpi = _DPI  # Those of SVG and PDF are their own.
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


def _pdf(figure: Figure, salt: str) -> bytes:
    import matplotlib
    from matplotlib.backends.backend_pdf import FigureCanvasPdf

    buffer = io.BytesIO()
    canvas: Any = FigureCanvasPdf(figure)
    with matplotlib.rc_context({"pdf.fonttype": 42}):  # TrueType: publishers refuse Type 3.
        canvas.print_pdf(buffer, metadata={"CreationDate": None})
    return buffer.getvalue()


_PRINTERS = {"png": _png, "svg": _svg, "pdf": _pdf}
"""{suffix: writes a figure}."""


_GREYS = {
    "#ffffff": "paper",
    **dict.fromkeys(("#000000", "#262626", "#333333"), "ink"),
    **dict.fromkeys(("#555555", "#777777", "#8a8a8a"), "mid"),
    "#bbbbbb": "pale",
    "#dddddd": "rule",
}
"""{a grey of figures: the variable by which a page may replace it, as it does by night}."""


def inline_svg(svg: str, name: str) -> str:
    """Return an SVG file as an element of a page that holds others: its ids are its own.

    The prologue and the metadata go. Its width in points becomes ``--width``, for the page to size
    it by. Greys become variables, as in ``var(--ink, #262626)``: those of the file unless the page
    defines others. Data keep their colours, the paler ones as a mixture with the ground.
    """
    element = svg[svg.index("<svg") :]
    element = re.sub(r"<metadata>.*?</metadata>", "", element, flags=re.DOTALL)
    element = re.sub(
        r'(<svg[^>]*?) width="([\d.]+)pt"', r'\1 style="--width: \2"', element, count=1
    )
    element = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", element, count=1)
    variables = _variables()
    element = re.sub(
        r"\b(fill|stroke): (#[0-9a-f]{6})",
        lambda found: f"{found[1]}: {variables.get(found[2], found[2])}",
        element,
    )
    return re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", element)


@cache
def _variables() -> dict[str, str]:
    """Return ``{colour: what stands for it on a page}`` of the colours that follow its ground."""
    found = {colour: f"var(--{name}, {colour})" for colour, name in _GREYS.items()}
    for colour in map(str.lower, (*COLOURS, GREY)):
        full, paper = found.get(colour, colour), found["#ffffff"]
        found[paler(colour, PALE)] = f"color-mix(in srgb, {full} {PALE:.0%}, {paper})"
    return found
