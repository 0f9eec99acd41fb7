"""Figure 5: what the weights of both penalties do to AUC and to the parameters saved."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd

from aesbench.core.phrasing import span
from aesbench.core.record import RunRecord
from aesbench.plugins.exhibit import AUC, SHARE, Evidence, Exhibit, Figure, Look, Table, shown
from aesbench.plugins.paper import Place
from aesbench.plugins.study import reproduce_commands
from aesbench.report.draw.lines import draw_sweep
from aesbench.report.statistics.paired import compare
from aesbench.report.statistics.scores import by_dataset, compared, places, seed_means
from aesbench.report.statistics.summary import summarise
from aesbench_methods.adass.paper.published import TITLE

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

WEIGHTS = {"lambda_r": "λ_r", "lambda_c": "λ_c"}
LEAST_VALUES = 3
"""So many values of a weight make a sweep."""

CLAIM = (
    "With DeepFM on ML-1M a larger λ_r (at λ_c = .08) saves more parameters and lowers AUC; λ_c (at"
    " λ_r = .005) raises both up to .05, beyond which AUC falls, and beyond .08 nothing more is"
    " saved (section 4.4.2; the values are drawn, not printed)."
)

_MEASURES = {"test AUC": ("test_auc", AUC), "P-R": ("param_reduction", SHARE)}
"""{what is measured: its column, and its format}."""


@dataclass(frozen=True, eq=False)
class Sweep:
    """Runs that differ in one weight alone.

    Attributes:
        weight: as it is written.
        fixed: the other weight and its value, likewise.
        method: of most runs, for its name and colour: both sweeps meet in one point.
        scores: a row per value and seed, ``at`` and ``seed`` ascending, and what is measured.
        runs: their ids.
    """

    weight: str
    fixed: str
    method: str
    scores: pd.DataFrame
    runs: Sequence[str]


def build(evidence: Evidence) -> list[Exhibit]:
    """Return an exhibit per data set on which a weight took at least three values."""
    every = {place: sweeps(runs) for place, runs in places(compared(evidence.runs))}
    found = {place: own for place, own in every.items() if own}
    return [
        Exhibit(
            name=f"fig5-{dataset}",
            title=f"Figure 5, effect of both penalties: {evidence.title(dataset)}",
            claim=CLAIM,
            findings=[text for place in own for text in _findings(evidence, place, found[place])],
            tables=[_table(evidence, place, found[place]) for place in own],
            figures=[_figure(evidence, place, found[place]) for place in own],
            reproduce=reproduce_commands("fig5", map(evidence.known, own)),
            runs=list(dict.fromkeys(r for place in own for s in found[place] for r in s.runs)),
        )
        for dataset, own in by_dataset(found).items()
    ]


def sweeps(runs: pd.DataFrame) -> list[Sweep]:
    """Return the sweeps among the retrained runs of a place, λ_r first."""
    own = runs[[WEIGHTS.keys() <= record.spec.method_config.keys() for record in runs["record"]]]
    found = []
    for weight, other in (tuple(WEIGHTS), tuple(WEIGHTS)[::-1]):
        rest = [_but(record, weight) for record in own["record"]]
        at = [float(record.spec.method_config[weight]) for record in own["record"]]
        for _, group in own.assign(at=at).groupby(rest):
            if group["at"].nunique() < LEAST_VALUES:
                continue
            config = next(iter(group["record"])).spec.method_config
            common = _over_common_seeds(group)
            found.append(
                Sweep(
                    weight=WEIGHTS[weight],
                    fixed=f"{WEIGHTS[other]} = {config[other]:g}{_read_otherwise(weight, config)}",
                    method=group["choice"].value_counts().index[0],
                    scores=common.groupby(["at", "seed"], as_index=False)[_COLUMNS].mean(),
                    runs=list(common["run_id"]),
                )
            )
    return found


def _read_otherwise(weight: str, config: Mapping[str, Any]) -> str:
    """Return how the result was read, where a sweep of λ_c could not show: not off the policy.

    λ_c weighs a penalty on the policy alone, which the best allocation scored hardly feels.
    """
    read = config.get("result", "likeliest")
    return "" if weight == "lambda_r" or read == "likeliest" else f", result = {read}"


_COLUMNS = [column for column, _ in _MEASURES.values()]


def _but(record: RunRecord, weight: str) -> str:
    """Return a hash of whatever a run is, but for a weight, its seed and its search."""
    settings = {name: v for name, v in record.spec.method_config.items() if name != weight}
    return replace(record.spec, label="", seed=0, search_index=0, method_config=settings).run_id


def _over_common_seeds(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the runs of seeds that all values have, if there are any.

    One point is often that of a preset, which other studies ran with more seeds: their mean beside
    its neighbours' would look like an effect of the weight.
    """
    values = runs.groupby("seed")["at"].transform("nunique")
    common = runs[values == runs["at"].nunique()]
    return runs if common.empty else common


def _table(evidence: Evidence, place: Place, own: Sequence[Sweep]) -> Table:
    rows, forms = [], {"value": "{:g}"}
    for sweep in own:
        for value, scores in sweep.scores.groupby("at"):
            row: dict[str, Any] = {
                **{"method": sweep.method, "sweep": f"{sweep.weight} at {sweep.fixed}"},
                **{"value": value, "seeds": len(scores)},
            }
            for name, (column, form) in _MEASURES.items():
                found = summarise(list(scores[column]))
                numbers = (found.mean, found.error, found.low, found.high)
                names = (name, f"{name}: SE", f"{name}: low", f"{name}: high")
                row |= zip(names, numbers, strict=True)
                forms |= dict.fromkeys(names, form)
            rows.append(row)
    return Table(
        name=f"fig5-{place.dataset}-{place.backbone}",
        title=f"Sweeps of both weights: {evidence.place(place)}",
        caption=(
            "Means over the seeds that all values have; SE: standard error of the mean, as in the"
            f" {TITLE} paper; low and high: Student's 95 % interval. P-R: the share of UES-32's"
            f" embedding parameters that is saved.{''.join(map(_warning, own))}"
        ),
        frame=pd.DataFrame(rows),
        forms=forms,
        texts={"method": [evidence.method(row["method"]) for row in rows]},
    )


def _warning(sweep: Sweep) -> str:
    """Return what to say of a sweep whose values have no seed in common, which is nothing else."""
    seeds = sweep.scores.groupby("at")["seed"].agg(frozenset)
    if seeds.nunique() == 1:
        return ""
    return (
        f" The values of {sweep.weight} at {sweep.fixed} have no seed in common: each mean is over"
        " seeds of its own, so that they do not compare."
    )


def _figure(evidence: Evidence, place: Place, own: Sequence[Sweep]) -> Figure:
    data = _table(evidence, place, own)
    panels = [(sweep, evidence.method(sweep.method), evidence.look(sweep.method)) for sweep in own]
    return Figure(
        name=data.name,
        title=data.title,
        caption=(
            "Test AUC (above) and P-R, the share of UES-32's embedding parameters saved (below)"
            " over a weight (no unit); bars: ± one standard error of the mean, n ="
            f" {span(data.frame['seeds'])} seeds.{''.join(map(_warning, own))}"
        ),
        alternative=" ".join(_findings(evidence, place, own)),
        data=data,
        draw=partial(_draw, panels=panels),
        size=(max(5.0, 3.6 * len(own)), 5.0),
    )


def _draw(figure: Canvas, panels: Sequence[tuple[Sweep, str, Look]]) -> None:
    """Draw a column of panels per sweep, under its method's name."""
    axes = figure.subplots(len(_MEASURES), len(panels), sharex="col", sharey="row", squeeze=False)
    for column, (sweep, method, look) in enumerate(panels):
        fixed, weight = (re.sub(r"λ_(.)", r"$\\lambda_\1$", x) for x in (sweep.fixed, sweep.weight))
        for axis, (name, (measure, form)) in zip(axes[:, column], _MEASURES.items(), strict=True):
            scores = sweep.scores.rename(columns={measure: "value"})
            draw_sweep(axis, scores, list(scores["at"].unique()), look)
            axis.yaxis.set_major_formatter(form.replace("{", "{x"))
            axis.set_ylabel("" if column else name)
        axes[0, column].set_title(f"{method}, {fixed}")
        axes[-1, column].set_xlabel(weight)


def _findings(evidence: Evidence, place: Place, own: Sequence[Sweep]) -> list[str]:
    findings = []
    for sweep in own:
        (first, low), *_, (last, high) = sweep.scores.groupby("at")
        texts = []
        for name, (measure, form) in _MEASURES.items():
            found = compare(seed_means(high, measure), seed_means(low, measure))
            numbers = (found[x] for x in ("difference", "95 % low", "95 % high"))
            mean, least, most = (shown(number, form.replace(":", ":+")) for number in numbers)
            interval = "" if found["95 % low"] is None else f" [{least}, {most}]"
            text = f"{mean}{interval} (n = {found['pairs']})"
            unknown = "an unknown amount, for want of common seeds"
            texts.append(f"{name} by {text if found['pairs'] else unknown}")
        findings.append(
            f"{evidence.place(place)}, {sweep.fixed}: from {sweep.weight} = {first:g} to"
            f" {last:g}, {evidence.method(sweep.method)} changes {' and '.join(texts)}, paired by"
            f" seed{', with 95 % intervals' if any('[' in text for text in texts) else ''}."
        )
    return findings
