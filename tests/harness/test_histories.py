"""Runs on data with histories: who may run, one size for the tie, and what a record says of it."""

import dataclasses
import json

import pytest
import torch

from aesbench.core.metrics import auc
from aesbench.core.record import RunRecord
from aesbench.core.spec import REFERENCE_DIM
from aesbench.errors import ConfigError
from aesbench.export.model import export_model, load_model
from aesbench.harness.grid import plan
from aesbench.harness.runner import run, run_packed
from aesbench.models.training import predict
from aesbench.plugins.registry import METHODS
from aesbench.testing.conformance import quick_config

QUICK = {
    "train": {"epochs": "1"},
    "din": {"hidden": "8", "unit_hidden": "4"},
    "autodim": {"epochs": "1"},
    "adass": {"epochs": "1", "steps": "10", "evaluations": "30"},
}
METHODS_TRIED = ("ues:8", "mde:value", "mde:field", "random", "autodim", "adass:r")


def planned(dataset, methods, backbones=("din",), **options):
    """Specs with the quick settings of those that are planned."""
    names = {text.partition(":")[0] for text in methods} | set(backbones) | {"train"}
    settings = {name: values for name, values in QUICK.items() if name in names}
    return plan(dataset, methods, backbones=backbones, seeds=[0], settings=settings, **options)


@pytest.mark.parametrize("method", METHODS_TRIED)
@pytest.mark.parametrize("unification", ["plain", "transform"])
def test_methods_run_on_din(tiny_history, method, unification):
    """One size for the tie: the history is in no allocation, and its table counts once."""
    (spec,) = planned(tiny_history, [f"{method}+{unification}"])
    record = run(spec, tiny_history)
    assert record.ok, record.error
    assert record.allocation.names == ("user", "item", "kind", "city")
    assert record.parameters["embedding"] == record.allocation.parameters
    assert record.ties == {"history": "item"}
    again = RunRecord.from_dict(json.loads(json.dumps(record.to_dict())))
    assert again.ties == record.ties and again.allocation == record.allocation


def test_a_budget_counts_the_table_once(tiny_history):
    """Half of UES-32 is half of the fields' tables, whatever the history looks up."""
    (spec,) = planned(tiny_history, ["mde:value"], budget=0.5)
    assert spec.budget == REFERENCE_DIM * (40 + 260 + 5 + 12) // 2
    record = run(spec, tiny_history)
    assert 0 < record.allocation.parameters <= spec.budget


@pytest.mark.parametrize("backbone", ["widedeep", "deepfm", "din"])
def test_a_model_with_a_history_is_exported(tiny_history, tmp_path, backbone):
    """What is loaded predicts what was trained, and from the history, too."""
    specs = planned(tiny_history, ["ues:4"], [backbone])
    record = run(specs[0], tiny_history)
    exported = export_model(record, tiny_history, progress=lambda *told: None)
    assert exported.is_the_runs
    for name, content in exported.files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    model = load_model(tmp_path)
    ids = torch.from_numpy(tiny_history.test.ids)
    assert model(ids).shape == (len(ids),)
    measured = auc(tiny_history.test.labels, predict(model, tiny_history.test))
    assert measured == exported.metrics["test"]["auc"]
    changed = ids.clone()
    changed[:, 4:] = -1
    assert (model(changed) != model(ids)).any()


@pytest.mark.parametrize("method", ["autodim", "adass:r"])
def test_weights_of_a_search_are_inherited(tiny_history, method):
    """The table of the tie is the one of the field."""
    (spec,) = planned(tiny_history, [method], inherit=True)
    record = run(spec, tiny_history)
    assert record.ok, record.error


def test_a_supernet_on_din_scores_its_subnets(tiny_history):
    """Row by row, since the history of a field is in no sum over fields."""
    (spec,) = planned(tiny_history, ["adass:r"], scores=3)
    record = run(spec, tiny_history)
    assert record.ok and len({score["auc"] for score in record.scores.values()}) == 3


def test_records_of_other_data_say_nothing_of_ties(tiny_dataset):
    """They are the bytes that they were before there were histories."""
    (spec,) = planned(tiny_dataset, ["ues:4"], ["widedeep"])
    record = run(spec, tiny_dataset)
    assert record.ties == {} and "ties" not in record.to_dict()


@pytest.mark.parametrize("name", ["sseds", "esapn"])
def test_who_cannot_is_refused_before_anything_is_trained(tiny_history, name):
    """By name, with those that can; also where a spec was made by hand."""
    assert not METHODS.get(name).supports_histories
    message = f"data set 'tiny-history' has a history .history., which {name} cannot.*ues"
    with pytest.raises(ConfigError, match=message):
        planned(tiny_history, ["ues:8", name])
    (spec,) = planned(tiny_history, ["ues:8"])
    config = dataclasses.asdict(quick_config(METHODS.get(name), ""))
    other = dataclasses.replace(spec, method=name, label=name, method_config=config)
    with pytest.raises(ConfigError, match=message):
        run(other, tiny_history)


def test_din_is_refused_without_a_history(tiny_dataset):
    """Before anything is trained, with what to do."""
    with pytest.raises(ConfigError, match="backbone 'din' attends to a history.*'tiny' has none"):
        planned(tiny_dataset, ["ues:8"])


def test_the_issues_methods_support_histories():
    """UES, MDE, AutoDim and AdaS&S, and whoever only asks for scores or sizes."""
    able = {name for name in METHODS.names() if METHODS.get(name).supports_histories}
    assert able >= {"ues", "mde", "autodim", "adass", "fixed", "random", "greedy", "tpe"}


def test_din_and_histories_are_trained_one_by_one(tiny_history):
    """They say that they are no part of a pack; asked for one, they are trained alone."""
    specs = [
        spec
        for backbone in ("din", "widedeep")
        for spec in planned(tiny_history, ["ues:4", "ues:8"], [backbone])
    ]
    for record in run_packed(specs, tiny_history, 2):
        assert record.ok and record.pack is None
