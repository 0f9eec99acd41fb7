"""The first pass: read and check every line once, and keep its values in a compact form."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
from numpy.typing import NDArray

from aesbench.datasets.clicklog.parallel import in_order
from aesbench.datasets.clicklog.reader import Lines, read_lines
from aesbench.datasets.clicklog.schema import LogField, LogFormat
from aesbench.datasets.clicklog.staging import (
    BLOCK_ROWS,
    BlockInfo,
    Coded,
    block_path,
    read_info,
    write_block,
)
from aesbench.datasets.clicklog.tokens import WIDTH, BadRow, Table, pack, tokenise, unpack
from aesbench.errors import DataError

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Reading:
    """How a file is read.

    Attributes:
        path: the file.
        layout: what its lines hold.
        folder: where the blocks go.
        begin: the number of the first one; those of the files before have lower numbers.
        skip: whether bad lines are left out and counted, rather than being an error.
    """

    path: Path
    layout: LogFormat
    folder: Path
    begin: int
    skip: bool


def stage(
    reading: Reading, pool: ThreadPoolExecutor, advance: Callable[[int, float], None]
) -> list[BlockInfo]:
    """Return the blocks of a file, those that an interrupted call has left included.

    Args:
        reading: the file and how it is read.
        pool: where blocks are checked; the file is read in the calling thread.
        advance: told the rows so far and the share of the file that is read.

    Raises:
        DataError: a line is bad, the file is empty or damaged, or its rows are out of order; the
            message names file and line.
    """
    folder, begin, header = reading.folder, reading.begin, reading.layout.header
    index = folder / f"{begin}.index.json"
    if index.exists():
        return [BlockInfo.from_json(line) for line in json.loads(index.read_text())]
    infos: list[BlockInfo] = []
    while block_path(folder, begin + len(infos)).exists():
        infos.append(read_info(folder, begin + len(infos)))
    blocks = read_lines(
        reading.path,
        BLOCK_ROWS,
        start_bytes=infos[-1].end_bytes if infos else 0,
        first=1 + sum(info.lines for info in infos) + (header and bool(infos)),
        header=header and not infos,
    )
    if header and not infos:
        _check_header(reading, next(blocks, Lines(1, b"", 0, 1.0)))
    rows = sum(info.rows for info in infos)
    numbered = enumerate(blocks, begin + len(infos))
    for info, share in in_order(pool, lambda item: _stage_block(reading, *item), numbered):
        if reading.layout.ordered_by and infos and info.rows and info.first < _last(infos):
            _out_of_order(reading, 1 + header + sum(other.lines for other in infos))
        infos.append(info)
        rows += info.rows
        advance(rows, share)
    if rows == 0:
        raise DataError(f"{reading.path} holds no rows; fetch it again")
    partial = index.with_suffix(".partial")
    partial.write_text(json.dumps([info.to_json() for info in infos], allow_nan=False))
    os.replace(partial, index)
    return infos


def _last(infos: Sequence[BlockInfo]) -> int:
    return max(info.last for info in infos)


def _check_header(reading: Reading, line: Lines) -> None:
    columns, separator = reading.layout.columns, reading.layout.separator
    said = line.text.removeprefix(_BYTE_ORDER_MARK).rstrip(b"\r\n").decode(errors="replace")
    if said.split(separator) != list(columns):
        raise DataError(
            f"{reading.path}:1: the first line must name the columns {separator.join(columns)}, got"
            f" {said[:80]!r}; fetch the file again"
        )


def _stage_block(reading: Reading, number: int, lines: Lines) -> tuple[BlockInfo, float]:
    """Check and write one block; return what is known of it and the share of the file read."""
    layout = reading.layout
    table, bad = tokenise(lines, len(layout.columns), layout.separator)
    good = np.ones(len(table.lines), bool)

    def refuse(rows: NDArray[np.bool_], kind: str, say: Callable[[int], str]) -> None:
        for row in np.flatnonzero(rows & good):
            bad.append(BadRow(int(table.lines[row]), kind, say(int(row))))
        good[rows] = False

    labels = _labels(table, layout, refuse)
    coded = [_code(table, layout.columns.index(f.column), f, refuse) for f in layout.fields]
    if bad and not reading.skip:
        earliest = min(bad, key=lambda row: row.line)
        raise DataError(f"{reading.path}:{earliest.line}: {earliest.said}")
    if not good.all():
        labels = labels[good]
        coded = [(values, codes[good]) for values, codes in coded]
    first = last = 0
    if layout.ordered_by and len(labels):
        order = table.keys[layout.columns.index(layout.ordered_by), good]
        earlier = np.flatnonzero(order[1:] < order[:-1])
        if len(earlier):
            _out_of_order(reading, int(table.lines[good][earlier[0] + 1]))
        first, last = int(order[0]), int(order[-1])
    info = BlockInfo(
        rows=len(labels),
        lines=lines.text.count(b"\n") + (not lines.text.endswith(b"\n")),
        distinct=tuple(len(values) for values, _ in coded),
        end_bytes=lines.end_bytes,
        first=first,
        last=last,
        skipped=dict(sorted(Counter(row.kind for row in bad).items())),
    )
    write_block(reading.folder, number, info, labels, coded)
    return info, lines.share


Refuse = Callable[[NDArray[np.bool_], str, Callable[[int], str]], None]
"""Told the rows that are bad, the kind of damage, and how to describe it for one of them."""


def _labels(table: Table, layout: LogFormat, refuse: Refuse) -> NDArray[np.uint8]:
    column = layout.columns.index(layout.label)
    keys = table.keys[column]
    zero, one = pack(pl.Series(["0", "1"]))

    def say(row: int) -> str:
        found = f"the label '{layout.label}' is 0 or 1, got {table.value(column, row)!r}"
        if table.lines[row] == 1 and not layout.header:
            return f"{found}; if the line is a header, remove it: the official file has none"
        return f"{found}; mend or remove the line"

    refuse((keys != zero) & (keys != one), "wrong label", say)
    labels: NDArray[np.uint8] = (keys == one).astype(np.uint8)
    return labels


def _code(table: Table, column: int, field: LogField, refuse: Refuse) -> Coded:
    """Return a field's distinct values and each row's place among them."""

    def too_long(row: int) -> str:
        return (
            f"'{field.column}' has at most {WIDTH} bytes, got {shown(row)}; the line is damaged or"
            " of another format: mend or remove it"
        )

    def unreadable(row: int) -> str:
        return (
            f"'{field.column}' must be {field.expected}, got {shown(row)}; mend or remove the line"
        )

    def shown(row: int) -> str:
        return repr(table.value(column, row)[:80])

    codes, distinct = pd.factorize(table.keys[column])
    if field.convert is None:
        refuse(table.long[column], "value too long", too_long)
        return distinct, codes.astype(np.uint16)
    texts = unpack(distinct)
    cut = np.flatnonzero(table.long[column])
    if len(cut):  # Of these, the keys hold the first bytes only.
        places, whole = pd.factorize(
            pl.Series([table.value(column, row) for row in cut.tolist()]).to_numpy()
        )
        codes[cut] = len(texts) + places
        texts = pl.concat([texts, pl.Series(whole, dtype=pl.String)])
    values = pl.DataFrame({"text": texts}).select(field.convert(pl.col("text"))).to_series()
    wrong = (values.is_null() & (texts != "")).to_numpy()
    if wrong.any():
        refuse(wrong[codes], f"not {field.expected}", unreadable)
    long = (values.str.len_bytes().fill_null(0) > WIDTH).to_numpy()
    if long.any():
        refuse(long[codes], "value too long", too_long)
    places, distinct = pd.factorize(pack(values))
    return distinct, places[codes].astype(np.uint16)


def _out_of_order(reading: Reading, line: int) -> None:
    raise DataError(
        f"{reading.path}:{line}: '{reading.layout.ordered_by}' is earlier than in the lines before,"
        " so the file is not in order of time; sort it by that column, or choose split=random"
    )


def skipped(infos: Sequence[BlockInfo]) -> dict[str, int]:
    """Return {what was wrong: lines left out} of all blocks."""
    total: Counter[str] = Counter()
    for info in infos:
        total.update(info.skipped)
    return dict(sorted(total.items()))
