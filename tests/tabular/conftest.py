"""A synthetic place: four fields whose sizes add up to a known score, with known noise."""

import json
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from aesbench import Field
from aesbench.tabular.build import COLUMNS, parquet
from aesbench.tabular.card import SCHEMA, SCORES, surrogates_of
from aesbench.tabular.draws import SIZES, draw_allocations
from aesbench.tabular.folders import CARD, TABLE, place_folder
from aesbench.tabular.place import load

FIELDS = [Field("day", 10), Field("user", 2000), Field("flag", 10), Field("item", 500)]
WORTH = (0.004, -0.003, 0.001, -0.001)
"""Of each field, AUC per doubling of its size."""
NOISE = 0.0005


def truth(sizes, interaction=0.0):
    """The expected validation AUC."""
    doublings = np.log2(sizes)
    return float(0.75 + doublings @ np.array(WORTH) + interaction * doublings[0] * doublings[2])


def write_place(folder, name="toy/widedeep", count=60, interaction=0.0, noise=NOISE):
    """Write the table and the card of a place under a folder."""
    source = np.random.default_rng(0)
    rows = []
    for draw in draw_allocations("toy", FIELDS, count):
        for seed in draw.seeds:
            auc = truth(draw.sizes, interaction) + noise * source.normal()
            parameters = sum(n.cardinality * d for n, d in zip(FIELDS, draw.sizes, strict=True))
            row = {
                "number": draw.number,
                "kind": draw.kind,
                "sizes": list(draw.sizes),
                "seed": seed,
                "validation_auc": auc,
                "validation_logloss": 1.2 - auc,
                "test_auc": auc - 0.01,
                "test_logloss": 1.21 - auc,
                "best_epoch": 2,
                "epochs_auc": [auc - 0.02, auc, auc - 0.01],
                "epochs_logloss": [1.22 - auc, 1.2 - auc, 1.21 - auc],
                "parameters": parameters,
                "total_parameters": parameters + 100,
                "seconds": parameters / 1000,
                "pack": 8,
            }
            rows.append(row)
    table = pl.DataFrame(rows, schema=COLUMNS)
    data, _, backbone = name.partition("/")
    card = {
        "schema": SCHEMA,
        "place": name,
        "dataset": data,
        "dataset_title": "Toy",
        "data_hash": "ab" * 32,
        "backbone": backbone,
        "backbone_title": "Wide&Deep",
        "protocol": 2,
        "conditions": {"data": "ab" * 8, "protocol": 2},
        "unification": "plain",
        "final_dim": 32,
        "fields": [{"name": f.name, "cardinality": f.cardinality} for f in FIELDS],
        "candidates": list(SIZES),
        "surrogates": surrogates_of(table),
    }
    assert set(card["surrogates"]) == set(SCORES)
    own = place_folder(folder, data, backbone)
    own.mkdir(parents=True)
    (own / TABLE).write_bytes(parquet(table))
    (own / CARD).write_text(json.dumps(card))
    return folder


@pytest.fixture(scope="session")
def world():
    """What the place is made of: ``fields``, ``noise``, ``truth`` and ``write``."""
    return SimpleNamespace(fields=FIELDS, noise=NOISE, truth=truth, write=write_place)


@pytest.fixture(scope="session")
def places(tmp_path_factory):
    """A folder with the place ``toy/widedeep``."""
    return write_place(tmp_path_factory.mktemp("places"))


@pytest.fixture(scope="session")
def toy(places):
    """The place ``toy/widedeep``."""
    return load("toy/widedeep", places)
