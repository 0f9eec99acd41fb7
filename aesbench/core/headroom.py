"""Headroom: how much can be gained over one size for all fields, at each budget of a place.

Measured by ``aesbench reproduce headroom`` (``aesbench.tabular.headroom`` says how).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from aesbench.core.files import from_json, to_json, write_atomically
from aesbench.core.spec import RunSpec
from aesbench.errors import RecordError

FILE = "headroom.json"
"""Of the folder of a place."""

SCHEMA = 1

DRAW = "split"
"""The condition that differs where seeds draw the split: a table has one draw, comparisons many."""


@dataclass(frozen=True)
class BudgetHeadroom:
    """What there is to gain within a budget.

    Attributes:
        uniform: the size whose parameters are the budget.
        parameters: of the embedding, the most.
        rival: the best uniform size of at most as many.
        rival_auc: its mean test AUC over the seeds.
        reference: the sizes of the allocation that stands for the front.
        reference_parameters: of its embedding.
        differences: {seed: its test AUC less that of the rival}.
        mean, low, high: of these, with the 95 % interval; None where too few seeds tell.
    """

    uniform: int
    parameters: int
    rival: int
    rival_auc: float
    reference: tuple[int, ...]
    reference_parameters: int
    differences: Mapping[int, float]
    mean: float
    low: float | None
    high: float | None

    @property
    def exists(self) -> bool:
        """Whether there is anything to gain, beyond chance."""
        return self.low is not None and self.low > 0


@dataclass(frozen=True)
class Headroom:
    """What there is to gain at a place.

    Attributes:
        place: its name.
        dataset, backbone: registered names.
        data_hash: of the data.
        conditions: under which it was trained; runs of others do not compare.
        trainings: of the table that named the allocations.
        budgets: ascending.
    """

    place: str
    dataset: str
    backbone: str
    data_hash: str
    conditions: Mapping[str, Any]
    trainings: int
    budgets: tuple[BudgetHeadroom, ...]

    def at(self, parameters: float) -> BudgetHeadroom | None:
        """Return the headroom of so many parameters: of the largest budget that they cover.

        None below the smallest budget, where none is defined.
        """
        covered = [one for one in self.budgets if one.parameters <= parameters]
        return covered[-1] if covered else None

    def is_of(self, spec: RunSpec) -> bool:
        """Whether a run compares with it: made on the same data, as its trainings were."""
        own = {key: value for key, value in self.conditions.items() if key != DRAW}
        theirs = {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in spec.conditions.items()
            if key != DRAW
        }
        there = (self.dataset, self.backbone, self.data_hash)
        return (spec.dataset, spec.backbone, spec.data_hash) == there and own == theirs

    def write(self, folder: Path) -> Path:
        """Write it into the folder of its place.

        Raises:
            RecordError: the file cannot be written.
        """
        path = folder / FILE
        write_atomically(path, to_json({"schema": SCHEMA, **asdict(self)}) + "\n")
        return path


def read_headroom(path: Path) -> Headroom:
    """Return the headroom that a file holds.

    Raises:
        RecordError: it holds none of this schema.
    """
    try:
        data = from_json(path.read_text(encoding="utf-8"))
        if (schema := data.pop("schema")) != SCHEMA:
            raise ValueError(f"schema {schema!r}, this aesbench reads {SCHEMA}")
        budgets = tuple(_budget(one) for one in data.pop("budgets"))
        return Headroom(budgets=budgets, **data)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RecordError(
            f"{path}: {error}; make it again with aesbench reproduce headroom"
        ) from error


def _budget(data: Mapping[str, Any]) -> BudgetHeadroom:
    differences = {int(seed): value for seed, value in data["differences"].items()}
    return BudgetHeadroom(
        **{**data, "differences": differences, "reference": tuple(data["reference"])}
    )
