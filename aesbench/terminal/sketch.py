"""What a sketch of one's own data found, in a few lines."""

from __future__ import annotations

import shlex
from pathlib import Path

from rich.console import Console

from aesbench.datasets.sketch.sketch import Sketch


def show_sketch(console: Console, sketch: Sketch, path: Path) -> None:
    """Print the guesses, what to check, and the next step.

    Args:
        console: where to.
        sketch: what was guessed.
        path: the TOML file that was written.
    """
    lines = [
        f"label: {sketch.label}",
        f"split: {sketch.split}",
        f"fields ({len(sketch.fields)}): {', '.join(sketch.fields)}",
        *(f"left out: {name or 'the column without a name'}: {why}"
          for name, why in sketch.left_out.items()),
        *(f"note: {remark}" for remark in sketch.remarks),
        *sketch.checks,
    ]  # fmt: skip
    for line in lines:
        console.print(line, markup=False, highlight=False)
    name = shlex.quote(str(path))
    steps = f"aesbench data info {name}, then aesbench search --dataset {name}"
    edit = f"read what {name} marks CHECK, then " if sketch.checks else ""
    console.print(f"next: {edit}{steps}", soft_wrap=True, markup=False, highlight=False)
