"""Records as a report reads them: all of a folder, each with what its data set is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from aesbench.core.datasheet import read_datasheet
from aesbench.core.record import RunRecord, read_records


def read_results(results: Path) -> list[RunRecord]:
    """Return every record under a results folder with its datasheet, in the order of their paths.

    Raises:
        RecordError: a file is not what its place says; the message names it.
    """
    sheets: dict[tuple[str, str], dict[str, Any]] = {}
    records = []
    for record in read_records(results):
        key = (record.spec.dataset, record.spec.data_hash)
        if key not in sheets:
            sheets[key] = read_datasheet(results, record.spec)
        records.append(replace(record, datasheet=sheets[key]))
    return records
