"""The comparison of all that ran, one per data set, and papers' main tables as views of it.

A paper's table has its line-up, whether it ran or not, the published numbers and its claims judged;
it is made of the papers that a report was asked for.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial

import pandas as pd

from aesbench.core.phrasing import many, runs_in_words, span
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
from aesbench.report.statistics.contenders import (
    BEST,
    Contender,
    competitions,
    differences,
    line_up,
)
from aesbench.report.statistics.gains import MASKED
from aesbench.report.statistics.headroom import (
    NO_HEADROOM,
    RECOVERED,
    Recovered,
    shares_everywhere,
)
from aesbench.report.statistics.leaders import firsts, leader
from aesbench.report.statistics.paired import CAPTION, FORMS, Comparison, family
from aesbench.report.statistics.probes import RATE_TABLE, probes
from aesbench.report.statistics.scores import (
    REFERENCE,
    by_dataset,
    mean_over_seeds,
    over_seeds,
    seed_means,
    spread,
)
from aesbench.report.statistics.verdicts import VERDICTS, tally, verdicts

Rows = Sequence[Contender]

EVERYONE = Paper("aesbench", title="", citation="", line_up=(REFERENCE,))
"""Whose table it is that holds whatever ran."""


INT8 = (
    "AUC int8: of the same models with their tables rounded to eight bits after training, a scale"
    " per row; int8 bytes: what these tables take, where a float32 parameter takes four."
)


def build(evidence: Evidence) -> list[Exhibit]:
    """Return an exhibit per data set on which models were retrained, and one for each view."""
    exhibits = []
    for paper in (EVERYONE, *evidence.views):
        found = competitions(evidence) if paper is EVERYONE else line_up(evidence, paper)
        for dataset, members in by_dataset(found).items():
            rows = {place: found[place] for place in members}
            if any(len(row.runs) for of_place in rows.values() for row in of_place):
                exhibits.append(_exhibit(evidence, paper, dataset, rows))
    return exhibits


def _exhibit(evidence: Evidence, paper: Paper, dataset: str, rows: Mapping[Place, Rows]) -> Exhibit:
    tables: list[Table] = []
    findings: list[str] = []
    for place, of_place in rows.items():
        judged = verdicts(evidence, paper, place, of_place)
        scores = _scores(evidence, paper, place, of_place)
        if paper is EVERYONE:  # A paper's table is its line-up's.
            scores = _with_rate_table(evidence, place, scores)
        tables.append(scores)
        if len(judged):
            tables.append(_claims(evidence, paper, place, judged))
        for baseline in of_place:
            if _is_baseline(evidence, baseline) and len(baseline.runs):
                tables += _differences(evidence, paper, place, of_place, baseline)
        findings += _findings(evidence, paper, place, of_place, judged)
    figure = _figure(evidence, paper, dataset, rows)
    runs = (run for of_place in rows.values() for row in of_place for run in row.runs["run_id"])
    return Exhibit(
        name=f"{_name(paper)}-{dataset}",
        title=f"{paper.heading}: {evidence.title(dataset)}",
        claim=paper.told(paper.claim),
        findings=(*findings, *_relation(evidence, paper, dataset)),
        tables=tables,
        figures=() if figure is None else (figure,),
        runs=list(dict.fromkeys(runs)),
    )


def _name(paper: Paper) -> str:
    """Return how the files of a table begin."""
    return "comparison" if paper is EVERYONE else paper.table or paper.name


def _scores(evidence: Evidence, paper: Paper, place: Place, rows: Rows) -> Table:
    """Return the scores of every row, the paper's beside them where it has the data set."""
    published = paper.published_at(evidence.known(place))
    auc, loss, model = (
        [over_seeds(row.runs, measure) for row in rows]
        for measure in ("test_auc", "test_logloss", "total_params")
    )
    sizes = [size for row in rows if row.key == REFERENCE for size in row.runs["total_params"]]
    whole = sum(sizes) / len(sizes) if sizes else 0  # Draws of the split differ in it.
    of_masks = {
        name: [mean_over_seeds(row.runs, measure) for row in rows]
        for name, measure in (("kept values", "kept_values"), ("index bytes", "index_bytes"))
        if any(row.runs[measure].notna().any() for row in rows)
    }
    frame = pd.DataFrame(
        {
            "method": [row.key for row in rows],
            "seeds": [one.n if one else 0 for one in auc],
            **spread("AUC", auc),
            **spread("LogLoss", loss),
            "embedding params": [mean_over_seeds(row.runs, "embedding_params") for row in rows],
            **of_masks,
            "P-R embedding": [mean_over_seeds(row.runs, "param_reduction") for row in rows],
            "P-R model": [1 - m.mean / whole if m and whole else None for m in model],
        },
        dtype=object,
    )
    if published:
        beside = [published.get(row.key, Score()) for row in rows]
        frame["paper AUC"] = [score.auc for score in beside]
        frame["paper LogLoss"] = [score.logloss for score in beside]
        frame["paper P-R"] = [score.reduction for score in beside]
    quantised = [_over_all(row.runs, "int8_auc") for row in rows]
    if any(one is not None for one in quantised):
        frame["AUC int8"] = quantised
        frame["int8 bytes"] = [_over_all(row.runs, "int8_bytes") for row in rows]
    shares = shares_everywhere(evidence).get(place)
    if shares is not None:
        found = [shares.get(row.key) for row in rows]
        known = [one if isinstance(one, Recovered) else None for one in found]
        frame["headroom recovered"] = [one.share if one else None for one in known]
        frame["recovered low"] = [one.low if one else None for one in known]
        frame["recovered high"] = [one.high if one else None for one in known]
    forms = {name: HALF if name.endswith("95 %") else AUC for name in frame.columns[2:8]}
    forms |= {name: SHARE for name in frame.columns if "P-R" in name or "recovered" in name}
    return Table(
        name=f"{_name(paper)}-{place.dataset}-{place.backbone}",
        title=f"Scores on {evidence.place(place)}",
        caption=(
            "AUC and LogLoss on the test split: mean over seeds, standard deviation, and half the"
            " width of Student's 95 % interval of the mean. P-R: parameters saved against UES-32."
            " In bold the best mean over the seeds that methods share. The best UES is chosen by"
            " its mean validation AUC."
            + (f" {paper.title} gives neither n nor spread." if published else "")
            + (f" {INT8}" if "AUC int8" in frame else "")
            + (f" {MASKED}" if of_masks else "")
            + (f" {RECOVERED}" if shares is not None else "")
        ),
        frame=frame,
        forms={
            **forms,
            **dict.fromkeys(("embedding params", "int8 bytes", *of_masks), COUNT),
            **{"AUC int8": AUC, "paper AUC": AUC, "paper LogLoss": AUC},
        },
        texts={
            "method": [row.name for row in rows],
            "seeds": [
                runs_in_words(n, row.failed) for n, row in zip(frame["seeds"], rows, strict=True)
            ],
            **(
                {
                    "headroom recovered": [
                        NO_HEADROOM if one == NO_HEADROOM else shown(share, SHARE)
                        for one, share in zip(found, frame["headroom recovered"], strict=True)
                    ]
                }
                if shares is not None
                else {}
            ),
        },
        bold={
            "AUC": _marks(rows, firsts(_runs(rows), "test_auc")),
            "LogLoss": _marks(rows, firsts(_runs(rows), "test_logloss", least=True)),
        },
    )


def _over_all(runs: pd.DataFrame, measure: str) -> float | None:
    """Return the mean over seeds of what every run of a row has, else None.

    Over some of its seeds it would stand beside a mean over others.
    """
    return mean_over_seeds(runs, measure) if runs[measure].notna().all() else None


def _with_rate_table(evidence: Evidence, place: Place, scores: Table) -> Table:
    """Return the scores with a last row for what needs no model, if the data set has a probe."""
    probe = probes(evidence).get(place.dataset)
    if probe is None or probe.best is None:
        return scores
    known: dict[str, object] = {"method": RATE_TABLE, "AUC": probe.best.test_auc}
    last = pd.DataFrame([{name: known.get(str(name)) for name in scores.frame}], dtype=object)
    frame = pd.concat([scores.frame, last], ignore_index=True)
    return replace(
        scores,
        frame=frame,
        caption=(
            f"{scores.caption} The last row is no method and in no ranking or test: a table of"
            f" train's rates over {probe.best.title}, chosen on validation."
        ),
        texts={
            "method": [*scores.texts["method"], RATE_TABLE],
            "seeds": [*scores.texts["seeds"], shown(None)],
        },
        bold={name: [*marks, False] for name, marks in scores.bold.items()},
    )


def _differences(
    evidence: Evidence, paper: Paper, place: Place, rows: Rows, baseline: Contender
) -> list[Table]:
    """Return the paired differences of both metrics from a row."""
    # The best UES is one of the sizes: a row by another name, or the baseline by another name.
    known = {row.key for row in rows}
    others = [
        row
        for row in rows
        if row.label is None
        or (row.label != baseline.label and (row.key != BEST or row.label not in known))
    ]
    tables = []
    for metric, measure, better in (
        ("AUC", "test_auc", "Above 0 is better."),
        ("LogLoss", "test_logloss", "Below 0 is better."),
    ):
        found = differences([*others, baseline], baseline.key, measure)
        against = "ues32" if baseline.key == REFERENCE else baseline.key
        tables.append(
            Table(
                name=f"{_name(paper)}-{place.dataset}-{place.backbone}"
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
        name=f"{_name(paper)}-{place.dataset}-{place.backbone}-claims",
        title=f"The claims of {paper.title}, on {evidence.place(place)}",
        caption=(
            f"{VERDICTS} Differences of AUC, or of the share of parameters saved; paired by seed,"
            " Student's 95 % interval, two-sided t-test, Holm over the claims of this table."
            " Detectable: as in the tables of differences. Published differences are of single"
            f" means in the table of {paper.title}."
        ),
        frame=judged[names].rename(columns=columns),
        forms={**FORMS, "paper": SIGNED, "ours": SIGNED},
    )


def _findings(
    evidence: Evidence, paper: Paper, place: Place, rows: Rows, judged: pd.DataFrame
) -> list[str]:
    """Say who leads over common seeds, by how much, and what became of the claims."""
    where = evidence.title(place.backbone)
    names = {row.key: row.name for row in rows}
    lead = leader(_runs(rows), "test_auc")
    texts = [] if lead is None else [f"{where}: {lead.in_words(names.__getitem__)}"]
    first = lead.first[0] if lead and len(lead.first) == 1 else None
    for row in rows if first else ():
        if _is_baseline(evidence, row) and first not in (row.key, row.label) and row.label:
            one = differences(rows, row.key, "test_auc").to_dict("index")[first]
            # Over the seeds of this pair it may not lead.
            if one["pairs"] and round(one["difference"], 4) > 0:
                texts.append(f"{_with_interval(one)} against {row.name}")
    sentences = ["; ".join(texts) + "."] if texts else []
    if len(judged):
        sentences.append(
            f"{where}, {many(len(judged), 'claim')} of {paper.title}: {tally(judged['verdict'])}."
        )
    return sentences


def _with_interval(one: Comparison) -> str:
    """Return a difference with its interval and p-value, in words."""
    text = shown(one["difference"], SIGNED)
    if one["95 % low"] is not None:
        text += f" [{shown(one['95 % low'], SIGNED)}, {shown(one['95 % high'], SIGNED)}]"
    if one["Holm p"] is not None:
        text += f" (Holm p {shown(one['Holm p'], p_value)})"
    return text


def _runs(rows: Rows) -> dict[str, pd.DataFrame]:
    """Return what each row has to compare; the best uniform size only if it is no other row."""
    keys = {row.key for row in rows}
    return {row.key: row.runs for row in rows if row.key != BEST or row.label not in keys}


def _marks(rows: Rows, first: Collection[str]) -> list[bool]:
    """Return which rows lead, by either of their names."""
    return [row.key in first or row.label in first for row in rows]


def _is_baseline(evidence: Evidence, row: Contender) -> bool:
    """Whether the others are held against a row: the one asked for, or uniform sizes."""
    return row.key == evidence.baseline if evidence.baseline else row.key in (REFERENCE, BEST)


def _relation(evidence: Evidence, paper: Paper, dataset: str) -> tuple[str, ...]:
    """Say what the published numbers beside ours are worth."""
    known = evidence.known(Place(dataset, "")).dataset
    if not paper.title or any(place.dataset == known for place in paper.published):
        return ()
    if relative := paper.relatives.get(known):
        return (
            f"{paper.title} has no {evidence.title(dataset)}: its"
            f" {evidence.title(relative.theirs)} numbers stand beside ours, and this is a near"
            f" relative, {relative.what}. Compare differences, not levels.",
        )
    return (f"{paper.title} does not have these data, so nothing published stands beside them.",)


def _figure(
    evidence: Evidence, paper: Paper, dataset: str, rows: Mapping[Place, Rows]
) -> Figure | None:
    """Draw every method's AUC difference from the baseline, a panel per backbone."""
    baseline = evidence.baseline or REFERENCE
    against = evidence.method(baseline)
    lanes = {
        _lane(row): row.key
        for of_place in rows.values()
        for row in of_place
        if row.key not in (baseline, BEST)
    }
    parts, drawn = [], []
    for place, of_place in rows.items():
        panel = evidence.title(place.backbone)
        found = differences(of_place, baseline, "test_auc")
        keys = {_lane(row): row.key for row in of_place}
        own = found.reindex([keys.get(lane, "") for lane in lanes]).astype(object)
        own.insert(0, "method", list(lanes.values()))
        own.insert(0, "backbone", panel)
        own["pairs"] = [0 if is_missing(count) else count for count in own["pairs"]]
        parts.append(own)
        scores = {row.key: seed_means(row.runs, "test_auc") for row in of_place}
        for lane, key in keys.items():
            if lane in lanes:
                gaps = (scores[key] - scores.get(baseline, scores[key][:0])).dropna()
                drawn.append(pd.DataFrame({"panel": panel, "name": lane, "value": gaps}))
    data = pd.concat(parts, ignore_index=True)
    if not data["pairs"].any():
        return None
    name = f"{_name(paper)}-{dataset}-differences"
    title = f"AUC differences from {against} on {evidence.title(dataset)}"
    return Figure(
        name=name,
        title=title,
        caption=(
            f"Test AUC minus that of {against}, paired by seed: mean and Student's 95 % interval,"
            f" n = {span(int(n) for n in data['pairs'] if n)} pairs. Right of the line is better"
            f" than {against}."
        ),
        alternative=f"{title}: a line per method, its interval left or right of 0.",
        data=Table(name, title, "", data, FORMS, {"method": [*lanes] * len(rows)}),
        draw=partial(
            draw_forest,
            differences=pd.concat(drawn, ignore_index=True),
            panels=[evidence.title(place.backbone) for place in rows],
            looks={lane: evidence.look(key) for lane, key in lanes.items()},
            unit=f"AUC difference from {against}",
        ),
        size=(8.0, 0.8 + 0.3 * len(lanes)),
    )


def _lane(row: Contender) -> str:
    """Return the line of the figure that a row has in every panel."""
    is_other = row.label is not None and row.key.startswith(f"{REFERENCE}+")
    return "UES-32, other unification" if is_other else row.name
