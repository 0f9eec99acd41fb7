"""How far searches agree: for each field, the share of searches that found its most frequent size.

The paper's Figure 4 reads this share off 100 searches and asks for more than 75 %. Two kinds of
agreement are apart: of searches of one prepared state (AdaS&S searches one supernet often), and of
searches end to end, each of a seed of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from aesbench.core.allocation import Allocation
from aesbench.core.record import RunRecord


def modal_shares(allocations: Sequence[Allocation]) -> dict[str, float]:
    """Return ``{field: share of the allocations that give it its most frequent sizes}``."""
    counts: dict[str, Counter[object]] = {}
    for allocation in allocations:
        for name, blocks in zip(allocation.names, allocation.blocks, strict=True):
            counts.setdefault(name, Counter())[blocks] += 1
    return {name: max(count.values()) / count.total() for name, count in counts.items()}


def end_to_end(records: Iterable[RunRecord]) -> list[Allocation]:
    """Return what the first search of each seed found."""
    first: dict[int, RunRecord] = {}
    for record in records:
        if record.ok and record.allocation is not None:
            known = first.get(record.spec.seed)
            if known is None or record.spec.search_index < known.spec.search_index:
                first[record.spec.seed] = record
    return [r.allocation for _, r in sorted(first.items()) if r.allocation is not None]


def of_one_state(records: Iterable[RunRecord]) -> list[Allocation]:
    """Return what the most searches of one prepared state found; none if no state had two."""
    states: dict[str, list[RunRecord]] = {}
    for record in records:
        if record.ok and record.allocation is not None and record.prepare_id is not None:
            states.setdefault(record.prepare_id, []).append(record)
    largest = max(states.values(), key=len, default=[])
    if len({record.spec.search_index for record in largest}) < 2:
        return []
    return [r.allocation for r in largest if r.allocation is not None]
