"""Headroom: how much can be gained over one size for all fields, at each budget of a place.

The budgets are the parameters of the uniform sizes. At each the surrogate names the allocations
that it expects most of, and the uniform size of at most as many parameters that is best on
validation is what they are held against. Both are retrained with fresh seeds. Of the retrained
allocations of at most so many parameters the one that is best on validation stands for the
*reference front*: what so many stand-alone trainings can find. What it gains on test, paired by
seed, is the headroom; there is none where its interval reaches down to zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from aesbench.core.headroom import FILE, Headroom, read_headroom
from aesbench.tabular.folders import FOLDER
from aesbench.tabular.front import Sizes
from aesbench.tabular.place import SHIPPED, TabularPlace

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


def known_headrooms(folders: Iterable[Path] = (SHIPPED,)) -> list[Headroom]:
    """Return the headroom of every place under some folders; of one in several, the first.

    Raises:
        RecordError: a file holds none.
    """
    found: dict[str, Headroom] = {}
    for folder in folders:
        for path in sorted(folder.glob(f"*/*/{FILE}")):
            own = read_headroom(path)
            found.setdefault(own.place, own)
    return list(found.values())


def in_results(results: Path) -> Sequence[Path]:
    """Return where the tabular benchmark lies: of a results folder, then what aesbench ships."""
    return results / FOLDER, SHIPPED
