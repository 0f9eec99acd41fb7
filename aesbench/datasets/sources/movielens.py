"""MovieLens as the paper uses it: ten fields, a rating above 3 is positive.

What the 1M and the 100K files share; ``ml1m.py``, ``ml1m_static.py`` and ``ml100k.py`` read them.
Section 4.1 of the paper names the ten fields; two are parts of the timestamp (``timestamps.py``).
Ratings of exactly 3 are negatives: without them far fewer rows remain than the paper reports.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from aesbench.datasets.custom.timestamps import PARTS
from aesbench.datasets.encode import LABEL, FieldSpec, check_min_count, encode
from aesbench.datasets.histories import HistorySpec
from aesbench.datasets.splits import TIMESTAMP, USER, SplitRule
from aesbench.datasets.writer import DatasetWriter
from aesbench.errors import ConfigError, DataError

STATIC_FIELDS = ("user", "gender", "age", "occupation", "zip", "movie", "year", "genres")
TIME_FIELDS = ("weekday", "hour")

_POSITIVE_ABOVE = 3


@dataclass(frozen=True)
class MovieLensConfig:
    """Settings of a MovieLens data set.

    Attributes:
        split: ``user-time``, ``time`` or ``random``.
        split_seed: of the random split; None: the seed of each run draws its own.
        genres: ``combined``, a movie's genres as one value, or ``multi``, a multi-valued field.
        min_count: rarer values of the train split share the out-of-vocabulary id.
    """

    split: str = "user-time"
    split_seed: int | None = None
    genres: str = "combined"
    min_count: int = 1

    def __post_init__(self) -> None:
        if self.split not in ("user-time", "time", "random"):
            raise ConfigError(
                f"unknown split '{self.split}' for MovieLens; expected user-time, time or random"
            )
        _ = self.rule  # Which checks the seed.
        check_genres(self.genres)
        check_min_count(self.min_count)

    @property
    def rule(self) -> SplitRule:
        """The rule that deals the rows."""
        return SplitRule(self.split, self.split_seed)


def check_genres(genres: str) -> None:
    """Check the choice of how genres are encoded.

    Raises:
        ConfigError: it is neither of the two.
    """
    if genres not in ("combined", "multi"):
        raise ConfigError(f"genres is 'combined' or 'multi', got {genres!r}")


def year_of(title: pl.Expr) -> pl.Expr:
    """Return the year in a title's last "(1995)"; missing where there is none."""
    return title.str.extract(r"^.*\((\d{4})\)", 1)


def join(
    ratings: pl.DataFrame, users: pl.DataFrame, movies: pl.DataFrame, files: Mapping[str, Path]
) -> pl.DataFrame:
    """Attach users and movies to the ratings, which keep their order.

    Raises:
        DataError: a rating's user or movie is not listed, or is listed twice.
    """
    for key, side in (("user", users), ("movie", movies)):
        path = files[f"{key}s"]
        twice = side[key].is_duplicated().arg_true()
        if len(twice):
            raise DataError(
                f"{path}:{int(twice[-1]) + 1}: {key} {side[key][int(twice[-1])]!r} is listed"
                " twice; fetch the file again"
            )
        unknown = (~ratings[key].is_in(side[key].implode())).arg_true()
        if len(unknown):
            raise DataError(
                f"{files['ratings']}:{int(unknown[0]) + 1}: {key}"
                f" {ratings[key][int(unknown[0])]!r} is not in {path.name}; the files do not"
                " belong together: fetch them again"
            )
        ratings = ratings.join(side, on=key, how="left", maintain_order="left")
    return ratings


def build(
    rows: pl.LazyFrame,
    names: Sequence[str],
    rule: SplitRule,
    writer: DatasetWriter,
    *,
    genres: str,
    min_count: int,
    histories: Sequence[HistorySpec] = (),
) -> None:
    """Encode ratings joined with their users and movies.

    Args:
        rows: the eight static fields as text, ``rating``, and ``timestamp`` in seconds if a time
            field, the split or a history asks for it.
        names: the fields to encode.
        rule: the split.
        writer: receives the data set.
        genres: see ``MovieLensConfig``.
        min_count: see ``MovieLensConfig``.
        histories: by ``USER`` and ``TIMESTAMP``.
    """
    moment = pl.from_epoch("timestamp", time_unit="s")
    columns = {
        "weekday": PARTS["weekend"](moment),
        "hour": PARTS["hour"](moment),
        USER: pl.col("user"),
        TIMESTAMP: pl.col("timestamp"),
    }
    multi = genres == "multi"
    if multi:
        columns["genres"] = pl.col("genres").str.split("|")
    history_keys = (key for one in histories for key in (one.by, one.time))
    wanted = dict.fromkeys((*names, *rule.keys, *history_keys))
    encode(
        rows.with_columns(
            (pl.col("rating") > _POSITIVE_ABOVE).alias(LABEL),
            *(columns[name].alias(name) for name in wanted if name in columns),
        ),
        [FieldSpec(name, multi=multi and name == "genres") for name in names],
        rule,
        writer,
        min_count=min_count,
        histories=histories,
    )
