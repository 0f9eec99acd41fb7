"""The probes of a split say what they say: rates of cells, and rows that stand in train."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

from aesbench.datasets.base import Field
from aesbench.datasets.store import open_dataset
from aesbench.datasets.writer import DatasetWriter


@pytest.fixture(scope="module")
def probes():
    """The script as a module."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
    try:
        return importlib.import_module("split_probes")
    finally:
        sys.path.pop(0)


@pytest.fixture
def data(tmp_path):
    """Two fields, (a, b), of two and three ids: ten train rows, and others known and unknown."""
    train = [(0, 0, 1)] * 3 + [(0, 0, 0)] + [(0, 1, 0)] * 4 + [(1, 0, 1)] * 2
    parts = {
        "train": train,
        "validation": [(0, 0, 1), (0, 1, 0), (1, 0, 1)],
        "test": [(0, 0, 1), (0, 1, 0), (1, 1, 1), (1, 2, 0)],
    }
    writer = DatasetWriter(tmp_path, "probed", raw={}, settings={})
    for split, rows in parts.items():
        ids, labels, _ = writer.split(split, len(rows), 2)
        ids[:] = [row[:2] for row in rows]
        labels[:] = [row[2] for row in rows]
        ids.flush(), labels.flush()
    counts = np.array([8, 2, 0]), np.array([6, 4, 0])
    writer.finish([Field(name, 3, counts=own) for name, own in zip("ab", counts, strict=True)])
    return open_dataset(tmp_path)


def test_a_table_scores_by_the_smoothed_rate_of_the_cell(probes, data):
    """By hand: half of train is positive, so a cell's rate is (positives + 5) / (rows + 10)."""
    scores = probes.rates(data, ["a", "b"], data.test)
    assert scores.tolist() == pytest.approx([8 / 14, 5 / 14, 0.5, 0.5])
    assert probes.rates(data, ["a"], data.test).tolist() == pytest.approx(
        [8 / 18, 8 / 18, 7 / 12, 7 / 12]
    )


def test_the_auc_is_that_of_the_scores(probes, data):
    """Of the four pairs of a positive and a negative, three are in order and one is a tie."""
    assert probes.table_auc(data, ["a", "b"]) == pytest.approx(3.5 / 4)


def test_the_best_table_is_chosen_on_validation(probes, data):
    """There is one pair."""
    assert probes.best(data, 2) == ("a", "b")


def test_twins_stand_in_train_with_all_their_ids(probes, data):
    """Two of the four test rows do; (1, 1) has known ids in a new combination."""
    assert probes.twins(data) == 0.5


def test_the_script_prints_them(probes, monkeypatch, capsys, cache_dir):
    """On a built-in data set with a changed setting."""
    words = ["planted-tiny", "--set", "rows=6000", "--fields", "query,category"]
    monkeypatch.setattr("sys.argv", ["split_probes.py", *words])
    monkeypatch.setenv("AESBENCH_CACHE", str(cache_dir))
    probes.main()
    printed = capsys.readouterr().out
    assert "table query,category: test AUC 0." in printed and "best table of up to 3" in printed
    assert "% of the test rows" in printed
