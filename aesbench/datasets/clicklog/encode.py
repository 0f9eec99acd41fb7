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
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from aesbench.datasets.base import SPLITS, Field
from aesbench.datasets.clicklog.deal import deal
from aesbench.datasets.clicklog.parallel import in_order, thread_pool
from aesbench.datasets.clicklog.schema import LogFormat
from aesbench.datasets.clicklog.stage import Reading, skipped, stage
from aesbench.datasets.clicklog.staging import BlockInfo
from aesbench.datasets.clicklog.vocabulary import (
    add_unseen,
    count_field,
    lookup_path,
    number_values,
    read_lookup,
    write_lookup,
)
from aesbench.datasets.splits import SplitRule
from aesbench.datasets.writer import DatasetWriter


def encode_log(
    paths: Sequence[Path],
    layout: LogFormat,
    rule: SplitRule | None,
    writer: DatasetWriter,
    *,
    min_count: int,
    skip: bool,
) -> None:
    """Read a click log, split and encode it and hand it to the writer, going on where it stopped.

    Args:
        paths: one file, or those of train, validation and test.
        layout: what its lines hold.
        rule: ``order`` or ``random``; None for three files.
        writer: receives the data set; its folder keeps unfinished work.
        min_count: rarer values of the train split share the out-of-vocabulary id.
        skip: whether bad lines are left out and counted, rather than being an error.

    Raises:
        DataError: a line is bad, the file is empty or damaged, or its rows are out of order.
    """
    folder = writer.folder / "staging"
    if not writer.is_finished:
        folder.mkdir(exist_ok=True)
        _encode(paths, layout, folder, skip, rule, writer, min_count)
    shutil.rmtree(folder, ignore_errors=True)


def _encode(
    paths: Sequence[Path],
    layout: LogFormat,
    folder: Path,
    skip: bool,
    rule: SplitRule | None,
    writer: DatasetWriter,
    min_count: int,
) -> None:
    fields = layout.fields
    with thread_pool() as pool:
        infos: list[BlockInfo] = []
        sizes: list[int] = []
        for path in paths:
            reading = Reading(path, layout, folder, len(infos), skip)
            told = _told(writer, "read", sum(sizes), len(sizes), len(paths))
            found = stage(reading, pool, told)
            infos += found
            sizes.append(sum(info.rows for info in found))
        total = sum(sizes)
        if rule is None:
            assigned = np.repeat(np.arange(len(SPLITS), dtype=np.uint8), sizes)
        else:
            assigned = rule.deal(total)
        ends = np.cumsum([info.rows for info in infos])
        train = [None if chosen.all() else chosen for chosen in np.split(assigned == 0, ends[:-1])]

        def count(place: int) -> int:
            if not lookup_path(folder, place).exists():
                counted = count_field(folder, infos, place, train)
                numeric = fields[place].numeric
                if numeric:
                    everywhere, _ = count_field(folder, infos, place, [None] * len(infos))
                    counted = add_unseen(counted, everywhere)
                lookup, vocabulary = number_values(*counted, 0 if numeric else min_count)
                writer.vocabulary(place, vocabulary)
                write_lookup(folder, place, lookup)
            return place

        for place in in_order(pool, count, range(len(fields))):
            share = (place + 1) / len(fields)
            writer.progress("count", int(total * share), share)
        lookups = [read_lookup(folder, place) for place in range(len(fields))]
        deal(folder, infos, lookups, assigned, writer, pool, _told(writer, "encode"))
    left_out, numeric = skipped(infos), [field.name for field in fields if field.numeric]
    facts = {"skipped_lines": left_out} if left_out else {}
    writer.finish(
        [
            Field(field.name, len(counts), counts=counts)
            for field, counts in zip(fields, map(writer.counts, range(len(fields))), strict=True)
        ],
        facts=facts | ({"numeric_fields": numeric} if numeric else {}),
    )


def _told(
    writer: DatasetWriter, what: str, before: int = 0, part: int = 0, parts: int = 1
) -> Callable[[int, float], None]:
    """Return what tells the writer's listener of one part's progress, after so many rows."""
    return lambda rows, share: writer.progress(what, before + rows, (part + share) / parts)
