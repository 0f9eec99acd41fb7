"""The whole report on disk: ``tables/``, ``figures/``, ``records.parquet`` and ``report.html``."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from operator import itemgetter
from pathlib import Path

import pandas as pd

from aesbench.core.files import write_atomically
from aesbench.core.frame import COLUMNS, COUNTS, FLAGS, OF_MASKS, REALS
from aesbench.plugins.exhibit import Evidence, Exhibit
from aesbench.report.draw.figure_files import FILES, WITH_PDF
from aesbench.report.draw.parallel import Files, drawing
from aesbench.report.page.build import as_made
from aesbench.report.page.page import page
from aesbench.report.page.write_tables import FORMS, as_csv, as_html


def write_report(
    results: Path, evidence: Evidence, workers: int = 1, *, pdf: bool = False
) -> list[Path]:
    """Write every exhibit of the records; return the paths, the page's last.

    Args:
        results: where to.
        evidence: of the records.
        workers: processes that draw; the bytes do not depend on how many.
        pdf: whether figures are written as PDF, too. Where the folder has any they always are:
            none is left that shows other numbers than the figures beside it.

    Raises:
        RecordError: two exhibits have one name, or the folder cannot be written.
    """
    files: dict[Path, str | bytes] = {}
    made: list[tuple[int, Exhibit]] = []
    pieces: dict[str, str] = {}
    waiting: dict[str, Callable[[], Files]] = {}

    def drawings() -> Iterator[tuple[str, str]]:
        for name, drawn in waiting.items():
            found = drawn()
            for suffix, content in found.items():
                files[Path("figures", f"{name}.{suffix}")] = content
            yield name, found["svg"].decode()

    suffixes = WITH_PDF if pdf or any(results.glob("figures/*.pdf")) else FILES
    with drawing(workers, suffixes) as begin:
        for place, exhibit in as_made(evidence):
            made.append((place, exhibit))
            waiting |= {figure.name: begin(figure) for figure in exhibit.figures}
            for table in exhibit.tables:
                pieces[table.name] = as_html(table)
                for suffix, form in FORMS.items():
                    files[Path("tables", f"{table.name}.{suffix}")] = form(table)
            for figure in exhibit.figures:
                files[Path("figures", f"{figure.name}.csv")] = as_csv(figure.data)
        files[Path("records.parquet")] = records_parquet(evidence.runs)
        exhibits = [exhibit for _, exhibit in sorted(made, key=itemgetter(0))]
        html = page(evidence, exhibits, pieces, drawings(), suffixes)
    files[Path("report.html")] = html
    for path, written in files.items():
        write_atomically(results / path, written)
    return [results / path for path in files]


def records_parquet(runs: pd.DataFrame) -> bytes:
    """Return the frame of all runs as a Parquet file; a column has its type whatever it holds.

    Columns of masks are there where any run has one. Data sets, backbones and methods have the
    names that their records give them.
    """
    import polars as pl

    specs = [record.spec for record in runs["record"]]
    runs = runs.assign(
        dataset=[spec.dataset for spec in specs],
        backbone=[spec.backbone for spec in specs],
        method=[spec.label for spec in specs],
    )

    has_masks = runs["kept_values"].notna().any()
    names = [name for name in COLUMNS if has_masks or name not in OF_MASKS]
    types: dict[str, type[pl.DataType]] = dict.fromkeys(COLUMNS, pl.String)
    types |= dict.fromkeys(REALS, pl.Float64) | dict.fromkeys(COUNTS, pl.Int64)
    types |= dict.fromkeys(FLAGS, pl.Boolean)
    columns = [
        pl.Series(name, [None if pd.isna(value) else value for value in runs[name]], strict=False)
        for name in names
    ]
    buffer = io.BytesIO()
    pl.DataFrame(columns).cast({name: types[name] for name in names}).write_parquet(buffer)
    return buffer.getvalue()
