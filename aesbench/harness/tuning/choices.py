"""What of the methods that a user names is tuned, and what stays as it was given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from aesbench.core.label import read_method
from aesbench.core.search_space import Space
from aesbench.core.settings import build_config, require
from aesbench.errors import ConfigError
from aesbench.harness.grid import MethodChoice, Settings, choose_methods


@dataclass(frozen=True)
class Tunable:
    """One contender: a method with what is given, and what tuning may change.

    Attributes:
        choice: the method with the settings that it starts from.
        own: which of its settings may change, and to what.
        shared: the same of the protocol, alike for all: ``train.l2``, ``backbone.dropout``.
    """

    choice: MethodChoice
    own: Space
    shared: Space = field(default_factory=dict)

    @property
    def space(self) -> Space:
        """Both; no setting of a method has a dot in its name."""
        return {**self.own, **self.shared}

    def with_settings(self, backbone: str, settings: Mapping[str, Any]) -> MethodChoice:
        """Return the method with values for all of the space."""
        method = self.choice.method
        config = asdict(self.choice.config)
        config |= {name: value for name, value in settings.items() if name in self.own}
        return replace(
            self.choice,
            config=build_config(method.Config, config, method.name),
            protocol={backbone: {n: v for n, v in settings.items() if n in self.shared}},
        )


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


def contenders(
    texts: list[str], settings: Settings | None = None, shared: Space | None = None
) -> list[Tunable]:
    """Return what is tuned of several methods, each once.

    Args:
        texts: as ``tunables`` reads them.
        settings: what ``--set`` changed.
        shared: what is tuned of the protocol for all of them.

    Raises:
        ConfigError: no method is named, a name or a setting is unknown, or a method has nothing to
            tune.
    """
    require(len(texts) > 0, "methods", "", "at least one name, or several with commas")
    found: dict[tuple[str, str | None], Tunable] = {}
    for text in texts:
        for tunable in tunables(text, settings):
            choice = tunable.choice
            if not tunable.own and not shared:
                known = ", ".join(choice.method.space)
                raise ConfigError(
                    f"'{choice.label}' has nothing to tune: "
                    + (f"{known} are given" if known else "it declares no space of settings")
                    + "; leave it out"
                    + (f", or name '{choice.method.name}' alone" if known else "")
                    + ", or tune what all methods share: --tune train.l2"
                )
            tunable = replace(tunable, shared=shared or {})
            found.setdefault((choice.label, choice.unification), tunable)
    return list(found.values())
