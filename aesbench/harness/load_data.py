"""Data sets by name: built in, from a plugin, or described in a TOML file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aesbench.core.settings import build_config
from aesbench.datasets.base import Dataset
from aesbench.datasets.custom.source import CustomSource
from aesbench.datasets.source import Source
from aesbench.datasets.store import prepare, raw_folder
from aesbench.datasets.writer import Progress
from aesbench.errors import ConfigError
from aesbench.plugins.registry import SOURCES


def find_source(name: str, settings: Mapping[str, Any] | None = None) -> Source:
    """Return the source of a data set.

    Args:
        name: a registered name, or the path of a ``.toml`` file that describes one's own data.
        settings: changed settings of a registered source.

    Raises:
        ConfigError: the name, the file or a setting is unknown.
    """
    if name.endswith(".toml"):
        if settings:
            raise ConfigError(f"{name} holds its own settings; change them there, not with --set")
        own = CustomSource.from_toml(Path(name))
        own.provider = Path(name).name
        return own
    source_class = SOURCES.get(name)
    source = source_class(build_config(source_class.Config, settings or {}, name))
    provider = SOURCES.provider(name)
    if not provider.startswith("aesbench "):
        source.provider = provider
    return source


def load_dataset(
    name: str,
    *,
    data_dir: str | Path | None = None,
    cache_dir: str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> Dataset:
    """Return a prepared data set, preparing it first where that has not been done.

    Args:
        name: a registered name, or the path of a ``.toml`` file.
        data_dir: where the raw files lie; default ``$AESBENCH_DATA``, and without either they are
            downloaded where that is possible.
        cache_dir: where downloads and prepared data go; default ``$AESBENCH_CACHE`` or the
            platform's cache folder.
        settings: changed settings of the data set.
        progress: told what a long preparation does, the rows so far and their share.

    Raises:
        ConfigError: a name or setting is unknown.
        DataError: a raw file is missing or malformed.
    """
    return prepare(
        find_source(name, settings),
        data_dir=raw_folder(None if data_dir is None else Path(data_dir)),
        cache_dir=None if cache_dir is None else Path(cache_dir),
        progress=progress,
    )
