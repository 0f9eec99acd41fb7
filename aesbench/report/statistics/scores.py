"""Scores out of records: who ran where, and one value per seed.

Several searches of a seed share its data order, its initial weights and what was prepared: they are
no independent runs, so their mean is what enters a mean over seeds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from aesbench.core.label import Label
from aesbench.core.record import RunRecord
from aesbench.core.spec import REFERENCE_DIM
from aesbench.report.statistics.summary import Summary, summarise

REFERENCE = f"ues:{REFERENCE_DIM}"
GIVEN_SIZES = "fixed"
"""The method whose runs are single allocations: evidence about others, and hundreds of labels."""

Value = Callable[[RunRecord], float]


class Place(NamedTuple):
    """Where methods compare: on one data set and backbone."""

    dataset: str
    backbone: str


def by_place(records: Iterable[RunRecord]) -> dict[Place, dict[str, list[RunRecord]]]:
    """Return ``{place: {label: its records}}``, in the order of places, labels, seeds, searches."""
    places: dict[Place, dict[str, list[RunRecord]]] = {}
    for record in records:
        place = Place(record.spec.dataset, record.spec.backbone)
        places.setdefault(place, {}).setdefault(record.spec.label, []).append(record)
    return {
        place: {
            label: sorted(groups[label], key=lambda r: (r.spec.seed, r.spec.search_index))
            for label in sorted(groups, key=method_order)
        }
        for place, groups in sorted(places.items())
    }


def method_order(label: str) -> tuple[bool, list[tuple[int, int | str]]]:
    """Return a sort key: uniform sizes first, numbers inside a label by their value."""
    called = Label.parse(label)
    parts = re.findall(r"\d+|\D+", str(called))
    return called.name != "ues", [(0, int(p)) if p.isdigit() else (1, p) for p in parts]


def compared(records: Iterable[RunRecord]) -> list[RunRecord]:
    """Return the runs that have scores to compare: successful, and retrained."""
    return [record for record in records if record.ok and record.spec.retrain]


def seed_means(records: Iterable[RunRecord], value: Value) -> dict[int, float]:
    """Return ``{seed: the mean of a value over its searches}``."""
    of_seed: dict[int, list[float]] = {}
    for record in records:
        of_seed.setdefault(record.spec.seed, []).append(value(record))
    return {seed: summarise(values).mean for seed, values in sorted(of_seed.items())}


def over_seeds(records: Sequence[RunRecord], value: Value) -> Summary | None:
    """Return the summary of a value over seeds; None without a record."""
    return summarise(list(seed_means(records, value).values())) if records else None


def metric(split: str, name: str) -> Value:
    """Return the function that reads a metric: ``metric("test", "auc")``."""
    return lambda record: record.metrics[split][name]


test_auc = metric("test", "auc")
test_logloss = metric("test", "logloss")


def embedding_params(record: RunRecord) -> float:
    """Return how many parameters a run's embedding has."""
    return record.parameters["embedding"]


def model_params(record: RunRecord) -> float:
    """Return how many parameters a run's whole model has."""
    return sum(record.parameters.values())


def reference_params(record: RunRecord) -> float:
    """Return how many parameters UES-32's embedding has on a run's data."""
    rows = record.allocation.rows if record.allocation is not None else 0
    return REFERENCE_DIM * rows
