"""Whether a method is ready for others: what each check found, its runs, the verdict."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from aesbench.core.record import RunRecord
from aesbench.plugins.method import Method
from aesbench.terminal.table import Cell, make_table
from aesbench.testing.verdict import Finding, place_of

_PHASES = ("prepare", "search", "retrain")
_HEADER = ("", "AUC", "emb. params", *(f"{phase} s" for phase in _PHASES))


def show_findings(
    console: Console, method: type[Method], findings: Iterable[Finding]
) -> list[Finding]:
    """Print what checks find as they find it, and return it all."""
    console.print(f"[bold]{escape(method.title)}[/]: the contract")
    found = []
    with console.status("checking"):
        for finding in findings:
            found.append(finding)
            mark = "[red]✗[/]" if finding.problem else "[green]✓[/]"
            console.print(f" {mark} {escape(finding.claim)}", soft_wrap=True)
            if finding.problem:
                console.print(f"   {escape(finding.problem)}", soft_wrap=True)
    return found


def show_tried(console: Console, records: Sequence[RunRecord]) -> None:
    """Print what each run reached and how long it took, and why it failed if it did."""
    title = "One run on planted-tiny, Wide&Deep"
    console.print(make_table(_HEADER, map(_cells, records), title=title))
    for record in records:
        if record.error is not None:
            error = record.error
            console.print(
                f"✗ {record.spec.label} failed in {error['phase']}: {error['type']}:"
                f" {error['message']}{place_of(error['traceback'])}",
                markup=False,
                soft_wrap=True,
            )


def _cells(record: RunRecord) -> list[Cell]:
    if not record.ok or record.allocation is None:
        return [Text.assemble(("✗", "red"), f" {record.spec.label}")]
    return [
        Text.assemble(("✓", "green"), f" {record.spec.label}"),
        f"{record.metrics['test']['auc']:.4f}",
        f"{record.allocation.memory_parameters:,}",
        *(f"{record.seconds[phase]:.2f}" for phase in _PHASES),
    ]


def show_verdict(
    console: Console, name: str, findings: Sequence[Finding], records: Sequence[RunRecord]
) -> bool:
    """Print whether a method is ready and what to do next, and return whether it is.

    Args:
        console: where to.
        name: what ``--methods`` calls it.
        findings: what the checks of its contract found.
        records: of its runs.
    """
    problems = sum(bool(finding.problem) for finding in findings)
    failed = sum(not record.ok for record in records)
    if problems or failed:
        console.print(
            f"[bold red]not ready[/]: {problems} of {len(findings)} checks and {failed} of"
            f" {len(records)} runs failed. Mend what is marked ✗, then give the same command"
            f" again.",
            soft_wrap=True,
        )
        return False
    console.print(
        f"[bold green]ready[/]: {escape(name)} keeps the contract ({len(findings)} checks) and"
        f" runs.\nnext: aesbench run --methods {escape(name)},ues --dataset planted --seeds 3",
        soft_wrap=True,
    )
    return True
