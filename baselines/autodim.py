"""AutoDim: sizes of fields by differentiable architecture search with Gumbel-softmax weights.

Zhao, Liu, Liu, Tang, Guo, Shi, Wang, Gao, Long: "AutoDim: Field-aware Embedding Dimension Search in
Recommender Systems" (WWW 2021; arXiv:2006.14827, "Memory-efficient Embedding for Recommendations").
The authors' code cannot be obtained; where the paper is silent, two re-implementations were read:
``HugoZHL/Hetu`` (``scheduler/autodim.py``, VLDB 2024) and ``goldenNormal/Autogrow``.

The search, in the paper's order:

1. Weight sharing. A field has one table, as wide as the largest candidate size; size t is the
   vector v_it of its first d_t components.
2. Unifying sizes. Either a linear layer per size, which the fields share, maps v_it to the width
   of the largest size, and batch normalisation without affine parameters follows; or v_it is
   normalised and then padded with zeros to that width.
3. Dimension search. Architecture parameters a_it give weights

       p_it = softmax_t((log_softmax(a_i)_t + g_it) / tau),        g_it standard Gumbel noise,

   drawn anew for each field and batch, and the field's vector is sum_t p_it BN(W_it v_it), or
   sum_t p_it pad(BN(v_it)) (``aesbench.search.soft_selection``). The temperature tau falls during
   the search, from soft weights to choices.
4. Optimisation. The network is first trained with all weights equal. Then every train batch moves
   tables, layers and the backbone by its gradient; at every tenth a validation batch goes before
   and moves the a_it, and nothing else, at first order (DARTS).
5. Parameter re-training. Each field keeps argmax_t a_it, without noise; the harness retrains.

Deviations, and readings where the two re-implementations differ; each is a setting:

- ``unify``. Zeros or layers, whichever the run has: a run that retrains by plain concatenation
  (Wide&Deep) has no layers, and zeros in the columns that a size leaves out are, to the first dense
  layer, no columns; one that retrains through linear layers is searched with them.
- ``most_rate_scaling``. The paper's data sets give about 1,600 updates of the a_it in an epoch,
  ours 30 to 160, by each of which Adam moves an a_it by 1e-3 at most: after eight epochs of
  ``ml1m-static`` no weight had left 17 to 22 %, and sizes were drawn by chance. So the rate is as
  many times higher as updates are fewer, at most thirty times.
- ``annealing`` and ``epochs``. Published: tau = max(0.01, 1 - 0.00005 step), for batches of 2000
  rows, which ends after one or two epochs of the paper's data. With fewer steps tau would stay near
  1 to the end. By default it falls linearly from 1 to 0.01 over four epochs, 624 updates of the
  a_it at ten times the rate on ``ml1m-static``. Over eight of these the weights settle when tables
  overfit, and all large fields shrink (seed 21: user, movie, zip 8, 8, 2 in place of 16, 16, 16).
- ``patience``. The search stops early if the validation AUC of the noise-free supernet, whose
  weights are those above with g = 0, has not improved for so many epochs.
- The a_it start at zero, so that no size starts ahead (Hetu: Xavier; Autogrow: all 1, the same
  thing), and Adam moves them (Autogrow; Hetu: SGD).
- Validation batches leave no trace in the running statistics of batch normalisation.

Not verified: the paper's text was not at hand when this was written. Its weight sharing, shared
layers, width, pre-training, zero padding and order of steps are those of a review of it for this
project; how long it pre-trains and when it stops is not known.
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
from aesbench.search.candidates import SCHEMES, CandidateTables
from aesbench.search.inheritance import inherit_chosen_tables
from aesbench.search.soft_selection import SoftEmbedding

_OPTIONS = {
    "annealing": ("linear", "absolute"),
    "scheme": SCHEMES,
    "unify": ("run", "linear", "padding"),
    "width": ("largest", "final"),
    "read": ("best", "last"),
}


@dataclass(frozen=True)
class AutoDimConfig:
    """The settings of AutoDim.

    Attributes:
        pretrain_epochs: passes over the train split with equal, fixed weights; the paper pre-trains
            so, for how long it does not say.
        epochs: planned passes after these, over which tau falls; ours, see the module.
        patience: epochs without a better validation AUC before the search stops; ours.
        read: the a_it of which epoch choose: of the one with the ``best`` validation AUC, or the
            ``last`` one's, after which no better one came; ours.
        architecture_every: train batches between two updates of the a_it; 10, the paper.
        architecture_learning_rate: Adam's, for the a_it; 1e-3, the paper.
        reference_updates: of the a_it in an epoch of the paper's data; where an epoch has fewer,
            the rate is as many times higher. Ours, see the module.
        most_rate_scaling: how many times higher, at most; 1 is the paper's rate as it is.
        annealing: of tau: ``linear`` over the planned steps (ours), or ``absolute`` (published).
        slope: what ``absolute`` takes off tau per step; 5e-5 in both re-implementations.
        least_temperature: where tau ends; 0.01 in both re-implementations.
        scheme: ``shared`` prefixes of one table, the paper's weight sharing (Autogrow, too), or
            ``independent`` tables per size (Hetu).
        unify: how vectors of all sizes get one width: by ``linear`` layers or by zero ``padding``,
            the paper's two forms, or by whichever is nearer to how the ``run`` retrains.
        width: what linear layers map to: the ``largest`` candidate, the paper, or the ``final_dim``
            of the run.
        own_transforms: whether each field has linear layers of its own, or all fields share those
            of a size, the paper.
    """

    pretrain_epochs: int = 1
    epochs: int = 4
    patience: int = 2
    read: Literal["best", "last"] = "best"
    architecture_every: int = 10
    architecture_learning_rate: float = 1e-3
    reference_updates: int = 1600
    most_rate_scaling: float = 30.0
    annealing: Literal["linear", "absolute"] = "linear"
    slope: float = 5e-5
    least_temperature: float = 0.01
    scheme: Literal["independent", "shared"] = "shared"
    unify: Literal["run", "linear", "padding"] = "run"
    width: Literal["largest", "final"] = "largest"
    own_transforms: bool = False

    def __post_init__(self) -> None:
        require_int(self.pretrain_epochs, "autodim.pretrain_epochs", 0)
        for name in ("epochs", "patience", "architecture_every", "reference_updates"):
            require_int(getattr(self, name), f"autodim.{name}", 1)
        for name in ("architecture_learning_rate", "slope"):
            require(getattr(self, name) > 0, f"autodim.{name}", getattr(self, name), "above 0")
        most = self.most_rate_scaling
        require(most >= 1, "autodim.most_rate_scaling", most, "at least 1")
        least = self.least_temperature
        require(0 < least <= 1, "autodim.least_temperature", least, "above 0 and at most 1")
        for name, options in _OPTIONS.items():
            chosen = getattr(self, name)
            require(chosen in options, f"autodim.{name}", chosen, " or ".join(options))

    def temperature(self, step: int, steps: int) -> float:
        """Return tau at a train step, counted from 0, of so many planned ones."""
        if self.annealing == "absolute":
            return max(self.least_temperature, 1 - self.slope * step)
        return 1 - (1 - self.least_temperature) * step / max(1, steps - 1)

    def architecture_rate(self, steps_per_epoch: int) -> float:
        """Return the learning rate of the a_it where an epoch has so many train batches."""
        updates = max(1, steps_per_epoch // self.architecture_every)
        scaling = min(max(self.reference_updates / updates, 1.0), self.most_rate_scaling)
        return self.architecture_learning_rate * scaling

    def pads(self, unification: str) -> bool:
        """Return whether vectors are padded with zeros where a run retrains with a unification."""
        return self.unify == "padding" or (self.unify == "run" and unification == "plain")


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
        "epochs": (2, 4, 6, 8),
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
        width = context.candidates[-1] if config.width == "largest" else context.final_dim
        embedding = SoftEmbedding(
            tables,
            None if config.pads(context.unification) else width,
            context.generator,
            own_transforms=config.own_transforms,
        )
        model = self.model = context.build_model(embedding)
        optimizer = ModelAdam(model, learning_rate=protocol.learning_rate, l2=protocol.l2)
        for epoch in range(config.pretrain_epochs):  # The embedding's weights start equal.
            for ids, labels in context.train.batches(
                protocol.batch_size, device=context.device, shuffle=context.generator
            ):
                step(model, optimizer, ids, labels)
            context.progress("pre-training epoch", epoch + 1, config.pretrain_epochs)
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
        shape = len(context.fields), len(context.candidates)
        architecture = torch.zeros(shape, device=context.device, requires_grad=True)
        rate = config.architecture_rate(batches.steps_per_epoch)
        upper = torch.optim.Adam([architecture], lr=rate)
        patience = Patience(config.patience)
        after_epochs: list[Tensor] = []
        for _ in range(config.epochs):
            model.train()
            for (ids, labels), validation in batches.epoch():
                tau = config.temperature(batches.step - 1, batches.steps)
                if validation is not None:
                    noise = gumbel(shape, context.generator).to(context.device, non_blocking=True)
                    embedding.weights = soft_choice(architecture, tau, noise)
                    with running_statistics_kept(model):
                        loss = binary_cross_entropy_with_logits(model(validation[0]), validation[1])
                    # Of the a_it only: tables, layers and backbone stand still.
                    (architecture.grad,) = torch.autograd.grad(loss, architecture)
                    upper.step()
                noise = gumbel(shape, context.generator).to(context.device, non_blocking=True)
                embedding.weights = soft_choice(architecture.detach(), tau, noise)
                step(model, optimizer, ids, labels)
                if batches.is_traced():
                    chosen = architecture.detach().softmax(dim=1)
                    context.trace("weight", batches.step, chosen.tolist())
                    context.trace("temperature", batches.step, tau)
            after_epochs.append(architecture.detach().clone())
            embedding.weights = soft_choice(architecture.detach(), tau)
            current = auc(context.validation.labels, predict(model, context.validation))
            context.trace("validation_auc", batches.step, current)
            if patience.is_over(current):
                break
        read = patience.best_epoch - 1 if config.read == "best" else -1
        best = after_epochs[read].argmax(dim=1).tolist()
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
