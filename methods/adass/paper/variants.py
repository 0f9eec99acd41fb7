"""AdaS&S taken apart: the choices that an ablation makes otherwise, one at a time.

A study plans their runs, the report finds them again by their settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from aesbench.core.label import Label

ABLATED = "adass"
"""The method."""

DEFAULT = "r"
"""The preset that variants differ from: the resolved reading, resource first."""


@dataclass(frozen=True)
class Variant:
    """AdaS&S with one choice made otherwise, or read otherwise as a whole.

    Attributes:
        changes: {setting: value}, of the settings' own types; empty where a preset changes more
            than is worth repeating.
        preset: under whose name it runs; the default's takes ``changes`` as settings.
    """

    changes: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    preset: str = DEFAULT

    @property
    def method(self) -> str:
        """How the command line calls it, without changed settings."""
        return f"{ABLATED}:{self.preset}"

    @property
    def settings(self) -> Mapping[str, str | int | float | bool]:
        """Return what has to be set beyond the preset."""
        return self.changes if self.preset == DEFAULT else {}

    @property
    def label(self) -> str:
        """How tables call it."""
        changed = tuple((name, str(value)) for name, value in sorted(self.settings.items()))
        return str(Label(ABLATED, self.preset, changed))


VARIANTS = (
    # Stage 1, the supernet.
    Variant({"scheme": "independent"}),
    Variant({"sampling": "uniform"}),
    Variant({"sampling": "constant"}),  # The same prior and keep rate, without adaptation.
    Variant({"size_power": 0.0}),
    Variant({"keep_rate": 0.6, "keep_floor": 0.0}),  # The paper's rate, and no floor under it.
    Variant({"keep_rate": 1.0}),
    Variant({"groups": 1}),
    Variant({"sandwich": True}),
    Variant({"supernets": 3}),
    Variant({"columns": "own"}),
    Variant({"learning_rate": 3e-3}),
    # Stage 2, the search.
    Variant({"reward": "logloss"}),
    Variant({"reward_rows": 8192}),
    Variant({"price_by_parameters": 0.0}),
    Variant({"price_by_parameters": 1.0}),
    Variant({"entropy": 0.0}),
    Variant({"result": "likeliest"}),
    Variant({"search": "greedy"}, preset="greedy"),
    # Every choice as the paper's letter has it.
    Variant(preset="literal-r"),
)
"""In the order of the table."""

APART = tuple(variant.label for variant in VARIANTS if variant.settings)
"""Labels that the ablation judges, on few seeds: overviews of methods leave them out."""
