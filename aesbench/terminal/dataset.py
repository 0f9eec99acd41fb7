"""A data set: its size beside what papers say, its fields, what is new after training."""

from __future__ import annotations

from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from aesbench.datasets.base import SPLITS, Dataset
from aesbench.plugins.registry import PAPERS
from aesbench.terminal.table import make_table


def show_dataset(console: Console, dataset: Dataset) -> None:
    """Print a data set's size beside what papers say, its fields and histories, and its cold-start
    rates."""
    console.print(f"[bold]{escape(dataset.name)}[/]  {dataset.hash[:16]}  {dataset.folder}")
    console.print(_size_table(dataset))
    console.print(_split_table(dataset))
    console.print(_field_table(dataset))
    if dataset.histories:
        console.print(_history_table(dataset))
    for name, value in (dataset.truth or {}).items():
        if name.startswith("bayes"):  # What no model can beat, per split.
            shown = ", ".join(f"{split} {number:.4f}" for split, number in value.items())
            console.print(f"{name.replace('_', ' ')}: {shown}")


def _size_table(dataset: Dataset) -> Table:
    rows = []
    for paper in map(PAPERS.get, PAPERS.names()):
        if theirs := paper.datasets.get(dataset.name):
            facts = (theirs.interactions, theirs.fields, theirs.values)
            rows.append((paper.title, *(f"{value:,}" for value in facts)))
    interactions = sum(len(getattr(dataset, split)) for split in SPLITS)
    values = sum(field.cardinality for field in dataset.fields)
    rows.append(("ours", f"{interactions:,}", str(len(dataset.fields)), f"{values:,}"))
    return make_table(("", "interactions", "fields", "feature values"), rows)


def _split_table(dataset: Dataset) -> Table:
    parts = [(split, getattr(dataset, split)) for split in SPLITS]
    rows = [(name, f"{len(part):,}", f"{part.labels.mean():.2%}") for name, part in parts]
    return make_table(("split", "rows", "positive"), rows)


def _field_table(dataset: Dataset) -> Table:
    header = ["field", "cardinality", "new in validation", "new in test"]
    truth = (dataset.truth or {}).get("fields", {})
    if truth:
        header += ["planted rank", "planted importance"]
    rows = []
    first = 0
    for field in dataset.fields:
        own = slice(first, first + field.columns)
        first = own.stop
        new = [
            unseen_share(split.ids[:, own], field.cardinality)
            for split in (dataset.validation, dataset.test)
        ]
        planted = truth.get(field.name, {})
        extra = [f"{planted[key]:g}" for key in ("rank", "importance")] if planted else []
        shares = (f"{share:.2%}" for share in new)
        rows.append((field.name, f"{field.cardinality:,}", *shares, *extra))
    return make_table(header, rows, breaks=header)


def _history_table(dataset: Dataset) -> Table:
    """Of each history: its field, its most items, the mean in each split and the rows without."""
    rows = []
    first = sum(field.columns for field in dataset.fields)
    for history in dataset.histories:
        own = slice(first, first + history.columns)
        first = own.stop
        named = (history.name, history.shares, str(history.columns))
        for split in SPLITS:
            items = (getattr(dataset, split).ids[:, own] >= 0).sum(1)
            rows.append((*named, split, f"{items.mean():.1f}", f"{np.mean(items == 0):.2%}"))
            named = ("", "", "")
    header = ("history", "of", "most items", "split", "mean items", "rows without")
    return make_table(header, rows)


def unseen_share(ids: np.ndarray[Any, Any], cardinality: int) -> float:
    """Return the share of a field's ids that are out of vocabulary (the cold-start rate).

    Args:
        ids: (rows, columns) of one field, padding included.
        cardinality: of the field; its last id is the out-of-vocabulary one.
    """
    present = ids[ids >= 0]
    return float(np.mean(present == cardinality - 1)) if len(present) else 0.0
