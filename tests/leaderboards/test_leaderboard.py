"""The leaderboard's splits and settings, on a generated miniature that is nobody's real data.

The miniature has a name and published numbers of its own: it is never held against the real ones.
"""

import dataclasses
import hashlib
import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from click.testing import CliRunner

from aesbench import Split
from aesbench.cli import cli
from aesbench.core import processors
from aesbench.core.metrics import Metrics
from aesbench.core.settings import plain_settings
from aesbench.datasets.base import SPLITS
from aesbench.datasets.sources.bars_splits import (
    AvazuX1,
    AvazuX4,
    CriteoX1,
    CriteoX4,
    FrappeX1,
    Part,
)
from aesbench.datasets.store import prepare
from aesbench.errors import ConfigError, DataError, RecordError
from aesbench.harness.load_data import find_source
from aesbench.leaderboards import training
from aesbench.leaderboards.boards import BOARDS, STAND_INS, Published
from aesbench.leaderboards.kept import keep
from aesbench.leaderboards.numbers import Numbers, NumericEmbedding, NumericFirstOrder
from aesbench.leaderboards.training import dense_adam, fit_as_published
from aesbench.leaderboards.verify import Verification, build_model, find_published, verify
from aesbench.models.backbones import BackboneConfig, DeepFM, make_mlp

SIZES = (6000, 1000, 1000)
SETTINGS = Published(
    Metrics(0.5, 0.7), 1, 8, 256, (16, 16), 1e-5, 0.1, batch_norm=True, monitors_logloss=True
)


def generator_module():
    """The script that writes click logs."""
    path = Path(__file__).parents[1] / "benchmarks" / "click_logs.py"
    spec = importlib.util.spec_from_file_location("click_logs", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["click_logs"] = module  # Where its dataclasses look for their module.
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def generated():
    """Values of generated rows, {"criteo": ..., "avazu": ...}: label first, as the files have."""
    logs = generator_module()
    rows = sum(SIZES)
    return {
        kind: [
            line.split(separator)
            for line in logs.MAKERS[kind][0](0, 1).text.decode().split("\n")[:rows]
        ]
        for kind, separator in (("criteo", "\t"), ("avazu", ","))
    }


def write_split(folder, columns, rows):
    """Write three files with headers; return what is published of them."""
    folder.mkdir(parents=True, exist_ok=True)
    parts, start = [], 0
    for name, size in zip(("train", "valid", "test"), SIZES, strict=True):
        lines = [columns, *rows[start : start + size]]
        start += size
        raw = "".join(",".join(line) + "\n" for line in lines).encode()
        (folder / f"{name}.csv").write_bytes(raw)
        parts.append(Part(size, hashlib.md5(raw, usedforsecurity=False).hexdigest()))
    return tuple(parts)


@pytest.fixture(scope="module")
def miniatures(tmp_path_factory, generated):
    """{name: a miniature's source class}, and the folder of their files."""
    root = tmp_path_factory.mktemp("leaderboard")
    scaled = [
        [row[0], *(v and f"{int(v) / 1000:.6g}"[:8] for v in row[1:14]), *row[14:]]
        for row in generated["criteo"]
    ]
    features = [[row[1], *row[3:], row[2]] for row in generated["avazu"]]
    rows = {
        CriteoX4: generated["criteo"],
        CriteoX1: scaled,
        AvazuX4: generated["avazu"],
        AvazuX1: features,
        FrappeX1: [row[:11] for row in features],
    }
    made = {}
    for source, values in rows.items():
        folder = f"miniature_{source.name}"
        parts = write_split(root / folder, source.layout.columns, values)
        made[source.name] = type(
            f"Mini{source.__name__}", (source,), {"name": folder, "folder": folder, "parts": parts}
        )
    return made, root


@pytest.fixture
def prepared(miniatures, cache_dir):
    """A function that prepares the miniature of a split."""
    made, root = miniatures
    return lambda name: prepare(made[name](), data_dir=root, cache_dir=cache_dir)


def test_boards_and_splits_belong_together():
    """Each split with published numbers is a data set, and its parts are all rows there are."""
    rows = {"criteo": 45_840_617, "avazu": 40_428_967, "frappe": 3 * 96_203}
    for name in BOARDS:
        source = find_source(name)
        assert source.folder.lower() == name
        assert sum(part.rows for part in source.parts) == rows[name.split("_")[0]]
        assert all(len(part.md5) == 32 for part in source.parts)
        assert {*BOARDS[name]} == {"widedeep", "deepfm"}


@pytest.mark.parametrize(
    ("name", "fields", "min_count"),
    [
        ("criteo_x4", 39, 10),
        ("criteo_x1", 39, 1),
        ("avazu_x4", 24, 2),
        ("avazu_x1", 22, 1),
        ("frappe_x1", 10, 1),
    ],
)
def test_each_split_is_read_as_published(prepared, name, fields, min_count):
    """Rows of the three files, fields, and values as rare as the published minimum count."""
    dataset = prepared(name)
    assert [len(getattr(dataset, split)) for split in SPLITS] == [*SIZES]
    assert len(dataset.fields) == fields
    kept = np.concatenate([f.counts[:-1] for f in dataset.fields if not f.name.startswith("I")])
    assert kept.min() == min_count


def test_the_hour_becomes_three_fields(prepared):
    """21 October 2014 was a Tuesday."""
    dataset = prepared("avazu_x4")
    found = {}
    for place in (21, 22, 23):
        values = pl.read_parquet(dataset.folder / "vocabulary" / f"{place}.parquet")["value"]
        found[dataset.fields[place].name] = values.to_list()
    assert found == {"hour": ["0", None], "weekday": ["2", None], "weekend": ["weekday", None]}


def test_numbers_stay_numbers_also_those_that_training_lacks(prepared, generated):
    """Each row's factor is the number in the file; a missing one is 0."""
    dataset = prepared("criteo_x1")
    assert dataset.manifest["facts"]["numeric_fields"] == [f"I{n}" for n in range(1, 14)]
    numbers = Numbers(dataset)
    start = 0
    for split, size in zip(SPLITS, SIZES, strict=True):
        ids = torch.from_numpy(np.array(getattr(dataset, split).ids))
        ids, factors = numbers(ids)
        assert (ids[:, :13] == 0).all()
        assert (factors[:, 13:] == 1).all()
        rows = generated["criteo"][start : start + size]
        start += size
        expected = [[int(v or 0) / 1000 for v in row[1:14]] for row in rows]
        np.testing.assert_allclose(factors[:, :13], expected, rtol=1e-4, atol=1e-5)


def test_a_number_scales_one_vector_and_one_weight(prepared):
    """By hand: value times vector, value times weight, categories as ever."""
    dataset = prepared("criteo_x1")
    numbers = Numbers(dataset)
    generator = torch.Generator().manual_seed(0)
    embedding, wide = NumericEmbedding(numbers, 3, 1.0, generator), NumericFirstOrder(numbers)
    torch.nn.init.normal_(wide.values.weights.weight, generator=generator)
    ids = torch.from_numpy(np.array(dataset.test.ids[:5]))
    table = embedding.tables.tables["3"].weight
    weights = wide.values.weights.weight
    offsets = np.cumsum([0, *(field.cardinality for field in numbers.fields)])
    expected_wide = torch.zeros(5)
    parts = []
    for place in range(39):
        if place < 13:
            texts = pl.read_parquet(dataset.folder / "vocabulary" / f"{place}.parquet")["value"]
            factor = torch.tensor([float(texts[i] or 0) for i in ids[:, place].tolist()])
            rows = torch.full((5,), int(offsets[place]))
        else:
            factor, rows = torch.ones(5), ids[:, place].long() + int(offsets[place])
        parts.append(table[rows] * factor[:, None])
        expected_wide += (weights[rows] * factor[:, None]).squeeze(1)
    torch.testing.assert_close(embedding(ids), torch.cat(parts, 1))
    torch.testing.assert_close(wide(ids), expected_wide)


def test_other_files_than_the_published_ones_are_refused(miniatures, tmp_path):
    """A changed byte is another md5 sum, and other rows are other rows."""
    made, root = miniatures
    source = made["avazu_x1"]
    folder = tmp_path / source.folder
    folder.mkdir()
    for path in (root / source.folder).iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    raw = (folder / "valid.csv").read_bytes()
    (folder / "valid.csv").write_bytes(raw.replace(b"\n0,", b"\n1,", 1))
    with pytest.raises(DataError, match=r"valid.csv is not the leaderboard's file: its md5 sum is"):
        prepare(source(), data_dir=tmp_path, cache_dir=tmp_path / "cache")
    (folder / "valid.csv").write_bytes(raw)
    train, validation, test = source.parts
    other = type("Other", (source,), {"parts": (train, Part(999, validation.md5), test)})
    with pytest.raises(DataError, match=r"valid.csv has 1,000 rows, published are 999; fetch it"):
        prepare(other(), data_dir=tmp_path, cache_dir=tmp_path / "cache")


def test_files_that_are_not_there_are_asked_for(tmp_path):
    """Where they are to be had and where they belong; nobody has to register for them."""
    with pytest.raises(DataError) as caught:
        prepare(FrappeX1(), data_dir=tmp_path, cache_dir=tmp_path / "cache")
    assert str(caught.value) == (
        f"{tmp_path / 'Frappe_x1'} lacks train.csv, valid.csv, test.csv; aesbench does not download"
        " it: fetch it from https://huggingface.co/datasets/reczoo/Frappe_x1, put it there, or"
        " name the folder that holds Frappe_x1/ with --data-dir"
    )


def test_a_split_that_nobody_published_is_named():
    """Both the split and the backbone."""
    with pytest.raises(ConfigError, match="'criteo_x5' is no split .* did you mean 'criteo_x[14]'"):
        find_published("criteo_x5", "deepfm")
    with pytest.raises(ConfigError, match="nothing is published here of 'deepfn' on avazu_x4; did"):
        find_published("avazu_x4", "deepfn")


PLUGIN = """
from aesbench.datasets.sources.bars_splits import {base}, Part

class Miniature({base}):
    name = folder = {folder!r}
    title = "A generated miniature"
    parts = {parts!r}
"""


def test_verify_prints_ours_beside_theirs_with_a_verdict(
    miniatures, tmp_path, cache_dir, monkeypatch
):
    """Exit status 0 for numbers that a second run reproduces, 1 for numbers .01 away."""
    made, root = miniatures
    source = made["criteo_x4"]
    plugin = tmp_path / "miniature.py"
    plugin.write_text(PLUGIN.format(base="CriteoX4", folder=source.folder, parts=source.parts))
    dataset = prepare(source(), data_dir=root, cache_dir=cache_dir)
    monkeypatch.setitem(BOARDS, source.folder, {"deepfm": SETTINGS})
    once = verify(dataset, "deepfm", epochs=2)
    assert once.ours.auc > 0.6
    command = ["verify", source.folder, "--backbone", "deepfm", "--epochs", "2", "--threads", "1"]
    command += ["--data-dir", str(root), "--cache-dir", str(cache_dir), "--plugin", str(plugin)]
    for shift, status, verdict in ((0.0, 0, "\nreproduced"), (0.01, 1, "\nnot reproduced")):
        published = Metrics(once.ours.auc + shift, once.ours.logloss)
        theirs = dataclasses.replace(SETTINGS, metrics=published)
        monkeypatch.setitem(BOARDS, source.folder, {"deepfm": theirs})
        result = CliRunner().invoke(cli, command, standalone_mode=False)
        assert result.exception is None, result.output
        assert result.return_value == status
        assert verdict in result.output
        assert f"{once.ours.auc:.6f}" in result.output
        assert f"{published.auc:.6f}" in result.output
        assert f"deepfm on {source.folder}" in result.output


@pytest.mark.parametrize(("words", "expected"), [([], 2), (["--threads", "7"], 7)])
def test_verify_has_no_more_threads_than_a_container_lets_run(
    words, expected, tmp_path, monkeypatch
):
    """Torch begins with the machine's eight, of which a quota leaves two; more may be asked for."""
    seen = []
    monkeypatch.setattr(torch, "get_num_threads", lambda: 8)
    monkeypatch.setattr(torch, "set_num_threads", seen.append)
    monkeypatch.setattr(processors, "available_cpus", lambda: 2)
    command = ["verify", "criteo_x4", "--data-dir", str(tmp_path), "--cache-dir", str(tmp_path)]
    result = CliRunner().invoke(cli, command + words, standalone_mode=False)
    assert isinstance(result.exception, DataError) and seen == [expected]


@pytest.mark.parametrize("name", ["criteo_x1", "avazu_x4"])
@pytest.mark.parametrize("backbone", ["widedeep", "deepfm"])
def test_both_backbones_learn_on_each_kind_of_split(prepared, monkeypatch, name, backbone):
    """Numbers as numbers too: better than chance after two epochs, and the same bits again."""
    dataset = prepared(name)
    monkeypatch.setitem(BOARDS, dataset.name, {backbone: SETTINGS})
    one, two = (verify(dataset, backbone, epochs=2, seed=3) for _ in range(2))
    assert one == two
    assert one.ours.auc > 0.55


@pytest.mark.parametrize(
    ("auc", "logloss", "reproduced"),
    [(0.7995, 0.4495, True), (0.8009, 0.4509, True), (0.8011, 0.45, False), (0.8, 0.4489, False)],
)
def test_the_verdict_asks_for_both_metrics(auc, logloss, reproduced):
    """Within .001 of .8 and .45, on either side."""
    published = dataclasses.replace(SETTINGS, metrics=Metrics(0.8, 0.45))
    ours = Metrics(auc, logloss)
    made = Verification("x", "0", "x", "y", 0, published, ours, ours, (0.5,), 1, 1)
    assert made.is_reproduced == reproduced and not made.is_stand_in


def test_a_stand_in_verifies_nothing():
    """Equal numbers on other rows are no reproduction; its settings are the split's own."""
    for name, split in STAND_INS.items():
        assert find_source(name).layout == find_source(split).layout
        for backbone, published in BOARDS[split].items():
            assert find_published(name, backbone) is published
            theirs = published.metrics
            made = Verification(
                name, "0", split, backbone, 0, published, theirs, theirs, (0.5,), 1, 1
            )
            assert made.is_stand_in and not made.is_reproduced
    with pytest.raises(ConfigError, match="nothing is published here of 'lr' on frappe_x1"):
        find_published("frappe-redrawn", "lr")


def test_verify_shows_a_stand_in_beside_its_split_and_keeps_the_outcome(
    miniatures, tmp_path, cache_dir, monkeypatch
):
    """Numbers as close as can be: still exit status 1, a verdict that says why, and one file."""
    made, root = miniatures
    source = made["frappe_x1"]
    plugin = tmp_path / "miniature.py"
    plugin.write_text(PLUGIN.format(base="FrappeX1", folder=source.folder, parts=source.parts))
    dataset = prepare(source(), data_dir=root, cache_dir=cache_dir)
    monkeypatch.setitem(BOARDS, "frappe_x1", {"widedeep": SETTINGS})
    monkeypatch.setitem(STAND_INS, source.folder, "frappe_x1")
    once = verify(dataset, "widedeep", epochs=2, seed=3)
    theirs = dataclasses.replace(SETTINGS, metrics=once.ours)
    monkeypatch.setitem(BOARDS, "frappe_x1", {"widedeep": theirs})
    command = ["verify", source.folder, "--backbone", "widedeep", "--epochs", "2", "--seed", "3"]
    command += ["--threads", "1", "--data-dir", str(root), "--cache-dir", str(cache_dir)]
    command += ["--plugin", str(plugin), "--results", str(tmp_path / "results")]
    result = CliRunner().invoke(cli, command, standalone_mode=False)
    assert result.exception is None, result.output
    assert result.return_value == 1
    shown = " ".join(result.output.split())
    assert "published on frappe_x1, 1 run" in shown
    assert f"nothing is verified: {source.folder} stands in for frappe_x1, whose rows" in shown
    (path,) = (tmp_path / "results").rglob("*.json")
    assert path.name == f"{source.folder}-widedeep-seed3.json"
    assert path.parent.name == "leaderboards"
    kept = json.loads(path.read_text())
    environment = kept.pop("environment")
    assert environment["threads"] == 1 and environment["packages"]["torch"] == torch.__version__
    expected = dataclasses.asdict(dataclasses.replace(once, published=theirs))
    assert kept == json.loads(json.dumps(expected))


def test_an_outcome_that_cannot_be_kept_is_told(tmp_path):
    """By the file that cannot be written."""
    (tmp_path / "leaderboards").write_text("a file")
    ours = Metrics(0.8, 0.4)
    made = Verification("x", "0", "x", "y", 0, SETTINGS, ours, ours, (0.5,), 1, 1)
    with pytest.raises(RecordError, match="cannot write .*x-y-seed0.json"):
        keep(made, tmp_path, {})


def test_weight_decay_is_the_published_penalty(prepared):
    """Adam with decay on the tables moves as Adam on the loss with l2 / 2 times all squares."""
    dataset = prepared("avazu_x1")
    settings = dataclasses.replace(SETTINGS, dropout=0.0, batch_norm=False)
    one, two = (
        build_model(dataset, "deepfm", settings, torch.Generator().manual_seed(0)) for _ in "ab"
    )
    decayed, penalised = dense_adam(one, 0.1), dense_adam(two, 0.0)
    tables = [m.weight for m in two.modules() if isinstance(m, torch.nn.Embedding)]
    for start in (0, 64, 128):
        ids = torch.from_numpy(np.array(dataset.train.ids[start : start + 64]))
        one(ids).square().mean().backward()
        decayed.step(), decayed.zero_grad()
        penalty = sum(0.05 * table.square().sum() for table in tables)
        (two(ids).square().mean() + penalty).backward()
        penalised.step(), penalised.zero_grad()
    for a, b in zip(one.parameters(), two.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test_the_learning_rate_falls_to_a_tenth_on_a_plateau_and_two_end_it(prepared, monkeypatch):
    """Values by hand: better, worse, better, worse, worse; the best epoch's weights stay."""
    dataset = prepared("avazu_x1")
    model = build_model(dataset, "widedeep", SETTINGS, torch.Generator().manual_seed(0))
    told = iter([0.70, 0.69, 0.72, 0.71, 0.715, 0.99])
    rates, states = [], []
    optimizers = []

    def recorded(model, l2):
        optimizers.append(dense_adam(model, l2))
        return optimizers[0]

    def scored(labels, logits):
        rates.append(optimizers[0].param_groups[0]["lr"])
        states.append(model.mlp[0].weight.detach().clone())
        return Metrics(next(told), 0.5)

    monkeypatch.setattr(training, "dense_adam", recorded)
    monkeypatch.setattr(training.metrics, "score", scored)
    few = Split(dataset.train.ids[:512], dataset.train.labels[:512])
    generator = torch.Generator().manual_seed(0)
    result = fit_as_published(model, few, dataset.validation, SETTINGS, generator)
    assert (result.epochs, result.best_epoch, result.validation.auc) == (5, 3, 0.72)
    assert rates == pytest.approx([1e-3, 1e-3, 1e-4, 1e-4, 1e-5])
    assert torch.equal(model.mlp[0].weight, states[2])


def test_the_learning_rate_falls_no_further_than_to_a_millionth(prepared, monkeypatch):
    """Each second epoch is worse: from .001 to 1e-6, where the published runs leave it."""
    dataset = prepared("avazu_x1")
    model = build_model(dataset, "widedeep", SETTINGS, torch.Generator().manual_seed(0))
    told = iter([0.5, 0.4, 0.6, 0.4, 0.7, 0.4, 0.8, 0.4, 0.9])
    rates, optimizers = [], []

    def recorded(model, l2):
        optimizers.append(dense_adam(model, l2))
        return optimizers[0]

    def scored(labels, logits):
        rates.append(optimizers[0].param_groups[1]["lr"])
        return Metrics(next(told), 0.5)

    monkeypatch.setattr(training, "dense_adam", recorded)
    monkeypatch.setattr(training.metrics, "score", scored)
    few = Split(dataset.train.ids[:256], dataset.train.labels[:256])
    generator = torch.Generator().manual_seed(0)
    fit_as_published(model, few, dataset.validation, SETTINGS, generator, epochs=9)
    expected = [1e-3, 1e-3, 1e-4, 1e-4, 1e-5, 1e-5, 1e-6, 1e-6, 1e-6]
    assert rates == pytest.approx(expected, rel=1e-9)


def test_new_settings_of_backbones_leave_the_old_ids_alone():
    """Records from before dropout and batch normalisation say nothing of them."""
    assert plain_settings(BackboneConfig()) == {"hidden": (128, 64)}
    changed = BackboneConfig(dropout=0.5, batch_norm=True)
    assert plain_settings(changed) == {"hidden": (128, 64), "dropout": 0.5, "batch_norm": True}
    with pytest.raises(ConfigError, match="dropout = 1.0: expected at least 0 and below 1"):
        BackboneConfig(dropout=1.0)


def test_every_committed_record_has_the_id_of_its_spec():
    """The file's name is the hash of what it holds."""
    from aesbench.core.spec import RunSpec

    records = sorted((Path(__file__).parents[2] / "results" / "records").rglob("*.json"))
    assert records
    for path in records[:: max(1, len(records) // 50)]:
        assert RunSpec.from_dict(json.loads(path.read_text())["spec"]).run_id == path.stem


def test_hidden_layers_are_normalised_before_the_relu_and_dropped_after_it():
    """The order of the published models; without either, the layers of before."""
    generator = torch.Generator().manual_seed(0)
    names = [
        type(layer).__name__
        for layer in make_mlp(4, BackboneConfig((3,), 0.5, batch_norm=True), generator)
    ]
    assert names == ["Linear", "BatchNorm1d", "ReLU", "Dropout", "Linear"]
    assert [type(x).__name__ for x in make_mlp(4, BackboneConfig((3,)), generator)] == [
        "Linear",
        "ReLU",
        "Linear",
    ]
    assert DeepFM.sums_over_fields


KEPT = sorted((Path(__file__).parents[2] / "results" / "leaderboards").glob("*.json"))


def test_the_page_shows_the_kept_outcomes():
    """A row per run, in the order of the files: both metrics, epochs and the data's hash."""
    page = (Path(__file__).parents[2] / "docs" / "leaderboard.md").read_text()
    rows = []
    for path in KEPT:
        kept = json.loads(path.read_text())
        name, ours = f"{kept['dataset']}-{kept['backbone']}-seed{kept['seed']}", kept["ours"]
        assert path.stem == name and kept["data_hash"][:16] in page
        assert not kept["environment"]["git"]["dirty"]
        published = BOARDS[kept["split"]][kept["backbone"]]
        assert kept["published"] == json.loads(json.dumps(dataclasses.asdict(published)))
        rows.append(
            f"| `{kept['backbone']}` | ours, seed {kept['seed']} | {ours['auc']:.6f} |"
            f" {ours['logloss']:.6f} | {kept['validation']['auc']:.6f} |"
            f" {kept['best_epoch']} of {len(kept['history'])} |"
        )
    assert rows and rows == [line for line in page.splitlines() if "| ours, seed" in line]
