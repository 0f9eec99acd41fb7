"""The settings of a data set whose rows can be split in more than one way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from aesbench.core.settings import require
from aesbench.datasets.encode import check_min_count
from aesbench.datasets.splits import SplitRule


@dataclass(frozen=True)
class SplitConfig:
    """How rows are split, 8:1:1, and which values get ids; a data set says which splits it has.

    Attributes:
        split: one of ``RULES``, which map what the data set calls a split to its rule.
        split_seed: of the splits that are drawn; None: the seed of each run draws its own.
        min_count: rarer values of the train split share the out-of-vocabulary id.
    """

    RULES: ClassVar[Mapping[str, str]] = {"random": "random"}

    split: str = "random"
    split_seed: int | None = None
    min_count: int = 1

    def __post_init__(self) -> None:
        *others, last = self.RULES
        expected = f"{', '.join(others)} or {last}" if others else last
        require(self.split in self.RULES, "split", self.split, expected)
        _ = self.rule  # Which checks the seed.
        check_min_count(self.min_count)

    @property
    def rule(self) -> SplitRule:
        """The rule that deals the rows."""
        return SplitRule(self.RULES[self.split], self.split_seed)
