"""To what tuning may change a setting: declared beside the settings themselves.

A method declares it of its own (``Method.space``), a backbone too (``Backbone.space``), and
``TRAIN_SPACE`` what may be tuned of the training protocol.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aesbench.core.settings import require


@dataclass(frozen=True)
class Range:
    """All numbers from ``low`` to ``high``, both included; whole ones if both are ints.

    Attributes:
        log: whether ratios matter rather than differences, as for learning rates.
    """

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        require(self.low < self.high, "high", self.high, f"above low = {self.low}")
        require(not self.log or self.low > 0, "low", self.low, "above 0 on a logarithmic scale")

    @property
    def whole(self) -> bool:
        """Whether it holds ints only."""
        return type(self.low) is int and type(self.high) is int

    def __contains__(self, value: object) -> bool:
        return isinstance(value, int | float) and self.low <= value <= self.high


Space = Mapping[str, Sequence[Any] | Range]
"""{setting: its values, or a range of them}."""
