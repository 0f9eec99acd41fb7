"""A figure's files: one drawing each, the same bytes each time."""

import io
import re

import pytest
from matplotlib.figure import Figure

from aesbench.report.draw.figure_files import FILES, WITH_PDF, figure_files, inline_svg
from aesbench.report.draw.theme import BLACK, BLUE, PALE, paler, themed


def made() -> Figure:
    """A figure that its layout changes: a long label, two panels."""
    figure = Figure(figsize=(4, 3), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot([1, 2], [3, 5])
    left.set_ylabel("what is measured,\nand in which unit")
    right.set_title("another")
    return figure


def test_the_png_is_what_savefig_makes_of_the_figure():
    """To the byte, at 150 dots per inch; both files are the same each time."""
    expected = io.BytesIO()
    made().savefig(expected, format="png", dpi=150, pil_kwargs={"compress_level": 3})
    files = figure_files(made(), "salt")
    assert files["png"] == expected.getvalue()
    assert files == figure_files(made(), "salt")
    assert files["svg"] != figure_files(made(), "another")["svg"]
    assert b"<dc:date>" not in files["svg"]


def test_a_pdf_is_for_latex():
    """Fonts as TrueType inside, which publishers ask for, no dates; the same bytes each time."""
    pdf = figure_files(made(), "salt", WITH_PDF)["pdf"]
    assert pdf.startswith(b"%PDF") and pdf == figure_files(made(), "salt", WITH_PDF)["pdf"]
    assert b"/FontFile2" in pdf and b"/CIDFontType2" in pdf and b"/Type3" not in pdf
    assert b"Date" not in pdf
    assert b"/MediaBox [ 0 0 288 216 ]" in pdf, "4 by 3 inches in points"
    assert tuple(figure_files(made(), "salt")) == FILES, "only where it is asked for"


def test_each_file_is_drawn_once_and_all_are_laid_out_alike():
    """Whatever moves between them would differ between page and folder."""
    figure, drawn = made(), []
    axis = figure.axes[0]
    original = axis.draw

    def noted(renderer):
        drawn.append(axis.get_position().bounds)
        original(renderer)

    axis.draw = noted
    figure_files(figure, "salt", WITH_PDF)
    assert len(drawn) == 3 and drawn[0] == drawn[1] == drawn[2]
    assert figure.dpi == 150


def test_a_figure_is_drawn_at_its_size():
    """A picture of (w, h) inches has 150 dots to each."""
    png = figure_files(made(), "salt")["png"]
    assert (int.from_bytes(png[16:20]), int.from_bytes(png[20:24])) == (600, 450)


def test_figures_share_a_page_without_sharing_ids():
    """Ids and what refers to them carry the figure's name; the page sizes it."""
    svg = '<?xml?><svg width="9.5pt" height="9pt" viewBox="0"><metadata>x</metadata><g id="a"/>'
    svg += '<use xlink:href="#a" clip-path="url(#b)" style="width: 1"/></svg>'
    assert inline_svg(svg, "n") == (
        '<svg style="--width: 9.5" viewBox="0"><g id="n-a"/><use xlink:href="#n-a"'
        ' clip-path="url(#n-b)" style="width: 1"/></svg>'
    )


@pytest.mark.parametrize(
    ("colour", "shown"),
    [
        ("#ffffff", "var(--paper, #ffffff)"),
        ("#000000", "var(--ink, #000000)"),
        ("#0072b2", "#0072b2"),
        (paler(BLUE, PALE), "color-mix(in srgb, #0072b2 40%, var(--paper, #ffffff))"),
        (
            paler(BLACK, PALE),
            "color-mix(in srgb, var(--ink, #000000) 40%, var(--paper, #ffffff))",
        ),
    ],
)
def test_a_page_may_replace_the_greys_of_a_figure(colour, shown):
    """Lines, areas and what is mixed with the ground; data keep their colours, texts theirs."""
    svg = '<svg><!-- {0} --><path style="fill: {0}; stroke: {0}"/><g>{0}</g></svg>'
    path = f'<path style="fill: {shown}; stroke: {shown}"/>'
    assert (
        inline_svg(svg.format(colour), "n") == f"<svg><!-- {colour} -->{path}<g>{colour}</g></svg>"
    )


def test_the_greys_of_the_theme_are_known_to_the_page():
    """One that it does not know would stay as it is by night."""
    with themed():
        drawn = figure_files(made(), "salt")["svg"].decode()
    colours = re.findall(r"(?:fill|stroke): (#\w+)", inline_svg(drawn, "n"))
    assert set(colours) == {"#1f77b4"}, "the line of the data"
