"""Running a grid from a command, its progress shown while it runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

if TYPE_CHECKING:
    from aesbench.core.spec import RunSpec
    from aesbench.datasets.base import Dataset
    from aesbench.harness.grid import Outcome

FAILED_RUNS = 1
"""The exit code of a command some of whose runs failed."""


def run_grid(
    console: Console,
    specs: Sequence[RunSpec],
    data: Dataset,
    results: Path,
    *,
    jobs: int = 1,
    force: bool = False,
    **how: Any,
) -> Outcome:
    """Run specs under a progress display; ``how`` is handed to ``execute``."""
    from aesbench.harness.grid import execute
    from aesbench.harness.recorded import recorded
    from aesbench.terminal.progress import GridDisplay

    known = recorded(results, specs, force=force)
    for note in known.notes:
        console.print(f"note: {note}", soft_wrap=True, markup=False)
    with GridDisplay(console, specs, known.waiting, results, workers=jobs) as display:
        return execute(
            specs, data, results, workers=jobs, force=force, listen=display.on_event, **how
        )
