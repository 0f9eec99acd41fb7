"""From a click log to a prepared data set in three passes and bounded memory.

1. ``stage``: read and check each line once; keep its values in a compact form on disk.
2. ``vocabulary``: count each field on the train split; number its values.
3. ``deal``: look the values up and write the splits.

Memory is a few blocks of lines, the counts of one field per thread, and the ids of all fields'
values. Everything that is finished lies on disk under its own name, so that the same call goes on
after an interruption where it stopped.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from aesbench.datasets.base import Field
from aesbench.datasets.clicklog.deal import deal
from aesbench.datasets.clicklog.parallel import in_order, workers
from aesbench.datasets.clicklog.schema import LogFormat
from aesbench.datasets.clicklog.stage import Reading, skipped, stage
from aesbench.datasets.clicklog.vocabulary import (
    count_field,
    lookup_path,
    number_values,
    read_lookup,
    write_lookup,
)
from aesbench.datasets.splits import SplitRule
from aesbench.datasets.writer import DatasetWriter


def encode_log(
    path: Path,
    layout: LogFormat,
    rule: SplitRule,
    writer: DatasetWriter,
    *,
    min_count: int,
    skip: bool,
) -> None:
    """Read a click log, split and encode it and hand it to the writer, going on where it stopped.

    Args:
        path: the file.
        layout: what its lines hold.
        rule: ``order`` or ``random``.
        writer: receives the data set; its folder keeps unfinished work.
        min_count: rarer values of the train split share the out-of-vocabulary id.
        skip: whether bad lines are left out and counted, rather than being an error.

    Raises:
        DataError: a line is bad, the file is empty or damaged, or its rows are out of order.
    """
    folder = writer.folder / "staging"
    if not writer.is_finished:
        folder.mkdir(exist_ok=True)
        _encode(Reading(path, layout, folder, skip), rule, writer, min_count)
    shutil.rmtree(folder, ignore_errors=True)


def _encode(reading: Reading, rule: SplitRule, writer: DatasetWriter, min_count: int) -> None:
    folder, fields = reading.folder, reading.layout.fields
    with ThreadPoolExecutor(workers()) as pool:
        infos = stage(reading, pool, _told(writer, "read"))
        ends = np.cumsum([info.rows for info in infos])
        total = int(ends[-1])
        assigned = rule.deal(total)
        train = [None if chosen.all() else chosen for chosen in np.split(assigned == 0, ends[:-1])]

        def count(place: int) -> int:
            if not lookup_path(folder, place).exists():
                keys, counts = count_field(folder, infos, place, train)
                lookup, vocabulary = number_values(keys, counts, min_count)
                writer.vocabulary(place, vocabulary)
                write_lookup(folder, place, lookup)
            return place

        for place in in_order(pool, count, range(len(fields))):
            share = (place + 1) / len(fields)
            writer.progress("count", int(total * share), share)
        lookups = [read_lookup(folder, place) for place in range(len(fields))]
        deal(folder, infos, lookups, assigned, writer, pool, _told(writer, "encode"))
    left_out = skipped(infos)
    writer.finish(
        [
            Field(field.name, len(counts), counts=counts)
            for field, counts in zip(fields, map(writer.counts, range(len(fields))), strict=True)
        ],
        facts={"skipped_lines": left_out} if left_out else None,
    )


def _told(writer: DatasetWriter, what: str) -> Callable[[int, float], None]:
    return lambda rows, share: writer.progress(what, rows, share)
