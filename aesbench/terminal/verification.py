"""How a verification is shown."""

from __future__ import annotations

from rich.console import Console

from aesbench.leaderboards.verify import TOLERANCE, Verification
from aesbench.terminal.table import make_table


def show_verification(console: Console, outcome: Verification) -> None:
    """Print our numbers beside the leaderboard's, what was trained, and the verdict."""
    ours, theirs = outcome.ours, outcome.published.metrics
    runs = outcome.published.runs
    published = "published" + f" on {outcome.split}" * outcome.is_stand_in
    rows = (
        (
            f"{published}, {runs} run{'s' * (runs > 1)}",
            f"{theirs.auc:.6f}",
            f"{theirs.logloss:.6f}",
        ),
        ("ours, 1 run", f"{ours.auc:.6f}", f"{ours.logloss:.6f}"),
        ("difference", f"{ours.auc - theirs.auc:+.6f}", f"{ours.logloss - theirs.logloss:+.6f}"),
    )
    title = f"{outcome.backbone} on {outcome.dataset}, test split"
    console.print(make_table(("", "AUC", "LogLoss"), rows, title=title))
    console.print(
        f"{outcome.parameters:,} parameters; best of {len(outcome.history)} epochs:"
        f" {outcome.best_epoch},"
        f" validation AUC {outcome.validation.auc:.6f}, LogLoss {outcome.validation.logloss:.6f}",
        highlight=False,
    )
    if outcome.is_stand_in:
        verdict = (
            f"nothing is verified: {outcome.dataset} stands in for {outcome.split}, whose rows are"
            " others, so that the numbers may come near and no more"
        )
    elif outcome.is_reproduced:
        verdict = f"reproduced: both differ by at most {TOLERANCE}"
    else:
        verdict = f"not reproduced: a metric differs by more than {TOLERANCE}"
    console.print(verdict, highlight=False)
