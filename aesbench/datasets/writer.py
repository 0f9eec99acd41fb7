"""What a source's ``build`` gets to hand its rows over."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aesbench._version import __version__
from aesbench.core.files import to_json
from aesbench.datasets.arrays import processed_hash, stored
from aesbench.datasets.base import SPLITS, Field
from aesbench.errors import DataError

if TYPE_CHECKING:
    import polars as pl

FORMAT = 1
"""Raise it whenever the same files and settings would give other arrays."""

Progress = Callable[[str, int, float], None]
"""Told what is being done, the rows done so far, and their share of all rows, 0 to 1."""

MANIFEST = "manifest.json"


def silent(what: str, rows: int, share: float) -> None:
    """Ignore progress."""


class DatasetWriter:
    """Receives the splits of one data set; a source's ``build`` gets one.

    Call ``split`` once for each of train, validation and test and fill the arrays it returns, then
    ``finish`` once.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        raw: Mapping[str, str],
        settings: Mapping[str, Any],
        progress: Progress | None = None,
        provider: str = "",
        *,
        is_drawn: bool = False,
    ) -> None:
        self.folder = folder
        """A folder for the data set; temporary files may be put there and must be removed."""
        self.progress: Progress = progress or silent
        """To be told what is being done, the rows done so far, and their share of all rows."""
        self._name, self._raw, self._settings = name, raw, settings
        self._provider, self._is_drawn = provider, is_drawn

    @property
    def is_finished(self) -> bool:
        """Whether ``finish`` has succeeded, in this call or in one that was interrupted."""
        return (self.folder / MANIFEST).exists()

    def split(
        self, split: str, rows: int, columns: int, *, probabilities: bool = False
    ) -> tuple[NDArray[np.int32], NDArray[np.uint8], NDArray[np.float32] | None]:
        """Create one split and return its arrays to fill, memory-mapped.

        Returns:
            ids ``(rows, columns)``, labels ``(rows,)`` and, if asked for, the true probabilities
            ``(rows,)``.

        Raises:
            DataError: the split is empty.
        """
        if rows == 0:
            raise DataError(
                f"the {split} split of '{self._name}' is empty; give the data set more rows or"
                " another split rule"
            )

        def create(part: str, shape: tuple[int, ...], dtype: type) -> Any:
            path = self.folder / f"{split}.{part}.npy"
            array = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
            if hasattr(os, "posix_fallocate"):
                # On a full disk a write through a memory map kills the process: find out now.
                with path.open("r+b") as file:
                    os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
            return array

        return (
            create("ids", (rows, columns), np.int32),
            create("labels", (rows,), np.uint8),
            create("probabilities", (rows,), np.float32) if probabilities else None,
        )

    def write(
        self, split: str, start: int, ids: NDArray[np.int32], labels: NDArray[np.uint8]
    ) -> None:
        """Write rows of a split that exists, without mapping it into memory.

        Args:
            split: one of SPLITS.
            start: the row where they begin.
            ids: (rows, columns).
            labels: (rows,).
        """
        for part, rows in (("ids", ids), ("labels", labels)):
            path = self.folder / f"{split}.{part}.npy"
            begin = stored(path).offset
            with path.open("r+b") as file:
                file.seek(begin + start * rows[:1].nbytes)
                rows.tofile(file)

    def counts(self, field_number: int) -> NDArray[np.int64]:
        """Return the counts of a field's vocabulary."""
        import polars as pl

        path = self.folder / "vocabulary" / f"{field_number}.parquet"
        return pl.read_parquet(path, columns=["count"])["count"].to_numpy()

    def vocabulary(self, field_number: int, frame: pl.DataFrame) -> None:
        """Keep what each id of a field stands for: columns ``value`` and ``count``, a row per id.

        The last row is the out-of-vocabulary id, with a null value.
        """
        folder = self.folder / "vocabulary"
        folder.mkdir(exist_ok=True)
        frame.write_parquet(folder / f"{field_number}.parquet")

    def finish(
        self,
        fields: Sequence[Field],
        *,
        facts: Mapping[str, Any] | None = None,
        truth: Mapping[str, Any] | None = None,
        histories: Sequence[Field] = (),
    ) -> None:
        """Check the splits, hash them and write the manifest.

        Args:
            fields: in the order of the id columns, each with its train counts.
            facts: what else is known of the rows; kept in the manifest.
            truth: what is known of a generated data set.
            histories: in the order of their id columns, which come after those of the fields.

        Raises:
            DataError: a field lacks its counts, a history is of no field or of another cardinality
                than it, the labels of a split are constant or not 0 and 1, or an id is out of
                range.
        """
        for field in fields:
            if len(field.counts) != field.cardinality:
                raise DataError(
                    f"field '{field.name}' of '{self._name}' has {len(field.counts)} counts for a"
                    f" cardinality of {field.cardinality}; count every id in the train split"
                )
        shared = {field.name: field.cardinality for field in fields}
        for history in histories:
            if shared.get(history.shares) != history.cardinality or history.name in shared:
                raise DataError(
                    f"history '{history.name}' of '{self._name}' shares the table of"
                    f" '{history.shares}' and has a cardinality of {history.cardinality}; it needs"
                    f" a name of its own, and the name and the cardinality of one of {shared}"
                )
        counts = np.concatenate([field.counts for field in fields]).astype(np.int64)
        np.save(self.folder / "counts.npy", counts)
        splits: dict[str, Any] = {}
        columns = sum(field.columns for field in (*fields, *histories))
        for split in SPLITS:
            found = stored(self.folder / f"{split}.ids.npy").shape[1]
            if found != columns:
                owners = "fields and histories" if histories else "fields"
                raise DataError(f"{split} ids have {found} columns, the {owners} {columns}")
            labels = np.load(self.folder / f"{split}.labels.npy")
            if labels.max() > 1:
                raise DataError(
                    f"a label of the {split} split of '{self._name}' is {labels.max()}; labels are"
                    " 0 or 1: check the label rule"
                )
            rows, positives = len(labels), int(labels.sum(dtype=np.int64))
            if positives in (0, rows):
                raise DataError(
                    f"all {rows} labels of the {split} split of '{self._name}' are"
                    f" {int(positives > 0)}; both classes are needed: check the label rule and"
                    " the split"
                )
            splits[split] = {"rows": rows, "positives": positives}
        described = [
            {"name": f.name, "cardinality": f.cardinality, "columns": f.columns} for f in fields
        ]
        tied = [
            {"name": h.name, "cardinality": h.cardinality, "columns": h.columns, "shares": h.shares}
            for h in histories
        ]
        manifest = {
            "format": FORMAT,
            "name": self._name,
            "hash": self._checked_hash((*fields, *histories), [*described, *tied]),
            "files": dict(self._raw),
            "settings": dict(self._settings),
            "fields": described,
            **({"histories": tied} if tied else {}),
            "splits": splits,
            "facts": dict(facts or {}),
            "truth": dict(truth) if truth is not None else None,
            "aesbench": __version__,
            **({"provider": self._provider} if self._provider else {}),
            **({"drawn": True} if self._is_drawn else {}),
        }
        (self.folder / MANIFEST).write_text(to_json(manifest) + "\n")

    def _checked_hash(self, fields: Sequence[Field], described: Sequence[Any]) -> str:
        """Return the hash of the data set, checking the ids in the same reading."""
        lowest, highest = dict[str, Any](), dict[str, Any]()
        total = sum(len(stored(self.folder / f"{split}.ids.npy")) for split in SPLITS)
        done = 0

        def look(split: str, part: str, rows: NDArray[Any]) -> None:
            nonlocal done
            if part == "ids":
                low, high = rows.min(0), rows.max(0)
                lowest[split] = np.minimum(lowest.get(split, low), low)
                highest[split] = np.maximum(highest.get(split, high), high)
                done += len(rows)
                self.progress("check", done, done / total)

        digest = processed_hash(self.folder, described, look)
        for split in SPLITS:
            self._check_ranges(split, lowest[split], highest[split], fields)
        return digest

    def _check_ranges(
        self,
        split: str,
        lowest: NDArray[np.int32],
        highest: NDArray[np.int32],
        fields: Sequence[Field],
    ) -> None:
        column = 0
        for field in fields:
            part = slice(column, column + field.columns)
            column += field.columns
            low, high = lowest[part].min(), highest[part].max()
            least = -1 if field.columns > 1 or field.shares else 0
            if low < least or high >= field.cardinality:
                raise DataError(
                    f"{split} ids of field '{field.name}' lie in {low}..{high},"
                    f" expected {least}..{field.cardinality - 1}"
                )
