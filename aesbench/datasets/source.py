"""Where a data set comes from: the contract for data-set plugins."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

from aesbench.datasets.splits import SplitRule
from aesbench.datasets.writer import DatasetWriter


class Source(ABC):
    """The raw files of a data set, and how they become one.

    A source must name itself and its settings, find its files, and build the splits. It never
    decides where the result is stored: ``aesbench.datasets.prepare`` hashes the files, reuses an
    earlier preparation of the same files and settings, and writes atomically.
    """

    name: str
    title: str
    Config: ClassVar[type]
    resumable: ClassVar[bool] = False
    """Whether ``build`` goes on with what an interrupted call has left in the writer's folder."""
    sealed: ClassVar[str] = ""
    """Why no method may run on it, and until when; empty for nearly all. It can be prepared."""
    provider: str = ""
    """Who provides it: a package with its version, a plugin file with its hash, a TOML file. Empty
    for aesbench's own, whose code ``FORMAT`` stands for. Set by whoever finds the source."""

    def __init__(self, config: Any = None) -> None:
        self.config = self.Config() if config is None else config

    def split_rule(self) -> SplitRule | None:
        """Return how the rows are dealt to the splits; None for a split of the source's own.

        By default the ``rule`` of the settings, if they have one. A random one of seed None is
        drawn by the seed of each run, by way of ``drawn``.
        """
        rule = getattr(self.config, "rule", None)
        return rule if isinstance(rule, SplitRule) else None

    @property
    def is_drawn(self) -> bool:
        """Whether the seed of a run draws the split."""
        rule = self.split_rule()
        return rule is not None and rule.is_drawn

    def drawn(self, draw: int) -> Self:
        """Return the source with one draw of the split: with it for the setting ``split_seed``."""
        source = type(self)(dataclasses.replace(self.config, split_seed=draw))
        source.provider = self.provider
        return source

    @abstractmethod
    def files(self, data_dir: Path | None, cache: Path) -> Mapping[str, Path]:
        """Find the raw files, downloading them where that is possible; {} for generated data.

        Args:
            data_dir: where the user says that they lie; None to download them.
            cache: where downloads go.

        Raises:
            DataError: a file is missing; the message says what to put where.
        """

    @abstractmethod
    def build(self, files: Mapping[str, Path], writer: DatasetWriter) -> None:
        """Read the files and hand the encoded splits to the writer.

        Raises:
            DataError: a file does not hold what it should; the message names file and line.
        """
