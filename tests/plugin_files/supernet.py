"""Methods with weights to hand on, trained in `prepare` or in `search`, that trace what they do."""

from dataclasses import dataclass

import torch

from aesbench import Allocation, Method, Metrics


@dataclass(frozen=True)
class SupernetConfig:
    """Where the mistake is, if one is wanted."""

    mistake: str = ""


def filled(context, dim):
    """A model whose every weight is .25, the stand-in for a trained one."""
    model = context.build_model(context.build_embedding(Allocation.uniform(context.fields, dim)))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(0.25)
    return model


class Supernet(Method):
    """Prepares its weights; draws one size for all fields."""

    name = "supernet"
    title = "Supernet"
    Config = SupernetConfig

    def prepare(self, context):
        context.trace("loss", 0, 0.5)
        return {dim: filled(context, dim) for dim in context.candidates[:2]}

    def search(self, context, prepared):
        if self.config.mistake == "shape":
            context.trace("share", 0, [[0.5] * 3] * len(context.fields))
        if self.config.mistake == "number":
            context.trace("loss", 1, torch.tensor(0.5))
        place = int(torch.randint(0, 2, (), generator=context.generator))
        context.trace("place", 0, place)
        chances = [[0.2] * len(context.candidates)] * len(context.fields)
        context.trace("change of the objective", 0, chances)
        if self.config.mistake == "late":
            raise ValueError("after it traced")
        return Allocation.uniform(context.fields, context.candidates[place])

    def score(self, context, prepared, allocation):
        share = sum(allocation.dims) / (len(allocation.dims) * context.candidates[-1])
        return Metrics(auc=0.5 + share / 2, logloss=0.7 - share / 2)

    def inherit(self, context, prepared, allocation, model):
        model.load_state_dict(prepared[allocation.dims[0]].state_dict())


class Coupled(Supernet):
    """Trains its weights in the search, and keeps them for the retraining."""

    name = "coupled"
    title = "Coupled"

    def prepare(self, context):
        return None

    def search(self, context, prepared):
        self.model = filled(context, 2)
        return Allocation.uniform(context.fields, 2)

    def inherit(self, context, prepared, allocation, model):
        model.load_state_dict(self.model.state_dict())
