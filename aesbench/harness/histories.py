"""Which methods and backbones run on data with histories, and which on no other data."""

from __future__ import annotations

from collections.abc import Iterable

from aesbench.datasets.base import Dataset
from aesbench.errors import ConfigError
from aesbench.models.backbones import Backbone
from aesbench.plugins.method import Method
from aesbench.plugins.registry import METHODS


def refuse_unfit(
    dataset: Dataset, methods: Iterable[type[Method]], backbones: Iterable[type[Backbone]]
) -> None:
    """Check that all of them can run on a data set, with the histories that it has or lacks.

    Raises:
        ConfigError: one cannot; the message names it and those that can.
    """
    if not dataset.histories:
        for backbone in backbones:
            if backbone.needs_history:
                raise ConfigError(
                    f"backbone '{backbone.name}' attends to a history, and data set"
                    f" '{dataset.name}' has none; take one that has ('aesbench list datasets' says"
                    ' so), or give your own data a field of kind = "history"'
                )
        return
    unfit = sorted({method.name for method in methods if not method.supports_histories})
    if unfit:
        names = METHODS.names()
        fit = ", ".join(name for name in names if METHODS.get(name).supports_histories)
        raise ConfigError(
            f"data set '{dataset.name}' has a history ({dataset.histories[0].name}), which"
            f" {', '.join(unfit)} cannot search with; leave {'it' if len(unfit) == 1 else 'them'}"
            f" out, or take data without one. Methods that can: {fit}"
        )
