"""AutoEmb: a controller weighs the sizes of each field, learning from validation batches.

Zhao, Liu, Fan, Liu, Tang, Wang, Chen, Zheng, Liu, Yang: "AutoEmb: Automated Embedding
Dimensionality Search in Streaming Recommendations" (ICDM 2021; arXiv:2002.11252). The code read is
that of overlapping authors, ``zgahhblhc/ESAPN``, ``baselines/AutoEmb/train_autoemb.py``.

A controller network reads how popular something is and which weights it had, and returns weights
p over the candidate sizes; its vector is

    e = sum_t p_t * tanh(BN(W_t v_t)).

Each step a validation batch moves the controller and then a train batch moves tables, layers and
backbone, at first order (DARTS). The original decides for every value of an id field while its
popularity grows in a stream. AdaS&S compares with a form that decides for fields (its section 4.2),
which is what this is; of that form no code is public.

Deviations:

- Per field. The controller's input is a learnt vector per field, the field's log cardinality and
  log mean train count, the field's previous weights, and a moving average of the validation loss
  (``aesbench.search.controller``). Previous weights start at one for the smallest size, and the
  loss at 1, as in the code, where the loss is an option.
- Validation batches come from the validation split. The code takes the previous train batch, which
  the stream has just shown.
- Batch normalisation is per field and size. In the code the sizes of a field share its running
  statistics, though each is normalised by itself in training: the evaluated model is another one.
- Selection. The original keeps the soft combination, and with it all tables. Here a field gets
  the size with the largest weight, averaged over the steps of the last epoch.
- One loss for both levels, cross-entropy, averaged over the batch; the code sums squared errors.
- Vectors are always unified by linear layers (shared by the fields, as at retraining) to
  ``final_dim``, also if the run retrains by plain concatenation.
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
from aesbench.search.bilevel import BilevelBatches, Patience
from aesbench.search.candidates import SCHEMES, CandidateTables
from aesbench.search.controller import FieldController
from aesbench.search.inheritance import inherit_chosen_tables
from aesbench.search.soft_selection import SoftEmbedding


@dataclass(frozen=True)
class AutoEmbConfig:
    """The settings of AutoEmb.

    Attributes:
        epochs: the most passes over the train split; ours, so that a search on 800,000 rows takes
            three minutes at most on one core.
        patience: epochs without a better validation AUC before the search stops; ours.
        controller_every: train batches between two updates of the controller; 1, public code.
        controller_learning_rate: Adam's, for the controller; 1e-4, public code.
        loss_decay: how much of the moving average of the loss stays at each update; ours.
        scheme: ``independent`` tables per size (public code), or ``shared`` prefixes of one.
        tanh: whether normalised vectors pass tanh, as in the paper and the public code.
    """

    epochs: int = 6
    patience: int = 2
    controller_every: int = 1
    controller_learning_rate: float = 1e-4
    loss_decay: float = 0.9
    scheme: Literal["independent", "shared"] = "independent"
    tanh: bool = True

    def __post_init__(self) -> None:
        require_int(self.epochs, "autoemb.epochs", 1)
        require_int(self.patience, "autoemb.patience", 1)
        require_int(self.controller_every, "autoemb.controller_every", 1)
        rate = self.controller_learning_rate
        require(rate > 0, "autoemb.controller_learning_rate", rate, "above 0")
        require(0 <= self.loss_decay < 1, "autoemb.loss_decay", self.loss_decay, "from 0 below 1")
        require(self.scheme in SCHEMES, "autoemb.scheme", self.scheme, " or ".join(SCHEMES))


class AutoEmb(Method):
    """A controller network's weights over sizes, one set per field.

    It takes no budget: nothing in its objective counts parameters.
    """

    name = "autoemb"
    title = "AutoEmb"
    family = "search"
    Config = AutoEmbConfig
    presets = {"quick": {"epochs": 2}}
    space = {
        "controller_every": (1, 4, 16),
        "controller_learning_rate": Range(1e-5, 1e-2, log=True),
        "scheme": SCHEMES,
    }

    def search(self, context: Context, prepared: None) -> Allocation:
        """Train controller and model in turn; return the sizes with the largest mean weight."""
        config: AutoEmbConfig = self.config
        protocol = context.train_config
        sizes = len(context.candidates)
        tables = CandidateTables(
            context.fields,
            context.candidates,
            scheme=config.scheme,
            table_std=protocol.table_std,
            generator=context.generator,
        )
        embedding = SoftEmbedding(tables, context.final_dim, context.generator, tanh=config.tanh)
        model = self.model = context.build_model(embedding)
        optimizer = ModelAdam(model, learning_rate=protocol.learning_rate, l2=protocol.l2)
        controller = FieldController(context.fields, sizes + 1, sizes, context.generator)
        controller.to(context.device)
        upper = ModelAdam(controller, learning_rate=config.controller_learning_rate, l2=0.0)
        batches = BilevelBatches(
            context.train,
            context.validation,
            protocol.batch_size,
            epochs=config.epochs,
            every=config.controller_every,
            device=context.device,
            generator=context.generator,
            progress=context.progress,
        )
        weights = torch.zeros(len(context.fields), sizes, device=context.device)
        weights[:, 0] = 1
        # Doubles on the device: to read each loss would make a GPU wait in every step.
        mean_loss = torch.ones((), dtype=torch.float64, device=context.device)
        total = torch.zeros_like(weights)
        patience = Patience(config.patience)
        for _ in range(config.epochs):
            model.train()
            total.zero_()
            for (ids, labels), validation in batches.epoch():
                if validation is not None:
                    embedding.weights = controller(state_of(weights, mean_loss)).softmax(dim=1)
                    loss = binary_cross_entropy_with_logits(model(validation[0]), validation[1])
                    descend(loss, controller, upper)
                    change = loss.detach().double() - mean_loss
                    mean_loss = mean_loss + (1 - config.loss_decay) * change
                with torch.no_grad():
                    weights = controller(state_of(weights, mean_loss)).softmax(dim=1)
                embedding.weights = weights
                step(model, optimizer, ids, labels)
                total += weights
                if batches.is_traced():
                    context.trace("weight", batches.step, weights.tolist())
                    context.trace("entropy_nats", batches.step, entropy(weights).tolist())
                    context.trace("validation_loss", batches.step, mean_loss.item())
            current = auc(context.validation.labels, predict(model, context.validation))
            context.trace("validation_auc", batches.step, current)
            if patience.is_over(current):
                break
        best = total.argmax(dim=1).tolist()
        return Allocation.field_wise(context.fields, [context.candidates[t] for t in best])

    def inherit(
        self, context: Context, prepared: None, allocation: Allocation, model: Backbone
    ) -> None:
        """Start the retraining from the searched tables, shared transforms and first order."""
        inherit_chosen_tables(model, self.model, allocation)


def state_of(weights: Tensor, mean_loss: Tensor) -> Tensor:
    """Return the controller's state ``(fields, candidates + 1)``: previous weights and the loss."""
    return torch.cat([weights, mean_loss.to(weights.dtype).expand(len(weights), 1)], dim=1)


def descend(loss: Tensor, controller: FieldController, optimizer: ModelAdam) -> None:
    """Move the controller, and nothing else, down a loss."""
    parameters = list(controller.parameters())
    for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
        parameter.grad = gradient
    optimizer.step()


def entropy(weights: Tensor) -> Tensor:
    """Return the entropy ``(fields,)`` of each field's weights: log T if uniform, 0 if decided."""
    return -torch.special.xlogy(weights, weights).sum(dim=1)
