"""What of the methods that a user names is tuned, and what stays as it was given."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from aesbench.core.label import read_method
from aesbench.core.settings import build_config
from aesbench.errors import ConfigError
from aesbench.harness.grid import MethodChoice, Settings, choose_methods
from aesbench.plugins.search_space import Space


@dataclass(frozen=True)
class Tunable:
    """One contender: a method with what is given, and the settings that tuning may change."""

    choice: MethodChoice
    space: Space


def tunables(text: str, settings: Settings | None = None) -> list[Tunable]:
    """Read ``name[:preset][+unification]`` for tuning.

    What ``--set`` changes and what a preset that is named fixes stays as it is. Of a bare name
    the settings in the method's space are tuned whatever its default presets say of them; presets
    that differ in nothing else are one contender, as all of ``ues`` are.

    Raises:
        ConfigError: a name or a setting is unknown.
    """
    choices = choose_methods(text, settings)
    method = choices[0].method
    changed = dict((settings or {}).get(method.name, {}))
    named, has_preset = read_method(text)
    if has_preset:
        given = {**method.preset(named.preset), **changed}
        (choice,) = choices
        return [Tunable(choice, {k: v for k, v in method.space.items() if k not in given})]
    space = {name: values for name, values in method.space.items() if name not in changed}
    found: dict[str, MethodChoice] = {}
    for preset, choice in zip(method.default_presets, choices, strict=True):
        fixed = {name: v for name, v in method.preset(preset).items() if name not in space}
        config: Any = build_config(method.Config, {**fixed, **changed}, method.name)
        if repr(config) in found:  # Presets that differ in what is tuned only: the bare name.
            first = found[repr(config)]
            found[repr(config)] = replace(first, called=first.called.without("preset"))
        else:
            found[repr(config)] = replace(choice, config=config)
    return [Tunable(choice, space) for choice in found.values()]


def contenders(texts: list[str], settings: Settings | None = None) -> list[Tunable]:
    """Return what is tuned of several methods, each once.

    Raises:
        ConfigError: a name or a setting is unknown, or a method has nothing to tune.
    """
    found: dict[tuple[str, str | None], Tunable] = {}
    for text in texts:
        for tunable in tunables(text, settings):
            choice = tunable.choice
            if not tunable.space:
                known = ", ".join(choice.method.space)
                raise ConfigError(
                    f"'{choice.label}' has nothing to tune: "
                    + (f"{known} are given" if known else "it declares no space of settings")
                    + "; leave it out"
                    + (f", or name '{choice.method.name}' alone" if known else "")
                )
            found.setdefault((choice.label, choice.unification), tunable)
    return list(found.values())
