"""The comparison of records, and where the report of all of them was written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from aesbench.core.record import RunRecord
from aesbench.report.page.read_records import read_results
from aesbench.report.page.tables import render, write_tables
from aesbench.report.page.write import write_report
from aesbench.report.statistics.overall import overall
from aesbench.report.statistics.scores import GIVEN_SIZES
from aesbench.terminal.written import show_written


def show_overall(console: Console, records: Sequence[RunRecord]) -> None:
    """Print the comparison of some records."""
    console.print(render(overall(records)))


def show_report(console: Console, results: Path) -> None:
    """Print the comparison of all records under a folder and write the report beside them."""
    records = read_results(results)
    others = [record for record in records if record.spec.method != GIVEN_SIZES]
    listed = others if any(record.spec.retrain for record in others) else records
    rows = overall(listed)
    console.print(render(rows))
    if len(listed) < len(records):
        count = len(records) - len(listed)
        console.print(f"not listed: {count:,} runs of sizes given by hand ('{GIVEN_SIZES}')")
    written = [*write_tables(results, rows), *write_report(results, records)]
    for folder, count in sorted(Counter(path.parent for path in written[:-1]).items()):
        console.print(f"written: {count} files in {folder}")
    show_written(console, written[-1:])
