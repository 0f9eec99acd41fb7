"""Which runs are retrained as one, and how many: ``--pack``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from aesbench.core.allocation import Allocation
from aesbench.core.settings import build_config, content_hash, require
from aesbench.core.spec import REFERENCE_DIM, RunSpec
from aesbench.datasets.base import Dataset, Field
from aesbench.errors import AesbenchError
from aesbench.plugins.method import Method
from aesbench.plugins.registry import METHODS

T = TypeVar("T")

PackSize = int | str
"""The most models that are trained as one; or ``auto``, the rule of ``auto_pack``."""

COPIES = 4
"""What a model in a pack holds of each weight: itself, Adam's two moments, and the best so far."""

MOST = {"cpu": 8, "cuda": 64}
"""A pack of the rule has at most so many models: more gained nothing on a CPU."""

MEMORY_BYTES = {"cpu": 2**28, "cuda": 2**33}
"""And at most so many bytes in tables, were all fields of UES-32's size. Beyond a processor's cache
each step waits for memory, whatever else it saves."""


MOST_PADDING = 1.5
"""Models of sizes that were found, whose vectors would become wider than so many times their own,
are not trained as one: what a pack saves, its padding would cost. Given sizes come in the order in
which they are padded least, however far that is."""


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


def checked_pack(pack: PackSize, dataset: Dataset, device: str) -> int:
    """Return the number that is meant.

    Raises:
        ConfigError: it is neither ``auto`` nor a number of at least 1.
    """
    if pack == "auto":
        return auto_pack(dataset, device)
    require(str(pack).isdecimal() and int(pack) >= 1, "pack", pack, "at least 1, or auto")
    return int(pack)


def packed_groups(
    groups: Sequence[Sequence[RunSpec]], pack: int, fields: Sequence[Field]
) -> list[list[RunSpec]]:
    """Join groups of runs, each for one worker, whose models may be trained as one.

    Those of one label and one protocol are joined: their sizes are alike, and little is padded. So
    are those with given sizes, whatever these are, in their order (``_sizes``): the tables of the
    largest fields, where padding costs most, are then nearly alike. On data of eleven fields and
    9,200 values packs of eight random allocations take 1.24 times as many model-steps a second as
    single models on a processor that is idle otherwise; cut in the order in which they were drawn,
    1.07 times.

    A method that trains in its search is left as it is, so that what was found never waits long for
    its retraining; the runs of such a group are retrained as one all the same.

    Args:
        groups: the runs that share a prepared state.
        pack: the most models that are trained as one.
        fields: of the data set.
    """
    joined: dict[tuple[str, ...], list[RunSpec]] = {}
    given: dict[str, Allocation] = {}
    for group in groups:
        spec = group[0]
        waits = METHODS.get(spec.method).trains or spec.inherit or not spec.retrain
        own: tuple[str, ...] = (spec.content_id,)
        if not waits and pack > 1:
            sizes = given_sizes(spec, fields)
            own = ("" if sizes else spec.label, protocol_of(spec))
            given |= {one.content_id: sizes for one in group if sizes}
        joined.setdefault(own, []).extend(group)
    for own, together in joined.items():
        if not own[0]:
            together.sort(key=lambda one: _sizes(given[one.content_id]))
    return [
        list(part)
        for own, together in joined.items()
        for part in (even_parts(together, pack) if len(own) > 1 else [together])
    ]


def given_sizes(spec: RunSpec, fields: Sequence[Field]) -> Allocation | None:
    """Return the sizes that a run's settings give; None where they are found, or do not fit."""
    method = METHODS.get(spec.method)
    if method.given is Method.given:
        return None
    config: Any = build_config(method.Config, spec.method_config, spec.method)
    try:
        return method(config).given(fields)
    except AesbenchError:
        return None  # The run itself will say so.


def protocol_of(spec: RunSpec) -> str:
    """Return what models must share to be trained as one, besides their data."""
    shared = (
        spec.backbone,
        dict(spec.backbone_config),
        spec.unification,
        spec.final_dim,
        repr(spec.train),
    )
    return content_hash(shared)


def similar(
    found: Sequence[tuple[T, Allocation]], pack: int, *, are_given: bool = False
) -> list[Sequence[tuple[T, Allocation]]]:
    """Cut what runs found into packs of at most so many, whose sizes are alike enough to be padded.

    Those of one size make as few packs as they can, as equal as can be.

    Args:
        found: what was to be packed, and its sizes.
        pack: the most in one.
        are_given: whether all sizes were given, and chosen by ``packed_groups``.
    """
    sorts = sorted(found, key=lambda one: _sizes(one[1]))  # Equal ones stay in their order.
    groups: list[list[tuple[T, Allocation]]] = []
    for one in sorts:
        if groups and (
            are_given
            or _padding([_sizes(known[1]) for known in [*groups[-1], one]]) <= MOST_PADDING
        ):
            groups[-1].append(one)
        else:
            groups.append([one])
    return [part for group in groups for part in even_parts(group, pack)]


def _sizes(allocation: Allocation) -> tuple[int, ...]:
    """Return each field's largest size, those of the most values first."""
    fields = sorted(allocation.blocks, key=lambda blocks: -sum(block.rows for block in blocks))
    return tuple(max(block.dim for block in blocks) for blocks in fields)


def _padding(sizes: Sequence[tuple[int, ...]]) -> float:
    """Return how many times as wide as their own the models' vectors are when all are padded."""
    widest = sum(map(max, zip(*sizes, strict=True)))
    return float(widest * len(sizes) / sum(map(sum, sizes)))


def even_parts(items: Sequence[T], most: int) -> list[Sequence[T]]:
    """Cut a sequence into as few parts as hold at most so many, as equal as can be."""
    parts = -(-len(items) // most)
    ends = [len(items) * part // parts for part in range(parts + 1)]
    return [items[start:end] for start, end in zip(ends, ends[1:], strict=False)]
