"""The method: supernets trained once, searched many times."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import asdict
from typing import Any

from aesbench import Allocation, Backbone, Context, Method, Metrics
from aesbench.core.search_space import Range
from aesbench.errors import ConfigError
from aesbench.search.inheritance import inherit_chosen_tables
from aesbench_methods.adass import controls, rl
from aesbench_methods.adass.config import EFFECT_FIRST, LITERAL, RESOURCE_FIRST, AdaSSConfig
from aesbench_methods.adass.objective import Memo, Objective
from aesbench_methods.adass.space import Space
from aesbench_methods.adass.supernet import train_supernet

SEARCHES = {
    "rl": rl.search,
    "greedy": controls.greedy,
    "random": controls.random,
    "evolution": controls.evolution,
}

FIRST_OF_SEARCH = "search"
"""The settings before this one are the supernet's."""


class AdaSS(Method):
    """AdaS&S; ``adass:r`` saves memory first, ``adass:e`` looks for the best model first."""

    name = "adass"
    title = "AdaS&S"
    family = "one-shot"
    Config = AdaSSConfig
    honours_budget = True
    supports_histories = True
    presets: Mapping[str, Mapping[str, Any]] = {
        "r": RESOURCE_FIRST,
        "e": EFFECT_FIRST,
        "greedy": {**RESOURCE_FIRST, "search": "greedy"},
        "random": {**RESOURCE_FIRST, "search": "random"},
        "evolution": {**RESOURCE_FIRST, "search": "evolution"},
        "literal-r": {**LITERAL, **RESOURCE_FIRST},
        "literal-e": {**LITERAL, **EFFECT_FIRST},
        "quick": {"epochs": 1, "steps": 20, "evaluations": 100},
    }
    titles = {
        "r": "AdaS&S-R",
        "e": "AdaS&S-E",
        "greedy": "AdaS&S supernet, greedy",
        "random": "AdaS&S supernet, random",
        "evolution": "AdaS&S supernet, evolution",
        "literal-r": "AdaS&S-R (literal)",
        "literal-e": "AdaS&S-E (literal)",
    }
    default_presets = ("r", "e")
    space = {
        "keep_rate": Range(0.6, 1.0),
        "lambda_fs": Range(0.0, 1.0),
        "groups": (1, 2, 4, 8),
        "learning_rate": Range(3e-4, 3e-3, log=True),
        "price_by_parameters": Range(0.0, 1.0),
        "reward": ("auc", "logloss"),
    }

    def prepare_key(self) -> Hashable:
        """Return the settings of the supernet: searches of every kind share one."""
        names = list(asdict(self.config))
        shared = names[: names.index(FIRST_OF_SEARCH)]
        # Validation rows are folded into the scorer when the supernet is trained.
        return tuple((name, getattr(self.config, name)) for name in (*shared, "reward_rows"))

    def prepare(self, context: Context) -> Memo:
        """Train the supernets (stage 1)."""
        count = self.config.supernets
        return Memo([train_supernet(context, self.config, number) for number in range(count)])

    def search(self, context: Context, prepared: Memo) -> Allocation:
        """Search the supernet (stage 2).

        Raises:
            ConfigError: the budget is below the smallest allocation.
        """
        space = Space(context.fields, context.candidates, context.budget)
        objective = Objective(prepared, space, self.config, context.generator)
        sizes = SEARCHES[self.config.search](objective, self.config, context)
        for scored, best in objective.progress():
            context.trace("best objective by subnets scored", scored, best)
        context.trace("change of the objective", 0, objective.changes(sizes))
        return space.allocation(sizes)

    def score(self, context: Context, prepared: Memo, allocation: Allocation) -> Metrics:
        """Return the validation metrics of a subnet, over ``reward_rows`` evenly spaced rows.

        Raises:
            ConfigError: a size is no candidate.
        """
        try:
            sizes = tuple(context.candidates.index(dim) for dim in allocation.dims)
        except ValueError as error:
            raise ConfigError(
                f"sizes {list(allocation.dims)}: the supernet holds {list(context.candidates)} only"
            ) from error
        return prepared.metrics(sizes)

    def inherit(
        self, context: Context, prepared: Memo, allocation: Allocation, model: Backbone
    ) -> None:
        """Start the retraining from the first supernet's tables, transforms and first order."""
        inherit_chosen_tables(model, prepared.scorers[0].model, allocation)
