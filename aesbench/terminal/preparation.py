"""The preparation of a data set: its bars while it lasts, what was left out after."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType

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


def show_left_out(console: Console, name: str, lines: Mapping[str, int]) -> None:
    """Print how many bad lines of a data set were left out, if any: {what was wrong: lines}."""
    if lines:
        reasons = ", ".join(f"{count:,} {kind}" for kind, count in lines.items())
        console.print(
            f"note: {sum(lines.values()):,} bad lines of {name} were left out: {reasons}",
            highlight=False,
        )
