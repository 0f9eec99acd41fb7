"""What studies ask for: their runs before they are made, and what a report draws from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from aesbench.core.record import RunRecord
from aesbench.core.spec import RunSpec
from aesbench.harness.estimate import Estimate, Pace, duration
from aesbench.harness.recorded import recorded
from aesbench.plugins.study import Study
from aesbench.terminal.table import make_table


def show_plans(
    console: Console,
    plans: Mapping[str, Sequence[RunSpec]],
    specs: Sequence[RunSpec],
    results: Path,
    *,
    workers: int,
    packed: bool = False,
) -> None:
    """Print for each study how many runs it has, how many are done, and how long the rest takes.

    Args:
        console: where to.
        plans: {study: its runs}.
        specs: all of them, each once.
        results: where records lie.
        workers: processes at a time.
        packed: whether models are retrained in packs.
    """
    pace = Pace.from_records(specs, results, packed=packed)
    done = recorded(results, specs).done
    rows = []
    for name, own in ({**plans, "together": specs} if len(plans) > 1 else plans).items():
        waiting = [spec for spec in own if spec.run_id not in done]
        counts = (len(own), len(own) - len(waiting), len(waiting))
        time = _time(pace.estimate(waiting), workers)
        rows.append((name, *(f"{count:,}" for count in counts), time))
    console.print(make_table(("study", "runs", "done", "to run", "time"), rows))


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
