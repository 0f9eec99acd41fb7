"""Which runs are retrained as one, and how many: ``--pack``."""

from __future__ import annotations

from collections.abc import Sequence

from aesbench.core.settings import require
from aesbench.core.spec import REFERENCE_DIM, RunSpec
from aesbench.datasets.base import Dataset
from aesbench.harness.runner import even_parts, protocol_of
from aesbench.plugins.registry import METHODS

Pack = int | str
"""The most models that are trained as one; or ``auto``, the rule of ``auto_pack``."""

COPIES = 4
"""What a model in a pack holds of each weight: itself, Adam's two moments, and the best so far."""

MOST = {"cpu": 8, "cuda": 64}
"""A pack of the rule has at most so many models: more gained nothing on a CPU."""

MEMORY_BYTES = {"cpu": 2**28, "cuda": 2**33}
"""And at most so many bytes in tables, were all fields of UES-32's size. Beyond a processor's cache
each step waits for memory, whatever else it saves."""


def auto_pack(dataset: Dataset, device: str) -> int:
    """Return how many models ``auto`` trains as one: a power of two, by the data's shape alone.

    It depends on nothing measured, nor on the machine, so that a command means the same everywhere.
    """
    kind = device.partition(":")[0]
    values = sum(field.cardinality for field in dataset.fields)
    size_bytes = values * REFERENCE_DIM * 4 * COPIES
    pack = MOST.get(kind, 1)
    while pack > 1 and pack * size_bytes > MEMORY_BYTES[kind]:
        pack //= 2
    return pack


def checked_pack(pack: Pack, dataset: Dataset, device: str) -> int:
    """Return the number that is meant.

    Raises:
        ConfigError: it is neither ``auto`` nor a number of at least 1.
    """
    if pack == "auto":
        return auto_pack(dataset, device)
    require(str(pack).isdecimal() and int(pack) >= 1, "pack", pack, "at least 1, or auto")
    return int(pack)


def packed_groups(groups: Sequence[Sequence[RunSpec]], pack: int) -> list[list[RunSpec]]:
    """Join groups of runs, each for one worker, whose models may be trained as one.

    Those of one label and one protocol are joined: their sizes are alike, and little is padded. A
    method that trains in its search is left as it is, so that what was found never waits long for
    its retraining; the runs of such a group are retrained as one all the same.

    Args:
        groups: the runs that share a prepared state.
        pack: the most models that are trained as one.
    """
    joined: dict[tuple[str, ...], list[RunSpec]] = {}
    for group in groups:
        spec = group[0]
        waits = METHODS.get(spec.method).trains or spec.inherit or not spec.retrain
        own = (spec.content_id,) if waits or pack == 1 else (spec.label, protocol_of(spec))
        joined.setdefault(own, []).extend(group)
    return [
        list(part)
        for own, together in joined.items()
        for part in (even_parts(together, pack) if len(own) > 1 else [together])
    ]
