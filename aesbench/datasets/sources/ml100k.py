"""MovieLens-100K from its official files, with the ten fields of MovieLens-1M.

Its ages are given in years and are put into MovieLens-1M's groups; its genres are 19 flags per
movie and become the names of the raised ones. One movie and a few titles have no year.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from aesbench.datasets.custom.delimited import read_delimited
from aesbench.datasets.download import download_zip, existing_files
from aesbench.datasets.histories import HistorySpec
from aesbench.datasets.source import Source
from aesbench.datasets.sources.movielens import (
    STATIC_FIELDS,
    TIME_FIELDS,
    MovieLensConfig,
    build,
    join,
    year_of,
)
from aesbench.datasets.writer import DatasetWriter

FOLDER = "ml-100k"
FILES = {"users": "u.user", "movies": "u.item", "ratings": "u.data", "genres": "u.genre"}
URL = "https://files.grouplens.org/datasets/movielens/ml-100k.zip"
MD5 = "0e33842e24a9c977be4e0107933c0723"

AGE_GROUPS = (1, 18, 25, 35, 45, 50, 56)
"""The youngest age of each of MovieLens-1M's groups, by which it names them."""


class ML100K(Source):
    """MovieLens-100K with timestamps."""

    name = "ml100k"
    title = "ML-100K"
    Config = MovieLensConfig
    config: MovieLensConfig

    @property
    def histories(self) -> Sequence[HistorySpec]:
        """What users did before: nothing that is told of here."""
        return ()

    def files(self, data_dir: Path | None, cache: Path) -> Mapping[str, Path]:
        """Find the four official files, or download them."""
        if data_dir is None:
            return download_zip(FILES, FOLDER, URL, f"md5:{MD5}", cache)
        return existing_files(FOLDER, data_dir, URL, FILES)

    def build(self, files: Mapping[str, Path], writer: DatasetWriter) -> None:
        """Join and encode the files."""
        build(
            read(files).lazy(),
            (*STATIC_FIELDS, *TIME_FIELDS),
            self.config.rule,
            writer,
            genres=self.config.genres,
            min_count=self.config.min_count,
            histories=self.histories,
        )


def read(files: Mapping[str, Path]) -> pl.DataFrame:
    """Read the official files as joined ratings in their order.

    Raises:
        DataError: a file is damaged; the message names the line.
    """
    genres = read_delimited(files["genres"], {"genre": pl.String, "number": pl.Int64}, "|")
    flags = genres.sort("number")["genre"].to_list()
    users = read_delimited(
        files["users"],
        {
            "user": pl.String,
            "years": pl.Int64,
            "gender": pl.String,
            "occupation": pl.String,
            "zip": pl.String,
        },
        "|",
    )
    group = pl.lit(AGE_GROUPS[0])
    for youngest in AGE_GROUPS[1:]:
        group = pl.when(pl.col("years") >= youngest).then(youngest).otherwise(group)
    described = dict.fromkeys(("movie", "title", "released", "video", "address"), pl.String)
    movies = read_delimited(
        files["movies"],
        described | dict.fromkeys((f"flag {genre}" for genre in flags), pl.Int64),
        "|",
        encoding="latin-1",
    )
    raised = [pl.when(pl.col(f"flag {genre}") == 1).then(pl.lit(genre)) for genre in flags]
    ratings = read_delimited(
        files["ratings"],
        {"user": pl.String, "movie": pl.String, "rating": pl.Int64, "timestamp": pl.Int64},
        "\t",
    )
    return join(
        ratings,
        users.select("user", "gender", group.cast(pl.String).alias("age"), "occupation", "zip"),
        movies.select(
            "movie",
            year_of(pl.col("title")).alias("year"),
            pl.concat_str(raised, separator="|", ignore_nulls=True).alias("genres"),
        ),
        files,
    )
