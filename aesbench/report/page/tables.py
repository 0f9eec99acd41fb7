"""The overall comparison as CSV, Markdown, LaTeX and a table for the terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.markup import escape
from rich.table import Table

from aesbench.core.files import write_atomically
from aesbench.report.page.exhibit import MISSING
from aesbench.report.page.forms import (
    csv_text,
    latex_bold,
    latex_escape,
    latex_table,
    markdown_bold,
    markdown_escape,
    markdown_table,
)
from aesbench.report.statistics.overall import Row
from aesbench.report.statistics.summary import Summary

CSV_COLUMNS = (
    "dataset",
    "backbone",
    "method",
    "n",
    "auc_mean",
    "auc_std",
    "auc_low",
    "auc_high",
    "logloss_mean",
    "logloss_std",
    "embedding_params",
    "param_reduction",
    "flops",
    "search_s",
    "retrain_s",
)


def write_tables(results: Path, rows: Sequence[Row]) -> list[Path]:
    """Write ``<results>/tables/overall.{csv,md,tex}`` and return their paths.

    Raises:
        RecordError: the folder cannot be written.
    """
    written = []
    for suffix, form in (("csv", as_csv), ("md", as_markdown), ("tex", as_latex)):
        path = results / "tables" / f"overall.{suffix}"
        write_atomically(path, form(rows))
        written.append(path)
    return written


def as_csv(rows: Sequence[Row]) -> str:
    """Return the rows as CSV with ``CSV_COLUMNS``, in full precision; what is missing is empty."""
    lines: list[tuple[object, ...]] = [CSV_COLUMNS]
    for row in rows:
        auc, loss = row.auc or _NOTHING, row.logloss or _NOTHING
        lines.append(
            (row.dataset, row.backbone, row.method, row.n)
            + ((auc.mean if row.auc else None), auc.std, auc.low, auc.high)
            + ((loss.mean if row.logloss else None), loss.std)
            + (_whole(row.embedding_params), row.param_reduction, _whole(row.flops))
            + (row.search_s, row.retrain_s)
        )
    return csv_text(lines)


def _whole(count: float | None) -> float | None:
    """Return a mean of counts as an int where it is one."""
    return int(count) if count is not None and count == int(count) else count


def as_markdown(rows: Sequence[Row]) -> str:
    """Return a Markdown table per data set and backbone, the best mean of each metric in bold."""
    parts = ["# Overall comparison\n", f"{CAPTION}\n"]
    for title, cells in _sections(rows, markdown_bold, markdown_escape):
        parts.append(f"## {markdown_escape(title)}\n")
        parts.append(markdown_table(cells[0], cells[1:]))
    return "\n".join(parts)


def as_latex(rows: Sequence[Row]) -> str:
    """Return a booktabs tabular per data set and backbone, the best mean of each metric in bold."""
    parts = [f"% {CAPTION}\n% Needs \\usepackage{{booktabs}}.\n"]
    for title, cells in _sections(rows, latex_bold, latex_escape):
        parts.append(f"% {title}\n" + latex_table(cells[0], cells[1:]))
    return "\n".join(parts)


def render(rows: Sequence[Row]) -> Group:
    """Return a table per data set and backbone for a rich console of 80 columns."""
    tables = []
    for title, cells in _sections(rows, lambda text: f"[bold]{text}[/]", escape):
        header, *body = cells
        table = Table(
            title=escape(title),
            title_justify="left",
            box=SIMPLE_HEAD,
            pad_edge=False,
            padding=0,
            show_edge=False,
        )
        stacks = [[name for name in names if name in header] for names in _STACKS]
        for names in stacks:
            is_name = names[0] == "method"
            table.add_column(
                "\n".join(names),
                justify="left" if is_name else "right",
                overflow="fold",
                no_wrap=not is_name,
                min_width=14 if is_name else None,
            )
        for line in body:
            texts = dict(zip(header, line, strict=True))
            table.add_row(*("\n".join(texts[name] for name in names) for names in stacks))
        tables.append(table)
    return Group(*tables)


UNBUDGETED = " (no budget)"

CAPTION = (
    "AUC and LogLoss on the test split: mean ± standard deviation over n seeds, and Student's 95 %"
    " interval of the mean AUC. P-R: parameters saved against UES-32, of the embedding and of the"
    " whole model. FLOPs per sample, a multiply-add counted once. Search: seconds before the"
    f" retraining. A method marked{UNBUDGETED} takes no budget and ran without one."
)

_STACKS = (
    ("method", "n"),
    ("AUC", "95 % interval"),
    ("LogLoss", "AUC (true)"),
    ("emb. params", "FLOPs"),
    ("P-R emb.", "P-R model"),
    ("search s", "retrain s"),
)
"""What shares a cell in the terminal, so that no number is broken at 80 columns."""

_NOTHING = Summary(0, float("nan"), None, None, None)

Mark = Callable[[str], str]


def _sections(rows: Sequence[Row], bold: Mark, clean: Mark) -> list[tuple[str, list[list[str]]]]:
    """Return a title and cells, header first, for each data set and backbone."""
    sections = []
    for (dataset, backbone), members in groupby(rows, lambda row: (row.dataset, row.backbone)):
        sections.append((f"{dataset}, {backbone}", _cells(list(members), bold, clean)))
    return sections


def _cells(rows: Sequence[Row], bold: Mark, clean: Mark) -> list[list[str]]:
    best_auc = max((row.auc.mean for row in rows if row.auc), default=None)
    best_loss = min((row.logloss.mean for row in rows if row.logloss), default=None)
    truth = any(row.true_auc for row in rows)
    header = ["method", "n", "AUC", "95 % interval", *(["AUC (true)"] if truth else []), "LogLoss"]
    header += ["emb. params", "P-R emb.", "P-R model", "FLOPs", "search s", "retrain s"]
    cells = [[clean(name) for name in header]]
    for row in rows:
        n = f"{row.n} (+{row.failed} failed)" if row.failed else str(row.n)
        line = [
            clean(row.method + UNBUDGETED * row.unbudgeted),
            n,
            _spread(row.auc, bold, row.auc is not None and row.auc.mean == best_auc),
            _interval(row.auc),
            *([_spread(row.true_auc, bold, False)] if truth else []),
            _spread(row.logloss, bold, row.logloss is not None and row.logloss.mean == best_loss),
            _number(row.embedding_params, ",.0f"),
            clean(_number(row.param_reduction, ".2%")),
            clean(_number(row.model_reduction, ".2%")),
            _number(row.flops, ",.0f"),
            _number(row.search_s, ".1f"),
            _number(row.retrain_s, ".1f"),
        ]
        cells.append(line)
    return cells


def _spread(summary: Summary | None, bold: Mark, best: bool) -> str:
    if summary is None:
        return MISSING
    mean = f"{summary.mean:.4f}"
    spread = "" if summary.std is None else f" ± {summary.std:.4f}"
    return (bold(mean) if best else mean) + spread


def _interval(summary: Summary | None) -> str:
    if summary is None or summary.low is None:
        return MISSING
    return f"[{summary.low:.4f}, {summary.high:.4f}]"


def _number(value: float | None, form: str) -> str:
    return MISSING if value is None else format(value, form)
