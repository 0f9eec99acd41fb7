"""The page: whole, and every text as it is."""

import dataclasses
from html.parser import HTMLParser

from aesbench.report.draw.figure_files import draw
from aesbench.report.page.page import page
from aesbench.report.page.write_tables import as_html


class Elements(HTMLParser):
    """Collects which elements are open, whether each is closed in its turn."""

    VOID = {"meta", "link", "br", "img", "hr", "input"}

    def __init__(self, text):
        super().__init__()
        self.open = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def page_of(evidence, *exhibits):
    """The page of these exhibits, with their tables and figures."""
    tables = {t.name: as_html(t) for one in exhibits for t in one.tables}
    drawings = [(f.name, draw(f)["svg"].decode()) for one in exhibits for f in one.figures]
    return page(evidence, exhibits, tables, drawings)


def test_names_come_out_right(evidence, nasty):
    """Every text is shown as it is: no tag, no entity, no attribute ends early."""
    text = page_of(evidence, nasty)
    assert not Elements(text).open
    assert "<c>" not in text and "a_b&lt;c&gt;&amp;d%e|f{g}" in text
    assert 'aria-label="&#34;a_b&lt;c&gt;' in text


def test_it_says_how_many_records_failed(evidence, nasty):
    """Beside how many there are."""
    text = " ".join(page_of(evidence).split())
    assert "made from 16 records, 1 of which failed" in text


def test_every_paper_that_has_notes_shows_them(evidence):
    """Under its title; a paper without any has no heading."""
    (paper,) = evidence.papers
    other = dataclasses.replace(paper, title="Other", notes=("One <note>.",))
    silent = dataclasses.replace(paper, title="Silent", notes=())
    text = page_of(dataclasses.replace(evidence, papers=[paper, other, silent]))
    assert "<h3>AdaS&amp;S</h3>" in text and "<h3>Other</h3>" in text
    assert "<h3>Silent</h3>" not in text
    assert "One &lt;note&gt;." in text
    none = page_of(dataclasses.replace(evidence, papers=[silent]))
    assert "leave open" not in none
