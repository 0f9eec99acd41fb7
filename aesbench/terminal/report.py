"""The comparison of records, and where the report of all of them was written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
from rich.console import Console

from aesbench.core.files import write_atomically
from aesbench.core.processors import available_cpus
from aesbench.core.record import RunRecord
from aesbench.plugins.exhibit import Evidence
from aesbench.report.evidence import View, evidence_under, gather
from aesbench.report.page.overall_tables import PACKED, STACKS, overall_files, overall_tables
from aesbench.report.page.paper_table import paper_table
from aesbench.report.page.write import write_report
from aesbench.report.page.write_tables import as_rich
from aesbench.report.statistics.contenders import judged
from aesbench.report.statistics.overall import overall
from aesbench.report.statistics.scores import GIVEN, places
from aesbench.terminal.written import show_written

_MOST_WORKERS = 4
"""More processes that draw are not worth what each takes to start."""


def show_overall(console: Console, records: Sequence[RunRecord]) -> None:
    """Print the comparison of some records."""
    _show(console, gather(records))


def show_report(
    console: Console, results: Path, out: Path, view: View | None = None, *, pdf: bool = False
) -> None:
    """Print the comparison of the records under a folder and write the report.

    Args:
        console: where the comparison is printed.
        results: the folder of records.
        out: where the report is written.
        view: what of the records it is about; by default all of them.
        pdf: whether figures are PDF files, too.
    """
    evidence = evidence_under(results, view)
    runs = evidence.runs
    listed = pd.concat([judged(own) for _, own in places(runs)]) if len(runs) else runs
    files = _show(console, replace(evidence, runs=listed))
    if len(listed) < len(runs):
        count = len(runs) - len(listed)
        console.print(f"not listed: {count:,} runs of many sizes given by hand ('{GIVEN}')")
    written = []
    for name, text in files.items():
        written.append(out / "tables" / name)
        write_atomically(written[-1], text)
    workers = min(_MOST_WORKERS, available_cpus())
    written += write_report(out, evidence, workers, pdf=pdf)
    folders = Counter(path.parent for path in written if path.parent != out)
    for folder, count in sorted(folders.items()):
        console.print(f"written: {count} files in {folder}")
    show_written(console, (path for path in written if path.parent == out))


def show_paper_table(
    console: Console,
    results: Path,
    path: Path,
    columns: Sequence[str] | None,
    places: Sequence[str] | None,
    methods: Sequence[str] | None,
    baseline: str,
    view: View | None = None,
) -> None:
    """Write one compact LaTeX table of the records under a folder; see ``paper_table``."""
    evidence = evidence_under(results, view)
    write_atomically(path, paper_table(evidence, columns, places, methods, baseline))
    show_written(console, [path])


def _show(console: Console, evidence: Evidence) -> dict[str, str]:
    """Print a comparison; return its files."""
    rows = overall(evidence)
    for table in overall_tables(rows):
        console.print(as_rich(table, STACKS))
    if rows["packed"].any():
        console.print(PACKED, highlight=False)
    return overall_files(rows)
