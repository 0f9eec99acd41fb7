"""What a report is made of: exhibits, each a question with its tables, its figures and its answer.

Whoever computes an exhibit knows nothing of HTML, LaTeX or files; whoever writes it knows nothing
of statistics. A cell keeps its number in full beside the text that is shown, so that CSV files
round nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from aesbench.core.record import RunRecord

MISSING = "–"
"""What stands where a number should."""

Row = Sequence["Cell"]


@dataclass(frozen=True)
class Cell:
    """One entry of a table.

    Attributes:
        value: the number or text in full, None if it is missing.
        text: as it is shown, plain text: whoever writes it escapes it.
        bold: the best of its column, say.
    """

    value: str | float | int | None
    text: str
    bold: bool = False

    @classmethod
    def number(cls, value: float | None, form: str = ".4f", *, bold: bool = False) -> Cell:
        """Return a number in a format of ``format``; None is shown as missing."""
        return cls(value, MISSING if value is None else format(value, form), bold)

    @classmethod
    def label(cls, text: str) -> Cell:
        """Return a text."""
        return cls(text, text)


@dataclass(frozen=True)
class TableData:
    """A table.

    Attributes:
        name: its file's, without a suffix: ``table3-ml1m-static-widedeep``.
        title: what it is.
        caption: what the numbers are: n, what each interval is, the tests and their correction.
        header: the names of its columns, units included.
        rows: as many cells each as the header has names; the first names the row.
        detail: whether the page folds it away, as what readers look up rather than read.
    """

    name: str
    title: str
    caption: str
    header: tuple[str, ...]
    rows: tuple[Row, ...]
    detail: bool = False


@dataclass(frozen=True)
class FigureData:
    """A figure and the numbers behind it.

    Attributes:
        name: its files', without a suffix: ``fig4-ml1m-static-widedeep``.
        title: what it is.
        caption: axes' units, n and what each interval is.
        alternative: what it shows, in words, for who cannot see it.
        data: the numbers drawn, for its CSV.
        draw: fills an empty matplotlib figure of ``size``.
        size: (width, height) in inches.
    """

    name: str
    title: str
    caption: str
    alternative: str
    data: TableData
    draw: Callable[[Figure], None]
    size: tuple[float, float] = (7.0, 4.0)


@dataclass(frozen=True)
class Exhibit:
    """One table or figure of the paper, or of ours beyond it.

    Attributes:
        name: ``table3``, ``fig4``, ``pareto``.
        title: its heading.
        claim: what the paper says of it; empty where it says nothing.
        findings: what the numbers say, one sentence each, made from them.
        tables, figures: in the order of reading.
        reproduce: the commands that make its records; those of ``runs`` if empty.
        runs: the records behind it; all of the report's if empty.
    """

    name: str
    title: str
    claim: str
    findings: tuple[str, ...]
    tables: tuple[TableData, ...]
    figures: tuple[FigureData, ...]
    reproduce: tuple[str, ...] = ()
    runs: tuple[RunRecord, ...] = ()
