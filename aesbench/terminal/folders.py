"""Two results folders side by side: what differs, the worst first, and the verdict."""

from __future__ import annotations

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from aesbench.plugins.exhibit import SIGNED, p_value, shown
from aesbench.report.statistics.folders import (
    BEYOND,
    BOTH_FAILED,
    EQUAL,
    FAILED_MINE,
    FAILED_THEIRS,
    ONLY_MINE,
    ONLY_THEIRS,
    OTHER_SIZES,
    WITHIN,
    FolderComparison,
)
from aesbench.terminal.table import make_table

MOST_ROWS = 12
"""Of a table; the frames of ``aesbench.compare`` have all."""
_ID_DIGITS = 8


def show_comparison(console: Console, found: FolderComparison) -> None:
    """Print what two folders have in common, what differs, and whether it is more than noise."""
    console.print(f"mine: {found.mine}\ntheirs: {found.theirs}", soft_wrap=True, markup=False)
    odd = found.runs[found.runs["verdict"].isin((BEYOND, WITHIN, OTHER_SIZES))]
    if len(odd):
        worst = odd.sort_values("excess", ascending=False, kind="stable", na_position="last")
        console.print(_runs_table(worst.head(MOST_ROWS)))
        _say_rest(console, len(odd), "runs")
    moved = found.methods[found.methods["difference"].astype(float) != 0]
    if len(moved):
        sizes = moved["difference"].astype(float).abs()
        worst = moved.loc[sizes.sort_values(ascending=False, kind="stable").index]
        console.print(_methods_table(worst.head(MOST_ROWS)))
        _say_rest(console, len(moved), "methods")
    for line in _lines(found):
        console.print(line, highlight=False, markup=False)


def _runs_table(runs: pd.DataFrame) -> Table:
    rows = []
    for run in runs.to_dict("records"):
        search = f"/{run['search_index']}" if run["search_index"] else ""
        share = shown(run["excess"], "{:.2f}")
        rows.append(
            (
                run["run_id"][:_ID_DIGITS],
                f"{run['method']} on {run['dataset']}, {run['backbone']}",
                f"{run['seed']}{search}",
                shown(run["auc"], SIGNED),
                shown(run["logloss"], SIGNED),
                Text(share, "red" if run["verdict"] == BEYOND else ""),
                "same" if run["same_sizes"] else "other",
            )
        )
    header = ("run", "method", "seed", "AUC", "LogLoss", "of limit", "sizes")
    title = "Runs of both that differ, mine minus theirs; above 1 of the limit is no noise"
    return make_table(header, rows, title=title, texts=2, breaks=("method",))


def _methods_table(methods: pd.DataFrame) -> Table:
    rows = [
        (
            f"{row['method']} on {row['dataset']}, {row['backbone']}",
            f"{row['pairs']}" if row["same runs"] == row["pairs"] else f"{row['pairs']}*",
            shown(row["difference"], SIGNED),
            _interval(row["95 % low"], row["95 % high"]),
            shown(row["t-test p"], p_value),
            shown(row["Holm p"], p_value),
        )
        for row in methods.to_dict("records")
    ]
    title = "Methods of both by seed, test AUC, mine minus theirs; *: some of other ids"
    header = ("method", "seeds", "AUC", "95 % interval", "t-test p", "Holm p")
    return make_table(header, rows, title=title)


def _interval(low: float | None, high: float | None) -> str:
    return shown(None) if low is None else f"[{shown(low, SIGNED)}, {shown(high, SIGNED)}]"


def _lines(found: FolderComparison) -> list[str]:
    """Return what tables do not say, a line each, and the verdict at the end."""
    both = len(found.runs) - found.count(ONLY_MINE, ONLY_THEIRS)
    lines = [
        f"{both:,} runs are in both: {found.count(EQUAL):,} equal to the last bit,"
        f" {found.count(WITHIN):,} within noise, {found.count(BEYOND):,} beyond it"
    ]
    others = {OTHER_SIZES: "searches that found other sizes", BOTH_FAILED: "that failed in both"}
    for verdict, words in others.items():
        if count := found.count(verdict):
            lines.append(f"{count:,} {words}, with nothing to judge them by")
    for verdict in (FAILED_MINE, FAILED_THEIRS):
        lines += _listed(found.runs, verdict, f"{verdict} only")
    for verdict in (ONLY_MINE, ONLY_THEIRS):
        lines += _listed(found.runs, verdict, verdict.replace("only", "only in"))
    for dataset, (one, other) in found.other_data.items():
        lines.append(f"'{dataset}' is other data, not compared: {one[:16]} and {other[:16]}")
    for fact, one, other, count in found.environments.itertuples(index=False):
        if fact.startswith("git"):
            one, other = one[:_ID_DIGITS], other[:_ID_DIGITS]
        lines.append(f"{fact}: {one} in mine, {other} in theirs ({count:,} runs)")
    methods = int(found.methods["beyond"].sum())
    if not found.differs:
        return [*lines, "nothing differs beyond noise"]
    parts = {
        "runs beyond noise": found.count(BEYOND),
        "runs that failed in one only": found.count(FAILED_MINE, FAILED_THEIRS),
        "methods whose mean differs": methods,
    }
    told = ", ".join(f"{count:,} {words}" for words, count in parts.items() if count)
    return [*lines, f"they differ: {told}"]


def _listed(runs: pd.DataFrame, verdict: str, words: str, most: int = 3) -> list[str]:
    """Return a line that counts the runs of a verdict and names some of their methods."""
    own = runs[runs["verdict"] == verdict]
    if not len(own):
        return []
    names = own["method"] + " on " + own["dataset"] + ", " + own["backbone"]
    counts = list(names.value_counts(sort=False).items())
    shown_names = [f"{name} ({count})" for name, count in counts[:most]]
    rest = [f"{len(counts) - most} more methods"] if len(counts) > most else []
    return [f"{len(own):,} {words}: {'; '.join([*shown_names, *rest])}"]


def _say_rest(console: Console, count: int, what: str) -> None:
    if count > MOST_ROWS:
        console.print(f"and {count - MOST_ROWS:,} more {what}, which differ less", highlight=False)
