"""``aesbench records``."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from aesbench.cli.options import load_settings, plugin_option, results_option


@click.command()
@click.option(
    "--upgrade", is_flag=True, help="Write older records in today's schema; results stay."
)
@plugin_option
@results_option
def records(upgrade: bool, plugins: tuple[Path, ...], results: Path) -> None:
    """List what a results folder holds, what of it does not compare, and why.

    Groups that a report keeps apart: other data under one name, other protocols, other settings of
    trainer or backbone, other providers of a plugin. Also records of other versions of aesbench,
    plugins that have changed since, and files that cannot be read.
    """
    load_settings(plugins, ())
    from aesbench.terminal.records import show_records, show_upgrade

    if upgrade:
        show_upgrade(Console(), results)
    show_records(Console(), results)
