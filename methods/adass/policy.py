"""The policy: a transformer that sees the sizes of all fields and proposes the next (sec. 3.2)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from aesbench.models.randomness import global_generators

WIDTH, LAYERS, HEADS, FEEDFORWARD = 64, 2, 4, 128
"""The paper names a transformer and no sizes; these are ours."""


class Policy(nn.Module):
    """Maps states to the transition probabilities ``P (fields, candidates)``.

    A field's token is the sum of an embedding of the field and one of its present size. With
    ``head="field"`` each field has an output layer of its own.
    """

    def __init__(self, fields: int, candidates: int, head: str, generator: torch.Generator) -> None:
        super().__init__()
        # torch's layers draw their start from the global generator; it is put back afterwards.
        with global_generators(int(torch.randint(2**31, (), generator=generator))):
            self.field = nn.Parameter(torch.randn(fields, WIDTH))
            self.size = nn.Parameter(torch.randn(candidates, WIDTH))
            layer = nn.TransformerEncoderLayer(
                WIDTH, HEADS, FEEDFORWARD, dropout=0.0, batch_first=True
            )
            self.body = nn.TransformerEncoder(layer, LAYERS, enable_nested_tensor=False)
            heads = fields if head == "field" else 1
            bound = WIDTH**-0.5
            self.weight = nn.Parameter(
                torch.empty(heads, WIDTH, candidates).uniform_(-bound, bound)
            )
            self.bias = nn.Parameter(torch.zeros(heads, candidates))

    def forward(self, state: Tensor) -> Tensor:
        """Map states ``(states, fields)`` to log P ``(states, fields, candidates)``."""
        tokens: Tensor = self.body(self.field + self.size[state])  # (states, fields, width)
        logits = (tokens.unsqueeze(2) @ self.weight).squeeze(2) + self.bias
        return logits.log_softmax(2)
