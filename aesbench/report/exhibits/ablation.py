"""The ablation of AdaS&S: what each of its choices is worth, to the supernet and to the result.

Beyond the paper, which leaves most of these choices open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean

import numpy as np

from aesbench.core.phrasing import many, span
from aesbench.core.record import RunRecord
from aesbench.report.claims import reduction
from aesbench.report.names import dataset_name
from aesbench.report.page import cells
from aesbench.report.page.exhibit import Cell, Exhibit, TableData
from aesbench.report.statistics.ablation import Ablation, Row, ablations
from aesbench.report.statistics.agreement import pairwise_agreement
from aesbench.report.statistics.consistency import RESAMPLES, Tau
from aesbench.report.statistics.paired import Comparison, compare, corrected
from aesbench.report.statistics.places import ranking, where
from aesbench.report.statistics.power import ALPHA
from aesbench.report.statistics.scores import Value, metric, over_seeds, seed_means, test_auc
from aesbench.report.statistics.stability import end_to_end, modal_shares
from aesbench.report.statistics.supernets import METRICS, difference

validation_auc = metric("validation", "auc")


def build(records: Sequence[RunRecord]) -> list[Exhibit]:
    """Return an exhibit per data set on which enough variants of AdaS&S-R were retrained."""
    datasets: dict[str, list[Ablation]] = {}
    for found in ablations(records):
        datasets.setdefault(found.place.dataset, []).append(found)
    return [_exhibit(dataset, own) for dataset, own in datasets.items()]


def _exhibit(dataset: str, own: Sequence[Ablation]) -> Exhibit:
    tables, findings = [], []
    for found in own:
        versus = differences(found.rows, test_auc)
        on_validation = differences(found.rows, validation_auc)
        tables += [
            _table(found, versus, on_validation),
            _differences_table(found, "test", versus),
            _differences_table(found, "validation", on_validation),
        ]
        tables += [_tau_table(found)] if any(row.scored for row in found.rows) else []
        findings += _findings(found, versus)
    runs = [r for found in own for row in found.rows for r in (*row.records, *row.scored)]
    return Exhibit(
        name=f"ablation-{dataset}",
        title=f"Choices of AdaS&S, one by one: {dataset_name(dataset)}",
        claim="",
        findings=tuple(findings),
        tables=tuple(tables),
        figures=(),
        reproduce=tuple(
            f"aesbench reproduce ablation --dataset {dataset} --backbones {found.place.backbone}"
            for found in own
        ),
        runs=tuple({record.spec.run_id: record for record in runs}.values()),
    )


def differences(rows: Sequence[Row], value: Value) -> dict[str, Comparison]:
    """Return ``{row: its value minus the default's}``, p-values corrected over all of them."""
    default, *others = rows
    theirs = seed_means(default.records, value)
    return corrected({row.name: compare(seed_means(row.records, value), theirs) for row in others})


def _table(
    found: Ablation, versus: Mapping[str, Comparison], on_validation: Mapping[str, Comparison]
) -> TableData:
    lines = []
    for row in found.rows:
        auc, saved = (over_seeds(row.records, value) for value in (test_auc, reduction))
        one = versus.get(row.name, Comparison())
        gap, early = one.difference, on_validation.get(row.name, Comparison()).difference
        tau = row.supernets.taus.get("auc")
        shown = (gap.mean, gap.low, gap.high) if gap else (None,) * 3
        lines.append(
            (
                Cell.label(row.name),
                cells.seeds(auc.n if auc else 0, row.failed),
                Cell.number(auc.mean if auc else None),
                Cell.number(auc.std if auc else None),
                cells.count(one.n if row is not found.rows[0] else None),
                cells.signed(shown[0], "+.4f", bold=_is_clear(one)),
                *(cells.signed(value) for value in (*shown[1:], early.mean if early else None)),
                cells.share(saved.mean if saved else None),
                *_tau_cells(tau),
                _tau_cell(found.ceiling if tau else None),
                *(cells.share(value) for value in _agreement(row.records)),
                *(_seconds(row.records, stage) for stage in ("prepare", "search")),
            )
        )
    known = [row.supernets for row in found.rows if row.supernets.taus]
    return TableData(
        name=f"ablation-{_file(found)}",
        title=f"AdaS&S-R with one choice changed: {where(found.place)}",
        caption=(
            "Each row is the default with the settings named. AUC on test after retraining: mean"
            " and standard deviation over seeds. Difference: from the default's AUC, mean over"
            " pairs of equal seeds, with Student's 95 % interval, not corrected for the number of"
            f" rows; in bold where the t-test's p, so corrected by Holm, is below {ALPHA:g}."
            " On validation: the same difference there, which is what settings are to be chosen by."
            " P-R: share of UES-32's embedding parameters saved. Tau: Kendall's tau-b of the"
            " supernets' AUC with stand-alone training"
            f" (mean of {many(found.alone.seeds if known else 0, 'seed')}) over"
            f" n = {span(one.allocations for one in known)} random allocations, mean over"
            f" supernets ({span(one.supernets for one in known)}), with a 95 % percentile bootstrap"
            f" interval over allocations ({RESAMPLES:,} resamples); a row that changes the search"
            " alone has the default's supernets. Ceiling: the tau that the true ranking would have,"
            " estimated as in Table 4; beyond it is chance. Modal share: of the searches, one per"
            " seed, that give a field its most frequent size, mean over fields; few searches raise"
            " it by chance, but not pair agreement: the chance that two searches give a field one"
            " size. Seconds: processor time of a run, means over seeds. Each run counts its"
            " supernet in full; searches of one supernet in a row share what it scored, so that"
            " rows with the default's supernets show less search than they would need alone."
        ),
        header=(
            *("setting", "seeds", "AUC", "SD", "pairs", "difference", "95 % low", "95 % high"),
            *("on validation", "P-R", "tau", "tau: low", "tau: high", "ceiling"),
            *("modal share", "pair agreement", "prepare (s)", "search (s)"),
        ),
        rows=tuple(lines),
    )


def _differences_table(found: Ablation, split: str, versus: Mapping[str, Comparison]) -> TableData:
    family = sum(1 for one in versus.values() if one.p is not None)
    return TableData(
        name=f"ablation-{split}-{_file(found)}",
        title=f"AUC on {split} minus the default's: {where(found.place)}",
        caption=f"Above 0 is better. {cells.COMPARISON_CAPTION.format(family=family)}",
        header=("setting", *cells.COMPARISON_HEADER),
        rows=tuple((Cell.label(name), *cells.comparison(one)) for name, one in versus.items()),
        detail=True,
    )


def _tau_table(found: Ablation) -> TableData:
    """Return how well each kind of supernet ranks, beside the default's."""
    default = found.rows[0]
    lines = []
    for row in (default, *_other_kinds(found)):
        one = row.supernets
        line = [Cell.label(row.name), *(cells.count(n) for n in (one.allocations, one.supernets))]
        for measure in METRICS:
            tau = one.taus.get(measure)
            gap = (None,) * 3 if row is default else difference(one, default.supernets, measure)
            line += [*_tau_cells(tau), _tau_cell(tau.std if tau else None)]
            line += [cells.signed(value, "+.3f") for value in gap]
        lines.append(tuple(line))
    header = ["setting", "allocations", "supernets"]
    for name in METRICS.values():
        header += [f"{name}: {text}" for text in ("tau", "low", "high", "SD")]
        header += [f"{name}: {text}" for text in ("difference", "95 % low", "95 % high")]
    return TableData(
        name=f"ablation-tau-{_file(found)}",
        title=f"Each kind of supernet: {where(found.place)}",
        caption=(
            "Kendall's tau-b of validation scores with inherited weights and of stand-alone"
            " training over the same random allocations, mean and standard deviation over"
            " supernets. Difference: from the default's tau. Low and high: 95 % percentile"
            f" bootstrap over allocations, {RESAMPLES:,} resamples, for differences with both"
            " scoring the same ones in each; not corrected for their number. The supernets are not"
            " resampled: SD tells how far they differ."
        ),
        header=tuple(header),
        rows=tuple(lines),
        detail=True,
    )


def _other_kinds(found: Ablation) -> list[Row]:
    """Return the rows whose supernets were scored and are not the default's."""
    default, *others = found.rows
    return [row for row in others if not set(_ids(row)) <= set(_ids(default))]


def _ids(row: Row) -> list[str]:
    return [record.spec.run_id for record in row.scored]


def _findings(found: Ablation, versus: Mapping[str, Comparison]) -> list[str]:
    place, default = where(found.place), found.rows[0].supernets
    judged = [one for one in versus.values() if one.p_holm is not None]
    better, worse = (
        [name for name, one in versus.items() if _is_clear(one) and _gap(one) * sign > 0]
        for sign in (1, -1)
    )
    findings = [
        f"{place}: of {many(len(judged), 'variant')} held against the default by test AUC"
        f" (n = {span(one.n for one in judged)} pairs, Holm-corrected p below {ALPHA:g}), clearly"
        f" better: {_named(better)}; clearly worse: {_named(worse)}."
    ]
    if "auc" not in default.taus:
        return findings
    text = f"{place}: the default's supernets rank with a tau by AUC of"
    text += f" {ranking(default.taus['auc'])}"
    if found.ceiling is not None:
        text += f", the true ranking would reach {found.ceiling:.2f}"
    gaps = {
        row.name: difference(row.supernets, default, "auc")
        for row in _other_kinds(found)
        if row.supernets.taus
    }
    better = [name for name, (_, low, _) in gaps.items() if low is not None and low > 0]
    worse = [name for name, (_, _, high) in gaps.items() if high is not None and high < 0]
    text += f"; of {many(len(gaps), 'other kind')} of supernets, those whose difference has a 95 %"
    text += f" interval beyond 0, better: {_named(better)}; worse: {_named(worse)}."
    return [*findings, text]


def _is_clear(one: Comparison) -> bool:
    return one.p_holm is not None and one.p_holm < ALPHA


def _gap(one: Comparison) -> float:
    return one.difference.mean if one.difference else 0.0


def _named(names: Sequence[str]) -> str:
    return "; ".join(names) or "none"


def _agreement(records: Sequence[RunRecord]) -> tuple[float | None, float | None]:
    """Return the mean modal share over fields and the chance that two searches agree."""
    found = end_to_end(records)
    if len(found) < 2:
        return None, None
    sizes = np.array([allocation.dims for allocation in found])
    return mean(modal_shares(found).values()), pairwise_agreement(sizes).mean


def _seconds(records: Sequence[RunRecord], stage: str) -> Cell:
    """Return mean processor seconds; missing where a run is older than they are."""
    if not all(stage in record.cpu_seconds for record in records):
        return Cell.number(None)
    found = over_seeds(records, lambda record: record.cpu_seconds[stage])
    return Cell.number(found.mean if found else None, ",.1f")


def _tau_cells(tau: Tau | None) -> list[Cell]:
    return [_tau_cell(x) for x in ((tau.mean, tau.low, tau.high) if tau else (None,) * 3)]


def _tau_cell(value: float | None) -> Cell:
    return cells.signed(value, ".3f")


def _file(found: Ablation) -> str:
    return f"{found.place.dataset}-{found.place.backbone}"
