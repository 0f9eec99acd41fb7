"""What a search tells of its course: named series over its steps, to see why a size was chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

Value = float | Sequence[float] | Sequence[Sequence[float]]
"""A number, one per field, or one per field and candidate size."""


@dataclass
class Trace:
    """Series of one stage of a run: call it with a name, a step and a value.

    Attributes:
        series: {name: (steps, values)}, the steps ascending.
    """

    series: dict[str, tuple[list[int], list[Value]]] = field(default_factory=dict)

    def __call__(self, name: str, step: int, value: Value) -> None:
        """Append a value to the series of this name.

        Args:
            name: what the value is, with its unit if it has one.
            step: of training or search, whichever the stage counts.
            value: a number, one per field, or one per field and candidate; plain Python numbers.
        """
        steps, values = self.series.setdefault(name, ([], []))
        steps.append(step)
        values.append(value)
