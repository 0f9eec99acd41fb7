"""AutoDim: sizes of fields by differentiable architecture search with Gumbel-softmax weights.

Zhao, Liu, Liu, Tang, Guo, Shi, Wang, Gao, Long: "AutoDim: Field-aware Embedding Dimension Search in
Recommender Systems" (WWW 2021; arXiv:2006.14827, "Memory-efficient Embedding for Recommendations").
The authors' code cannot be obtained; where the paper is silent, two re-implementations were read:
``HugoZHL/Hetu`` (``scheduler/autodim.py``, VLDB 2024) and ``goldenNormal/Autogrow``.

The search, in the paper's order:

1. Dimension search. The vectors v_it of every candidate size t pass a linear layer to one width and
   batch normalisation without affine parameters. Architecture parameters a_it give weights

       p_it = softmax_t((log_softmax(a_i)_t + g_it) / tau),        g_it standard Gumbel noise,

   drawn anew for each field and batch, and the field's vector is sum_t p_it BN(W_it v_it)
   (``aesbench.search.soft_selection``). The temperature tau falls during the search, from soft
   weights to choices.
2. Optimisation. Every train batch moves tables, layers and the backbone by its gradient; every
   tenth step a validation batch moves the a_it, and nothing else, at first order (DARTS).
3. Parameter re-training. Each field keeps argmax_t a_it, without noise; the harness retrains.

Deviations, and readings where the two re-implementations differ:

- Annealing. Published: tau = max(0.01, 1 - 0.00005 step), for batches of 2000 rows and data sets
  of tens of thousands of steps. With fewer steps tau would stay near 1 to the end. By default it
  falls linearly from 1 to 0.01 over the planned steps; ``annealing="absolute"`` is the published
  line.
- The a_it start at zero, so that no size starts ahead (Hetu: Xavier; Autogrow: all 1, the same
  thing), and Adam moves them (Autogrow; Hetu: SGD).
- The linear layers of a size are shared by the fields, as at retraining; ``own_transforms`` gives
  each field its own, as in the paper. On the data set ``planted`` (Wide&Deep, two seeds) the
  supernet with shared layers found smaller sizes for the fields that need none.
- Vectors are always unified by linear layers to ``final_dim``, as in the paper, also if the run
  retrains by plain concatenation.
- The search stops early if the validation AUC of the noise-free supernet, whose weights are those
  above with g = 0, has not improved for ``patience`` epochs.
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
from aesbench.search.inheritance import inherit_chosen_tables
from aesbench.search.soft_selection import SoftEmbedding


@dataclass(frozen=True)
class AutoDimConfig:
    """The settings of AutoDim.

    Attributes:
        epochs: planned passes over the train split, over which tau falls; ours.
        patience: epochs without a better validation AUC before the search stops; ours.
        architecture_every: train batches between two updates of the a_it; 10, the paper.
        architecture_learning_rate: Adam's, for the a_it; 1e-3, the paper.
        annealing: of tau: ``linear`` over the planned steps (ours), or ``absolute`` (published).
        slope: what ``absolute`` takes off tau per step; 5e-5 in both re-implementations.
        least_temperature: where tau ends; 0.01 in both re-implementations.
        scheme: ``independent`` tables per size (Hetu), or ``shared`` prefixes of the largest, the
            paper's weight sharing (Autogrow).
        own_transforms: whether each field has linear layers of its own (the paper) or all fields
            share those of a size (ours, see the module).
    """

    epochs: int = 8
    patience: int = 2
    architecture_every: int = 10
    architecture_learning_rate: float = 1e-3
    annealing: Literal["linear", "absolute"] = "linear"
    slope: float = 5e-5
    least_temperature: float = 0.01
    scheme: Literal["independent", "shared"] = "independent"
    own_transforms: bool = False

    def __post_init__(self) -> None:
        require_int(self.epochs, "autodim.epochs", 1)
        require_int(self.patience, "autodim.patience", 1)
        require_int(self.architecture_every, "autodim.architecture_every", 1)
        for name in ("architecture_learning_rate", "slope"):
            require(getattr(self, name) > 0, f"autodim.{name}", getattr(self, name), "above 0")
        least = self.least_temperature
        require(0 < least <= 1, "autodim.least_temperature", least, "above 0 and at most 1")
        require(self.annealing in ("linear", "absolute"), "autodim.annealing", self.annealing,
                "linear or absolute")  # fmt: skip
        require(self.scheme in SCHEMES, "autodim.scheme", self.scheme, " or ".join(SCHEMES))

    def temperature(self, step: int, steps: int) -> float:
        """Return tau at a train step, counted from 0, of so many planned ones."""
        if self.annealing == "absolute":
            return max(self.least_temperature, 1 - self.slope * step)
        return 1 - (1 - self.least_temperature) * step / max(1, steps - 1)


class AutoDim(Method):
    """Architecture parameters per field and size, learnt on validation batches.

    It takes no budget: nothing in its objective counts parameters.
    """

    name = "autodim"
    title = "AutoDim"
    family = "search"
    Config = AutoDimConfig
    supports_histories = True
    presets = {"quick": {"epochs": 2, "architecture_every": 2}}
    space = {
        "architecture_every": (1, 3, 10, 30),
        "architecture_learning_rate": Range(1e-4, 1e-1, log=True),
        "scheme": SCHEMES,
    }

    def search(self, context: Context, prepared: None) -> Allocation:
        """Train the weights and the architecture in turn; return the sizes with the largest a."""
        config: AutoDimConfig = self.config
        protocol = context.train_config
        tables = CandidateTables(
            context.fields,
            context.candidates,
            scheme=config.scheme,
            table_std=protocol.table_std,
            generator=context.generator,
            histories=context.histories,
        )
        embedding = SoftEmbedding(
            tables, context.final_dim, context.generator, own_transforms=config.own_transforms
        )
        model = self.model = context.build_model(embedding)
        optimizer = ModelAdam(model, learning_rate=protocol.learning_rate, l2=protocol.l2)
        shape = len(context.fields), len(context.candidates)
        architecture = torch.zeros(shape, device=context.device, requires_grad=True)
        upper = torch.optim.Adam([architecture], lr=config.architecture_learning_rate)
        batches = BilevelBatches(
            context.train,
            context.validation,
            protocol.batch_size,
            epochs=config.epochs,
            every=config.architecture_every,
            device=context.device,
            generator=context.generator,
            progress=context.progress,
        )
        patience = Patience(config.patience)
        for _ in range(config.epochs):
            model.train()
            for (ids, labels), validation in batches.epoch():
                tau = config.temperature(batches.step - 1, batches.steps)
                noise = gumbel(shape, context.generator).to(context.device, non_blocking=True)
                embedding.weights = soft_choice(architecture.detach(), tau, noise)
                step(model, optimizer, ids, labels)
                if validation is not None:
                    noise = gumbel(shape, context.generator).to(context.device, non_blocking=True)
                    embedding.weights = soft_choice(architecture, tau, noise)
                    loss = binary_cross_entropy_with_logits(model(validation[0]), validation[1])
                    # Of the a_it only: tables, layers and backbone stand still.
                    (architecture.grad,) = torch.autograd.grad(loss, architecture)
                    upper.step()
                if batches.is_traced():
                    chosen = architecture.detach().softmax(dim=1)
                    context.trace("weight", batches.step, chosen.tolist())
                    context.trace("temperature", batches.step, tau)
            embedding.weights = soft_choice(architecture.detach(), tau)
            current = auc(context.validation.labels, predict(model, context.validation))
            context.trace("validation_auc", batches.step, current)
            if patience.is_over(current):
                break
        best = architecture.argmax(dim=1).tolist()
        return Allocation.field_wise(context.fields, [context.candidates[t] for t in best])

    def inherit(
        self, context: Context, prepared: None, allocation: Allocation, model: Backbone
    ) -> None:
        """Start the retraining from the searched tables, shared transforms and first order."""
        inherit_chosen_tables(model, self.model, allocation)


def gumbel(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Draw standard Gumbel noise: -log of a standard exponential variable."""
    return -torch.empty(shape).exponential_(generator=generator).log()


def soft_choice(architecture: Tensor, tau: float, noise: Tensor | None = None) -> Tensor:
    """Return the weights p ``(fields, candidates)``; without noise, those to evaluate with.

    Args:
        architecture: a, (fields, candidates).
        tau: the temperature; the lower, the nearer to a single size.
        noise: g, (fields, candidates).
    """
    logits = architecture.log_softmax(dim=1)
    return ((logits if noise is None else logits + noise) / tau).softmax(dim=1)
