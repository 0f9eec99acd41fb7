"""Histories: the items that a user met before a row, from the train split alone.

The history of a row holds the items of the same user's *train* rows of a *strictly* earlier time,
the last ones of them, from the oldest on. So no row sees its own item or label, one of the same
moment, or any of validation and test: a test row has what training knew of its user.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from aesbench.core.settings import require_int
from aesbench.datasets.base import PADDING_ID
from aesbench.errors import ConfigError, DataError, did_you_mean

LENGTH = 50
"""Items of a history, unless told otherwise; ours."""

_CHUNK_ROWS = 1 << 18


@dataclass(frozen=True)
class HistorySpec:
    """What a source says of a history before it is encoded.

    Attributes:
        name: the history's name.
        of: the field whose values it holds, with one value per row.
        by: the column of the rows that says whose history it is.
        time: the column of the rows that orders it.
        length: the most items, of which the latest are kept.
    """

    name: str
    of: str
    by: str
    time: str
    length: int = LENGTH

    def __post_init__(self) -> None:
        require_int(self.length, f"length of history '{self.name}'", 1)

    def place(self, names: Sequence[str], multi: Sequence[str]) -> int:
        """Return the number of the field whose values it holds.

        Args:
            names: of the fields.
            multi: those of them that have several values.

        Raises:
            ConfigError: there is none, or it has several values; or the history has a field's name.
        """
        if self.name in names:
            raise ConfigError(
                f"a field and a history are called '{self.name}'; give the history another name"
            )
        single = [name for name in names if name not in multi]
        if self.of not in single:
            why = "has several values" if self.of in multi else "is no field"
            raise ConfigError(
                f"history '{self.name}' is of '{self.of}', which {why}"
                f"{did_you_mean(self.of, single)} Fields with one value: {', '.join(single)}"
            )
        return names.index(self.of)


@dataclass(frozen=True)
class EarlierRows:
    """For each row the earlier train rows of its user: a range of those rows in their order.

    Attributes:
        order: (train rows,) their numbers, by user and time.
        start: (rows,) where in ``order`` each row's range begins.
        stop: (rows,) where it ends.
    """

    order: NDArray[np.int64]
    start: NDArray[np.int64]
    stop: NDArray[np.int64]

    @classmethod
    def find(cls, rows: pl.LazyFrame, spec: HistorySpec, train: NDArray[np.bool_]) -> EarlierRows:
        """Look them up. A row without user or time has no history and is in nobody's.

        Args:
            rows: with the columns ``by`` and ``time``.
            spec: of the history.
            train: (rows,) which of them are in the train split.

        Raises:
            DataError: no row has an earlier one.
        """
        found = rows.select(
            known=pl.col(spec.by).is_not_null() & pl.col(spec.time).is_not_null(),
            user=pl.col(spec.by).rank("dense").fill_null(0).cast(pl.Int64),
            moment=pl.col(spec.time).rank("dense").fill_null(0).cast(pl.Int64),
        ).collect(engine="streaming")
        known, user, moment = (found[name].to_numpy() for name in found.columns)
        # One number for user and moment, of which each user's are together; moments count from 1.
        first = user * (moment.max() + 1)
        when = first + moment
        given = np.flatnonzero(train & known)
        order = given[np.argsort(when[given], kind="stable")]
        stop = np.searchsorted(when[order], when, side="left")
        start = np.maximum(np.searchsorted(when[order], first, side="left"), stop - spec.length)
        start[~known] = stop[~known] = 0
        if not (stop > start).any():
            raise DataError(
                f"history '{spec.name}': no row has an earlier one of its '{spec.by}' in the train"
                f" split; check the columns '{spec.by}' and '{spec.time}', or leave it out"
            )
        return cls(order, start, stop)

    @property
    def width(self) -> int:
        """The most items of any row."""
        return int((self.stop - self.start).max())

    def ids(self, items: NDArray[np.int32]) -> NDArray[np.int32]:
        """Return the histories ``(rows, width)``, padded behind their latest item.

        Args:
            items: (rows,) the id that each row adds to its user's history.
        """
        ids = np.full((len(self.start), self.width), PADDING_ID, np.int32)
        for begin in range(0, len(ids), _CHUNK_ROWS):
            chunk = slice(begin, begin + _CHUNK_ROWS)
            places = self.start[chunk, None] + np.arange(self.width)
            inside = places < self.stop[chunk, None]
            ids[chunk][inside] = items[self.order[places[inside]]]
        return ids
