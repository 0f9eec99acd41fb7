"""The one writer of tables: CSV, Markdown, LaTeX, HTML and the terminal.

CSV holds the numbers in full; the others show them as a table's forms say.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any

from aesbench.plugins.exhibit import COUNT, Table, is_missing

if TYPE_CHECKING:
    from rich.table import Table as RichTable

Mark = Callable[[str], str]


def as_csv(table: Table) -> str:
    """Return the numbers in full, counts without a point; what is missing is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.frame.columns)
    is_count = [table.forms.get(name) == COUNT for name in table.frame.columns]
    for row in table.frame.itertuples(index=False, name=None):
        writer.writerow([_full(*pair) for pair in zip(row, is_count, strict=True)])
    return text.getvalue()


def _full(value: Any, is_count: bool) -> Any:
    if is_missing(value):
        return None
    return int(value) if is_count and value == int(value) else value


def as_markdown(table: Table) -> str:
    """Return the table as it is read, with its title and caption; the first column names rows."""
    header = [markdown_escape(name) for name in table.frame.columns]
    body = _marked(table, markdown_escape, "**{}**".format)
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *body]
    parts = (
        f"# {markdown_escape(table.title)}\n",
        "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n",
        *([f"{markdown_escape(table.caption)}\n"] if table.caption else []),
    )
    return "\n".join(parts)


def as_latex(table: Table) -> str:
    """Return a booktabs tabular, its title and caption as comments above it."""
    header = [latex_escape(name) for name in table.frame.columns]
    comments = [f"% {' '.join(text.split())}" for text in (table.title, table.caption) if text]
    comments.append("% Needs \\usepackage{booktabs,amssymb}.")
    body = _marked(table, latex_escape, "\\textbf{{{}}}".format)
    first, *others = (" & ".join(line) + r" \\" for line in (header, *body))
    return (
        "\n".join(comments)
        + f"\n\\begin{{tabular}}{{l{'r' * (len(header) - 1)}}}\n\\toprule\n{first}\n\\midrule\n"
        + "\n".join(others)
        + "\n\\bottomrule\n\\end{tabular}\n"
    )


FORMS: dict[str, Callable[[Table], str]] = {"csv": as_csv, "md": as_markdown, "tex": as_latex}
"""{suffix of a file: what writes it}."""


def as_html(table: Table) -> str:
    """Return the table as an element of a page; columns of text to read are set left.

    Cells of numeric columns hold their number in full, as ``data-value``, by which the page sorts.
    """
    from markupsafe import Markup, escape

    header = list(table.frame.columns)
    columns = {name: table.column(name) for name in header}
    nothing = [""] * len(table.frame)
    texts = _text_columns(table, table.rows())
    marks = [' class="text"' if place in texts else "" for place in range(len(header))]
    values = list(zip(*(_values(table.frame[name]) for name in header), strict=True))
    parts = ["<table>\n<thead><tr>"]
    for name, mark in zip(header, marks, strict=True):
        whole = escape(name.replace(" %", "\u00a0%"))  # "95 %" stays on one line.
        parts.append(f'<th scope="col"{mark}>{whole}</th>')
    parts.append("</tr></thead>\n<tbody>")
    for row, keys in enumerate(values):
        cells: list[str] = []
        for name, mark, key in zip(header, marks, keys, strict=True):
            shown = escape(columns[name][row])
            if table.is_bold(name, row):
                shown = Markup("<strong>{}</strong>").format(shown)
            if note := table.notes.get(name, nothing)[row]:
                shown += Markup("<small>{}</small>").format(note)
            if tint := table.tints.get(name, nothing)[row]:
                mark = f' class="{tint}"'
            if cells:
                cells.append(f"<td{mark}{key}>{shown}</td>")
            else:
                cells.append(f'<th scope="row"{key}>{shown}</th>')
        parts.append(f"<tr>{''.join(cells)}</tr>")
    return "\n".join([*parts, "</tbody>\n</table>"])


def _values(column: Iterable[Any]) -> list[str]:
    """Return the attribute of each cell of a column, empty unless all that is known is a number."""
    known = [None if is_missing(value) else value for value in column]
    numbers = [value for value in known if value is not None]
    if any(isinstance(value, bool) or not isinstance(value, Real) for value in numbers):
        return [""] * len(known)
    return ["" if value is None else f' data-value="{_script_number(value)}"' for value in known]


def _script_number(value: Any) -> str:
    """Return a number in full, as a script reads it."""
    return repr(float(value)).removesuffix(".0").replace("inf", "Infinity")


def as_rich(table: Table, stacks: Sequence[Sequence[str]]) -> RichTable:
    """Return the table for a terminal of 80 columns.

    Args:
        table: the table.
        stacks: which columns share a cell, one above the other, so that no number is broken; those
            that the table lacks are left out.
    """
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table as RichTable

    header = list(table.frame.columns)
    known = [[name for name in names if name in header] for names in stacks]
    rich = RichTable(
        title=escape(table.title),
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
        padding=0,
        show_edge=False,
    )
    for number, names in enumerate(known):
        rich.add_column(
            "\n".join(names),
            justify="right" if number else "left",
            overflow="fold",
            no_wrap=number > 0,
            min_width=None if number else 14,
        )
    for line in _marked(table, escape, "[bold]{}[/]".format):
        texts = dict(zip(header, line, strict=True))
        rich.add_row(*("\n".join(texts[name] for name in names) for names in known))
    return rich


def _marked(table: Table, escape: Mark, bold: Mark) -> list[list[str]]:
    return [
        [bold(escape(text)) if is_bold else escape(text) for text, is_bold in row]
        for row in table.rows()
    ]


_LONGEST_MARK = 12


def _text_columns(table: Table, rows: Sequence[Sequence[tuple[str, bool]]]) -> set[int]:
    """Return the columns that hold text to read, not numbers or marks."""
    return {
        place
        for place, name in enumerate(table.frame.columns)
        if any(
            isinstance(value, str) and len(row[place][0]) > _LONGEST_MARK
            for value, row in zip(table.frame[name], rows, strict=True)
        )
    }


_MARKDOWN = {"<": "&lt;", "&": "&amp;", **{character: "\\" + character for character in "\\|*_`[]"}}


def markdown_escape(text: str) -> str:
    """Return plain text as Markdown that shows it; white space of any kind is a space."""
    return "".join(_MARKDOWN.get(character, character) for character in " ".join(text.split()))


_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\char34{}",
    **{character: "\\" + character for character in "&%$#_{}"},
    # What the exhibits write beyond ASCII, for a LaTeX of any age.
    "−": "$-$",
    "–": r"\textendash{}",
    "²": "$^2$",
    "±": r"$\pm$",
    "≤": r"$\le$",
    "≥": r"$\ge$",
    "×": r"$\times$",
    "Δ": r"$\Delta$",
    "λ": r"$\lambda$",
    "τ": r"$\tau$",
    "✓": r"$\checkmark$",
    "✗": r"$\times$",
}


def latex_escape(text: str) -> str:
    """Return plain text as LaTeX that shows it; white space of any kind is a space."""
    words = " ".join(text.split())
    escaped = "".join(_LATEX.get(character, character) for character in words)
    escaped = re.sub("-(?=-)", "-{}", escaped)  # Else two are one dash.
    # Else a row that begins so is read as an option of the line break before it.
    return "{}" + escaped if words[:1] in ("[", "*") else escaped
