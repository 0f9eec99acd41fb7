"""Methods at equal parameters: under one budget, only the choice of sizes is left to differ.

Papers compare methods of whatever size they come to. Random sizes tell what the parameters alone
are worth, a uniform size what not searching at all would have given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from aesbench.core.label import Label
from aesbench.core.phrasing import listed, many, span
from aesbench.core.spec import REFERENCE_DIM
from aesbench.plugins.exhibit import AUC, COUNT, HALF, SHARE, Evidence, Exhibit, Figure, Look, Table
from aesbench.plugins.paper import Place
from aesbench.plugins.study import reproduce_commands
from aesbench.report.draw.intervals import BAR_CAPTION, draw_groups
from aesbench.report.draw.legend import look_keys, outside_legend
from aesbench.report.draw.theme import LABEL
from aesbench.report.statistics.leaders import CLEARLY, Lead, leader
from aesbench.report.statistics.paired import CAPTION, FORMS, clear, versus
from aesbench.report.statistics.scores import (
    RANDOM,
    UNIFORM,
    by_dataset,
    by_method,
    compared,
    over_seeds,
    places,
    seed_means,
    spread,
    uniform_of,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas


@dataclass(frozen=True, eq=False)
class Match:
    """The methods that ran under one budget.

    Attributes:
        share: of the reference's embedding parameters.
        uniform: the uniform size that takes as much; empty if there is none.
        methods: {method: its successful runs}, the uniform size first, on the seeds of the others,
            random sizes last.
    """

    share: float
    uniform: str
    methods: Mapping[str, pd.DataFrame]

    def versus(self, baseline: str) -> pd.DataFrame:
        """Return every other method's test AUC minus the baseline's, corrected by Holm."""
        scores = {name: seed_means(own, "test_auc") for name, own in self.methods.items()}
        return versus(scores, baseline)

    def lead(self) -> Lead | None:
        """Return who leads by test AUC, over the seeds that all have."""
        return leader(self.methods, "test_auc")


def build(evidence: Evidence) -> list[Exhibit]:
    """Return an exhibit per data set on which a method was retrained under a budget."""
    found = {
        place: matches
        for place, runs in places(compared(evidence.runs))
        if (matches := _match(runs))
    }
    return [
        _exhibit(evidence, dataset, {place: found[place] for place in members})
        for dataset, members in by_dataset(found).items()
    ]


def _match(runs: pd.DataFrame) -> list[Match]:
    """Return the budgets of one place, ascending, with every method of any of them in each."""
    labels = {name: Label.parse(name) for name in runs["method"].unique()}
    budgeted = runs[
        [
            labels[m].share is not None and labels[m].without("share").is_plain
            for m in runs["method"]
        ]
    ]
    names = sorted(budgeted["choice"].unique(), key=lambda name: name == RANDOM)  # In their order.
    uniform_runs = by_method(runs[runs["base_method"] == UNIFORM])
    result = []
    for share in sorted(budgeted["budget_share"].unique()):
        own = budgeted[budgeted["budget_share"] == share]
        uniform = uniform_of(share) or ""
        methods = {name: own[own["choice"] == name] for name in names}
        # Other studies may have given the uniform sizes seeds that no method has here.
        even = uniform_runs.get(uniform, runs.iloc[:0])
        equal = {uniform: even[even["seed"].isin(own["seed"])]} if uniform else {}
        result.append(Match(float(share), uniform, {**equal, **methods}))
    return result


def _exhibit(evidence: Evidence, dataset: str, found: Mapping[Place, Sequence[Match]]) -> Exhibit:
    tables: list[Table] = []
    figures = []
    for place, matches in found.items():
        scores = _scores(evidence, place, matches)
        figures.append(_figure(evidence, place, matches, scores))
        tables += [
            scores,
            _differences(evidence, place, matches, "random", "random sizes"),
            _differences(
                evidence, place, matches, "uniform", "the uniform size of as many parameters"
            ),
        ]
    runs = [own for matches in found.values() for m in matches for own in m.methods.values()]
    return Exhibit(
        name=f"matched-{dataset}",
        title=f"Methods at equal parameters: {evidence.title(dataset)}",
        claim="",
        findings=[f for place, m in found.items() for f in _findings(evidence, place, m)],
        tables=tables,
        figures=figures,
        reproduce=reproduce_commands("matched", map(evidence.known, found)),
        runs=list(dict.fromkeys(pd.concat(runs)["run_id"])),
    )


def _scores(evidence: Evidence, place: Place, matches: Sequence[Match]) -> Table:
    lines = [(match, name, own) for match in matches for name, own in match.methods.items()]
    auc = [over_seeds(own, "test_auc") for _, _, own in lines]
    frame = pd.DataFrame(
        {
            "method": [name for _, name, _ in lines],
            "budget": [match.share for match, _, _ in lines],
            "used": [_used(own) for _, _, own in lines],
            "seeds": [one.n if one else 0 for one in auc],
            **spread("AUC", auc),
            **spread("LogLoss", [over_seeds(own, "test_logloss") for _, _, own in lines]),
        },
        dtype=object,
    )
    leads = [match.lead() for match in matches]
    bold = [
        bool(lead and name in lead.first)
        for match, lead in zip(matches, leads, strict=True)
        for name in match.methods
    ]
    frame = frame.rename(
        columns={"AUC SD": "SD", "AUC 95 %": "95 %"}
        | {f"LogLoss {end}": f"LogLoss: {end}" for end in ("SD", "95 %")}
    )
    forms = {name: HALF if name.endswith("95 %") else AUC for name in frame.columns[4:]}
    return Table(
        name=f"matched-{place.dataset}-{place.backbone}",
        title=f"Scores at equal parameters: {evidence.place(place)}",
        caption=(
            "Budget: the most embedding parameters, as a share of UES-32's; used: the mean share"
            " that methods took. AUC and LogLoss on test, mean, standard deviation and half of"
            " Student's 95 % interval over seeds; in bold the best AUC of each budget, by the mean"
            " over the seeds that its methods share."
            f" {CLEARLY}"
        ),
        frame=frame,
        forms={**forms, "budget": SHARE, "used": SHARE, "seeds": COUNT},
        texts={"method": [evidence.method(name) for _, name, _ in lines]},
        bold={"AUC": bold},
    )


def _differences(
    evidence: Evidence, place: Place, matches: Sequence[Match], kind: str, words: str
) -> Table:
    parts = []
    for match in matches:
        found = match.versus(RANDOM if kind == "random" else match.uniform)
        found.insert(0, "budget", match.share)
        parts.append(found.rename_axis("method").reset_index())
    frame = pd.concat(parts, ignore_index=True)
    caption = CAPTION.replace("of this table", "of a budget")
    return Table(
        name=f"matched-versus-{kind}-{place.dataset}-{place.backbone}",
        title=f"Test AUC against {words}: {evidence.place(place)}",
        caption=caption.format(family=max(map(len, parts))),
        frame=frame,
        forms={**FORMS, "budget": SHARE},
        texts={"method": [evidence.method(name) for name in frame["method"]]},
        detail=True,
    )


def _figure(evidence: Evidence, place: Place, matches: Sequence[Match], data: Table) -> Figure:
    names = {name: _name(evidence, name) for match in matches for name in match.methods}
    scores = [
        pd.DataFrame(
            {
                "group": f"{match.share:.0%}",
                "name": names[name],
                "value": seed_means(own, "test_auc"),
            }
        )
        for match in matches
        for name, own in match.methods.items()
        if len(own)
    ]
    missing = [
        f"{evidence.method(name)} at {match.share:.0%}"
        for match in matches
        for name, own in match.methods.items()
        if not len(own)
    ]
    absent = f" Missing: {', '.join(missing)}." if missing else ""
    return Figure(
        name=f"matched-{place.dataset}-{place.backbone}",
        title=data.title,
        caption=(
            "Test AUC by budget, a share of UES-32's embedding parameters (dashed lines); within a"
            " budget methods stand side by side, not by what they used."
            f" {BAR_CAPTION}, n = {span(int(n) for n in data.frame['seeds'] if n)} seeds.{absent}"
        ),
        alternative=" ".join(_findings(evidence, place, matches)) or data.title,
        data=data,
        draw=partial(
            _draw,
            scores=pd.concat(scores, ignore_index=True),
            groups=[f"{match.share:.0%}" for match in matches],
            looks={text: evidence.look(name) for name, text in names.items()},
        ),
        size=(9.0, 4.6),
    )


def _draw(
    figure: Canvas, scores: pd.DataFrame, groups: Sequence[str], looks: Mapping[str, Look]
) -> None:
    axis = figure.subplots()
    draw_groups(axis, scores, groups, looks)
    axis.set_xlabel("budget, % of UES-32's embedding parameters", fontsize=LABEL)
    axis.set_ylabel("test AUC", fontsize=LABEL)
    outside_legend(figure, look_keys(looks))


def _name(evidence: Evidence, name: str) -> str:
    is_uniform = Label.parse(name).name == UNIFORM
    return "UES of that size" if is_uniform else evidence.method(name)


def _findings(evidence: Evidence, place: Place, matches: Sequence[Match]) -> list[str]:
    findings = []
    for match in matches:
        texts = []
        if lead := match.lead():
            texts.append(lead.in_words(evidence.method))
        found = match.versus(RANDOM)
        better = found[clear(found) & (found["difference"].astype(float) > 0)].index
        if known := int(found["Holm p"].notna().sum()):
            who = listed(map(evidence.method, better)) if len(better) else "none"
            texts.append(
                f"of {many(known, 'method')} held against random sizes, these beat them clearly"
                f" (Holm-corrected p below .05): {who}"
            )
        if texts:
            where = f"{evidence.place(place)}, {match.share:.0%} of UES-32's parameters"
            findings.append(f"{where}: {'; '.join(texts)}.")
    return findings


def _used(runs: pd.DataFrame) -> float | None:
    shares = runs["embedding_params"] / (REFERENCE_DIM * runs["table_rows"])
    return float(shares.mean()) if len(runs) else None
