"""Headroom: how much can be gained over one size for all fields, at each budget of a place.

The budgets are the parameters of the uniform sizes. At each the surrogate names the allocations
that it expects most of, and the uniform size of at most as many parameters that is best on
validation is what they are held against. Both are retrained with fresh seeds. Of the retrained
allocations of at most so many parameters the one that is best on validation stands for the
*reference front*: what so many stand-alone trainings can find. What it gains on test, paired by
seed, is the headroom; there is none where its interval reaches down to zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from aesbench.core.files import from_json, to_json, write_atomically
from aesbench.errors import RecordError
from aesbench.tabular.folders import HEADROOM
from aesbench.tabular.front import Sizes
from aesbench.tabular.place import SHIPPED, TabularPlace

SCHEMA = 1
SEEDS = tuple(range(200, 210))
"""Of the retraining: nothing was chosen on them."""
CONTENDERS = 3
"""Allocations of each budget that are retrained."""


@dataclass(frozen=True)
class Contest:
    """What is retrained for one budget.

    Attributes:
        uniform: the size whose parameters are the budget.
        parameters: of the embedding, the most.
        rival: the uniform size of at most as many that is best on validation.
        contenders: the allocations that the surrogate expects most of, the best first.
    """

    uniform: int
    parameters: int
    rival: int
    contenders: tuple[Sizes, ...]


def contests(place: TabularPlace, count: int = CONTENDERS) -> list[Contest]:
    """Return what is retrained at each budget: chosen on validation alone."""
    fields = len(place.fields)
    worth = {size: place.query((size,) * fields).validation_auc for size in place.candidates}
    found = []
    for size in place.candidates:
        budget = place.parameters((size,) * fields)
        rival = max((one for one in worth if one <= size), key=lambda one: worth[one])
        found.append(Contest(size, budget, rival, tuple(place.front(budget, count))))
    return found


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
    reference: Sizes
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

    def write(self, folder: Path) -> Path:
        """Write it into the folder of its place.

        Raises:
            RecordError: the file cannot be written.
        """
        path = folder / HEADROOM
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


def known_headrooms(folders: Iterable[Path] = (SHIPPED,)) -> list[Headroom]:
    """Return the headroom of every place under some folders; of one in several, the first.

    Raises:
        RecordError: a file holds none.
    """
    found: dict[str, Headroom] = {}
    for folder in folders:
        for path in sorted(folder.glob(f"*/*/{HEADROOM}")):
            own = read_headroom(path)
            found.setdefault(own.place, own)
    return list(found.values())


def in_results(results: Path) -> Sequence[Path]:
    """Return where the tabular benchmark lies: of a results folder, then what aesbench ships."""
    return results / "tabular", SHIPPED
