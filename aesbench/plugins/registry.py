"""Finds plugins: by entry point, or in a file named on the command line.

Nothing is imported before it is asked for by name, and ours enter exactly as a third party's do,
through the entry-point groups ``aesbench.methods``, ``aesbench.datasets``, ``aesbench.backbones``,
``aesbench.papers`` and ``aesbench.exhibits``. Methods, data sets and backbones are classes, papers
are instances, exhibits are functions that build them. Looking for one kind loads no other's base
class: a report, which wants papers and exhibits, needs no torch.
"""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from aesbench.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from aesbench.datasets.source import Source
    from aesbench.models.backbones import Backbone
    from aesbench.plugins.exhibit import Evidence, Exhibit
    from aesbench.plugins.method import Method
    from aesbench.plugins.paper import Paper

T = TypeVar("T")

BUILDER = "build_exhibits"
"""What a plugin file calls its function that builds exhibits."""


class Registry(Generic[T]):
    """The plugins of one kind, by name.

    Args:
        kind: what one of them is called.
        base: the ``module:class`` that theirs derive from or are instances of, imported when a
            plugin is checked; empty for functions.
        is_instance: whether plugins are instances of ``base``, not classes.
    """

    def __init__(self, kind: str, base: str, *, is_instance: bool = False) -> None:
        self.kind = kind
        self._base = base
        self._is_instance = is_instance
        self._from_files: dict[str, tuple[T, str]] = {}

    def names(self) -> list[str]:
        """Return the registered names in alphabetical order."""
        return sorted({*self._entry_points(), *self._from_files})

    def get(self, name: str) -> T:
        """Return what is registered under a name.

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

    def add_if_mine(self, found: Any, provider: str) -> bool:
        """Register what a file defines, if it is of this kind; say whether it was.

        Raises:
            ConfigError: its name is taken by another plugin.
        """
        if not self._is_mine(found):
            return False
        name: str = getattr(self._checked(found, getattr(found, "name", "")), "name", "")
        point = self._entry_points().get(name)
        if point is not None and self._is_instance and point.load() is found:
            return False  # The file imports an installed one.
        self._add(name, found, provider)
        return True

    def add(self, name: str, found: T, provider: str) -> None:
        """Register what a file defines under a name that it does not carry itself.

        Raises:
            ConfigError: the name is taken by another plugin.
        """
        self._add(name, self._checked(found, name), provider)

    def _add(self, name: str, found: Any, provider: str) -> None:
        if name in self._entry_points() or self._from_files.get(name, (found,))[0] is not found:
            raise ConfigError(
                f"{self.kind} '{name}' of {provider} is already provided by"
                f" {self.provider(name)}; give it another name"
            )
        self._from_files[name] = (found, provider)

    def _is_mine(self, found: Any) -> bool:
        if not self._base:
            return False
        module, _, name = self._base.partition(":")
        if module not in sys.modules:
            return False  # Whoever derives from it or makes one has imported it.
        base = getattr(sys.modules[module], name)
        if self._is_instance:
            return isinstance(found, base)
        return isinstance(found, type) and issubclass(found, base)

    def _checked(self, found: Any, name: str) -> T:
        if not self._base:
            if not callable(found):
                raise ConfigError(f"{self.kind} '{name}' must be a function, got {found!r}")
            return cast(T, found)
        module, _, base = self._base.partition(":")
        import_module(module)
        if not self._is_mine(found):
            wanted = "an instance" if self._is_instance else "a subclass"
            raise ConfigError(
                f"{self.kind} '{name}' must be {wanted} of aesbench.{base}, got {found!r}"
            )
        for attribute in ("name", "title") if self._is_instance else ("name", "title", "Config"):
            if not hasattr(found, attribute):
                raise ConfigError(f"{self.kind} '{name or found.__name__}' lacks '{attribute}'")
        return cast(T, found)

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


METHODS: Registry[type[Method]] = Registry("method", "aesbench.plugins.method:Method")
SOURCES: Registry[type[Source]] = Registry("dataset", "aesbench.datasets.source:Source")
BACKBONES: Registry[type[Backbone]] = Registry("backbone", "aesbench.models.backbones:Backbone")
PAPERS: Registry[Paper] = Registry("paper", "aesbench.plugins.paper:Paper", is_instance=True)
EXHIBITS: Registry[Callable[[Evidence], list[Exhibit]]] = Registry("exhibit", "")
REGISTRIES = (METHODS, SOURCES, BACKBONES, PAPERS, EXHIBITS)


def load_plugin(path: Path) -> None:
    """Register whatever a Python file defines: methods, data sets, backbones, papers, exhibits.

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
    provider = f"{path.name} sha256:{digest}"
    found = 0
    try:
        for value in vars(module).values():
            # What it imports is somebody else's; an instance has the module of its class.
            is_own = getattr(value, "__module__", module_name) == module_name
            if is_own or not isinstance(value, type):
                found += sum(registry.add_if_mine(value, provider) for registry in REGISTRIES)
        if (builder := getattr(module, BUILDER, None)) is not None:
            EXHIBITS.add(path.stem, builder, provider)
            found += 1
        if not found:
            raise ConfigError(
                f"the plugin file {path} defines no subclass of aesbench.Method, aesbench.Source"
                f" or aesbench.Backbone, no aesbench.Paper and no function {BUILDER}"
            )
    except ConfigError:
        del sys.modules[module_name]  # Or a second attempt would pass for a success.
        raise


def _distribution(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist is not None else point.value
