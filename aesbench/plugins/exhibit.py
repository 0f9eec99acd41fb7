"""The contract of exhibits: what a report is made of, and what it is made from.

An exhibit is a question with its tables, its figures and its answer. A builder takes the
``Evidence`` and returns exhibits, none where no run bears on it:

>>> def build(evidence: Evidence) -> list[Exhibit]: ...

It enters a report by the entry-point group ``aesbench.exhibits``, or as one of a paper's. Builders
know nothing of HTML, LaTeX or files; whoever writes an exhibit knows nothing of statistics. A table
is a frame, in full, beside the forms in which its columns are shown, so that CSV files round
nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from aesbench.core.label import Label

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

    from aesbench.core.headroom import Headroom
    from aesbench.plugins.paper import Paper, Place

MISSING = "–"
"""What stands where a number should."""

Form = str | Callable[[Any], str]
"""How a value is shown: a format such as ``{:+.4f}``, or a function of it."""

AUC = "{:.4f}"
SIGNED = "{:+.4f}"
COUNT = "{:,.0f}"
SHARE = "{:.1%}"
HALF = "±{:.4f}"
"""Half the width of an interval."""


def p_value(value: float) -> str:
    """Return a p-value in three decimals."""
    return "<.001" if value < 0.001 else f"{value:.3f}"


def is_missing(value: object) -> bool:
    """Whether a cell has nothing to show."""
    return value is None or (isinstance(value, float) and value != value) or value is pd.NA


def shown(value: Any, form: Form = "{}") -> str:
    """Return a value as text: missing as a dash, a minus as a true one."""
    if is_missing(value):
        return MISSING
    text = form(value) if callable(form) else form.format(value)
    return text if isinstance(value, str) else text.replace("-", "−")


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        name: its file's, without a suffix: ``table3-ml1m-static-widedeep``.
        title: what it is.
        caption: what the numbers are: n, what each interval is, the tests and their correction.
        frame: the numbers in full; its columns name the table's, units included, and the first
            names the rows.
        forms: {column: how its values are shown}; as they are where none is given.
        texts: {column: what is shown in place of its values}, a text per row.
        bold: {column: whether each row's is in bold}, the best of a column, say.
        notes: {column: what stands under each row's value, in small type and in lines}.
        tints: {column: how each row's cell is coloured}: ``above``, ``below`` or ``level`` with
            what it is held against, or empty for nothing known.
        detail: whether the page folds it away, as what readers look up rather than read.
    """

    name: str
    title: str
    caption: str
    frame: pd.DataFrame
    forms: Mapping[str, Form] = field(default_factory=dict)
    texts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    bold: Mapping[str, Sequence[bool]] = field(default_factory=dict)
    notes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    tints: Mapping[str, Sequence[str]] = field(default_factory=dict)
    detail: bool = False

    def column(self, name: str) -> list[str]:
        """Return the texts of a column."""
        if name in self.texts:
            return list(self.texts[name])
        return [shown(value, self.forms.get(name, "{}")) for value in self.frame[name]]

    def _with_notes(self, name: str) -> list[str]:
        notes = self.notes.get(name, [""] * len(self.frame))
        pairs = zip(self.column(name), notes, strict=True)
        return ["; ".join([text, *note.splitlines()]) for text, note in pairs]

    def is_bold(self, name: str, row: int) -> bool:
        """Whether a cell is in bold."""
        return bool(name in self.bold and self.bold[name][row])

    def rows(self) -> list[list[tuple[str, bool]]]:
        """Return each row's cells: the text with its note, and whether it is in bold."""
        columns = {name: self._with_notes(name) for name in self.frame.columns}
        return [
            [(texts[row], self.is_bold(name, row)) for name, texts in columns.items()]
            for row in range(len(self.frame))
        ]


@dataclass(frozen=True)
class Figure:
    """A figure and the numbers behind it.

    Attributes:
        name: its files', without a suffix: ``fig4-ml1m-static``.
        title: what it is.
        caption: axes' units, n and what each interval is.
        alternative: what it shows, in words, for who cannot see it.
        data: the numbers drawn, for its CSV.
        draw: fills an empty matplotlib figure of ``size``; a function of a module with its
            arguments bound by ``partial``, so that another process can call it.
        size: (width, height) in inches.
    """

    name: str
    title: str
    caption: str
    alternative: str
    data: Table
    draw: Callable[[Canvas], None]
    size: tuple[float, float] = (7.0, 4.0)


@dataclass(frozen=True)
class Exhibit:
    """One table or figure of a paper, or of the benchmark's own.

    Attributes:
        name: ``table3-ml1m``, ``pareto-planted``.
        title: its heading.
        claim: what its paper says of it, to which the report adds the paper's name; empty where it
            says nothing.
        findings: what the numbers say, one sentence each, made from them.
        tables, figures: in the order of reading.
        reproduce: the commands that make its records; those of ``runs`` if empty.
        runs: the ids of the runs behind it; all of the report's if empty.
    """

    name: str
    title: str
    claim: str
    findings: Sequence[str]
    tables: Sequence[Table]
    figures: Sequence[Figure] = ()
    reproduce: Sequence[str] = ()
    runs: Sequence[str] = ()


@dataclass(frozen=True)
class Look:
    """How a method is drawn: a colour and a marker, as matplotlib takes them."""

    colour: str
    marker: str = "o"


@dataclass(frozen=True, eq=False)
class Evidence:
    """What exhibits are made from.

    Attributes:
        runs: a row per run, as ``records_frame`` returns it, and a column ``record`` with the
            record itself; ordered by data set, backbone, method (in the order of ``order``), seed
            and search. ``dataset``, ``backbone`` and ``method`` are equal where runs compare: of
            several data, protocols, settings or providers of one name each has a name of its own.
        titles: {a method with its preset, a data set, a backbone: what it is called}.
        order: the methods, with their presets, in the order in which tables list them.
        looks: {method with its preset: how it is drawn}.
        papers: the registered papers.
        registered: {data set or backbone of ``runs``: the registered one that it is}; data of the
            user's own are none, whatever they are called.
        views: the papers whose main tables are shown beside the comparison of all that ran.
        baseline: the label that others are held against; empty for UES-32 and the best uniform
            size.
        headroom: {place: how much there is to gain there}, where that was measured.
    """

    runs: pd.DataFrame
    titles: Mapping[str, str]
    order: Sequence[str]
    looks: Mapping[str, Look]
    papers: Sequence[Paper]
    registered: Mapping[str, str] = field(default_factory=dict)
    views: Sequence[Paper] = ()
    baseline: str = ""
    headroom: Mapping[Place, Headroom] = field(default_factory=dict)

    @property
    def apart(self) -> set[str]:
        """The labels that a paper judges in an exhibit of its own: overviews leave them out."""
        return {label for paper in self.papers for label in paper.apart}

    def known(self, place: Place) -> Place:
        """Return what papers call a place: by its registered names, none for the user's own data.

        Evidence that says nothing of it has registered names only.
        """
        if not self.registered:
            return place
        dataset, backbone = (self.registered.get(name, "") for name in place)
        return place._replace(dataset=dataset, backbone=backbone)

    def title(self, name: str) -> str:
        """Return what a data set or a backbone is called."""
        return self.titles.get(name, name)

    def method(self, label: str) -> str:
        """Return what a method is called, followed by whatever its label changes."""
        known = Label.parse(label)
        changes = re.sub(r"\+([a-z0-9-]+)", r" (\1)", known.changes).replace("@", " @")
        return self.titles.get(known.method, known.method) + changes

    def place(self, place: Place) -> str:
        """Return what a data set and a backbone are called together."""
        return f"{self.title(place.dataset)}, {self.title(place.backbone)}"

    def look(self, label: str) -> Look:
        """Return how a method is drawn; its settings, unification and budget change nothing."""
        return self.looks[Label.parse(label).method]
