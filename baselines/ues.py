"""UES: one embedding size for all fields, the reference of every comparison.

Source: the AdaS&S paper, section 4.2. UES-32 is what parameter reductions refer to, UES-24 the
second baseline of its Table 3. The controls under the other unification (``ues:32+transform``,
``ues:32+plain``) are the harness's: a size knows nothing of how it enters the backbone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aesbench import Allocation, Context, Method
from aesbench.core.settings import require


@dataclass(frozen=True)
class UESConfig:
    """The settings of UES.

    Attributes:
        dim: the size of every field; 32 is the paper's reference.
    """

    dim: int = 32

    def __post_init__(self) -> None:
        require(self.dim >= 1, "ues.dim", self.dim, "an int of at least 1")


class UES(Method):
    """Uniform embedding size; ``ues:N`` is any size N, the bare name the usual family.

    It takes no budget: its size is its definition.
    """

    name = "ues"
    title = "UES"
    family = "given"
    trains = False
    drops_fields = True  # Candidates are nothing to it.
    Config = UESConfig
    supports_histories = True
    # The paper's candidates D and, outside D, its baseline UES-24.
    presets = {str(dim): {"dim": dim} for dim in (2, 8, 16, 24, 32, 64)}
    default_presets = tuple(presets)
    space = {"dim": (2, 4, 8, 16, 24, 32, 48, 64)}

    @classmethod
    def preset(cls, text: str) -> Mapping[str, Any]:
        """Return the settings of ``ues:text`` for any size, in ASCII digits.

        Raises:
            ConfigError: the text is no integer of at least 1.
        """
        is_size = re.fullmatch("[1-9][0-9]*", text) is not None
        require(is_size, "preset of 'ues'", text, "a size of at least 1, as in ues:32")
        return {"dim": int(text)}

    @classmethod
    def title_of(cls, preset: str) -> str:
        """Return ``UES-32`` of ``ues:32``."""
        return f"UES-{preset}" if preset else cls.title

    def search(self, context: Context, prepared: None) -> Allocation:
        """Return the one size for every field."""
        return Allocation.uniform(context.fields, self.config.dim)
