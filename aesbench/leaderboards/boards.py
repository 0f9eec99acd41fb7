"""What the leaderboard (BARS, reczoo/BARS, ``ranking/ctr``) publishes, and with which settings.

AUC and LogLoss are those of the test split; settings are those of the published logs, the same for
both backbones of a split where one number stands for both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aesbench.core.metrics import Metrics


@dataclass(frozen=True)
class Published:
    """One published number and its settings.

    Attributes:
        metrics: AUC and LogLoss on the test split, the mean where there are several runs.
        runs: how many runs.
        dim: the size of every field.
        batch_size: rows per step.
        hidden: widths of the hidden layers.
        l2: the tables' regularisation: l2 / 2 times the sum of all squares is added to the loss.
        dropout: after each hidden layer.
        batch_norm: whether each hidden layer is normalised before its ReLU.
        monitors_logloss: whether AUC - LogLoss, not AUC alone, decides about epochs.
    """

    metrics: Metrics
    runs: int
    dim: int
    batch_size: int
    hidden: tuple[int, ...]
    l2: float
    dropout: float
    batch_norm: bool
    monitors_logloss: bool


def _x1(auc: float, logloss: float, l2: float, dropout: float) -> Published:
    hidden = (400, 400, 400)
    return Published(Metrics(auc, logloss), 5, 10, 4096, hidden, l2, dropout, True, False)


def _x4(
    auc: float, logloss: float, hidden: tuple[int, ...], l2: float, dropout: float
) -> Published:
    return Published(Metrics(auc, logloss), 1, 16, 10_000, hidden, l2, dropout, False, True)


_CRITEO, _AVAZU = (1000,) * 5, (2000,) * 4

BOARDS: Mapping[str, Mapping[str, Published]] = {
    "criteo_x1": {
        "widedeep": _x1(0.813822, 0.438046, l2=1e-5, dropout=0.1),
        "deepfm": _x1(0.813812, 0.438033, l2=1e-5, dropout=0.1),
    },
    "criteo_x4": {
        "widedeep": _x4(0.814232, 0.437693, _CRITEO, l2=1e-5, dropout=0.2),
        "deepfm": _x4(0.814332, 0.437584, _CRITEO, l2=1e-5, dropout=0.2),
    },
    "avazu_x1": {
        "widedeep": _x1(0.764638, 0.366928, l2=0.005, dropout=0.2),
        "deepfm": _x1(0.764586, 0.366971, l2=0.1, dropout=0.3),
    },
    "avazu_x4": {
        "widedeep": _x4(0.792869, 0.371969, _AVAZU, l2=1e-9, dropout=0.1),
        "deepfm": _x4(0.792990, 0.371901, _AVAZU, l2=0.0, dropout=0.0),
    },
    "frappe_x1": {
        "widedeep": _x1(0.983073, 0.153978, l2=0.1, dropout=0.6),
        "deepfm": _x1(0.983947, 0.149462, l2=0.05, dropout=0.2),
    },
}
"""{data set: {backbone: what is published}}; for the x4 splits the settings called _001."""
