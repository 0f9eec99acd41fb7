"""A grid in parts, for machines that share no memory: Slurm arrays, CI matrices."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from aesbench.core.spec import RunSpec
from aesbench.errors import ConfigError
from aesbench.harness.grid import by_prepared_state


@dataclass(frozen=True)
class Shard:
    """One of so many parts of a grid.

    Attributes:
        number: from 1.
        of: how many there are.
    """

    number: int
    of: int

    @classmethod
    def from_text(cls, text: str) -> Shard:
        """Read ``3/8``, the third of eight.

        Raises:
            ConfigError: it is something else, or there is no such part.
        """
        found = re.fullmatch(r"([0-9]+)/([0-9]+)", text)
        shard = cls(int(found[1]), int(found[2])) if found else None
        if shard is None or not 1 <= shard.number <= shard.of:
            raise ConfigError(f"--shard {text}: expected NUMBER/OF from 1/OF to OF/OF, as in 3/8")
        return shard

    def of_grid(self, specs: Sequence[RunSpec]) -> list[RunSpec]:
        """Return the runs of this part, in the grid's order.

        Runs that share a prepared state stay together, so that none is prepared twice. Each label
        on each backbone is dealt out evenly, since runs of one label take about as long; whatever
        is uneven goes to the part with the fewest runs. It depends on the grid alone, not on what
        has been run, so that parts made on different machines and days make up the grid.
        """
        runs = [0] * self.of
        runs_of: Counter[tuple[int, str, str]] = Counter()
        own: set[str] = set()
        for group in sorted(by_prepared_state(specs), key=_place):
            kind = _place(group)[:2]
            part = min(range(self.of), key=lambda n: (runs_of[n, *kind], runs[n], n))
            runs[part] += len(group)
            runs_of[part, *kind] += len(group)
            if part == self.number - 1:
                own.update(spec.run_id for spec in group)
        return [spec for spec in specs if spec.run_id in own]


def _place(group: Sequence[RunSpec]) -> tuple[str, str, int, str]:
    """Return where a group comes in the dealing, whatever the order of its runs."""
    return min((spec.backbone, spec.label, spec.seed, spec.run_id) for spec in group)
