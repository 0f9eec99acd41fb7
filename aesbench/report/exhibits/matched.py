"""Methods at equal parameters: under one budget, only the choice of sizes is left to differ.

Beyond the paper, which compares methods of whatever size they come to. ``random`` tells what the
parameters alone are worth, a uniform size what not searching at all would have given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import TYPE_CHECKING

from aesbench.core.label import Label
from aesbench.core.phrasing import span
from aesbench.core.record import RunRecord
from aesbench.core.spec import REFERENCE_DIM
from aesbench.report.contenders import uniform_size
from aesbench.report.draw.mean_mark import BAR_CAPTION, draw_mean
from aesbench.report.draw.trace_panels import clean
from aesbench.report.names import dataset_name, display_name
from aesbench.report.page import cells
from aesbench.report.page.exhibit import Exhibit, FigureData, TableData
from aesbench.report.statistics.paired import Comparison, compare, corrected
from aesbench.report.statistics.places import where
from aesbench.report.statistics.power import ALPHA
from aesbench.report.statistics.scores import (
    Place,
    by_place,
    compared,
    embedding_params,
    over_seeds,
    reference_params,
    seed_means,
    test_auc,
    test_logloss,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RANDOM = "random"
"""The method that spends a budget blindly."""

_ORDER = (
    *("mde:value", "mde:field", "sseds", "adass:r", "adass:e", "adass:greedy", "adass:random"),
    RANDOM,
)


@dataclass(frozen=True)
class Match:
    """The methods that ran under one budget.

    Attributes:
        share: of UES-32's embedding parameters.
        uniform: the label of the uniform size that takes as much; empty if there is none.
        methods: {method: its successful runs}, controls last, the uniform size first, on the seeds
            of the others.
    """

    share: float
    uniform: str
    methods: Mapping[str, list[RunRecord]]

    def versus(self, baseline: str) -> dict[str, Comparison]:
        """Return every other method's test AUC minus the baseline's, corrected by Holm."""
        theirs = seed_means(self.methods.get(baseline, ()), test_auc)
        return corrected(
            {
                name: compare(seed_means(own, test_auc), theirs)
                for name, own in self.methods.items()
                if name != baseline
            }
        )


def build(records: Sequence[RunRecord]) -> list[Exhibit]:
    """Return an exhibit per data set on which a method was retrained under a budget."""
    datasets: dict[str, list[tuple[Place, list[Match]]]] = {}
    for place, groups in by_place(compared(records)).items():
        if found := matches(groups):
            datasets.setdefault(place.dataset, []).append((place, found))
    return [_exhibit(dataset, places) for dataset, places in datasets.items()]


def matches(groups: Mapping[str, list[RunRecord]]) -> list[Match]:
    """Return the budgets of one place, ascending, with every method of any of them in each."""
    shares: dict[float, dict[str, list[RunRecord]]] = {}
    for label, records in groups.items():
        called = Label.parse(label)
        if called.share is not None and called.without("share").is_plain:
            shares.setdefault(called.share, {})[called.method] = records
    names = {name for own in shares.values() for name in own}
    ordered = [n for n in _ORDER if n in names] + sorted(names - set(_ORDER))
    ordered.sort(key=lambda name: name == RANDOM)
    result = []
    for share, own in sorted(shares.items()):
        dim = share * REFERENCE_DIM
        uniform = f"ues:{dim:.0f}" if dim == int(dim) else ""
        methods = {name: own.get(name, []) for name in ordered}
        seeds = {record.spec.seed for runs in methods.values() for record in runs}
        # Table 3 may have given the uniform sizes seeds that no method has here.
        even = [record for record in groups.get(uniform, []) if record.spec.seed in seeds]
        equal = {uniform: even} if uniform else {}
        result.append(Match(share, uniform, {**equal, **methods}))
    return result


def _exhibit(dataset: str, places: Sequence[tuple[Place, list[Match]]]) -> Exhibit:
    tables, figures, findings = [], [], []
    for place, found in places:
        tables.append(_scores(place, found))
        tables += [
            _differences(place, found, "random", "random sizes"),
            _differences(place, found, "uniform", "the uniform size of as many parameters"),
        ]
        figures.append(_figure(place, found, tables[-3]))
        findings += _findings(place, found)
    runs = [
        r for _, found in places for match in found for own in match.methods.values() for r in own
    ]
    return Exhibit(
        name=f"matched-{dataset}",
        title=f"Methods at equal parameters: {dataset_name(dataset)}",
        claim="",
        findings=tuple(findings),
        tables=tuple(tables),
        figures=tuple(figures),
        reproduce=tuple(
            f"aesbench reproduce matched --dataset {dataset} --backbones {place.backbone}"
            for place, _ in places
        ),
        runs=tuple({record.spec.run_id: record for record in runs}.values()),
    )


def _scores(place: Place, found: Sequence[Match]) -> TableData:
    rows = []
    for match in found:
        best = max(
            (s.mean for own in match.methods.values() if (s := over_seeds(own, test_auc))),
            default=None,
        )
        for name, own in match.methods.items():
            auc, loss = over_seeds(own, test_auc), over_seeds(own, test_logloss)
            rows.append(
                (
                    cells.method(name),
                    cells.share(match.share),
                    cells.share(_used(own)),
                    cells.count(auc.n if auc else 0),
                    *cells.mean_and_spread(auc, bold=auc is not None and auc.mean == best),
                    *cells.mean_and_spread(loss),
                )
            )
    return TableData(
        name=f"matched-{place.dataset}-{place.backbone}",
        title=f"Scores at equal parameters: {where(place)}",
        caption=(
            "Budget: the most embedding parameters, as a share of UES-32's; used: the mean share"
            " that methods took. AUC and LogLoss on test, mean, standard deviation and half of"
            " Student's 95 % interval over seeds; in bold the best AUC of each budget."
        ),
        header=(
            *("method", "budget", "used", "seeds", "AUC", "SD", "95 %"),
            *("LogLoss", "LogLoss: SD", "LogLoss: 95 %"),
        ),
        rows=tuple(rows),
    )


def _differences(place: Place, found: Sequence[Match], kind: str, words: str) -> TableData:
    rows, family = [], 0
    for match in found:
        versus = match.versus(RANDOM if kind == "random" else match.uniform)
        family = max(family, len(versus))
        rows += [
            (cells.method(name), cells.share(match.share), *cells.comparison(one))
            for name, one in versus.items()
        ]
    caption = cells.COMPARISON_CAPTION.replace("of this table", "of a budget")
    return TableData(
        name=f"matched-versus-{kind}-{place.dataset}-{place.backbone}",
        title=f"Test AUC against {words}: {where(place)}",
        caption=caption.format(family=family),
        header=("method", "budget", *cells.COMPARISON_HEADER),
        rows=tuple(rows),
        detail=True,
    )


def _figure(place: Place, found: Sequence[Match], data: TableData) -> FigureData:
    n = span(
        auc.n
        for match in found
        for own in match.methods.values()
        if (auc := over_seeds(own, test_auc))
    )
    missing = [
        f"{display_name(name)} at {match.share:.0%}"
        for match in found
        for name, own in match.methods.items()
        if not own
    ]
    absent = f" Missing: {', '.join(missing)}." if missing else ""
    return FigureData(
        name=f"matched-{place.dataset}-{place.backbone}",
        title=data.title,
        caption=(
            "Test AUC by budget, a share of UES-32's embedding parameters (dashed lines); within a"
            f" budget methods stand side by side, not by what they used. {BAR_CAPTION}, n = {n}"
            f" seeds.{absent}"
        ),
        alternative=" ".join(_findings(place, found)),
        data=data,
        draw=lambda figure: _draw(figure, found),
        size=(9.0, 4.6),
    )


def _draw(figure: Figure, found: Sequence[Match]) -> None:
    axis = figure.subplots()
    named: set[str] = set()
    for place, match in enumerate(found):
        step = 0.8 / max(1, len(match.methods) - 1)
        for number, (name, own) in enumerate(match.methods.items()):
            auc = over_seeds(own, test_auc)
            if auc is None:
                continue
            text = "UES of that size" if uniform_size(name) else display_name(name)
            x = place - 0.4 + number * step
            draw_mean(axis, x, auc, name, None if text in named else text)
            named.add(text)
        if place:
            axis.axvline(place - 0.5, color="#999999", ls="--", lw=0.8)
    axis.set_xticks(range(len(found)), [f"{match.share:.0%}" for match in found])
    axis.set_xlim(-0.5, len(found) - 0.5)
    axis.set_xlabel("budget, % of UES-32's embedding parameters", fontsize=9)
    axis.set_ylabel("test AUC", fontsize=9)
    clean(axis)
    axis.grid(False, axis="x")
    figure.legend(loc="outside right upper", frameon=False, fontsize=8)


def _findings(place: Place, found: Sequence[Match]) -> list[str]:
    findings = []
    for match in found:
        scored = {n: s for n, own in match.methods.items() if (s := over_seeds(own, test_auc))}
        if not scored:
            continue
        first = max(scored, key=lambda name: scored[name].mean)
        text = (
            f"{where(place)}, {match.share:.0%} of UES-32's parameters: {display_name(first)} has"
            f" the highest mean AUC, {scored[first].mean:.4f} (n = {scored[first].n})"
        )
        better = [
            display_name(name)
            for name, one in match.versus(RANDOM).items()
            if one.p_holm is not None and one.p_holm < ALPHA and one.difference
            if one.difference.mean > 0
        ]
        known = [name for name, one in match.versus(RANDOM).items() if one.p_holm is not None]
        if known:
            text += (
                f"; of {len(known)} methods these beat random sizes clearly (Holm-corrected p below"
                f" .05): {', '.join(better) or 'none'}"
            )
        findings.append(text + ".")
    return findings


def _used(records: Sequence[RunRecord]) -> float | None:
    shares = [embedding_params(record) / reference_params(record) for record in records]
    return mean(shares) if shares else None
