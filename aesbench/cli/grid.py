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
    from aesbench.harness.packing import PackSize

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
    device: str = "cpu",
    pack: PackSize = 1,
    **how: Any,
) -> Outcome:
    """Run specs under a progress display; ``how`` is handed to ``execute``."""
    from aesbench.core.phrasing import many
    from aesbench.harness.grid import execute
    from aesbench.harness.packing import checked_pack
    from aesbench.harness.recorded import recorded
    from aesbench.terminal.progress import GridDisplay

    known = recorded(results, specs, force=force)
    for note in known.notes:
        console.print(f"note: {note}", soft_wrap=True, markup=False)
    is_packed = checked_pack(pack, data, device) > 1
    if known.packed and not (is_packed or force):
        console.print(
            f"note: {many(known.packed, 'run')} that are done were retrained in packs, which has no"
            " cost to compare; --force --pack 1 runs them again alone",
            soft_wrap=True,
        )
    display = GridDisplay(console, specs, known.waiting, results, workers=jobs, packed=is_packed)
    with display:
        return execute(
            specs, data, results, workers=jobs, force=force, device=device, pack=pack,
            listen=display.on_event, **how,
        )  # fmt: skip
