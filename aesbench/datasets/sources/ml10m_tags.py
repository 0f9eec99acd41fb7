"""MovieLens-10M's tags: did the user give the movie this tag?

``tags.dat`` has a line ``user::movie::tag::timestamp`` for each of 95,580 tags that 4,009 users
gave 7,601 movies. Tags are lower-cased, by which 16,529 become 15,240; no user gave a movie a tag
in two spellings. The timestamp is that of the positive and would tell it from the negatives, and is
left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from aesbench.datasets.custom.delimited import read_delimited
from aesbench.datasets.download import download_zip, existing_files
from aesbench.datasets.sources.tag_assignments import FILE, ITEM, TAG, USER, TagSource

FOLDER, ARCHIVE_FOLDER = "ml-10m", "ml-10M100K"
FILES = {FILE: "tags.dat"}
URL = "https://files.grouplens.org/datasets/movielens/ml-10m.zip"
MD5 = "ce571fd55effeba0271552578f2648bd"


class ML10MTags(TagSource):
    """Tags of movies, three fields."""

    name = "ml10m-tags"
    title = "ML-10M tags"
    item = "movie"

    def files(self, data_dir: Path | None, cache: Path) -> Mapping[str, Path]:
        """Find the official file, or download it."""
        if data_dir is None:
            return download_zip(FILES, FOLDER, URL, f"md5:{MD5}", cache, inside=ARCHIVE_FOLDER)
        return existing_files(FOLDER, data_dir, URL, FILES, also=[ARCHIVE_FOLDER])

    def read(self, path: Path) -> pl.DataFrame:
        """Return the positives, tags in lower case."""
        columns = {USER: pl.Int64, ITEM: pl.Int64, TAG: pl.String, "timestamp": pl.Int64}
        rows = read_delimited(path, columns, "::")
        return rows.select(pl.col(USER, ITEM).cast(pl.String), pl.col(TAG).str.to_lowercase())
