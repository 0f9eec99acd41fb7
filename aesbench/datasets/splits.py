"""Which rows train, which validate and which test.

Shares are 8:1:1 unless told otherwise. Of ``n`` rows in order, those before ``0.8 n`` train, those
before ``0.9 n`` validate and the rest test, each boundary rounded to the nearest row (halves up):
10 rows give 8, 1, 1, and 5 rows give 4, 1, 0. The paper says only "based on timestamp"; the
reading chosen is a split of each user's history (see ``user-time``), which gives the paper's level
of AUC where a global split by time does not.

Rows with equal timestamps keep the order of the file, and may come to lie in two splits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from aesbench.datasets.base import SPLITS
from aesbench.errors import ConfigError, DataError, did_you_mean

USER = "__user__"
TIMESTAMP = "__timestamp__"
GROUP = "__group__"
GIVEN = "__split__"
"""Columns that a rule reads beside the fields; ``GIVEN`` holds 0, 1 or 2, a place in SPLITS."""

_KEYS = {
    "user-time": (USER, TIMESTAMP),
    "time": (TIMESTAMP,),
    "order": (),
    "random": (),
    "group": (GROUP,),
    "given": (GIVEN,),
}

_SEEDED = ("random", "group")


@dataclass(frozen=True)
class SplitRule:
    """How rows are dealt to the splits.

    Attributes:
        rule: ``user-time`` (each user's rows by time), ``time`` (all rows by time), ``order``
            (rows as the file has them), ``random`` (seeded), ``group`` (whole groups of rows,
            such as days or patients, at random, seeded) or ``given`` (by the data set's authors).
        seed: of the random splits; the other rules ignore it. None leaves it to the seed of each
            run (``Source.drawn``); nothing can be dealt before there is one.
        shares: of train, validation and test, in rows, of ``group`` in groups; any whole numbers.
    """

    rule: str
    seed: int | None = 0
    shares: tuple[int, int, int] = (8, 1, 1)

    def __post_init__(self) -> None:
        if self.rule not in _KEYS:
            raise ConfigError(
                f"unknown split rule '{self.rule}'{did_you_mean(self.rule, _KEYS)}"
                f" Known rules: {', '.join(_KEYS)}"
            )
        if self.seed is not None and (type(self.seed) is not int or self.seed < 0):
            raise ConfigError(
                f"a split seed is a whole number from 0 on, or none, got {self.seed!r}"
            )
        whole = all(type(share) is int and share > 0 for share in self.shares)
        if len(self.shares) != len(SPLITS) or not whole:
            raise ConfigError(
                f"split shares are three whole numbers above 0, such as 8, 1, 1;"
                f" got {list(self.shares)}"
            )

    @property
    def is_drawn(self) -> bool:
        """Whether it takes a seed to deal the rows, and there is none yet."""
        return self.seed is None and self.rule in _SEEDED

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns that ``assign`` reads."""
        return _KEYS[self.rule]

    def assign(self, rows: pl.LazyFrame) -> NDArray[np.uint8]:
        """Return the split of each row: 0, 1 or 2, a place in SPLITS.

        Raises:
            DataError: a row lacks its user, timestamp or group.
        """
        if not self.keys:
            return self.deal(int(rows.select(pl.len()).collect(engine="streaming").item()))
        keys = rows.select(self.keys).collect(engine="streaming")
        for name in self.keys:
            missing = keys[name].null_count()
            if missing:
                raise DataError(
                    f"{missing} of {keys.height} rows have no {name.strip('_')}, which the"
                    f" '{self.rule}' split needs; remove those rows or choose another rule"
                )
        if self.rule == "given":
            return keys[GIVEN].cast(pl.UInt8).to_numpy()
        if self.rule == "group":
            # By rank, so that the draw depends on the groups there are, not on the rows' order.
            number: NDArray[np.int64] = keys[GROUP].rank("dense").cast(pl.Int64).to_numpy() - 1
            return replace(self, rule="random").deal(keys[GROUP].n_unique())[number]
        # "ordinal" gives equal timestamps the order of the rows.
        place, size = pl.col(TIMESTAMP).rank("ordinal") - 1, pl.len()
        if self.rule == "user-time":
            place, size = place.over(USER), size.over(USER)
        ranked = keys.select(place.cast(pl.Int64).alias("place"), size.cast(pl.Int64).alias("size"))
        return self._deal(ranked["place"].to_numpy(), ranked["size"].to_numpy())

    def deal(self, rows: int) -> NDArray[np.uint8]:
        """Return the split of each of so many rows by a rule that reads no column of theirs.

        Raises:
            ConfigError: the rule is another one.
        """
        if self.keys:
            raise ConfigError(
                f"the rule '{self.rule}' reads {', '.join(self.keys)} and not only the number of"
                " rows; use order or random"
            )
        sizes = np.diff([0, *(self._boundary(rows, n) for n in (1, 2)), rows])
        ordered = np.repeat(np.arange(len(SPLITS), dtype=np.uint8), sizes)
        if self.rule == "random":
            if self.seed is None:
                raise ConfigError("a split that each run draws has no rows before it is drawn")
            return np.random.default_rng(self.seed).permutation(ordered)
        return ordered

    def _boundary(self, size: Any, splits: int) -> Any:
        """Return how many of ``size`` rows, an int or an array, the first splits have."""
        share, total = sum(self.shares[:splits]), sum(self.shares)
        return (2 * size * share + total) // (2 * total)

    def _deal(self, place: NDArray[np.int64], size: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return the split of the row at each place (0-based) among ``size`` rows in order."""
        assigned = np.zeros(len(place), np.uint8)
        for splits in (1, 2):
            assigned += place >= self._boundary(size, splits)
        return assigned
