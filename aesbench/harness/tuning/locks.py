"""Locks between processes that share a study, also on several machines with one file system.

They are the operating system's (``flock``): they end with the process that holds them, however it
ends, so that nobody has to guess whether another one is still alive.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aesbench.errors import RecordError


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Let one process at a time into the block.

    Raises:
        RecordError: the folder cannot be written.
    """
    try:
        file = path.open("ab")
    except OSError as error:
        raise _unwritable(path.parent, error) from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class Presence:
    """Tells other processes that this one lives, from its making to ``leave`` or its end.

    Attributes:
        name: by which others ask for it.

    Raises:
        RecordError: the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.name = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = self._path(self.name).open("xb")
        except OSError as error:
            raise _unwritable(folder, error) from error
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def lives(self, name: str) -> bool:
        """Whether the process of this name is still there."""
        try:
            with self._path(name).open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except FileNotFoundError:
            return False
        self._path(name).unlink(missing_ok=True)
        return False

    def leave(self) -> None:
        """Be gone."""
        self._path(self.name).unlink(missing_ok=True)
        self._file.close()

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.lock"


def _unwritable(folder: Path, error: OSError) -> RecordError:
    return RecordError(
        f"cannot write into {folder}: {error.strerror or error}; choose another folder with"
        " --results"
    )
