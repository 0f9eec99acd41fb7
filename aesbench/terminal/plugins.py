"""What is registered."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from aesbench.plugins.registry import Registry
from aesbench.terminal.table import make_table

_HEADER = ("name", "title", "provider", "settings")


def show_plugins(console: Console, registry: Registry[Any]) -> None:
    """Print the plugins of one kind: name, title, provider, and settings with their defaults."""
    rows = []
    for name in registry.names():
        plugin = registry.get(name)
        defaults = vars(plugin.Config())
        settings = ", ".join(f"{key}={value}" for key, value in defaults.items())
        presets = [
            f"{name}:{preset}" for preset in getattr(plugin, "default_presets", ()) if preset
        ]
        shown = f"{name}\n  = {', '.join(presets)}" if presets else name
        title = f"{plugin.title} (sealed)" if getattr(plugin, "sealed", "") else plugin.title
        rows.append((shown, title, registry.provider(name), settings))
    console.print(make_table(_HEADER, rows, texts=len(_HEADER), breaks=_HEADER))
