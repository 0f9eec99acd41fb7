"""Runs as tables: one line per run, or per method what its searches found."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from aesbench.core.phrasing import natural, runs_in_words
from aesbench.core.record import RunRecord, read_records
from aesbench.plugins.exhibit import MISSING
from aesbench.terminal.table import make_table


def show_runs(console: Console, results: Path) -> None:
    """Print a line for each record under a folder, with the id that names it."""
    console.print(runs_table(read_records(results)))


def show_searches(console: Console, records: Iterable[RunRecord]) -> None:
    """Print how many different allocations the searches of each method found."""
    console.print(searches_table(records))


def runs_table(records: Iterable[RunRecord]) -> Table:
    """Return one line per run: its id, what it is, and its test AUC or what became of it."""
    rows = []
    for record in records:
        spec = record.spec
        numbers = (str(spec.seed), str(spec.search_index), _test_auc(record))
        rows.append((spec.run_id, spec.dataset, spec.backbone, spec.label, *numbers))
    header = ("run", "data set", "backbone", "method", "seed", "search", "test AUC")
    return make_table(header, rows, texts=4, breaks=("method",))


def searches_table(records: Iterable[RunRecord]) -> Table:
    """Return one line per data set, backbone and method: how far its searches agree."""
    groups: dict[tuple[str, str, str], list[RunRecord]] = {}
    for record in records:
        key = (record.spec.dataset, record.spec.backbone, record.spec.label)
        groups.setdefault(key, []).append(record)
    rows = []
    for key in sorted(groups, key=lambda k: (k[0], k[1], natural(k[2]))):
        found = [r.allocation for r in groups[key] if r.ok and r.allocation is not None]
        failed = len(groups[key]) - len(found)
        sizes = sorted(allocation.memory_parameters for allocation in found)
        shown = f"{sizes[0]:,}" if sizes else MISSING
        if sizes and sizes[0] != sizes[-1]:
            shown += f" to {sizes[-1]:,}"
        rows.append((*key, runs_in_words(len(found), failed), str(len(set(found))), shown))
    header = ("data set", "backbone", "method", "searches", "different allocations", "emb. params")
    return make_table(header, rows, texts=3, breaks=header)


def _test_auc(record: RunRecord) -> str:
    if not record.ok:
        return "failed"
    if record.scores:
        return "scores only"
    return f"{record.metrics['test']['auc']:.4f}" if record.metrics else "search only"
