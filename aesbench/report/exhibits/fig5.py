"""Figure 5: what the weights of both penalties do to AUC and to the parameters saved."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from aesbench.core.phrasing import span
from aesbench.core.record import RunRecord
from aesbench.core.settings import content_hash
from aesbench.report.claims import reduction
from aesbench.report.draw.palette import look_of
from aesbench.report.draw.trace_panels import clean
from aesbench.report.names import dataset_name, display_name, method_of
from aesbench.report.page import cells
from aesbench.report.page.exhibit import Cell, Exhibit, FigureData, TableData
from aesbench.report.statistics.paired import compare
from aesbench.report.statistics.places import where
from aesbench.report.statistics.scores import Place, Value, over_seeds, seed_means, test_auc

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WEIGHTS = {"lambda_r": "λ_r", "lambda_c": "λ_c"}
_SYMBOLS = {"lambda_r": r"$\lambda_r$", "lambda_c": r"$\lambda_c$"}
LEAST_VALUES = 3
"""So many values of a weight make a sweep."""

CLAIM = (
    "With DeepFM on ML-1M a larger λ_r (at λ_c = .08) saves more parameters and lowers AUC; λ_c (at"
    " λ_r = .005) raises both up to .05, beyond which AUC falls, and beyond .08 nothing more is"
    " saved (section 4.4.2; the values are drawn, not printed)."
)

_MEASURES: tuple[tuple[str, Value, str], ...] = (
    ("test AUC", test_auc, ".4f"),
    ("P-R", reduction, ".1%"),
)
"""What is measured, how, and its format."""


@dataclass(frozen=True)
class Sweep:
    """Runs that differ in one weight alone.

    Attributes:
        place: where.
        weight: the setting.
        fixed: the other weight's name and value.
        method: of most labels, for its name and colour: both sweeps meet in one point.
        points: {value: its records}, ascending.
    """

    place: Place
    weight: str
    fixed: tuple[str, float]
    method: str
    points: dict[float, list[RunRecord]]

    @property
    def seeds(self) -> list[int]:
        """How many seeds the points have, ascending and each once."""
        return sorted({len(seed_means(own, test_auc)) for own in self.points.values()})


def build(records: Sequence[RunRecord]) -> list[Exhibit]:
    """Return an exhibit per data set on which a weight took at least three values."""
    datasets: dict[str, list[Sweep]] = {}
    for sweep in sweeps(records):
        datasets.setdefault(sweep.place.dataset, []).append(sweep)
    return [_exhibit(dataset, own) for dataset, own in sorted(datasets.items())]


def sweeps(records: Sequence[RunRecord]) -> list[Sweep]:
    """Return the sweeps among retrained runs, by place, λ_r first."""
    groups: dict[tuple[Place, str, str], dict[float, list[RunRecord]]] = {}
    for record in records:
        spec = record.spec
        if not (record.ok and spec.retrain and WEIGHTS.keys() <= spec.method_config.keys()):
            continue
        for weight in WEIGHTS:
            plain = asdict(spec)
            value = plain["method_config"].pop(weight)
            for own in ("label", "seed", "search_index"):
                del plain[own]
            key = (Place(spec.dataset, spec.backbone), weight, content_hash(plain))
            groups.setdefault(key, {}).setdefault(float(value), []).append(record)
    found = []
    order = list(WEIGHTS)
    for (place, weight, _), points in sorted(
        groups.items(), key=lambda item: (item[0][0], order.index(item[0][1]), item[0][2])
    ):
        if len(points) >= LEAST_VALUES:
            specs = [record.spec for own in points.values() for record in own]
            (other,) = WEIGHTS.keys() - {weight}
            fixed = other, float(specs[0].method_config[other])
            ((method, _),) = Counter(method_of(spec.label) for spec in specs).most_common(1)
            found.append(Sweep(place, weight, fixed, method, _paired(points)))
    return found


def _paired(points: dict[float, list[RunRecord]]) -> dict[float, list[RunRecord]]:
    """Return the points, ascending, over the seeds that all of them have, if there are any.

    One point is often that of a preset, which other studies ran with more seeds: their mean beside
    its neighbours' would look like an effect of the weight.
    """
    common = set.intersection(*({r.spec.seed for r in own} for own in points.values()))
    return {
        value: [r for r in points[value] if r.spec.seed in common or not common]
        for value in sorted(points)
    }


def _exhibit(dataset: str, own: Sequence[Sweep]) -> Exhibit:
    places = list(dict.fromkeys(sweep.place for sweep in own))
    tables, figures = [], []
    for place in places:
        at_place = [sweep for sweep in own if sweep.place == place]
        tables.append(_table(place, at_place))
        figures.append(_figure(place, at_place, tables[-1]))
    runs = {r.spec.run_id: r for s in own for records in s.points.values() for r in records}
    return Exhibit(
        name=f"fig5-{dataset}",
        title=f"Figure 5, effect of both penalties: {dataset_name(dataset)}",
        claim=CLAIM,
        findings=tuple(finding for sweep in own for finding in _findings(sweep)),
        tables=tuple(tables),
        figures=tuple(figures),
        reproduce=tuple(
            f"aesbench reproduce fig5 --dataset {dataset} --backbones {place.backbone}"
            for place in places
        ),
        runs=tuple(runs.values()),
    )


def _table(place: Place, own: Sequence[Sweep]) -> TableData:
    rows = []
    for sweep in own:
        for value, records in sweep.points.items():
            line = [
                Cell(sweep.method, display_name(sweep.method)),
                Cell.label(f"{WEIGHTS[sweep.weight]} at {_fixed(sweep)}"),
                Cell.number(value, "g"),
                cells.count(len(seed_means(records, test_auc))),
            ]
            for _, measure, form in _MEASURES:
                found = over_seeds(records, measure)
                error = _error(records, measure)
                low, high = (found.low, found.high) if found else (None, None)
                mean = found.mean if found else None
                line += [_number(number, form) for number in (mean, error, low, high)]
            rows.append(tuple(line))
    header = ["method", "sweep", "value", "seeds"]
    for name, _, _ in _MEASURES:
        header += [name, f"{name}: SE", f"{name}: low", f"{name}: high"]
    return TableData(
        name=f"fig5-{place.dataset}-{place.backbone}",
        title=f"Sweeps of both weights: {where(place)}",
        caption=(
            "Means over the seeds that all values have; SE: standard error of the mean, as in the"
            " paper; low and high: Student's 95 % interval. P-R: the share of UES-32's embedding"
            " parameters that is saved."
        ),
        header=tuple(header),
        rows=tuple(rows),
    )


def _figure(place: Place, own: Sequence[Sweep], data: TableData) -> FigureData:
    n = span(count for sweep in own for count in sweep.seeds)
    return FigureData(
        name=f"fig5-{place.dataset}-{place.backbone}",
        title=data.title,
        caption=(
            "Test AUC (above) and P-R, the share of UES-32's embedding parameters saved (below)"
            f" over a weight (no unit); bars: ± one standard error of the mean, n = {n} seeds."
        ),
        alternative=" ".join(finding for sweep in own for finding in _findings(sweep)),
        data=data,
        draw=lambda figure: _draw(figure, own),
        size=(max(5.0, 3.6 * len(own)), 5.0),
    )


def _draw(figure: Figure, own: Sequence[Sweep]) -> None:
    axes = figure.subplots(len(_MEASURES), len(own), sharex="col", sharey="row", squeeze=False)
    for column, sweep in enumerate(own):
        name, value = sweep.fixed
        title = f"{display_name(sweep.method)}, {_SYMBOLS[name]} = {value:g}"
        axes[0, column].set_title(title, fontsize=10)
        for row, (name, measure, form) in enumerate(_MEASURES):
            _draw_panel(axes[row, column], sweep, measure)
            axes[row, column].yaxis.set_major_formatter(lambda y, _, form=form: f"{y:{form}}")
            if column == 0:
                axes[row, 0].set_ylabel(name, fontsize=9)
        axes[-1, column].set_xlabel(_SYMBOLS[sweep.weight], fontsize=9)


def _draw_panel(axis: Axes, sweep: Sweep, measure: Value) -> None:
    look = look_of(sweep.method)
    values = list(sweep.points)
    # Evenly spaced: the values lie too far apart for a scale of their own.
    found = [over_seeds(own, measure) for own in sweep.points.values()]
    means = [one.mean if one else math.nan for one in found]
    errors = [_error(own, measure) or 0.0 for own in sweep.points.values()]
    places = list(range(len(values)))
    axis.errorbar(
        places, means, yerr=errors, color=look.colour, marker=look.marker, ms=5, lw=1.5, capsize=3
    )
    axis.set_xticks(places, [f"{value:g}" for value in values])
    clean(axis)
    axis.tick_params(axis="x", labelsize=7)


def _findings(sweep: Sweep) -> list[str]:
    (first, low), (last, high) = [*sweep.points.items()][0], [*sweep.points.items()][-1]
    texts = []
    for name, measure, form in _MEASURES:
        found = compare(seed_means(high, measure), seed_means(low, measure)).difference
        if found is None:
            texts.append(f"{name} by an unknown amount, for want of common seeds")
            continue
        mean, low_text, high_text = (
            _number(value, f"+{form}").text for value in (found.mean, found.low, found.high)
        )
        text = f"{name} by {mean} [{low_text}, {high_text}]"
        texts.append(f"{text} (n = {found.n})")
    return [
        f"{where(sweep.place)}, {_fixed(sweep)}: from {WEIGHTS[sweep.weight]} = {first:g} to"
        f" {last:g}, {display_name(sweep.method)} changes {' and '.join(texts)}, paired by seed,"
        " with 95 % intervals."
    ]


def _error(records: Sequence[RunRecord], measure: Value) -> float | None:
    found = over_seeds(records, measure)
    return None if found is None or found.std is None else found.std / found.n**0.5


def _fixed(sweep: Sweep) -> str:
    name, value = sweep.fixed
    return f"{WEIGHTS[name]} = {value:g}"


def _number(value: float | None, form: str) -> Cell:
    return cells.signed(value, form)
