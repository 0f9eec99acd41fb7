"""The one writer of tables: every form of one table."""

import csv
import dataclasses
import io

import pandas as pd
import pytest
from rich.console import Console

from aesbench.plugins.exhibit import AUC, COUNT, SHARE, SIGNED, Table, p_value, shown
from aesbench.report.page.write_tables import as_csv, as_html, as_latex, as_markdown, as_rich

NASTY = r"a_b<c>&d%e|f*g#h$i^j~k\l{m}[n=0.5]"


def table_of(columns, **changes):
    """A table of these columns."""
    return Table("t", "", "", pd.DataFrame(columns, dtype=object), **changes)


def test_a_csv_keeps_numbers_in_full():
    """What is shown rounded is written whole, what is missing is empty, a name is its label."""
    table = table_of(
        {"method": ["adass:r"], "a": [1 / 3], "b": [None], "c": [float("nan")]},
        forms={"a": AUC},
        texts={"method": ["AdaS&S-R"]},
    )
    assert list(csv.reader(io.StringIO(as_csv(table)))) == [
        ["method", "a", "b", "c"],
        ["adass:r", repr(1 / 3), "", ""],
    ]


def test_a_csv_counts_in_whole_numbers():
    """A count that is none, a mean over runs that differ, keeps its fraction."""
    table = table_of({"a": [3840.0, 14536.4, None], "b": [1.0, 2.0, 3.0]}, forms={"a": COUNT})
    assert as_csv(table) == "a,b\n3840,1.0\n14536.4,2.0\n,3.0\n"


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        (None, AUC, "–"),
        (float("nan"), SIGNED, "–"),
        (-0.12345, SIGNED, "−0.1235"),
        (-0.12345, "{}", "−0.12345"),
        (12345.4, COUNT, "12,345"),
        (0.2271, SHARE, "22.7%"),
        (0.0004, p_value, "<.001"),
        (0.0456, p_value, "0.046"),
        ("ues-32", "{}", "ues-32"),
    ],
)
def test_a_value_is_shown_by_its_form(value, form, text):
    """Missing as a dash, a minus as a true one; texts stay as they are."""
    assert shown(value, form) == text


def test_every_text_form_shows_the_same():
    """Texts in place of values, forms for the rest, bold where it is said."""
    table = table_of(
        {"method": ["ues:32", "mine"], "AUC": [0.75, None], "n": [3.0, 0.0]},
        forms={"AUC": AUC, "n": COUNT},
        texts={"method": ["UES-32", "Mine"]},
        bold={"AUC": [True, False]},
    )
    assert table.rows() == [
        [("UES-32", False), ("0.7500", True), ("3", False)],
        [("Mine", False), ("–", False), ("0", False)],
    ]
    assert "| UES-32 | **0.7500** | 3 |\n| Mine | – | 0 |" in as_markdown(table)
    assert r"UES-32 & \textbf{0.7500} & 3 \\" in as_latex(table)
    html = as_html(table)
    assert (
        '<th scope="row">UES-32</th><td data-value="0.75"><strong>0.7500</strong></td>'
        '<td data-value="3">3</td>'
    ) in html
    assert html.count("<tr>") == 3


def test_titles_and_captions_go_with_the_table():
    """A heading and a paragraph in Markdown, comments in LaTeX."""
    table = dataclasses.replace(table_of({"a": [1]}), title="The title", caption="one\ntwo")
    assert as_markdown(table).startswith("# The title\n") and "one two\n" in as_markdown(table)
    assert as_latex(table).startswith("% The title\n% one two\n")


def test_markdown_shows_names_as_they_are():
    """No name breaks the table, turns into a tag or changes the type."""
    text = as_markdown(table_of({"method": [NASTY], "n": [1]}))
    (line,) = (x for x in text.splitlines() if x.startswith("| a"))
    header = next(x for x in text.splitlines() if x.startswith("| method"))
    assert line.replace(r"\|", "").count("|") == header.count("|")
    assert r"a\_b&lt;c>&amp;d%e\|f\*g" in line and "<" not in line


def test_latex_shows_names_as_they_are():
    """Every special character is escaped, and each row has as many cells as columns."""
    text = as_latex(table_of({"method": [NASTY], "n": [1], "AUC": [0.5]}))
    (line,) = (x for x in text.splitlines() if x.startswith("a"))
    name, *cells = line.replace(r"\&", "").split(" & ")
    assert name.startswith(r"a\_b\textless{}c\textgreater{}d\%e")
    assert r"g\#h\$i\textasciicircum{}j\textasciitilde{}k\textbackslash{}l\{m\}" in name
    (columns,) = (x for x in text.splitlines() if x.startswith(r"\begin{tabular}"))
    assert columns == rf"\begin{{tabular}}{{l{'r' * len(cells)}}}"
    assert text.index(r"\toprule") < text.index(r"\midrule") < text.index(r"\bottomrule")


def test_names_come_out_right_in_headers_and_in_bold(nasty):
    """In LaTeX and Markdown; comments stay comments."""
    (table,) = nasty.tables
    tex = as_latex(dataclasses.replace(table, caption="one\ntwo"))
    body = [line for line in tex.splitlines() if line.startswith("a")]
    escaped = r"a\_b\textless{}c\textgreater{}\&d\%e\textbar{}f\{g\}"
    assert body == [rf"{escaped} & x \\", rf"{escaped} & \textbf{{{escaped}}} \\"]
    assert "% one two\n" in tex
    assert r"**a\_b&lt;c>&amp;d%e\|f{g}**" in as_markdown(table)


def test_a_line_break_in_a_name_does_not_break_a_row():
    """White space of any kind is a space in Markdown and LaTeX."""
    table = table_of({"method": ["a\nb"], "n": [1]})
    assert "| a b |" in as_markdown(table) and "\na b &" in as_latex(table)


def test_signs_have_their_latex():
    """What LaTeX would stumble over beyond ASCII has a command."""
    tex = as_latex(table_of({"a": [-0.5], "b": ["✓"], "c": ["λ ≤ 1"]}))
    assert r"$-$0.5 & $\checkmark$ & $\lambda$ $\le$ 1 \\" in tex


def test_a_page_sets_columns_of_text_left():
    """Sentences are read, numbers and marks are compared."""
    table = table_of({"claim": ["ours"], "verdict": ["not testable at this n"], "mark": ["✓"]})
    html = as_html(table)
    assert '<td class="text">not testable at this n</td><td>✓</td>' in html
    assert html.count('class="text"') == 2


def test_cells_of_a_page_hold_their_numbers_in_full():
    """Where all that is known of a column is numbers: not missing ones, nor texts and flags."""
    table = table_of(
        {
            "name": ["a", "b", "c"],
            "x": [1 / 3, None, float("nan")],
            "y": [-float("inf"), 2, 1e-9],
            "mixed": [1, "2", 3],
            "flag": [True, False, None],
        },
        forms={"x": AUC},
    )
    html = as_html(table)
    assert f'<td data-value="{1 / 3!r}">0.3333</td>' in html and html.count("data-value") == 4
    assert 'data-value="-Infinity"' in html and 'data-value="2"' in html
    assert 'data-value="1e-09"' in html


def test_a_terminal_stacks_columns():
    """Each cell of a stack on its line; columns that the table lacks are left out."""
    table = table_of({"method": ["mde[alpha=0.5]"], "AUC": [0.75]}, forms={"AUC": AUC})
    console = Console(width=80, file=io.StringIO())
    console.print(as_rich(table, [["method"], ["AUC", "AUC (true)"]]))
    text = console.file.getvalue()
    assert "mde[alpha=0.5]" in text and "0.7500" in text and "AUC (true)" not in text
