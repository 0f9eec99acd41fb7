"""What a record says of a training in a pack, and how far such a training may be off.

A pack is several models trained as one. Each starts and descends as it does alone, but its sums are
rounded otherwise, and training makes another model of it, as another processor does. Bits are
promised for as many models, as wide a pack and the same neighbours only. What it took is no cost of
one model: a pack's seconds can be shared out, not measured model by model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aesbench.errors import RecordError

PACK_TOLERANCE = {"auc": 5e-3, "logloss": 2e-2}
"""{metric: the most by which equal specs may differ where one was trained in a pack}.

Of 46 runs on 262,000 rows AUC differed by .0014 (standard deviation; at most .0039), where seeds do
by .0045, and LogLoss by .0031 (at most .0096): ``tests/benchmarks/pack_noise.py``. Where each was
trained alone, equal specs give equal bits."""

PROMISED = f"AUC within {PACK_TOLERANCE['auc']:g}, LogLoss within {PACK_TOLERANCE['logloss']:g}"
"""The same in words."""

NO_COST = "retrained in packs: no cost; run with --pack 1 --force"
"""What tables say where a cost is missing for it."""

Metrics = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, order=True)
class Pack:
    """The pack that a model was trained in.

    Attributes:
        models: how many began in it.
        width: columns of the padded row of all fields' vectors.
    """

    models: int
    width: int

    @classmethod
    def of(cls, environment: Mapping[str, Any]) -> Pack | None:
        """Return the pack of a run by its record's environment; None if it was trained alone.

        Raises:
            RecordError: what stands there is no pack.
        """
        told = environment.get("pack")
        if told is None:
            return None
        try:
            models, width = told["models"], told["width"]
        except (KeyError, TypeError) as error:
            raise RecordError(f"pack = {told!r}: expected its models and its width") from error
        if type(models) is not int or type(width) is not int or models < 2 or width < 1:
            raise RecordError(f"pack = {told!r}: expected at least 2 models and a width of 1")
        return cls(models, width)

    def __str__(self) -> str:
        return f"{self.models} models, width {self.width}"


def agree(one: Metrics, other: Metrics, *packs: Pack | None) -> bool:
    """Whether metrics of equal specs are as near to each other as is promised.

    Args:
        one, other: {split: {metric: value}}.
        packs: those that the models were trained in, None for one that was trained alone.
    """
    if not any(packs):
        return one == other
    return _names(one) == _names(other) and all(
        abs(value - other[split][name]) <= PACK_TOLERANCE[name]
        for split, values in one.items()
        for name, value in values.items()
    )


def _names(metrics: Metrics) -> dict[str, set[str]]:
    return {split: set(values) for split, values in metrics.items()}
