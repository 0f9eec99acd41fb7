"""Finds methods, data sets and backbones: by entry point, or in a file named on the command line.

Nothing is imported before it is asked for by name, and ours enter exactly as a third party's do,
through the entry-point groups ``aesbench.methods``, ``aesbench.datasets`` and
``aesbench.models.backbones``.
"""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Generic, TypeVar

from aesbench.datasets.source import Source
from aesbench.errors import ConfigError, did_you_mean
from aesbench.models.backbones import Backbone
from aesbench.plugins.method import Method

T = TypeVar("T")


class Registry(Generic[T]):
    """The plugins of one kind, by name."""

    def __init__(self, kind: str, base: type[T]) -> None:
        self.kind = kind
        self._base = base
        self._from_files: dict[str, tuple[type[T], str]] = {}

    def names(self) -> list[str]:
        """Return the registered names in alphabetical order."""
        return sorted({*self._entry_points(), *self._from_files})

    def get(self, name: str) -> type[T]:
        """Return the class registered under a name.

        Raises:
            ConfigError: no plugin has that name, or it cannot be imported.
        """
        if name in self._from_files:
            return self._from_files[name][0]
        point = self._entry_points().get(name)
        if point is None:
            raise ConfigError(
                f"unknown {self.kind} '{name}'{did_you_mean(name, self.names())}"
                f" Run 'aesbench list {self.kind}s' to see all; a plugin that was just written"
                " needs 'pip install' again, or --plugin FILE"
            )
        try:
            found = point.load()
        except Exception as error:
            raise ConfigError(
                f"{self.kind} '{name}' of {_distribution(point)} cannot be imported from"
                f" '{point.value}': {type(error).__name__}: {error}"
            ) from error
        return self._checked(found, name)

    def provider(self, name: str) -> str:
        """Return who provides a plugin: a distribution with its version, or a file's hash."""
        if name in self._from_files:
            return self._from_files[name][1]
        point = self._entry_points().get(name)
        return _distribution(point) if point is not None else "unknown"

    def add_if_mine(self, found: type, provider: str) -> bool:
        """Register a class that a file defines, if it is of this kind; say whether it was.

        Raises:
            ConfigError: its name is taken by another plugin.
        """
        if not issubclass(found, self._base):
            return False
        name = self._checked(found, getattr(found, "name", "")).name  # type: ignore[attr-defined]
        if name in self._entry_points() or self._from_files.get(name, (found,))[0] is not found:
            raise ConfigError(
                f"{self.kind} '{name}' of {provider} is already provided by"
                f" {self.provider(name)}; give it another name"
            )
        self._from_files[name] = (found, provider)
        return True

    def _checked(self, found: Any, name: str) -> type[T]:
        if not (isinstance(found, type) and issubclass(found, self._base)):
            raise ConfigError(
                f"{self.kind} '{name}' must be a subclass of aesbench.{self._base.__name__},"
                f" got {found!r}"
            )
        for attribute in ("name", "title", "Config"):
            if not hasattr(found, attribute):
                raise ConfigError(f"{self.kind} '{name or found.__name__}' lacks '{attribute}'")
        return found

    def _entry_points(self) -> dict[str, EntryPoint]:
        points: dict[str, EntryPoint] = {}
        for point in entry_points(group=f"aesbench.{self.kind}s"):
            other = points.setdefault(point.name, point)
            if other.value != point.value:
                raise ConfigError(
                    f"{self.kind} '{point.name}' is provided twice, by {_distribution(other)} and"
                    f" by {_distribution(point)}; uninstall one"
                )
        return points


METHODS: Registry[Method] = Registry("method", Method)  # type: ignore[type-abstract]
SOURCES: Registry[Source] = Registry("dataset", Source)  # type: ignore[type-abstract]
BACKBONES: Registry[Backbone] = Registry("backbone", Backbone)
REGISTRIES = (METHODS, SOURCES, BACKBONES)


def load_plugin(path: Path) -> None:
    """Register every method, data set and backbone that a Python file defines.

    Raises:
        ConfigError: the file cannot be run or defines no plugin.
    """
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    except OSError as error:
        raise ConfigError(f"cannot read the plugin file {path}: {error.strerror}") from error
    module_name = f"aesbench_plugin_{digest}"
    if module_name in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{path} is not a Python file; --plugin takes a .py file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[module_name]
        raise ConfigError(
            f"the plugin file {path} fails when imported: {type(error).__name__}: {error}"
        ) from error
    found = 0
    try:
        for value in vars(module).values():
            if isinstance(value, type) and value.__module__ == module_name:
                provider = f"{path.name} sha256:{digest}"
                found += sum(registry.add_if_mine(value, provider) for registry in REGISTRIES)
        if not found:
            raise ConfigError(
                f"the plugin file {path} defines no subclass of aesbench.Method, aesbench.Source"
                " or aesbench.Backbone"
            )
    except ConfigError:
        del sys.modules[module_name]  # Or a second attempt would pass for a success.
        raise


def _distribution(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist is not None else point.value
