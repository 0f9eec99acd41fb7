"""MovieLens with each user's history: the movies that the user rated before, for DIN.

All ratings count, whatever the stars, as in DIN's experiment on MovieLens, which has lists of rated
movies; fields, labels and splits are those of ``ml100k`` and ``ml1m``. How a history is made, and
that it knows nothing of validation and test, is ``histories.py``'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aesbench.core.settings import require_int
from aesbench.datasets.histories import LENGTH, HistorySpec
from aesbench.datasets.sources.ml1m import ML1M
from aesbench.datasets.sources.ml100k import ML100K
from aesbench.datasets.sources.movielens import MovieLensConfig
from aesbench.datasets.splits import TIMESTAMP, USER

NAME = "history"


@dataclass(frozen=True)
class MovieLensHistoryConfig(MovieLensConfig):
    """Settings of a MovieLens data set with histories.

    Attributes:
        history: the most movies in a history; the latest ones are kept.
    """

    history: int = LENGTH

    def __post_init__(self) -> None:
        super().__post_init__()
        require_int(self.history, "history", 1)

    @property
    def spec(self) -> HistorySpec:
        """The movies that the user has rated in the train split before."""
        return HistorySpec(NAME, of="movie", by=USER, time=TIMESTAMP, length=self.history)


class ML100KHistory(ML100K):
    """MovieLens-100K with the user's last ratings."""

    name = "ml100k-history"
    title = "ML-100K with histories"
    Config = MovieLensHistoryConfig
    config: MovieLensHistoryConfig

    @property
    def histories(self) -> Sequence[HistorySpec]:
        """The one history."""
        return (self.config.spec,)


class ML1MHistory(ML1M):
    """MovieLens-1M with the user's last ratings."""

    name = "ml1m-history"
    title = "ML-1M with histories"
    Config = MovieLensHistoryConfig
    config: MovieLensHistoryConfig

    @property
    def histories(self) -> Sequence[HistorySpec]:
        """The one history."""
        return (self.config.spec,)
