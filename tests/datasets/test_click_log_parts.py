"""The parts of reading click logs: lines, packed values, counts, ids and remembered hashes."""

import json
import os
import subprocess
import sys
from collections import Counter

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aesbench.datasets import fingerprint
from aesbench.datasets.clicklog import reader, tally
from aesbench.datasets.clicklog.parallel import in_order
from aesbench.datasets.clicklog.reader import Lines, read_lines
from aesbench.datasets.clicklog.staging import BlockInfo, read_field, read_labels, write_block
from aesbench.datasets.clicklog.tally import Tally
from aesbench.datasets.clicklog.tokens import pack, tokenise, unpack
from aesbench.datasets.clicklog.vocabulary import number_values
from aesbench.datasets.fingerprint import file_hash, known_hash

SHORT = st.text(st.characters(exclude_characters="\0\t\n\r", codec="utf-8"), max_size=8).filter(
    lambda text: len(text.encode()) <= 8
)


@pytest.mark.parametrize("chunk", [1, 3, 7, 1000])
@pytest.mark.parametrize("rows", [1, 2, 5])
@pytest.mark.parametrize("text", ["a\nbb\n\nccc\nd\n", "a\nb", "\n", "x\n" * 11, ""])
def test_blocks_hold_the_lines_however_they_arrive(tmp_path, monkeypatch, text, rows, chunk):
    """Joined they are the file; all but the last have as many lines; each can be the first."""
    path = tmp_path / "lines.txt"
    path.write_text(text)
    monkeypatch.setattr(reader, "_CHUNK_BYTES", chunk)
    blocks = list(read_lines(path, rows))
    assert b"".join(block.text for block in blocks) == text.encode()
    assert all(block.text.count(b"\n") == rows for block in blocks[:-1])
    assert [block.first for block in blocks] == [1 + rows * n for n in range(len(blocks))]
    for number, block in enumerate(blocks):
        rest = read_lines(path, rows, start_bytes=block.end_bytes)
        assert [b.text for b in rest] == [b.text for b in blocks[number + 1 :]]


@given(st.lists(SHORT, min_size=1))
def test_packing_keeps_values_and_their_order(texts):
    """Different texts give different numbers, in the order of their bytes, and come back."""
    keys = pack(pl.Series(texts, dtype=pl.String))
    assert unpack(keys).to_list() == texts
    ranked = [texts[place] for place in np.argsort(keys, kind="stable")]
    assert ranked == sorted(texts, key=str.encode)


@given(st.lists(st.tuples(SHORT, SHORT, SHORT), min_size=1), st.sampled_from(["\n", "\r\n"]))
def test_tokens_are_what_split_gives(rows, end):
    """Every value of every line, the last one without a carriage return."""
    text = "".join("\t".join(row) + end for row in rows).encode()
    table, bad = tokenise(Lines(5, text, len(text), 1.0), 3, "\t")
    assert not bad
    assert table.lines.tolist() == list(range(5, 5 + len(rows)))
    for column in range(3):
        assert unpack(table.keys[column]).to_list() == [row[column] for row in rows]
    assert not table.long.any()


def test_a_long_value_is_marked_and_begins_as_it_does():
    """Its first eight bytes are kept to show them; only its own cell is marked."""
    text = b"a,123456789,b\n12345678,,c\n"
    table, _ = tokenise(Lines(1, text, len(text), 1.0), 3, ",")
    assert table.long.tolist() == [[False, False], [True, False], [False, False]]
    assert unpack(table.keys[1]).to_list() == ["12345678", ""]


COUNTED = st.lists(
    st.dictionaries(st.integers(0, 2**64 - 1) | st.integers(0, 9), st.integers(1, 9), max_size=9)
)


@given(COUNTED, st.sampled_from([1, 4, 1 << 20]))
def test_a_tally_counts_as_a_dictionary_does(parts, pending):
    """However often it merges, the totals are those of a Counter, keys ascending."""
    expected, counted = Counter(), Tally()
    before, tally._PENDING = tally._PENDING, pending
    try:
        for part in parts:
            expected.update(part)
            keys, counts = np.array([*part], np.uint64), np.array([*part.values()], np.int64)
            counted.add(keys, counts)
        keys, counts = counted.total()
    finally:
        tally._PENDING = before
    assert list(zip(keys.tolist(), counts.tolist(), strict=True)) == sorted(expected.items())


@given(st.dictionaries(SHORT, st.integers(1, 5)), st.integers(1, 4), st.lists(SHORT, max_size=20))
def test_ids_are_found_as_in_a_dictionary(counted, min_count, asked):
    """Descending counts, then text; what is rare or unknown has the last id."""
    texts = sorted(counted, key=str.encode)
    keys = pack(pl.Series(texts, dtype=pl.String))
    counts = np.array([counted[text] for text in texts], np.int64)
    lookup, vocabulary = number_values(keys, counts, min_count)
    kept = sorted(
        (text for text in texts if counted[text] >= min_count),
        key=lambda text: (-counted[text], text.encode()),
    )
    assert vocabulary["value"].to_list() == [*kept, None]
    assert int(vocabulary["count"].sum()) == sum(counted.values())
    asked = [*asked, *texts]
    expected = [kept.index(text) if text in kept else len(kept) for text in asked]
    assert lookup.find(pack(pl.Series(asked, dtype=pl.String))).tolist() == expected


def test_a_staged_block_gives_back_each_field(tmp_path):
    """Whatever lies before it in the file."""
    rng = np.random.default_rng(0)
    fields = [
        (rng.integers(0, 2**63, n, np.uint64), rng.integers(0, n, 50).astype(np.uint16))
        for n in (3, 1, 40)
    ]
    labels = rng.integers(0, 2, 50).astype(np.uint8)
    info = BlockInfo(50, 53, (3, 1, 40), 1234, 5, 6, {"wrong column count": 3})
    write_block(tmp_path, 7, info, labels, fields)
    assert read_labels(tmp_path, 7, info).tolist() == labels.tolist()
    for place, (values, codes) in enumerate(fields):
        found = read_field(tmp_path, 7, info, place)
        assert [part.tolist() for part in found] == [values.tolist(), codes.tolist()]


def test_work_in_threads_takes_few_items_ahead():
    """Results come in order, and no more items are taken than threads can use."""
    from concurrent.futures import ThreadPoolExecutor

    taken = []
    items = (taken.append(n) or n for n in range(100))
    with ThreadPoolExecutor(2) as pool:
        results = in_order(pool, lambda n: n * n, items)
        assert [next(results) for _ in range(3)] == [0, 1, 4]
        assert len(taken) <= 3 + 9  # At most eight threads, and one item more.
        assert list(results) == [n * n for n in range(3, 100)]


def test_threads_meet_a_polars_that_has_met_an_array():
    """Two threads in which polars imports numpy at once break each other's import."""
    code = (
        "from polars import _dependencies\n"
        "from aesbench.datasets.clicklog.parallel import thread_pool\n"
        "assert 'ndarray' not in vars(_dependencies.numpy), 'it is imported late'\n"
        "thread_pool()\n"
        "assert 'ndarray' in vars(_dependencies.numpy)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


def test_the_hash_of_a_large_file_is_remembered_until_it_changes(tmp_path, monkeypatch):
    """It is not read twice; another size or time of change makes it read again."""
    path = tmp_path / "large.txt"
    path.write_bytes(b"x" * 1000)
    monkeypatch.setattr(fingerprint, "_LARGE_BYTES", 1000)
    read = []
    real = file_hash

    def counted(path, advance=None):
        read.append(path)
        return real(path, advance)

    monkeypatch.setattr(fingerprint, "file_hash", counted)
    shares = []
    first = known_hash(path, tmp_path / "cache", shares.append)
    assert (first, shares[-1]) == (real(path), 1.0)
    assert known_hash(path, tmp_path / "cache", shares.append) == first
    assert len(read) == 1
    path.write_bytes(b"y" * 1000)
    os.utime(path, (1, 1))
    assert known_hash(path, tmp_path / "cache", shares.append) == real(path) != first
    (memory,) = (tmp_path / "cache" / "hashes").iterdir()
    memory.write_text(json.dumps([])[:1])
    assert known_hash(path, tmp_path / "cache", shares.append) == real(path)
    assert len(read) == 3
