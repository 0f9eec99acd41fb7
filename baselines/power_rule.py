"""Rules of thumb: a field's size is a power of its cardinality, ``d = c * n ** p``.

What a practitioner does instead of searching, so what a search has to beat:

- ``fourth-root``: d = n ** 0.25, "a general rule of thumb about the number of embedding dimensions"
  in Google's "Introducing TensorFlow Feature Columns" (developers' blog, November 2017; read where
  others quote it).
- ``fastai``: d = min(600, round(1.6 * n ** 0.56)), ``emb_sz_rule`` in fastai's
  ``tabular/model.py``, read there (2ab4bcc4).

Both take n with the entry for unknown values, as a cardinality is counted here, and are rounded to
an integer of at least 1 (fastai's ``round``, halves to the even one; the blog's text does not say).

Deviations:

- With a budget all sizes are multiplied by one factor before they are rounded, the largest factor
  whose allocation fits: it may be above 1, since rows of a table compare at equal memory. Fields
  keep their proportions as far as whole numbers of at least 1 can. The cap is of the rule, and is
  scaled with it. Rounding leaves less of the budget unused than the next larger factor would need.
- Sizes need not be candidates: the rules know of none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aesbench import Allocation, Context, Field, Method
from aesbench.core.search_space import Range
from aesbench.core.settings import require, require_int
from aesbench.errors import ConfigError
from aesbench.search.bisection import doubled_until, last_fitting


@dataclass(frozen=True)
class PowerRuleConfig:
    """The settings of a rule; the defaults are the fourth root's.

    Attributes:
        factor: c.
        exponent: p.
        cap: no size is larger before it is scaled to a budget; 600 is fastai's. The fourth root of
            no field's cardinality comes near it.
    """

    factor: float = 1.0
    exponent: float = 0.25
    cap: int = 600

    def __post_init__(self) -> None:
        require(self.factor > 0, "rule.factor", self.factor, "above 0")
        require(0 <= self.exponent <= 1, "rule.exponent", self.exponent, "between 0 and 1")
        require_int(self.cap, "rule.cap", 1)


class PowerRule(Method):
    """Sizes by cardinality alone: ``rule:fourth-root`` and ``rule:fastai``."""

    name = "rule"
    title = "Rule of thumb"
    family = "heuristic"
    trains = False
    titles = {"fourth-root": "Fourth-root rule", "fastai": "fastai's rule"}
    Config = PowerRuleConfig
    supports_histories = True
    honours_budget = True
    drops_fields = True  # Candidates are nothing to it.
    presets = {
        "fourth-root": {"factor": 1.0, "exponent": 0.25},
        "fastai": {"factor": 1.6, "exponent": 0.56},
    }
    default_presets = tuple(presets)
    space = {"factor": Range(0.25, 8.0, log=True), "exponent": Range(0.0, 0.75)}

    def search(self, context: Context, prepared: None) -> Allocation:
        """Return the sizes of the rule, scaled to the budget if there is one.

        Raises:
            ConfigError: the budget is below size 1 for every field.
        """
        if context.budget is None:
            return self.scaled(context.fields, 1.0)
        return self._largest(context.fields, context.budget)

    def scaled(self, fields: Sequence[Field], scale: float) -> Allocation:
        """Return the rule's sizes times ``scale``, rounded to at least 1."""
        config: PowerRuleConfig = self.config
        dims = []
        for field in fields:
            exact = min(config.factor * field.cardinality**config.exponent, config.cap)
            dims.append(max(1, round(scale * exact)))
        return Allocation.field_wise(fields, dims)

    def _largest(self, fields: Sequence[Field], budget: int) -> Allocation:
        """Return the allocation of the largest scale that fits the budget."""
        least = self.scaled(fields, 0.0)
        if least.parameters > budget:
            raise ConfigError(
                f"rule cannot meet a budget of {budget} embedding parameters: size 1 for every"
                f" field takes {least.parameters}; raise --budget"
            )

        def fits(scale: float) -> bool:
            return self.scaled(fields, scale).parameters <= budget

        too_large = doubled_until(lambda scale: not fits(scale), 1.0)
        return self.scaled(fields, last_fitting(fits, 0.0, too_large)[0])
