"""The report as one page: HTML with its styles and figures inside, and nothing to run or fetch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files

from aesbench._version import __version__
from aesbench.core.record import RunRecord
from aesbench.report.answer import answer
from aesbench.report.draw.figure_files import inline_svg
from aesbench.report.page.exhibit import Exhibit, TableData
from aesbench.report.page.provenance import provenance
from aesbench.report.published import NOTES

_LONGEST_MARK = 12


def page(
    records: Sequence[RunRecord], exhibits: Sequence[Exhibit], drawings: Mapping[str, str]
) -> str:
    """Return the page.

    Args:
        records: that the report is about.
        exhibits: in the order of reading.
        drawings: {figure: its SVG}.
    """
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    source = files("aesbench.report.page").joinpath("page.html").read_text(encoding="utf-8")
    return environment.from_string(source).render(
        version=__version__,
        runs=len(records),
        failed=sum(not record.ok for record in records),
        answer=answer(records),
        exhibits=exhibits,
        provenance={one.name: provenance(one, records) for one in exhibits},
        drawings={name: Markup(inline_svg(svg, name)) for name, svg in drawings.items()},
        text_columns=_text_columns,
        notes=[note for notes in NOTES.values() for note in notes],
    )


def _text_columns(table: TableData) -> set[int]:
    """Return the columns that hold text to read, not numbers or marks: they are set left."""
    return {
        place
        for row in table.rows
        for place, cell in enumerate(row)
        if isinstance(cell.value, str) and len(cell.text) > _LONGEST_MARK
    }
