"""The trainings of the tabular benchmark, and its tables, from their records."""

import dataclasses
import json
import shutil

import polars as pl
import pytest

from aesbench.core.headroom import read_headroom
from aesbench.core.record import read_records, write_record
from aesbench.errors import ConfigError, RecordError
from aesbench.harness.grid import execute
from aesbench.harness.load_data import load_dataset
from aesbench.harness.studies import choose_studies, plan_studies
from aesbench.harness.tabular import name_of_data, write_tables
from aesbench.plugins.study import Options
from aesbench.tabular.draws import SIZES
from aesbench.tabular.headroom import contests
from aesbench.tabular.place import load

QUICK = {"train": {"epochs": "2"}}


def planned(dataset, allocations, **options):
    """The trainings of a benchmark."""
    study = choose_studies(["tabular"], dataset)
    (specs,) = plan_studies(study, dataset, Options(allocations=allocations, **options)).values()
    return specs


@pytest.fixture(scope="module")
def trained(planted_tiny, tmp_path_factory):
    """A folder with the trainings of four allocations and the uniform ones, and their specs."""
    folder = tmp_path_factory.mktemp("tabular")
    specs = planned(planted_tiny, 4, settings=QUICK)
    execute(specs, planted_tiny, folder, pack=8, threads=1)
    return folder, specs


def test_all_are_trained_once_and_a_tenth_twice(planted_tiny):
    """Forty allocations and seven uniform ones: 47 by one seed, 4 and 7 by the other, too."""
    specs = planned(planted_tiny, 40)
    by_seed = {seed: [s.label for s in specs if s.seed == seed] for seed in (100, 101)}
    assert [len(set(labels)) for labels in by_seed.values()] == [47, 11]
    assert set(by_seed[101]) < set(by_seed[100])
    assert {spec.method for spec in specs} == {"fixed"}
    assert planned(planted_tiny, 20)[:27] == specs[:27]  # What is trained serves a longer list.


def test_the_table_has_a_row_per_training(planted_tiny, trained):
    """In the order of the draws; with all epochs, and what the records say."""
    folder, specs = trained
    files = write_tables(folder, planted_tiny, specs)
    own = folder / "planted-tiny" / "widedeep"
    assert files == [own / "table.parquet", own / "card.json"]
    table = pl.read_parquet(files[0])
    numbers = [number for size in SIZES for number in (-size, -size)] + [0, 0, 1, 2, 3]
    assert table["number"].to_list() == numbers and table.height == len(specs)
    records = {(r.allocation.dims, r.spec.seed): r for r in read_records(folder)}
    for row in table.iter_rows(named=True):
        record = records[tuple(row["sizes"]), row["seed"]]
        assert row["test_auc"] == record.metrics["test"]["auc"]
        assert row["epochs_auc"][row["best_epoch"] - 1] == row["validation_auc"]
        assert row["epochs_logloss"][row["best_epoch"] - 1] == row["validation_logloss"]
        assert len(row["epochs_auc"]) == len(row["epochs_logloss"]) == record.epochs["epochs"]
        assert row["parameters"] == record.allocation.parameters < row["total_parameters"]
        assert row["pack"] == record.environment["pack"]["models"]


def test_the_card_says_what_the_table_is_of(planted_tiny, trained):
    """The data, the protocol, the draws, the versions."""
    folder, specs = trained
    card = json.loads(write_tables(folder, planted_tiny, specs)[1].read_text())
    assert (card["place"], card["allocations"], card["trainings"]) == (
        *("planted-tiny/widedeep", 4),
        len(specs),
    )
    assert card["data_hash"] == planted_tiny.hash and card["train"]["epochs"] == 2
    assert [field["name"] for field in card["fields"]] == [f.name for f in planted_tiny.fields]
    assert card["candidates"] == list(SIZES) and card["seeds"] == [100, 101]
    assert {"aesbench", "torch"} <= set(card["versions"])


def test_a_shorter_list_keeps_what_a_longer_one_trained(planted_tiny, trained):
    """And runs of another protocol stay out."""
    folder, _ = trained
    shorter = planned(planted_tiny, 2, settings=QUICK)
    assert pl.read_parquet(write_tables(folder, planted_tiny, shorter)[0]).height == 19
    assert write_tables(folder, planted_tiny, planned(planted_tiny, 2)) == []


def test_records_without_the_logloss_of_epochs_are_told(planted_tiny, trained, tmp_path):
    """Those of an older aesbench lack it."""
    _, specs = trained
    (record, *_) = read_records(trained[0])
    epochs = {key: value for key, value in record.epochs.items() if key != "logloss"}
    write_record(tmp_path, dataclasses.replace(record, epochs=epochs))
    with pytest.raises(RecordError, match="make it again with --force"):
        write_tables(tmp_path, planted_tiny, specs)


def test_data_are_named_by_what_is_not_the_default(planted_tiny, tiny_dataset, cache_dir):
    """Nothing for the default settings, the split by its name, others by theirs."""
    assert name_of_data(planted_tiny) == "planted-tiny"
    assert name_of_data(tiny_dataset) == "tiny"
    other = load_dataset("planted-tiny", settings={"seed": "3"}, cache_dir=cache_dir)
    assert name_of_data(other) == "planted-tiny.seed=3"


def test_headroom_is_retrained_and_written_beside_the_table(planted_tiny, trained, tmp_path):
    """The contenders of every budget and its rivals, on fresh seeds with their own draws."""
    folder, specs = trained
    write_tables(folder, planted_tiny, specs)
    results = tmp_path / "results"
    results.mkdir()
    (results / "tabular").symlink_to(folder)
    study = choose_studies(["headroom"], planted_tiny)
    options = Options(seeds=(200, 201), results=results, settings=QUICK)
    (own,) = plan_studies(study, planted_tiny, options).values()
    place = load("planted-tiny/widedeep", folder)
    expected = {c for one in contests(place) for c in one.contenders}
    expected |= {(one.rival,) * len(place.fields) for one in contests(place)}
    assert {tuple(spec.method_config["dims"]) for spec in own} == expected
    assert {spec.seed for spec in own} == {200, 201}
    execute(own, planted_tiny, folder, pack=8, threads=1)
    (path,) = study[0].finish(folder, planted_tiny, own)
    assert path == folder / "planted-tiny" / "widedeep" / "headroom.json"
    found = read_headroom(path)
    assert [one.uniform for one in found.budgets] == list(SIZES)
    assert all(set(one.differences) == {200, 201} for one in found.budgets)
    assert found.data_hash == planted_tiny.hash and found.place == "planted-tiny/widedeep"
    assert found.budgets[0].differences == {200: 0.0, 201: 0.0} and not found.budgets[0].exists
    # Its trainings are no rows of the table.
    assert pl.read_parquet(write_tables(folder, planted_tiny, specs)[0]).height == len(specs)


def test_headroom_needs_a_table_of_the_same_data(planted_tiny, trained, tmp_path, cache_dir):
    """It says how to make one."""
    study = choose_studies(["headroom"], planted_tiny)
    with pytest.raises(ConfigError, match="There are: none; aesbench reproduce tabular makes one"):
        plan_studies(study, planted_tiny, Options(results=tmp_path))
    folder = tmp_path / "tabular" / "planted-tiny" / "widedeep"
    shutil.copytree(trained[0] / "planted-tiny" / "widedeep", folder)
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(card | {"data_hash": "ab" * 32}))
    with pytest.raises(ConfigError, match="is of data abababababababab, and 'planted-tiny' is"):
        plan_studies(study, planted_tiny, Options(results=tmp_path))
