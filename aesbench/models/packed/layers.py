"""Layers of many models: their parameters stacked, their activations ``(models, batch, width)``."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import batch_norm


class NotPackableError(Exception):
    """These models cannot be trained as one; each can alone."""


@dataclass(frozen=True)
class Places:
    """Where the inputs of each model's layer stand among those of the stacked one.

    Attributes:
        width: how many inputs the stacked layer has; those that a model lacks weigh zero.
        columns: of each model, ``(its inputs,)``.
    """

    width: int
    columns: Sequence[Tensor]


class StackedLinear(nn.Linear):
    """A linear layer of each model.

    Attributes:
        weight: (models, inputs, outputs): the other way round than a layer's own, so that the
            weights of one field's vectors lie together.
    """

    def __init__(self, layers: Sequence[nn.Linear], places: Places | None = None) -> None:
        nn.Module.__init__(self)  # A layer's own would make parameters of one model.
        weights = [layer.weight.detach() for layer in layers]
        self._columns: list[Tensor] = []
        if places is not None:
            self._columns = list(places.columns)
            narrow, weights = weights, []
            for own, columns in zip(narrow, self._columns, strict=True):
                wide = own.new_zeros(len(own), places.width)
                weights.append(wide.index_copy_(1, columns.to(own.device), own))
        self.weight = nn.Parameter(torch.stack([own.T for own in weights]))
        if layers[0].bias is None:
            self.bias = None
        else:
            biases = torch.stack([layer.bias.detach() for layer in layers])
            self.bias = nn.Parameter(biases.unsqueeze(1))

    def forward(self, inputs: Tensor) -> Tensor:
        """Map ``(models, batch, inputs)`` to ``(models, batch, outputs)``."""
        if self.bias is None:
            return torch.bmm(inputs, self.weight)
        return torch.baddbmm(self.bias, inputs, self.weight)

    def keep(self, models: Sequence[int]) -> None:
        """Forget the other models."""
        if self._columns:
            self._columns = [self._columns[model] for model in models]

    @torch.no_grad()
    def write(self, model: int, layer: nn.Linear) -> None:
        """Copy the parameters of one model back."""
        own = self.weight[model].T
        if self._columns:
            own = own.index_select(1, self._columns[model].to(own.device))
        layer.weight.copy_(own)
        if self.bias is not None:
            layer.bias.copy_(self.bias[model, 0])


class StackedBatchNorm(nn.Module):
    """Batch normalisation of each model, over its own batch."""

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, norms: Sequence[nn.BatchNorm1d]) -> None:
        super().__init__()
        momentum = norms[0].momentum
        if momentum is None or any(norm.running_mean is None for norm in norms):
            raise NotPackableError("batch normalisation without running statistics")
        self.eps, self.momentum = norms[0].eps, momentum
        for name in ("running_mean", "running_var", "num_batches_tracked"):
            self.register_buffer(name, torch.stack([getattr(norm, name) for norm in norms]))
        self.weight = self.bias = None
        if norms[0].affine:
            self.weight = nn.Parameter(torch.stack([norm.weight.detach() for norm in norms]))
            self.bias = nn.Parameter(torch.stack([norm.bias.detach() for norm in norms]))

    def forward(self, inputs: Tensor) -> Tensor:
        """Normalise ``(models, batch, width)`` over the batch."""
        if self.training:
            self.num_batches_tracked += 1
        found = [
            batch_norm(
                one,
                self.running_mean[model],
                self.running_var[model],
                None if self.weight is None else self.weight[model],
                None if self.bias is None else self.bias[model],
                self.training,
                self.momentum,
                self.eps,
            )
            for model, one in enumerate(inputs)
        ]
        return torch.stack(found)

    @torch.no_grad()
    def write(self, model: int, norm: nn.BatchNorm1d) -> None:
        """Copy the parameters and statistics of one model back."""
        norm.load_state_dict({name: own[model] for name, own in self.state_dict().items()})


class StackedDropout(nn.Module):
    """Dropout of each model, drawn from its own generator as ``nn.Dropout`` draws."""

    def __init__(self, layers: Sequence[nn.Dropout]) -> None:
        super().__init__()
        self.share = layers[0].p
        self.generators: list[torch.Generator] = []  # Given by the pack.

    def forward(self, inputs: Tensor) -> Tensor:
        """Drop a share of ``(models, batch, width)`` in training and scale the rest up."""
        if not self.training or self.share == 0:
            return inputs
        kept = torch.empty(inputs.shape, dtype=torch.bool, device=inputs.device)
        for own, generator in zip(kept, self.generators, strict=True):
            own.bernoulli_(1 - self.share, generator=generator)
        return inputs * kept * (1 / (1 - self.share))

    def keep(self, models: Sequence[int]) -> None:
        """Forget the other models."""
        self.generators = [self.generators[model] for model in models]

    def write(self, model: int, layer: nn.Dropout) -> None:
        """Nothing to copy: dropout learns nothing."""


STACKED: dict[type, Callable[[Sequence[nn.Module]], nn.Module]] = {
    nn.Linear: StackedLinear,  # type: ignore[dict-item]
    nn.BatchNorm1d: StackedBatchNorm,  # type: ignore[dict-item]
    nn.Dropout: StackedDropout,  # type: ignore[dict-item]
}
"""{kind of layer: what makes one of many}."""


def stack(
    modules: Sequence[nn.Module],
    places: Mapping[nn.Module, Places],
    instead: Collection[str] = (),
) -> nn.Module:
    """Return one module of many of one kind, with the same children, each of them stacked.

    Args:
        modules: one of each model.
        places: of the first model's linear layers, those whose inputs are placed.
        instead: children that are left out, for something else takes their place.

    Raises:
        NotPackableError: a layer is of a kind that nobody has stacked, or they differ.
    """
    first = modules[0]
    if any(type(module) is not type(first) for module in modules):
        raise NotPackableError("the models' layers differ")
    if first in places:
        return StackedLinear(modules, places[first])  # type: ignore[arg-type]
    if type(first) in STACKED:
        return STACKED[type(first)](modules)
    own = dict(first.named_parameters(recurse=False))
    is_foreign = type(first).__module__.startswith("torch.") and own
    if is_foreign or any(True for _ in first.buffers(recurse=False)):
        raise NotPackableError(f"layers of the kind {type(first).__name__} are not stacked")
    twin = copy.copy(first)
    twin._modules = {
        name: stack([module.get_submodule(name) for module in modules], places)
        for name in first._modules
        if name not in instead
    }
    twin._parameters = {
        name: nn.Parameter(_stacked([module.get_parameter(name) for module in modules]))
        for name in own
    }
    return twin


def write(stacked: nn.Module, model: int, module: nn.Module) -> None:
    """Copy what a stacked module has learned for one model into that model's own module."""
    own_write = getattr(stacked, "write", None)
    if own_write is not None:
        own_write(model, module)
        return
    for name, child in stacked.named_children():
        write(child, model, module.get_submodule(name))
    with torch.no_grad():
        for name, parameter in stacked.named_parameters(recurse=False):
            own = module.get_parameter(name)
            own.copy_(parameter[model].view_as(own))


def _stacked(parameters: Sequence[Tensor]) -> Tensor:
    """Stack scalars as ``(models, 1)`` and vectors as ``(models, 1, width)``, as they broadcast."""
    if parameters[0].dim() > 1:
        raise NotPackableError("a parameter of a model's own is neither a scalar nor a vector")
    return torch.stack([parameter.detach() for parameter in parameters]).unsqueeze(1)
