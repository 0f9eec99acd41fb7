"""What a results folder holds of a grid: runs by what they are, not by how they are called."""

import dataclasses
import json
from pathlib import Path

import pytest

from aesbench.core.record import read_records, record_path, write_record
from aesbench.core.settings import build_config, plain_settings
from aesbench.core.spec import PROTOCOL, TrainConfig
from aesbench.errors import ConfigError
from aesbench.harness.grid import choose_methods, execute, plan
from aesbench.harness.recorded import recorded
from aesbench.plugins.registry import BACKBONES, METHODS

RESULTS = Path(__file__).parents[2] / "results"
QUICK = {"train": {"epochs": "1"}}


def edited(path: Path, **changes) -> None:
    """Change a record's file."""
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize("alpha", ["0.3", "0.30", "3e-1", ".3"])
def test_equal_settings_are_one_run_however_they_are_written(planted_tiny, alpha):
    """The default, spelled or not, is the row without a change; another value has one spelling."""
    (unset,) = plan(planted_tiny, ["mde:field"], seeds=[0])
    (spelled,) = plan(planted_tiny, ["mde:field"], seeds=[0], settings={"mde": {"alpha": alpha}})
    assert spelled == unset and spelled.label == "mde:field"
    (choice,) = choose_methods("mde:field", {"mde": {"alpha": "2E-1"}})
    assert choice.label == "mde:field[alpha=0.2]"


def test_a_run_is_found_under_another_label(planted_tiny, tmp_path):
    """It is done, keeps its label and id, and `--force` writes it anew where it lies."""
    (spec,) = plan(planted_tiny, ["ues:8"], seeds=[0], settings=QUICK)
    spelled = dataclasses.replace(spec, label="ues:32[dim=8]")
    execute([spelled], planted_tiny, tmp_path)
    found = recorded(tmp_path, [spec])
    assert found.done == {spec.run_id} and not found.waiting
    assert [one.run_id for one in found.specs] == [spelled.run_id]
    again = execute([spec], planted_tiny, tmp_path)
    assert again.ran == 0 and again.records[0].spec.run_id == spelled.run_id
    assert execute([spec], planted_tiny, tmp_path, force=True).ran == 1
    assert [one.spec.run_id for one in read_records(tmp_path)] == [spelled.run_id]


def test_a_failed_run_gives_way_under_its_own_label(planted_tiny, tmp_path, make_record):
    """It is tried again in its place, so that no folder holds one run twice."""
    (spec,) = plan(planted_tiny, ["ues:8"], seeds=[0], settings=QUICK)
    spelled = dataclasses.replace(spec, label="ues:32[dim=8]")
    failed = dataclasses.replace(make_record(), spec=spelled, status="failed", metrics={})
    write_record(tmp_path, failed)
    found = recorded(tmp_path, [spec])
    assert not found.done
    assert [one.run_id for one in found.waiting] == [spelled.run_id]
    assert execute([spec], planted_tiny, tmp_path).ran == 1
    assert [(r.spec.label, r.ok) for r in read_records(tmp_path)] == [(spelled.label, True)]


def test_a_tuned_run_is_not_the_default(planted_tiny, tmp_path):
    """Though its settings are the same: how they were found is part of what is compared."""
    (spec,) = plan(planted_tiny, ["ues:8"], seeds=[0], settings=QUICK)
    execute([spec], planted_tiny, tmp_path)
    tuned = dataclasses.replace(spec, label="ues:8+tuned")
    assert recorded(tmp_path, [tuned]).waiting == [tuned]


def test_runs_of_packs_are_done_and_counted(planted_tiny, tmp_path, make_record, packed):
    """Their scores count; whoever wants their costs is told that there are none."""
    specs = plan(planted_tiny, ["ues:8", "ues:2"], seeds=[0], settings=QUICK)
    for record in (dataclasses.replace(make_record(), spec=spec) for spec in specs):
        write_record(tmp_path, record)
    assert recorded(tmp_path, specs).packed == 0
    write_record(tmp_path, packed(dataclasses.replace(make_record(), spec=specs[0])))
    found = recorded(tmp_path, specs)
    assert (len(found.done), found.packed) == (2, 1)


@pytest.mark.parametrize("kind", ["method", "backbone"])
def test_a_run_by_another_provider_is_named(planted_tiny, tmp_path, kind):
    """A plugin that changed may have other results: nothing is taken over, nothing is run."""
    (spec,) = plan(planted_tiny, ["ues:8"], seeds=[0], settings=QUICK)
    (record,) = execute([spec], planted_tiny, tmp_path).records
    path = record_path(tmp_path, spec)
    edited(path, providers={**record.providers, kind: "mine.py sha256:0123456789abcdef"})
    with pytest.raises(ConfigError, match=r"1 run of '.*' .* mine.py sha256:0123.*--force"):
        execute([spec], planted_tiny, tmp_path)
    assert execute([spec], planted_tiny, tmp_path, force=True).ran == 1
    assert execute([spec], planted_tiny, tmp_path).ran == 0


def test_another_version_of_aesbench_is_said(planted_tiny, tmp_path):
    """Its records stand: the protocol's version tells whether results changed."""
    specs = plan(planted_tiny, ["ues:8", "ues:2"], seeds=[0], settings=QUICK)
    for record in execute(specs, planted_tiny, tmp_path).records:
        path = record_path(tmp_path, record.spec)
        edited(path, providers=dict.fromkeys(record.providers, "aesbench 0.0.1"))
    found = recorded(tmp_path, specs)
    assert len(found.done) == 2
    (note,) = found.notes
    assert note.startswith("2 runs that are done came from aesbench 0.0.1, this is aesbench ")
    assert not recorded(tmp_path, specs, force=True).notes


def test_what_does_not_compare_is_said_when_the_second_one_starts(planted_tiny, tmp_path):
    """Other data, another protocol, other settings of trainer or backbone."""
    (spec,) = plan(planted_tiny, ["ues:8"], seeds=[0], settings=QUICK)
    execute([spec], planted_tiny, tmp_path)
    assert not recorded(tmp_path, [spec]).notes
    changed = plan(
        planted_tiny, ["ues:8"], seeds=[0],
        settings={"train": {"epochs": "1", "l2": "0.5"}, "widedeep": {"hidden": "4"}},
    )  # fmt: skip
    (note,) = recorded(tmp_path, changed).notes
    assert note.startswith(f"{tmp_path} also holds 1 run of planted-tiny, widedeep with")
    assert "train.l2 = 1e-06 (not 0.5)" in note and "widedeep.hidden = " in note
    other = dataclasses.replace(spec, data_hash="b" * 64, protocol=1)
    (note,) = recorded(tmp_path, [other]).notes
    assert f"data = {planted_tiny.hash[:16]} (not {'b' * 16})" in note
    assert "protocol = 2 (not 1)" in note


def test_a_file_that_is_no_record_stops_no_other_run(planted_tiny, tmp_path):
    """Only whoever needs it says what is wrong."""
    (spec,) = plan(planted_tiny, ["ues:8"], seeds=[0], settings=QUICK)
    for text in ("{", "[]", '{"schema": 2}', '{"schema": 99}', '{"schema": 2, "spec": {}}'):
        path = tmp_path / "records" / "planted-tiny" / "widedeep" / "x" / "damaged.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        assert recorded(tmp_path, [spec]).waiting == [spec]


def test_todays_settings_give_every_committed_record_its_id():
    """A setting that came later must say so, or it would orphan the records before it.

    Those of an older protocol are history: a method that was mended since makes others.
    """
    count = 0
    for folder in (RESULTS, RESULTS / "controls"):
        for record in read_records(folder):
            spec = record.spec
            if spec.protocol != PROTOCOL:
                continue
            method, backbone = METHODS.get(spec.method), BACKBONES.get(spec.backbone)
            config = build_config(method.Config, spec.method_config, spec.method)
            layers = build_config(backbone.Config, spec.backbone_config, spec.backbone)
            train = build_config(TrainConfig, dataclasses.asdict(spec.train), "train")
            today = dataclasses.replace(
                spec,
                method_config=plain_settings(config),
                backbone_config=plain_settings(layers),
                train=train,
            )
            assert today.run_id == spec.run_id, (spec.label, spec.method_config)
            count += 1
    assert count > 50
