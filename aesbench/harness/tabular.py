"""The tabular benchmark's trainings and headroom's, as studies, and what their records make."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from aesbench.core.allocation import sizes_text
from aesbench.core.files import to_json, write_atomically
from aesbench.core.headroom import Headroom
from aesbench.core.record import RunRecord, read_record, record_files
from aesbench.core.spec import RunSpec
from aesbench.datasets.base import Dataset
from aesbench.errors import ConfigError
from aesbench.plugins.registry import SOURCES
from aesbench.plugins.study import Options, Part, Study
from aesbench.report.statistics.headroom import headrooms
from aesbench.report.statistics.scores import GIVEN
from aesbench.tabular.build import parquet, table_of
from aesbench.tabular.card import card_of
from aesbench.tabular.draws import SEEDS, draw_allocations
from aesbench.tabular.folders import CARD, FOLDER, TABLE, data_name, place_folder
from aesbench.tabular.headroom import SEEDS as HEADROOM_SEEDS
from aesbench.tabular.headroom import contests
from aesbench.tabular.place import TabularPlace, load

_BACKBONES = ("widedeep",)


def _trainings(dataset: Dataset, options: Options) -> list[Part]:
    draws = draw_allocations(dataset.name, dataset.fields, options.allocations)
    texts = {seed: [called(one.sizes) for one in draws if seed in one.seeds] for seed in SEEDS}
    # All on one draw of the split, so that they differ by their sizes.
    return [Part(methods, (seed,), drawn=False) for seed, methods in texts.items()]


def _retrainings(dataset: Dataset, options: Options) -> list[Part]:
    parts = []
    for backbone in options.backbones or _BACKBONES:
        place = _place(options.results / FOLDER, dataset, backbone)
        found = contests(place)
        fields = len(place.fields)
        rivals = [(contest.rival,) * fields for contest in found]
        texts = [called(sizes) for sizes in rivals]
        texts += [called(sizes) for contest in found for sizes in contest.contenders]
        seeds = options.seeds or HEADROOM_SEEDS
        parts.append(Part(list(dict.fromkeys(texts)), seeds, backbones=(backbone,)))
    return parts


def _place(folder: Path, dataset: Dataset, backbone: str) -> TabularPlace:
    """Return the place of a data set.

    Raises:
        ConfigError: it has no table, or one of other data.
    """
    place = load(f"{name_of_data(dataset)}/{backbone}", folder)
    if place.card["data_hash"] != dataset.hash:
        raise ConfigError(
            f"the table of {place.card['place']} under {folder} is of data"
            f" {place.card['data_hash'][:16]}, and '{dataset.name}' is {dataset.hash[:16]}; make it"
            " again with aesbench reproduce tabular"
        )
    return place


def called(sizes: Sequence[int]) -> str:
    """Return what the command line calls a training with these sizes."""
    return f"{GIVEN}:{sizes_text(sizes)}"


def name_of_data(dataset: Dataset) -> str:
    """Return what places call a prepared data set."""
    is_known = dataset.name in SOURCES.names() and "provider" not in dataset.manifest
    defaults = dataclasses.asdict(SOURCES.get(dataset.name).Config()) if is_known else {}
    return data_name(dataset.name, dataset.manifest["settings"], defaults)


def write_tables(folder: Path, dataset: Dataset, specs: Sequence[RunSpec]) -> list[Path]:
    """Write the table and the card of each place of a study's runs; return their files.

    All trainings of the place count that lie there, also of a longer list of allocations.

    Args:
        folder: of the tabular benchmark; its records lie there.
        dataset: the prepared data set.
        specs: of the study.

    Raises:
        RecordError: a record or a file cannot be read or written.
    """
    written = []
    for backbone, records in _records(folder, dataset, specs).items():
        trained = {record.allocation.dims for record in records if record.allocation}
        draws = draw_allocations(dataset.name, dataset.fields, max(len(trained), 2))
        table = table_of(records, draws)
        if table.is_empty():
            continue
        place = f"{name_of_data(dataset)}/{backbone}"
        own = place_folder(folder, name_of_data(dataset), backbone)
        card = card_of(place, dataset.manifest, records, table)
        write_atomically(own / TABLE, parquet(table))
        write_atomically(own / CARD, to_json(card) + "\n")
        written += [own / TABLE, own / CARD]
    return written


def write_headroom(folder: Path, dataset: Dataset, specs: Sequence[RunSpec]) -> list[Path]:
    """Write the headroom of each place of a study's runs; return the files.

    Args:
        folder: of the tabular benchmark; its places and records lie there.
        dataset: the prepared data set.
        specs: of the study.

    Raises:
        ConfigError: a place has no table.
        RecordError: a record or a file cannot be read or written.
    """
    written = []
    for backbone, records in _records(folder, dataset, specs).items():
        place = _place(folder, dataset, backbone)
        rows: dict[tuple[int, ...], dict[int, dict[str, float]]] = {}
        for record in records:
            if record.allocation is not None and record.allocation.is_field_wise:
                rows.setdefault(record.allocation.dims, {})[record.spec.seed] = {
                    f"{split}_auc": record.metrics[split]["auc"] for split in ("validation", "test")
                }
        scores = {
            sizes: pd.DataFrame.from_dict(own, orient="index").sort_index()
            for sizes, own in rows.items()
        }
        conditions = dict(place.card["conditions"])
        headroom = Headroom(
            place=place.card["place"],
            dataset=dataset.name,
            backbone=backbone,
            data_hash=dataset.hash,
            conditions=conditions,
            trainings=place.card["trainings"],
            budgets=tuple(headrooms(contests(place), scores, place.cardinalities)),
        )
        written.append(headroom.write(place_folder(folder, name_of_data(dataset), backbone)))
    return written


def _records(
    folder: Path, dataset: Dataset, specs: Sequence[RunSpec]
) -> dict[str, list[RunRecord]]:
    """Return ``{backbone: the successful records that were made as some runs are}``.

    With the runs' seeds, on whatever sizes.
    """
    wanted = {_condition(spec) for spec in specs}
    seeds = {spec.seed for spec in specs}
    found: dict[str, list[RunRecord]] = {}
    for path in record_files(folder, dataset.name):
        record = read_record(path)
        if record.ok and record.spec.seed in seeds and _condition(record.spec) in wanted:
            found.setdefault(record.spec.backbone, []).append(record)
    return found


def _condition(spec: RunSpec) -> tuple[object, ...]:
    """Return what the trainings of one table share."""
    shared = sorted(spec.conditions.items())
    return (spec.method, spec.backbone, spec.unification, spec.data_hash, repr(shared))


TABULAR = Study(
    "tabular",
    "random allocations alone",
    "the tabular benchmark",
    _BACKBONES,
    1,
    _trainings,
    folder=FOLDER,
    finish=write_tables,
)
HEADROOM = Study(
    "headroom",
    "the best allocations of a table, and the best uniform sizes, retrained",
    "headroom",
    _BACKBONES,
    len(HEADROOM_SEEDS),
    _retrainings,
    folder=FOLDER,
    finish=write_headroom,
)
