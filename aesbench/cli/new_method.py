"""``aesbench new-method``."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console


@click.command("new-method")
@click.argument("name")
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder to write; default: one of this name.",
)
def new_method(name: str, folder: Path | None) -> None:
    """Write a package with a method: the class, its test, the entry point, a README.

    It works as it is: put your search in place of the one in method.py.
    """
    from aesbench.plugins.scaffold import Scaffold
    from aesbench.terminal.written import show_written

    console = Console(highlight=False)
    place = folder or Path(name)
    show_written(console, Scaffold(name).write(place))
    console.print(f"next: pip install -e {place} && aesbench check {name}", markup=False)
