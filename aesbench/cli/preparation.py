"""Preparing a data set from the command line: its bars while it lasts, what was left out after."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TimeRemainingColumn
from rich.text import Text

_STEPS = {
    "hash": "1/5 know the files",
    "read": "2/5 read and check",
    "count": "3/5 count values",
    "encode": "4/5 encode",
    "check": "5/5 check",
}
_WHOLE = 1000
"""A bar's length, in thousandths: how many rows there are is known only after the first pass."""


class PreparationBars:
    """A bar for each step of a long preparation, with rows, rows per second and the time left.

    Where the output is no terminal, nothing is drawn. ``tell`` is what ``prepare`` calls.
    """

    def __init__(self) -> None:
        self._bars = Progress(
            "{task.description:19}",
            BarColumn(bar_width=24),
            _RowsColumn(),
            TimeRemainingColumn(compact=True),
            console=Console(stderr=True),
            transient=True,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> PreparationBars:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def tell(self, what: str, rows: int, share: float) -> None:
        """Show how far a step is."""
        if not self._bars.console.is_terminal:
            return
        if what not in self._tasks:
            self._bars.start()
            title = _STEPS.get(what, what)
            self._tasks[what] = self._bars.add_task(title, total=_WHOLE, rows=0, begun=None)
        task = self._tasks[what]
        # What an earlier, interrupted call has done is no sign of this one's pace.
        begun = self._bars.tasks[task].fields["begun"]
        self._bars.update(
            task,
            completed=_WHOLE * share,
            rows=rows,
            begun=rows if begun is None else begun,
        )


class _RowsColumn(ProgressColumn):
    """Rows so far, and how many per second."""

    def render(self, task: Task) -> Text:
        """Return the column's text."""
        rows, begun = task.fields["rows"], task.fields["begun"]
        if not rows:
            return Text("")
        elapsed_s = task.finished_time or task.elapsed or 0.0
        pace = f", {(rows - begun) / elapsed_s:,.0f} rows/s" if elapsed_s and rows > begun else ""
        return Text(f"{rows:,} rows{pace}")


def load(
    name: str,
    settings: dict[str, dict[str, str]],
    *,
    data_dir: Path | None,
    cache_dir: Path | None,
    on_bad_row: str | None,
) -> Any:
    """Return the data set of a name, prepared under the eyes of the user.

    Args:
        name: a registered name, or the path of a ``.toml`` file.
        settings: {owner: {name: text}}; those of the data set are completed by ``on_bad_row``.
        data_dir: where the raw files lie.
        cache_dir: where prepared data go.
        on_bad_row: ``stop``, ``skip``, or None for the data set's own setting.
    """
    from aesbench.harness.load_data import load_dataset

    if on_bad_row is not None:
        settings.setdefault(name, {})["on_bad_row"] = on_bad_row
    with PreparationBars() as bars:
        dataset = load_dataset(
            name,
            data_dir=data_dir,
            cache_dir=cache_dir,
            settings=settings.get(name),
            progress=bars.tell,
        )
    left_out = dataset.manifest["facts"].get("skipped_lines")
    if left_out:
        reasons = ", ".join(f"{lines:,} {kind}" for kind, lines in left_out.items())
        Console(stderr=True).print(
            f"note: {sum(left_out.values()):,} bad lines of {name} were left out: {reasons}",
            highlight=False,
        )
    return dataset
