"""AutoEmb: a controller weighs the sizes of each field or popularity, and learns as the model does.

Zhao, Liu, Fan, Liu, Tang, Wang, Chen, Zheng, Liu, Yang: "AutoEmb: Automated Embedding
Dimensionality Search in Streaming Recommendations" (ICDM 2021; arXiv:2002.11252). The code read is
that of overlapping authors, ``zgahhblhc/ESAPN``, ``baselines/AutoEmb/train_autoemb.py``.

A controller network reads how popular something is and which weights it had, and returns weights
p over the candidate sizes; its vector is

    e = sum_t p_t * tanh(BN(W_t v_t)),    W_t to the width of the largest size.

Each step some rows move the controller and then a train batch moves tables, layers and backbone, at
first order (DARTS). The original decides for every value of an id field while its popularity grows
in a stream, and takes the rows of the train batch before. AdaS&S compares with a form that decides
for fields (its section 4.2); of that form no code is public.

Three presets:

- ``paper``: fields, but else as the public code: the previous train batch moves the controller, in
  one pass, and the weights at the end choose.
- ``validation``: fields, and held-out rows: validation batches move the controller, for up to six
  passes, and the mean weights over the epoch with the best validation AUC choose.
- ``value``: as ``paper``, but sizes by popularity, as the original has them: the values of a field
  whose train counts lie between one power of two and the next are one unit
  (``aesbench.search.units``), a contiguous ``Block`` of ids, with a learnt vector, as every
  popularity has in the code, and weights of its own.

The bare name is ``paper``: it is what the authors' code does, and what AdaS&S says of AutoEmb, that
it inclines to large sizes (its section 4.4), is so of it. A train batch is the better fitted the
larger the size, and nothing counts parameters: after one pass over ``ml1m-static`` (seed 21) user,
movie and zip have size 64, the largest, at weights of .99 and more, and nothing is saved.
``validation`` is ours; what saves memory in it is that large tables overfit.

Deviations:

- The controller's input is a learnt vector, log number of values and log mean train count, the
  previous weights, and a moving average of the loss (``aesbench.search.controller``). Previous
  weights start at one for the smallest size, and the loss at 1, as in the code, where the loss is
  an option.
- Popularity. In the stream it is the count so far; here that of the train split, known beforehand.
- Batch normalisation is per field and size. In the code the sizes of a field share its running
  statistics, though each is normalised by itself in training: the evaluated model is another one.
  The rows that move the controller leave no trace in these statistics.
- Selection. The original keeps the soft combination, and with it all tables. Here a unit gets the
  size with the largest weight.
- One loss for both levels, cross-entropy, averaged over the batch; the code sums squared errors.
- ``unify``. Where the run retrains by plain concatenation, and fields have sizes, normalised
  vectors are padded with zeros to the largest size; otherwise linear layers, shared by the fields
  as at retraining, map them to it.
- The search stops early if the validation AUC has not improved for ``patience`` epochs; the
  original passes over a stream once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from aesbench import Allocation, Context, Method
from aesbench.core.metrics import auc
from aesbench.core.search_space import Range
from aesbench.core.settings import require, require_int
from aesbench.models.backbones import Backbone
from aesbench.models.optimizer import ModelAdam
from aesbench.models.training import predict, step
from aesbench.search.bilevel import BilevelBatches, Patience, running_statistics_kept
from aesbench.search.blocks import allocation_of
from aesbench.search.candidates import SCHEMES, CandidateTables
from aesbench.search.controller import Controller
from aesbench.search.inheritance import inherit_chosen_tables
from aesbench.search.soft_selection import SoftEmbedding
from aesbench.search.units import field_means, fields_as_units, popularity_units

_OPTIONS = {
    "rows": ("previous", "validation"),
    "read": ("end", "best"),
    "scheme": SCHEMES,
    "unify": ("run", "linear", "padding"),
    "width": ("largest", "final"),
    "sizes_of": ("fields", "values"),
}


@dataclass(frozen=True)
class AutoEmbConfig:
    """The settings of AutoEmb.

    Attributes:
        rows: which move the controller: those of the ``previous`` train batch (public code), or of
            the ``validation`` split (ours).
        epochs: the most passes over the train split; one in the public code.
        patience: epochs without a better validation AUC before the search stops; ours.
        read: the weights that choose: those at the ``end`` (public code, which keeps them soft), or
            their mean over the steps of the epoch with the ``best`` validation AUC (ours).
        controller_every: train batches between two updates of the controller; 1, public code.
        controller_learning_rate: Adam's, for the controller; 1e-4, public code.
        loss_decay: how much of the moving average of the loss stays at each update; ours.
        scheme: ``independent`` tables per size (public code), or ``shared`` prefixes of one.
        unify: how vectors of all sizes get one width: by ``linear`` layers (public code), by zero
            ``padding``, or by whichever is nearer to how the ``run`` retrains.
        width: what linear layers map to: the ``largest`` candidate (public code), or the
            ``final_dim`` of the run.
        tanh: whether normalised vectors pass tanh, as in the paper and the public code.
        sizes_of: ``fields``, as AdaS&S compares with, or ``values``, as in the paper.
        whole_up_to: with sizes of values, fields of at most so many values have one size; 200, as
            the threshold of MDE.
    """

    rows: Literal["previous", "validation"] = "previous"
    epochs: int = 1
    patience: int = 2
    read: Literal["end", "best"] = "end"
    controller_every: int = 1
    controller_learning_rate: float = 1e-4
    loss_decay: float = 0.9
    scheme: Literal["independent", "shared"] = "independent"
    unify: Literal["run", "linear", "padding"] = "run"
    width: Literal["largest", "final"] = "largest"
    tanh: bool = True
    sizes_of: Literal["fields", "values"] = "fields"
    whole_up_to: int = 200

    def __post_init__(self) -> None:
        for name in ("epochs", "patience", "controller_every", "whole_up_to"):
            require_int(getattr(self, name), f"autoemb.{name}", 1)
        rate = self.controller_learning_rate
        require(rate > 0, "autoemb.controller_learning_rate", rate, "above 0")
        require(0 <= self.loss_decay < 1, "autoemb.loss_decay", self.loss_decay, "from 0 below 1")
        for name, options in _OPTIONS.items():
            chosen = getattr(self, name)
            require(chosen in options, f"autoemb.{name}", chosen, " or ".join(options))

    def pads(self, unification: str) -> bool:
        """Return whether vectors are padded with zeros where a run retrains with a unification.

        Not where values have sizes: a field of several is retrained with linear layers in any case.
        """
        follows = self.unify == "run" and self.sizes_of == "fields"
        return self.unify == "padding" or (follows and unification == "plain")


class AutoEmb(Method):
    """A controller network's weights over sizes, one set per field or per popularity.

    It takes no budget: nothing in its objective counts parameters.
    """

    name = "autoemb"
    title = "AutoEmb"
    family = "search"
    titles = {"value": "AutoEmb (values)"}
    Config = AutoEmbConfig
    presets = {
        "paper": {},
        "validation": {"rows": "validation", "epochs": 6, "read": "best"},
        "value": {"sizes_of": "values"},
        "quick": {"epochs": 2},
    }
    space = {
        "rows": _OPTIONS["rows"],
        "epochs": (1, 3, 6),
        "read": _OPTIONS["read"],
        "controller_every": (1, 4, 16),
        "controller_learning_rate": Range(1e-5, 1e-2, log=True),
        "scheme": SCHEMES,
    }

    def search(self, context: Context, prepared: None) -> Allocation:
        """Train controller and model in turn; return the sizes with the largest weight."""
        config: AutoEmbConfig = self.config
        protocol = context.train_config
        sizes = len(context.candidates)
        units = fields_as_units(context.fields)
        if config.sizes_of == "values":
            units = popularity_units(context.fields, config.whole_up_to + 1)
        tables = CandidateTables(
            context.fields,
            context.candidates,
            scheme=config.scheme,
            table_std=protocol.table_std,
            generator=context.generator,
        )
        width = context.candidates[-1] if config.width == "largest" else context.final_dim
        embedding = SoftEmbedding(
            tables,
            None if config.pads(context.unification) else width,
            context.generator,
            tanh=config.tanh,
            units=None if config.sizes_of == "fields" else units,
        )
        model = self.model = context.build_model(embedding)
        optimizer = ModelAdam(model, learning_rate=protocol.learning_rate, l2=protocol.l2)
        controller = Controller(units, sizes + 1, sizes, context.generator).to(context.device)
        upper = ModelAdam(controller, learning_rate=config.controller_learning_rate, l2=0.0)
        batches = BilevelBatches(
            context.train,
            context.validation if config.rows == "validation" else None,
            protocol.batch_size,
            epochs=config.epochs,
            every=config.controller_every,
            device=context.device,
            generator=context.generator,
            progress=context.progress,
        )
        weights = torch.zeros(len(units), sizes, device=context.device)
        weights[:, 0] = 1
        # Doubles on the device: to read each loss would make a GPU wait in every step.
        mean_loss = torch.ones((), dtype=torch.float64, device=context.device)
        of_epochs: list[Tensor] = []
        patience = Patience(config.patience)
        for _ in range(config.epochs):
            model.train()
            of_epochs.append(torch.zeros_like(weights))
            for (ids, labels), rows in batches.epoch():
                if rows is not None:
                    embedding.weights = controller(state_of(weights, mean_loss)).softmax(dim=1)
                    with running_statistics_kept(model):
                        loss = binary_cross_entropy_with_logits(model(rows[0]), rows[1])
                    descend(loss, controller, upper)
                    change = loss.detach().double() - mean_loss
                    mean_loss = mean_loss + (1 - config.loss_decay) * change
                with torch.no_grad():
                    weights = controller(state_of(weights, mean_loss)).softmax(dim=1)
                embedding.weights = weights
                step(model, optimizer, ids, labels)
                of_epochs[-1] += weights
                if batches.is_traced():
                    shown = field_means(units, weights)
                    context.trace("weight", batches.step, shown.tolist())
                    context.trace("entropy_nats", batches.step, entropy(shown).tolist())
                    context.trace("upper_loss", batches.step, mean_loss.item())
            current = auc(context.validation.labels, predict(model, context.validation))
            context.trace("validation_auc", batches.step, current)
            if patience.is_over(current):
                break
        chosen = weights if config.read == "end" else of_epochs[patience.best_epoch - 1]
        dims = [context.candidates[t] for t in chosen.argmax(dim=1).tolist()]
        return allocation_of(context.fields, [unit.rows for unit in units], dims)

    def inherit(
        self, context: Context, prepared: None, allocation: Allocation, model: Backbone
    ) -> None:
        """Start the retraining from the searched tables, shared transforms and first order."""
        inherit_chosen_tables(model, self.model, allocation)


def state_of(weights: Tensor, mean_loss: Tensor) -> Tensor:
    """Return the controller's state ``(units, candidates + 1)``: previous weights and the loss."""
    return torch.cat([weights, mean_loss.to(weights.dtype).expand(len(weights), 1)], dim=1)


def descend(loss: Tensor, controller: Controller, optimizer: ModelAdam) -> None:
    """Move the controller, and nothing else, down a loss."""
    parameters = list(controller.parameters())
    for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
        parameter.grad = gradient
    optimizer.step()


def entropy(weights: Tensor) -> Tensor:
    """Return the entropy ``(fields,)`` of each field's weights: log T if uniform, 0 if decided."""
    return -torch.special.xlogy(weights, weights).sum(dim=1)
