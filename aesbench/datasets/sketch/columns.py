"""What is known of the columns of a file before anything is guessed of them.

Counts are of all rows looked through; what needs the values themselves is found on a sample of
whole blocks of rows, spread evenly, so that a large file in some order is not judged by its start.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import polars as pl

from aesbench.datasets.custom.conversions import moment
from aesbench.datasets.sketch.names import TIMES, named_like

MOST_ROWS = 5_000_000
SAMPLE_ROWS = 200_000
_EXACT_ROWS = 500_000
_BLOCK_ROWS = 1000
_YEARS = (1970, 2100)

_DATES = ("%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y")
_TIMES = ("", " %H:%M:%S", " %H:%M", " %H:%M:%S%.f", "T%H:%M:%SZ", "T%H:%M:%S", "T%H:%M:%S%.fZ",
          "T%H:%M:%S%.f", "T%H:%M")  # fmt: skip
_COMPACT = {"%Y%m%d": 8, "%y%m%d%H": 8, "%Y%m%d%H": 10, "%Y%m%d%H%M%S": 14}
"""{format of times that look like numbers: their digits}."""
_UNITS = {"s": 1, "ms": 10**3, "us": 10**6}
_EARLIEST_S, _LATEST_S = (
    315_532_800,
    4_102_444_800,
)  # 1980 and 2100: smaller numbers mean much else.


@dataclass(frozen=True)
class Times:
    """How a column writes moments.

    Attributes:
        unit: s, ms or us for numbers since 1970, else empty.
        format: of text, else empty.
        doubt: another format that fits as well, or empty.
        has_hours: whether the time of day differs between rows.
    """

    unit: str = ""
    format: str = ""
    doubt: str = ""
    has_hours: bool = False


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        name: its name.
        rows: rows looked through.
        missing: how many of them have no value.
        distinct: different values, a missing one not counted; close to it in a large file.
        sample: its values in the sample.
    """

    name: str
    rows: int
    missing: int
    distinct: int
    sample: pl.Series

    @cached_property
    def numbers(self) -> pl.Series | None:
        """The sample's values as numbers, if they all are."""
        dtype = self.sample.dtype
        if dtype == pl.Boolean or dtype.is_numeric():
            return self.sample.cast(pl.Float64).fill_nan(None)
        if dtype != pl.String or self.sample.null_count() == len(self.sample):
            return None
        numbers = self.sample.cast(pl.Float64, strict=False)
        return numbers if numbers.null_count() == self.sample.null_count() else None

    @cached_property
    def is_whole(self) -> bool:
        """Whether it has numbers, all whole."""
        found = self.numbers
        return found is not None and bool((found == found.floor()).all())

    @cached_property
    def range(self) -> tuple[float, float]:
        """The least and the greatest of the sample's numbers; 0 and 0 without any."""
        found = pl.Series([0.0]) if self.numbers is None else self.numbers.drop_nulls()
        low, high = found.min(), found.max()
        return (float(cast(float, low)), float(cast(float, high))) if len(found) else (0.0, 0.0)

    @cached_property
    def has_leading_zeros(self) -> bool:
        """Whether a text such as 007 is among its numbers, which then are names."""
        return self.sample.dtype == pl.String and bool(
            self.sample.str.contains(r"^0\d").fill_null(False).any()
        )

    @cached_property
    def common(self) -> tuple[object, float]:
        """The commonest value of the sample, and its share; a missing one counts.

        Of lists none is common.
        """
        if self.sample.dtype.is_nested():
            return None, 0.0
        counts = self.sample.value_counts(name="__count__").sort(
            "__count__", self.name, descending=[True, False]
        )
        return counts[self.name][0], counts["__count__"][0] / len(self.sample)

    @cached_property
    def rare_rows(self) -> int:
        """How many rows have another value than the commonest one, about, in large files."""
        return round((1 - self.common[1]) * self.rows)

    @cached_property
    def times(self) -> Times | None:
        """How it writes moments, if it does."""
        dtype = self.sample.dtype
        if isinstance(dtype, pl.Date | pl.Datetime):
            return self._with_hours(Times())
        if self.sample.null_count() == len(self.sample):
            return None
        if self.numbers is not None:
            return self._numbered_times()
        return self._written_times() if dtype == pl.String else None

    def moments(self, times: Times) -> pl.Series:
        """Return the sample as datetimes in UTC; what is none becomes missing."""
        values = moment(
            pl.col(self.name), self.sample.dtype, times.unit or "s", times.format, strict=False
        )
        return self.sample.to_frame().select(values).to_series()

    def _with_hours(self, times: Times) -> Times:
        of_day = self.moments(times).dt.time().drop_nulls()
        return Times(times.unit, times.format, times.doubt, of_day.n_unique() > 1)

    def _numbered_times(self) -> Times | None:
        found = self.numbers
        if found is None or not self.is_whole or self.has_leading_zeros:
            return None
        low, high = self.range
        if self.distinct > 1 and named_like(self.name, TIMES):
            letters = self.sample.cast(pl.String).str.len_chars()
            for written in _COMPACT:
                if letters.min() == letters.max() == _COMPACT[written] and self._fits(written):
                    return self._with_hours(Times(format=written))
        for unit, factor in _UNITS.items():
            if _EARLIEST_S * factor <= low and high <= _LATEST_S * factor and self.distinct > 1:
                # Ids may be as large: the name has to say so, or the numbers lie in a few decades.
                if named_like(self.name, TIMES) or (low > 9e8 * factor and unit != "s"):
                    return self._with_hours(Times(unit=unit))
        return None

    def _written_times(self) -> Times | None:
        fitting = [d + t for d in _DATES for t in _TIMES if self._fits(d + t)]
        if not fitting:
            return None
        first = self.moments(Times(format=fitting[0]))
        others = (w for w in fitting[1:] if not self.moments(Times(format=w)).equals(first))
        doubt = next(others, "")
        return self._with_hours(Times(format=fitting[0], doubt=doubt))

    def _fits(self, written: str) -> bool:
        values = self.sample.drop_nulls()
        for some in (values.head(50), values.unique()):  # Most formats fail at once.
            column = some.alias(self.name).cast(pl.String).to_frame()
            if "%H" not in written and column[self.name].str.contains(":").any():
                return False
            found = column.select(
                moment(pl.col(self.name), pl.String(), "s", written, strict=False)
            ).to_series()
            years = found.dt.year()
            if found.null_count() or not years.is_between(*_YEARS).all():
                return False
        return True


def mean(values: pl.Series) -> float:
    """Return the mean of numbers, or the share of what is true; 0 of nothing."""
    return float(cast(float, values.mean() or 0.0))


@dataclass(frozen=True)
class Looked:
    """The rows of a file, looked through.

    Attributes:
        rows: how many were looked through.
        is_all: whether that is all of them.
        sampled: rows of the sample.
        columns: {name: what is known of it}, in the file's order.
        frame: the sample.
    """

    rows: int
    is_all: bool
    sampled: int
    columns: Mapping[str, Column]
    frame: pl.DataFrame


def look(rows: pl.LazyFrame) -> Looked:
    """Look through the rows of a file; those after the first ``MOST_ROWS`` are not read."""
    names = rows.collect_schema().names()
    seen = rows.head(MOST_ROWS)
    nested = [n for n, t in rows.collect_schema().items() if t.is_nested()]
    total = int(seen.select(pl.len()).collect(engine="streaming").item())
    step = max(1, -(-total // SAMPLE_ROWS))
    indexed = seen.with_row_index("__row__")
    block = pl.col("__row__") // _BLOCK_ROWS % step == 0
    frame = indexed.filter(block).drop("__row__").collect(engine="streaming")
    counted = frame.lazy() if step == 1 else seen
    is_exact = total <= _EXACT_ROWS
    counts = counted.select(
        *(pl.col(n).null_count().alias(f"missing {n}") for n in names),
        *(
            (pl.col(n).drop_nulls().n_unique() if is_exact else pl.col(n).approx_n_unique())
            .cast(pl.Int64)
            .alias(f"distinct {n}")
            for n in names
            if n not in nested
        ),
    ).collect(engine="streaming")
    columns = {
        name: Column(
            name,
            total,
            int(counts[f"missing {name}"][0]),
            frame[name].drop_nulls().n_unique()
            if name in nested
            else min(int(counts[f"distinct {name}"][0]), total),
            frame[name],
        )
        for name in names
    }
    return Looked(total, total < MOST_ROWS, frame.height, columns, frame)
