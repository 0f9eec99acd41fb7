"""The card of a place: what its table holds, and how it was made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from aesbench.core.record import RunRecord
from aesbench.core.settings import plain_settings
from aesbench.tabular.draws import RULE, SIZES

SCHEMA = 1

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
        "seeds": sorted(table["seed"].unique().to_list()),
        "seconds": "of the training; in a pack a share of the pack's",
        "versions": {"aesbench": environment.get("aesbench"), **environment.get("packages", {})},
        "licence": LICENCE,
    }


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
