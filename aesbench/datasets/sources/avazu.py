"""Avazu's click-through rate challenge: 40,428,967 rows, 22 fields (paper, section 4.1).

``train.csv`` has a header and 24 columns. The paper counts 22 categorical features and does not
name them. Here they are the 21 columns from C1 to C21, as they are, and the hour of day. Out are
``id``, which is different in every row, ``click``, which is the label, and the raw ``hour``, a date
whose values in the test split no training row has. The file is in order of time, which is checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from aesbench.datasets.clicklog.config import MIN_COUNT, check_log_config
from aesbench.datasets.clicklog.encode import encode_log
from aesbench.datasets.clicklog.schema import LogField, LogFormat
from aesbench.datasets.custom.timestamps import PARTS
from aesbench.datasets.download import files_by_hand
from aesbench.datasets.source import Source
from aesbench.datasets.writer import DatasetWriter

FOLDER = "avazu"
URL = "https://www.kaggle.com/competitions/avazu-ctr-prediction/data"
FILES = tuple({"train": f"train.csv{ending}"} for ending in ("", ".gz", ".zst"))
CATEGORIES = (
    "C1",
    "banner_pos",
    "site_id",
    "site_domain",
    "site_category",
    "app_id",
    "app_domain",
    "app_category",
    "device_id",
    "device_ip",
    "device_model",
    "device_type",
    "device_conn_type",
    *(f"C{n}" for n in range(14, 22)),
)


@dataclass(frozen=True)
class AvazuConfig:
    """Settings of ``avazu``.

    Attributes:
        split: ``time`` or ``random``; 8:1:1.
        split_seed: of the random split.
        min_count: rarer values of the train split share the out-of-vocabulary id; ours.
        on_bad_row: ``stop`` with an error, or ``skip`` bad lines and count them.
    """

    split: str = "time"
    split_seed: int = 0
    min_count: int = MIN_COUNT
    on_bad_row: str = "stop"

    def __post_init__(self) -> None:
        check_log_config(self, "time")


def moment(text: pl.Expr) -> pl.Expr:
    """Return the time of a text such as 14102107: year, month, day and hour, two digits each."""
    # polars reads no hour without a minute.
    return (text + "00").str.to_datetime("%y%m%d%H%M", strict=False)


def _hour(text: pl.Expr) -> pl.Expr:
    return PARTS["hour"](moment(text))


LAYOUT = LogFormat(
    columns=("id", "click", "hour", *CATEGORIES),
    label="click",
    fields=(
        *(LogField(name, name) for name in CATEGORIES),
        LogField("hour", "hour", _hour, "a time YYMMDDHH, such as 14102107"),
    ),
    separator=",",
    header=True,
)


class Avazu(Source):
    """Avazu, 22 fields."""

    name = "avazu"
    title = "Avazu"
    Config = AvazuConfig
    config: AvazuConfig
    resumable = True

    def files(self, data_dir: Path | None, cache: Path) -> Mapping[str, Path]:
        """Find Kaggle's train.csv, compressed or not."""
        return files_by_hand(FOLDER, data_dir, cache, URL, *FILES)

    def build(self, files: Mapping[str, Path], writer: DatasetWriter) -> None:
        """Read, split and encode the file."""
        by_time = self.config.split == "time"
        encode_log(
            [files["train"]],
            replace(LAYOUT, ordered_by="hour" if by_time else None),
            check_log_config(self.config, "time"),
            writer,
            min_count=self.config.min_count,
            skip=self.config.on_bad_row == "skip",
        )
