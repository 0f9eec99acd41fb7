"""Phrases that several exhibits share."""

from __future__ import annotations

from aesbench.report.names import backbone_name, dataset_name
from aesbench.report.statistics.consistency import Tau
from aesbench.report.statistics.scores import Place


def where(place: Place) -> str:
    """Return the data set and the backbone of a place."""
    return f"{dataset_name(place.dataset)}, {backbone_name(place.backbone)}"


def ranking(tau: Tau) -> str:
    """Return a tau with its interval, if it has one."""
    return f"{tau.mean:.2f}" + (f" [{tau.low:.2f}, {tau.high:.2f}]" if tau.low is not None else "")
