"""A figure's files: one drawing each, the same bytes each time."""

import io

from matplotlib.figure import Figure

from aesbench.report.draw.figure_files import figure_files, inline_svg


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


def test_each_file_is_drawn_once_and_both_are_laid_out_alike():
    """Whatever moves between them would differ between page and folder."""
    figure, drawn = made(), []
    axis = figure.axes[0]
    original = axis.draw

    def noted(renderer):
        drawn.append(axis.get_position().bounds)
        original(renderer)

    axis.draw = noted
    figure_files(figure, "salt")
    assert len(drawn) == 2 and drawn[0] == drawn[1]
    assert figure.dpi == 150


def test_a_figure_is_drawn_at_its_size():
    """A picture of (w, h) inches has 150 dots to each."""
    png = figure_files(made(), "salt")["png"]
    assert (int.from_bytes(png[16:20]), int.from_bytes(png[20:24])) == (600, 450)


def test_figures_share_a_page_without_sharing_ids():
    """Ids and what refers to them carry the figure's name."""
    svg = '<?xml?><svg width="9pt" height="9pt" viewBox="0"><metadata>x</metadata><g id="a"/>'
    svg += '<use xlink:href="#a" clip-path="url(#b)" style="width: 1"/></svg>'
    assert inline_svg(svg, "n") == (
        '<svg viewBox="0"><g id="n-a"/><use xlink:href="#n-a" clip-path="url(#n-b)"'
        ' style="width: 1"/></svg>'
    )
