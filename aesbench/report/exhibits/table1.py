"""Table 1, measured: how stable, how good and how obedient to a budget each method is.

The paper fills its Table 1 with ticks and crosses; here each stands beside a number.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import mean

from aesbench.core.label import Label
from aesbench.core.record import RunRecord
from aesbench.report.contenders import best_uniform, is_given
from aesbench.report.names import backbone_name, dataset_name, display_name
from aesbench.report.page import cells
from aesbench.report.page.exhibit import Cell, Exhibit, TableData
from aesbench.report.published import TABLE1, Capability
from aesbench.report.statistics.paired import Comparison, compare, corrected
from aesbench.report.statistics.scores import (
    Place,
    by_place,
    compared,
    embedding_params,
    seed_means,
    test_auc,
)
from aesbench.report.statistics.stability import end_to_end, modal_shares, of_one_state

CLAIM = (
    "MDE and AdaS&S are stable, AdaS&S alone performs better, MDE, SSEDS and AdaS&S obey limits."
)

_HEADER = (
    *("method", "paper: stable", "searches end to end", "agree end to end"),
    *("searches of one state", "agree in one state"),
    *("paper: performance", "pairs", "AUC − best UES", "95 %", "Holm p"),
    *("paper: resource", "runs with budget", "largest excess", "share used"),
)

_CAPTION = (
    "Agree: share of searches that give a field its most frequent size, mean over fields; searches"
    " end to end are of a seed each, searches of one state share what was prepared (a supernet). A"
    " method that draws nothing at random agrees with itself by construction. AUC: test AUC minus"
    " that of the best UES chosen on validation ({best}), paired by seed, half the width of"
    " Student's 95 % interval, two-sided t-test with Holm's correction over the {family} methods of"
    " this table. Budgets: runs with a limit on embedding parameters; largest excess over the limit"
    " as a share of it (0 if it is kept), and the mean share of the limit that is used. AMTL and"
    " PEP are in the paper's table and have no implementation here."
)


@dataclass(frozen=True)
class _Measured:
    """One method at one place; None where its records do not tell."""

    label: str
    published: Capability | None
    searches: int
    agreement: float | None
    repeats: int
    repeat_agreement: float | None
    budgeted: int
    excess: float | None
    used: float | None


def build(records: Sequence[RunRecord]) -> list[Exhibit]:
    """Return one exhibit, a table per data set and backbone where a method searched."""
    tables, findings, runs = [], [], []
    for place, groups in by_place(records).items():
        searched = {
            label: group for label, group in groups.items() if not is_given(Label.parse(label))
        }
        if not any(end_to_end(group) for group in searched.values()):
            continue
        best = best_uniform(groups)
        scores = seed_means(compared(groups[best]), test_auc) if best else {}
        measured, versus = [], {}
        for label in dict.fromkeys((*_published_labels(), *_plain_labels(searched))):
            of_method = [r for g in searched.values() for r in g if _is_plain(r, label)]
            budgeted = [r for g in searched.values() for r in compared(g) if _is_limited(r, label)]
            measured.append(_measure(label, of_method, budgeted))
            versus[label] = compare(seed_means(compared(of_method), test_auc), scores)
            runs += [*of_method, *budgeted]
        versus = corrected(versus)
        tables.append(_table(place, best, measured, versus))
        findings += _findings(place, measured)
    if not tables:
        return []
    return [
        Exhibit(
            name="table1",
            title="Table 1, measured: stability, performance, obedience to a budget",
            claim=CLAIM,
            findings=tuple(findings),
            tables=tuple(tables),
            figures=(),
            runs=tuple(runs),
        )
    ]


def _published_labels() -> list[str]:
    return [label for row in TABLE1 for label in row.labels]


def _plain_labels(groups: Iterable[str]) -> list[str]:
    """Return the methods among some labels that ran with their own settings."""
    return [label.method for label in map(Label.parse, groups) if not label.settings]


def _is_plain(record: RunRecord, label: str) -> bool:
    """Whether a run is of a method as it comes, retrained or searched only."""
    return str(record.spec.called.without("search_only")) == label


def _is_limited(record: RunRecord, label: str) -> bool:
    return record.spec.budget is not None and record.spec.called.method == label


def _measure(label: str, runs: list[RunRecord], budgeted: list[RunRecord]) -> _Measured:
    shares = list(modal_shares(found := end_to_end(runs)).values())
    repeats = of_one_state(runs)
    used = [embedding_params(r) / r.spec.budget for r in budgeted if r.spec.budget]
    return _Measured(
        label=label,
        published=next((row for row in TABLE1 if label in row.labels), None),
        searches=len(found),
        agreement=mean(shares) if len(found) > 1 else None,
        repeats=len(repeats),
        repeat_agreement=mean(modal_shares(repeats).values()) if repeats else None,
        budgeted=len(used),
        excess=max(0.0, max(used) - 1) if used else None,
        used=mean(used) if used else None,
    )


def _table(
    place: Place, best: str | None, rows: Sequence[_Measured], versus: dict[str, Comparison]
) -> TableData:
    family = sum(1 for one in versus.values() if one.p is not None)
    return TableData(
        name=f"table1-{place.dataset}-{place.backbone}",
        title=f"Measured on {dataset_name(place.dataset)}, {backbone_name(place.backbone)}",
        caption=_CAPTION.format(best=display_name(best) if best else "none ran", family=family),
        header=_HEADER,
        rows=tuple(_line(row, versus[row.label]) for row in rows),
    )


def _line(row: _Measured, one: Comparison) -> list[Cell]:
    found, published = one.difference, row.published
    return [
        cells.method(row.label),
        _tick(published.stable if published else None),
        cells.count(row.searches),
        cells.share(row.agreement),
        cells.count(row.repeats),
        cells.share(row.repeat_agreement),
        Cell.label(published.performance) if published else Cell.number(None),
        cells.count(one.n),
        cells.signed(found.mean if found else None),
        cells.half_interval(found),
        cells.p_value(one.p_holm),
        _tick(published.resource if published else None),
        cells.count(row.budgeted),
        *(cells.share(value) for value in (row.excess, row.used)),
    ]


def _tick(holds: bool | None) -> Cell:
    return Cell.number(None) if holds is None else Cell.label("✓" if holds else "✗")


def _findings(place: Place, rows: Sequence[_Measured]) -> list[str]:
    """Say who agrees with itself most and least among the searches from end to end."""
    where = f"{dataset_name(place.dataset)}, {backbone_name(place.backbone)}"
    # A rule without chance, such as MDE's, agrees with itself whatever it is worth.
    known = sorted(
        (row.agreement, row.label, row.searches)
        for row in rows
        if row.agreement is not None
        and not (row.published is not None and row.published.category == "Heuristic")
    )
    if not known:
        return []
    (low, last, few), (high, first, many) = known[0], known[-1]
    text = (
        f"{where}: {display_name(first)} agrees with itself most, in {high:.0%} of {many} searches"
    )
    if first != last:
        text += f", {display_name(last)} least, in {low:.0%} of {few}"
    return [text + " (mean over fields)."]
