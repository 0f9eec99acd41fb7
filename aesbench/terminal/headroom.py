"""What there is to gain on a data set, at each budget, as a table of the terminal."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from aesbench.core.allocation import sizes_text
from aesbench.core.headroom import BudgetHeadroom, Headroom
from aesbench.core.phrasing import many, span
from aesbench.errors import ConfigError, did_you_mean
from aesbench.tabular.headroom import in_results, known_headrooms
from aesbench.terminal.table import make_table

HEADER = ("budget", "best allocation", "parameters", "best UES", "its AUC", "headroom", "95 %")
_BREAKS = HEADER[1:4]


def show_headroom(console: Console, name: str, results: Path) -> None:
    """Print the headroom of a data set's places, one of one's own before one that is shipped.

    Args:
        console: where to.
        name: of the data set, as places call it: all of its splits, or ``NAME.SPLIT``.
        results: the results folder.

    Raises:
        ConfigError: nothing is known of the data set.
    """
    known = known_headrooms(in_results(results))
    own = [one for one in known if name in (one.place.rpartition("/")[0], one.dataset)]
    if not own:
        there = sorted({one.place.rpartition("/")[0] for one in known})
        raise ConfigError(
            f"no headroom was measured on '{name}'{did_you_mean(name, there)} It was on:"
            f" {', '.join(there) or 'none'}; aesbench reproduce tabular --dataset {name}, then"
            f" aesbench reproduce headroom --dataset {name}, measure it"
        )
    for one in own:
        rows = [_row(budget) for budget in one.budgets]
        console.print(make_table(HEADER, rows, title=_title(one), texts=2, breaks=_BREAKS))
    console.print(
        "Headroom: the test AUC that the best allocation gains over the best uniform size of at"
        " most as many embedding parameters, both retrained on fresh seeds and chosen on"
        " validation; Student's interval, paired by seed. None: it reaches down to 0.",
        soft_wrap=True,
    )


def _title(headroom: Headroom) -> str:
    seeds = [len(budget.differences) for budget in headroom.budgets]
    counted = span(seeds) + (" seed" if seeds and max(seeds) == 1 else " seeds")
    return f"{headroom.place}: from {many(headroom.trainings, 'training')}, {counted}"


def _row(budget: BudgetHeadroom) -> tuple[str, ...]:
    known = budget.low is not None and budget.high is not None
    return (
        f"size {budget.uniform}",
        sizes_text(budget.reference),
        f"{budget.reference_parameters:,}",
        f"size {budget.rival}",
        f"{budget.rival_auc:.4f}",
        f"{budget.mean:+.4f}" if budget.exists else "none",
        f"[{budget.low:+.4f}, {budget.high:+.4f}]" if known else "one seed",
    )
