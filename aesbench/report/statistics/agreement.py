"""How far repeated searches agree, which is asked of two kinds apart.

Searches of one prepared state, of a supernet say, differ by the search alone; searches from end to
end, each of a seed of its own, also by what was trained before. Sizes are frames: a row per search,
a column per field.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from aesbench.core.label import Label


class Agreement(NamedTuple):
    """The chance that two searches give a field the same size, over all fields and pairs.

    Attributes:
        mean: of the pairs at hand, which is unbiased; None for a single search.
        low, high: its 95 % interval; None for fewer than three searches.
    """

    mean: float | None = None
    low: float | None = None
    high: float | None = None


def by_search(runs: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return ``{label: its runs, retrained or searched only}``, in the order of the runs."""
    labels = [str(Label.parse(text).without("search_only")) for text in runs["method"]]
    return {str(label): own for label, own in runs.groupby(labels, sort=False)}


def end_to_end(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the first search of each seed, seeds ascending."""
    return _found(runs).drop_duplicates("seed")


def by_state(runs: pd.DataFrame) -> list[pd.DataFrame]:
    """Return the searches of each prepared state that was searched at least twice, by seed.

    A search that was retrained, too, is one search.
    """
    searches = _found(runs).drop_duplicates(["prepare_id", "search_index"])
    states = searches.groupby("prepare_id", sort=False)
    return [own for _, own in states if len(own) > 1]


def _found(runs: pd.DataFrame) -> pd.DataFrame:
    found = runs[(runs["status"] == "ok") & runs["allocation"].notna()]
    return found.sort_values(["seed", "search_index"], kind="stable")


def sizes_of(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the size of each field in each run; its blocks, or its mask, where that is not all."""
    found = [record.allocation for record in runs["record"]]
    sizes = [
        [
            mask or (own[0].dim if len(own) == 1 and own[0].buckets is None else own)
            for own, mask in zip(one.blocks, one.field_masks, strict=True)
        ]
        for one in found
    ]
    return pd.DataFrame(sizes, columns=list(found[0].names) if found else None)


def size_shares(sizes: pd.DataFrame, candidates: Iterable[int]) -> pd.DataFrame:
    """Return ``(fields, candidates)``: the share of searches that gave each field each size."""
    return pd.DataFrame({size: (sizes == size).mean() for size in candidates})


def modal_shares(sizes: pd.DataFrame) -> pd.Series:
    """Return ``{field: the share of searches that give it its most frequent size}``."""
    shares = {name: own.value_counts(normalize=True).max() for name, own in sizes.items()}
    return pd.Series(shares, dtype=float)


def entropies(shares: pd.DataFrame) -> pd.Series:
    """Return the entropy in bits of each field's sizes: 0 if all searches agree."""
    bits = stats.entropy(shares, base=2, axis=1)
    return pd.Series(np.abs(bits), shares.index)  # No term is below 0; abs spares a -0.


def pairwise_agreement(sizes: pd.DataFrame) -> Agreement:
    """Return how far searches agree, with an interval by the jackknife over searches.

    A bootstrap would draw a search twice and call it agreement. Student's distribution, cut off
    at 0 and 1.
    """
    found = sizes.to_numpy()
    count = len(found)
    if count < 2:
        return Agreement()
    same = (found[:, None, :] == found[None, :, :]).mean(2)  # (searches, searches)
    own = same.sum(1) - 1  # Without the search itself.
    mean = float(own.sum() / (count * (count - 1)))
    if count < 3:
        return Agreement(mean)
    without = (own.sum() - 2 * own) / ((count - 1) * (count - 2))
    error = float(np.sqrt((count - 1) / count * np.square(without - without.mean()).sum()))
    half = float(stats.t.ppf(0.975, count - 1)) * error
    return Agreement(mean, max(0.0, mean - half), min(1.0, mean + half))
