"""Runs whose retrainings are packed: each has its own record, and the numbers of a run alone."""

import dataclasses
from pathlib import Path

import pytest

from aesbench.harness import packing, runner
from aesbench.harness.attempt import PreparedCache
from aesbench.harness.grid import plan
from aesbench.harness.runner import run, run_packed
from aesbench.plugins.registry import load_plugin

PLUGIN = Path(__file__).parents[1] / "plugin_files" / "packed.py"
SUPERNET = PLUGIN.with_name("supernet.py")
QUICK = {"train": {"epochs": "1"}}


@pytest.fixture(scope="module", autouse=True)
def plugins():
    """The methods and backbones are registered."""
    load_plugin(PLUGIN)
    load_plugin(SUPERNET)


@pytest.fixture
def packed(monkeypatch):
    """How many models each pack has had; models of any sizes are packed."""
    monkeypatch.setattr(packing, "MOST_PADDING", 99.0)
    sizes, real = [], runner.fit_pack

    def counting(models, *rest):
        sizes.append(len(models))
        return real(models, *rest)

    monkeypatch.setattr(runner, "fit_pack", counting)
    return sizes


def planned(dataset, *methods, seeds=(0,), settings=QUICK, **options):
    """The specs of a grid of one epoch."""
    return plan(dataset, methods, seeds=seeds, settings=settings, **options)


def by_spec(records):
    """{(label, seed, search): record}."""
    return {(r.spec.label, r.spec.seed, r.spec.search_index): r for r in records}


def assert_agree(record, single, tolerance=0.002):
    """What does not depend on rounding is equal, the metrics nearly."""
    for name in ("status", "spec", "allocation", "prepare_id", "parameters", "flops", "titles"):
        assert getattr(record, name) == getattr(single, name), name
    assert record.metrics.keys() == single.metrics.keys()
    for split, expected in single.metrics.items():
        assert record.metrics[split] == pytest.approx(expected, abs=tolerance)
    assert set(record.seconds) == set(single.seconds) == set(record.cpu_seconds)


def without_traceback(record):
    """The error of a record; the traceback has other lines."""
    return {**record.error, "traceback": ""}


@pytest.mark.parametrize("backbone", ["widedeep", "deepfm"])
def test_packed_runs_have_the_records_of_single_ones(planted_tiny, packed, backbone):
    """Sizes and seeds mixed; each says in its environment with how many it was trained."""
    specs = planned(
        planted_tiny, "ues:2", "ues:8", "mde:value", "random", seeds=(0, 1), backbones=[backbone]
    )
    records = by_spec(run_packed(specs, planted_tiny, 8))
    assert packed == [8] and len(records) == len(specs)
    for spec in specs:
        single = run(spec, planted_tiny)
        record = records[spec.label, spec.seed, spec.search_index]
        assert_agree(record, single)
        pack = record.environment.pop("pack")
        assert pack["models"] == 8 and pack["width"] >= 8 * len(planted_tiny.fields)
        assert set(record.environment) == set(single.environment)


def test_a_pack_has_at_most_as_many_as_asked_for(planted_tiny, packed):
    """Five models make packs of three and of two."""
    specs = planned(planted_tiny, "ues:2", seeds=range(5))
    records = list(run_packed(specs, planted_tiny, 3))
    assert sorted(packed) == [2, 3] and len(by_spec(records)) == 5
    assert sorted(record.environment["pack"]["models"] for record in records) == [2, 2, 3, 3, 3]


@pytest.mark.parametrize(
    ("methods", "sizes"),
    [
        (["fixed:8", "ues:8"], [4]),
        (["fixed:4", "ues:8"], [4]),  # A quarter of each pair is padding: a third more.
        (["fixed:2", "ues:8"], [2, 2]),
        (["fixed:2", "ues:2", "fixed:16", "ues:24"], [4, 4]),
    ],
)
def test_sizes_too_far_apart_are_packed_apart(planted_tiny, monkeypatch, methods, sizes):
    """What a pack saves, its padding would cost."""
    found, real = [], runner.fit_pack
    monkeypatch.setattr(
        runner, "fit_pack", lambda models, *rest: found.append(len(models)) or real(models, *rest)
    )
    specs = planned(planted_tiny, *methods, seeds=(0, 1))
    records = by_spec(run_packed(specs, planted_tiny, 8))
    assert sorted(found) == sizes and len(records) == len(specs)
    assert all(record.ok for record in records.values())


def test_a_model_without_company_is_trained_as_ever(planted_tiny, packed):
    """To the bits of a single run, of which the environment then tells."""
    (spec,) = planned(planted_tiny, "ues:2")
    (record,) = run_packed([spec], planted_tiny, 8)
    assert record.metrics == run(spec, planted_tiny).metrics
    assert not packed and "pack" not in record.environment


def test_the_same_pack_gives_the_same_bits(planted_tiny):
    """Same specs, same size of pack, same neighbours."""
    specs = planned(planted_tiny, "ues:2", "mde:value", seeds=(0, 1))
    first, second = (by_spec(run_packed(specs, planted_tiny, 4)) for _ in range(2))
    assert {key: r.metrics for key, r in first.items()} == {
        key: r.metrics for key, r in second.items()
    }


def test_protocols_are_packed_apart(planted_tiny, packed):
    """Models of other backbones, or trained otherwise, are no neighbours."""
    other = {"train": {"epochs": "1", "learning_rate": "0.002"}}
    specs = [
        *planned(planted_tiny, "ues:2", seeds=(0, 1), backbones=["widedeep", "deepfm"]),
        *planned(planted_tiny, "ues:2", seeds=(0, 1, 2), settings=other),
    ]
    assert all(record.ok for record in run_packed(specs, planted_tiny, 8))
    assert sorted(packed) == [2, 2, 3]


def test_a_failing_search_costs_its_own_run_only(planted_tiny, packed):
    """Its record is that of a single run; the others are packed without it."""
    specs = planned(planted_tiny, "guilty", "ues:8", seeds=(0, 1))
    records = by_spec(run_packed(specs, planted_tiny, 8))
    assert packed == [3]
    for spec in specs:
        record = records[spec.label, spec.seed, 0]
        assert record.ok == ((spec.label, spec.seed) != ("guilty", 1))
    failed = records["guilty", 1, 0]
    assert without_traceback(failed) == without_traceback(run(failed.spec, planted_tiny))
    assert "a bug in the plugin" in failed.error["traceback"] and failed.metrics == {}


def test_a_failing_model_costs_its_own_run_only(planted_tiny, packed):
    """Whether it cannot be built or diverges; its record says what a single run's would."""
    specs = planned(planted_tiny, "ues:2", seeds=range(4), backbones=["fussy"])
    records = {r.spec.seed: r for r in run_packed(specs, planted_tiny, 8)}
    assert packed == [3]
    singles = {spec.seed: run(spec, planted_tiny) for spec in specs}
    for seed in (0, 3):
        assert_agree(records[seed], singles[seed])
    for seed in (1, 2):
        assert not records[seed].ok and records[seed].metrics == {}
        assert without_traceback(records[seed]) == without_traceback(singles[seed])
        assert records[seed].allocation == singles[seed].allocation
    assert set(records[2].seconds) == set(singles[2].seconds)


def test_a_backbone_that_draws_from_the_global_generator_starts_as_it_does_alone(planted_tiny):
    """And its dropout goes on from there."""
    settings = {**QUICK, "careless": {"dropout": "0.5"}}
    specs = planned(planted_tiny, "ues:2", seeds=(0, 1), backbones=["careless"], settings=settings)
    for record in run_packed(specs, planted_tiny, 2):
        assert record.environment["pack"]["models"] == 2
        assert_agree(record, run(record.spec, planted_tiny), 1e-4)


@pytest.mark.parametrize("backbone", ["unpackable", "normalised"])
def test_what_does_not_pack_is_trained_one_by_one(planted_tiny, backbone, recwarn):
    """To the bits of single runs, without a word."""
    specs = planned(planted_tiny, "ues:2", "ues:8", seeds=(0, 1), backbones=[backbone])
    records = by_spec(run_packed(specs, planted_tiny, 8))
    for spec in specs:
        record = records[spec.label, spec.seed, 0]
        assert record.ok and record.metrics == run(spec, planted_tiny).metrics
        assert "pack" not in record.environment
    assert not recwarn.list


def test_a_pack_that_fails_is_trained_one_by_one(planted_tiny):
    """A backbone that promised too much costs time, of which a warning tells, and no run."""
    specs = planned(planted_tiny, "ues:2", seeds=(0, 1), backbones=["breaking"])
    with pytest.warns(RuntimeWarning, match="2 of them are trained one by one: written for one"):
        records = list(run_packed(specs, planted_tiny, 8))
    assert [r.metrics for r in records] == [run(spec, planted_tiny).metrics for spec in specs]


def test_searches_that_agree_share_one_retraining(planted_tiny, packed):
    """Both records have its numbers and seconds; a state is prepared once."""
    first = planned(planted_tiny, "supernet", seeds=(0, 1))
    again = [dataclasses.replace(spec, search_index=1) for spec in first]
    specs = [spec for pair in zip(first, again, strict=True) for spec in pair]
    records = by_spec(run_packed(specs, planted_tiny, 8, cache=PreparedCache()))
    states = {(r.prepare_id, r.allocation) for r in records.values()}
    assert packed == [len(states)] and len(records) == 4
    for one in records.values():
        for other in records.values():
            if (one.prepare_id, one.allocation) == (other.prepare_id, other.allocation):
                assert one.metrics == other.metrics and one.epochs == other.epochs
                assert one.seconds["retrain"] == other.seconds["retrain"]
                assert one.environment["pack"] == other.environment["pack"]
    for spec in specs:
        assert_agree(records[spec.label, spec.seed, spec.search_index], run(spec, planted_tiny))


def test_equal_searches_fail_alike(planted_tiny):
    """Where the shared retraining fails, each record says so."""
    (first,) = planned(planted_tiny, "fixed:2", seeds=(2,), backbones=["fussy"])
    neighbours = planned(planted_tiny, "ues:2", seeds=(0, 3), backbones=["fussy"])
    again = dataclasses.replace(first, search_index=1)
    records = by_spec(run_packed([first, again, *neighbours], planted_tiny, 8))
    assert [records["fixed:2", 2, index].ok for index in (0, 1)] == [False, False]
    assert sum(record.ok for record in records.values()) == 2


def test_a_start_with_inherited_weights_is_trained_alone(planted_tiny, packed):
    """To the bits of a single run; the others are packed."""
    inherits = planned(planted_tiny, "supernet", seeds=(0, 1), inherit=True)
    others = planned(planted_tiny, "ues:2", seeds=(0, 1))
    records = by_spec(run_packed([*inherits, *others], planted_tiny, 8))
    assert packed == [2]
    for spec in inherits:
        record = records[spec.label, spec.seed, 0]
        assert record.metrics == run(spec, planted_tiny).metrics
        assert "pack" not in record.environment


def test_searches_without_retraining_and_scores_are_no_members(planted_tiny, packed):
    """Their records come as they are."""
    specs = [
        *planned(planted_tiny, "ues:2", retrain=False),
        *planned(planted_tiny, "supernet", scores=2),
    ]
    records = list(run_packed(specs, planted_tiny, 8))
    assert [record.ok for record in records] == [True, True] and not packed
    assert records[0].metrics == {} and len(records[1].scores) == 2


def test_a_tuning_s_runs_leave_the_test_split_alone(planted_tiny):
    """Their records have validation metrics only."""
    specs = planned(planted_tiny, "ues:2", seeds=(0, 1))
    records = list(run_packed(specs, planted_tiny, 2, test=False))
    assert [set(record.metrics) for record in records] == [{"validation"}] * 2


def test_every_run_is_told_of(planted_tiny):
    """Each member hears where the pack is."""
    heard = {}
    specs = planned(planted_tiny, "ues:2", seeds=(0, 1))

    def progress(spec):
        return lambda *said: heard.setdefault(spec.seed, []).append(said)

    list(run_packed(specs, planted_tiny, 2, progress=progress))
    for said in heard.values():
        assert {("search", 0, 1), ("retrain", 0, 1), ("epoch", 1, 1), ("evaluate", 0, 1)} <= {*said}
    assert set(heard) == {0, 1}
