"""``aesbench check``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from aesbench.cli.options import load_settings, plugin_option

if TYPE_CHECKING:
    from aesbench.core.record import RunRecord

NOT_READY = 1


@click.command()
@click.argument("name", metavar="NAME[:PRESET]")
@plugin_option
def check(name: str, plugins: tuple[Path, ...]) -> int:
    """Check a method: the plugin contract, a run on planted-tiny, its time beside UES's.

    The exit status is 0 if the method is ready for others and 1 if not.
    """
    from aesbench.testing.verdict import check_contract, chosen, run_beside_control

    load_settings(plugins, ())
    console = Console(highlight=False)
    method, presets = chosen(name)
    count, problems = 0, 0
    console.print(f"[bold]{escape(method.title)}[/]: the contract")
    with console.status("checking"):
        for finding in check_contract(method, presets):
            count += 1
            problems += bool(finding.problem)
            mark = "[red]✗[/]" if finding.problem else "[green]✓[/]"
            console.print(f" {mark} {escape(finding.claim)}", soft_wrap=True)
            if finding.problem:
                console.print(f"   {escape(finding.problem)}", soft_wrap=True)
    with console.status("running it, and UES beside it, on planted-tiny"):
        *own, control = run_beside_control(name, plugins)
    _show_runs(console, [*own, control])
    failed = sum(not record.ok for record in own)
    if problems or failed:
        console.print(
            f"[bold red]not ready[/]: {problems} of {count} checks and {failed} of {len(own)} runs"
            f" failed. Mend what is marked ✗, then give the same command again.",
            soft_wrap=True,
        )
        return NOT_READY
    console.print(
        f"[bold green]ready[/]: {escape(name)} keeps the contract ({count} checks) and runs.\n"
        f"next: aesbench run --methods {escape(name)},ues --dataset planted --seeds 3",
        soft_wrap=True,
    )
    return 0


def _show_runs(console: Console, records: Sequence[RunRecord]) -> None:
    """Print what each run reached and how long it took, and why it failed if it did."""
    from aesbench.testing.verdict import place_of

    table = Table(box=SIMPLE_HEAD, pad_edge=False, title="One run on planted-tiny, Wide&Deep")
    table.title_justify = "left"
    for number, heading in enumerate(
        ("", "AUC", "emb. params", "prepare s", "search s", "retrain s")
    ):
        table.add_column(heading, justify="right" if number else "left")
    for record in records:
        if record.ok and record.allocation is not None:
            seconds = (f"{record.seconds[phase]:.2f}" for phase in ("prepare", "search", "retrain"))
            auc = f"{record.metrics['test']['auc']:.4f}"
            table.add_row(
                f"[green]✓[/] {escape(record.spec.label)}",
                auc,
                f"{record.allocation.parameters:,}",
                *seconds,
            )
        else:
            table.add_row(f"[red]✗[/] {escape(record.spec.label)}")
    console.print(table)
    for record in records:
        if record.error is not None:
            error = record.error
            console.print(
                f"✗ {record.spec.label} failed in {error['phase']}: {error['type']}:"
                f" {error['message']}{place_of(error['traceback'])}",
                markup=False,
                soft_wrap=True,
            )
