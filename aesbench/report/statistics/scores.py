"""Scores out of the frame of runs: one value per seed, and what they come to.

Several searches of a seed share its data order, its initial weights and what was prepared: they are
no independent runs, so their mean is what enters a mean over seeds.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence

import pandas as pd

from aesbench.core.spec import REFERENCE_DIM
from aesbench.plugins.exhibit import is_missing
from aesbench.plugins.paper import Place
from aesbench.report.statistics.summary import Summary, summarise

UNIFORM, GIVEN, RANDOM = "ues", "fixed", "random"
"""Methods that the core knows: one size for all fields, sizes given by hand, sizes by chance."""
PLANTED = "planted"
"""Generated data whose fields need sizes that are known."""
REFERENCE = f"{UNIFORM}:{REFERENCE_DIM}"


Measure = str | Callable[[pd.DataFrame], pd.Series]
"""A column of the runs, or what is computed of them: a value per run."""


def uniform_of(share: float) -> str | None:
    """Return the uniform size that takes a share of the reference's parameters, if there is one."""
    dim = share * REFERENCE_DIM
    return f"{UNIFORM}:{dim:.0f}" if dim == int(dim) else None


def compared(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the runs that have scores to compare: successful, and retrained."""
    return runs[(runs["status"] == "ok") & runs["retrained"]]


def places(runs: pd.DataFrame) -> Iterator[tuple[Place, pd.DataFrame]]:
    """Yield each place with its runs, in order."""
    for (dataset, backbone), own in runs.groupby(["dataset", "backbone"], sort=True):
        yield Place(str(dataset), str(backbone)), own


def by_dataset(
    found: Mapping[Place, object],
) -> dict[str, list[Place]]:
    """Return ``{data set: its places}``, in their order."""
    datasets: dict[str, list[Place]] = {}
    for place in found:
        datasets.setdefault(place.dataset, []).append(place)
    return datasets


def by_method(runs: pd.DataFrame, column: str = "method") -> dict[str, pd.DataFrame]:
    """Return ``{method: its runs}``, in the order of the runs; by their labels unless said."""
    return {str(name): own for name, own in runs.groupby(column, sort=False)}


def seed_means(runs: pd.DataFrame, measure: Measure) -> pd.Series:
    """Return ``{seed: the mean of a measure over its searches}``, seeds ascending.

    Runs without it are left out, as are costs of those that were retrained in packs.
    """
    values = runs[measure] if isinstance(measure, str) else measure(runs)
    seeds = runs["seed"]
    found: dict[Hashable, list[float]] = {}
    for seed, value in zip(seeds, values, strict=True):
        if not is_missing(value):
            found.setdefault(seed, []).append(value)
    return pd.Series({seed: summarise(found[seed]).mean for seed in sorted(found)}, dtype=float)  # type: ignore[type-var]


def over_seeds(runs: pd.DataFrame, measure: Measure) -> Summary | None:
    """Return the summary of a measure over seeds; None without a run that has it."""
    values = list(seed_means(runs, measure)) if len(runs) else []
    return summarise(values) if values else None


def mean_over_seeds(runs: pd.DataFrame, measure: Measure) -> float | None:
    """Return the mean of a measure over seeds; None without a run that has it."""
    found = over_seeds(runs, measure)
    return None if found is None else found.mean


def spread(name: str, found: Sequence[Summary | None]) -> dict[str, list[float | None]]:
    """Return three columns of a table: a mean, its standard deviation, half Student's interval.

    Args:
        name: of the first; the others are called after it, as in ``AUC``, ``AUC SD``, ``AUC 95 %``.
        found: a summary per row.
    """
    return {
        name: [one.mean if one else None for one in found],
        f"{name} SD": [one.std if one else None for one in found],
        f"{name} 95 %": [one.half if one else None for one in found],
    }


def best(values: Iterable[float | None], *, least: bool = False) -> list[bool]:
    """Return which of some values are the best of them."""
    known = [value for value in values if value is not None]
    chosen = (min if least else max)(known, default=None)
    return [value is not None and value == chosen for value in values]


def search_seconds(runs: pd.DataFrame) -> pd.Series:
    """Return the wall seconds before the retraining: preparation and search."""
    return runs["prepare_s"] + runs["search_s"]
