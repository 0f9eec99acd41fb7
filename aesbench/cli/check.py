"""``aesbench check``."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from aesbench.cli.options import load_settings, plugin_option

NOT_READY = 1


@click.command()
@click.argument("name", metavar="NAME[:PRESET]")
@plugin_option
def check(name: str, plugins: tuple[Path, ...]) -> int:
    """Check a method: the plugin contract, a run on planted-tiny, its time beside UES's.

    The exit status is 0 if the method is ready for others and 1 if not.
    """
    from aesbench.terminal.check import show_findings, show_tried, show_verdict
    from aesbench.testing.verdict import check_contract, chosen, run_beside_control

    load_settings(plugins, ())
    console = Console(highlight=False)
    method, presets = chosen(name)
    findings = show_findings(console, method, check_contract(method, presets))
    with console.status("running it, and UES beside it, on planted-tiny"):
        *own, control = run_beside_control(name, plugins)
    show_tried(console, [*own, control])
    return 0 if show_verdict(console, name, findings, own) else NOT_READY
