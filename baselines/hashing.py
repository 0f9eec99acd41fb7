"""The hashing trick: one size for all, fewer vectors, which values share by a hash.

What a practitioner does whose tables are too large, at the memory that a search would save: the
other way to spend fewer parameters. Weinberger, Dasgupta, Langford, Smola, Attenberg: "Feature
Hashing for Large Scale Multitask Learning" (ICML 2009); for embeddings it is what
``categorical_column_with_hash_bucket`` and every click-log pipeline does. Each field of n values
has share * n vectors, at least one, the same share for all fields; a value's vector is that of its
bucket, so that values which collide cannot be told apart by it. First-order weights stay a value's
own, as they do for every method.

Choices:

- Fields of at most ``threshold`` values keep a vector for each: nobody hashes the weekday.
- A budget replaces the share: the largest at which all vectors fit.
- One hash function and no signs: two hashes whose vectors are combined (Svenstrup et al., "Hash
  Embeddings", 2017; Shi et al., "Compositional Embeddings", 2020) collide less and are other
  methods.
- Out-of-vocabulary values share one id before they are hashed; ids unseen in training that hashing
  also serves are no part of this benchmark.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aesbench import Allocation, Block, Context, Field, Method
from aesbench.core.search_space import Range
from aesbench.core.settings import require, require_int
from aesbench.errors import ConfigError
from aesbench.search.bisection import last_fitting


@dataclass(frozen=True)
class HashingConfig:
    """The settings of the hashing trick; ours.

    Attributes:
        dim: the size of every field; 32 is the paper's reference, so that a share of vectors is a
            share of UES-32's parameters.
        share: of a field's values, the vectors that it has where there is no budget.
        threshold: fields with at most so many values are not hashed; MDE's.
    """

    dim: int = 32
    share: float = 0.5
    threshold: int = 200

    def __post_init__(self) -> None:
        require_int(self.dim, "hashing-trick.dim", 1)
        require(0 < self.share <= 1, "hashing-trick.share", self.share, "above 0 and at most 1")
        require_int(self.threshold, "hashing-trick.threshold", 0)


class Hashing(Method):
    """A uniform size with fewer vectors than values."""

    name = "hashing-trick"
    title = "Hashing trick"
    family = "heuristic"
    trains = False
    Config = HashingConfig
    supports_histories = True
    honours_budget = True
    drops_fields = True  # Candidates are nothing to it.
    space = {"dim": (8, 16, 32, 64), "share": Range(0.1, 1.0)}

    def search(self, context: Context, prepared: None) -> Allocation:
        """Return the size for every field and the vectors of each.

        Raises:
            ConfigError: the budget is below one vector for each field that is hashed.
        """
        config: HashingConfig = self.config
        if context.budget is None:
            return self.hashed(context.fields, config.share)
        least = self.hashed(context.fields, 0.0)
        if least.parameters > context.budget:
            raise ConfigError(
                f"hashing-trick cannot meet a budget of {context.budget} embedding parameters:"
                f" one vector for each field of more than {config.threshold} values, and all of"
                " the others,"
                f" take {least.parameters}; raise --budget, or lower"
                " hashing-trick.dim or hashing-trick.threshold"
            )
        if (whole := self.hashed(context.fields, 1.0)).parameters <= context.budget:
            return whole
        budget = context.budget
        share, _ = last_fitting(
            lambda share: self.hashed(context.fields, share).parameters <= budget, 0.0, 1.0
        )
        return self.hashed(context.fields, share)

    def hashed(self, fields: Sequence[Field], share: float) -> Allocation:
        """Return the allocation in which fields have a share of their vectors."""
        config: HashingConfig = self.config
        blocks = []
        for field in fields:
            n = field.cardinality
            vectors = n if n <= config.threshold else max(1, int(share * n))
            blocks.append((Block(n, config.dim, None if vectors == n else vectors),))
        return Allocation(tuple(field.name for field in fields), tuple(blocks))
