"""The first table: methods by places, each against a uniform size of no more parameters.

A uniform size costs no search. What a method is worth is what it gains over the best one that is no
larger, and what finding it took.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from aesbench.core.label import Label
from aesbench.core.phrasing import listed, many
from aesbench.plugins.exhibit import (
    AUC,
    COUNT,
    SHARE,
    Evidence,
    Exhibit,
    Table,
    is_missing,
    shown,
)
from aesbench.plugins.paper import Place
from aesbench.report.statistics.contenders import BEST, competitions, line_up
from aesbench.report.statistics.gains import MASKED, gains
from aesbench.report.statistics.headroom import (
    NO_HEADROOM,
    RECOVERED,
    Recovered,
    Shares,
    average,
    share_text,
    shares_everywhere,
)
from aesbench.report.statistics.paired import FORMS, clear
from aesbench.report.statistics.probes import RATE_TABLE, probes
from aesbench.report.statistics.scores import mean_over_seeds
from aesbench.report.statistics.verdicts import tally, verdicts
from aesbench.report.statistics.worth import is_not_worth_it, search_gains

NAME = "overview"
MOST_ROWS = 25
"""A table of more is not read at a glance: it leaves out what was changed by hand."""

Found = Mapping[Place, pd.DataFrame]


def build(evidence: Evidence) -> list[Exhibit]:
    """Return one exhibit, if any method ran that is no uniform size."""
    found = gains(evidence)
    if not found:
        return []
    ran = {method for own in found.values() for method in own.index}
    order = [m for m in dict.fromkeys(evidence.runs["method"]) if m in ran]
    order.sort(key=lambda method: list(evidence.order).index(Label.parse(method).method))
    kept = order if len(order) <= MOST_ROWS else list(filter(_as_it_comes, order))
    shown_rows = {place: own[own.index.isin(kept)] for place, own in found.items()}
    return [
        Exhibit(
            name=NAME,
            title="What each method gains, and at what cost",
            claim="",
            findings=_findings(evidence, shown_rows, is_part=len(kept) < len(order)),
            tables=(
                _table(evidence, found, kept, len(order) - len(kept)),
                _details(evidence, found, order),
            ),
        )
    ]


def place_of_most_seeds(evidence: Evidence) -> Place | None:
    """Return where most is known: the place with the most seeds, and of these the most methods."""
    counts = {
        place: (max(len(set(row.runs["seed"])) for row in rows), len(rows))
        for place, rows in competitions(evidence).items()
        if rows
    }
    return max(counts, key=lambda place: counts[place], default=None)


def _as_it_comes(method: str) -> bool:
    """Whether nothing of a method was changed but by tuning."""
    return Label.parse(method).without("tuned").is_plain


def _table(evidence: Evidence, found: Found, order: Sequence[str], left_out: int) -> Table:
    names = {place: evidence.place(place) for place in found}
    frame = pd.DataFrame({"method": list(order)})
    texts, notes, tints = {"method": [evidence.method(m) for m in order]}, {}, {}
    for place, own in found.items():
        rows = [dict(own.loc[m]) if m in own.index else {} for m in order]
        name = names[place]
        frame[name] = pd.Series([row.get("difference") for row in rows], dtype=object)
        texts[name] = [_difference(row) for row in rows]
        notes[name] = [_note(row, evidence.method) for row in rows]
        tints[name] = [_tint(row) for row in rows]
    shares = {} if evidence.baseline else shares_everywhere(evidence)
    if shares:
        means = [average(_known(shares, method)) for method in order]
        shown_shares = [None if mean is None else mean.share for mean in means]
        # Beside the methods: it is of all places, and a narrow page shows it without scrolling.
        frame.insert(1, "headroom recovered", pd.Series(shown_shares, dtype=object))
        texts["headroom recovered"] = [
            share_text(mean) if mean is not None else _why_none(shares, method)
            for mean, method in zip(means, order, strict=True)
        ]
    without_model = ""
    if beside := _rate_tables(evidence, found):
        last = pd.DataFrame({"method": [RATE_TABLE]}, dtype=object)
        frame = pd.concat([frame, last], ignore_index=True)
        texts["method"].append(RATE_TABLE)
        if shares:
            texts["headroom recovered"].append(shown(None))
        for place, name in names.items():
            text, note = beside.get(place, (shown(None), ""))
            for column, cell in ((texts, text), (notes, note), (tints, "")):
                column[name].append(cell)
        without_model = (
            " The last row is no method and in no ranking or test: the test AUC itself of a table"
            " of train's rates over the fields named, beside that of the best uniform size."
        )
    against = (
        f"that of {evidence.method(evidence.baseline)}"
        if evidence.baseline
        else "that of the best uniform size of at most as many embedding parameters, chosen by its"
        " mean validation AUC"
    )
    hidden = f" {many(left_out, 'row')} of changed settings and budgets: below." if left_out else ""
    return Table(
        name=NAME,
        title="Test AUC gained at equal memory",
        caption=(
            f"Test AUC minus {against}: mean over seeds, paired, with Student's 95 % interval;"
            " coloured where it lies above or below 0. Under it the embedding parameters saved"
            " against UES-32, and the wall seconds of the search. A method smaller than every"
            " uniform size that ran is held against the smallest of these, which is then named;"
            " a tuned one against tuned sizes, if any ran."
            f" A dash: there is nothing to compare.{hidden}"
            + (f" {MASKED}" if any(_has_masks(own) for own in found.values()) else "")
            + (f" {RECOVERED} The mean over the places that have one." if shares else "")
            + without_model
        ),
        frame=frame,
        texts=texts,
        notes=notes,
        tints=tints,
    )


def _has_masks(own: pd.DataFrame) -> bool:
    return bool(own["kept values"].notna().any())


def _known(shares: Mapping[Place, Shares], method: str) -> list[Recovered]:
    """Return the shares of a method at the places where it has one."""
    found = [own.get(method) for own in shares.values()]
    return [one for one in found if isinstance(one, Recovered)]


def _why_none(shares: Mapping[Place, Shares], method: str) -> str:
    """Return what stands in place of a share."""
    is_none = any(own.get(method) == NO_HEADROOM for own in shares.values())
    return NO_HEADROOM if is_none else shown(None)


def _rate_tables(evidence: Evidence, found: Found) -> dict[Place, tuple[str, str]]:
    """Return ``{place: (the AUC of its best rate table, its fields and what a model has)}``."""
    best = {name: probe.best for name, probe in probes(evidence).items()}
    texts = {}
    for place, rows in competitions(evidence).items():
        table = best.get(place.dataset)
        if place in found and table is not None:
            lines = table.title.split(" × ")
            lines = [f"{text} ×" for text in lines[:-1]] + lines[-1:]
            uniform = [mean_over_seeds(row.runs, "test_auc") for row in rows if row.key == BEST]
            lines += [f"best UES {_unsigned(mean)}" for mean in uniform if mean is not None]
            texts[place] = (f"AUC {_unsigned(table.test_auc)}", "\n".join(lines))
    return texts


def _difference(row: Mapping[str, Any]) -> str:
    return shown(row.get("difference"), _signed)


def _note(row: Mapping[str, Any], name: Callable[[str], str]) -> str:
    """Return the interval, what was saved and the search's cost, a line each."""
    lines = []
    if not is_missing(row.get("95 % low")):
        lines.append(f"[{shown(row['95 % low'], _signed)}, {shown(row['95 % high'], _signed)}]")
    elif row.get("pairs"):
        lines.append("one seed")
    if row.get("larger"):
        lines.append(f"against {name(row['rival'])}, larger")
    if row.get("seeds"):
        lines.append(f"{shown(row['P-R'], '{:.0%}')} saved, {_seconds(row['search s'])}")
    if not is_missing(row.get("kept values")):
        lines.append(f"{row['kept values']:,.0f} kept, index {row['index bytes'] / 1000:,.1f} kB")
    if row.get("failed"):
        lines.append(f"{row['failed']} failed")
    return "\n".join(lines)


def _signed(value: float) -> str:
    """Return a difference without the zero before its point, as a narrow table has room for."""
    return f"{value:+.4f}".replace("0.", ".", 1).replace("-", "−")


def _unsigned(value: float) -> str:
    """Return a score without the zero before its point."""
    return shown(value, AUC).removeprefix("0")


def _seconds(value: float | None) -> str:
    if is_missing(value) or value is None:
        return "search unknown"
    return f"{value:.0f} s" if value < 600 else f"{value / 60:.0f} min"


def _tint(row: Mapping[str, Any]) -> str:
    low, high = row.get("95 % low"), row.get("95 % high")
    if is_missing(low) or low is None or high is None:
        return ""
    if high < 0:
        return "" if row["larger"] else "below"  # To be below what is larger tells nothing.
    return "above" if low > 0 else "level"


def _details(evidence: Evidence, found: Found, order: Sequence[str]) -> Table:
    parts = []
    for place, own in found.items():
        rows = own.reindex([m for m in order if m in own.index]).rename_axis("method").reset_index()
        rows.insert(1, "place", evidence.place(place))
        parts.append(rows)
    frame = pd.concat(parts, ignore_index=True)
    of_masks = ["kept values", "index bytes"] if _has_masks(frame) else []
    names = ["method", "place", "rival", "larger", *FORMS, "P-R", *of_masks, "search s", "seeds"]
    names.append("failed")
    return Table(
        name=f"{NAME}-tests",
        title="The same, tested",
        caption=(
            "Rival: whom the method is held against. Paired by seed; p corrected by Holm over the"
            " methods of a place; the columns as in the tables of differences."
        ),
        frame=frame[names],
        forms={
            **FORMS,
            **{"P-R": SHARE, "search s": "{:.1f}"},
            **dict.fromkeys((*of_masks, "seeds", "failed"), COUNT),
        },
        texts={
            "method": [evidence.method(method) for method in frame["method"]],
            "rival": [
                shown(None) if is_missing(rival) else evidence.method(rival)
                for rival in frame["rival"]
            ],
        },
        detail=True,
    )


def _findings(evidence: Evidence, found: Found, *, is_part: bool) -> list[str]:
    """Say in at most four sentences where no search pays, who gains, who loses, what claims became.

    Against a baseline that was asked for, nothing is said of searching as such.
    """
    against = (
        evidence.method(evidence.baseline)
        if evidence.baseline
        else "the best uniform size of at most as many parameters"
    )
    of_these = "Of the rows of the table clearly" if is_part else "Clearly"
    known = {place: own[own["Holm p"].notna()] for place, own in found.items()}
    known = {place: own for place, own in known.items() if len(own)}
    texts = []
    if known:
        texts = [
            _who(evidence, known, f"{of_these} above {against}", +1)
            + " (paired t-test, Holm over the methods of a place, p below .05).",
            _who(evidence, known, "Clearly below it", -1) + ".",
        ]
    in_vain = [] if evidence.baseline else _in_vain(evidence)
    return [*in_vain, *[*texts, *_claims(evidence)][:3]]


def _in_vain(evidence: Evidence) -> list[str]:
    """Say where no search gains anything over what needs none, and how much at most."""
    parts = []
    for place, found in search_gains(evidence).items():
        if is_not_worth_it(found):
            best = max(found, key=lambda one: one.high or 0.0)
            gained, low, high = (
                shown(value, _signed) for value in (best.difference, best.low, best.high)
            )
            parts.append(
                f"{evidence.place(place)} (of {len(found)} at best {evidence.method(best.search)},"
                f" {gained} [{low}, {high}] against {evidence.method(best.rival or '')}, n ="
                f" {best.pairs})"
            )
    if not parts:
        return []
    return [
        f"The search is not worth it on {'; '.join(parts)}: none is above the best uniform size or"
        " rule of at most as many parameters by its 95 % interval."
    ]


def _who(evidence: Evidence, known: Found, what: str, sign: int) -> str:
    """Return who is clearly on one side of 0, place by place."""
    parts = []
    for place, own in known.items():
        beyond = own[clear(own) & (own["difference"].astype(float) * sign > 0)]
        if sign < 0:
            beyond = beyond[~beyond["larger"].astype(bool)]
        is_all = len(beyond) == len(own) > 1
        names = "all" if is_all else listed(map(evidence.method, beyond.index))
        parts.append(f"{names} on {evidence.place(place)}")
    return f"{what}: {'; '.join(parts)}"


def _claims(evidence: Evidence) -> list[str]:
    """Say what became of the claims of the papers whose tables are shown."""
    texts = []
    for paper in evidence.views:
        found = [
            verdict
            for place, rows in line_up(evidence, paper).items()
            for verdict in verdicts(evidence, paper, place, rows)["verdict"]
        ]
        if found:
            texts.append(
                f"Of the {many(len(found), 'claim')} of {paper.title} that concern these data sets"
                f" or their relatives: {tally(found)}."
            )
    return [" ".join(texts)] if texts else []
