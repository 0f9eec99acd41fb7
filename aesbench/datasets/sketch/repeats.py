"""Rows that stand in the data more than once, which a random split would put on both sides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from aesbench.datasets.encode import LABEL
from aesbench.datasets.splits import GIVEN

WORTH_A_WARNING = 0.01
_DENSE_ROWS = 5.0
_AGREEING = 0.9


@dataclass(frozen=True)
class Repeats:
    """How often rows repeat.

    Attributes:
        rows: rows looked at.
        distinct: different rows by all fields.
        distinct_labelled: different rows by all fields and the label.
        twins: the share of test rows of a random 8:1:1 split that stand in train with all fields,
            in expectation.
        labelled_twins: likewise with the label.
    """

    rows: int
    distinct: int
    distinct_labelled: int
    twins: float
    labelled_twins: float

    @property
    def are_many(self) -> bool:
        """Whether a random split has enough of them on both sides to move a result."""
        return self.twins >= WORTH_A_WARNING

    @property
    def are_copies(self) -> bool:
        """Whether they agree in their labels: one row written down several times."""
        return self.labelled_twins >= _AGREEING * self.twins

    @property
    def are_dense(self) -> bool:
        """Whether there are so few different rows that each has to repeat."""
        return self.rows > _DENSE_ROWS * self.distinct


def count_repeats(values: pl.LazyFrame, fields: Sequence[str]) -> Repeats:
    """Count the rows that repeat, by a hash of their fields.

    Args:
        values: a column per field, and the label.
        fields: their names.
    """
    hashed = values.select(
        pl.struct(fields).hash(seed=0).alias("row"), pl.col(LABEL).cast(pl.UInt8)
    )
    groups = (
        hashed.group_by("row")
        .agg(pl.len().cast(pl.Float64).alias("rows"), pl.col(LABEL).sum().alias("positives"))
        .collect(engine="streaming")
    )
    positives = groups["positives"].cast(pl.Float64)
    classes = pl.concat([positives, groups["rows"] - positives])
    classes = classes.filter(classes > 0)
    rows = float(groups["rows"].sum())
    return Repeats(
        int(rows),
        groups.height,
        len(classes),
        _in_train(groups["rows"], rows),
        _in_train(classes, rows),
    )


def given_twins(values: pl.LazyFrame, fields: Sequence[str]) -> float:
    """Return the share of test rows of a given split that stand in train with all their fields.

    Args:
        values: a column per field, and ``GIVEN``.
        fields: their names.
    """
    hashed = values.select(pl.struct(fields).hash(seed=0).alias("row"), GIVEN)
    rows = hashed.collect(engine="streaming")
    train = rows.filter(pl.col(GIVEN) == 0)["row"].unique()
    test = rows.filter(pl.col(GIVEN) == 2)["row"]
    return float(test.is_in(train.implode()).mean() or 0.0) if len(test) else 0.0  # type: ignore[arg-type]


def _in_train(sizes: pl.Series, rows: float) -> float:
    """Return the share of rows of which an equal one is drawn for train, by sizes of groups."""
    # Each other row of the group is in train with a probability of 0.8.
    other = sizes.to_numpy() - 1
    return float(((other + 1) * (1 - 0.2**other)).sum() / rows)
