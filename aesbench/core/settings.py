"""Settings: frozen dataclasses, however their values arrive.

Text (``--set name.alpha=0.3``), keyword arguments and records all go through ``build_config``, so
an unknown setting or a value of the wrong type is the same error everywhere.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import types
from collections.abc import Mapping
from dataclasses import field
from functools import cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from aesbench.errors import ConfigError, did_you_mean

T = TypeVar("T")


def later(default: Any) -> Any:
    """Return a dataclass field for a setting younger than the first records.

    Where it has its default, ``plain_settings`` leaves it out, so that the ids of those records
    stay what they are.
    """
    return field(default=default, metadata={"later": True})


def plain_settings(config: Any) -> dict[str, Any]:
    """Return a dataclass of settings as a mapping; later ones only if they are changed.

    Settings that are dataclasses themselves, or tuples of them, become mappings likewise.
    """
    values = {}
    for setting in dataclasses.fields(config):
        value = getattr(config, setting.name)
        if not (setting.metadata.get("later") and value == setting.default):
            values[setting.name] = _plain(value)
    return values


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return plain_settings(value)
    return tuple(map(_plain, value)) if isinstance(value, tuple) else value


def content_hash(value: Any) -> str:
    """Return sixteen hexadecimal digits of the sha256 of a JSON value, keys in any order.

    Raises:
        ConfigError: a number in it is not finite.
    """
    try:
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except ValueError as error:
        raise ConfigError(
            f"a setting is no finite number, which no record can hold: {value!r}"
        ) from error
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def require(holds: bool, name: str, value: object, expected: str) -> None:
    """Raise ``ConfigError`` naming the setting, its value and what was expected, unless it holds.

    Raises:
        ConfigError: ``holds`` is false.
    """
    if not holds:
        raise ConfigError(f"{name} = {value!r}: expected {expected}")


def require_int(value: object, name: str, least: int | None = None) -> None:
    """Raise ``ConfigError`` unless a setting is an int of at least ``least``.

    Neither a bool nor a numpy integer is one: they do not survive a record as they are.

    Raises:
        ConfigError: it is not.
    """
    expected = "an int" if least is None else f"an int of at least {least}"
    holds = type(value) is int and (least is None or value >= least)
    require(holds, name, value, expected)


def build_config(cls: type[T], values: Mapping[str, Any], owner: str) -> T:
    """Build a frozen settings dataclass from values that may be text.

    Args:
        cls: the dataclass.
        values: {setting: value}; text is converted to the declared type.
        owner: whose settings they are, for the error text.

    Raises:
        ConfigError: a setting is unknown, or a value cannot be read as its type.
    """
    if not (isinstance(cls, type) and dataclasses.is_dataclass(cls)):
        raise ConfigError(f"the Config of '{owner}' is not a dataclass: {cls!r}")
    require(isinstance(values, Mapping), owner, values, "a table of settings")
    hints = _types(cls)
    known = [f.name for f in dataclasses.fields(cls) if f.init]
    for name in values:
        if name not in known:
            settings = ", ".join(known) or "none"
            raise ConfigError(
                f"'{owner}' has no setting '{name}'{did_you_mean(name, known)} It has: {settings}"
            )
    converted = {
        name: _convert(value, hints[name], f"{owner}.{name}") for name, value in values.items()
    }
    try:
        return cls(**converted)
    except TypeError as error:
        raise ConfigError(f"settings of '{owner}': {error}") from error


@cache
def _types(cls: type) -> dict[str, Any]:
    """Return the types of a dataclass's fields, which thousands of records ask for."""
    return get_type_hints(cls)


def _convert(value: Any, kind: Any, name: str) -> Any:
    """Read ``value`` (text or JSON) as the annotated type ``kind``."""
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Any:
        return value
    if dataclasses.is_dataclass(kind) and isinstance(value, Mapping):
        return build_config(kind, value, name)  # type: ignore[arg-type]
    if origin in (Union, types.UnionType):
        if value is None or (isinstance(value, str) and value.lower() == "none"):
            require(type(None) in arguments, name, value, f"a value, {kind}")
            return None
        return _convert_to_any(value, [a for a in arguments if a is not type(None)], name)
    if origin is Literal:
        chosen = [a for a in arguments if value in (a, str(a))]
        require(len(chosen) > 0, name, value, "one of " + ", ".join(map(str, arguments)))
        return chosen[0]
    if origin is tuple:
        items = value.split(",") if isinstance(value, str) else value
        require(isinstance(items, list | tuple), name, value, "a list, as in 2,8,16")
        return tuple(_convert(item, arguments[0], name) for item in items)
    if origin is not None and issubclass(origin, Mapping):
        require(isinstance(value, Mapping), name, value, "a table of settings")
        return dict(value)
    if kind is bool:
        words = {"true": True, "false": False, "1": True, "0": False}
        result = words.get(str(value).lower())
        require(result is not None, name, value, "true or false")
        return result
    if kind in (int, float):
        try:
            result = kind(value)
            if kind is float and not math.isfinite(result):  # It would not survive a record.
                result = None
        except (TypeError, ValueError, OverflowError):
            result = None
        whole = kind is float or not isinstance(value, float) or result == value
        valid = result is not None and whole and not isinstance(value, bool)
        require(valid, name, value, "a whole number" if kind is int else "a finite number")
        return result
    require(kind is not str or isinstance(value, str), name, value, "text")
    return value


def _convert_to_any(value: Any, kinds: list[Any], name: str) -> Any:
    """Read ``value`` as the type that it has, else as the first of these that it can be read as."""
    if len(kinds) == 1:
        return _convert(value, kinds[0], name)
    if type(value) is not str and type(value) in kinds:
        return _convert(value, type(value), name)
    for kind in kinds:
        try:
            return _convert(value, kind, name)
        except ConfigError:
            continue
    shown = ", ".join(getattr(kind, "__name__", str(kind)) for kind in kinds)
    raise ConfigError(f"{name} = {value!r}: expected one of the types {shown}")
