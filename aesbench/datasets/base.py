"""What a data set is: fields, three splits, and the facts a report may print about them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from aesbench.datasets.windows import is_large, windowed_batches

SPLITS = ("train", "validation", "test")
PADDING_ID = -1
"""Fills the unused id columns of a multi-valued field; it has no embedding."""


@dataclass(frozen=True)
class Field:
    """One categorical field, or a history: earlier values of one, which has no table of its own.

    Attributes:
        name: the field's name, unique in its data set.
        cardinality: distinct ids, the out-of-vocabulary id (always the last one) included.
        columns: id columns; 1, or more for a multi-valued field or a history, padded with
            ``PADDING_ID``.
        counts: (cardinality,) how often each id occurs in the train split. Ids before the last are
            in descending order of it; the last one stands for rare and unseen values. Empty for a
            history, whose ids are its field's.
        shares: for a history the name of the field whose ids it holds and whose table it uses, its
            columns from the oldest item on; empty for all others.
    """

    name: str
    cardinality: int
    columns: int = 1
    counts: NDArray[np.int64] = field(
        default_factory=lambda: np.empty(0, np.int64), compare=False, repr=False
    )
    shares: str = ""


@dataclass(frozen=True)
class Split:
    """The rows of one split, memory-mapped.

    Attributes:
        ids: (rows, columns) int32; fields side by side in their order, then the histories.
        labels: (rows,) uint8, 0 or 1.
    """

    ids: NDArray[np.int32] = field(repr=False)
    labels: NDArray[np.uint8] = field(repr=False)
    _copies: dict[torch.device, tuple[torch.Tensor, torch.Tensor]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __len__(self) -> int:
        return len(self.labels)

    def batches(
        self,
        batch_size: int,
        *,
        device: torch.device | str = "cpu",
        shuffle: torch.Generator | None = None,
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield ``ids (batch, columns) int32`` and ``labels (batch,) float32``.

        With ``shuffle`` (a CPU generator) the rows come in a fresh random order, and an incomplete
        last batch is left out unless it is the only one: the next order brings its rows again.
        Without it the rows come in file order, all of them.

        A split whose files are too large for memory is read on a CPU in windows (``windows.py``),
        which shuffles a little less; what was changed in its mapped arrays is then not seen. On a
        GPU the whole split lies from the first call on.
        """
        if torch.device(device).type == "cpu" and is_large(self.ids):
            yield from windowed_batches(self.ids, self.labels, batch_size, shuffle)
            return
        ids, labels = self._on(torch.device(device))
        order = None if shuffle is None else torch.randperm(len(self), generator=shuffle)
        if order is not None:
            order = order.to(ids.device)
        for start in range(0, len(self), batch_size):
            stop = start + batch_size
            if order is None:
                yield ids[start:stop], labels[start:stop].float()
            elif stop <= len(self) or start == 0:
                rows = order[start:stop]
                yield ids.index_select(0, rows), labels.index_select(0, rows).float()

    def _on(self, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
        """Return ids and labels on a device, copied there once."""
        arrays = torch.from_numpy(self.ids), torch.from_numpy(self.labels)
        if device.type == "cpu":
            return arrays
        if device not in self._copies:
            self._copies[device] = arrays[0].to(device), arrays[1].to(device)
        return self._copies[device]


@dataclass(frozen=True)
class Dataset:
    """A prepared data set.

    A history is no field among ``fields``: these own a table, have a size in an allocation, count
    in a budget and are what a method chooses for. Whoever walks them needs to know of no history.

    Attributes:
        name: what ``--dataset`` calls it.
        hash: sha256 over ids, labels, fields, histories and counts; equal hashes mean equal
            training data.
        manifest: everything written at preparation (``store.py`` describes it).
        probabilities: {split: (rows,) float32}, the true probability of a positive label, for
            generated data only.
        draw: returns the data with a draw of the split, those themselves for 0; None where the seed
            of a run draws none.
        histories: what users did before each row, in the order of their id columns, which come
            after those of all fields.
    """

    name: str
    hash: str
    fields: tuple[Field, ...]
    train: Split
    validation: Split
    test: Split
    manifest: Mapping[str, Any] = field(repr=False)
    folder: Path = field(repr=False)
    probabilities: Mapping[str, NDArray[np.float32]] = field(default_factory=dict, repr=False)
    draw: Callable[[int], Dataset] | None = field(default=None, repr=False, compare=False)
    histories: tuple[Field, ...] = ()

    def of_seed(self, seed: int) -> Dataset:
        """Return the data of a run with a seed: with its draw of the split, if it draws one.

        Raises:
            ConfigError: the seed is below 0, where it would draw a split.
            DataError: the draw cannot be prepared.
        """
        return self if self.draw is None else self.draw(seed)

    @property
    def truth(self) -> Mapping[str, Any] | None:
        """What is known of a generated data set's fields; None for real data."""
        truth: Mapping[str, Any] | None = self.manifest.get("truth")
        return truth
