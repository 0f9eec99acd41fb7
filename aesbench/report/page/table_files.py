"""A table of a report as CSV, Markdown and LaTeX."""

from __future__ import annotations

from collections.abc import Callable

from aesbench.report.page.exhibit import Cell, TableData
from aesbench.report.page.forms import (
    csv_text,
    latex_bold,
    latex_escape,
    latex_table,
    markdown_bold,
    markdown_escape,
    markdown_table,
)

Mark = Callable[[str], str]


def as_csv(table: TableData) -> str:
    """Return the numbers in full precision; what is missing is empty."""
    return csv_text([table.header, *([cell.value for cell in row] for row in table.rows)])


def as_markdown(table: TableData) -> str:
    """Return the table as it is read, with its title and caption."""
    header = [markdown_escape(name) for name in table.header]
    body = _body(table, markdown_escape, markdown_bold)
    parts = (
        f"# {markdown_escape(table.title)}\n",
        markdown_table(header, body),
        *([f"{markdown_escape(table.caption)}\n"] if table.caption else []),
    )
    return "\n".join(parts)


def as_latex(table: TableData) -> str:
    """Return a booktabs tabular, its title and caption as comments above it."""
    header = [latex_escape(name) for name in table.header]
    comments = [f"% {' '.join(text.split())}" for text in (table.title, table.caption) if text]
    comments.append("% Needs \\usepackage{booktabs,amssymb}.")
    body = _body(table, latex_escape, latex_bold)
    return "\n".join(comments) + "\n" + latex_table(header, body)


FORMS: dict[str, Callable[[TableData], str]] = {
    "csv": as_csv,
    "md": as_markdown,
    "tex": as_latex,
}


def _body(table: TableData, escape: Mark, bold: Mark) -> list[list[str]]:
    def shown(cell: Cell) -> str:
        text = escape(cell.text)
        return bold(text) if cell.bold else text

    return [[shown(cell) for cell in row] for row in table.rows]
