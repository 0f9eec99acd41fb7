"""How far a grid is while it runs, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from aesbench.core.spec import RunSpec
from aesbench.harness.estimate import Pace, duration
from aesbench.harness.executors.jobs import Event, Finished, Progressed
from aesbench.harness.grid import Outcome, failures_folder


class GridDisplay:
    """A bar for the grid with the time left, and a bar for each run in progress.

    Where the output is no terminal, a line for each finished run takes their place.
    """

    def __init__(
        self,
        console: Console,
        specs: Sequence[RunSpec],
        waiting: Sequence[RunSpec],
        results: Path,
        *,
        workers: int,
        packed: bool = False,
    ) -> None:
        self._console = console
        self._left = {spec.run_id: spec for spec in waiting}
        self._workers = workers
        self._pace = Pace.from_records(specs, results, packed=packed)
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            TextColumn("{task.fields[note]}", style="dim"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._total = len(specs)
        self._grid = self._bars.add_task(
            "runs", total=self._total, completed=self._total - len(self._left), note=self._note()
        )
        self._running: dict[str, TaskID] = {}

    def __enter__(self) -> GridDisplay:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def on_event(self, event: Event) -> None:
        """Show what a worker said."""
        if isinstance(event, Progressed):
            self._show_phase(event)
        else:
            self._show_finished(event)

    def _show_phase(self, event: Progressed) -> None:
        spec = event.spec
        if spec.run_id not in self._running:
            self._running[spec.run_id] = self._bars.add_task(_name(spec), note="")
        self._bars.update(
            self._running[spec.run_id], completed=event.done, total=event.total, note=event.what
        )

    def _show_finished(self, event: Finished) -> None:
        record, spec = event.record, event.record.spec
        if spec.run_id in self._running:
            self._bars.remove_task(self._running.pop(spec.run_id))
        self._left.pop(spec.run_id, None)
        self._pace.finish(record)
        done = self._total - len(self._left)
        self._bars.update(self._grid, completed=done, note=self._note())
        if record.error is not None:
            cause = f"{record.error['type']} in {record.error['phase']}: {record.error['message']}"
            self._console.print(f"[red]failed[/] {escape(_name(spec))}: {escape(cause)}")
        elif not self._console.is_terminal:
            auc = f"test AUC {record.metrics['test']['auc']:.4f}, " if record.metrics else ""
            self._console.print(
                f"{done}/{self._total} {escape(_name(spec))}: {auc}{event.wall_s:.1f} s,"
                f" {self._note()}"
            )

    def _note(self) -> str:
        left = self._pace.estimate(self._left.values())
        if left.seconds is None:
            return "time left unknown"
        return f"about {duration(left.seconds / self._workers)} left"


def _name(spec: RunSpec) -> str:
    name = f"{spec.label} {spec.backbone} seed {spec.seed}"
    return f"{name} search {spec.search_index}" if spec.search_index else name


def show_outcome(
    console: Console, specs: Sequence[RunSpec], outcome: Outcome, results: Path
) -> None:
    """Print how many runs were made, taken from records, and failed."""
    console.print(
        f"{outcome.ran} run, {len(specs) - outcome.ran} taken from records,"
        f" {outcome.failed} failed; records in {results / 'records'}"
    )
    if outcome.kept:
        console.print(
            f"{outcome.kept} of the failed had a record of success, which stays; the failures lie"
            f" with their tracebacks in {failures_folder(results) / 'records'}",
            soft_wrap=True,
            highlight=False,
        )
