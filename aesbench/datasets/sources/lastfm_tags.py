"""Last.fm's tags (HetRec 2011): did the user give the artist this tag?

``user_taggedartists.dat`` has a header and a line per tag that a user gave an artist, 186,478 in
all: their numbers, and day, month and year, which would tell positives from negatives and are left
out. What a number of a tag stands for is in another file, which nothing here needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from aesbench.datasets.custom.delimited import read_delimited
from aesbench.datasets.download import download_zip, existing_files
from aesbench.datasets.sources.tag_assignments import FILE, ITEM, TAG, USER, TagSource

FOLDER = "hetrec2011-lastfm-2k"
FILES = {FILE: "user_taggedartists.dat"}
URL = "https://files.grouplens.org/datasets/hetrec2011/hetrec2011-lastfm-2k.zip"
SHA256 = "6738f48195667ff03caaab4d32ca9a3133d8cc026b7c3cdaf6ce1010e913c59c"
COLUMNS = ("userID", "artistID", "tagID", "day", "month", "year")


class LastfmTags(TagSource):
    """Tags of artists, three fields."""

    name = "lastfm-tags"
    title = "Last.fm tags"
    item = "artist"
    sealed = (
        "no method runs on it until the study of Pareto fronts opens it, once: so there is one data"
        " set that has influenced no choice of ours"
    )

    def files(self, data_dir: Path | None, cache: Path) -> Mapping[str, Path]:
        """Find the official file, or download it."""
        if data_dir is None:
            return download_zip(FILES, FOLDER, URL, f"sha256:{SHA256}", cache, inside="")
        return existing_files(FOLDER, data_dir, URL, FILES)

    def read(self, path: Path) -> pl.DataFrame:
        """Return the positives."""
        rows = read_delimited(path, dict.fromkeys(COLUMNS, pl.Int64), "\t", header=True)
        names = dict(zip(COLUMNS, (USER, ITEM, TAG), strict=False))
        return rows.select(pl.col(names).cast(pl.String)).rename(names)
