"""Numbers and counts in words, the format that numbers need, and texts in the order of numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence


def span(values: Iterable[float], text: Callable[[float], str] = str) -> str:
    """Return the least and the greatest of some values: ``3 to 10``, or ``3`` if they are one."""
    ordered = sorted(values) or [0]
    return " to ".join(dict.fromkeys(text(value) for value in (ordered[0], ordered[-1])))


def many(count: int, noun: str) -> str:
    """Return a count with its noun, which takes an s in the plural."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def listed(texts: Iterable[str], most_named: int | None = None) -> str:
    """Return names as a list in words: ``A``, ``A and B``, ``A, B and C``; ``nobody`` of none.

    Beyond the most that shall be named they are counted: ``A, B and 7 others``.
    """
    names = [*texts]
    if most_named is not None and len(names) > most_named:
        names = [*names[: most_named - 1], many(len(names) - most_named + 1, "other")]
    *most, last = names or ["nobody"]
    return f"{', '.join(most)} and {last}" if most else last


def runs_in_words(count: int, failed: int) -> str:
    """Return a count of runs or seeds, and how many beside them failed: ``9 (+1 failed)``."""
    return f"{count} (+{failed} failed)" if failed else str(count)


def number_form(numbers: Sequence[float], *, signed: bool) -> str:
    """Return the format in which the largest of these numbers has three digits."""
    largest = max((abs(number) for number in numbers if math.isfinite(number)), default=1.0)
    sign = "+" if signed else ""
    if largest == 0 or not 1e-5 <= largest < 1e5:
        return f"{sign}.2g"
    return f"{sign}.{max(0, 2 - math.floor(math.log10(largest)))}f"


def natural(text: str) -> list[tuple[int, int | str]]:
    """Return a sort key: numbers inside a text by their value, ``ues:8`` before ``ues:16``."""
    parts = re.findall(r"\d+|\D+", text)
    return [(0, int(part)) if part.isdigit() else (1, part) for part in parts]
