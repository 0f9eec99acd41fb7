"""Optuna's journal of a tuning, which a process that is killed while it writes leaves readable.

Whoever writes holds the lock of the study (``locks.exclusive``). Optuna's own is not taken: a
killed process leaves it behind, and the next one waits half a minute for it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from optuna.storages.journal import JournalFileBackend

from aesbench.errors import RecordError


class Journal(JournalFileBackend):
    """A journal in a file, one JSON object a line; only its last line may be broken.

    Raises:
        RecordError: the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            super().__init__(str(path))
        except OSError as error:
            raise self._unwritable(error) from error

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Add lines.

        Raises:
            RecordError: the disk is full or the file cannot be written.
        """
        text = "".join(
            json.dumps(log, separators=(",", ":"), allow_nan=False) + "\n" for log in logs
        )
        try:
            with self._path.open("ab") as file:
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise self._unwritable(error) from error

    def mend(self) -> None:
        """Cut off a last line that a process did not finish, before the next one is added to it.

        What it told is lost, so that its trial is given out again.

        Raises:
            RecordError: the file cannot be written.
        """
        try:
            with self._path.open("r+b") as file:
                text = file.read()
                end = text.rfind(b"\n") + 1
                last = text.rfind(b"\n", 0, max(end - 1, 0)) + 1
                kept = end if not end or _is_entry(text[last:end]) else last
                if kept < len(text):
                    file.truncate(kept)
                    os.fsync(file.fileno())
        except OSError as error:
            raise self._unwritable(error) from error

    def check(self) -> None:
        """Check that every line is an entry; ``mend`` comes first.

        Raises:
            RecordError: one is not; the message names the line.
        """
        with self._path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if not _is_entry(line):
                    raise self.damaged(f"line {number} is no entry of Optuna's journal", number)

    def damaged(self, what: str, line: int = 1) -> RecordError:
        """Return the error of a file that is no journal from a line on."""
        # Not to delete the line: entries count the trials before them.
        kept = f"keep the {line - 1} lines before it (head -n {line - 1}) or " if line > 1 else ""
        return RecordError(
            f"{self._path}: {what}; {kept}move the file away, then give the same command again"
        )

    def _unwritable(self, error: OSError) -> RecordError:
        return RecordError(
            f"cannot write {self._path}: {error.strerror or error}; free space or choose another"
            " folder with --results, then give the same command again: finished trials are kept"
        )


def _is_entry(line: bytes) -> bool:
    try:
        entry = json.loads(line)
    except ValueError:
        return False
    return isinstance(entry, dict) and {"op_code", "worker_id"} <= entry.keys()
