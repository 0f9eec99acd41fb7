"""The sizes of an allocation for FuxiCTR: a feature map, and feature specs for one's own.

``feature_map.json`` is what ``fuxictr.features.FeatureMap.load`` reads and goes with aesbench's
prepared data: FuxiCTR's ids are ours plus one, for its padding is 0 where ours is -1.
``feature_specs.yaml`` holds nothing but the sizes, to be put under ``feature_specs`` in the
settings of a FuxiCTR model whose data FuxiCTR itself has prepared. A history shares the table of
its field (``share_embedding``): averaged, or for a backbone that attends to it, as FuxiCTR's DIN
does, item by item.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from aesbench.core.files import to_json
from aesbench.core.record import RunRecord
from aesbench.datasets.base import Field
from aesbench.errors import ConfigError
from aesbench.export.fixed_sizes import FieldSize, field_sizes
from aesbench.plugins.registry import BACKBONES

MAP_FILE, SPECS_FILE = "feature_map.json", "feature_specs.yaml"


def fuxictr_files(
    record: RunRecord, fields: Sequence[Field], histories: Sequence[Field] = ()
) -> dict[str, str]:
    """Return ``{name: text}``; fields of size 0, and their histories, are left out of both.

    Args:
        record: of the run; under the unification ``transform`` each field passes a linear layer
            of its own to one width, where aesbench shares one among all fields of a size and
            normalises its output.
        fields: of its data set.
        histories: of its data set.

    Raises:
        ConfigError: sizes differ inside a field, or FuxiCTR cannot have a field of this name.
        RecordError: the run has no allocation.
    """
    width = record.spec.final_dim if record.spec.unification == "transform" else None
    sizes = dict(zip([f.name for f in fields], field_sizes(record, "FuxiCTR"), strict=True))
    every = [(field, sizes[field.shares or field.name]) for field in (*fields, *histories)]
    kept = [(field, size) for field, size in every if size.dim]
    averages = not (histories and BACKBONES.get(record.spec.backbone).needs_history)
    for field, _ in kept:
        if "." in field.name:
            raise ConfigError(
                f"field '{field.name}': FuxiCTR takes no field with a dot in its name; rename it in"
                " the data set"
            )
    features = [{field.name: _feature(field, size, width, averages)} for field, size in kept]
    document = {
        "dataset_id": record.spec.dataset,
        "num_fields": len(kept),
        "total_features": sum(field.cardinality + 1 for field, _ in kept if not field.shares),
        "input_length": sum(field.columns for field, _ in kept),
        "labels": ["label"],
        "features": features,
    }
    # JSON in flow style is YAML, whatever the names hold.
    specs = [
        json.dumps(
            {"name": field.name, **_sizes(field, size, width, averages)},
            ensure_ascii=False,
            allow_nan=False,
        )
        for field, size in kept
    ]
    return {
        MAP_FILE: to_json(document) + "\n",
        SPECS_FILE: "feature_specs:\n" + "".join(f"  - {line}\n" for line in specs),
    }


def _feature(field: Field, size: FieldSize, width: int | None, averages: bool) -> dict[str, Any]:
    several: dict[str, Any] = {"type": "sequence", "max_len": field.columns}
    is_single = field.columns == 1 and not field.shares
    return {
        "source": "",
        **({"type": "categorical"} if is_single else several),
        "padding_idx": 0,
        "oov_idx": field.cardinality,
        "vocab_size": field.cardinality + 1,
        **_sizes(field, size, width, averages),
    }


def _sizes(field: Field, size: FieldSize, width: int | None, averages: bool) -> dict[str, Any]:
    """Return a field's size, and the layers between its table and the model if there are any.

    Args:
        field: or history.
        size: its own or the one that it shares.
        width: of the vectors that the model gets; None for that size.
        averages: whether a history's vectors are averaged.
    """
    is_averaged = averages if field.shares else field.columns > 1
    encoders = ["layers.MaskedAveragePooling()"] if is_averaged else []
    if width is not None:
        encoders.append(f"nn.Linear({size.dim}, {width})")
    found: dict[str, Any] = {"embedding_dim": size.dim}
    if field.shares:
        found["share_embedding"] = field.shares
    if encoders:
        found["feature_encoder"] = encoders
    if width is not None:
        found["emb_output_dim"] = width
    return found
