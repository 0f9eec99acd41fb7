"""The benchmarks at full size measure what they say: which methods, which rows, which verdict."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

from aesbench import load_dataset
from aesbench.core.allocation import Allocation
from aesbench.core.record import RunRecord
from aesbench.datasets.base import Split
from aesbench.harness.grid import plan
from aesbench.plugins.registry import METHODS


@pytest.fixture(scope="module")
def searches():
    """The script as a module, beside those that it imports."""
    return imported("click_log_searches")


def imported(name):
    """Import a benchmark as Python does that runs it."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.pop(0)


def test_every_method_that_is_not_told_its_sizes_is_measured(searches):
    """One entry each, in a form that ``aesbench run`` takes."""
    chosen = searches.searching()
    assert {text.partition(":")[0] for text in chosen} == {*METHODS.names()} - {"ues", "fixed"}
    assert len(chosen) == len(METHODS.names()) - 2
    assert "adass:r" in chosen and "autodim" in chosen


def test_a_search_over_the_limit_is_told(searches, tmp_path):
    """It failed, or it held more than the limit; a search within it says yes."""
    data = load_dataset("planted-tiny", cache_dir=tmp_path)
    specs = plan(data, ["autodim", "esapn", "mde:field"], seeds=[0], retrain=False)
    found = Allocation.uniform(data.fields, 2)
    error = {"type": "RunMemory", "message": "ended", "phase": "search", "traceback": ""}
    records = [
        RunRecord(specs[0], "ok", allocation=found, peak_memory_bytes=3 * 2**30),
        RunRecord(specs[1], "failed", error=error),
        RunRecord(specs[2], "ok", allocation=found, peak_memory_bytes=1 * 2**30),
    ]
    table = searches.table_of(records, data, 2.0, "a command")
    assert table.column("method") == ["AutoDim", "ESAPN", "MDE (field-wise)"]
    assert table.column("within the limit") == ["no", "no", "yes"]
    assert table.column("phase of the failure")[1] == "search: RunMemory"
    assert data.hash[:16] in table.caption and "a command" in table.caption


def test_a_slice_has_the_rows_and_fewer_ids():
    """Equal ids stay equal, different ones different, and every new id occurs."""
    training = imported("click_log_training")
    ids = np.array([[7, 0], [3, 2], [7, 2], [9, 1]], np.int32)
    split, cardinalities = training.renumbered(Split(ids, np.array([0, 1, 1, 0], np.uint8)), 3)
    assert split.ids.tolist() == [[1, 0], [0, 1], [1, 1]]
    assert cardinalities == (2, 2)
    assert split.labels.tolist() == [0, 1, 1]
    assert split.ids.dtype == np.int32
