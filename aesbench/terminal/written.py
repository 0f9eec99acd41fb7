"""Which files were written."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rich.console import Console


def show_written(console: Console, paths: Iterable[Path]) -> None:
    """Print a line for each file, which nothing breaks or colours: it may be copied."""
    for path in paths:
        console.print(f"written: {path}", soft_wrap=True, markup=False, highlight=False)
