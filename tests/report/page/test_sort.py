"""Tables of the page, sorted in a browser."""

import re

import pandas as pd
import pytest

from aesbench.plugins.exhibit import AUC, Exhibit, Table
from aesbench.report.page.page import page
from aesbench.report.page.write_tables import as_html


@pytest.fixture
def text(evidence):
    """A page with one table: numbers that look alike, one that is missing, names with numbers."""
    table = Table(
        "t",
        "T",
        "",
        pd.DataFrame(
            {
                "method": ["b", "a", "d", "c"],
                "AUC": [0.80001, None, 0.80004, 0.79999],
                "params": [100, 20, 3, 20],
                "size": ["8-2", "16-2", None, "2-64"],
            }
        ),
        forms={"AUC": AUC},
        texts={"method": ["UES-32", "UES-8", "UES-128", "MDE"]},
    )
    return page(evidence, [Exhibit("e", "E", "", (), (table,))], {"t": as_html(table)}, [])


START = ["UES-32", "UES-8", "UES-128", "MDE"]

CLICKS = """(() => {
  const buttons = document.querySelectorAll("thead button");
  const names = () => [...document.querySelectorAll("tbody th")].map((one) => one.textContent);
  const marks = () => [...document.querySelectorAll("thead th")].map((one) => one.ariaSort);
  return %s.map((column) => { buttons[column].click(); return [names(), marks()]; });
})()"""


@pytest.mark.parametrize(
    ("column", "ascending", "descending"),
    [
        (0, ["MDE", "UES-8", "UES-32", "UES-128"], ["UES-128", "UES-32", "UES-8", "MDE"]),
        (1, ["MDE", "UES-32", "UES-128", "UES-8"], ["UES-128", "UES-32", "MDE", "UES-8"]),
        (2, ["UES-128", "UES-8", "MDE", "UES-32"], ["UES-32", "UES-8", "MDE", "UES-128"]),
        (3, ["MDE", "UES-32", "UES-8", "UES-128"], ["UES-8", "UES-32", "MDE", "UES-128"]),
    ],
)
def test_clicks_sort_by_a_column_and_back(ask, text, column, ascending, descending):
    """By the full numbers, of which two are shown alike; what is missing stays last."""
    marks = [
        [None] * column + [mark] + [None] * (3 - column) for mark in ("ascending", "descending")
    ]
    assert ask(text, CLICKS % ([column] * 3)) == [
        [ascending, marks[0]],
        [descending, marks[1]],
        [START, [None] * 4],
    ]


def test_another_column_begins_anew(ask, text):
    """Only one column is said to be sorted, and the order before counts for nothing."""
    *_, (names, marks) = ask(text, CLICKS % [1, 1, 2])
    assert names == ["UES-128", "UES-8", "MDE", "UES-32"]
    assert marks == [None, None, "ascending", None]


def test_headers_are_reached_by_keyboard(ask, text):
    """They are buttons, which take the focus and call themselves what the column is called."""
    found = ask(text, """[...document.querySelectorAll("thead button")].map((one) => {
      one.focus();
      return [document.activeElement === one, one.type, one.textContent];
    })""")  # fmt: skip
    assert found == [[True, "button", name] for name in ("method", "AUC", "params", "size")]
    assert ask(text, 'document.getElementById("sorting").checkVisibility()')


def test_without_a_script_the_page_is_as_it_was(ask, text):
    """No button, and no word of sorting."""
    silent = re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL)
    assert ask(silent, 'document.querySelectorAll("button").length') == 0
    assert not ask(silent, 'document.getElementById("sorting").checkVisibility()')
