"""What tables call a run: ``name[:preset][[settings]][+tuned][+plain|+transform][@share]...``.

A label says what a method is and what of it, or of the protocol, was changed. It is part of a run's
id, so each has one spelling: whatever parses prints to itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Any

from aesbench.errors import ConfigError, did_you_mean

UNIFICATIONS = ("plain", "transform")
"""How vectors of different sizes enter a backbone: as they are, or mapped to one size."""

GRAMMAR = (
    f"name[:preset][[settings]][+tuned][+{'|+'.join(UNIFICATIONS)}][@share][+inherit]"
    "[+N-scores|+search-only]"
)

_LABEL = re.compile(
    r"(?P<name>[^\[+@:]+)(:(?P<preset>[^\[+@]+))?(\[(?P<settings>\w+=.*)\])?(?P<tuned>\+tuned)?"
    rf"(\+(?P<unification>{'|'.join(UNIFICATIONS)}))?"
    r"(@(?P<share>[0-9]+(\.[0-9]+)?(e[+-][0-9]+)?))?(?P<inherit>\+inherit)?"
    r"(\+(?P<scores>[0-9]+)-scores|(?P<search_only>\+search-only))?",
    re.DOTALL,
)
_BETWEEN_SETTINGS = re.compile(r",(?=\w+=)")
"""A comma inside a value has no ``name=`` behind it: ``dims=2,8,16``."""


@dataclass(frozen=True)
class Label:
    """A label in its parts; ``str`` puts them together, ``dataclasses.replace`` changes some.

    Attributes:
        name: the registered name of the method.
        preset: which of its presets; empty for none.
        settings: ``(name, value as text)`` of each changed setting.
        tuned: whether its settings are those that ``aesbench tune`` found.
        unification: one of ``UNIFICATIONS``, where it is not the backbone's default; else None.
        share: the budget as a share of UES-32's embedding parameters, in the six digits that are
            printed; None without one.
        inherit: whether the retraining starts from the weights of the search.
        scores: how many random allocations were scored in place of a search; 0 for none.
        search_only: whether nothing was retrained.
    """

    name: str
    preset: str = ""
    settings: tuple[tuple[str, str], ...] = ()
    tuned: bool = False
    unification: str | None = None
    share: float | None = None
    inherit: bool = False
    scores: int = 0
    search_only: bool = False

    def __post_init__(self) -> None:
        if self.share is not None:  # As printed, so that a label equals what its text parses to.
            object.__setattr__(self, "share", float(f"{self.share:g}"))

    @classmethod
    @cache
    def parse(cls, text: str) -> Label:
        """Read what ``str`` printed.

        Raises:
            ConfigError: the text is no label, or another spelling of one.
        """
        found = _LABEL.fullmatch(text)
        label = None
        if found is not None:
            texts = _BETWEEN_SETTINGS.split(found["settings"]) if found["settings"] else ()
            pairs = (text.partition("=") for text in texts)
            label = cls(
                name=found["name"],
                preset=found["preset"] or "",
                settings=tuple((name, value) for name, _, value in pairs),
                tuned=found["tuned"] is not None,
                unification=found["unification"],
                share=float(found["share"]) if found["share"] else None,
                inherit=found["inherit"] is not None,
                scores=int(found["scores"] or 0),
                search_only=found["search_only"] is not None,
            )
        if label is None or str(label) != text:
            raise ConfigError(
                f"'{text}' is no label of a run: expected {GRAMMAR}, as in"
                " fixed[dims=2,8]+transform@0.5"
            )
        return label

    def __str__(self) -> str:
        return self.method + self.changes

    @property
    def method(self) -> str:
        """The method with its preset: ``name:preset`` of ``name:preset[steps=9]+plain@0.5``."""
        return f"{self.name}:{self.preset}" if self.preset else self.name

    @property
    def changes(self) -> str:
        """What follows the method: ``[steps=9]+plain@0.5``; empty where nothing was changed."""
        settings = ",".join(f"{name}={value}" for name, value in self.settings)
        parts = (
            f"[{settings}]" if self.settings else "",
            "+tuned" if self.tuned else "",
            f"+{self.unification}" if self.unification else "",
            "" if self.share is None else f"@{self.share:g}",
            "+inherit" if self.inherit else "",
            f"+{self.scores}-scores" if self.scores else "",
            "+search-only" if self.search_only else "",
        )
        return "".join(parts)

    @property
    def plain(self) -> Label:
        """The method with its preset, and nothing changed."""
        return Label(self.name, self.preset)

    @property
    def is_plain(self) -> bool:
        """Whether nothing was changed."""
        return self == self.plain

    def without(self, *parts: str) -> Label:
        """Return the label with some attributes at their defaults: ``without("search_only")``."""
        defaults: dict[str, Any] = {f.name: f.default for f in fields(self) if f.name in parts}
        return replace(self, **defaults)


def read_method(text: str) -> tuple[Label, bool]:
    """Read what a user names, ``name[:preset][+unification]``, and whether it names a preset.

    ``name:`` names the empty one, ``name`` leaves the choice to the method. Whether there is
    such a method and preset, its own errors tell.

    Raises:
        ConfigError: the unification is unknown.
    """
    rest, plus, unification = text.partition("+")
    if plus and unification not in UNIFICATIONS:
        raise ConfigError(
            f"unknown unification '{unification}' in '{text}'"
            f"{did_you_mean(unification, UNIFICATIONS)} It is one of: {', '.join(UNIFICATIONS)}"
        )
    name, colon, preset = rest.partition(":")
    return Label(name, preset, unification=unification or None), bool(colon)
