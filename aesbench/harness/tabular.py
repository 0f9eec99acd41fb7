"""The tabular benchmark's trainings, as a study, and its tables, from their records."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from aesbench.core.allocation import sizes_text
from aesbench.core.files import to_json, write_atomically
from aesbench.core.record import RunRecord, read_record, record_files
from aesbench.core.spec import RunSpec
from aesbench.datasets.base import Dataset
from aesbench.plugins.registry import SOURCES
from aesbench.plugins.study import Options, Part, Study
from aesbench.tabular.build import parquet, table_of
from aesbench.tabular.card import card_of
from aesbench.tabular.draws import SEEDS, draw_allocations
from aesbench.tabular.folders import CARD, TABLE, data_name, place_folder

GIVEN = "fixed"
"""The method that has its sizes from the command line."""


def _trainings(dataset: Dataset, options: Options) -> list[Part]:
    draws = draw_allocations(dataset.name, dataset.fields, options.allocations)
    texts = {seed: [called(one.sizes) for one in draws if seed in one.seeds] for seed in SEEDS}
    # All on one draw of the split, so that they differ by their sizes.
    return [Part(methods, (seed,), drawn=False) for seed, methods in texts.items()]


def called(sizes: Sequence[int]) -> str:
    """Return what the command line calls a training with these sizes."""
    return f"{GIVEN}:{sizes_text(sizes)}"


TABULAR = Study(
    *("tabular", "random allocations alone", "the tabular benchmark", ("widedeep",), 1, _trainings),
    folder="tabular",
)


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
    places = {spec.backbone: spec for spec in specs}
    wanted = {spec.backbone: _condition(spec) for spec in specs}
    found: dict[str, list[RunRecord]] = {backbone: [] for backbone in places}
    for path in record_files(folder, dataset.name):
        record = read_record(path)
        backbone = record.spec.backbone
        if record.ok and wanted.get(backbone) == _condition(record.spec):
            found[backbone].append(record)
    written = []
    for backbone, records in found.items():
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


def _condition(spec: RunSpec) -> tuple[object, ...]:
    """Return what the trainings of one table share."""
    return (spec.method, spec.unification, spec.data_hash, repr(sorted(spec.conditions.items())))
