"""Tags that users gave to items, and tags that they did not: what such data sets share.

The files hold positives only: a user gave an item a tag. For every positive two tags are drawn at
random with the same user and item, as in the experiments on MovieLens tags since neural
factorization machines (He and Chua, SIGIR 2017). They are drawn evenly among the distinct tags of
the file, however often a tag is used; never one that the user gave the item anywhere in the file,
and none twice for a user and item, so that no two rows are equal. They are drawn before the rows
are split: the split's seed changes the split alone.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from aesbench.core.settings import require_int
from aesbench.datasets.encode import LABEL, FieldSpec, check_min_count, encode
from aesbench.datasets.source import Source
from aesbench.datasets.splits import SplitRule
from aesbench.datasets.writer import DatasetWriter
from aesbench.errors import DataError

FILE = "tags"
"""The role of the one file."""

USER, ITEM, TAG = "user", "item", "tag"

_NEGATIVES = 2


@dataclass(frozen=True)
class TagsConfig:
    """Settings of a data set of tags.

    Attributes:
        negatives_seed: of the draw of the tags that were not given.
        split_seed: of the split, random rows, 8:1:1; None: the seed of each run draws its own.
        min_count: rarer values of the train split share the out-of-vocabulary id.
    """

    negatives_seed: int = 0
    split_seed: int | None = None
    min_count: int = 1

    def __post_init__(self) -> None:
        require_int(self.negatives_seed, "negatives_seed", 0)
        _ = self.rule  # Which checks the seed.
        check_min_count(self.min_count)

    @property
    def rule(self) -> SplitRule:
        """The rule that deals the rows."""
        return SplitRule("random", self.split_seed)


class TagSource(Source):
    """Positives of a file and drawn negatives, three fields."""

    Config = TagsConfig
    config: TagsConfig
    item: ClassVar[str]
    """What an item is called: the name of the second field."""

    @abstractmethod
    def read(self, path: Path) -> pl.DataFrame:
        """Return the positives in the order of the file: user, item and tag as text.

        Raises:
            DataError: the file is damaged; the message names file and line.
        """

    def build(self, files: Mapping[str, Path], writer: DatasetWriter) -> None:
        """Draw the negatives and encode the rows, each positive followed by its negatives."""
        config = self.config
        rows = with_negatives(self.read(files[FILE]), config.negatives_seed, files[FILE])
        encode(
            rows.lazy().rename({ITEM: self.item}),
            [FieldSpec(name) for name in (USER, self.item, TAG)],
            config.rule,
            writer,
            min_count=config.min_count,
        )


def with_negatives(given: pl.DataFrame, seed: int, path: Path) -> pl.DataFrame:
    """Return each positive, label 1, followed by its negatives, label 0.

    Args:
        given: user, item and tag; a positive that is listed again counts once.
        seed: of the draw.
        path: where they come from, for the error text.

    Raises:
        DataError: a user gave an item so many of the tags that too few are left.
    """
    given = given.unique(maintain_order=True)
    tags = given[TAG].unique().sort()
    tag = given[TAG].cast(pl.Enum(tags)).to_physical().cast(pl.Int64).to_numpy()
    pair = given.select(pl.struct(USER, ITEM).rank("dense").cast(pl.Int64) - 1).to_series()
    most = pair.value_counts(sort=True).row(0)
    if (1 + _NEGATIVES) * most[1] > len(tags):
        user, item = given.filter(pair == most[0]).select(USER, ITEM).row(0)
        raise DataError(
            f"{path}: user {user!r} gave item {item!r} {most[1]} of {len(tags)} tags, which leaves"
            f" too few to draw {_NEGATIVES} others for each; is the file whole?"
        )
    drawn = _draw(pair.to_numpy(), tag, len(tags), seed)
    shares = [given.with_columns(pl.lit(1, pl.UInt8).alias(LABEL))]
    for number in range(_NEGATIVES):
        shares.append(given.with_columns(tags[drawn[:, number]], pl.lit(0, pl.UInt8).alias(LABEL)))
    order = np.arange((1 + _NEGATIVES) * given.height).reshape(1 + _NEGATIVES, -1).T.ravel()
    return pl.concat(shares)[order]


def _draw(
    pair: NDArray[np.int64], tag: NDArray[np.int64], tags: int, seed: int
) -> NDArray[np.int64]:
    """Return ``(positives, 2)`` tags, for a pair of user and item each once and none of its own."""
    # The split draws from the same seed's own stream, and the two must not go together.
    generator = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(1,)))
    own = np.unique(pair * tags + tag)
    base = np.repeat(pair * tags, _NEGATIVES)
    cells = base + generator.integers(tags, size=len(base))
    while True:
        again = np.ones(len(cells), bool)
        again[np.unique(cells, return_index=True)[1]] = False
        again |= np.isin(cells, own)
        if not again.any():
            return (cells - base).reshape(-1, _NEGATIVES)
        cells[again] = base[again] + generator.integers(tags, size=int(again.sum()))
