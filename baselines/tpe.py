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

from dataclasses import dataclass
from operator import mul

from aesbench import Context
from aesbench.core.settings import require_int
from aesbench.plugins.scored_search import (
    Proposals,
    ScoredConfig,
    ScoredSearch,
    largest_uniform,
)


@dataclass(frozen=True)
class TPEConfig(ScoredConfig):
    """The settings of TPE; ``startup`` is Optuna's default, the others are ours.

    Attributes:
        startup: random proposals before the estimator takes over.
    """

    startup: int = 10

    owner = "tpe"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_int(self.startup, "tpe.startup", 1)


class TPE(ScoredSearch):
    """Allocations proposed by Optuna, each trained briefly from scratch."""

    name = "tpe"
    title = "TPE"
    Config = TPEConfig
    space = {"fraction": (0.05, 0.1, 0.25), "startup": (5, 10, 20)}

    def strategy(self, context: Context, seed: int) -> Proposals:
        """Yield what the estimator proposes.

        Raises:
            ConfigError: the budget is below the smallest allocation.
        """
        import optuna  # Takes half a second, which listing methods should not.

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        config: TPEConfig = self.config
        sampler = optuna.samplers.TPESampler(n_startup_trials=config.startup, seed=seed)
        study = optuna.create_study(direction="maximize", sampler=sampler)
        names = [f"{number} {field.name}" for number, field in enumerate(context.fields)]
        rows = [field.cardinality for field in context.fields]
        if context.budget is not None and (largest := largest_uniform(context)):
            study.enqueue_trial(dict.fromkeys(names, largest))
        while True:
            trial = study.ask()
            dims = tuple(trial.suggest_categorical(name, context.candidates) for name in names)
            if context.budget is not None:
                # Without any field it is no choice either.
                parameters = sum(map(mul, dims, rows)) or 2 * context.budget
                trial.set_constraint("parameters", parameters / context.budget - 1)
            score = yield dims
            # What is over the budget is ranked by its violation, whatever the value.
            study.tell(trial, 0.0 if score is None else score)
