"""What the terminal shows: the progress of a grid, data sets, plugins, runs, the comparison."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Table

from aesbench.core.record import RunRecord, find_record, read_records, read_traces
from aesbench.core.spec import RunSpec
from aesbench.datasets.base import SPLITS, Dataset
from aesbench.datasets.source import PublishedFacts
from aesbench.harness.estimate import Estimate, Pace, duration
from aesbench.harness.executors.local import Event, Finished, Progressed
from aesbench.harness.grid import is_done
from aesbench.harness.studies import Study
from aesbench.plugins.registry import Registry
from aesbench.report.draw.trace_figure import write_trace_figure
from aesbench.report.page.read_records import read_results
from aesbench.report.page.tables import render, write_tables
from aesbench.report.page.write import write_report
from aesbench.report.statistics.overall import overall
from aesbench.report.statistics.scores import GIVEN_SIZES
from aesbench.terminal.run_page import run_page
from aesbench.terminal.run_tables import runs_table, searches_table


class GridDisplay:
    """A bar for the grid with the time left, and a bar for each run in progress.

    Where the output is no terminal, a line for each finished run takes their place.
    """

    def __init__(
        self,
        console: Console,
        specs: Sequence[RunSpec],
        results: Path,
        *,
        workers: int,
        force: bool = False,
    ) -> None:
        self._console = console
        self._left = {s.run_id: s for s in specs if force or not is_done(results, s)}
        self._workers = workers
        self._pace = Pace.from_records(specs, results)
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


def show_plans(
    console: Console,
    plans: Mapping[str, Sequence[RunSpec]],
    specs: Sequence[RunSpec],
    results: Path,
    *,
    workers: int,
) -> None:
    """Print for each study how many runs it has, how many are done, and how long the rest takes.

    Args:
        plans: {study: its runs}.
        specs: all of them, each once.
        results: where records lie.
        workers: processes at a time.
    """
    pace = Pace.from_records(specs, results)
    left = {spec.run_id for spec in specs if not is_done(results, spec)}
    table = Table("study", box=SIMPLE_HEAD, pad_edge=False)
    for name in ("runs", "done", "to run", "time"):
        table.add_column(name, justify="right")
    rows = {**plans, "together": specs} if len(plans) > 1 else plans
    for name, own in rows.items():
        waiting = [spec for spec in own if spec.run_id in left]
        time = _time(pace.estimate(waiting), workers)
        done = len(own) - len(waiting)
        table.add_row(name, *(f"{count:,}" for count in (len(own), done, len(waiting))), time)
    console.print(table)


def _time(estimate: Estimate, workers: int) -> str:
    if estimate.seconds is None:
        return "unknown"
    guessed = f" ({estimate.guessed:,} runs guessed)" if estimate.guessed else ""
    return f"about {duration(estimate.seconds / workers)}{guessed}"


def show_what_is_drawn(
    console: Console,
    studies: Sequence[Study],
    plans: Mapping[str, Sequence[RunSpec]],
    specs: Sequence[RunSpec],
    records: Sequence[RunRecord],
    results: Path,
) -> None:
    """Print what the report will draw from the records of studies, and what will be missing.

    Args:
        console: where to.
        studies: what was asked for.
        plans: {study: its runs}.
        specs: all of them, each once.
        records: those of ``specs``, in their order; one that also retrained a search stands for it.
        results: where records lie.
    """
    done = {spec.run_id for spec, record in zip(specs, records, strict=True) if record.ok}
    console.print(f"'aesbench report --results {results}' now draws", soft_wrap=True)
    for study in studies:
        own = plans[study.name]
        count = sum(spec.run_id in done for spec in own)
        missing = f", {len(own) - count:,} missing" if count < len(own) else ""
        console.print(f"  {study.exhibits} ({study.title}) from {count:,} runs{missing}")


def show_overall(console: Console, records: Sequence[RunRecord]) -> None:
    """Print the comparison of some records."""
    console.print(render(overall(records)))


def show_report(console: Console, results: Path) -> None:
    """Print the comparison of all records under a folder and write the report beside them."""
    records = read_results(results)
    others = [record for record in records if record.spec.method != GIVEN_SIZES]
    listed = others if any(record.spec.retrain for record in others) else records
    rows = overall(listed)
    console.print(render(rows))
    if len(listed) < len(records):
        count = len(records) - len(listed)
        console.print(f"not listed: {count:,} runs of sizes given by hand ('{GIVEN_SIZES}')")
    written = [*write_tables(results, rows), *write_report(results, records)]
    for folder, count in sorted(Counter(path.parent for path in written[:-1]).items()):
        console.print(f"written: {count} files in {folder}")
    console.print(f"written: {written[-1]}", soft_wrap=True)


def show_searches(console: Console, records: Sequence[RunRecord]) -> None:
    """Print how many different allocations the searches of each method found."""
    console.print(searches_table(records))


def show_runs(console: Console, results: Path) -> None:
    """Print a line for each record under a folder, with the id that names it."""
    console.print(runs_table(read_records(results)))


def show_run(console: Console, results: Path, text: str) -> None:
    """Print one run's sizes, and draw what its search traced into a folder of its own."""
    record = find_record(results, text)
    traces = read_traces(results, record.spec)
    console.print(run_page(record, traces))
    for path in write_trace_figure(results / "runs" / record.spec.run_id, record, traces):
        console.print(f"written: {path}", soft_wrap=True)


def show_plugins(console: Console, registry: Registry[Any]) -> None:
    """Print the plugins of one kind: name, title, provider, and settings with their defaults."""
    table = Table("name", "title", "provider", "settings")
    for name in registry.names():
        plugin = registry.get(name)
        defaults = vars(plugin.Config())
        settings = ", ".join(f"{key}={value}" for key, value in defaults.items())
        presets = [
            f"{name}:{preset}" for preset in getattr(plugin, "default_presets", ()) if preset
        ]
        shown = f"{name}\n  = {', '.join(presets)}" if presets else name
        table.add_row(*map(escape, (shown, plugin.title, registry.provider(name), settings)))
    console.print(table)


def show_dataset(console: Console, dataset: Dataset, published: PublishedFacts | None) -> None:
    """Print a data set's size beside the paper's Table 2, its fields, and its cold-start rates."""
    splits = {split: getattr(dataset, split) for split in SPLITS}
    console.print(f"[bold]{escape(dataset.name)}[/]  {dataset.hash[:16]}  {dataset.folder}")
    size = Table("", "interactions", "fields", "feature values")
    if published is not None:
        row = (published.interactions, published.fields, published.values)
        size.add_row("paper, Table 2", *(f"{value:,}" for value in row))
    values = sum(field.cardinality for field in dataset.fields)
    rows = sum(map(len, splits.values()))
    size.add_row("ours", f"{rows:,}", str(len(dataset.fields)), f"{values:,}")
    console.print(size)

    parts = Table("split", "rows", "positive")
    for split, part in splits.items():
        parts.add_row(split, f"{len(part):,}", f"{part.labels.mean():.2%}")
    console.print(parts)

    truth = (dataset.truth or {}).get("fields", {})
    fields = Table("field", "cardinality", "new in validation", "new in test")
    if truth:
        fields.add_column("planted rank")
        fields.add_column("planted importance")
    first = 0
    for field in dataset.fields:
        new = [
            unseen_share(splits[split].ids[:, first : first + field.columns], field.cardinality)
            for split in ("validation", "test")
        ]
        first += field.columns
        planted = truth.get(field.name, {})
        extra = [f"{planted[key]:g}" for key in ("rank", "importance")] if planted else []
        shares = [f"{share:.2%}" for share in new]
        fields.add_row(escape(field.name), f"{field.cardinality:,}", *shares, *extra)
    console.print(fields)
    for name, value in (dataset.truth or {}).items():
        if name.startswith("bayes"):  # What no model can beat, per split.
            shown = ", ".join(f"{split} {number:.4f}" for split, number in value.items())
            console.print(f"{name.replace('_', ' ')}: {shown}")


def unseen_share(ids: np.ndarray[Any, Any], cardinality: int) -> float:
    """Return the share of a field's ids that are out of vocabulary (the cold-start rate).

    Args:
        ids: (rows, columns) of one field, padding included.
        cardinality: of the field; its last id is the out-of-vocabulary one.
    """
    present = ids[ids >= 0]
    return float(np.mean(present == cardinality - 1)) if len(present) else 0.0
