"""The ablation of AdaS&S: what each of its choices is worth, to the supernet and to the result.

Beyond the paper, which leaves most of these choices open.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

import pandas as pd

from aesbench.core.phrasing import many, runs_in_words, span
from aesbench.plugins.exhibit import AUC, COUNT, SHARE, SIGNED, Evidence, Exhibit, Table
from aesbench.plugins.study import reproduce_commands
from aesbench.report.statistics.agreement import (
    end_to_end,
    modal_shares,
    pairwise_agreement,
    sizes_of,
)
from aesbench.report.statistics.consistency import RESAMPLES, difference
from aesbench.report.statistics.paired import ALPHA, CAPTION, FORMS, clear, family, versus
from aesbench.report.statistics.scores import mean_over_seeds, over_seeds, seed_means
from aesbench_methods.adass.paper.ablation import Ablation, ablations
from aesbench_methods.adass.paper.supernets import (
    GAP,
    GOOD,
    GOOD_HALF,
    METRICS,
    TAU,
    tau_columns,
)

_DIFFERENCE = ["pairs", "difference", "95 % low", "95 % high"]
_SECONDS = {"prepare (s)": "prepare_cpu_s", "search (s)": "search_cpu_s"}


def build(evidence: Evidence) -> list[Exhibit]:
    """Return an exhibit per data set on which enough variants of AdaS&S-R were retrained."""
    datasets = groupby(ablations(evidence), key=lambda found: found.place.dataset)
    return [
        _exhibit(evidence, dataset, evidence.title(dataset), list(own)) for dataset, own in datasets
    ]


def _exhibit(evidence: Evidence, dataset: str, title: str, own: Sequence[Ablation]) -> Exhibit:
    tables, findings = [], []
    for found in own:
        on_test, on_validation = (
            versus(
                {name: seed_means(row.runs, f"{split}_auc") for name, row in found.rows.items()},
                found.default,
            )
            for split in ("test", "validation")
        )
        tables += [
            _table(found, on_test, on_validation),
            _differences(found, "test", on_test),
            _differences(found, "validation", on_validation),
        ]
        tables += [_taus(found)] if any(len(row.scored) for row in found.rows.values()) else []
        findings += _findings(found, on_test)
    rows = [row for found in own for row in found.rows.values()]
    runs = pd.concat([runs["run_id"] for row in rows for runs in (row.runs, row.scored)])
    return Exhibit(
        name=f"ablation-{dataset}",
        title=f"Choices of AdaS&S, one by one: {title}",
        claim="",
        findings=findings,
        tables=tables,
        reproduce=reproduce_commands("ablation", (evidence.known(f.place) for f in own)),
        runs=list(runs.unique()),
    )


def _table(found: Ablation, on_test: pd.DataFrame, on_validation: pd.DataFrame) -> Table:
    gaps = on_test[_DIFFERENCE].to_dict("index")
    lines = []
    for name, row in found.rows.items():
        auc, tau = over_seeds(row.runs, "test_auc"), row.supernets.taus.get("auc")
        good = row.supernets.good.get("auc")
        searches = sizes_of(end_to_end(row.runs))
        lines.append(
            {
                "setting": name,
                "seeds": auc.n if auc else 0,
                "AUC": auc.mean if auc else None,
                "SD": auc.std if auc else None,
                **gaps.get(name, dict.fromkeys(_DIFFERENCE)),
                "on validation": on_validation["difference"].get(name),
                "P-R": mean_over_seeds(row.runs, "param_reduction"),
                "tau": tau.mean if tau else None,
                "tau: low": tau.low if tau else None,
                "tau: high": tau.high if tau else None,
                "ceiling": found.alone.perfect("auc") if tau else None,
                f"tau: {GOOD}": good.mean if good else None,
                "modal share": modal_shares(searches).mean() if len(searches) > 1 else None,
                "pair agreement": pairwise_agreement(searches).mean,
                # Missing where a run is older than processor seconds are.
                **{
                    title: mean_over_seeds(row.runs, column)
                    if row.runs[column].notna().all()
                    else None
                    for title, column in _SECONDS.items()
                },
            }
        )
    frame = pd.DataFrame(lines, dtype=object)
    failed = [row.failed for row in found.rows.values()]
    known = [row.supernets for row in found.rows.values() if row.supernets.taus]
    return Table(
        name=f"ablation-{'-'.join(found.place)}",
        title=f"AdaS&S-R with one choice changed: {found.title}",
        caption=(
            "Each row is the default with the settings named. AUC on test after retraining: mean"
            " and standard deviation over seeds. Difference: from the default's AUC, mean over"
            " pairs of equal seeds, with Student's 95 % interval, not corrected for the number of"
            f" rows; in bold where the t-test's p, so corrected by Holm, is below {ALPHA:g}."
            " On validation: the same difference there, which is what settings are to be chosen by."
            " P-R: share of UES-32's embedding parameters saved. Tau: Kendall's tau-b of the"
            " supernets' AUC with stand-alone training"
            f" (mean of {many(found.alone.seeds if known else 0, 'seed')}) over"
            f" n = {span(len(one.auc) for one in known)} random allocations, mean over"
            f" supernets ({span(one.count for one in known)}), with a 95 % percentile bootstrap"
            f" interval over allocations ({RESAMPLES:,} resamples); a row that changes the search"
            " alone has the default's supernets. Ceiling: the tau that the true ranking would have,"
            f" estimated as in Table 4; beyond it is chance.{GOOD_HALF}"
            " Modal share: of the searches, one per seed, that give a field its most frequent size,"
            " mean over fields; few searches raise"
            " it by chance, but not pair agreement: the chance that two searches give a field one"
            " size. Seconds: processor time of a run, means over seeds. Each run counts its"
            " supernet in full; searches of one supernet in a row share what it scored, so that"
            " rows with the default's supernets show less search than they would need alone."
        ),
        frame=frame,
        forms={
            **{"AUC": AUC, "SD": AUC, "on validation": SIGNED},
            **{column: FORMS[column] for column in _DIFFERENCE},
            **dict.fromkeys(("tau", "tau: low", "tau: high", "ceiling", f"tau: {GOOD}"), TAU),
            **dict.fromkeys(("P-R", "modal share", "pair agreement"), SHARE),
            **dict.fromkeys(_SECONDS, "{:,.1f}"),
        },
        texts={"seeds": list(map(runs_in_words, frame["seeds"], failed))},
        bold={"difference": [False, *clear(on_test)]},
    )


def _differences(found: Ablation, split: str, gaps: pd.DataFrame) -> Table:
    return Table(
        name=f"ablation-{split}-{'-'.join(found.place)}",
        title=f"AUC on {split} minus the default's: {found.title}",
        caption=f"Above 0 is better. {CAPTION.format(family=family(gaps))}",
        frame=gaps.rename_axis("setting").reset_index(),
        forms=FORMS,
        detail=True,
    )


def _taus(found: Ablation) -> Table:
    """Return how well each kind of supernet ranks, beside the default's."""
    default = found.rows[found.default].supernets
    lines = []
    for name in (found.default, *_other_kinds(found)):
        own = found.rows[name].supernets
        line: dict[str, object] = {
            "setting": name,
            "allocations": len(own.auc),
            "supernets": own.count,
        }
        for metric, title in METRICS.items():
            tau = own.taus.get(metric)
            gap = difference(tau, default.taus.get(metric) if own is not default else None)
            line |= tau_columns(title, tau)
            line |= {f"{title}: {end}": v for end, v in zip(_DIFFERENCE[1:], gap, strict=True)}
            line |= tau_columns(f"{title}, {GOOD}", own.good.get(metric))
        lines.append(line)
    frame = pd.DataFrame(lines, dtype=object)
    ends = tuple(_DIFFERENCE[1:])
    return Table(
        name=f"ablation-tau-{'-'.join(found.place)}",
        title=f"Each kind of supernet: {found.title}",
        caption=(
            "Kendall's tau-b of validation scores with inherited weights and of stand-alone"
            " training over the same random allocations, mean and standard deviation over"
            " supernets. Difference: from the default's tau. Low and high: 95 % percentile"
            f" bootstrap over allocations, {RESAMPLES:,} resamples, for differences with both"
            " scoring the same ones in each; not corrected for their number. The supernets are not"
            f" resampled: SD tells how far they differ.{GOOD_HALF}"
        ),
        frame=frame,
        forms={
            **{column: GAP if column.endswith(ends) else TAU for column in frame.columns[1:]},
            **dict.fromkeys(("allocations", "supernets"), COUNT),
        },
        detail=True,
    )


def _other_kinds(found: Ablation) -> list[str]:
    """Return the rows whose supernets were scored and are not the default's."""
    default = found.rows[found.default].scored["run_id"]
    rows = found.rows.items()
    return [name for name, row in rows if not row.scored["run_id"].isin(default).all()]


def _findings(found: Ablation, on_test: pd.DataFrame) -> list[str]:
    judged = on_test[on_test["Holm p"].notna()]
    known = judged["difference"][clear(judged)].astype(float)
    better, worse = _named(known.index[known > 0]), _named(known.index[known < 0])
    findings = []
    if len(judged):
        findings.append(
            f"{found.title}: of {many(len(judged), 'variant')} held against the default by test AUC"
            f" (n = {span(judged['pairs'])} pairs, Holm-corrected p below {ALPHA:g}), clearly"
            f" better: {better}; clearly worse: {worse}."
        )
    default = found.rows[found.default].supernets.taus.get("auc")
    if default is None:
        return findings
    text = f"{found.title}: the default's supernets rank with a tau by AUC of {default}"
    if (ceiling := found.alone.perfect("auc")) is not None:
        text += f", the true ranking would reach {ceiling:.2f}"
    taus = {name: found.rows[name].supernets.taus.get("auc") for name in _other_kinds(found)}
    gaps = {name: difference(tau, default) for name, tau in taus.items() if tau}
    if gaps:
        better = _named(name for name, (_, low, _) in gaps.items() if low is not None and low > 0)
        worse = _named(name for name, (_, _, high) in gaps.items() if high is not None and high < 0)
        text += f"; of {many(len(gaps), 'other kind')} of supernets, those whose difference has a"
        text += f" 95 % interval beyond 0, better: {better}; worse: {worse}"
    return [*findings, f"{text}."]


def _named(names: Iterable[str]) -> str:
    return "; ".join(names) or "none"
