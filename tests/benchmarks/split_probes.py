"""What a split lets a model remember: two probes of a prepared data set, without any model.

    python tests/benchmarks/split_probes.py flights --set split=day --fields month,day,hour

Prints the test AUC of smoothed rate tables made from the train split, and the share of *twins*:
test rows whose ids all stand together in one train row. A table over some fields scores a row with

    (positives + 10 * rate) / (rows + 10)

of the train rows that have its ids in these fields, where ``rate`` is the share of positives in
train: an unseen cell scores ``rate``. Beside the fields asked for, it tries all pairs and triples
of fields, chooses one by its validation AUC and prints its test AUC. Multi-valued fields are left
out of the tables.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from aesbench.core.metrics import auc
from aesbench.datasets.base import Dataset, Split
from aesbench.harness.load_data import load_dataset

SMOOTHING_ROWS = 10


def rates(data: Dataset, fields: Sequence[str], split: Split) -> NDArray[np.float64]:
    """Return the smoothed train rate of each row's cell ``(rows,)`` in a table over some fields."""
    train = _cells(data, fields, data.train)
    known, cells = np.unique(train, return_inverse=True)
    count = np.bincount(cells)
    positives = np.bincount(cells, data.train.labels)
    rate = data.train.labels.mean()
    smoothed = (positives + SMOOTHING_ROWS * rate) / (count + SMOOTHING_ROWS)
    asked = _cells(data, fields, split)
    place = np.searchsorted(known, asked).clip(max=len(known) - 1)
    return np.where(known[place] == asked, smoothed[place], rate)


def _cells(data: Dataset, fields: Sequence[str], split: Split) -> NDArray[np.int64]:
    """Return the number of each row's cell ``(rows,)``."""
    first = np.cumsum([0, *(field.columns for field in data.fields)])
    cells = np.zeros(len(split), np.int64)
    for number, field in enumerate(data.fields):
        if field.name in fields:
            cells = cells * field.cardinality + split.ids[:, first[number]]
    return cells


def twins(data: Dataset) -> float:
    """Return the share of test rows that stand in train with all their ids."""
    known = {row.tobytes() for row in np.ascontiguousarray(data.train.ids)}
    return float(np.mean([row.tobytes() in known for row in np.ascontiguousarray(data.test.ids)]))


def table_auc(data: Dataset, fields: Sequence[str]) -> float:
    """Return the test AUC of a table over some fields."""
    return auc(data.test.labels, rates(data, fields, data.test))


def best(data: Dataset, most_fields: int) -> tuple[str, ...]:
    """Return the pair, triple, ... of fields whose table has the best validation AUC."""
    names = [field.name for field in data.fields if field.columns == 1]
    return max(
        (c for size in range(2, most_fields + 1) for c in combinations(names, size)),
        key=lambda fields: auc(data.validation.labels, rates(data, fields, data.validation)),
    )


def main() -> None:
    """Print the probes of a data set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset")
    parser.add_argument("--set", action="append", default=[], dest="changes", metavar="NAME=VALUE")
    parser.add_argument("--fields", action="append", default=[], metavar="NAME,NAME")
    parser.add_argument("--data-dir", default=os.environ.get("AESBENCH_DATA"))
    arguments = parser.parse_args()
    settings = dict(change.split("=", 1) for change in arguments.changes)
    data = load_dataset(arguments.dataset, data_dir=arguments.data_dir, settings=settings)
    print(f"{data.name} {settings or ''}, hash {data.hash[:16]}")
    for text in arguments.fields:
        print(f"table {text}: test AUC {table_auc(data, text.split(',')):.4f}")
    for most in (2, 3):
        chosen = best(data, most)
        print(
            f"best table of up to {most} fields, {','.join(chosen)}:"
            f" test AUC {table_auc(data, chosen):.4f}"
        )
    print(f"twins: {twins(data):.2%} of the test rows")


if __name__ == "__main__":
    main()
