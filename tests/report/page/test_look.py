"""How the page looks in a browser: on a phone, and by night."""

import re
from functools import partial

import pandas as pd
import pytest
from matplotlib.colors import to_hex

from aesbench.plugins.exhibit import Exhibit, Figure, Table
from aesbench.report.draw.figure_files import draw
from aesbench.report.draw.heatmap import draw_shares
from aesbench.report.draw.theme import COLOURS, GREY, PALE_GREY
from aesbench.report.page.page import page
from aesbench.report.page.write import write_report

NONE = Table("t", "T", "", pd.DataFrame({"x": []}))
DATA = (*COLOURS, GREY, PALE_GREY)


def _lines(figure):
    axis = figure.subplots()
    for place, colour in enumerate(DATA):
        axis.plot([0, 1], [place, place], color=colour, gid=f"data-{place}")
    axis.set_title("a title", gid="title")


def _map(figure):
    draw_shares(figure.subplots(), pd.DataFrame([[0.0, 0.4, 0.6, 1.0]], ["f"], [2, 4, 8, 16]))


def page_of(evidence, *drawn):
    """A page of figures."""
    figures = [
        Figure(f"f{place}", "F", "", "", NONE, partial(one)) for place, one in enumerate(drawn)
    ]
    drawings = [(one.name, draw(one)["svg"].decode()) for one in figures]
    return page(evidence, [Exhibit("e", "E", "", (), (), figures)], {}, drawings)


def rgb(text):
    """The parts of a colour, from 0 to 1, of CSS."""
    return [float(part) / 255 for part in re.findall(r"[\d.]+", text)[:3]]


def luminance(colour):
    """The relative luminance of WCAG 2."""
    parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one, other):
    """The contrast of two colours by WCAG 2, from 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


LINES = """[
  getComputedStyle(document.body).backgroundColor,
  getComputedStyle(document.querySelector("#f0-patch_1 path")).fill,
  getComputedStyle(document.querySelector("#f0-title g")).fill,
  [...document.querySelectorAll("[id^=f0-data] path")].map((one) => getComputedStyle(one).stroke),
]"""


def test_by_day_a_figure_on_the_page_is_its_file(ask, evidence):
    """To the colour."""
    ground, paper, text, lines = ask(page_of(evidence, _lines), LINES)
    assert [to_hex(rgb(line)) for line in lines] == [colour.lower() for colour in DATA]
    assert rgb(ground) == rgb(paper) == [1, 1, 1] and to_hex(rgb(text)) == "#262626"


def test_by_night_every_line_and_text_stands_out(ask, evidence):
    """Ground and figure are dark alike, text is light; WCAG asks for 4.5 and for 3 of graphics."""
    ground, paper, text, lines = ask(page_of(evidence, _lines), LINES, is_dark=True)
    assert rgb(ground) == rgb(paper) and luminance(rgb(ground)) < 0.02
    assert contrast(rgb(text), rgb(ground)) > 10
    *data, dots = lines
    assert all(contrast(rgb(line), rgb(ground)) > 3 for line in data)
    assert 1.5 < contrast(rgb(dots), rgb(ground)) < 4, "the ground of others, not to be lost in it"
    assert len(set(lines)) == len(DATA)


MAP = """[
  [...document.querySelectorAll("[id*=QuadMesh] path")].map((one) => getComputedStyle(one).fill),
  [...document.querySelectorAll("[id^=f0-text_] > g")].map((one) => getComputedStyle(one).fill),
  getComputedStyle(document.querySelector("[id*=QuadMesh]")).filter,
]"""


def test_by_night_texts_on_a_heat_map_can_be_read(ask, evidence):
    """Light and dark change places in squares, by a filter, and in what stands on them."""
    squares, by_day, none = ask(page_of(evidence, _map), MAP)
    same, by_night, turned = ask(page_of(evidence, _map), MAP, is_dark=True)
    assert none == "none" and turned == "invert(0.92) hue-rotate(180deg) saturate(0.8)"
    assert same == squares
    on_squares = [[rgb(one) for one in texts] for texts in (by_day, by_night)]
    day, night = ([luminance(one) for one in texts] for texts in on_squares)
    assert len(day) == len(night) and all(
        (d < 0.5) == (n > 0.5) for d, n in zip(day, night, strict=True)
    )


def test_on_a_phone_only_tables_and_figures_scroll_sideways(ask, evidence, tmp_path):
    """Each in its own box, down to the last column; a figure's texts are at least 9 px high."""
    text = write_report(tmp_path, evidence)[-1].read_text()
    beyond, boxes, figures = ask(
        text,
        """[
          document.documentElement.scrollWidth - document.documentElement.clientWidth,
          [...document.querySelectorAll(".wide, .sheet")].map((one) => {
            one.closest("details")?.setAttribute("open", "");
            one.scrollLeft = 1e6;
            const last = one.firstElementChild.getBoundingClientRect().right;
            return [one.getBoundingClientRect().right, last, one.tabIndex];
          }),
          [...document.querySelectorAll(".sheet svg")].map((one) =>
            one.getBoundingClientRect().width / one.viewBox.baseVal.width),
        ]""",
        width=390,
    )
    assert beyond == 0
    assert len(boxes) > 5 and len(figures) > 2
    assert all(last <= right <= 390 and focus == 0 for right, last, focus in boxes)
    assert all(scale * 8 >= 9 for scale in figures)


@pytest.mark.parametrize("width", [390, 1200])
def test_from_every_exhibit_one_gets_back_to_the_contents(ask, evidence, nasty, width):
    """Within sight of its title."""
    nothing = Exhibit("e", "E", "", (), ())
    found = ask(
        page(evidence, [nothing, nothing], {}, []),
        """[...document.querySelectorAll("h2 a")].map((one) =>
          [one.hash, one.getBoundingClientRect().right < innerWidth])""",
        width=width,
    )
    assert len(found) > 2 and all(one == ["#contents", True] for one in found)
