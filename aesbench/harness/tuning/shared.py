"""What a tuning may change of the protocol, alike for every contender: ``--tune train.l2``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields

from aesbench.core.search_space import Space
from aesbench.core.spec import TRAIN_SPACE
from aesbench.errors import ConfigError, did_you_mean
from aesbench.harness.grid import Settings
from aesbench.models.backbones import Backbone
from aesbench.plugins.registry import BACKBONES


def shared_space(names: Sequence[str], backbone: str, settings: Settings) -> Space:
    """Return what ``--tune`` adds to every method's own space on a backbone.

    Args:
        names: ``train.NAME`` or ``backbone.NAME``.
        backbone: a registered name.
        settings: what ``--set`` changed.

    Raises:
        ConfigError: a name is unknown, or what it names is given by ``--set``.
    """
    known = _tunable_of_protocol(BACKBONES.get(backbone))
    for name in names:
        if name not in known:
            raise ConfigError(
                f"--tune {name}: no such setting on '{backbone}'{did_you_mean(name, known)} What"
                f" can be tuned of the protocol is: {', '.join(known)}"
            )
    for given in given_settings(names, backbone, settings):
        raise ConfigError(f"--set {given} gives what --tune shall choose; leave one of the two out")
    return {name: values for name, values in known.items() if name in names}


def given_settings(names: Iterable[str], backbone: str, settings: Settings) -> list[str]:
    """Return which of ``train.NAME`` and ``backbone.NAME`` are given by ``--set``, as it does."""
    parts = (name.split(".", 1) for name in names)
    owned = ((backbone if owner == "backbone" else owner, setting) for owner, setting in parts)
    return [f"{owner}.{setting}" for owner, setting in owned if setting in settings.get(owner, {})]


def _tunable_of_protocol(backbone: type[Backbone]) -> Space:
    """Return all that can be tuned of the protocol.

    Raises:
        ConfigError: the backbone declares a setting whose default every record holds.
    """
    younger = {field.name for field in fields(backbone.Config) if field.metadata.get("later")}
    for name in backbone.space:
        if name not in younger:
            raise ConfigError(
                f"backbone '{backbone.name}' lets '{name}' be tuned, which its Config must declare"
                " with aesbench.core.settings.later: rows with it and without share a protocol"
            )
    own = {f"backbone.{name}": values for name, values in backbone.space.items()}
    return {**{f"train.{name}": values for name, values in TRAIN_SPACE.items()}, **own}
