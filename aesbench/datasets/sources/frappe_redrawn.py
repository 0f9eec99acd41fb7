"""Frappe_x1 with the items of its train negatives drawn again: a stand-in, not that data set.

Frappe (Baltrunas et al., 2015, arXiv 1505.03014) logs which app was used in which context; to each
of the 96,203 uses the leaderboard's Frappe_x1 adds two rows of the same user and context with an
app that the user never used. Here validation, test and the positives of train are its rows. So are
the contexts of train's negatives, but the apps in them were drawn again, evenly among those that
the user never used, for the official train file was not at hand. What is trained on these rows may
come near the numbers published for Frappe_x1, and is not comparable with them.

Ids are numbered by field from 0, in the official files otherwise; as categories they mean the same.
The files are nowhere to be downloaded. Their sha256 is checked, so that one name means one data
set.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aesbench.core.settings import later
from aesbench.datasets.base import SPLITS
from aesbench.datasets.clicklog.encode import encode_log
from aesbench.datasets.encode import check_min_count
from aesbench.datasets.fingerprint import file_hash
from aesbench.datasets.source import Source
from aesbench.datasets.sources.bars_splits import FILES, FrappeX1
from aesbench.datasets.writer import DatasetWriter
from aesbench.errors import DataError

FOLDERS = ("frappe-redrawn", "frappe")
"""Where the files may lie, in the folder that the user names; the first of them counts."""

HASHES = {
    "train": "79a27b4d02cb02f0d0357d2c170f5f66078c5ae6c90a1164dc341f7393d551c6",
    "validation": "cbf3e3eec4d6fca9cfbfc3c8c3427ccf1664aca8d73b47306c2576d3ad328d43",
    "test": "0e57c808d8567d151100904942d7c35a02add28a84a22ec3ded5e6f3975e0514",
}
"""The sha256 of the three files."""

OFFICIAL = (
    "frappe-redrawn is Frappe_x1 with other train negatives, a stand-in that is published nowhere;"
    f" for the official rows fetch https://huggingface.co/datasets/reczoo/{FrappeX1.folder} and use"
    f" the data set {FrappeX1.name}"
)


@dataclass(frozen=True)
class FrappeRedrawnConfig:
    """The split is given.

    Attributes:
        min_count: rarer values of the train split share the out-of-vocabulary id; 1 as for
            ``frappe_x1``.
    """

    min_count: int = later(1)

    def __post_init__(self) -> None:
        check_min_count(self.min_count)


class FrappeRedrawn(Source):
    """Frappe_x1, its train negatives drawn again."""

    name = "frappe-redrawn"
    title = "Frappe (redrawn)"
    Config = FrappeRedrawnConfig
    config: FrappeRedrawnConfig
    resumable = True
    layout = FrappeX1.layout

    def files(self, data_dir: Path | None, cache: Path) -> Mapping[str, Path]:
        """Find the three files in one of ``FOLDERS``."""
        root = cache / "raw" if data_dir is None else data_dir
        for folder in FOLDERS:
            found = {split: root / folder / name for split, name in FILES.items()}
            if all(path.is_file() for path in found.values()):
                return found
        raise DataError(
            f"{root} lacks {', '.join(FILES.values())} in {' or '.join(FOLDERS)}; {OFFICIAL}, or"
            f" name the folder that holds {FOLDERS[0]}/ with --data-dir"
        )

    def build(self, files: Mapping[str, Path], writer: DatasetWriter) -> None:
        """Check the files and encode them."""
        for split in SPLITS:
            found = file_hash(files[split])
            if found != HASHES[split]:
                raise DataError(
                    f"{files[split]} is not the {split} file of frappe-redrawn: its sha256 is"
                    f" {found}, expected {HASHES[split]}; {OFFICIAL}, or describe your own files in"
                    " TOML (examples/frappe-redrawn.toml)"
                )
        paths = [files[split] for split in SPLITS]
        encode_log(paths, self.layout, None, writer, min_count=self.config.min_count, skip=False)
