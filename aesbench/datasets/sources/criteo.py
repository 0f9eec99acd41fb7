"""Criteo's display advertising challenge: 45,840,617 rows, 39 fields (paper, section 4.1).

``train.txt`` has no header: the label, 13 whole numbers I1 to I13 and 26 categories C1 to C26,
separated by tabs, an empty value where one is missing. Numbers become the paper's buckets
(``buckets.py``). The file is in order of time, has no timestamp, and is split as it lies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from aesbench.datasets.buckets import bucket
from aesbench.datasets.clicklog.config import MIN_COUNT, check_log_config
from aesbench.datasets.clicklog.encode import encode_log
from aesbench.datasets.clicklog.schema import LogField, LogFormat
from aesbench.datasets.download import files_by_hand
from aesbench.datasets.source import Source
from aesbench.datasets.writer import DatasetWriter

FOLDER = "criteo"
URL = "https://www.kaggle.com/datasets/mrkmakr/criteo-dataset"
FILES = tuple({"train": f"train.txt{ending}"} for ending in ("", ".gz", ".zst"))
NUMBERS = tuple(f"I{n}" for n in range(1, 14))
CATEGORIES = tuple(f"C{n}" for n in range(1, 27))


@dataclass(frozen=True)
class CriteoConfig:
    """Settings of ``criteo``.

    Attributes:
        split: ``order``, the file's, which is that of time, or ``random``; 8:1:1.
        split_seed: of the random split.
        min_count: rarer values of the train split share the out-of-vocabulary id; ours.
        on_bad_row: ``stop`` with an error, or ``skip`` bad lines and count them.
    """

    split: str = "order"
    split_seed: int = 0
    min_count: int = MIN_COUNT
    on_bad_row: str = "stop"

    def __post_init__(self) -> None:
        check_log_config(self, "order")


def _bucket(text: pl.Expr) -> pl.Expr:
    return bucket(text.cast(pl.Int64, strict=False))


LAYOUT = LogFormat(
    columns=("label", *NUMBERS, *CATEGORIES),
    label="label",
    fields=(
        *(LogField(name, name, _bucket, "a whole number") for name in NUMBERS),
        *(LogField(name, name) for name in CATEGORIES),
    ),
    separator="\t",
    header=False,
)


class Criteo(Source):
    """Criteo, 39 fields."""

    name = "criteo"
    title = "Criteo"
    Config = CriteoConfig
    config: CriteoConfig
    resumable = True

    def files(self, data_dir: Path | None, cache: Path) -> Mapping[str, Path]:
        """Find Kaggle's train.txt, compressed or not."""
        return files_by_hand(FOLDER, data_dir, cache, URL, *FILES)

    def build(self, files: Mapping[str, Path], writer: DatasetWriter) -> None:
        """Read, split and encode the file."""
        encode_log(
            [files["train"]],
            LAYOUT,
            check_log_config(self.config, "order"),
            writer,
            min_count=self.config.min_count,
            skip=self.config.on_bad_row == "skip",
        )
