"""``aesbench list``."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from aesbench.cli.options import load_settings, plugin_option, results_option


@click.command("list")
@click.argument("kind", type=click.Choice(["methods", "datasets", "backbones", "runs"]))
@plugin_option
@results_option
def list_plugins(kind: str, plugins: tuple[Path, ...], results: Path) -> None:
    """List what is registered, with who provides it and its settings; or the runs with their ids.

    Only runs look at --results.
    """
    if kind == "runs":
        from aesbench.terminal.run_tables import show_runs

        show_runs(Console(), results)
        return
    from aesbench.plugins.registry import BACKBONES, METHODS, SOURCES
    from aesbench.terminal.plugins import show_plugins

    load_settings(plugins, ())
    registries = {"methods": METHODS, "datasets": SOURCES, "backbones": BACKBONES}
    show_plugins(Console(), registries[kind])  # type: ignore[arg-type]
