"""Table 3: every method beside UES-32 and beside the best uniform size; an exhibit per data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import groupby

from aesbench.core.phrasing import many, span
from aesbench.core.record import RunRecord
from aesbench.report.claims import Claim, claims_at, tally
from aesbench.report.contenders import BEST, Contender, contenders
from aesbench.report.draw.forest import Branch, Panel, draw_forest
from aesbench.report.names import backbone_name, dataset_name
from aesbench.report.page import cells
from aesbench.report.page.exhibit import Cell, Exhibit, FigureData, TableData
from aesbench.report.published import RELATIVES, TABLE2
from aesbench.report.score_tables import claims_table, differences, differences_table, scores_table
from aesbench.report.statistics.paired import Comparison
from aesbench.report.statistics.scores import (
    REFERENCE,
    Place,
    by_place,
    over_seeds,
    test_auc,
    test_logloss,
)

CLAIM = (
    "AdaS&S-E raises AUC by about .3 % over UES-32 and saves about 20 % of the parameters; AdaS&S-R"
    " saves about 30 % and raises AUC by about .1 %; both outperform the other AES methods (section"
    " 4.3)."
)

Places = Mapping[Place, list[Contender]]


def build(records: Sequence[RunRecord]) -> list[Exhibit]:
    """Return an exhibit per data set on which models were retrained and tested."""
    places = by_place(record for record in records if record.spec.retrain)
    exhibits = []
    for dataset, members in groupby(places.items(), lambda item: item[0].dataset):
        rows = {place: contenders(groups) for place, groups in members}
        if any(row.records for of_place in rows.values() for row in of_place):
            exhibits.append(_exhibit(dataset, rows))
    return exhibits


def _exhibit(dataset: str, places: Places) -> Exhibit:
    tables: list[TableData] = []
    findings: list[str] = []
    for place, rows in places.items():
        claims = claims_at(place, rows)
        tables.append(scores_table(place, rows))
        if claims:
            tables.append(claims_table(place, claims))
        baselines = [row for row in rows if row.key in (REFERENCE, BEST) and row.records]
        for baseline in baselines:
            tables.append(differences_table(place, rows, baseline, "AUC", test_auc))
            tables.append(differences_table(place, rows, baseline, "LogLoss", test_logloss))
        findings += _findings(place, rows, claims)
    figure = _figure(dataset, places)
    runs = {r.spec.run_id: r for rows in places.values() for row in rows for r in row.records}
    return Exhibit(
        name=f"table3-{dataset}",
        title=f"Table 3, overall performance: {dataset_name(dataset)}",
        claim=CLAIM,
        findings=(*findings, *_relation(dataset)),
        tables=tuple(tables),
        figures=() if figure is None else (figure,),
        runs=tuple(runs.values()),
    )


def _findings(place: Place, rows: Sequence[Contender], claims: Sequence[Claim]) -> list[str]:
    """Say which method has the highest mean AUC, by how much, and what became of the claims."""
    where = backbone_name(place.backbone)
    scored = [(s, row) for row in rows if (s := over_seeds(row.records, test_auc))]
    summary, first = max(scored, key=lambda pair: pair[0].mean)
    found = [
        f"{where}: {first.name} has the highest mean AUC, {summary.mean:.4f} (n = {summary.n})"
    ]
    for row in rows:
        if row.key in (REFERENCE, BEST) and row.label not in (None, first.label):
            one = differences(rows, row.key, test_auc)[first.key]
            if one.difference:
                found.append(f"{_with_interval(one)} against {row.name}")
    sentences = ["; ".join(found) + "."]
    if claims:
        sentences.append(f"{where}, the paper's {many(len(claims), 'claim')}: {tally(claims)}.")
    return sentences


def _with_interval(one: Comparison) -> str:
    """Return a difference with its interval and p-value, in words."""
    found = one.difference
    if found is None:
        return "no pairs"
    text = cells.signed(found.mean).text
    if found.low is not None:
        text += f" [{cells.signed(found.low).text}, {cells.signed(found.high).text}]"
        text += f" (Holm p {cells.p_value(one.p_holm).text})"
    return text


def _relation(dataset: str) -> tuple[str, ...]:
    """Say what the published numbers beside ours are worth."""
    if dataset in TABLE2:
        return ()
    if dataset in RELATIVES:
        theirs, what = RELATIVES[dataset]
        return (
            f"The paper has no {dataset_name(dataset)}: its {dataset_name(theirs)} numbers stand"
            f" beside ours, and this is a near relative, {what}. Compare differences, not levels.",
        )
    return ("The paper does not have these data, so nothing published stands beside them.",)


def _figure(dataset: str, places: Places) -> FigureData | None:
    """Draw every method's AUC difference from UES-32, a panel per backbone."""
    versus = {place: differences(rows, REFERENCE, test_auc) for place, rows in places.items()}
    if not any(one.n for found in versus.values() for one in found.values()):
        return None
    lanes: dict[str, str] = {}
    for rows in places.values():
        lanes |= {_lane(row): row.key for row in rows if row.key not in (REFERENCE, BEST)}
    panels = []
    for place, rows in places.items():
        found = {_lane(row): versus[place].get(row.key, Comparison()) for row in rows}
        branches = [Branch(key, lane, found.get(lane, Comparison())) for lane, key in lanes.items()]
        panels.append(Panel(backbone_name(place.backbone), branches))
    name = f"table3-{dataset}-differences"
    shown = span(one.n for found in versus.values() for one in found.values() if one.n)
    title = f"AUC differences from UES-32 on {dataset_name(dataset)}"
    body = [
        [Cell.label(panel.title), cells.method(branch.label, branch.name)]
        + cells.comparison(branch.comparison)
        for panel in panels
        for branch in panel.branches
    ]
    return FigureData(
        name=name,
        title=title,
        caption=(
            f"Test AUC minus that of UES-32, paired by seed: mean and Student's 95 % interval, n ="
            f" {shown} pairs. Right of the line is better than UES-32."
        ),
        alternative=f"{title}: a line per method, its interval left or right of 0.",
        data=TableData(
            name, title, "", ("backbone", "method", *cells.COMPARISON_HEADER), tuple(body)
        ),
        draw=partial(draw_forest, panels=panels, unit="AUC difference from UES-32"),
        size=(8.0, 0.8 + 0.3 * len(lanes)),
    )


def _lane(row: Contender) -> str:
    """Return the line of the figure that a row has in every panel."""
    return "UES-32, other unification" if row.key.startswith(f"{REFERENCE}+") else row.name
