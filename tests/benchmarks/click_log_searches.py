"""Measure the search of every method on rows of a generated Criteo file: seconds and peak memory.

The slice is a file of its own, which is the beginning of the full-size one (``click_logs.py``
writes the same rows whatever their number), prepared like any other: so its vocabulary, and with it
the size of all tables, is that of a data set of so many rows. A part of the full-size data set's
rows would keep the tables of all 7.6 million values.

Each method that searches (those that are told their sizes do not) runs by ``aesbench run
--search-only``'s own code on Wide&Deep of the paper's widths for Criteo, with its defaults, seed 0,
in a process of its own; one with several default presets runs the first. A search that holds more
than ``--memory`` is ended and said to be so. Records under ``--results`` make an interrupted call
go on with the methods that are left.

    python tests/benchmarks/click_log_searches.py FOLDER --out results/scale/searches

FOLDER takes the raw file and the prepared data. ``--out`` writes the table as Markdown and CSV.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click_logs
import pandas as pd
import psutil
from click_log_training import HIDDEN
from rich.console import Console

from aesbench import Dataset, load_dataset
from aesbench.cli.options import load_settings
from aesbench.core.files import write_atomically
from aesbench.core.record import RunRecord
from aesbench.errors import AesbenchError
from aesbench.harness.executors.jobs import Limits
from aesbench.harness.grid import execute, plan
from aesbench.harness.recorded import recorded
from aesbench.plugins.exhibit import COUNT, MISSING, Table
from aesbench.plugins.registry import METHODS
from aesbench.report.page.write_tables import as_csv, as_markdown
from aesbench.terminal.progress import GridDisplay

TOLD = ("ues", "fixed")
"""Methods that are told their sizes."""
STAGES = ("prepare", "search")
HEADER = (
    *("method", "prepare s", "search s", "prepare processor s", "search processor s"),
    *("peak memory GiB", "within the limit", "embedding parameters", "phase of the failure"),
)


def searching() -> list[str]:
    """Return every registered method that searches, with its first default preset."""
    chosen = []
    for name in METHODS.names():
        preset = METHODS.get(name).default_presets[0]
        chosen += [f"{name}:{preset}" if preset else name] if name not in TOLD else []
    return chosen


def table_of(records: Sequence[RunRecord], data: Dataset, gib: float, command: str) -> Table:
    """Return what the searches took, and where."""
    rows = len(data.train) + len(data.validation) + len(data.test)
    values = sum(field.cardinality for field in data.fields)
    return Table(
        name="searches",
        title=f"Searches on {rows:,} generated rows of {data.name}",
        caption=(
            f"{len(data.train):,} train rows, {len(data.fields)} fields, {values:,} values,"
            f" data hash {data.hash[:16]}; Wide&Deep with hidden layers"
            f" {'-'.join(map(str, records[0].spec.backbone_config['hidden']))}, sizes"
            f" {', '.join(map(str, records[0].spec.candidates))}, seed {records[0].spec.seed}, no"
            f" budget. Peak memory: the greatest resident set of the process, mapped files"
            f" included; the limit is {gib:g} GiB. Seconds are wall time. {_made(records)}"
            f" Command: {command}"
        ),
        frame=pd.DataFrame([_row(r, gib) for r in records], columns=list(HEADER), dtype=object),
        forms={
            **dict.fromkeys(HEADER[1:5], "{:,.1f}"),
            "peak memory GiB": "{:.2f}",
            "embedding parameters": COUNT,
        },
        texts={
            "method": [METHODS.get(r.spec.method).title_of(r.spec.called.preset) for r in records]
        },
    )


def _made(records: Sequence[RunRecord]) -> str:
    """Return versions and hardware as the last record states them, and the commits of all."""
    environments = [record.environment for record in records if record.environment]
    if not environments:
        return ""
    last = max(environments, key=lambda made: made["finished"])
    packages = ", ".join(f"{name} {number}" for name, number in last["packages"].items())
    commits = {
        made["git"].get("commit", "none")[:12] + "+changes" * bool(made["git"].get("dirty"))
        for made in environments
    }
    memory_gib = psutil.virtual_memory().total / 2**30
    return (
        f"aesbench {last['aesbench']} (commit {', '.join(sorted(commits))}),"
        f" Python {last['python']}, {packages}; {last['platform']}, CPU {last['cpu']},"
        f" {last['cpus']} cores, {last['threads']} threads, {memory_gib:.0f} GiB;"
        f" finished {last['finished']}."
    )


def _row(record: RunRecord, gib: float) -> list[object]:
    seconds, cpu = record.seconds, record.cpu_seconds
    peak_gib = record.peak_memory_bytes / 2**30 if record.peak_memory_bytes else None
    held = record.ok and peak_gib is not None and peak_gib <= gib
    error = record.error or {}
    return [
        str(record.spec.called.without("search_only")),
        *(stage.get(name) for stage in (seconds, cpu) for name in STAGES),
        peak_gib,
        "yes" if held else "no",
        record.allocation.parameters if record.allocation else None,
        f"{error['phase']}: {error['type']}" if error else MISSING,
    ]


def main() -> None:
    """Search with every method and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="takes the raw file and the prepared data")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--methods", help="default: all that search; as aesbench run takes them")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--memory", type=float, default=24, help="GiB that a search may hold")
    parser.add_argument("--set", action="append", default=[], metavar="OWNER.NAME=VALUE")
    parser.add_argument("--results", type=Path, help="of records; default: FOLDER/results-ROWS")
    parser.add_argument("--out", type=Path, help="the table's file, without a suffix")
    arguments = parser.parse_args()
    folder, rows = arguments.folder, arguments.rows
    results = arguments.results or folder / f"results-{rows}"
    console = Console()
    raw = click_logs.generated("criteo", rows, folder)
    changed = load_settings((), arguments.set)
    data = load_dataset(
        "criteo",
        data_dir=raw.parent,
        cache_dir=folder / "cache",
        settings=changed.get("criteo"),
    )
    methods = arguments.methods.split(",") if arguments.methods else searching()
    settings = {"widedeep": {"hidden": HIDDEN["criteo"]}, **changed}
    specs = plan(data, methods, seeds=[0], settings=settings, retrain=False)
    records = []
    with GridDisplay(
        console, specs, recorded(results, specs).waiting, results, workers=1
    ) as display:
        for spec in specs:
            # One call each, so that each has a new worker, and nothing of another's memory.
            outcome = execute(
                [spec],
                data,
                results,
                threads=arguments.threads,
                limits=Limits(memory_gib=arguments.memory),
                listen=display.on_event,
            )
            records += outcome.records
    given = " ".join(sys.argv[1:]).replace(str(folder), "FOLDER")  # Where it lies is nobody's.
    command = f"python tests/benchmarks/click_log_searches.py {given}"
    table = table_of(records, data, arguments.memory, command)
    print(as_markdown(table))
    if arguments.out:
        write_atomically(arguments.out.with_suffix(".md"), as_markdown(table))
        write_atomically(arguments.out.with_suffix(".csv"), as_csv(table))


if __name__ == "__main__":
    try:
        main()
    except AesbenchError as error:
        raise SystemExit(f"error: {error}") from error
