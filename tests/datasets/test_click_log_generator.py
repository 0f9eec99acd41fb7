"""The generated click logs are like the real ones where it matters, and nothing of them is real."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from aesbench.core.metrics import auc


@pytest.fixture(scope="module")
def logs():
    """The script as a module."""
    path = Path(__file__).parents[1] / "benchmarks" / "click_logs.py"
    spec = importlib.util.spec_from_file_location("click_logs", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["click_logs"] = module  # Where its dataclasses look for their module.
    spec.loader.exec_module(module)
    return module


def expected_values(logs, draws, shift, least):
    """How many values of a Lomax tail are expected at least ``least`` (1 or 2) times in draws.

    Ranks are summed in cells that grow with the rank; within a cell all are as frequent as on
    average, and counts are Poisson. What lies beyond the last text falls on all of them alike.
    """
    last = logs.TEXTS
    edges = np.unique(
        np.concatenate([np.arange(2000), np.geomspace(2000, last, 6000).astype(np.int64)])
    ).astype(float)
    survival = (shift / (shift + edges)) ** logs.TAIL_EXPONENT
    ranks = np.diff(edges)
    mean = draws * (-np.diff(survival) / ranks + survival[-1] / last)
    missed = np.exp(-mean) * (1 if least == 1 else 1 + mean)
    return float((ranks * (1 - missed)).sum())


def test_at_full_size_criteo_has_its_values(logs):
    """33.8 million, of which 7.6 million occur twice in the first 80 % of the rows."""
    for least, rows, total in (
        (1, logs.CRITEO_ROWS, 33.76e6),
        (2, 0.8 * logs.CRITEO_ROWS, 7.6e6),
    ):
        found = 0.0
        for name, (distinct, missing) in logs.CRITEO_CATEGORIES.items():
            if name in logs.CRITEO_TAILS:
                # Half of the rows that are not missing draw from the tail.
                draws = rows / 2 * (1 - missing)
                tail = expected_values(logs, draws, logs.CRITEO_TAILS[name], least)
                found += logs.POPULAR + tail
                if least == 1:
                    assert logs.POPULAR + tail == pytest.approx(distinct, rel=0.01)
            else:
                found += distinct
        assert found == pytest.approx(total, rel=0.02)


def test_at_full_size_avazus_large_fields_have_their_values(logs):
    """2.69 million devices and 6.73 million addresses."""
    for name, shift in logs.AVAZU_TAILS.items():
        tail = expected_values(logs, logs.AVAZU_ROWS / 2, shift, 1)
        assert logs.POPULAR + tail == pytest.approx(logs.AVAZU_FIELDS[name][0], rel=0.01)


def test_a_drawn_tail_has_the_values_that_are_expected(logs):
    """The expectation above, checked by drawing a million ranks."""
    shift, rng = logs.CRITEO_TAILS["C16"], np.random.default_rng(0)
    ranks = logs.draw_ranks(0, shift, 1 << 20, rng)
    tail, counts = np.unique(ranks[ranks >= logs.POPULAR], return_counts=True)
    assert len(tail) == pytest.approx(expected_values(logs, 1 << 19, shift, 1), rel=0.01)
    assert (counts > 1).sum() == pytest.approx(expected_values(logs, 1 << 19, shift, 2), rel=0.02)


@pytest.mark.parametrize(("name", "distinct"), [("C3", 10_131_227), ("C7", 12_517), ("C9", 3)])
def test_values_fall_like_zipfs_law(logs, name, distinct):
    """Rank 0 is the most frequent; of the popular ones, rank 1 comes about half as often."""
    rng = np.random.default_rng(0)
    ranks = logs.draw_ranks(distinct, logs.CRITEO_TAILS.get(name), 1 << 18, rng)
    counts = np.bincount(ranks[ranks < logs.POPULAR], minlength=3)
    assert counts[0] > counts[1] > counts[2]
    assert counts[1] / counts[0] == pytest.approx(np.log(3 / 2) / np.log(2), rel=0.1)


@pytest.mark.parametrize(("kind", "rate"), [("criteo", 0.2562), ("avazu", 0.1698)])
def test_clicks_are_as_frequent_as_published_and_can_be_predicted(logs, kind, rate):
    """The true probabilities have an AUC that a model can approach."""
    block = logs.MAKERS[kind][0](3, 0)
    assert block.labels.mean() == pytest.approx(rate, abs=0.01)
    assert block.probabilities.mean() == pytest.approx(block.labels.mean(), abs=0.01)
    assert 0.75 < auc(block.labels, block.probabilities) < 0.9


def test_missing_values_are_as_frequent_as_stated(logs, monkeypatch):
    """Every column of Criteo's form; four standard errors of 8192 rows are below .023."""
    monkeypatch.setattr(logs, "BLOCK_ROWS", 8192)
    rows = [line.split("\t") for line in logs.criteo_block(0, 0).text.decode().splitlines()]
    assert {len(row) for row in rows} == {40}
    shares = [share for _, share in logs.CRITEO_NUMBERS.values()]
    shares += [share for _, share in logs.CRITEO_CATEGORIES.values()]
    for place, share in enumerate(shares, 1):
        missing = np.mean([row[place] == "" for row in rows])
        assert missing == pytest.approx(share, abs=0.023)


@pytest.mark.parametrize(("kind", "ending"), [("criteo", ""), ("avazu", ".gz"), ("avazu", ".zst")])
def test_a_shorter_file_is_the_beginning_of_a_longer_one(logs, tmp_path, monkeypatch, kind, ending):
    """Also across blocks, and another seed gives other rows; compression is by name."""
    monkeypatch.setattr(logs, "BLOCK_ROWS", 50)
    texts = []
    for number, (rows, seed) in enumerate([(120, 0), (70, 0), (70, 1)]):
        logs.write(kind, rows, tmp_path / f"{number}{ending}", seed)
        raw = (tmp_path / f"{number}{ending}").read_bytes()
        if ending == ".gz":
            raw = logs.gzip.decompress(raw)
        elif ending == ".zst":
            raw = logs.zstandard.ZstdDecompressor().decompressobj().decompress(raw)
        texts.append(raw.splitlines())
        assert len(texts[-1]) == rows + (kind == "avazu")
    assert texts[0][: len(texts[1])] == texts[1] != texts[2]


def test_avazus_rows_are_in_order_of_time(logs, monkeypatch):
    """Hours rise within a block and from block to block, as in ten days of October 2014."""
    monkeypatch.setattr(logs, "BLOCK_ROWS", 4096)
    monkeypatch.setattr(logs, "ROWS_PER_HOUR", 2048)
    hours = []
    for number in (0, 1, 12):
        hours += [line.split(",")[2] for line in logs.avazu_block(number, 0).text.decode().split()]
    assert hours == sorted(hours)
    assert {"14102100", "14102101", "14102103"} <= {*hours}
    assert hours[-1] == "14102201"
