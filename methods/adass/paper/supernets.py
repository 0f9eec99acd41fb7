"""Supernets out of runs: their scores beside those of stand-alone training, kind by kind.

The kinds are those of the paper's Table 4, a scheme of tables and a way to sample subnets each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from aesbench.core.label import Label
from aesbench.core.record import RunRecord
from aesbench.plugins.exhibit import Evidence
from aesbench.plugins.paper import Place
from aesbench.report.statistics.consistency import Tau, perfect_tau, rank_correlation, seed_ceiling
from aesbench.report.statistics.scores import GIVEN, by_method, compared, places
from aesbench_methods.adass.paper.published import TABLE4

METRICS = {"auc": "AUC", "logloss": "LogLoss"}
SCHEMES = {"shared": "Shared", "independent": "Indep"}
SAMPLINGS = {
    "random": "Random",
    "vanilla": "Vanilla&Uniform",
    "weight": "Weight&Uniform",
    "adaptive": "Adaptive",
}
"""What the paper calls the settings of ours."""
CONTROLS = {"constant": "Constant"}
"""Samplings of ours: the rates at which ``adaptive`` starts, kept to the end."""
PUBLISHED = {
    f"{row.scheme}, {row.sampling}": {"auc": row.auc, "logloss": row.logloss} for row in TABLE4
}
"""{kind: the paper's taus}."""

UNDER_WAY = 0.9
"""A stand-alone seed with a smaller share of the allocations than this is not finished."""

TAU, GAP = "{:.3f}", "{:+.3f}"
"""How taus and their differences are shown."""


@dataclass(frozen=True, eq=False)
class Alone:
    """Stand-alone scores.

    Attributes:
        scores: {metric: seeds by allocations}, on validation.
        sizes: allocations by fields.
    """

    scores: Mapping[str, pd.DataFrame]
    sizes: pd.DataFrame

    @property
    def seeds(self) -> int:
        """How many seeds each allocation was trained with."""
        return len(self.scores["auc"])

    @property
    def good(self) -> pd.Index:
        """The good half: allocations whose AUC, the mean over seeds, is above the median of all.

        One set for both metrics and all supernets. A search ends among these, while most of what a
        tau over the whole space ranks is how far bad allocations are from them.
        """
        means = self.scores["auc"].mean()
        return means.index[means > means.median()]

    def halves(self, metric: str) -> Tau | None:
        """Return the tau of two halves of the seeds, if there are two."""
        return seed_ceiling(self.scores[metric].to_numpy())

    def perfect(self, metric: str) -> float | None:
        """Return the tau that the true ranking would have, if seeds tell."""
        return perfect_tau(self.scores[metric].to_numpy())


@dataclass(frozen=True, eq=False)
class Supernets:
    """The supernets of one kind.

    Attributes:
        count: how many.
        seconds: mean seconds to train one.
        auc: by each allocation that both they and stand-alone training have scored: ``inherited``,
            their mean, and ``alone``, that over seeds.
        taus: {metric: tau}; empty if there are fewer than two allocations.
        good: the same over the good half of them (``Alone.good``).
    """

    count: int = 0
    seconds: float | None = None
    auc: pd.DataFrame = field(default_factory=pd.DataFrame)
    taus: Mapping[str, Tau] = field(default_factory=dict)
    good: Mapping[str, Tau] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Consistency:
    """All that bears on Table 4 at one place.

    Attributes:
        place: where.
        title: what it is called.
        name: of its files: the place, and the unification where there are several.
        alone: the stand-alone scores.
        kinds: {kind: its supernets}.
        runs: the ids of those with scores.
    """

    place: Place
    title: str
    name: str
    alone: Alone
    kinds: Mapping[str, Supernets]
    runs: Sequence[str]


def consistencies(evidence: Evidence) -> Iterator[Consistency]:
    """Yield what there is at every place where supernets scored allocations."""
    for place, runs in places(evidence.runs):
        unifications = by_method(scored(runs), "unification")
        for unification, own in sorted(unifications.items()):
            alone = stand_alone(runs, unification)
            yield Consistency(
                place,
                evidence.place(place),
                "-".join((*place, unification) if len(unifications) > 1 else place),
                alone,
                {kind: judge(group, alone) for kind, group in by_kind(evidence, own).items()},
                list(own["run_id"]),
            )


def stand_alone(runs: pd.DataFrame, unification: str) -> Alone:
    """Return the stand-alone scores among the runs of a place; seeds under way are left out."""
    own = compared(runs[(runs["base_method"] == GIVEN) & ~runs["inherited"]])
    own = own[(own["unification"] == unification) & own["sizes"].notna()]
    own = own.drop_duplicates(["seed", "sizes"], keep="last")
    scores = {}
    for metric in METRICS:
        found = own.pivot(index="seed", columns="sizes", values=f"validation_{metric}")
        count = found.notna().sum(axis=1)
        scores[metric] = found[count >= UNDER_WAY * count.max()].dropna(axis=1)
    names = scores["auc"].columns
    sizes = [[int(size) for size in name.split("-")] for name in names]
    fields = own["record"].iloc[0].allocation.names if len(names) else ()
    return Alone(scores, pd.DataFrame(sizes, index=names, columns=list(fields)))


def scored(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the runs whose supernets scored allocations: how many in ``scored``, most first."""
    counts = [len(record.scores) if record.ok else 0 for record in runs["record"]]
    own = runs.assign(scored=counts)
    return own[own["scored"] > 0].sort_values("scored", ascending=False, kind="stable")


def by_kind(evidence: Evidence, runs: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return ``{kind: a run per supernet}`` of ``scored`` runs.

    First the paper's eight kinds, whether there are any or not; then others of its schemes and
    samplings, and what changed further settings, by the kind that it changed.
    """
    kinds = [_kind(record) for record in runs["record"]]
    names = [_name(evidence, *pair) for pair in zip(kinds, runs["method"], strict=True)]
    own = runs.assign(
        name=names,
        is_changed=[name != kind for name, kind in zip(names, kinds, strict=True)],
        kind=pd.Categorical(kinds, [*PUBLISHED, *sorted({*kinds} - {*PUBLISHED})]),
    ).drop_duplicates(["name", "seed"])
    own = own.sort_values(["is_changed", "kind", "method", "seed"])
    return dict.fromkeys(PUBLISHED, own.iloc[:0]) | by_method(own, "name")


def _kind(record: RunRecord) -> str:
    scheme, sampling = (str(record.spec.method_config.get(n)) for n in ("scheme", "sampling"))
    return f"{SCHEMES.get(scheme, scheme)}, {(SAMPLINGS | CONTROLS).get(sampling, sampling)}"


def _name(evidence: Evidence, kind: str, text: str) -> str:
    """Return a kind with what else a label changes: ``Shared, Adaptive, groups=1``.

    A preset, which may choose more than the kind, has its own name.
    """
    label = Label.parse(text).without("scores")
    own = [f"{n}={value}" for n, value in label.settings if n not in ("scheme", "sampling")]
    return evidence.method(str(label)) if label.preset else ", ".join((kind, *own))


def judge(runs: pd.DataFrame, alone: Alone) -> Supernets:
    """Hold the scores of some supernets against stand-alone ones, over what both have scored.

    Supernets that scored fewer allocations than another of them are left out.

    Args:
        runs: of ``scored``, one per supernet; may be none.
        alone: the stand-alone scores.
    """
    runs = runs[runs["scored"] == runs["scored"].max()]
    if runs.empty:
        return Supernets()
    found = pd.concat([pd.DataFrame(record.scores) for record in runs["record"]]).dropna(axis=1)
    common = alone.sizes.index[alone.sizes.index.isin(found.columns)]
    inherited = {metric: found.loc[[metric], common] for metric in METRICS}
    truth = {metric: alone.scores[metric][common].mean() for metric in METRICS}

    def taus_over(names: pd.Index) -> dict[str, Tau]:
        if len(names) < 2:
            return {}
        return {
            metric: rank_correlation(
                inherited[metric][names].to_numpy(), truth[metric][names].to_numpy()
            )
            for metric in METRICS
        }

    return Supernets(
        len(runs),
        float(runs["prepare_s"].mean()),
        pd.DataFrame({"inherited": inherited["auc"].mean(), "alone": truth["auc"]}),
        taus_over(common),
        taus_over(common[common.isin(alone.good)]),
    )


GOOD = "good half"
"""What columns and captions call the allocations of ``Alone.good``."""

GOOD_HALF = (
    f" {GOOD.capitalize()}: the allocations whose stand-alone AUC, the mean over seeds, is above"
    " the median, the same for both metrics: where a search ends. It has no ceiling: the half is"
    " chosen by these scores, so that seeds seem to disagree within it."
)
"""How captions explain it."""


def tau_columns(name: str, tau: Tau | None) -> dict[str, float | None]:
    """Return four columns of a table: a tau, its interval, its spread over supernets."""
    parts = {"tau": "mean", "low": "low", "high": "high", "SD": "std"}
    return {f"{name}: {part}": getattr(tau, value, None) for part, value in parts.items()}
