"""Runs whose ids share vectors: counted, packed, kept, drawn."""

import pytest

from aesbench.core.record import RunRecord
from aesbench.harness.grid import plan
from aesbench.harness.runner import run, run_packed
from aesbench.report.evidence import gather
from aesbench.report.exhibits import comparison, overview, truth

QUICK = {"train": {"epochs": "1"}, "hashing-trick": {"threshold": "5"}}


@pytest.mark.parametrize("backbone", ["widedeep", "deepfm"])
def test_a_budget_buys_vectors(planted_tiny, backbone):
    """At a quarter of UES-32 a quarter of the vectors; the record holds what was trained."""
    (spec,) = plan(
        planted_tiny,
        ["hashing-trick"],
        seeds=[0],
        budget=0.25,
        settings=QUICK,
        backbones=[backbone],
    )
    record = run(spec, planted_tiny)
    assert record.ok, record.error
    assert 0.22 * 4 < record.parameters["embedding"] / spec.budget <= 1
    assert record.parameters["embedding"] == record.allocation.parameters <= spec.budget
    assert record.parameters["wide"] == 1 + sum(f.cardinality for f in planted_tiny.fields)
    assert record.int8["bytes"] == record.allocation.parameters // 32 * 36
    assert RunRecord.from_dict(record.to_dict()).allocation == record.allocation


def test_packed_runs_with_hashing_are_those_alone(planted_tiny):
    """They are trained one by one, the others of the grid as one; a report shows both."""
    specs = plan(planted_tiny, ["hashing-trick", "ues:8"], seeds=[0, 1], settings=QUICK)
    records = {r.spec.run_id: r for r in run_packed(specs, planted_tiny, 4)}
    for spec in specs:
        record = records[spec.run_id]
        assert (record.pack is None) == (spec.method == "hashing-trick")
        if spec.method == "hashing-trick":
            assert record.metrics == run(spec, planted_tiny).metrics
    evidence = gather(records.values())
    assert all(build(evidence) for build in (overview.build, comparison.build))
    truth.build(evidence)
