"""What a split lets one remember, measured without a model: tables of rates, and twins.

A *rate table* over some fields scores a row with

    (positives + 10 * rate) / (rows + 10)

of the train rows that have its ids in these fields, where ``rate`` is the share of positives in
train: a cell without train rows scores ``rate``. Tables over all pairs of fields are tried, and
over the triples that extend one of the ``MOST_EXTENDED`` best pairs by any field; the best pair
and the best triple on validation are scored on test. Of more than ``MOST_FIELDS`` fields the best
ones alone enter pairs. A table is chosen on samples of ``MOST_CHOICE_ROWS``; those chosen are made
of the whole train split. Fields of several values are left out.

*Twins* are rows of another split that stand in train with all their ids; a field of several values
counts as a set of them.

All of it is exact and the same each time. Of a validation or test split with more than
``MOST_ASKED_ROWS`` rows so many are looked up; samples are drawn without replacement by generators
of seed 0. Train is read in windows, so that memory depends on the samples alone. No label of a test
row enters anything but the test AUC and what is said of its twins' labels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from aesbench.core.metrics import auc
from aesbench.core.probe import Probe, RateTable, Twins
from aesbench.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

    from aesbench.datasets.base import Dataset, Field, Split

SMOOTHING_ROWS = 10
MOST_FIELDS = 64
"""Their pairs are 2,016."""
MOST_EXTENDED = 5
MOST_CHOICE_ROWS = {"train": 1_000_000, "validation": 100_000}
MOST_ASKED_ROWS = 200_000

_WINDOW_ROWS = 2**18
_ABOVE_IDS = 2**31
"""More than any id."""
_DIGITS = 6
"""Of what is kept: further ones depend on the order in which a machine adds."""

Ids = NDArray[np.int32]
Cells = NDArray[np.int64]


def table_rows(data: Dataset) -> int:
    """Return over how many train rows the tables of all pairs of fields go: what a probe costs."""
    fields = min(sum(field.columns == 1 for field in data.fields), MOST_FIELDS)
    return fields * (fields - 1) // 2 * min(len(data.train), MOST_CHOICE_ROWS["train"])


def probe(data: Dataset) -> Probe:
    """Return what a data set gives away."""
    most = MOST_CHOICE_ROWS
    return Probe(
        name=data.name,
        hash=data.hash,
        tables=tuple(rate_table(data, fields) for fields in chosen_fields(data)),
        twins=_twins_of(data),
        left_out=tuple(field.name for field in data.fields if field.columns > 1),
        chosen_on={split: min(len(getattr(data, split)), most[split]) for split in most},
    )


def rate_table(data: Dataset, fields: Sequence[str]) -> RateTable:
    """Return the table over some fields, made of the whole train split, with its AUCs.

    Raises:
        ConfigError: a field is unknown, named twice, or has several values; or none is named.
    """
    if not fields:
        raise ConfigError("a table takes at least one field: month,day")
    columns = _columns(data, fields)
    scores = {}
    for name in ("validation", "test"):
        split = getattr(data, name)
        rows = _sample(len(split), MOST_ASKED_ROWS)
        asked = split.ids[rows[:, None], columns]
        found = auc(split.labels[rows], rates(data.train, columns, asked))
        scores[f"{name}_auc"] = round(found, _DIGITS)
    return RateTable(fields=tuple(fields), **scores)


def rates(train: Split, columns: Sequence[int], asked: Ids) -> NDArray[np.float64]:
    """Return the smoothed train rate of each asked row's cell ``(rows,)``.

    Args:
        train: what the table is made of.
        columns: the id columns of its fields.
        asked: (rows, columns) the ids of the rows to score, these columns only.
    """
    cells, steps = _number([*asked.T])
    counts, positives = (np.zeros(cells.max(initial=-1) + 1) for _ in range(2))
    all_positives = 0
    for ids, labels in _windows(train, columns):
        _count(_look_up(steps, [*ids.T]), labels, counts, positives)
        all_positives += int(labels.sum())
    return _smoothed(counts, positives, all_positives / len(train))[cells]


def chosen_fields(data: Dataset) -> list[tuple[str, ...]]:
    """Return the pair and the triple of fields whose tables have the best validation AUC."""
    single = [field for field in data.fields if field.columns == 1]
    names = [field.name for field in single]
    choice = _Choice(data, _columns(data, names))
    fields: Sequence[int] = range(len(names))
    if len(names) > MOST_FIELDS:
        alone = _best((((field,), choice.score((field,))) for field in fields), MOST_FIELDS)
        fields = sorted(field for (field,) in alone)
    pairs = _best(((pair, choice.score(pair)) for pair in combinations(fields, 2)), MOST_EXTENDED)
    triples = dict[tuple[int, ...], float]()
    for pair in pairs:
        for field in fields:
            triple = tuple(sorted({*pair, field}))
            if len(triple) == 3 and triple not in triples:
                triples[triple] = choice.score(triple)
    best = [*pairs[:1], *_best(triples.items(), 1)]
    return [tuple(names[field] for field in table) for table in best]


def _best(scored: Iterable[tuple[tuple[int, ...], float]], most: int) -> list[tuple[int, ...]]:
    """Return the best tables, of equal ones the first."""
    ranked = sorted(scored, key=lambda one: (-one[1], one[0]))
    return [table for table, _ in ranked[:most]]


class _Choice:
    """Scores tables on validation, made of a sample of train."""

    def __init__(self, data: Dataset, columns: Sequence[int]) -> None:
        read = []
        for name, most in MOST_CHOICE_ROWS.items():
            split = getattr(data, name)
            rows = _sample(len(split), most)
            # Column by column in memory: each is read many times.
            read += [np.asfortranarray(split.ids[rows[:, None], columns]), split.labels[rows]]
        self.train, self.train_labels, self.asked, self.asked_labels = read

    def score(self, fields: tuple[int, ...]) -> float:
        """Return the validation AUC of the table over some fields, by their places."""
        cells, steps = _number([self.asked[:, field] for field in fields])
        counts, positives = (np.zeros(cells.max(initial=-1) + 1) for _ in range(2))
        found = _look_up(steps, [self.train[:, field] for field in fields])
        _count(found, self.train_labels, counts, positives)
        scores = _smoothed(counts, positives, float(self.train_labels.mean()))
        return auc(self.asked_labels, scores[cells])


def _number(columns: Sequence[Ids]) -> tuple[Cells, list[pd.Index]]:
    """Number the cells in which rows lie, and return the numbers and what finds them again.

    A column at a time: a cell's number among those before it, and the id in the column, always go
    into one integer, however many fields there are and of whatever cardinalities.

    Args:
        columns: of ids, (rows,) each.
    """
    import pandas as pd

    steps = []
    cells, others = _apart(columns)
    for column in others:
        cells, known = pd.factorize(cells * _ABOVE_IDS + column)
        steps.append(pd.Index(known))
    return cells, steps


def _look_up(steps: Sequence[pd.Index], columns: Sequence[Ids]) -> Cells:
    """Return the numbers of the cells of other rows; -1 for a cell that was not numbered."""
    import pandas as pd

    cells, others = _apart(columns)
    for known, column in zip(steps, others, strict=True):
        # Of -1 comes a negative number, which is never known.
        cells = known.get_indexer(pd.Index(cells * _ABOVE_IDS + column))
    return cells


def _apart(columns: Sequence[Ids]) -> tuple[Cells, Sequence[Ids]]:
    """Return the first column, as cells, and the others; with a single one, itself once more."""
    first, *others = columns
    return first.astype(np.int64), others or [first]


def _count(
    cells: Cells,
    labels: NDArray[np.uint8],
    counts: NDArray[np.float64],
    positives: NDArray[np.float64],
) -> None:
    """Add train rows and their positives to those of their cells."""
    is_asked = cells >= 0
    cells = cells[is_asked]
    counts += np.bincount(cells, minlength=len(counts))
    positives += np.bincount(cells, labels[is_asked], minlength=len(counts))


def _smoothed(
    counts: NDArray[np.float64], positives: NDArray[np.float64], rate: float
) -> NDArray[np.float64]:
    return (positives + SMOOTHING_ROWS * rate) / (counts + SMOOTHING_ROWS)


def _twins_of(data: Dataset) -> dict[str, Twins]:
    """Return ``{split: how many of its rows stand in train with all their ids}``."""
    return {name: _twins(data, getattr(data, name)) for name in ("validation", "test")}


def _twins(data: Dataset, split: Split) -> Twins:
    rows = _sample(len(split), MOST_ASKED_ROWS)
    everything = range(split.ids.shape[1])
    numbers: dict[bytes, int] = {}
    of_rows = [numbers.setdefault(key, len(numbers)) for key in _keys(data.fields, split.ids[rows])]
    copies = np.zeros(2 * len(numbers), np.int64)  # Rows in train, of label 0 and of label 1.
    for ids, labels in _windows(data.train, everything):
        found = np.array([numbers.get(key, -1) for key in _keys(data.fields, ids)])
        is_known = found >= 0
        copies += np.bincount(2 * found[is_known] + labels[is_known], minlength=len(copies))
    labels = split.labels[rows]
    of_label = copies.reshape(-1, 2)[of_rows]
    own, other = np.where(labels[:, None], of_label[:, ::-1], of_label).T
    is_twin = own + other > 0
    agrees = (own > other) + (own == other) / 2
    by_label = [agrees[is_twin & (labels == label)] for label in (0, 1)]
    means = [one.mean() for one in by_label if len(one)]
    return Twins(
        rows=len(rows),
        share=round(float(is_twin.mean()), _DIGITS),
        other_label=round(float((other > 0).mean()), _DIGITS),
        agreement=round(float(np.mean(means)), _DIGITS) if means else None,
    )


def _keys(fields: Sequence[Field], ids: Ids) -> list[bytes]:
    """Return the bytes of each row's ids, equal where rows have equal ids in every field.

    Args:
        fields: of the data set.
        ids: (rows, columns); those of several values may come in any order, and repeat.
    """
    from aesbench.datasets.base import PADDING_ID

    if any(field.columns > 1 for field in fields):
        ids = ids.copy()
    first = 0
    for field in fields:
        own = slice(first, first + field.columns)
        first = own.stop
        if field.columns > 1:
            values = np.sort(ids[:, own], axis=1)
            values[:, 1:][values[:, 1:] == values[:, :-1]] = PADDING_ID
            ids[:, own] = np.sort(values, axis=1)
    whole = np.ascontiguousarray(ids)
    keys: list[bytes] = whole.view(f"V{whole.shape[1] * whole.itemsize}").ravel().tolist()
    return keys


def _columns(data: Dataset, fields: Sequence[str]) -> list[int]:
    """Return the id column of each of some fields, which have one.

    Raises:
        ConfigError: a field is unknown, named twice, or has several values.
    """
    places = np.cumsum([0, *(field.columns for field in data.fields)])
    single = {
        field.name: int(place)
        for field, place in zip(data.fields, places[:-1], strict=True)
        if field.columns == 1
    }
    for name in fields:
        if name not in single:
            is_multi = any(field.name == name for field in data.fields)
            raise ConfigError(
                f"field '{name}' of '{data.name}' has several values, and a table takes one"
                if is_multi
                else f"'{data.name}' has no field '{name}'{did_you_mean(name, single)} It has"
                f" {', '.join(single)}"
            )
        if fields.count(name) > 1:
            raise ConfigError(f"field '{name}' is named twice; a table takes it once")
    return [single[name] for name in fields]


def _sample(rows: int, most: int) -> Cells:
    """Return so many row numbers at most, ascending, always the same."""
    if rows <= most:
        return np.arange(rows)
    return np.sort(np.random.default_rng(0).choice(rows, most, replace=False, shuffle=False))


def _windows(split: Split, columns: Sequence[int]) -> Iterator[tuple[Ids, NDArray[np.uint8]]]:
    """Yield ids ``(rows, columns)`` and labels, some rows at a time."""
    for start in range(0, len(split), _WINDOW_ROWS):
        own = slice(start, start + _WINDOW_ROWS)
        yield split.ids[own][:, columns], split.labels[own]
