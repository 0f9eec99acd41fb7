"""Table 1, measured: how stable, how good and how obedient to a budget each method is.

The paper fills its Table 1 with ticks and crosses; here each stands beside a number.
"""

from __future__ import annotations

from statistics import fmean
from typing import Any

import pandas as pd

from aesbench.core.label import Label
from aesbench.core.phrasing import listed, many
from aesbench.plugins.exhibit import COUNT, HALF, SHARE, SIGNED, Evidence, Exhibit, Table, p_value
from aesbench.plugins.paper import Place
from aesbench.report.statistics.agreement import by_state, end_to_end, modal_shares, sizes_of
from aesbench.report.statistics.contenders import BEST, best_uniform
from aesbench.report.statistics.paired import family, versus
from aesbench.report.statistics.scores import (
    GIVEN,
    UNIFORM,
    by_method,
    compared,
    places,
    seed_means,
)
from aesbench_methods.adass.paper.published import TABLE1, TITLE

CLAIM = (
    "MDE and AdaS&S are stable, AdaS&S alone performs better, MDE, SSEDS and AdaS&S obey limits."
)

_CAPTION = (
    "Agree: share of searches that give a field its most frequent size, mean over fields; searches"
    " end to end are of a seed each, searches of one state share what was prepared (a supernet). A"
    " method that draws nothing at random agrees with itself by construction. Where sizes differ"
    " inside a field, searches agree on it if all its blocks are equal. AUC: test AUC minus"
    " that of the best UES chosen on validation ({best}), paired by seed, half the width of"
    " Student's 95 % interval, two-sided t-test with Holm's correction over the {family} of"
    " this table. Budgets: runs with a limit on embedding parameters; largest excess over the limit"
    " as a share of it (0 if it is kept), and the mean share of the limit that is used. Paper:"
    f" Table 1 of the {TITLE} paper."
)

_PUBLISHED = {label: row for row in TABLE1 for label in row.labels}


def build(evidence: Evidence) -> list[Exhibit]:
    """Return one exhibit, a table per data set and backbone where a method searched."""
    tables: list[Table] = []
    findings: list[str] = []
    behind: list[pd.Series] = []
    for place, runs in places(evidence.runs):
        searched = runs[~runs["base_method"].isin((UNIFORM, GIVEN))]
        if end_to_end(searched).empty:
            continue
        labels = [Label.parse(text).without("search_only") for text in searched["method"]]
        plain = searched[[label.is_plain for label in labels]]
        limited = compared(searched[searched["budget"].notna()])
        tables.append(_table(evidence, place, runs, plain, limited))
        findings += _findings(evidence, place, tables[-1].frame)
        behind += [plain["run_id"], limited["run_id"]]
    if not tables:
        return []
    return [
        Exhibit(
            name="table1",
            title="Table 1, measured: stability, performance, obedience to a budget",
            claim=CLAIM,
            findings=findings,
            tables=tables,
            runs=[*pd.concat(behind).unique()],
        )
    ]


def _table(
    evidence: Evidence, place: Place, runs: pd.DataFrame, plain: pd.DataFrame, limited: pd.DataFrame
) -> Table:
    """Return the table of a place.

    Args:
        evidence: for names.
        place: where.
        runs: all of the place, for its uniform sizes.
        plain: searches of methods as they come, retrained or not.
        limited: retrained runs under a budget.
    """
    own, budgeted, uniform = (
        by_method(plain, "choice"),
        by_method(limited, "choice"),
        by_method(runs),
    )
    best = best_uniform(uniform)
    labels = list(dict.fromkeys((*_PUBLISHED, *plain["choice"], *limited["choice"])))
    groups = {label: own.get(label, plain.iloc[:0]) for label in labels}
    compare = {**groups, BEST: uniform[best]} if best else groups
    gaps = versus({key: seed_means(compared(of), "test_auc") for key, of in compare.items()}, BEST)
    rows = [
        _row(label, groups[label], gaps.loc[label].astype(float), budgeted.get(label, limited[:0]))
        for label in labels
    ]
    return Table(
        name=f"table1-{place.dataset}-{place.backbone}",
        title=f"Measured on {evidence.place(place)}",
        caption=_CAPTION.format(
            best=evidence.method(best) if best else "none ran", family=many(family(gaps), "method")
        ),
        frame=pd.DataFrame(rows, dtype=object),
        forms={
            **dict.fromkeys(("searches end to end", "searches of one state", "pairs"), COUNT),
            **dict.fromkeys(("agree end to end", "agree in one state"), SHARE),
            **{"AUC − best UES": SIGNED, "95 %": HALF, "Holm p": p_value},
            **{"runs with budget": COUNT, "largest excess": SHARE, "share used": SHARE},
        },
        texts={"method": [evidence.method(label) for label in labels]},
    )


def _row(label: str, runs: pd.DataFrame, gap: pd.Series, limited: pd.DataFrame) -> dict[str, Any]:
    published = _PUBLISHED.get(label)
    whole, shared = end_to_end(runs), max(by_state(runs), key=len, default=runs[:0])
    used = list(limited["embedding_params"] / limited["budget"])
    return {
        "method": label,
        "paper: stable": _tick(published and published.stable),
        "searches end to end": len(whole),
        "agree end to end": _agreement(whole),
        "searches of one state": len(shared),
        "agree in one state": _agreement(shared),
        "paper: performance": published and published.performance,
        "pairs": int(gap["pairs"]),
        "AUC − best UES": gap["difference"],
        "95 %": gap["95 % high"] - gap["difference"],
        "Holm p": gap["Holm p"],
        "paper: resource": _tick(published and published.resource),
        "runs with budget": len(used),
        "largest excess": max(0.0, max(used) - 1) if used else None,
        "share used": fmean(used) if used else None,
    }


def _agreement(runs: pd.DataFrame) -> float | None:
    return fmean(modal_shares(sizes_of(runs))) if len(runs) > 1 else None


def _tick(holds: bool | None) -> str | None:
    return None if holds is None else "✓" if holds else "✗"


def _findings(evidence: Evidence, place: Place, frame: pd.DataFrame) -> list[str]:
    """Say who agrees with itself most and least among as many searches from end to end.

    Few searches agree more by chance: methods compare where they have the same number.
    """
    # A rule without chance, such as MDE's, agrees with itself whatever it is worth.
    ruled = [label for label, row in _PUBLISHED.items() if row.category == "Heuristic"]
    known = frame[frame["agree end to end"].notna() & ~frame["method"].isin(ruled)]
    if known.empty:
        return []
    counts = known["searches end to end"].astype(int)
    searches = max(counts.unique(), key=lambda count: ((counts == count).sum(), count))
    shares = known[counts == searches].set_index("method")["agree end to end"].astype(float)
    most, least = (
        listed(evidence.method(str(method)) for method in shares.index[shares == end])
        for end in (shares.max(), shares.min())
    )
    where = f"{evidence.place(place)}: "
    high, low = f"{shares.max():.0%}", f"{shares.min():.0%}"
    if shares.min() == shares.max():
        alike = "agrees with itself" if len(shares) == 1 else "agree with themselves alike,"
        return [f"{where}{most} {alike} in {high} of {searches} searches (mean over fields)."]
    return [
        f"{where}of {len(shares)} methods with {searches} searches each, these agree with"
        f" themselves most: {most}, in {high}; least: {least}, in {low} (mean over fields)."
    ]
