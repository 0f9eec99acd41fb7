"""The whole report on disk: ``tables/``, ``figures/`` and ``report.html``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from aesbench.core.files import write_atomically
from aesbench.core.record import RunRecord
from aesbench.errors import RecordError
from aesbench.report.draw.figure_files import draw
from aesbench.report.exhibits import build_exhibits
from aesbench.report.page import table_files
from aesbench.report.page.comparable import check_comparable
from aesbench.report.page.exhibit import Exhibit
from aesbench.report.page.page import page


def write_report(results: Path, records: Sequence[RunRecord]) -> list[Path]:
    """Write every exhibit of the records; return the paths, the page's last.

    Raises:
        RecordError: records do not compare, two exhibits have one name, or the folder cannot be
            written.
    """
    check_comparable(records)
    records = sorted(records, key=_order)  # The same bytes, however they were collected.
    exhibits = build_exhibits(records)
    _check_names(exhibits)
    files: dict[Path, str | bytes] = {}
    drawings = {}
    for exhibit in exhibits:
        for table in exhibit.tables:
            for suffix, form in table_files.FORMS.items():
                files[Path("tables", f"{table.name}.{suffix}")] = form(table)
        for figure in exhibit.figures:
            drawn = draw(figure)
            drawings[figure.name] = drawn["svg"].decode()
            for suffix, content in drawn.items():
                files[Path("figures", f"{figure.name}.{suffix}")] = content
            files[Path("figures", f"{figure.name}.csv")] = table_files.as_csv(figure.data)
    files[Path("report.html")] = page(records, exhibits, drawings)
    for path, written in files.items():
        write_atomically(results / path, written)
    return [results / path for path in files]


def _order(record: RunRecord) -> tuple[str, str, str, int, int]:
    spec = record.spec
    return spec.dataset, spec.backbone, spec.label, spec.seed, spec.search_index


def _check_names(exhibits: Sequence[Exhibit]) -> None:
    """Check that no exhibit's files would replace another's."""
    names = Counter(
        [("exhibit", exhibit.name) for exhibit in exhibits]
        + [("table", table.name) for exhibit in exhibits for table in exhibit.tables]
        + [("figure", figure.name) for exhibit in exhibits for figure in exhibit.figures]
    )
    for (kind, name), count in names.items():
        if count > 1:
            raise RecordError(f"{count} {kind}s are called '{name}'; rename all but one")
