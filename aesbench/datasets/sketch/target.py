"""Where a sketch is written."""

from __future__ import annotations

import re
from pathlib import Path

from aesbench.core.files import write_atomically
from aesbench.datasets.custom.compressed import COMPRESSED
from aesbench.errors import ConfigError, RecordError


def default_target(path: Path) -> Path:
    """Return a TOML file in this folder, of the file's name, or of its folder's for train files."""
    name = path.with_suffix("") if path.suffix in COMPRESSED else path
    stem = name.stem
    if re.fullmatch(r"(?i)train(ing)?", stem):
        stem = path.resolve().parent.name or stem
    return Path(f"{stem}.toml")


def check_target(path: Path, *, force: bool) -> None:
    """Check that a sketch may be written there.

    Raises:
        ConfigError: it is no TOML file, lies in no folder, or exists already.
    """
    if path.suffix != ".toml":
        raise ConfigError(f"--output {path}: expected a file that ends in .toml")
    if not path.parent.is_dir():
        raise ConfigError(f"--output {path}: there is no folder {path.parent}; make it first")
    if path.exists() and not force:
        raise ConfigError(
            f"{path} exists already; name another with --output, or write over it with --force"
        )


def write_target(path: Path, text: str) -> None:
    """Write the file.

    Raises:
        ConfigError: the folder cannot be written to.
    """
    try:
        write_atomically(path, text)
    except RecordError as error:
        raise ConfigError(f"cannot write {path}; name another file: --output") from error
