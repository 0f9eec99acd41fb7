"""``aesbench list``."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from aesbench.cli.options import load_settings, plugin_option, results_option

KINDS = ("methods", "datasets", "backbones", "papers", "studies", "exhibits", "runs")


@click.command("list")
@click.argument("kind", type=click.Choice(KINDS))
@plugin_option
@results_option
def list_plugins(kind: str, plugins: tuple[Path, ...], results: Path) -> None:
    """List what is registered, with who provides it, or the runs with their ids.

    Only runs look at --results.
    """
    console = Console()
    if kind == "runs":
        from aesbench.terminal.run_tables import show_runs

        show_runs(console, results)
        return
    load_settings(plugins, ())
    if kind in ("papers", "studies", "exhibits"):
        from aesbench.terminal import papers

        getattr(papers, f"show_{kind}")(console)
        return
    from aesbench.plugins.registry import BACKBONES, METHODS, SOURCES
    from aesbench.terminal.plugins import show_plugins

    registries = {"methods": METHODS, "datasets": SOURCES, "backbones": BACKBONES}
    show_plugins(console, registries[kind])  # type: ignore[arg-type]
