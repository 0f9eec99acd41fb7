"""AUC against embedding parameters: every method, every budget, and the front that none beats."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from aesbench.core.label import Label
from aesbench.core.phrasing import many, span
from aesbench.plugins.exhibit import AUC, COUNT, HALF, SHARE, Evidence, Exhibit, Figure, Look, Table
from aesbench.plugins.paper import Place
from aesbench.report.draw.intervals import BAR_CAPTION
from aesbench.report.draw.legend import ground_key, look_keys, outside_legend, stroke_keys
from aesbench.report.draw.scatter import draw_gains
from aesbench.report.draw.theme import GREY, LABEL, Stroke
from aesbench.report.statistics.contenders import judged
from aesbench.report.statistics.pareto_front import pareto_front
from aesbench.report.statistics.scores import (
    UNIFORM,
    by_dataset,
    by_method,
    compared,
    mean_over_seeds,
    over_seeds,
    places,
    seed_means,
    spread,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

LEAST_METHODS = 3
UES = "UES"
"""What a legend calls all uniform sizes together."""


def build(evidence: Evidence) -> list[Exhibit]:
    """Return an exhibit per data set on which at least three labels were retrained."""
    runs = compared(evidence.runs)
    runs = runs[~runs["method"].isin(evidence.apart)]
    found = {}
    for place, own in places(runs):
        # Many given sizes are the ground, and on no front: of many tried, the best is so by chance.
        rows = judged(own)
        points = _points(rows)
        if len(points) >= LEAST_METHODS:
            ground = own[~own["run_id"].isin(rows["run_id"])]
            found[place] = _on_front(points, own), _points(ground), rows
    return [
        _exhibit(evidence, dataset, {place: found[place] for place in members})
        for dataset, members in by_dataset(found).items()
    ]


def _points(runs: pd.DataFrame) -> pd.DataFrame:
    """Return what the runs of each label come to, by parameters."""
    groups = by_method(runs)
    auc = [over_seeds(own, "test_auc") for own in groups.values()]
    points = pd.DataFrame(
        {
            "method": list(groups),
            "seeds": [one.n if one else 0 for one in auc],
            "embedding params": [mean_over_seeds(o, "embedding_params") for o in groups.values()],
            "P-R": [mean_over_seeds(o, "param_reduction") for o in groups.values()],
            **spread("AUC", auc),
        },
    ).rename(columns={"AUC SD": "SD", "AUC 95 %": "95 %"})
    return points.sort_values(["embedding params", "method"], ignore_index=True)


def _on_front(points: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """Return the points with a mark on those of the front."""
    groups = by_method(runs)
    costs, gains = (
        pd.DataFrame({label: seed_means(groups[label], measure) for label in points["method"]})
        for measure in ("embedding_params", "test_auc")
    )
    return points.assign(front=["yes" if is_on else "" for is_on in pareto_front(costs, gains)])


Found = Mapping[Place, tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]]
"""{place: its points, those of given sizes, the runs of the first}."""


def _exhibit(evidence: Evidence, dataset: str, found: Found) -> Exhibit:
    tables = {place: _table(evidence, place, points) for place, (points, _, _) in found.items()}
    return Exhibit(
        name=f"pareto-{dataset}",
        title=f"AUC against parameters: {evidence.title(dataset)}",
        claim="",
        findings=[_finding(evidence, place, points) for place, (points, _, _) in found.items()],
        tables=list(tables.values()),
        figures=[_figure(evidence, place, *found[place], tables[place]) for place in found],
        runs=[run for _, _, own in found.values() for run in own["run_id"]],
    )


def _table(evidence: Evidence, place: Place, points: pd.DataFrame) -> Table:
    return Table(
        name=f"pareto-{place.dataset}-{place.backbone}",
        title=f"AUC against embedding parameters: {evidence.place(place)}",
        caption=(
            "Test AUC: mean, standard deviation and half of Student's 95 % interval over seeds;"
            " embedding parameters: mean over seeds; P-R: saved against UES-32. Front: over the"
            " seeds that both have, no other has on the mean as few parameters and as high an AUC;"
            " which of several close ones is on it is chance."
        ),
        frame=points,
        forms={
            "seeds": COUNT,
            "embedding params": COUNT,
            "P-R": SHARE,
            "AUC": AUC,
            "SD": AUC,
            "95 %": HALF,
        },
        texts={"method": [evidence.method(label) for label in points["method"]]},
        bold={"AUC": list(points["front"] == "yes")},
        detail=True,
    )


def _figure(
    evidence: Evidence,
    place: Place,
    points: pd.DataFrame,
    given: pd.DataFrame,
    runs: pd.DataFrame,
    data: Table,
) -> Figure:
    names = {
        label: _family(evidence, label)
        for label in sorted(points["method"], key=list(runs["method"].unique()).index)
    }
    costs = points.set_index("method")["embedding params"]
    scores = [
        pd.DataFrame(
            {
                "point": label,
                "name": names[label],
                "cost": costs[label],
                "value": seed_means(own, "test_auc"),
            }
        )
        for label, own in by_method(runs).items()
    ]
    ground = ""
    if len(given):
        ground = (
            f" Small dots: {many(len(given), 'allocation')} that no method chose, such as random"
            f" ones, n = {given['seeds'].min()} or more each."
        )
    columns = {"embedding params": "cost", "AUC": "value"}
    return Figure(
        name=f"pareto-{place.dataset}-{place.backbone}",
        title=data.title,
        caption=(
            f"Test AUC over embedding parameters (logarithmic). {BAR_CAPTION}, n ="
            f" {span(map(int, points['seeds']))} seeds; line: through the Pareto front."
            " Several points of one method are its settings and budgets, without those of an"
            f" ablation; UES is marked with its size.{ground}"
        ),
        alternative=_finding(evidence, place, points),
        data=data,
        draw=partial(
            _draw,
            scores=pd.concat(scores, ignore_index=True),
            looks={text: evidence.look(label) for label, text in names.items()},
            ground=given.rename(columns=columns)[["cost", "value"]],
            front=points[points["front"] == "yes"].rename(columns=columns)[["cost", "value"]],
            notes={
                label: Label.parse(label).preset for label, text in names.items() if text == UES
            },
        ),
        size=(9.0, 5.0),
    )


def _draw(
    figure: Canvas,
    scores: pd.DataFrame,
    looks: Mapping[str, Look],
    ground: pd.DataFrame,
    front: pd.DataFrame,
    notes: Mapping[str, str],
) -> None:
    axis = figure.subplots()
    draw_gains(axis, scores, looks, ground=ground, front=front, notes=notes)
    axis.set_xlabel("embedding parameters", fontsize=LABEL)
    axis.set_ylabel("test AUC", fontsize=LABEL)
    keys = {
        **look_keys(looks),
        **(ground_key("chosen by no method") if len(ground) else {}),
        **stroke_keys({"Pareto front": Stroke(GREY, "--")}, width=1.2),
    }
    outside_legend(figure, keys)


def _family(evidence: Evidence, label: str) -> str:
    """Return what a legend calls a point: all uniform sizes are UES."""
    known = Label.parse(label)
    return UES if known.name == UNIFORM else evidence.method(known.method)


def _finding(evidence: Evidence, place: Place, points: pd.DataFrame) -> str:
    front = points[points["front"] == "yes"]
    texts = [
        f"{evidence.method(label)} ({params:,.0f} parameters, AUC {auc:.4f})"
        for label, params, auc in zip(
            front["method"], front["embedding params"], front["AUC"], strict=True
        )
    ]
    where = evidence.place(place)
    if not texts:  # Pairs share other seeds each, so that they may beat each other in a circle.
        return f"{where}: each of {len(points)} points is beaten by another."
    if len(texts) == 1:
        return f"{where}: on the front is {texts[0]} alone."
    return f"{where}: on the front are, from small to large, {', '.join(texts)}."
