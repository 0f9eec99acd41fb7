"""Runs as tables for the terminal: one line per run, or per method what its searches found."""

from __future__ import annotations

from collections.abc import Iterable

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from aesbench.core.record import RunRecord
from aesbench.report.page.exhibit import MISSING
from aesbench.report.statistics.scores import method_order


def runs_table(records: Iterable[RunRecord]) -> Table:
    """Return one line per run: its id, what it is, and its test AUC or what became of it."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("run", "data set", "backbone", "method"):
        table.add_column(name, no_wrap=name != "method", overflow="fold")
    for name in ("seed", "search", "test AUC"):
        table.add_column(name, justify="right", no_wrap=True)
    for record in records:
        spec = record.spec
        place = (spec.run_id, spec.dataset, spec.backbone, escape(spec.label))
        table.add_row(*place, str(spec.seed), str(spec.search_index), _test_auc(record))
    return table


def searches_table(records: Iterable[RunRecord]) -> Table:
    """Return one line per data set, backbone and method: how far its searches agree."""
    groups: dict[tuple[str, str, str], list[RunRecord]] = {}
    for record in records:
        key = (record.spec.dataset, record.spec.backbone, record.spec.label)
        groups.setdefault(key, []).append(record)
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("data set", "backbone", "method"):
        table.add_column(name, overflow="fold")
    for name in ("searches", "different allocations", "emb. params"):
        table.add_column(name, justify="right")
    for key in sorted(groups, key=lambda k: (k[0], k[1], method_order(k[2]))):
        found = [r.allocation for r in groups[key] if r.ok and r.allocation is not None]
        failed = len(groups[key]) - len(found)
        sizes = sorted(allocation.parameters for allocation in found)
        shown = f"{sizes[0]:,}" if sizes else MISSING
        if sizes and sizes[0] != sizes[-1]:
            shown += f" to {sizes[-1]:,}"
        n = f"{len(found)} (+{failed} failed)" if failed else str(len(found))
        table.add_row(*map(escape, key), n, str(len(set(found))), shown)
    return table


def _test_auc(record: RunRecord) -> str:
    if not record.ok:
        return "failed"
    if record.scores:
        return "scores only"
    return f"{record.metrics['test']['auc']:.4f}" if record.metrics else "search only"
