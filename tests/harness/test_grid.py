"""Grids: from names to specs, from specs to records; and workers that die."""

import dataclasses
import json
from pathlib import Path

import psutil
import pytest

from aesbench.core.metrics import Metrics
from aesbench.core.record import read_records, read_traces, record_path
from aesbench.core.trace import Trace
from aesbench.errors import ConfigError, RecordError
from aesbench.harness.executors.jobs import Finished, Limits
from aesbench.harness.executors.local import failed_record, run_jobs
from aesbench.harness.grid import (
    choose_methods,
    execute,
    failures_folder,
    plan,
    without_budget,
)
from aesbench.harness.runner import run
from aesbench.plugins.registry import METHODS, load_plugin

PLUGIN = Path(__file__).parents[1] / "plugin_files" / "misbehaving.py"
SUPERNET = PLUGIN.with_name("supernet.py")
MARK = "left by a method that hangs"
QUICK = {"train": {"epochs": "1"}}


@pytest.fixture(scope="module", autouse=True)
def plugins():
    """The misbehaving methods are registered here; workers load them by their path."""
    load_plugin(PLUGIN)
    load_plugin(SUPERNET)


def test_a_bare_name_means_its_default_presets():
    """`ues` is the whole family of uniform sizes."""
    labels = [choice.label for choice in choose_methods("ues")]
    assert labels == ["ues:2", "ues:8", "ues:16", "ues:24", "ues:32", "ues:64"]


def test_a_control_under_the_other_unification_is_labelled(planted_tiny):
    """`+transform` shows in the label of Wide&Deep, whose default is plain, and not of DeepFM."""
    specs = plan(planted_tiny, ["ues:32+transform"], backbones=["widedeep", "deepfm"], seeds=[0])
    assert [(s.label, s.unification) for s in specs] == [
        ("ues:32+transform", "transform"),
        ("ues:32", "transform"),
    ]


def test_a_run_named_twice_is_planned_once(planted_tiny):
    """`ues:32` and, where plain is the default, `ues:32+plain` are one run."""
    specs = plan(planted_tiny, ["ues:32", "ues:32+plain", "ues"], seeds=[0])
    assert len(specs) == 6


def test_changed_settings_show_in_the_label_and_the_id(planted_tiny):
    """A run with another setting is another row of the table and another record."""
    (plain,) = plan(planted_tiny, ["mde:value"], seeds=[0])
    (changed,) = plan(planted_tiny, ["mde:value"], seeds=[0], settings={"mde": {"alpha": "0.2"}})
    assert changed.label == "mde:value[alpha=0.2]"
    assert changed.method_config["alpha"] == 0.2
    assert plain.run_id != changed.run_id


def test_a_budget_reaches_those_who_take_one(planted_tiny):
    """A budget is a share of UES-32's embedding parameters; UES itself runs without."""
    rows = sum(field.cardinality for field in planted_tiny.fields)
    specs = plan(planted_tiny, ["ues:8", "mde:value"], seeds=[0], budget=0.5)
    assert [(s.label, s.budget) for s in specs] == [("ues:8", None), ("mde:value@0.5", rows * 16)]
    assert without_budget(specs) == ["ues"]


def test_candidates_are_part_of_a_run(planted_tiny):
    """The paper's unless others are given, which make other runs; 0 for those that take it."""
    (plain,) = plan(planted_tiny, ["greedy"], seeds=[0])
    (small,) = plan(planted_tiny, ["greedy"], seeds=[0], candidates=[0, 2, 4])
    (same,) = plan(planted_tiny, ["greedy"], seeds=[0], candidates=[2, 8, 16, 32, 64])
    assert plain.candidates == (2, 8, 16, 32, 64) and small.candidates == (0, 2, 4)
    assert plain.run_id == same.run_id != small.run_id


@pytest.mark.parametrize(
    ("names", "options", "words"),
    [
        (["uess"], {}, "unknown method 'uess'; did you mean 'ues'?"),
        (["ues:wide"], {}, "wide"),
        (["ues:8+transfrom"], {}, "did you mean 'transform'?"),
        (["ues"], {"backbones": ["deepfn"]}, "unknown backbone 'deepfn'; did you mean 'deepfm'?"),
        (["mde"], {"settings": {"mde": {"aplha": "1"}}}, "'mde' has no setting 'aplha'; did you"),
        (["mde"], {"settings": {"mde": {"alpha": "x"}}}, "mde.alpha = 'x'"),
        (["ues"], {"settings": {"mde": {"alpha": "1"}}}, "--set names 'mde', which is not part"),
        (["ues"], {"budget": -1.0}, "budget = -1.0"),
        (["ues"], {"budget": float("inf")}, "budget = inf: expected a share"),
        (["mde"], {"settings": {"mde": {"alpha": "nan"}}}, "mde.alpha = 'nan': expected a finite"),
        (["ues"], {"searches": 0}, "searches = 0: expected an int of at least 1"),
        (
            ["supernet", "ues"],
            {"inherit": True},
            "method 'ues' cannot hand on the weights of a sea",
        ),
        (["ues", "mde"], {"inherit": True}, "methods 'ues', 'mde' cannot hand on the weights"),
        (["ues"], {"inherit": True}, "run without --inherit, or without it"),
        (["ues"], {"budget": 1e-9}, "is less than one; raise --budget"),
        (["supernet", "ues"], {"scores": 5}, "method 'ues' cannot score an allocation"),
        (["supernet"], {"scores": 5, "inherit": True}, "inherit = True: expected false"),
        (["supernet"], {"inherit": True, "retrain": False}, "inherit = True: expected false"),
        (["greedy", "autodim"], {"candidates": (0, 2)}, "method 'autodim' cannot: run it without"),
        (
            ["autodim", "nis", "ues"],
            {"candidates": (0, 2)},
            "methods 'autodim', 'nis' cannot: run the",
        ),
        (["autodim"], {"candidates": (0, 2)}, "those that take it: evolution, fixed, greedy"),
        (["greedy"], {"candidates": (2, 0)}, "candidates = (2, 0): expected distinct sizes in asc"),
    ],
)
def test_a_wrong_name_is_an_error_that_helps(planted_tiny, names, options, words):
    """Unknown names suggest the nearest one; values out of range are named."""
    with pytest.raises(ConfigError) as caught:
        plan(planted_tiny, names, seeds=[0], **options)
    assert words in str(caught.value)


def test_done_runs_are_skipped_and_forced_runs_are_not(planted_tiny, tmp_path):
    """A second execution runs nothing; with force it runs all and gets the same bits."""
    specs = plan(planted_tiny, ["ues:2", "ues:8"], seeds=[0], settings=QUICK)
    first = execute(specs, planted_tiny, tmp_path, threads=1)
    again = execute(specs, planted_tiny, tmp_path, threads=1)
    forced = execute(specs, planted_tiny, tmp_path, threads=1, force=True)
    assert (first.ran, again.ran, forced.ran) == (2, 0, 2)
    metrics = [[record.metrics for record in o.records] for o in (first, again, forced)]
    assert metrics[0] == metrics[1] == metrics[2]


def test_a_failing_run_spoils_its_own_cell_only(planted_tiny, tmp_path):
    """A method that raises and one that kills its process leave failed records; others go on."""
    specs = plan(planted_tiny, ["raising", "dying", "ues:2"], seeds=[0, 1], settings=QUICK)
    events = []
    outcome = execute(
        specs, planted_tiny, tmp_path, threads=1, plugins=[PLUGIN], listen=events.append
    )
    status = {(r.spec.method, r.spec.seed): r.status for r in outcome.records}
    assert status == {
        (method, seed): "ok" if method == "ues" else "failed"
        for method in ("raising", "dying", "ues")
        for seed in (0, 1)
    }
    assert outcome.failed == 4
    assert len([event for event in events if isinstance(event, Finished)]) == 6
    died = next(r for r in outcome.records if r.spec.method == "dying")
    assert "SIGKILL" in died.error["message"] and "memory" in died.error["message"]
    assert len(list(read_records(tmp_path))) == 6


@pytest.mark.parametrize(
    ("method", "limits", "kind", "words"),
    [
        ("hanging", {"seconds": 4}, "RunTimeout", "--run-timeout 4 is the most"),
        ("eating", {"memory_gib": 1.0}, "RunMemory", "--run-memory 1 is the most"),
    ],
)
def test_a_run_that_exceeds_a_limit_costs_its_own_cell_only(
    planted_tiny, tmp_path, method, limits, kind, words
):
    """It is ended with all that it started, and becomes a failed record; others go on."""
    specs = plan(planted_tiny, ["ues:2", method, "ues:8"], seeds=[0], retrain=False)
    outcome = execute(
        specs, planted_tiny, tmp_path, threads=1, plugins=[PLUGIN], limits=Limits(**limits)
    )
    assert [record.ok for record in outcome.records] == [True, False, True]
    error = outcome.records[1].error
    assert (error["type"], error["phase"]) == (kind, "search") and words in error["message"]
    # Its own process has been taken over by the system's first one, had it been left alive.
    left = [p for p in psutil.process_iter(["cmdline"]) if MARK in (p.info["cmdline"] or ())]
    assert not left


@pytest.mark.parametrize("limits", [{"seconds": 0}, {"memory_gib": -1.0}])
def test_a_limit_is_above_nothing(limits):
    """The error names the option."""
    with pytest.raises(ConfigError, match="run-(timeout|memory) = .*above 0"):
        Limits(**limits)


def test_failed_runs_are_run_again(planted_tiny, tmp_path):
    """Only a successful record counts as done."""
    specs = plan(planted_tiny, ["raising"], seeds=[0], settings=QUICK)
    assert execute(specs, planted_tiny, tmp_path, plugins=[PLUGIN]).ran == 1
    assert execute(specs, planted_tiny, tmp_path, plugins=[PLUGIN]).ran == 1


def executor_that(fails):
    """An executor, as one on a cluster could be: runs, or tells a failure of those that fail."""

    def run_or_fail(jobs, workers, settings):
        for job in jobs:
            for spec in job.specs:
                if fails(spec):
                    trace = Trace()
                    trace("loss", 0, float("nan"))
                    record = failed_record(spec, "E", "lost", "search")
                    yield Finished(dataclasses.replace(record, traces={"search": trace}), 0.1)
                else:
                    yield from run_jobs([dataclasses.replace(job, specs=(spec,))], 1, settings)

    return run_or_fail


def test_a_forced_run_that_fails_keeps_the_good_record(planted_tiny, tmp_path):
    """Record and traces stay to the last byte; the failure is told, and lies beside them."""
    specs = plan(planted_tiny, ["supernet"], seeds=[0, 1], settings=QUICK)
    how = {"threads": 1, "plugins": [SUPERNET], "force": True}
    execute(specs, planted_tiny, tmp_path, **how)
    before = {p: p.read_bytes() for p in tmp_path.rglob("*.json")}
    assert len(before) == 5  # Two records, two traces, a datasheet.
    fails = executor_that(lambda spec: spec.seed == 0)
    outcome = execute(specs[:1], planted_tiny, tmp_path, executor=fails, **how)
    assert {p: p.read_bytes() for p in before} == before
    assert (outcome.ran, outcome.failed, outcome.kept) == (1, 1, 1)
    assert outcome.failures[0].error["message"] == "lost" and outcome.records[0].ok
    (failure,) = read_records(failures_folder(tmp_path))
    assert failure.spec.run_id == specs[0].run_id and not failure.ok
    assert "search" in read_traces(failures_folder(tmp_path), specs[0])
    assert len(list(read_records(tmp_path))) == 2  # What comparisons read.
    assert execute(specs, planted_tiny, tmp_path, executor=fails, threads=1).ran == 0
    mended = execute(specs[:1], planted_tiny, tmp_path, **how)
    assert (mended.failed, mended.kept) == (0, 0)
    assert not list(failures_folder(tmp_path).rglob("*.json"))


def test_a_failure_is_recorded_where_nothing_good_lies(planted_tiny, tmp_path):
    """The later failure in place of the earlier, a success in place of both."""
    specs = plan(planted_tiny, ["ues:2"], seeds=[0], settings=QUICK)
    fails = executor_that(lambda spec: True)
    for force in (False, True):
        outcome = execute(specs, planted_tiny, tmp_path, executor=fails, force=force)
        assert (outcome.failed, outcome.kept) == (1, 0) and not outcome.records[0].ok
    assert not failures_folder(tmp_path).exists()
    assert execute(specs, planted_tiny, tmp_path, threads=1).records[0].ok


def test_a_search_that_fails_hides_no_run_that_retrained_it(planted_tiny, tmp_path):
    """Neither one forced after that run, nor one that failed before it."""
    whole, search = (
        plan(planted_tiny, ["ues:2"], seeds=[0], settings=QUICK, retrain=retrain)
        for retrain in (True, False)
    )
    fails = executor_that(lambda spec: True)
    for first in (whole, search):
        results = tmp_path / first[0].run_id
        if first is search:
            execute(search, planted_tiny, results, executor=fails)
        execute(whole, planted_tiny, results, threads=1)
        if first is whole:
            forced = execute(search, planted_tiny, results, executor=fails, force=True)
            assert (forced.failed, forced.kept) == (1, 1) and forced.records[0].ok
        again = execute(search, planted_tiny, results, executor=fails)
        assert again.ran == 0 and again.records[0].ok


def test_a_failure_takes_the_place_of_no_record_of_another_version(planted_tiny, tmp_path):
    """What cannot be read may be good: it stays, and is named."""
    specs = plan(planted_tiny, ["ues:2"], seeds=[0], settings=QUICK)
    path = record_path(tmp_path, specs[0])
    path.parent.mkdir(parents=True)
    path.write_text('{"schema": 9}')
    fails = executor_that(lambda spec: True)
    with pytest.raises(RecordError, match="schema 9.*delete or move the file"):
        execute(specs, planted_tiny, tmp_path, executor=fails, force=True)
    assert path.read_text() == '{"schema": 9}'
    (failure,) = read_records(failures_folder(tmp_path))
    assert failure.spec.run_id == specs[0].run_id


def test_a_run_that_diverges_fails_in_plain_words(planted_tiny, tmp_path):
    """Logits that are not finite are no measurement: no record holds NaN."""
    settings = {"train": {"epochs": "1", "learning_rate": "1e38"}}
    specs = plan(planted_tiny, ["ues:2"], seeds=[0], settings=settings)
    (record,) = execute(specs, planted_tiny, tmp_path, threads=1).records
    assert record.error["type"] == "DataError" and "the model diverged" in record.error["message"]
    for path in tmp_path.rglob("*.json"):
        json.loads(path.read_text(), parse_constant=pytest.fail)


def test_a_score_that_is_not_finite_fails_its_run(planted_tiny, tmp_path, monkeypatch):
    """A supernet that diverged predicts nothing."""
    method = METHODS.get("supernet")
    monkeypatch.setattr(method, "score", lambda *_: Metrics(float("nan"), 0.5))
    (spec,) = plan(planted_tiny, ["supernet"], seeds=[0], scores=2)
    record = run(spec, planted_tiny)
    assert not record.ok and "a score is not finite" in record.error["message"]


def test_a_full_disk_stops_the_grid_and_keeps_what_is_written(planted_tiny, tmp_path, monkeypatch):
    """The record that cannot be written is an error that says what to do; earlier ones stay."""
    import errno
    import os

    specs = plan(planted_tiny, ["ues:2", "ues:8"], seeds=[0], settings=QUICK)
    real, written = os.fsync, []

    def fill_up(descriptor):
        if len(written) == 2:  # What the data set is, and the first record.
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written.append(real(descriptor))

    monkeypatch.setattr(os, "fsync", fill_up)
    with pytest.raises(RecordError, match="No space left on device; free space"):
        execute(specs, planted_tiny, tmp_path, threads=1)
    assert len(list(read_records(tmp_path))) == 1
    assert not list(tmp_path.rglob("*.tmp"))


def test_two_workers_give_what_one_gives(planted_tiny, tmp_path):
    """The number of workers changes the wall time, not a bit of the results."""
    specs = plan(planted_tiny, ["ues:2", "ues:8"], seeds=[0, 1], settings=QUICK)
    one = execute(specs, planted_tiny, tmp_path / "one", workers=1, threads=1)
    two = execute(specs, planted_tiny, tmp_path / "two", workers=2, threads=1)
    assert [r.metrics for r in one.records] == [r.metrics for r in two.records]


def test_searches_are_runs_that_share_a_prepared_state(planted_tiny, tmp_path):
    """Each has a record; what is there already is not searched again."""
    options = {"seeds": [0, 1], "retrain": False}
    few = plan(planted_tiny, ["supernet"], searches=2, **options)
    many = plan(planted_tiny, ["supernet"], searches=3, **options)
    assert [(s.seed, s.search_index) for s in many] == [(i, j) for i in (0, 1) for j in (0, 1, 2)]
    assert {s.label for s in many} == {"supernet+search-only"}
    ran = [
        execute(specs, planted_tiny, tmp_path, threads=1, plugins=[SUPERNET]).ran
        for specs in (few, many)
    ]
    assert ran == [4, 2]
    records = list(read_records(tmp_path))
    assert len({record.prepare_id for record in records}) == 2
    traces = [read_traces(tmp_path, record.spec) for record in records]
    assert all(list(trace) == ["prepare", "search"] for trace in traces)


def test_a_search_without_retraining_does_not_count_as_a_run(planted_tiny, tmp_path):
    """The run with retraining is still to be made, under an id and a label of its own."""
    kinds = {"retrain": False}, {}, {"inherit": True}
    plans = [plan(planted_tiny, ["supernet"], seeds=[0], settings=QUICK, **kind) for kind in kinds]
    for specs in plans:
        outcome = execute(specs, planted_tiny, tmp_path, threads=1, plugins=[SUPERNET])
        assert (outcome.ran, outcome.failed) == (1, 0)
        assert execute(specs, planted_tiny, tmp_path, plugins=[SUPERNET]).ran == 0
    assert sorted(record.spec.label for record in read_records(tmp_path)) == [
        "supernet",
        "supernet+inherit",
        "supernet+search-only",
    ]


def test_a_retrained_run_counts_as_its_search(planted_tiny, tmp_path):
    """The same search is not made again to be recorded alone, unless it is forced."""
    whole, search = (
        plan(planted_tiny, ["supernet"], seeds=[0], settings=QUICK, retrain=retrain)
        for retrain in (True, False)
    )
    how = {"threads": 1, "plugins": [SUPERNET]}
    (retrained,) = execute(whole, planted_tiny, tmp_path, **how).records
    outcome = execute(search, planted_tiny, tmp_path, **how)
    assert outcome.ran == 0 and outcome.records[0].spec.run_id == retrained.spec.run_id
    forced = execute(search, planted_tiny, tmp_path, force=True, **how)
    assert forced.ran == 1 and forced.records[0].spec.run_id == search[0].run_id
    assert forced.records[0].allocation == retrained.allocation
