"""Table 4: how well supernets rank allocations, beside how well stand-alone training does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aesbench.allocation import sizes_text
from aesbench.record import RunRecord
from aesbench.report.consistency import (
    RESAMPLES,
    Tau,
    additive_r2,
    interval,
    perfect_tau,
    rank_correlation,
    seed_ceiling,
)
from aesbench.report.dots import Dot, DotPanel, draw_dots
from aesbench.report.exhibit import Cell, Exhibit, FigureData, TableData
from aesbench.report.names import backbone_name, dataset_name
from aesbench.report.published import TABLE4
from aesbench.report.scores import Place
from aesbench.report.stats import summarise

ALONE = "fixed"
"""The method whose runs are stand-alone trainings of given sizes."""

METRICS = {"auc": "AUC", "logloss": "LogLoss"}
SCHEMES = {"shared": "Shared", "independent": "Indep"}
SAMPLINGS = {
    "random": "Random",
    "vanilla": "Vanilla&Uniform",
    "weight": "Weight&Uniform",
    "adaptive": "Adaptive",
}
_ROWS = [(scheme, sampling) for scheme in SCHEMES for sampling in SAMPLINGS]
_PUBLISHED = {
    (row.scheme, row.sampling): {"auc": row.auc, "logloss": row.logloss} for row in TABLE4
}

UNDER_WAY = 0.9
"""A stand-alone seed with a smaller share of the allocations than this is not finished."""

CLAIM = (
    "Adaptive sampling ranks subnets best (tau of .79 by LogLoss and .80 by AUC with independent"
    " tables), random sampling worst (.72 to .74), and independent tables rank better than shared"
    " ones (Table 4; the data set is not named)."
)


@dataclass(frozen=True)
class Alone:
    """Stand-alone scores: of each allocation, with each seed.

    Attributes:
        names: of the allocations, as ``sizes_text`` writes them.
        scores: {metric: (seeds, allocations)} on validation.
    """

    names: tuple[str, ...]
    scores: Mapping[str, NDArray[np.float64]]

    @property
    def seeds(self) -> int:
        """How many seeds each allocation was trained with."""
        return len(self.scores["auc"])

    def of(self, names: Iterable[str]) -> Alone:
        """Return the part about these allocations, in this order."""
        places = {name: place for place, name in enumerate(self.names)}
        kept = [name for name in names if name in places]
        columns = [places[name] for name in kept]
        return Alone(tuple(kept), {m: values[:, columns] for m, values in self.scores.items()})


@dataclass(frozen=True)
class Row:
    """The supernets of one kind, an entry of ``inherited`` each.

    Attributes:
        name: of the kind.
        published: the paper's taus; empty where it has none.
        allocations: how many both the supernets and stand-alone training have scored.
        taus: {metric: tau}; empty if there are fewer than two allocations.
        additive: the mean adjusted R² of AUC as a sum of effects per field.
        seconds: mean seconds to train a supernet.
        supernets: how many.
    """

    name: str
    published: Mapping[str, float]
    allocations: int
    taus: Mapping[str, Tau]
    additive: float | None
    seconds: float | None
    supernets: int


def build(records: Sequence[RunRecord]) -> list[Exhibit]:
    """Return an exhibit per data set on which supernets scored allocations."""
    scored = [record for record in records if record.ok and record.scores]
    datasets = sorted({record.spec.dataset for record in scored})
    return [_exhibit(dataset, records, scored) for dataset in datasets]


def stand_alone(records: Iterable[RunRecord], place: Place, unification: str) -> Alone:
    """Return the stand-alone scores of a place; seeds still under way are left out."""
    seeds: dict[int, dict[str, RunRecord]] = {}
    for record in records:
        spec, found = record.spec, record.allocation
        at_place = (spec.dataset, spec.backbone, spec.unification) == (*place, unification)
        is_alone = spec.method == ALONE and spec.retrain and not spec.inherit and record.ok
        if at_place and is_alone and found is not None and found.is_field_wise:
            seeds.setdefault(spec.seed, {})[sizes_text(found.dims)] = record
    most = max(map(len, seeds.values()), default=0)
    kept = [own for _, own in sorted(seeds.items()) if len(own) >= UNDER_WAY * most]
    names = [name for name in (kept[0] if kept else ()) if all(name in own for own in kept)]
    scores = {
        metric: np.array(
            [[own[name].metrics["validation"][metric] for name in names] for own in kept]
        )
        for metric in METRICS
    }
    return Alone(tuple(names), scores)


def rows_of(scored: Sequence[RunRecord], alone: Alone) -> list[Row]:
    """Return the paper's eight rows, missing ones empty, and whatever else was scored."""
    kinds: dict[tuple[str, str], dict[str, dict[int, RunRecord]]] = {}
    for record in scored:
        settings = record.spec.method_config
        kind = str(settings.get("scheme")), str(settings.get("sampling"))
        label = record.spec.label.rpartition("+")[0]  # Without the number of its scores.
        of_seed = kinds.setdefault(kind, {}).setdefault(label, {})
        known = of_seed.get(record.spec.seed)
        if known is None or len(known.scores) < len(record.scores):
            of_seed[record.spec.seed] = record
    rows = []
    for kind in [*_ROWS, *sorted(kinds.keys() - set(_ROWS))]:
        plain = _plain_label(kinds.get(kind, {}))
        name = ", ".join((SCHEMES.get(kind[0], kind[0]), SAMPLINGS.get(kind[1], kind[1])))
        published = _PUBLISHED.get((SCHEMES.get(kind[0], ""), SAMPLINGS.get(kind[1], "")), {})
        if kind in _ROWS or plain:
            own = kinds.get(kind, {}).get(plain, {})
            rows.append(_row(name, published, list(own.values()), alone))
        for label, own in sorted(kinds.get(kind, {}).items()):
            if label != plain:
                rows.append(_row(label, {}, list(own.values()), alone))
    return rows


def _plain_label(labels: Iterable[str]) -> str:
    """Return the label that changes nothing but the scheme and the sampling, if there is one."""
    plain = [label for label in labels if label.count("=") == 2 and "[sampling=" in label]
    return plain[0] if plain else ""


def _row(
    name: str, published: Mapping[str, float], supernets: Sequence[RunRecord], alone: Alone
) -> Row:
    common = [n for n in alone.names if all(n in record.scores for record in supernets)]
    if not supernets:
        return Row(name, published, 0, {}, None, None, 0)
    part = alone.of(common)
    seconds = summarise([record.seconds["prepare"] for record in supernets]).mean
    if len(common) < 2:
        return Row(name, published, len(common), {}, None, seconds, len(supernets))
    inherited = {
        metric: np.array([[record.scores[n][metric] for n in common] for record in supernets])
        for metric in METRICS
    }
    taus = {m: rank_correlation(inherited[m], part.scores[m].mean(0)) for m in METRICS}
    sizes = np.array([[int(size) for size in n.split("-")] for n in common])
    additive = [r for one in inherited["auc"] if (r := additive_r2(one, sizes)) is not None]
    mean = float(np.mean(additive)) if additive else None
    return Row(name, published, len(common), taus, mean, seconds, len(supernets))


def _exhibit(dataset: str, records: Sequence[RunRecord], scored: Sequence[RunRecord]) -> Exhibit:
    tables, figures, findings = [], [], []
    used: list[RunRecord] = []
    places = {}
    for record in scored:
        spec = record.spec
        if spec.dataset == dataset:
            place = Place(dataset, spec.backbone)
            places.setdefault((place, spec.unification), []).append(record)
    for (place, unification), own in sorted(places.items()):
        alone = stand_alone(records, place, unification)
        rows = rows_of(own, alone)
        tables += [_table(place, rows, alone), _differences_table(place, rows)]
        figures.append(_figure(place, rows, alone, tables[-2]))
        findings += _findings(place, rows, alone)
        used += own
    return Exhibit(
        name=f"table4-{dataset}",
        title=f"Table 4, consistency of supernets: {dataset_name(dataset)}",
        claim=CLAIM,
        findings=tuple(findings),
        tables=tuple(tables),
        figures=tuple(figures),
        reproduce=tuple(
            f"aesbench reproduce table4 --dataset {dataset} --backbones {place.backbone}"
            for place, _ in sorted(places)
        ),
    )


def _table(place: Place, rows: Sequence[Row], alone: Alone) -> TableData:
    lines = []
    best = {
        m: max((row.taus[m].mean for row in rows if m in row.taus), default=None) for m in METRICS
    }
    for row in rows:
        line = [Cell.label(row.name), *(_count(n) for n in (row.allocations, row.supernets))]
        for metric in METRICS:
            line += _tau_cells(row.taus.get(metric), best[metric])
            line.append(Cell.number(row.published.get(metric)))
        additive = Cell.number(row.additive, ".3f")
        lines.append([*line, additive, Cell.number(row.seconds, ",.1f")])
    count = len(alone.names)
    ceilings = {m: seed_ceiling(alone.scores[m]) if count > 1 else None for m in METRICS}
    perfect = {m: perfect_tau(alone.scores[m]) if count > 1 else None for m in METRICS}
    halves = [Cell.label("two halves of the stand-alone seeds"), _count(count), _count(None)]
    truth = [Cell.label("the true ranking, estimated"), _count(count), _count(None)]
    for metric in METRICS:
        halves += [*_tau_cells(ceilings[metric], None), Cell.number(None)]
        truth += [Cell.number(perfect[metric], ".3f"), *[Cell.number(None)] * 3]
    lines += [[*line, Cell.number(None), Cell.number(None)] for line in (halves, truth)]
    header = ["supernet", "allocations", "supernets"]
    for name in METRICS.values():
        header += [f"tau ({name})", "95 %", "SD", f"paper: tau ({name})"]
    return TableData(
        name=f"table4-{place.dataset}-{place.backbone}",
        title=f"Consistency of supernets: {_where(place)}",
        caption=(
            "Kendall's tau-b of validation scores with inherited weights and of stand-alone"
            f" training (mean of {_many(alone.seeds, 'seed')}) over the same random allocations;"
            " mean over supernets. 95 %: percentile bootstrap over allocations,"
            f" {RESAMPLES:,} resamples; SD: between supernets. Two halves of the seeds: how far"
            " stand-alone scores agree with themselves. The true ranking: its tau with the mean"
            " over all seeds, estimated from how far single seeds agree (Spearman-Brown, for"
            " normal scores); beyond it is chance. Additive: adjusted R² of inherited AUC as a sum"
            " of one effect per field. Seconds: to train a supernet, wall time."
        ),
        header=(*header, "additive R²", "seconds"),
        rows=tuple(lines),
    )


def _differences_table(place: Place, rows: Sequence[Row]) -> TableData:
    """Return what the paper claims as differences."""
    lines = []
    for first, second in _pairs(rows):
        line = [Cell.label(f"{first.name} minus {second.name}")]
        for metric in METRICS:
            mean, low, high = difference(first, second, metric)
            line += [_signed(mean), _signed(low), _signed(high)]
            known = first.published.get(metric), second.published.get(metric)
            line.append(_signed(known[0] - known[1] if known[0] and known[1] else None, "+.4f"))
        lines.append(line)
    header = ["difference of tau"]
    for name in METRICS.values():
        header += [name, f"{name}: low", f"{name}: high", f"paper: {name}"]
    return TableData(
        name=f"table4-differences-{place.dataset}-{place.backbone}",
        title=f"Adaptive against other samplings, independent against shared: {_where(place)}",
        caption=(
            "Differences of tau. Low and high: 95 % percentile bootstrap over allocations, both"
            " supernets scoring the same ones in each resample; not corrected for their number."
        ),
        header=tuple(header),
        rows=tuple(lines),
    )


def _pairs(rows: Sequence[Row]) -> list[tuple[Row, Row]]:
    of_kind = dict(zip(_ROWS, (row for row in rows if row.published), strict=True))
    pairs = [
        (of_kind[scheme, "adaptive"], of_kind[scheme, sampling])
        for scheme in SCHEMES
        for sampling in SAMPLINGS
        if sampling != "adaptive"
    ]
    return pairs + [(of_kind["independent", s], of_kind["shared", s]) for s in SAMPLINGS]


def difference(
    first: Row, second: Row, metric: str
) -> tuple[float | None, float | None, float | None]:
    """Return the difference of two taus with its interval; None each where it is not known."""
    if metric not in first.taus or metric not in second.taus:
        return None, None, None
    one, other = first.taus[metric], second.taus[metric]
    mean = one.mean - other.mean
    if first.allocations != second.allocations:  # Their resamples are not paired.
        return mean, None, None
    return mean, *interval(one.resamples - other.resamples)


def _figure(place: Place, rows: Sequence[Row], alone: Alone, data: TableData) -> FigureData:
    panels = []
    for metric, name in METRICS.items():
        dots = [
            Dot(
                row.name,
                *((t.mean, t.low, t.high) if (t := row.taus.get(metric)) else (None, None, None)),
                reference=row.published.get(metric),
            )
            for row in rows
        ]
        enough = len(alone.names) > 1
        half = seed_ceiling(alone.scores[metric]) if enough else None
        lines = {
            "two halves of the seeds": half.mean if half else None,
            "true ranking (estimated)": perfect_tau(alone.scores[metric]) if enough else None,
        }
        known = {text: value for text, value in lines.items() if value is not None}
        panels.append(DotPanel(f"by {name}", dots, known))
    counts = sorted({row.allocations for row in rows if row.taus})
    return FigureData(
        name=f"table4-{place.dataset}-{place.backbone}",
        title=data.title,
        caption=(
            "Kendall's tau-b (no unit) of inherited against stand-alone validation scores; bars:"
            f" 95 % bootstrap intervals over n = {' or '.join(map(str, counts)) or 0} allocations;"
            " diamonds: the paper's values; lines: two halves of the stand-alone seeds, and the"
            " most that a true ranking could reach."
        ),
        alternative=" ".join(_findings(place, rows, alone)),
        data=data,
        draw=lambda figure: draw_dots(figure, panels, "Kendall's tau-b", "paper"),
        size=(9.0, 1.6 + 0.32 * len(rows)),
    )


def _findings(place: Place, rows: Sequence[Row], alone: Alone) -> list[str]:
    found = [row for row in rows if "auc" in row.taus]
    if not found:
        return [f"{_where(place)}: no supernet and stand-alone training share two allocations yet."]
    best = max(found, key=lambda row: row.taus["auc"].mean)
    text = (
        f"{_where(place)}: '{best.name}' ranks {best.allocations} allocations best by AUC,"
        f" {_in_words(best.taus['auc'])}"
    )
    ceiling = seed_ceiling(alone.scores["auc"])
    if ceiling is not None:
        text += f"; two halves of the stand-alone seeds agree to {_in_words(ceiling)}"
    findings = [text + "."]
    published = [row for row in rows if row.published]
    adaptive = published[_ROWS.index(("independent", "adaptive"))]
    random = published[_ROWS.index(("independent", "random"))]
    mean, low, high = difference(adaptive, random, "auc")
    if mean is not None:
        text = f"Adaptive minus random sampling with independent tables: {_sign(mean)}"
        if low is not None and high is not None:
            text += f" [{_sign(low)}, {_sign(high)}]"
        gap = adaptive.published["auc"] - random.published["auc"]
        findings.append(f"{_where(place)}: {text}; the paper has {_sign(gap)}.")
    return findings


def _in_words(tau: Tau) -> str:
    return f"{tau.mean:.2f}" + (f" [{tau.low:.2f}, {tau.high:.2f}]" if tau.low is not None else "")


def _sign(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")


def _where(place: Place) -> str:
    return f"{dataset_name(place.dataset)}, {backbone_name(place.backbone)}"


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")


def _count(value: int | None) -> Cell:
    return Cell.number(value, ",d")


def _signed(value: float | None, form: str = "+.3f") -> Cell:
    cell = Cell.number(value, form)
    return Cell(cell.value, cell.text.replace("-", "−"))


def _tau_cells(tau: Tau | None, best: float | None) -> list[Cell]:
    if tau is None:
        return [Cell.number(None)] * 3
    interval_text = Cell.number(None)
    if tau.low is not None and tau.high is not None:
        text = f"[{tau.low:.3f}, {tau.high:.3f}]".replace("-", "−")
        interval_text = Cell(text, text)
    return [
        Cell.number(tau.mean, ".3f", bold=tau.mean == best),
        interval_text,
        Cell.number(tau.std, ".3f"),
    ]
