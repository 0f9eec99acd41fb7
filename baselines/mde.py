"""MDE: mixed-dimension embeddings, sized by popularity with a power rule, without training.

Ginart, Naumov, Mudigere, Yang, Zou: "Mixed Dimension Embeddings with Application to
Memory-Efficient Recommendation Systems" (ISIT 2021, arXiv:1909.11810), and its authors' code in
``facebookresearch/dlrm``, ``tricks/md_embedding_bag.py``. A block of values whose rows occur with
mean probability p within their field gets the dimension

    d = d0 * (p / max p) ** alpha                                   (``alpha_power_rule`` there)

The forms differ only in what a block is:

- ``value`` cuts the values of a field, sorted by train frequency, into blocks of about equal
  probability mass. It is what AdaS&S compares with (its section 4.2: sizes follow "the popularity
  of feature values").
- ``field`` takes a field as one block, hence p = 1 / cardinality and d = d0 * (n_min / n) ** alpha,
  the rule of the public code. Each size is then snapped to the nearest candidate, so that the
  allocation lies in the search space of the other methods.

Readings chosen, and deviations with their reasons:

- The exponent is positive because it acts on popularity; the code writes cardinality ** -alpha.
- The maximum runs over the blocks of all fields, those of small fields included, as in the code.
  Fields of at most ``threshold`` values then keep d0 undivided: they cost little.
- An out-of-vocabulary id stands for values without a frequency of their own. Its count is taken as
  zero and it belongs to the last block: a frequent one must not enlarge the rare values beside it.
- ``quarter`` is ``value`` at the alpha that saves a quarter of UES-32's embedding parameters. The
  AdaS&S paper's rows of MDE save 21.93 to 28.51 % (Table 3, mean of six 24.88), while alpha 0.3
  saves 82 to 89 % on MovieLens: a row at another size than the published one cannot be held beside
  it. A quarter is what UES-24 saves, too. The paper gives neither its alpha nor its blocks; one
  share for all data sets, since the published ones follow nothing that it says of its data. With a
  budget it is ``value``.
- A budget replaces alpha: the smallest alpha in [0, 1], the paper's range, whose *realised* count
  fits. The code's closed form, lambda = budget / sum n ** (1 - alpha), ignores clamping and
  rounding. As for every method a budget counts embedding parameters; projections come on top.
- Rounding makes the count a step function of alpha, so the budget lies between two neighbouring
  steps. ``value`` meets it to the last row that fits: the block that is next to grow gives the
  larger size to as many of its most popular rows as the budget allows. Both sizes are the rule's,
  and blocks stay in order of popularity. ``field`` has no rows to move and stays at the lower step:
  spending the rest on other fields would be another rule.
- The harness lays out vectors and projections. Under ``plain`` a field is as wide as its widest
  block, to which the others are projected without bias; the original projects all to d0. Under
  ``transform`` the linear layers that all methods share take their place.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from aesbench import Allocation, Context, Field, Method
from aesbench.core.search_space import Range
from aesbench.core.settings import later, require
from aesbench.errors import ConfigError
from aesbench.search.bisection import last_fitting
from aesbench.search.blocks import allocation_of, equal_mass_groups


@dataclass(frozen=True)
class MDEConfig:
    """The settings of MDE.

    Attributes:
        form: ``value``, blocks within a field, or ``field``, one size per field.
        alpha: the temperature, from 0 (all sizes d0) to 1; 0.3 is the default of DLRM. A budget
            replaces it, and so does ``saves``.
        base_dim: d0, the size of the most popular block and the largest of all; 32, the protocol's
            final dimension, makes alpha 0 the same as UES-32.
        blocks: the most blocks that form ``value`` cuts a field into; ours.
        threshold: fields with at most so many values are one block of size d0; 200 in DLRM.
        rounding: to an ``integer``, or to a ``power-of-two``; DLRM does the former by default.
        snap: whether form ``field`` takes the candidate nearest by its logarithm, the smaller one
            of two equally near; ours.
        saves: the share of UES-32's embedding parameters that alpha is chosen to save where there
            is no budget; None: alpha is as it is given. Ours.
    """

    form: Literal["value", "field"] = "value"
    alpha: float = 0.3
    base_dim: int = 32
    blocks: int = 4
    threshold: int = 200
    rounding: Literal["integer", "power-of-two"] = "integer"
    snap: bool = True
    saves: float | None = later(None)

    def __post_init__(self) -> None:
        require(0 <= self.alpha <= 1, "mde.alpha", self.alpha, "between 0 and 1")
        require(self.base_dim >= 1, "mde.base_dim", self.base_dim, "an int of at least 1")
        require(self.blocks >= 1, "mde.blocks", self.blocks, "an int of at least 1")
        require(self.threshold >= 0, "mde.threshold", self.threshold, "an int of at least 0")
        require(
            self.saves is None or 0 <= self.saves < 1,
            "mde.saves",
            self.saves,
            "from 0 below 1, or none",
        )
        require(
            self.rounding == "integer" or self.base_dim.bit_count() == 1,
            "mde.base_dim",
            self.base_dim,
            "a power of two, since mde.rounding is 'power-of-two'",
        )


@dataclass(frozen=True)
class PopularityBlock:
    """Some values of one field.

    Attributes:
        rows: how many ids it holds.
        probability: how often each of its ids occurs in a row of the data, on average.
        sized: whether the power rule sizes it; otherwise it keeps d0.
    """

    rows: int
    probability: float
    sized: bool


class MDE(Method):
    """Mixed dimensions by popularity; ``mde:value`` within fields, ``mde:field`` one per field.

    ``mde:quarter`` is ``mde:value`` with a quarter of UES-32's parameters saved.
    """

    name = "mde"
    title = "MDE"
    family = "heuristic"
    trains = False
    titles = {"value": "MDE", "field": "MDE (field-wise)", "quarter": "MDE (25 % saved)"}
    Config = MDEConfig
    supports_histories = True
    honours_budget = True
    drops_fields = True  # It never does, and snaps to the others.
    presets = {
        "value": {"form": "value"},
        "field": {"form": "field"},
        "quarter": {"form": "value", "saves": 0.25},
    }
    default_presets = ("value", "field")
    own_share = {"quarter": 0.75}
    space = {"alpha": Range(0.0, 1.0), "base_dim": (8, 16, 32, 64)}

    def search(self, context: Context, prepared: None) -> Allocation:
        """Return the sizes of the power rule, calibrated to the budget if there is one.

        Raises:
            ConfigError: the budget is below the smallest allocation of the rule.
        """
        blocks = popularity_blocks(context.fields, self.config)
        budget = context.budget
        if self.config.saves is not None:
            budget = context.budget_or(1 - self.config.saves)
        if budget is None:
            dims = self.dims(blocks, self.config.alpha, context.candidates)
            return allocation_of(context.fields, [block.rows for block in blocks], dims)
        return self._calibrated(context, blocks, budget)

    def dims(
        self, blocks: Sequence[PopularityBlock], alpha: float, candidates: Sequence[int]
    ) -> list[int]:
        """Return the size of each block, clamped to at least 1 and rounded."""
        config: MDEConfig = self.config
        highest = max(block.probability for block in blocks)
        dims = []
        for block in blocks:
            exact = float(config.base_dim)
            if block.sized:
                exact *= (block.probability / highest) ** alpha
            dim = max(1, round(exact))
            if config.rounding == "power-of-two":
                dim = 2 ** round(math.log2(dim))
            if config.form == "field" and config.snap:
                dim = nearest_candidate(dim, candidates)
            dims.append(dim)
        return dims

    def _calibrated(
        self, context: Context, blocks: Sequence[PopularityBlock], budget: int
    ) -> Allocation:
        """Return the largest allocation of the rule within a budget; see the module's text."""

        def at(alpha: float) -> list[int]:
            return self.dims(blocks, alpha, context.candidates)

        fitting, over = at(1.0), at(0.0)
        if parameters(blocks, over) <= budget:
            return allocation_of(context.fields, [block.rows for block in blocks], over)
        if parameters(blocks, fitting) > budget:
            kept = sum(not block.sized for block in blocks)
            raise ConfigError(
                f"mde cannot meet a budget of {budget} embedding parameters: its smallest"
                f" allocation, at alpha 1, has {parameters(blocks, fitting)}; raise"
                + (" --budget" if context.budget is not None else " it: lower mde.saves")
                + (f", or lower mde.threshold, which spares fields: {kept}" if kept else "")
            )
        fits, exceeds = last_fitting(
            lambda alpha: parameters(blocks, at(alpha)) <= budget, inside=1.0, outside=0.0
        )
        fitting, over = at(fits), at(exceeds)
        if self.config.form == "value":
            blocks, fitting = split_where_it_fits(blocks, fitting, over, budget)
        return allocation_of(context.fields, [block.rows for block in blocks], fitting)


def popularity_blocks(fields: Sequence[Field], config: MDEConfig) -> list[PopularityBlock]:
    """Cut the fields into blocks, in the order of their ids.

    Raises:
        ConfigError: a field has no train count for each of its ids.
    """
    blocks = []
    for field in fields:
        if len(field.counts) != field.cardinality:
            raise ConfigError(
                f"field '{field.name}' has {len(field.counts)} train counts for"
                f" {field.cardinality} values; mde needs one for each"
            )
        sized = field.cardinality > config.threshold
        known = field.counts[:-1]  # The last id is out of vocabulary.
        total = int(known.sum())
        if config.form == "field" or not sized or total == 0:
            blocks.append(PopularityBlock(field.cardinality, 1 / field.cardinality, sized))
            continue
        start = 0
        for rows in equal_mass_groups(field.counts, config.blocks):
            mass = int(known[start : start + rows].sum())
            blocks.append(PopularityBlock(rows, mass / (total * rows), sized))
            start += rows
    return blocks


def nearest_candidate(dim: int, candidates: Sequence[int]) -> int:
    """Return the candidate whose ratio to ``dim`` is nearest to 1; the smaller one at a tie."""
    return min(filter(None, candidates), key=lambda c: (abs(math.log2(c) - math.log2(dim)), c))


def split_where_it_fits(
    blocks: Sequence[PopularityBlock], dims: Sequence[int], larger: Sequence[int], budget: int
) -> tuple[list[PopularityBlock], list[int]]:
    """Give the larger size to the first rows of the blocks that have one, while the budget lasts.

    Args:
        blocks: in the order of their ids, the most popular ids of a field first.
        dims: their sizes, within the budget.
        larger: their sizes at the next step of the rule, at least ``dims``.
        budget: the most parameters.
    """
    left = budget - parameters(blocks, dims)
    parts, sizes = [], []
    for block, dim, more in zip(blocks, dims, larger, strict=True):
        rows = min(block.rows, left // (more - dim)) if more > dim else 0
        left -= rows * (more - dim)
        for count, size in ((rows, more), (block.rows - rows, dim)):
            if count:
                parts.append(replace(block, rows=count))
                sizes.append(size)
    return parts, sizes


def parameters(blocks: Sequence[PopularityBlock], dims: Sequence[int]) -> int:
    """Return the embedding parameters of the blocks."""
    return sum(block.rows * dim for block, dim in zip(blocks, dims, strict=True))
