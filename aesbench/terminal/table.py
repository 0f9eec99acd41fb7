"""Every table of the terminal: texts to the left, numbers to the right and in one piece."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

Cell = str | Text
"""Text as it is, with no bracket read as markup; or text with colours."""


def make_table(
    header: Sequence[str],
    rows: Iterable[Sequence[Cell]] = (),
    *,
    title: str = "",
    texts: int = 1,
    breaks: Collection[str] = (),
) -> Table:
    """Return a table for a rich console.

    Args:
        header: the columns' names.
        rows: their cells; a row may end early.
        title: what stands above it.
        texts: how many columns, from the left, hold texts; the others hold numbers.
        breaks: the columns that may be broken where the terminal is narrow; default: the first.
    """
    table = Table(
        title=Text(title, "table.title") if title else None,
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    for number, name in enumerate(header):
        table.add_column(
            Text(name),
            justify="left" if number < texts else "right",
            no_wrap=name not in (breaks or header[:1]),
            overflow="fold",
        )
    for row in rows:
        add_row(table, row)
    return table


def add_row(table: Table, row: Sequence[Cell]) -> None:
    """Add a line to a table."""
    table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
