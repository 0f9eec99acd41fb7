"""Features on one scale, for networks that read them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def standardised(features: NDArray[np.float64]) -> Tensor:
    """Return features ``(items, features)`` less their mean, in units of their spread.

    A feature in which all items agree is zero.
    """
    centred = features - features.mean(axis=0)
    spread = centred.std(axis=0)
    return torch.from_numpy(centred / np.where(spread > 1e-12, spread, 1.0)).float()
