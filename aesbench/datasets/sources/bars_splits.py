"""The ready-made splits of the public CTR leaderboard (BARS), by which backbones are verified.

Each is three files with headers, ``train.csv``, ``valid.csv`` and ``test.csv``, whose md5 sums and
row counts the leaderboard's owners publish (reczoo/Datasets) and which are checked here: a number
is only comparable on the very same rows. Fields, minimum counts and the treatment of numbers are
those of the runs that ``leaderboards/boards.py`` cites.

The description of Criteo_x4 rounds log2 of a number down; the code that made its published numbers
(FuxiCTR 1.0.2, ``convert_to_bucket``) takes floor(ln(v)^2) for v > 2, the bucket used elsewhere,
which is taken here. A missing number is a value of its own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import polars as pl

from aesbench.datasets.base import SPLITS
from aesbench.datasets.buckets import bucket
from aesbench.datasets.clicklog.encode import encode_log
from aesbench.datasets.clicklog.schema import LogField, LogFormat
from aesbench.datasets.custom.timestamps import PARTS
from aesbench.datasets.download import files_by_hand
from aesbench.datasets.source import Source
from aesbench.datasets.sources import avazu, criteo
from aesbench.datasets.writer import MANIFEST, DatasetWriter
from aesbench.errors import DataError

FILES = {"train": "train.csv", "validation": "valid.csv", "test": "test.csv"}
_PUBLIC = "aesbench does not download it"


@dataclass(frozen=True)
class LeaderboardConfig:
    """A leaderboard's split has no settings."""


@dataclass(frozen=True)
class Part:
    """What is published of one file.

    Attributes:
        rows: its rows.
        md5: of its bytes.
    """

    rows: int
    md5: str


class LeaderboardSplit(Source):
    """What the leaderboard's data sets share.

    Attributes:
        folder: where the three files lie.
        layout: what their lines hold.
        min_count: of the published runs.
        parts: what is published of train, validation and test.
    """

    Config = LeaderboardConfig
    resumable = True
    folder: ClassVar[str]
    layout: ClassVar[LogFormat]
    min_count: ClassVar[int]
    parts: ClassVar[tuple[Part, Part, Part]]

    def files(self, data_dir: Path | None, cache: Path) -> Mapping[str, Path]:
        """Find the three files."""
        url = f"https://huggingface.co/datasets/reczoo/{self.folder}"
        return files_by_hand(self.folder, data_dir, cache, url, FILES, reason=_PUBLIC)

    def build(self, files: Mapping[str, Path], writer: DatasetWriter) -> None:
        """Check the files and encode them."""
        for split, part in zip(SPLITS, self.parts, strict=True):
            found = _md5(files[split])
            if found != part.md5:
                raise DataError(
                    f"{files[split]} is not the leaderboard's file: its md5 sum is {found},"
                    f" published is {part.md5}; fetch it again from"
                    f" https://huggingface.co/datasets/reczoo/{self.folder}"
                )
        paths = [files[split] for split in SPLITS]
        encode_log(paths, self.layout, None, writer, min_count=self.min_count, skip=False)
        manifest = json.loads((writer.folder / MANIFEST).read_text())
        for split, part in zip(SPLITS, self.parts, strict=True):
            rows = manifest["splits"][split]["rows"]
            if rows != part.rows:
                raise DataError(
                    f"{files[split]} has {rows:,} rows, published are {part.rows:,}; fetch it again"
                )


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _whole(text: pl.Expr) -> pl.Expr:
    """Return a number's bucket; Kaggle's whole numbers may have become 5.0 on the way."""
    return bucket(text.cast(pl.Float64, strict=False))


def _number(text: pl.Expr) -> pl.Expr:
    """Return the text if it is a number."""
    return pl.when(text.cast(pl.Float64, strict=False).is_not_null()).then(text)


def _part(name: str) -> Callable[[pl.Expr], pl.Expr]:
    return lambda text: PARTS[name](avazu.moment(text))


_CRITEO_COLUMNS = ("label", *criteo.NUMBERS, *criteo.CATEGORIES)
_CRITEO_CATEGORIES = tuple(LogField(name, name) for name in criteo.CATEGORIES)


class CriteoX4(LeaderboardSplit):
    """Criteo, random 8:1:1, numbers as buckets: Criteo_x4_001."""

    name = "criteo_x4"
    title = "Criteo_x4"
    folder = "Criteo_x4"
    layout = LogFormat(
        columns=_CRITEO_COLUMNS,
        label="label",
        fields=(
            *(LogField(name, name, _whole, "a number") for name in criteo.NUMBERS),
            *_CRITEO_CATEGORIES,
        ),
        separator=",",
        header=True,
    )
    min_count = 10
    parts = (
        Part(36_672_493, "4a53bb7cbc0e4ee25f9d6a73ed824b1a"),
        Part(4_584_062, "fba5428b22895016e790e2dec623cb56"),
        Part(4_584_062, "cfc37da0d75c4d2d8778e76997df2976"),
    )


class CriteoX1(LeaderboardSplit):
    """Criteo as AFN's authors split it, numbers as numbers."""

    name = "criteo_x1"
    title = "Criteo_x1"
    folder = "Criteo_x1"
    layout = LogFormat(
        columns=_CRITEO_COLUMNS,
        label="label",
        fields=(
            *(LogField(name, name, _number, "a number", numeric=True) for name in criteo.NUMBERS),
            *_CRITEO_CATEGORIES,
        ),
        separator=",",
        header=True,
    )
    min_count = 1
    parts = (
        Part(33_003_326, "30b89c1c7213013b92df52ec44f52dc5"),
        Part(8_250_124, "f73c71fb3c4f66b6ebdfa032646bea72"),
        Part(4_587_167, "2c48b26e84c04a69b948082edae46f8c"),
    )


class AvazuX4(LeaderboardSplit):
    """Avazu, random 8:1:1, the hour as hour, weekday and weekend: Avazu_x4_001."""

    name = "avazu_x4"
    title = "Avazu_x4"
    folder = "Avazu_x4"
    layout = LogFormat(
        columns=avazu.LAYOUT.columns,
        label="click",
        fields=(
            *(LogField(name, name) for name in avazu.CATEGORIES),
            *(
                LogField(name, "hour", _part(name), "a time YYMMDDHH, such as 14102107")
                for name in ("hour", "weekday", "weekend")
            ),
        ),
        separator=",",
        header=True,
    )
    min_count = 2
    parts = (
        Part(32_343_172, "de3a27264cdabf66adf09df82328ccaa"),
        Part(4_042_897, "33232931d84d6452d3f956e936cab2c9"),
        Part(4_042_898, "3ebb774a9ca74d05919b84a3d402986d"),
    )


def _as_they_stand(columns: Sequence[str]) -> LogFormat:
    """Return the layout of a label and columns that each are a field."""
    return LogFormat(
        columns=("label", *columns),
        label="label",
        fields=tuple(LogField(name, name) for name in columns),
        separator=",",
        header=True,
    )


_FEATURES = tuple(f"feat_{n}" for n in range(1, 23))


class AvazuX1(LeaderboardSplit):
    """Avazu as AFN's authors split it, 7:1:2."""

    name = "avazu_x1"
    title = "Avazu_x1"
    folder = "Avazu_x1"
    layout = _as_they_stand(_FEATURES)
    min_count = 1
    parts = (
        Part(28_300_276, "f1114a07aea9e996842c71648e0f6395"),
        Part(4_042_897, "d9568f246357d156c4b8030fadb8b623"),
        Part(8_085_794, "9e2fe9c48705c9315ae7a0953eb57acf"),
    )


_FRAPPE_COLUMNS = (
    *("user", "item", "daytime", "weekday", "isweekend", "homework", "cost", "weather"),
    *("country", "city"),
)


class FrappeX1(LeaderboardSplit):
    """Frappe, apps used and not used in context, as AFN's authors split it, 7:2:1."""

    name = "frappe_x1"
    title = "Frappe_x1"
    folder = "Frappe_x1"
    layout = _as_they_stand(_FRAPPE_COLUMNS)
    min_count = 1
    parts = (
        Part(202_027, "ba7306e6c4fc19dd2cd84f2f0596d158"),
        Part(57_722, "88d51bf2173505436d3a8f78f2a59da8"),
        Part(28_860, "3470f6d32713dc5f7715f198ca7c612a"),
    )
