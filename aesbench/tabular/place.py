"""A place of the tabular benchmark: what was trained there, and a surrogate of what was not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from aesbench.core.allocation import sizes_text
from aesbench.core.files import from_json
from aesbench.errors import AllocationError, ConfigError, RecordError, did_you_mean
from aesbench.tabular.card import SCHEMA, SCORES
from aesbench.tabular.folders import CARD, TABLE, place_folder
from aesbench.tabular.front import STARTS, Sizes, SummedFront, climb
from aesbench.tabular.surrogate import SUMMED, Array, Shape, Surrogate

SHIPPED = Path(__file__).with_name("places")
"""The places that come with aesbench."""


@dataclass(frozen=True)
class Trained:
    """What training an allocation came to.

    Attributes:
        validation_auc, validation_logloss: of the epoch that was kept, or of the one asked for.
        test_auc, test_logloss: of the epoch that was kept; None where another one was asked for.
        seeds: over which these are means.
        parameters: of the embedding.
        seconds: wall seconds of a training; in a pack its share.
    """

    validation_auc: float
    validation_logloss: float
    test_auc: float | None
    test_logloss: float | None
    seeds: tuple[int, ...]
    parameters: int
    seconds: float


@dataclass(frozen=True)
class Predicted:
    """What the surrogate expects of an allocation.

    Attributes:
        validation_auc, validation_logloss: of a training.
        auc_error, logloss_error: root mean square errors of such predictions in cross-validation,
            the noise of the trainings included.
    """

    validation_auc: float
    validation_logloss: float
    auc_error: float
    logloss_error: float


@dataclass(frozen=True)
class Cost:
    """What an allocation costs: parameters of the embedding, and wall seconds of a training.

    The seconds of one that was trained are measured, else those of the trained one that is nearest
    in parameters.
    """

    parameters: int
    seconds: float


class TabularPlace:
    """The table of a place.

    Attributes:
        card: what it holds and how it was made.
        table: a row per training, ``aesbench.tabular.build.COLUMNS``.
        fields: names, in the order of sizes.
        cardinalities: of the fields.
        candidates: the sizes that were trained.
    """

    def __init__(self, card: Mapping[str, Any], table: pl.DataFrame) -> None:
        """Read the rows and fit the surrogates that the card names."""
        self.card, self.table = card, table
        self.fields = tuple(field["name"] for field in card["fields"])
        self.cardinalities = tuple(int(field["cardinality"]) for field in card["fields"])
        self.candidates: tuple[int, ...] = tuple(card["candidates"])
        self._rows: dict[Sizes, dict[int, dict[str, Any]]] = {}
        for row in table.iter_rows(named=True):
            self._rows.setdefault(tuple(row["sizes"]), {})[row["seed"]] = row
        self._trained = np.array(list(self._rows), float)  # (allocations, fields)
        self._log_parameters = np.log2(self._trained @ np.array(self.cardinalities, float))
        self._surrogates = {
            score: Surrogate(
                Shape(**card["surrogates"][score]["shape"]), self._trained, self.scores(score)
            )
            for score in SCORES
        }
        self._front: SummedFront | None = None

    def scores(self, column: str) -> Array:
        """Return a column of the table of each trained allocation, the mean over its seeds."""
        return np.array(
            [np.mean([row[column] for row in by_seed.values()]) for by_seed in self._rows.values()]
        )

    @property
    def trained(self) -> list[Sizes]:
        """The sizes that were trained, uniform ones first, in the order of the draws."""
        return list(self._rows)

    def was_trained(self, sizes: Sequence[int]) -> bool:
        """Whether an allocation was trained, by any seed."""
        return tuple(sizes) in self._rows

    def query(
        self,
        sizes: Sequence[int] | Mapping[str, int],
        seed: int | None = None,
        epoch: int | None = None,
    ) -> Trained:
        """Return what training an allocation came to.

        Args:
            sizes: of the fields in their order, or by their names.
            seed: of the training; None for the mean over those there are.
            epoch: counted from 1; None for the one that was kept.

        Raises:
            AllocationError: it was not trained, not with this seed or not for so many epochs; the
                message names the nearest that was.
        """
        own = self._sizes(sizes)
        if own not in self._rows:
            nearest = self._nearest(own)
            apart = sum(one != other for one, other in zip(own, nearest, strict=True))
            raise AllocationError(
                f"sizes {sizes_text(own)} were not trained; the nearest that were:"
                f" {sizes_text(nearest)} (other in {apart} of {len(own)} fields). predict()"
                " estimates what they would score"
            )
        by_seed = self._rows[own]
        if seed is not None and seed not in by_seed:
            raise AllocationError(
                f"sizes {sizes_text(own)} were not trained with seed {seed}, only with"
                f" {', '.join(map(str, by_seed))}"
            )
        rows = list(by_seed.values()) if seed is None else [by_seed[seed]]
        if epoch is not None:
            least = min(len(row["epochs_auc"]) for row in rows)
            if not 1 <= epoch <= least:
                raise AllocationError(
                    f"epoch {epoch} of sizes {sizes_text(own)}: they were trained for {least}"
                    " epochs, counted from 1"
                )
        return _mean(rows, epoch)

    def sample(self, count: int, seed: int | np.random.Generator = 0) -> list[Sizes]:
        """Return so many different trained allocations at random.

        Raises:
            AllocationError: there are fewer.
        """
        if count > len(self._rows):
            raise AllocationError(f"{count} allocations of {len(self._rows)} that were trained")
        source = np.random.default_rng(seed)
        chosen = source.choice(len(self._rows), count, replace=False)
        every = self.trained
        return [every[number] for number in chosen]

    def predict(self, sizes: Sequence[int] | Mapping[str, int]) -> Predicted:
        """Return what the surrogate expects of an allocation, trained or not.

        Raises:
            AllocationError: a size is not among those that were trained.
        """
        places = np.array([self._candidates_only(self._sizes(sizes))], float)
        auc, logloss = (float(self._surrogates[score].predict(places)[0]) for score in SCORES)
        errors = [float(self.card["surrogates"][score]["error"]) for score in SCORES]
        return Predicted(auc, logloss, *errors)

    def cost(self, sizes: Sequence[int] | Mapping[str, int]) -> Cost:
        """Return what an allocation costs."""
        own = self._sizes(sizes)
        parameters = self.parameters(own)
        if own in self._rows:
            return Cost(parameters, self.query(own).seconds)
        apart = np.abs(self._log_parameters - np.log2(parameters))
        return Cost(parameters, self.query(self.trained[int(apart.argmin())]).seconds)

    def parameters(self, sizes: Sequence[int]) -> int:
        """Return the parameters of an embedding."""
        return sum(n * size for n, size in zip(self.cardinalities, sizes, strict=True))

    def front(self, budget: int, count: int = 1) -> list[Sizes]:
        """Return the allocations of at most so many parameters that the surrogate expects most of.

        Of the sizes that were trained; exact where the surrogate is a sum over fields.

        Args:
            budget: parameters of the embedding.
            count: how many, the best first.

        Raises:
            ConfigError: the budget is below the smallest allocation.
        """
        least = self.parameters((self.candidates[0],) * len(self.fields))
        if budget < least:
            raise ConfigError(
                f"budget = {budget} embedding parameters at {self.card['place']}: size"
                f" {self.candidates[0]} for every field takes {least}; no allocation has fewer"
            )
        surrogate = self._surrogates[SCORES[0]]
        if self._front is None:
            sizes = np.array(self.candidates, float)
            values = [surrogate.effect(field, sizes) for field in range(len(self.fields))]
            self._front = SummedFront(self.cardinalities, self.candidates, np.array(values))
        if surrogate.shape.kind in SUMMED:
            return self._front.best(budget, count)
        within = [one for one in self._rows if self.parameters(one) <= budget]
        within.sort(key=lambda one: -self.predict(one).validation_auc)
        starts = [*self._front.best(budget, STARTS), *within[:STARTS]]
        seen = climb(starts, self.cardinalities, self.candidates, budget, surrogate.predict)
        return sorted(seen, key=lambda one: (-seen[one], one))[:count]

    def _sizes(self, sizes: Sequence[int] | Mapping[str, int]) -> Sizes:
        """Return sizes in the order of the fields."""
        if isinstance(sizes, Mapping):
            if set(sizes) != set(self.fields):
                raise AllocationError(
                    f"sizes for {', '.join(map(str, sizes))}; the fields of {self.card['place']}"
                    f" are {', '.join(self.fields)}"
                )
            return tuple(int(sizes[name]) for name in self.fields)
        if len(sizes) != len(self.fields):
            raise AllocationError(
                f"{len(sizes)} sizes; {self.card['place']} has {len(self.fields)} fields:"
                f" {', '.join(self.fields)}"
            )
        return tuple(int(size) for size in sizes)

    def _candidates_only(self, sizes: Sizes) -> Sizes:
        for size in sizes:
            if size not in self.candidates:
                raise AllocationError(
                    f"size {size} is none of {', '.join(map(str, self.candidates))}, which were"
                    f" trained at {self.card['place']}"
                )
        return sizes

    def _nearest(self, sizes: Sizes) -> Sizes:
        apart = np.abs(np.log2(self._trained) - np.log2(np.maximum(sizes, 0.5))).sum(1)
        return self.trained[int(apart.argmin())]


def _mean(rows: Sequence[Mapping[str, Any]], epoch: int | None) -> Trained:
    def mean(of: str) -> float:
        return float(sum(row[of] for row in rows) / len(rows))

    def at(of: str) -> float:
        return float(sum(row[of][epoch - 1] for row in rows) / len(rows))  # type: ignore[operator]

    kept = epoch is None
    return Trained(
        validation_auc=mean("validation_auc") if kept else at("epochs_auc"),
        validation_logloss=mean("validation_logloss") if kept else at("epochs_logloss"),
        test_auc=mean("test_auc") if kept else None,
        test_logloss=mean("test_logloss") if kept else None,
        seeds=tuple(row["seed"] for row in rows),
        parameters=rows[0]["parameters"],
        seconds=mean("seconds"),
    )


def known_places(folder: Path = SHIPPED) -> list[str]:
    """Return the places under a folder, by default those that come with aesbench."""
    cards = sorted(folder.glob(f"*/*/{CARD}"))
    return ["/".join(card.parent.parts[-2:]) for card in cards]


def load(place: str, folder: str | Path | None = None) -> TabularPlace:
    """Return the table of a place: ``planted/widedeep``, ``trips.day/widedeep``.

    Args:
        place: the data set, with its split if that is not the default, and the backbone.
        folder: where places lie, ``results/tabular`` for those of one's own; default: those that
            come with aesbench.

    Raises:
        ConfigError: there is no such place.
        RecordError: its files cannot be read.
    """
    folder = SHIPPED if folder is None else Path(folder)
    data, slash, backbone = place.rpartition("/")
    own = place_folder(folder, data, backbone)
    if not slash or not (own / CARD).is_file():
        there = known_places(folder)
        raise ConfigError(
            f"no place '{place}' under {folder}{did_you_mean(place, there)} There are:"
            f" {', '.join(there) or 'none'}; aesbench reproduce tabular makes one"
        )
    try:
        card = from_json((own / CARD).read_text(encoding="utf-8"))
        if card.get("schema") != SCHEMA:
            raise ValueError(f"schema {card.get('schema')!r}, this aesbench reads {SCHEMA}")
        return TabularPlace(card, pl.read_parquet(own / TABLE))
    except (OSError, ValueError, KeyError, TypeError, pl.exceptions.PolarsError) as error:
        said = str(error).partition("\n")[0]
        raise RecordError(
            f"cannot read the place under {own}: {said}; make it again with aesbench reproduce"
            " tabular"
        ) from error
