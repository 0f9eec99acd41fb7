"""The contract of studies: a question, and the runs that answer it.

A study only says which runs there must be: ``aesbench reproduce`` makes them, a report draws
whatever there are. Studies share runs wherever they need the same ones, and those made by one call
share what methods prepare.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from aesbench.core.settings import require_int

if TYPE_CHECKING:
    from aesbench.core.spec import RunSpec
    from aesbench.datasets.base import Dataset
    from aesbench.plugins.paper import Place

Settings = Mapping[str, Mapping[str, Any]]
"""{owner: {setting: value}}, where the owner is a method, a backbone, a data set or ``train``."""


@dataclass(frozen=True)
class Options:
    """What a user may change of a study.

    Attributes:
        backbones, seeds: in place of the study's own.
        methods: runs of other methods are left out; a bare name means all presets of a study.
        allocations: random ones that supernets score and that are trained alone.
        searches: of each shared supernet.
        supernets: seeds of the supernets that are scored, or that searches share.
        results: the results folder, for studies that go on from what lies there.
        settings: changed settings of methods, backbones, the data set and ``train``.
    """

    backbones: tuple[str, ...] | None = None
    seeds: tuple[int, ...] | None = None
    methods: tuple[str, ...] | None = None
    allocations: int = 200
    searches: int = 100
    supernets: int = 3
    results: Path = Path("results")
    settings: Settings = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_int(self.allocations, "allocations", 2)
        require_int(self.searches, "searches", 1)
        require_int(self.supernets, "supernets", 1)


@dataclass(frozen=True)
class Part:
    """Runs that one call of ``plan`` names; ``seeds`` None means the study's.

    Where a run's seed draws the split, ``drawn`` False gives all of them draw 0: they differ by
    what else the seed decides, and by their sizes. ``backbones`` None means all that are asked for.
    """

    methods: Sequence[str]
    seeds: Iterable[int] | None = None
    settings: Settings = field(default_factory=dict)
    budget: float | None = None
    searches: int = 1
    retrain: bool = True
    scores: int = 0
    drawn: bool = True
    backbones: Sequence[str] | None = None


@dataclass(frozen=True)
class Study:
    """A question, and the runs that answer it.

    Attributes:
        name: what the command line calls it.
        title: what it shows.
        exhibits: what the report draws from its runs, in words.
        backbones: where it is asked, unless the user says otherwise.
        seeds: how many, likewise.
        parts: its runs on a data set.
        needs_truth: whether it makes sense only where the sizes that fields need are known.
        folder: of the results folder, where its runs lie; such a study is run alone, ``all`` leaves
            it out, and no report draws its runs one by one.
        finish: what is made of its runs when they are done: given the folder, the data set and the
            runs, it returns the files that it wrote.
    """

    name: str
    title: str
    exhibits: str
    backbones: tuple[str, ...]
    seeds: int
    parts: Callable[[Dataset, Options], list[Part]]
    needs_truth: bool = False
    folder: str = ""
    finish: Callable[[Path, Dataset, Sequence[RunSpec]], list[Path]] | None = None


def reproduce_commands(study: str, places: Iterable[Place]) -> list[str]:
    """Return the commands that make the runs of a study, one per place.

    Args:
        study: its name.
        places: by registered names (``Evidence.known``); none are made on data of the user's own.
    """
    return [
        f"aesbench reproduce {study} --dataset {quote(dataset)} --backbones {quote(backbone)}"
        for dataset, backbone in dict.fromkeys(places)
        if dataset
    ]
