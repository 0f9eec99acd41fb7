"""Runs whose allocations carry masks: retrained, counted, kept, resumed, packed, merged."""

from pathlib import Path

import numpy as np
import pytest

from aesbench import Allocation
from aesbench.core.record import mask_path, read_record, record_path, with_masks
from aesbench.errors import RecordError
from aesbench.harness.grid import execute, plan
from aesbench.harness.merge import merge
from aesbench.harness.runner import run, run_packed
from aesbench.plugins.registry import METHODS, load_plugin
from aesbench.testing.conformance import (
    CHECKS,
    ContractError,
    check_allocation,
    check_budget,
)

PLUGIN = Path(__file__).parents[1] / "plugin_files" / "masked.py"
QUICK = {"train": {"epochs": "1"}}


@pytest.fixture(scope="module", autouse=True)
def plugins():
    """The methods are registered."""
    load_plugin(PLUGIN)


def planned(dataset, *methods, seeds=(0,), **options):
    """The specs of a grid of one epoch."""
    return plan(dataset, methods, seeds=seeds, settings=QUICK, **options)


@pytest.mark.parametrize("backbone", ["widedeep", "deepfm"])
def test_a_masked_run_counts_what_it_keeps(planted_tiny, backbone):
    """It is trained like any other, and its parameters are the kept values."""
    (spec,) = planned(planted_tiny, "masked", backbones=[backbone])
    record = run(spec, planted_tiny)
    assert record.ok, record.error
    found = record.allocation
    assert record.parameters["embedding"] == found.parameters < found.dense_parameters
    assert found.index_bytes > 0 and 0.5 < record.metrics["test"]["auc"] < 1


def test_a_budget_counts_the_index(planted_tiny):
    """A method that forgets it is told what was counted."""
    (spec,) = planned(planted_tiny, "masked", budget=0.1)
    record = run(spec, planted_tiny)
    assert record.allocation.memory_parameters <= spec.budget
    (spec,) = planned(planted_tiny, "careless", budget=0.1)
    record = run(spec, planted_tiny)
    assert not record.ok and "bytes of index at 4 a parameter" in record.error["message"]


@pytest.mark.parametrize("workers", [1, 2])
def test_masks_lie_beside_the_record(planted_tiny, tmp_path, workers):
    """Workers send them along; a run that is done is not made again."""
    specs = planned(planted_tiny, "masked", "ues:8", seeds=(0, 1))
    outcome = execute(specs, planted_tiny, tmp_path, workers=workers, plugins=[PLUGIN])
    assert not outcome.failures and outcome.ran == 4
    files = {path.stem for path in (tmp_path / "masks").rglob("*.npz")}
    assert files == {spec.run_id for spec in specs if spec.method == "masked"}
    spec = specs[0]
    record = with_masks(tmp_path, read_record(record_path(tmp_path, spec)))
    direct = run(spec, planted_tiny)
    assert record.metrics == direct.metrics
    for mask, same in zip(record.allocation.masks, direct.allocation.masks, strict=True):
        assert np.array_equal(mask.values(), same.values())
    assert execute(specs, planted_tiny, tmp_path, workers=1).ran == 0


def test_packed_runs_with_masks_are_those_alone(planted_tiny):
    """They are trained one by one, the others of the grid as one."""
    specs = planned(planted_tiny, "masked", "ues:8", seeds=(0, 1))
    records = {r.spec.run_id: r for r in run_packed(specs, planted_tiny, 4)}
    for spec in specs:
        record = records[spec.run_id]
        assert (record.pack is None) == (spec.method == "masked")
        if spec.method == "masked":
            assert record.metrics == run(spec, planted_tiny).metrics


def test_a_search_without_retraining_keeps_its_masks(planted_tiny, tmp_path):
    """A run that only searched keeps them, too."""
    (spec,) = planned(planted_tiny, "masked", retrain=False)
    outcome = execute([spec], planted_tiny, tmp_path, plugins=[PLUGIN])
    (record,) = outcome.records
    assert record.ok and mask_path(tmp_path, spec).is_file()
    assert with_masks(tmp_path, record).allocation == record.allocation


def test_masks_are_merged_with_their_records(planted_tiny, tmp_path):
    """The bytes of both; a record without its masks is refused before anything is written."""
    specs = planned(planted_tiny, "masked", seeds=(0, 1))
    for folder, spec in zip(("a", "b"), specs, strict=True):
        execute([spec], planted_tiny, tmp_path / folder, plugins=[PLUGIN])
    merge([tmp_path / "a", tmp_path / "b"], tmp_path / "all")
    for folder, spec in zip(("a", "b"), specs, strict=True):
        own = mask_path(tmp_path / folder, spec).read_bytes()
        assert mask_path(tmp_path / "all", spec).read_bytes() == own
    mask_path(tmp_path / "b", specs[1]).unlink()
    with pytest.raises(RecordError, match="masks of this allocation are not there"):
        merge([tmp_path / "b"], tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("preset", ["", "rows"])
def test_a_method_with_masks_keeps_the_contract(check, preset):
    """Masks of values and of rows pass every check."""
    check(METHODS.get("masked"), preset)


def test_a_method_that_forgets_the_index_breaks_the_contract():
    """The check counts as the harness does."""
    with pytest.raises(ContractError, match="bytes of index"):
        check_budget(METHODS.get("careless"), "")


def test_masks_without_values_break_the_contract():
    """Those that somebody read from a record cannot be retrained."""

    class Empty(METHODS.get("masked")):
        """Its masks have counts only."""

        def search(self, context, prepared):
            return Allocation.from_dict(super().search(context, prepared).to_dict())

    with pytest.raises(ContractError, match="masks without their values; make them with Mask.of"):
        check_allocation(Empty, "")
