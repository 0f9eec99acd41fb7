"""How a verification is shown."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from aesbench.leaderboards.verify import TOLERANCE, Verification


def show_verification(console: Console, outcome: Verification) -> None:
    """Print our numbers beside the leaderboard's, what was trained, and the verdict."""
    ours, theirs = outcome.ours, outcome.published.metrics
    table = Table(title=f"{outcome.backbone} on {outcome.dataset}, test split")
    table.add_column("")
    for name in ("AUC", "LogLoss"):
        table.add_column(name, justify="right")
    runs = outcome.published.runs
    table.add_row(
        f"published, {runs} run{'s' * (runs > 1)}", f"{theirs.auc:.6f}", f"{theirs.logloss:.6f}"
    )
    table.add_row("ours, 1 run", f"{ours.auc:.6f}", f"{ours.logloss:.6f}")
    table.add_row(
        "difference", f"{ours.auc - theirs.auc:+.6f}", f"{ours.logloss - theirs.logloss:+.6f}"
    )
    console.print(table)
    console.print(
        f"{outcome.parameters:,} parameters; best of {outcome.epochs} epochs: {outcome.best_epoch},"
        f" validation AUC {outcome.validation.auc:.6f}, LogLoss {outcome.validation.logloss:.6f}",
        highlight=False,
    )
    if outcome.is_reproduced:
        verdict = f"reproduced: both differ by at most {TOLERANCE}"
    else:
        verdict = f"not reproduced: a metric differs by more than {TOLERANCE}"
    console.print(verdict, highlight=False)
