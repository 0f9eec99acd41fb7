"""Phrases that several exhibits share."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from aesbench.report.consistency import Tau
from aesbench.report.names import backbone_name, dataset_name
from aesbench.report.scores import Place


def where(place: Place) -> str:
    """Return the data set and the backbone of a place."""
    return f"{dataset_name(place.dataset)}, {backbone_name(place.backbone)}"


def ranking(tau: Tau) -> str:
    """Return a tau with its interval, if it has one."""
    return f"{tau.mean:.2f}" + (f" [{tau.low:.2f}, {tau.high:.2f}]" if tau.low is not None else "")


def span(values: Iterable[float], text: Callable[[float], str] = str) -> str:
    """Return the least and the greatest of some values: ``3 to 10``, or ``3`` if they are one."""
    ordered = sorted(values) or [0]
    return " to ".join(dict.fromkeys(text(value) for value in (ordered[0], ordered[-1])))


def many(count: int, noun: str) -> str:
    """Return a count with its noun, which takes an s in the plural."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
