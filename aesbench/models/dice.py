"""Dice, DIN's activation: a PReLU whose bend lies where the data are (Zhou et al., 2018, sec. 5.2).

    f(s) = p(s) s + (1 - p(s)) alpha s,      p(s) = 1 / (1 + exp(-(s - E[s]) / sqrt(Var[s] + eps)))

with the mean and the variance of the mini-batch in training, and running averages of both in tests;
alpha is learnt, one per unit. It starts at zero, as in the authors' code (``din/Dice.py``), where p
has a learnt slope as well, which starts at zero and which the paper does not have; there is none
here. With the paper's eps of 1e-8 units of little variance are switched hard.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import batch_norm

EPSILON = 1e-8


class Dice(nn.Module):
    """Maps ``(rows, units)`` to the same shape."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.zeros(units))
        self.norm = nn.BatchNorm1d(units, eps=EPSILON, affine=False)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return ``f(s)`` of each unit."""
        gate = self._normed(inputs).sigmoid()
        activated: Tensor = inputs * (gate + (1 - gate) * self.alpha)
        return activated

    def _normed(self, inputs: Tensor) -> Tensor:
        """Normalise; a batch of fewer than two rows has no variance, so with the averages."""
        mean, variance = self.norm.running_mean, self.norm.running_var
        if self.training and len(inputs) < 2:
            return batch_norm(inputs, mean, variance, eps=EPSILON)
        normed: Tensor = self.norm(inputs)
        return normed
