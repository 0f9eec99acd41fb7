"""Files beside the one sketched that are its validation and test part."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aesbench.datasets.custom.config import Table
from aesbench.datasets.custom.tables import columns_of

_TRAIN = re.compile(r"(?i)(?<![a-z])(training|train)(?![a-z])")
_VALIDATION = ("validation", "valid", "val", "dev", "eval")
_TEST = ("test", "testing")


@dataclass(frozen=True)
class Parts:
    """What lies beside a train file.

    Attributes:
        validation, test: the files; None where there is none that can be used.
        remarks: what was found and is not used.
    """

    validation: Path | None = None
    test: Path | None = None
    remarks: tuple[str, ...] = ()

    @property
    def are_whole(self) -> bool:
        """Whether it is a given split."""
        return self.validation is not None and self.test is not None


def find_parts(path: Path, table: Table, names: Sequence[str]) -> Parts:
    """Look beside a file that is called train for its validation and test part.

    Args:
        path: the file.
        table: how it is read.
        names: its columns; a part must have them all, the label among them.
    """
    if not _TRAIN.search(path.name):
        return Parts()
    remarks: list[str] = []

    def find(words: Sequence[str]) -> Path | None:
        for word in words:
            for written in (word, word.capitalize(), word.upper()):
                other = path.with_name(_TRAIN.sub(written, path.name, count=1))
                if not other.is_file() or other == path:
                    continue
                lacking = [*({*names} - {*columns_of(table, other)})]
                if not lacking:
                    return other
                remarks.append(
                    f"{other.name} lies beside it, but has no column {min(lacking)}: not used."
                )
        return None

    validation, test = find(_VALIDATION), find(_TEST)
    if (validation is None) != (test is None):
        found = validation or test
        remarks.append(
            f"{found.name if found else ''} lies beside it, but a given split needs validation and"
            " test: not used. Divide it in two files, or give it as one of the files under [rows]."
        )
    return Parts(validation, test, tuple(remarks))
