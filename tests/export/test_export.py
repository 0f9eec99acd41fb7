"""What leaves aesbench: the trained model, and sizes in the words of other libraries."""

import dataclasses
import importlib
import json
import runpy
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from rich.console import Console

import aesbench
from aesbench import Allocation, Block, Field, RunRecord
from aesbench.cli import cli
from aesbench.core.pack import PACK_TOLERANCE
from aesbench.core.record import mask_path, write_record
from aesbench.errors import ConfigError, RecordError
from aesbench.export.allocation_file import allocation_files
from aesbench.export.fuxictr import fuxictr_files
from aesbench.export.model import export_model, load_model
from aesbench.export.torchrec import torchrec_tables, unfused
from aesbench.harness.grid import plan
from aesbench.harness.runner import run, run_packed
from aesbench.models.training import predict
from aesbench.plugins.registry import load_plugin
from aesbench.terminal.export import show_comparison

QUICK = {"train": {"epochs": "1"}}
FIELDS = (Field("user", 30), Field("tags", 9, 3), Field("flag", 4), Field("a b", 5))
SIZES = (8, 2, 0, 32)


def silent(what, done, total):
    """Ignore progress."""


@pytest.fixture
def record(spec) -> RunRecord:
    """A run that found ``SIZES`` for ``FIELDS``."""
    return RunRecord(spec=spec, status="ok", allocation=Allocation.field_wise(FIELDS, SIZES))


def written(files, folder):
    """Write files into a folder and return it."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def library(name):
    """Import another library, whose warnings are its own; skip where it is not installed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return importlib.import_module(name)
        except ImportError as error:
            pytest.skip(f"{name} is not installed: {error}")


MASKED = Path(__file__).parents[1] / "plugin_files" / "masked.py"


@pytest.mark.parametrize(
    ("method", "backbone", "settings"),
    [
        ("random", "widedeep", {}),
        ("masked", "widedeep", {}),
        ("masked:rows", "deepfm", {}),
        ("hashing-trick", "widedeep", {"hashing-trick": {"threshold": "5"}}),
        ("random", "deepfm", {}),
        ("mde:value", "widedeep", {}),
        ("adass:random", "deepfm", {"deepfm": {"dropout": "0.2", "batch_norm": "true"}}),
    ],
)
def test_the_exported_model_is_the_runs(
    planted_tiny, tmp_path, monkeypatch, method, backbone, settings
):
    """Trained again, written, read back: the run's own test predictions, to the last bit.

    With dropout too, whatever the search drew from the global generators.
    """
    from aesbench.harness import attempt

    load_plugin(MASKED)
    seen = []
    monkeypatch.setattr(
        attempt, "predict", lambda m, part: seen.append(predict(m, part)) or seen[0]
    )
    if method.startswith("adass"):
        settings = {**settings, "adass": {"epochs": "1"}}
    (spec,) = plan(
        planted_tiny, [method], backbones=[backbone], seeds=[1], settings=QUICK | settings
    )
    done = run(spec, planted_tiny)
    torch.rand(3)  # Nothing may depend on what was drawn in between.
    found = export_model(done, planted_tiny, progress=silent)
    assert found.is_the_runs and found.metrics == done.metrics
    model = load_model(written(found.files, tmp_path))
    assert not model.training
    np.testing.assert_array_equal(predict(model, planted_tiny.test), seen[0])


def test_a_model_with_other_bits_is_not_the_runs(planted_tiny):
    """Metrics are compared exactly; a search without retraining has none to compare."""
    (spec,) = plan(planted_tiny, ["ues:2"], seeds=[0], settings=QUICK)
    done = run(spec, planted_tiny)
    test = {**done.metrics["test"], "auc": np.nextafter(done.metrics["test"]["auc"], 1)}
    other = dataclasses.replace(done, metrics={**done.metrics, "test": test})
    assert not export_model(other, planted_tiny, progress=silent).is_the_runs
    searched = dataclasses.replace(done, metrics={})
    found = export_model(searched, planted_tiny, progress=silent)
    assert not found.is_the_runs and not found.expected and found.metrics == done.metrics


def test_a_run_of_a_pack_is_its_model_alone_within_the_tolerance(planted_tiny):
    """It is trained again alone, which rounds otherwise; beyond the tolerance it is another one."""
    specs = plan(planted_tiny, ["ues:2"], seeds=[0, 1], settings=QUICK)
    done = next(r for r in run_packed(specs, planted_tiny, 2) if r.spec == specs[0])
    assert done.pack.models == 2
    found = export_model(done, planted_tiny, progress=silent)
    assert found.is_the_runs and found.pack == done.pack
    assert found.metrics == run(specs[0], planted_tiny).metrics
    for share, is_the_runs in ((0.9, True), (1.1, False)):
        auc = found.metrics["test"]["auc"] + share * PACK_TOLERANCE["auc"]
        moved = {**found.metrics, "test": {**found.metrics["test"], "auc": auc}}
        again = dataclasses.replace(found, expected=moved)
        assert again.is_the_runs == is_the_runs
        console = Console(record=True, width=500)
        show_comparison(console, again)
        text = console.export_text()
        assert f"trained again alone, while the run was retrained in a pack ({done.pack})" in text
        assert (
            f"test AUC {auc - share * PACK_TOLERANCE['auc']:.6f}, the record has {auc:.6f}" in text
        )
        assert ("as near to the record's as is promised of packs" in text) == is_the_runs
        assert ("farther off than is promised of packs" in text) != is_the_runs


def test_vocabularies_go_with_the_model(tiny_dataset, tmp_path):
    """What an id stands for is known beside the weights, where the data set knows it."""
    folder = tmp_path / "data"
    folder.mkdir()
    for path in tiny_dataset.folder.iterdir():
        (folder / path.name).symlink_to(path)
    written({"vocabulary/0.parquet": b"PAR1"}, folder)
    data = dataclasses.replace(tiny_dataset, folder=folder)
    (spec,) = plan(data, ["ues:2"], seeds=[0], settings=QUICK)
    files = export_model(run(spec, data), data, progress=silent).files
    assert files["vocabulary/0.parquet"] == b"PAR1"


def test_what_cannot_be_trained_again_is_refused(record, planted_tiny):
    """Other data, and weights that were inherited from a search; the message says what to do."""
    with pytest.raises(ConfigError, match="is of planted abab.*'planted-tiny' is"):
        export_model(record, planted_tiny, progress=silent)
    spec = dataclasses.replace(record.spec, inherit=True, data_hash=planted_tiny.hash)
    with pytest.raises(ConfigError, match="weights of its search.*--to json"):
        export_model(dataclasses.replace(record, spec=spec), planted_tiny, progress=silent)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda folder: (folder / "model.json").unlink(), "No such file"),
        (lambda folder: (folder / "weights.safetensors").write_bytes(b"\x80\x04N."), "loaded"),
        (lambda folder: (folder / "model.json").write_text('{"format": 2}'), "format 2"),
        (lambda folder: (folder / "model.json").write_text("[]"), "loaded"),
        (lambda folder: alter(folder, "hidden", [3]), "size mismatch"),
        (lambda folder: alter(folder, "depth", 3), "no setting 'depth'"),
    ],
)
def test_a_damaged_folder_is_an_error_that_names_it(tiny_dataset, tmp_path, change, words):
    """Whatever lies there, a pickle included, is refused and never executed."""
    (spec,) = plan(tiny_dataset, ["ues:2"], seeds=[0], settings=QUICK)
    files = export_model(run(spec, tiny_dataset), tiny_dataset, progress=silent).files
    change(written(files, tmp_path))
    with pytest.raises((RecordError, ConfigError), match=words):
        load_model(tmp_path)


def alter(folder, name, value):
    """Change a setting of the backbone in an exported folder."""
    path = folder / "model.json"
    document = json.loads(path.read_text())
    document["backbone_config"][name] = value
    path.write_text(json.dumps(document))


def test_no_file_is_ever_unpickled():
    """Only the messages between processes of one command are: of Ray's, and of those that draw."""
    messages = {"ray_executor.py", "ray_worker.py", "parallel.py"}
    for path in Path(aesbench.__file__).parent.rglob("*.py"):
        text = path.read_text()
        assert "import pickle" not in text or path.name in messages, path
        assert "pickle.load(" not in text and "torch.load(" not in text, path
        assert "allow_pickle" not in text, path


def test_torchrec_takes_the_tables(record, tmp_path):
    """Its collection has a table per field with values, and averages a field of several."""
    torchrec = library("torchrec")
    path = written({"tables.py": torchrec_tables(record)}, tmp_path) / "tables.py"
    tables = runpy.run_path(str(path))["TABLES"]
    collection = torchrec.EmbeddingBagCollection(tables=tables)
    assert sum(p.numel() for p in collection.parameters()) == record.allocation.parameters
    ids = torchrec.KeyedJaggedTensor.from_lengths_sync(
        keys=["user", "tags", "a b"],
        values=torch.tensor([29, 0, 1, 8, 3, 4, 0]),
        lengths=torch.tensor([1, 1, 2, 1, 1, 1]),
    )
    vectors = collection(ids).to_dict()
    assert {name: tuple(v.shape) for name, v in vectors.items()} == {
        "user": (2, 8), "tags": (2, 2), "a b": (2, 32),
    }  # fmt: skip
    weight = dict(collection.named_parameters())["embedding_bags.t1_tags.weight"]
    torch.testing.assert_close(vectors["tags"][0], weight[[1, 8]].mean(0))


def test_torchrec_tables_are_definitions_in_python(record, monkeypatch):
    """The same without the library: names, rows, sizes; and what fused kernels would refuse."""
    made = {}
    exec(compile_with_stand_in(torchrec_tables(record), monkeypatch), made)
    assert [
        (t["name"], t["feature_names"], t["num_embeddings"], t["embedding_dim"])
        for t in made["TABLES"]
    ] == [("t0_user", ["user"], 30, 8), ("t1_tags", ["tags"], 9, 2), ("t3_a_b", ["a b"], 5, 32)]
    assert {t["pooling"] for t in made["TABLES"]} == {"mean"}
    assert [size.name for size in unfused(record)] == ["tags"]


HISTORIES = (Field("seen", 30, 6, shares="user"), Field("raised", 4, 2, shares="flag"))


def test_a_history_is_a_feature_of_its_fields_table(record, monkeypatch):
    """In TorchRec one table has both; a field of size 0 has none, and neither has its history."""
    ties = {history.name: history.shares for history in HISTORIES}
    made = {}
    text = torchrec_tables(dataclasses.replace(record, ties=ties))
    exec(compile_with_stand_in(text, monkeypatch), made)
    assert [t["feature_names"] for t in made["TABLES"]] == [["user", "seen"], ["tags"], ["a b"]]
    tied, plain = (
        json.loads(allocation_files(one)["allocation.json"])
        for one in (dataclasses.replace(record, ties=ties), record)
    )
    assert tied["ties"] == ties and "ties" not in plain


@pytest.mark.parametrize("backbone", ["widedeep", "din"])
def test_fuxictr_shares_the_table_of_a_history(record, backbone):
    """Its rows count once; averaged, or item by item where the backbone attends to it."""
    spec = dataclasses.replace(record.spec, backbone=backbone)
    files = fuxictr_files(dataclasses.replace(record, spec=spec), FIELDS, HISTORIES)
    document = json.loads(files["feature_map.json"])
    found = {name: f for entry in document["features"] for name, f in entry.items()}
    # Its layer looks for the table among the features before.
    assert list(found) == ["user", "tags", "a b", "seen"] and document["num_fields"] == 4
    seen = found["seen"]
    assert (seen["type"], seen["max_len"], seen["share_embedding"]) == ("sequence", 6, "user")
    assert (seen["vocab_size"], seen["embedding_dim"]) == (31, 8)
    encoder = None if backbone == "din" else ["layers.MaskedAveragePooling()"]
    assert seen.get("feature_encoder") == encoder
    assert document["total_features"] == 31 + 10 + 6 and document["input_length"] == 1 + 3 + 1 + 6
    assert all("share_embedding" not in found[name] for name in ("user", "tags", "a b"))
    assert (
        '"name": "seen", "embedding_dim": 8, "share_embedding": "user"'
        in (files["feature_specs.yaml"])
    )


def test_fuxictr_reads_a_shared_table(record, tmp_path):
    """In the library itself both features look their vectors up in one table."""
    library("fuxictr")
    features, layers = library("fuxictr.features"), library("fuxictr.pytorch.layers")
    files = fuxictr_files(record, FIELDS, HISTORIES)
    path = written(files, tmp_path) / "feature_map.json"
    own = features.FeatureMap(record.spec.dataset, str(tmp_path))
    own.load(str(path), {"embedding_dim": 10})
    tables = layers.FeatureEmbedding(own, 10).embedding_layer.embedding_layers
    assert tables["seen"] is tables["user"]


def test_texts_of_a_record_never_run_as_code(record, monkeypatch):
    """A record may come from anybody, and its names and labels hold anything."""
    evil = '"""\nraise SystemExit\n\'); raise SystemExit #{x}'
    spec = dataclasses.replace(record.spec, label=evil, dataset=evil)
    fields = [Field(evil, 3), Field("é😀.", 4)]
    other = dataclasses.replace(record, spec=spec, allocation=Allocation.uniform(fields, 4))
    made = {}
    exec(compile_with_stand_in(torchrec_tables(other), monkeypatch), made)
    assert made["METHOD"] == evil
    assert [t["feature_names"] for t in made["TABLES"]] == [[evil], ["é😀."]]


def compile_with_stand_in(text, monkeypatch):
    """Return the code of a file of tables, with a stand-in for TorchRec in its import."""
    import sys
    import types

    stand_in = types.SimpleNamespace(
        EmbeddingBagConfig=dict, PoolingType=types.SimpleNamespace(MEAN="mean")
    )
    monkeypatch.setitem(sys.modules, "torchrec", stand_in)
    return compile(text, "tables.py", "exec")


@pytest.mark.parametrize("unification", ["plain", "transform"])
def test_fuxictr_reads_the_feature_map(record, tmp_path, unification):
    """Its embedding layer has our tables, padding first, and the width that a model expects."""
    library("fuxictr")
    features, layers = library("fuxictr.features"), library("fuxictr.pytorch.layers")
    spec = dataclasses.replace(record.spec, unification=unification)
    files = fuxictr_files(dataclasses.replace(record, spec=spec), FIELDS)
    path = written(files, tmp_path) / "feature_map.json"
    own = features.FeatureMap(spec.dataset, str(tmp_path))
    own.load(str(path), {"embedding_dim": 10})
    embedding = layers.FeatureEmbedding(own, 10)
    width = 8 + 2 + 32 if unification == "plain" else 3 * 32
    assert own.sum_emb_out_dim() == width and own.num_fields == 3
    shapes = {
        name: (table.num_embeddings, table.embedding_dim)
        for name, table in embedding.embedding_layer.embedding_layers.items()
    }
    assert shapes == {"user": (31, 8), "tags": (10, 2), "a b": (6, 32)}
    # Ids of ours plus one: the padding -1 becomes FuxiCTR's 0.
    batch = {
        "user": torch.tensor([0, 29]) + 1,
        "tags": torch.tensor([[1, 8, -1], [3, -1, -1]]) + 1,
        "a b": torch.tensor([4, 0]) + 1,
    }
    vectors = embedding(batch, flatten_emb=True)
    assert vectors.shape == (2, width)
    if unification == "plain":
        table = embedding.embedding_layer.embedding_layers["tags"].weight
        torch.testing.assert_close(vectors[0, 8:10], table[[2, 9]].mean(0))


def test_fuxictr_takes_the_sizes_alone(record, tmp_path):
    """`feature_specs` change the sizes of a feature map that FuxiCTR made itself."""
    library("fuxictr")
    features, yaml = library("fuxictr.features"), library("yaml")
    specs = yaml.safe_load(fuxictr_files(record, FIELDS)["feature_specs.yaml"])
    theirs = {
        "dataset_id": "x",
        "features": [{f.name: {"type": "categorical", "vocab_size": 7}} for f in FIELDS],
    }
    (tmp_path / "map.json").write_text(json.dumps(theirs))
    own = features.FeatureMap("x", str(tmp_path))
    own.load(str(tmp_path / "map.json"), {"embedding_dim": 10, **specs})
    dims = {name: feature.get("embedding_dim") for name, feature in own.features.items()}
    assert dims == {"user": 8, "tags": 2, "flag": None, "a b": 32}


def test_fuxictr_files_hold_one_entry_per_field(record):
    """The same without the library; a field of size 0 is in neither file."""
    files = fuxictr_files(record, FIELDS)
    document = json.loads(files["feature_map.json"])
    found = {name: f for entry in document["features"] for name, f in entry.items()}
    assert {name: (f["vocab_size"], f["embedding_dim"]) for name, f in found.items()} == {
        "user": (31, 8), "tags": (10, 2), "a b": (6, 32),
    }  # fmt: skip
    assert found["tags"]["max_len"] == 3 and document["total_features"] == 31 + 10 + 6
    assert '  - {"name": "a b", "embedding_dim": 32}\n' in files["feature_specs.yaml"]


def test_several_sizes_in_a_field_are_no_table(record):
    """Neither library has them; the message names what has."""
    mixed = Allocation(("user",), ((Block(10, 8), Block(20, 2)),))
    other = dataclasses.replace(record, allocation=mixed)
    with pytest.raises(ConfigError, match="TorchRec.*--to json or --to torch"):
        torchrec_tables(other)
    with pytest.raises(ConfigError, match="FuxiCTR"):
        fuxictr_files(other, [Field("user", 30)])


def test_masked_tables_are_no_tables_of_other_libraries(record):
    """They have no masks, and the size alone would claim what was saved and keep all values."""
    keeps = [np.arange(f.cardinality * 4).reshape(-1, 4) % 3 > 0 for f in FIELDS]
    masked = dataclasses.replace(record, allocation=Allocation.masked(FIELDS, keeps))
    for write in (torchrec_tables, lambda own: fuxictr_files(own, FIELDS)):
        with pytest.raises(ConfigError, match="has masked tables.* --to json or --to torch"):
            write(masked)


def test_hashed_tables_are_no_tables_of_other_libraries(record):
    """Theirs have a vector for each id."""
    blocks = tuple((Block(field.cardinality, 4, 3),) for field in FIELDS)
    allocation = Allocation(tuple(field.name for field in FIELDS), blocks)
    hashed = dataclasses.replace(record, allocation=allocation)
    for write in (torchrec_tables, lambda own: fuxictr_files(own, FIELDS)):
        with pytest.raises(ConfigError, match="has hashed tables.* --to json or --to torch"):
            write(hashed)


def test_a_masked_run_is_exported_with_its_masks(export, planted_tiny, tmp_path):
    """By the command, from a record that has only counts; without the file it says what to do."""
    load_plugin(MASKED)
    (spec,) = plan(planted_tiny, ["masked"], seeds=[0], settings=QUICK)
    write_record(tmp_path / "results", run(spec, planted_tiny))
    for form in ("torch", "json"):
        export(spec.run_id, "--to", form, "--out", form)
    model = load_model(tmp_path / "torch")
    dead = sum(int((table.weight == 0).sum()) for table in model.embedding.tables.values())
    found = json.loads((tmp_path / "json" / "allocation.json").read_text())
    assert dead == found["unmasked_parameters"] - found["parameters"] > 0
    assert (tmp_path / "json" / "allocation.npz").is_file()
    (tmp_path / "torch" / "masks.npz").unlink()
    with pytest.raises(RecordError, match=r"masks.npz.*export the run again"):
        load_model(tmp_path / "torch")
    mask_path(tmp_path / "results", spec).unlink()
    with pytest.raises(RecordError, match="masks of this allocation are not there"):
        export(spec.run_id, "--to", "json")


def test_a_name_that_fuxictr_cannot_have_is_refused(record):
    """A dot is no part of a module's name."""
    fields = [Field("a.b", 3)]
    other = dataclasses.replace(record, allocation=Allocation.uniform(fields, 4))
    with pytest.raises(ConfigError, match=r"'a\.b'"):
        fuxictr_files(other, fields)


@pytest.fixture
def export(tmp_path, cache_dir, monkeypatch):
    """Run `aesbench export` in an empty folder; a user's mistake is raised."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AESBENCH_CACHE", str(cache_dir))
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments):
        return CliRunner().invoke(
            cli, ["export", *map(str, arguments)], standalone_mode=False, catch_exceptions=False
        )

    return call


def test_the_command_writes_each_form(export, planted_tiny, tmp_path):
    """By the first digits of a run's id, into a folder under the results or of one's choice."""
    (spec,) = plan(planted_tiny, ["ues:2"], seeds=[0], settings=QUICK)
    write_record(tmp_path / "results", run(spec, planted_tiny))
    folder = tmp_path / "results" / "exports" / spec.run_id
    assert "equals the record's to the last bit" in export(spec.run_id[:6], "--to", "torch").stdout
    assert "multiples of 4" in export(spec.run_id, "--to", "torchrec").stdout
    export(spec.run_id, "--to", "json"), export(spec.run_id, "--to", "fuxictr")
    assert {path.name for path in folder.iterdir()} == {
        "allocation.json", "model.json", "weights.safetensors", "torchrec_tables.py",
        "feature_map.json", "feature_specs.yaml", "vocabulary",
    }  # fmt: skip
    assert len(list((folder / "vocabulary").iterdir())) == len(planted_tiny.fields)
    export(spec.run_id, "--to", "torch", "--out", "mine")
    model = aesbench.load_model("mine")
    ids = torch.from_numpy(planted_tiny.test.ids[:5])
    assert model(ids).shape == (5,)


def test_a_run_on_ones_own_data_needs_their_file(export, record, tmp_path):
    """Its name alone does not say where the file lies."""
    spec = dataclasses.replace(record.spec, dataset="mine")
    write_record(tmp_path / "results", dataclasses.replace(record, spec=spec))
    with pytest.raises(ConfigError, match=r"--dataset mine\.toml"):
        export(spec.run_id, "--to", "torch")
    with pytest.raises(RecordError, match="aesbench list runs"):
        export("0000", "--to", "json")
