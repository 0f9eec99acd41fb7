"""The card of a place: what its table holds, and how it was made."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from aesbench.core.record import RunRecord
from aesbench.core.settings import plain_settings
from aesbench.tabular.choosing import choose
from aesbench.tabular.draws import RULE, SIZES

SCHEMA = 1

SCORES = ("validation_auc", "validation_logloss")
"""What surrogates predict."""

ERRORS = (
    "error: root mean square of 10-fold cross-validation, over allocations, by which the shape was"
    " chosen; it holds the noise. noise: standard deviation over the seeds of an allocation"
)

LICENCE = (
    "Apache-2.0, as aesbench. Measurements only: no row of the data set is in it, whose own licence"
    " its page names"
)


def card_of(
    place: str, manifest: Mapping[str, Any], records: Sequence[RunRecord], table: pl.DataFrame
) -> dict[str, Any]:
    """Return what a card says.

    Args:
        place: its name.
        manifest: of the prepared data set.
        records: of the trainings, all of one place.
        table: of them.
    """
    first = records[0]
    spec, environment = first.spec, first.environment
    drawn = table.filter(pl.col("number") >= 0)
    return {
        "schema": SCHEMA,
        "place": place,
        "dataset": spec.dataset,
        "dataset_title": first.titles.get("dataset", spec.dataset),
        "data_hash": spec.data_hash,
        "data_settings": dict(manifest["settings"]),
        "rows": {name: split["rows"] for name, split in manifest["splits"].items()},
        "fields": [
            {name: field[name] for name in ("name", "cardinality")} for field in manifest["fields"]
        ],
        "backbone": spec.backbone,
        "backbone_title": first.titles.get("backbone", spec.backbone),
        "backbone_settings": dict(spec.backbone_config),
        "unification": spec.unification,
        "final_dim": spec.final_dim,
        "protocol": spec.protocol,
        "train": plain_settings(spec.train),
        "conditions": {name: _plain(value) for name, value in spec.conditions.items()},
        "candidates": list(SIZES),
        "draws": RULE,
        "allocations": drawn["number"].n_unique(),
        "trainings": table.height,
        "surrogates": surrogates_of(table),
        "surrogate_errors": ERRORS,
        "seeds": sorted(table["seed"].unique().to_list()),
        "seconds": "of the training; in a pack a share of the pack's",
        "versions": {"aesbench": environment.get("aesbench"), **environment.get("packages", {})},
        "licence": LICENCE,
    }


def surrogates_of(table: pl.DataFrame) -> dict[str, Any]:
    """Return of each score the shape of its surrogate, its errors, and the noise beside them."""
    by_sizes = table.group_by("sizes", maintain_order=True).agg(pl.col(SCORES).mean())
    sizes = np.array(by_sizes["sizes"].to_list(), float)
    found = {}
    for score in SCORES:
        own = choose(sizes, by_sizes[score].to_numpy())
        found[score] = {
            "shape": dataclasses.asdict(own.shape),
            "error": own.error,
            "errors": own.errors,
            "explained": own.explained,
            "noise": noise_of(table, score),
            "spread": float(by_sizes[score].to_numpy().std(ddof=1)),
        }
    return found


def noise_of(table: pl.DataFrame, score: str) -> float | None:
    """Return the standard deviation of a score over seeds; None where nothing has two.

    Pooled over the allocations with several seeds, within each about its own mean.
    """
    squares, freedom = 0.0, 0
    for _, own in table.group_by("sizes"):
        values = own[score].to_numpy()
        squares += float(((values - values.mean()) ** 2).sum())
        freedom += len(values) - 1
    return (squares / freedom) ** 0.5 if freedom else None


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
