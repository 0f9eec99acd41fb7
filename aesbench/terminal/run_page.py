"""One run: what it was, the size of every field, and why each was chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table

from aesbench.core.allocation import Allocation
from aesbench.core.mask import Mask
from aesbench.core.phrasing import number_form
from aesbench.core.record import RunRecord, find_record, read_traces, run_title
from aesbench.core.trace import Trace, shape_of
from aesbench.report.draw.figure_files import FILES, WITH_PDF
from aesbench.report.draw.trace_figure import write_trace_figure
from aesbench.terminal.table import add_row, make_table
from aesbench.terminal.written import show_written

CHANGE_OF_OBJECTIVE = "change of the objective"
"""A series of the search, one value per field and candidate: the objective if this field alone had
that size, minus that of the chosen allocation."""


def show_run(console: Console, results: Path, text: str, *, pdf: bool = False) -> None:
    """Print one run's sizes, and draw what its search traced into a folder of its own.

    Args:
        console: where to.
        results: where records lie.
        text: the run's id, or its first digits.
        pdf: whether the figure is written as PDF, too.
    """
    record = find_record(results, text)
    traces = read_traces(results, record.spec)
    console.print(run_page(record, traces))
    folder = results / "runs" / record.spec.run_id
    suffixes = WITH_PDF if pdf else FILES
    show_written(console, write_trace_figure(folder, record, traces, suffixes))


def run_page(record: RunRecord, traces: Mapping[str, Trace]) -> Group:
    """Return what a person asks of one run, for a rich console."""
    parts: list[RenderableType] = [escape(line) for line in _facts(record)]
    if record.allocation is not None:
        parts += ["", sizes_table(record.allocation), *map(escape, tied(record))]
        change = objective_changes(traces)
        if change is not None:
            parts += ["", objective_table(record.allocation, record.spec.candidates, change)]
    if not any(trace.series for trace in traces.values()):
        parts += ["", "This run traced nothing, so there is nothing to draw."]
    return Group(*parts)


def _facts(record: RunRecord) -> list[str]:
    spec = record.spec
    lines = [f"run {spec.run_id}: {run_title(spec)}"]
    if spec.tuned:
        tuned = ", ".join(f"{name} {value}" for name, value in spec.tuned_settings.items())
        lines.append(f"tuned of the protocol: {tuned}")
    if record.error is not None:
        error = record.error
        lines.append(f"failed in {error['phase']}: {error['type']}: {error['message']}")
    elif record.scores:
        count = len(record.scores)
        lines.append(f"{count} random allocations scored with inherited weights; no search")
    elif not record.metrics:
        lines.append("searched only: nothing was retrained or tested")
    for split in ("validation", "test"):
        if split in record.metrics:
            auc, logloss = (record.metrics[split][name] for name in ("auc", "logloss"))
            lines.append(f"{split}: AUC {auc:.4f}, LogLoss {logloss:.4f}")
    if record.seconds:
        phases = ", ".join(f"{phase} {seconds:.1f}" for phase, seconds in record.seconds.items())
        lines.append(f"seconds: {phases}")
    if record.pack is not None:
        lines.append(
            f"retrained in a pack ({record.pack}): seconds of retrain are its share, peak memory is"
            " all models'; neither is compared"
        )
    return lines


def sizes_table(allocation: Allocation) -> Table:
    """Return a line per field: cardinality, size, parameters and their share of all.

    Where values are masked out, also what the parameters were without, in how many rows any is
    kept, and the index.
    """
    rows = []
    for name, blocks, mask, parameters in zip(
        allocation.names,
        allocation.blocks,
        allocation.field_masks,
        allocation.field_parameters,
        strict=True,
    ):
        values = sum(block.rows for block in blocks)
        sizes = [str(block.dim) for block in blocks]
        if len(blocks) > 1:  # Sizes differ inside the field.
            sizes = [f"{block.dim} for {block.rows:,}" for block in blocks]
        sizes = [
            size if block.buckets is None else f"{size}, {block.buckets:,} vectors"
            for size, block in zip(sizes, blocks, strict=True)
        ]
        share = f"{parameters / allocation.parameters:.2%}"
        line = (name, f"{values:,}", "\n".join(sizes), f"{parameters:,}", share)
        rows.append((*line, *(_mask_cells(mask) if allocation.masks else ())))
    header: tuple[str, ...] = ("field", "cardinality", "size", "parameters", "share")
    last: tuple[str, ...] = (
        "all", f"{allocation.rows:,}", "", f"{allocation.parameters:,}", "100.00%",
    )  # fmt: skip
    if allocation.masks:
        header += ("unmasked", "rows kept", "index")
        last += (f"{allocation.dense_parameters:,}", "", f"{allocation.index_bytes:,} B")
    table = make_table(header, rows)
    table.add_section()
    add_row(table, last)
    return table


def _mask_cells(mask: Mask | None) -> tuple[str, str, str]:
    """Return what a field had without its mask, the rows of which any value is kept, the index."""
    if mask is None:
        return "", "", ""
    index = f"{mask.index_bytes:,} B ({mask.index_format})"
    return f"{mask.rows * mask.dim:,}", f"{mask.kept_rows:,}", index


def tied(record: RunRecord) -> list[str]:
    """Return a line for each history: it has no size of its own."""
    return [f"{history} has the table of {field}" for history, field in record.ties.items()]


def objective_changes(traces: Mapping[str, Trace]) -> Sequence[Sequence[float]] | None:
    """Return the last value of the series ``CHANGE_OF_OBJECTIVE``, or None."""
    search = traces.get("search", Trace())
    if CHANGE_OF_OBJECTIVE not in search.series:
        return None
    value = search.series[CHANGE_OF_OBJECTIVE][1][-1]
    return value if len(shape_of(value)) == 2 else None  # type: ignore[return-value]


def objective_table(
    allocation: Allocation, candidates: Sequence[int], change: Sequence[Sequence[float]]
) -> Table:
    """Return a line per field and a column per candidate size, the chosen sizes in brackets."""
    title = "Change of the objective if only this field had that size [size chosen]"
    form = number_form([number for changes in change for number in changes], signed=True)
    rows = []
    for name, blocks, changes in zip(allocation.names, allocation.blocks, change, strict=True):
        chosen = {block.dim for block in blocks}
        cells = [
            f"[{number:{form}}]" if size in chosen else f"{number:{form}} "
            for size, number in zip(candidates, changes, strict=True)
        ]
        rows.append((name, *cells))
    return make_table(("field", *(f"size {size}" for size in candidates)), rows, title=title)
