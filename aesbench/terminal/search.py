"""The sizes that a search found: shown, written, drawn, and what to do with them next."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from aesbench.core.files import write_atomically
from aesbench.core.record import RunRecord, run_title
from aesbench.export.allocation_file import (
    allocation_files,
    found_allocation,
    share_of_reference,
)
from aesbench.report.draw.figure_files import draw
from aesbench.report.draw.sizes_figure import sizes_figure
from aesbench.terminal.run_page import sizes_table, tied
from aesbench.terminal.written import show_written


def show_found(console: Console, record: RunRecord, path: Path, *, is_new: bool) -> None:
    """Print the sizes of a search, write them to a .json file, and draw them beside it.

    Args:
        console: where to.
        record: of the search, its masks with their values.
        path: the .json file.
        is_new: whether it was made just now, and its seconds matter.
    """
    spec, allocation = record.spec, found_allocation(record)
    shown = (run_title(spec), sizes_table(allocation), *tied(record))
    console.print(*shown, sep="\n", markup=False)
    source = f"{sum(record.seconds.values()):.1f} s" if is_new else "taken from its record"
    console.print(
        f"{allocation.memory_parameters:,} embedding parameters{allocation.index_note},"
        f" {share_of_reference(allocation):.2%} of UES-32's; {source}"
    )
    own = allocation_files(record, path.stem)
    files = {path.with_name(name): content for name, content in own.items()}
    for suffix, content in draw(sizes_figure(spec, allocation)).items():
        files[path.with_suffix(f".{suffix}")] = content
    for place, content in files.items():
        write_atomically(place, content)
    show_written(console, files)


def show_next(console: Console, record: RunRecord, places: Mapping[str, str | Path | None]) -> None:
    """Print the command that trains what was found; ``{option: its value}`` finds run and data."""
    words = ["aesbench", "export", record.spec.run_id[:8], "--to", "torch"]
    for option, value in places.items():
        if value is not None and value != Path("results"):  # The option's default.
            words += [f"--{option}", str(value)]
    console.print(f"next: {shlex.join(words)}", soft_wrap=True, markup=False, highlight=False)
