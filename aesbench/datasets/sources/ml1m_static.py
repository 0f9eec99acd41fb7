"""MovieLens-1M without its two time fields and with a random split.

For where the timestamps are not at hand: besides the official files it accepts one parquet file of
all ratings joined with users and movies. Rows are ordered by user and movie before the seeded
split, so that both give the same data set.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from aesbench.datasets.download import download_zip, existing_files
from aesbench.datasets.encode import check_min_count
from aesbench.datasets.source import Source
from aesbench.datasets.sources.ml1m import FILES, FOLDER, MD5, URL, read
from aesbench.datasets.sources.movielens import STATIC_FIELDS, build, check_genres
from aesbench.datasets.splits import SplitRule
from aesbench.datasets.writer import DatasetWriter
from aesbench.errors import DataError

JOINED = {"joined": "ratings_without_timestamps.parquet"}

_NAMES = {"user_id": "user", "zip_code": "zip", "movie_id": "movie"}


@dataclass(frozen=True)
class ML1MStaticConfig:
    """Settings of ``ml1m-static``; see ``MovieLensConfig`` for their meaning."""

    split_seed: int | None = None
    genres: str = "combined"
    min_count: int = 1

    def __post_init__(self) -> None:
        _ = self.rule  # Which checks the seed.
        check_genres(self.genres)
        check_min_count(self.min_count)

    @property
    def rule(self) -> SplitRule:
        """The rule that deals the rows."""
        return SplitRule("random", self.split_seed)


class ML1MStatic(Source):
    """MovieLens-1M, eight fields."""

    name = "ml1m-static"
    title = "ML-1M static"
    Config = ML1MStaticConfig
    config: ML1MStaticConfig

    def files(self, data_dir: Path | None, cache: Path) -> Mapping[str, Path]:
        """Find the three official files or the joined one, or download the official ones."""
        if data_dir is None:
            return download_zip(FILES, FOLDER, URL, f"md5:{MD5}", cache)
        return existing_files(FOLDER, data_dir, URL, FILES, JOINED)

    def build(self, files: Mapping[str, Path], writer: DatasetWriter) -> None:
        """Order and encode the ratings."""
        rows = _read_joined(files["joined"]) if "joined" in files else read(files)
        numbers = [pl.col(key).cast(pl.Int64) for key in ("user", "movie")]
        build(
            rows.select(*STATIC_FIELDS, "rating").sort(numbers, maintain_order=True).lazy(),
            STATIC_FIELDS,
            self.config.rule,
            writer,
            genres=self.config.genres,
            min_count=self.config.min_count,
        )


def _read_joined(path: Path) -> pl.DataFrame:
    try:
        table = pl.read_parquet(path).rename(_NAMES, strict=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        said = str(error).partition("\n")[0]
        raise DataError(f"cannot read {path} as parquet: {said}; fetch it again") from error
    lacking = [name for name in (*STATIC_FIELDS, "rating") if name not in table.columns]
    if lacking:
        raise DataError(
            f"{path} lacks the columns {', '.join(lacking)}; it has {', '.join(table.columns)}:"
            " fetch it again"
        )
    return table
