"""A paper's main table: its line-up beside uniform sizes, its claims judged; one per data set.

Each registered paper has its own, for the data sets on which any of its methods ran.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

import pandas as pd

from aesbench.core.label import Label
from aesbench.core.phrasing import many, span
from aesbench.plugins.exhibit import (
    AUC,
    COUNT,
    HALF,
    SHARE,
    SIGNED,
    Evidence,
    Exhibit,
    Figure,
    Table,
    is_missing,
    p_value,
    shown,
)
from aesbench.plugins.paper import Paper, Place, Score
from aesbench.report.draw.intervals import draw_forest
from aesbench.report.statistics.contenders import BEST, Contender, competitions, differences
from aesbench.report.statistics.paired import CAPTION, FORMS, Comparison, family
from aesbench.report.statistics.scores import (
    GIVEN,
    RANDOM,
    REFERENCE,
    UNIFORM,
    best,
    mean_over_seeds,
    over_seeds,
    seed_means,
    spread,
)
from aesbench.report.statistics.verdicts import VERDICTS, tally, verdicts

Rows = Sequence[Contender]


NOBODYS = Paper("comparison", title="", citation="", line_up=(REFERENCE,))
"""In whose place methods stand that no paper lists, on data that none has numbers of."""


def build(evidence: Evidence) -> list[Exhibit]:
    """Return an exhibit per paper and data set on which models were retrained and tested."""
    everywhere = dict.fromkeys(place.dataset for place in competitions(evidence))
    of_papers = {paper: _datasets(evidence, paper) for paper in evidence.papers}
    of_papers[NOBODYS] = set(everywhere).difference(*of_papers.values())
    exhibits = []
    for paper, own in of_papers.items():
        for dataset in everywhere:
            rows = _rows(evidence, paper, dataset)
            ran = any(len(row.runs) for of_place in rows.values() for row in of_place)
            if dataset in own and ran:
                exhibits.append(_exhibit(evidence, paper, dataset, rows))
    return exhibits


def _datasets(evidence: Evidence, paper: Paper) -> set[str]:
    """Return the data sets on which methods of a paper ran, or that it has numbers of."""
    notions = (UNIFORM, RANDOM, GIVEN)
    own = [choice for choice in paper.line_up if Label.parse(choice).name not in notions]
    runs = evidence.runs
    known = {
        place.dataset
        for place in competitions(evidence)
        if paper.published_at(evidence.known(place))
    }
    return known | set(runs["dataset"][runs["retrained"] & runs["choice"].isin(own)])


def _rows(evidence: Evidence, paper: Paper, dataset: str) -> dict[Place, Rows]:
    """Return the contenders of each place of a data set."""
    found = competitions(evidence, [paper])
    return {place: rows for place, rows in found.items() if place.dataset == dataset}


def _exhibit(evidence: Evidence, paper: Paper, dataset: str, rows: Mapping[Place, Rows]) -> Exhibit:
    tables: list[Table] = []
    findings: list[str] = []
    for place, of_place in rows.items():
        judged = verdicts(evidence, paper, place, of_place)
        tables.append(_scores(evidence, paper, place, of_place))
        if len(judged):
            tables.append(_claims(evidence, paper, place, judged))
        for baseline in of_place:
            if baseline.key in (REFERENCE, BEST) and len(baseline.runs):
                tables += _differences(evidence, paper, place, of_place, baseline)
        findings += _findings(evidence, paper, place, of_place, judged)
    figure = _figure(evidence, paper, dataset, rows)
    runs = (run for of_place in rows.values() for row in of_place for run in row.runs["run_id"])
    return Exhibit(
        name=f"{paper.table}-{dataset}",
        title=f"{paper.heading}: {evidence.title(dataset)}",
        claim=f"{paper.title}: {paper.claim}" if paper.claim else "",
        findings=(*findings, *_relation(evidence, paper, dataset)),
        tables=tables,
        figures=() if figure is None else (figure,),
        runs=list(dict.fromkeys(runs)),
    )


def _scores(evidence: Evidence, paper: Paper, place: Place, rows: Rows) -> Table:
    """Return the scores of every row, the paper's beside them where it has the data set."""
    published = paper.published_at(evidence.known(place))
    auc, loss, model = (
        [over_seeds(row.runs, measure) for row in rows]
        for measure in ("test_auc", "test_logloss", "total_params")
    )
    whole = [size for row in rows if row.key == REFERENCE for size in row.runs["total_params"]]
    frame = pd.DataFrame(
        {
            "method": [row.key for row in rows],
            "seeds": [one.n if one else 0 for one in auc],
            **spread("AUC", auc),
            **spread("LogLoss", loss),
            "embedding params": [mean_over_seeds(row.runs, "embedding_params") for row in rows],
            "P-R embedding": [mean_over_seeds(row.runs, "param_reduction") for row in rows],
            "P-R model": [1 - m.mean / whole[0] if m and whole else None for m in model],
        },
        dtype=object,
    )
    if published:
        beside = [published.get(row.key, Score()) for row in rows]
        frame["paper AUC"] = [score.auc for score in beside]
        frame["paper LogLoss"] = [score.logloss for score in beside]
        frame["paper P-R"] = [score.reduction for score in beside]
    forms = {name: HALF if name.endswith("95 %") else AUC for name in frame.columns[2:8]}
    forms |= {name: SHARE for name in frame.columns if "P-R" in name}
    return Table(
        name=f"{paper.table}-{place.dataset}-{place.backbone}",
        title=f"Scores on {evidence.place(place)}",
        caption=(
            "AUC and LogLoss on the test split: mean over seeds, standard deviation, and half the"
            " width of Student's 95 % interval of the mean. P-R: parameters saved against UES-32."
            " Best mean in bold. The best UES is chosen by its mean validation AUC."
            + (" The paper gives neither n nor spread." if published else "")
        ),
        frame=frame,
        forms={**forms, "embedding params": COUNT, "paper AUC": AUC, "paper LogLoss": AUC},
        texts={"method": [row.name for row in rows], "seeds": _seeds(rows, frame["seeds"])},
        bold={"AUC": best(frame["AUC"]), "LogLoss": best(frame["LogLoss"], least=True)},
    )


def _seeds(rows: Rows, counts: Iterable[int]) -> list[str]:
    """Return how many seeds there are, and how many runs failed."""
    return [
        f"{count} (+{row.failed} failed)" if row.failed else str(count)
        for row, count in zip(rows, counts, strict=True)
    ]


def _differences(
    evidence: Evidence, paper: Paper, place: Place, rows: Rows, baseline: Contender
) -> list[Table]:
    """Return the paired differences of both metrics from a row."""
    # The best UES is one of the sizes, so one of the rows may be the baseline by another name.
    others = [row for row in rows if row.label != baseline.label or row.label is None]
    tables = []
    for metric, measure, better in (
        ("AUC", "test_auc", "Above 0 is better."),
        ("LogLoss", "test_logloss", "Below 0 is better."),
    ):
        found = differences([*others, baseline], baseline.key, measure)
        against = "ues32" if baseline.key == REFERENCE else baseline.key
        tables.append(
            Table(
                name=f"{paper.table}-{place.dataset}-{place.backbone}"
                f"-{metric.lower()}-vs-{against}",
                title=f"{metric} minus that of {baseline.name}, on {evidence.place(place)}",
                caption=f"{better} {CAPTION.format(family=family(found))}",
                frame=found.rename_axis("method").reset_index(),
                forms=FORMS,
                texts={"method": [row.name for row in others]},
                detail=True,
            )
        )
    return tables


def _claims(evidence: Evidence, paper: Paper, place: Place, judged: pd.DataFrame) -> Table:
    """Return the paper's claims with our differences and verdicts."""
    columns = {"difference": "ours", "95 % low": "95 % low", "95 % high": "95 % high"}
    names = ["claim", "verdict", "paper", *columns, "pairs", "Holm p", "detectable"]
    return Table(
        name=f"{paper.table}-{place.dataset}-{place.backbone}-claims",
        title=f"The paper's claims, on {evidence.place(place)}",
        caption=(
            f"{VERDICTS} Differences of AUC, or of the share of parameters saved; paired by seed,"
            " Student's 95 % interval, two-sided t-test, Holm over the claims of this table."
            " Detectable: as in the tables of differences. Published differences are of single"
            " means in the paper's table."
        ),
        frame=judged[names].rename(columns=columns),
        forms={**FORMS, "paper": SIGNED, "ours": SIGNED},
    )


def _findings(
    evidence: Evidence, paper: Paper, place: Place, rows: Rows, judged: pd.DataFrame
) -> list[str]:
    """Say which method has the highest mean AUC, by how much, and what became of the claims."""
    where = evidence.title(place.backbone)
    scored = [(found, row) for row in rows if (found := over_seeds(row.runs, "test_auc"))]
    summary, first = max(scored, key=lambda pair: pair[0].mean)
    texts = [
        f"{where}: {first.name} has the highest mean AUC, {summary.mean:.4f} (n = {summary.n})"
    ]
    for row in rows:
        if row.key in (REFERENCE, BEST) and row.label not in (None, first.label):
            one = differences(rows, row.key, "test_auc").to_dict("index")[first.key]
            if one["pairs"]:
                texts.append(f"{_with_interval(one)} against {row.name}")
    sentences = ["; ".join(texts) + "."]
    if len(judged):
        sentences.append(
            f"{where}, {paper.title}'s {many(len(judged), 'claim')}: {tally(judged['verdict'])}."
        )
    return sentences


def _with_interval(one: Comparison) -> str:
    """Return a difference with its interval and p-value, in words."""
    text = shown(one["difference"], SIGNED)
    if one["95 % low"] is not None:
        text += f" [{shown(one['95 % low'], SIGNED)}, {shown(one['95 % high'], SIGNED)}]"
        text += f" (Holm p {shown(one['Holm p'], p_value)})"
    return text


def _relation(evidence: Evidence, paper: Paper, dataset: str) -> tuple[str, ...]:
    """Say what the published numbers beside ours are worth."""
    if any(place.dataset == dataset for place in paper.published):
        return ()
    if not paper.title:
        return ()
    if relative := paper.relatives.get(dataset):
        return (
            f"{paper.title} has no {evidence.title(dataset)}: its"
            f" {evidence.title(relative.theirs)} numbers stand beside ours, and this is a near"
            f" relative, {relative.what}. Compare differences, not levels.",
        )
    return (f"{paper.title} does not have these data, so nothing published stands beside them.",)


def _figure(
    evidence: Evidence, paper: Paper, dataset: str, rows: Mapping[Place, Rows]
) -> Figure | None:
    """Draw every method's AUC difference from the reference, a panel per backbone."""
    lanes = {
        _lane(row): row.key
        for of_place in rows.values()
        for row in of_place
        if row.key not in (REFERENCE, BEST)
    }
    parts, drawn = [], []
    for place, of_place in rows.items():
        panel = evidence.title(place.backbone)
        found = differences(of_place, REFERENCE, "test_auc")
        keys = {_lane(row): row.key for row in of_place}
        own = found.reindex([keys.get(lane, "") for lane in lanes]).astype(object)
        own.insert(0, "method", list(lanes.values()))
        own.insert(0, "backbone", panel)
        own["pairs"] = [0 if is_missing(count) else count for count in own["pairs"]]
        parts.append(own)
        scores = {row.key: seed_means(row.runs, "test_auc") for row in of_place}
        for lane, key in keys.items():
            if lane in lanes:
                gaps = (scores[key] - scores[REFERENCE]).dropna()
                drawn.append(pd.DataFrame({"panel": panel, "name": lane, "value": gaps}))
    data = pd.concat(parts, ignore_index=True)
    if not data["pairs"].any():
        return None
    name = f"{paper.table}-{dataset}-differences"
    title = f"AUC differences from UES-32 on {evidence.title(dataset)}"
    return Figure(
        name=name,
        title=title,
        caption=(
            "Test AUC minus that of UES-32, paired by seed: mean and Student's 95 % interval, n ="
            f" {span(int(n) for n in data['pairs'] if n)} pairs. Right of the line is better than"
            " UES-32."
        ),
        alternative=f"{title}: a line per method, its interval left or right of 0.",
        data=Table(name, title, "", data, FORMS, {"method": [*lanes] * len(rows)}),
        draw=partial(
            draw_forest,
            differences=pd.concat(drawn, ignore_index=True),
            panels=[evidence.title(place.backbone) for place in rows],
            looks={lane: evidence.look(key) for lane, key in lanes.items()},
            unit="AUC difference from UES-32",
        ),
        size=(8.0, 0.8 + 0.3 * len(lanes)),
    )


def _lane(row: Contender) -> str:
    """Return the line of the figure that a row has in every panel."""
    is_other = row.label is not None and row.key.startswith(f"{REFERENCE}+")
    return "UES-32, other unification" if is_other else row.name
