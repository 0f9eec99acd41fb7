"""How searches fared on a place of the tabular benchmark: a table, a frame, a figure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from rich.console import Console

from aesbench.core.allocation import sizes_text
from aesbench.core.phrasing import many
from aesbench.errors import ConfigError
from aesbench.report.statistics.summary import summarise
from aesbench.tabular.place import TabularPlace
from aesbench.tabular.score import Course
from aesbench.terminal.table import make_table

AFTER = (1, 3, 10, 30, 100, 300, 1000, 3000, 10_000)
"""Evaluations after which the table shows the regret, and after the last."""


def show_regret(
    console: Console,
    place: TabularPlace,
    title: str,
    courses: Sequence[Course],
    budget: int | None,
) -> None:
    """Print the regret after some numbers of evaluations: mean over seeds with its interval."""
    most = min(len(course.regrets) for course in courses)
    rows = []
    for after in sorted({*(one for one in AFTER if one < most), most}):
        found = summarise([course.regrets[after - 1] for course in courses])
        known = found.low is not None and found.high is not None
        interval = f"[{found.low:.5f}, {found.high:.5f}]" if known else ""
        rows.append((f"{after:,}", f"{found.mean:.5f}", interval))
    within = "" if budget is None else f", within {budget:,} parameters"
    seeds = many(len(courses), "seed")
    console.print(f"{title} at {place.card['place']}{within}, {seeds}", highlight=False)
    console.print(make_table(("evaluations", "regret (AUC)", "95 %"), rows, texts=0))
    ceiling = place.parameters((place.candidates[-1],) * len(place.fields))
    (best,) = place.front(ceiling if budget is None else budget)
    found_up = sum(course.looked_up for course in courses)
    answers = sum(len(course.seen) for course in courses)
    error = place.predict(best).auc_error
    console.print(
        f"against {sizes_text(best)}, of which the surrogate expects a validation AUC of"
        f" {place.predict(best).validation_auc:.4f} (its error: {error:.4f}); {found_up:,} of"
        f" {answers:,} answers were looked up, the others predicted. A search took"
        f" {max(course.wall_s for course in courses):.1f} s at most; its trainings would have taken"
        f" {summarise([course.training_s for course in courses]).mean / 3600:.1f} h",
        soft_wrap=True,
        highlight=False,
    )


def regret_frame(courses: Sequence[Course]) -> pd.DataFrame:
    """Return a row per evaluation: seed, evaluation, sizes, what was told, the regret so far."""
    return pd.DataFrame(
        [
            {
                "seed": course.seed,
                "evaluation": number,
                "sizes": sizes_text(sizes),
                "validation_auc": told,
                "regret": regret,
            }
            for course in courses
            for number, (sizes, told, regret) in enumerate(
                zip(course.seen, course.scores, course.regrets, strict=True), 1
            )
        ]
    )


def draw_regret(courses: Sequence[Course], path: Path) -> None:
    """Draw the regret over evaluations, the mean over seeds with its 95 % interval.

    Raises:
        ConfigError: the file's ending is none that figures have.
    """
    import seaborn as sns
    from matplotlib.figure import Figure

    if path.suffix not in (".svg", ".pdf", ".png"):
        raise ConfigError(f"--figure {path}: expected a file that ends in .svg, .pdf or .png")
    figure = Figure(figsize=(5, 3.4), layout="constrained")
    axis = figure.add_subplot()
    frame = regret_frame(courses)
    sns.lineplot(frame, x="evaluation", y="regret", errorbar=("ci", 95), seed=0, ax=axis)
    axis.set(xscale="log", xlabel="evaluations", ylabel="regret (validation AUC)", ylim=(0, None))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
