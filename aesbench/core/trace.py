"""What a search tells of its course: named series over its steps, to see why a size was chosen.

A trace takes plain Python numbers only and checks them as they come, so that a mistake shows in
the line that made it, and whatever it holds can be written as JSON.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aesbench.errors import TraceError

Value = float | Sequence[float] | Sequence[Sequence[float]]
"""A number, one per field, or one per field and candidate size."""

Shape = tuple[int, ...]
"""``()``, ``(fields,)`` or ``(fields, candidates)``."""


@dataclass
class Trace:
    """Series of one stage of a run: call it with a name, a step and a value.

    Attributes:
        shape: (fields, candidates) of the run, which values must have; None where not known.
        series: {name: (steps, values)}, the steps ascending.
    """

    shape: tuple[int, int] | None = None
    series: dict[str, tuple[list[int], list[Value]]] = field(default_factory=dict)

    def __call__(self, name: str, step: int, value: Value) -> None:
        """Append a value to the series of this name.

        Args:
            name: what the value is, with its unit if it has one.
            step: of training or search, whichever the stage counts; later than the one before.
            value: a number, one per field, or one per field and candidate; plain Python numbers,
                not necessarily finite.

        Raises:
            TraceError: a number is not a plain one, the shape is neither of the three or not that
                of the values before, or the step is not later.
        """
        if not isinstance(name, str) or not name:
            raise TraceError(f"the name of a traced series is some text, got {name!r}")
        kept, shape = _plain(name, value)
        self._check_shape(name, shape)
        steps, values = self.series.get(name, ([], []))
        if type(step) is not int or (steps and step <= steps[-1]):
            later = f" after {steps[-1]}" if steps else ""
            raise TraceError(f"traced series '{name}': step {step!r} is no int{later}")
        self.series.setdefault(name, (steps, values))
        steps.append(step)
        values.append(kept)

    def _check_shape(self, name: str, shape: Shape) -> None:
        if name in self.series:
            before = shape_of(self.series[name][1][0])
            if shape != before:
                raise TraceError(
                    f"traced series '{name}': a value of {_shown(shape)} after values of"
                    f" {_shown(before)}; give the other kind of value another name"
                )
        if self.shape is not None and shape != self.shape[: len(shape)]:
            fields, candidates = self.shape
            raise TraceError(
                f"traced series '{name}': a value of {_shown(shape)}; give a number, a list of"
                f" {fields} (one per field), or {fields} lists of {candidates} (one per field and"
                " candidate size)"
            )

    def to_dict(self) -> dict[str, Any]:
        """Return ``{name: {"steps": [..], "values": [..]}}``, ready for strict JSON.

        What is not finite becomes the text that ``float`` reads: "nan", "inf", "-inf".
        """
        return {
            name: {"steps": list(steps), "values": _to_json(values)}
            for name, (steps, values) in self.series.items()
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Trace:
        """Read what ``to_dict`` wrote.

        Raises:
            TraceError: it is something else.
        """
        trace = cls()
        try:
            for name, series in data.items():
                for step, value in zip(series["steps"], series["values"], strict=True):
                    trace(name, step, _from_json(value))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise TraceError(f"malformed trace: {error!r}") from error
        return trace


def shape_of(value: Value) -> Shape:
    """Return the shape of a value that a trace holds."""
    if isinstance(value, float):
        return ()
    first = value[0]
    return (len(value),) if isinstance(first, float) else (len(value), len(first))


def _plain(name: str, value: object) -> tuple[Value, Shape]:
    """Return a copy in floats, and its shape."""
    if type(value) in (int, float):
        return float(value), ()  # type: ignore[arg-type]
    if not isinstance(value, list | tuple):
        raise TraceError(
            f"traced series '{name}': {value!r} is a {type(value).__name__}; give plain Python"
            " numbers or lists of them: call .item() or .tolist() on what numpy and torch compute"
        )
    parts = [_plain(name, part) for part in value]
    shapes = {shape for _, shape in parts}
    if len(shapes) != 1 or len(inner := shapes.pop()) > 1:
        raise TraceError(
            f"traced series '{name}': give a number, one per field, or one list per field of one"
            f" number per candidate size, got {value!r}"
        )
    return [part for part, _ in parts], (len(parts), *inner)  # type: ignore[return-value]


def _shown(shape: Shape) -> str:
    return f"shape {shape}" if shape else "a single number"


def _to_json(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return [_to_json(part) for part in value]


def _from_json(value: Any) -> Any:
    return [_from_json(part) for part in value] if isinstance(value, list) else float(value)
