"""A tuning: each trial as it ends, and the winners."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.markup import escape

from aesbench.harness.tuning.tune import TrialEnded
from aesbench.harness.tuning.winners import Winners
from aesbench.terminal.table import make_table

_HEADER = ("method", "backbone", "AUC", "trials", "failed", "seconds", "CPU s")


def show_trial(console: Console, event: TrialEnded) -> None:
    """Print a line for a trial that ended."""
    record = event.record
    if record is None:
        result = "stopped, the seconds are over"
    elif record.error is not None:
        result = f"failed, {record.error['type']}: {record.error['message']}"
    else:
        result = f"validation AUC {record.metrics['validation']['auc']:.4f}"
    best = f", best {event.best.auc:.4f}" if event.best else ""
    chosen = _shown_settings(event.claim.settings)
    count = f"{event.spent.trials}/{event.trials}"
    console.print(
        escape(
            f"{count} {event.label} {event.backbone}, {chosen}: {result}"
            f"{best}, {event.spent.seconds:.1f} s in all"
        ),
        soft_wrap=True,
    )


def show_winners(console: Console, winners: Winners) -> None:
    """Print what each winner reached and took, and then its settings."""
    rows = []
    for winner in winners.winners:
        spent = winner.spent
        counts = (str(count) for count in (spent.trials, spent.failed))
        times = (f"{seconds:.1f}" for seconds in (spent.seconds, spent.cpu_seconds))
        auc = f"{winner.validation.auc:.4f}"
        rows.append((winner.label, winner.backbone, auc, *counts, *times))
    title = "Winners, by their AUC on validation"
    console.print(make_table(_HEADER, rows, title=title, texts=2))
    for winner in winners.winners:  # Below the table: a terminal is not wide enough for both.
        settings = _shown_settings({**winner.settings, **winner.shared})
        all_tried = "; all of its settings were tried" if winner.spent.exhausted else ""
        line = f"{winner.label} {winner.backbone}: {settings}{all_tried}"
        console.print(escape(line), soft_wrap=True)
        for finalist in winner.finalists:
            shown = _shown_settings(finalist.settings)
            aucs = ", ".join(f"{auc:.4f}" for auc in finalist.aucs.values())
            mean = f"{finalist.mean:.4f} of {aucs}" if finalist.aucs else "every run failed"
            line = f"  on seeds {', '.join(finalist.aucs)}: {mean}; {shown}"
            console.print(escape(line), soft_wrap=True)


def _shown_settings(settings: Mapping[str, object]) -> str:
    return ", ".join(f"{name}={_shown(value)}" for name, value in settings.items())


def _shown(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
