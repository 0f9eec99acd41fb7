"""What misbehaves in a pack: methods that train nothing, so that their seeds are retrained as one,
and backbones.
"""

import os
import signal
import time
from dataclasses import dataclass

import torch
from torch import nn

from aesbench import Allocation, Method
from aesbench.models.backbones import WideDeep
from aesbench.models.randomness import stage_seed


@dataclass(frozen=True)
class NoConfig:
    """No settings."""


def is_guilty(context):
    """Whether this is the search of seed 1."""
    return context.generator.initial_seed() == stage_seed(1, "search/0")


class Guilty(Method):
    """Has one seed that behaves otherwise than the rest."""

    name = "guilty"
    title = "Guilty"
    Config = NoConfig
    trains = False

    def search(self, context, prepared):
        if is_guilty(context):
            self.misbehave(context)
        return Allocation.uniform(context.fields, context.candidates[0])

    def misbehave(self, context):
        raise ValueError("a bug in the plugin")


class Killed(Guilty):
    """Takes its process down."""

    name = "killed"
    title = "Killed"

    def misbehave(self, context):
        os.kill(os.getpid(), signal.SIGKILL)


class Stuck(Guilty):
    """Never comes back."""

    name = "stuck"
    title = "Stuck"

    def misbehave(self, context):
        time.sleep(60)


class Unpackable(WideDeep):
    """Does not say that it can be packed."""

    name = "unpackable"
    title = "Unpackable"
    packs = False


class Normalised(WideDeep):
    """Says that it can be packed, and has a layer of a kind that nobody has stacked."""

    name = "normalised"
    title = "Normalised"

    def __init__(self, fields, embedding, config, generator):
        super().__init__(fields, embedding, config, generator)
        self.mlp.insert(1, nn.LayerNorm(config.hidden[0]))


class Breaking(WideDeep):
    """Says that it can be packed, and breaks if it is."""

    name = "breaking"
    title = "Breaking"

    def logits(self, vectors, first_order):
        if first_order.dim() > 1:
            raise ValueError("written for one model")
        return super().logits(vectors, first_order)


class Fussy(WideDeep):
    """Cannot be built from the first draw of seed 1, and diverges from that of seed 2."""

    name = "fussy"
    title = "Fussy"

    def __init__(self, fields, embedding, config, generator):
        super().__init__(fields, embedding, config, generator)
        if generator.initial_seed() == stage_seed(1, "retrain"):
            raise ValueError("not of this seed")
        if generator.initial_seed() == stage_seed(2, "retrain"):
            with torch.no_grad():
                self.wide.bias.fill_(float("nan"))


class Careless(WideDeep):
    """Has a layer that starts from the global generator."""

    name = "careless"
    title = "Careless"

    def __init__(self, fields, embedding, config, generator):
        super().__init__(fields, embedding, config, generator)
        self.mlp[-1] = nn.Linear(config.hidden[-1], 1)
