"""TPE over allocations: a black-box control, which knows nothing of embeddings.

Optuna's tree-structured Parzen estimator (Bergstra, Bardenet, Bengio, Kégl, "Algorithms for
Hyper-Parameter Optimization", NeurIPS 2011) proposes allocations, one categorical choice per field.
Each is trained from scratch on the train split for a fraction of the protocol's epochs and judged
by its validation AUC; the best one is the result. Nothing is shared between evaluations, so it
tells what weight sharing or a relaxation is worth at an equal cost: give it the seconds of the
method to compare with, as in ``--set tpe.seconds=300 --set tpe.evaluations=none``.

- With a parameter budget, the violation is a constraint of the estimator. What does not fit is
  told to it without being trained. The first proposal is then the largest uniform size that fits.
- Every evaluation starts from the same random numbers, so that allocations differ by their sizes.
- Bounded by evaluations, a seed gives the same allocation again; bounded by seconds it depends on
  the speed of the machine.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from aesbench import Allocation, Context, Method
from aesbench.core.settings import require, require_int
from aesbench.errors import ConfigError
from aesbench.models.training import fit


@dataclass(frozen=True)
class TPEConfig:
    """The settings of TPE; all ours but ``startup``, which is Optuna's default.

    Attributes:
        fraction: of the protocol's epochs that an allocation is trained for, at least one epoch.
        evaluations: the most allocations to train, or None.
        seconds: the most wall seconds of the search, or None; the evaluation in progress is ended.
        startup: random proposals before the estimator takes over.
        proposals: in a row that are over the parameter budget or were evaluated before, after
            which the search ends.
    """

    fraction: float = 0.1
    evaluations: int | None = 60
    seconds: float | None = None
    startup: int = 10
    proposals: int = 500

    def __post_init__(self) -> None:
        require(0 < self.fraction <= 1, "tpe.fraction", self.fraction, "above 0 and at most 1")
        require_int(self.startup, "tpe.startup", 1)
        require_int(self.proposals, "tpe.proposals", 1)
        if self.evaluations is not None:
            require_int(self.evaluations, "tpe.evaluations", 1)
        require(self.seconds is None or self.seconds > 0, "tpe.seconds", self.seconds, "above 0")
        require(
            self.evaluations is not None or self.seconds is not None,
            "tpe.evaluations",
            self.evaluations,
            "a number, unless tpe.seconds is one",
        )


class TPE(Method):
    """Allocations proposed by Optuna, each trained briefly from scratch."""

    name = "tpe"
    title = "TPE"
    family = "control"
    Config = TPEConfig
    honours_budget = True
    presets = {"quick": {"evaluations": 4}}
    space = {"fraction": (0.05, 0.1, 0.25), "startup": (5, 10, 20)}

    def search(self, context: Context, prepared: None) -> Allocation:
        """Return the allocation with the highest validation AUC after its short training.

        Raises:
            ConfigError: the budget is below the smallest allocation.
        """
        import optuna  # Takes half a second, which listing methods should not.

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        config: TPEConfig = self.config
        start = time.perf_counter()
        draws = torch.randint(2**31, (2,), generator=context.generator).tolist()
        sampler = optuna.samplers.TPESampler(n_startup_trials=config.startup, seed=draws[0])
        study = optuna.create_study(direction="maximize", sampler=sampler)
        names = [f"{number} {field.name}" for number, field in enumerate(context.fields)]
        if context.budget is not None:
            size = largest_uniform(context, context.budget)
            study.enqueue_trial(dict.fromkeys(names, size))
        scores: dict[Sequence[int], float] = {}
        in_vain = 0
        while not self._is_over(len(scores), in_vain, time.perf_counter() - start):
            trial = study.ask()
            dims = tuple(trial.suggest_categorical(name, context.candidates) for name in names)
            allocation = Allocation.field_wise(context.fields, dims)
            if context.budget is not None:
                over = allocation.parameters / context.budget - 1
                trial.set_constraint("parameters", over)
                if over > 0:
                    study.tell(trial, 0.0)  # Ranked by its violation, whatever the value.
                    in_vain += 1
                    continue
            if dims in scores:
                in_vain += 1
            else:
                scores[dims] = self._evaluate(context, allocation, draws[1])
                in_vain = 0
                context.trace("validation_auc", len(scores), scores[dims])
                context.trace("best validation_auc", len(scores), max(scores.values()))
                context.progress("evaluation", len(scores), config.evaluations or len(scores))
            study.tell(trial, scores[dims])
        best = max(scores, key=scores.__getitem__)
        return Allocation.field_wise(context.fields, best)

    def _is_over(self, evaluated: int, in_vain: int, seconds: float) -> bool:
        """Whether the search ends; not before one allocation has been evaluated."""
        config: TPEConfig = self.config
        return evaluated > 0 and (
            (config.evaluations is not None and evaluated >= config.evaluations)
            or (config.seconds is not None and seconds >= config.seconds)
            or in_vain >= config.proposals
        )

    def _evaluate(self, context: Context, allocation: Allocation, seed: int) -> float:
        """Return the validation AUC of an allocation after a fraction of the protocol's epochs."""
        protocol = context.train_config
        epochs = max(1, round(self.config.fraction * protocol.epochs))
        own = dataclasses.replace(context, generator=torch.Generator().manual_seed(seed))
        model = own.build_model(own.build_embedding(allocation))
        short = dataclasses.replace(protocol, epochs=epochs)
        return fit(model, own.train, own.validation, short, own.generator).validation.auc


def largest_uniform(context: Context, budget: int) -> int:
    """Return the largest candidate that all fields may have within a budget.

    Raises:
        ConfigError: there is none.
    """
    rows = sum(field.cardinality for field in context.fields)
    fitting = [size for size in context.candidates if size * rows <= budget]
    if not fitting:
        raise ConfigError(
            f"tpe cannot meet a budget of {budget} embedding parameters: its smallest allocation"
            f" has {context.candidates[0] * rows}; raise --budget"
        )
    return fitting[-1]
