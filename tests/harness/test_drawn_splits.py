"""The seed of a run draws the split, too, where there is one to draw."""

import dataclasses

import numpy as np
import pytest

from aesbench import load_dataset
from aesbench.core.record import read_records
from aesbench.errors import ConfigError
from aesbench.harness import runner
from aesbench.harness.grid import execute, plan
from aesbench.harness.runner import run, run_packed
from aesbench.harness.stages import data_of

QUICK = {"train": {"epochs": 1, "batch_size": 64}}


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """Four hundred rows of one's own, with a random split."""
    folder = tmp_path_factory.mktemp("own")
    draw = np.random.default_rng(0)
    user, item = draw.integers(60, size=400), draw.integers(30, size=400)
    label = (draw.random(400) < 0.3 + 0.4 * (user % 2)).astype(int)
    lines = [f"{u},{i},{c}" for u, i, c in zip(user, item, label, strict=True)]
    (folder / "rows.csv").write_text("\n".join(["user,item,clicked", *lines]))
    (folder / "own.toml").write_text(
        'label = "clicked"\n[rows]\nfiles = ["rows.csv"]\n'
        '[[field]]\nname = "user"\n[[field]]\nname = "item"\n'
    )
    (folder / "one.toml").write_text((folder / "own.toml").read_text() + "[split]\nseed = 1\n")
    return folder


@pytest.fixture(scope="module")
def dataset(own, cache_dir):
    """The data of draw 0."""
    return load_dataset(str(own / "own.toml"), cache_dir=cache_dir)


def test_every_seed_has_its_own_split_at_one_place(dataset):
    """The specs name one data set; the runs are trained on different rows."""
    specs = plan(dataset, ["ues:4"], seeds=[0, 1, 2], settings=QUICK)
    assert {spec.data_hash for spec in specs} == {dataset.hash}
    assert {str(spec.conditions) for spec in specs} == {str(specs[0].conditions)}
    assert specs[0].conditions["split"] == "drawn by the seed"
    hashes = {data_of(spec, dataset).hash for spec in specs}
    assert len(hashes) == 3 and dataset.hash in hashes
    rows = {run(spec, dataset).parameters["embedding"] for spec in specs}
    assert len(rows) > 1, "the vocabularies are those of different rows"


def test_equal_seeds_of_two_methods_are_paired_on_one_split(dataset):
    """Whatever the method, the draw is the seed's."""
    one, other = plan(dataset, ["ues:4", "ues:8"], seeds=[1], settings=QUICK)
    assert data_of(one, dataset).hash == data_of(other, dataset).hash


def test_a_given_seed_splits_alike_for_all(own, cache_dir):
    """Then the split is the data set's, and the spec says nothing of it."""
    dataset = load_dataset(str(own / "one.toml"), cache_dir=cache_dir)
    specs = plan(dataset, ["ues:4"], seeds=[0, 1], settings=QUICK)
    assert {data_of(spec, dataset).hash for spec in specs} == {dataset.hash}
    assert not specs[0].drawn and "split" not in specs[0].conditions
    drawn = dataclasses.replace(specs[0], drawn=True)
    with pytest.raises(ConfigError, match="has the split that its seed draws"):
        run(drawn, dataset)


def test_workers_get_the_draws_of_their_runs(dataset, tmp_path):
    """In processes, each run has the numbers that it has here."""
    specs = plan(dataset, ["ues:4"], seeds=[0, 3], settings=QUICK)
    outcome = execute(specs, dataset, tmp_path, workers=2)
    assert not outcome.failed and len(list(read_records(tmp_path))) == 2
    for record in outcome.records:
        assert record.metrics == run(record.spec, dataset).metrics
    assert execute(specs, dataset, tmp_path).ran == 0


def test_models_of_several_draws_are_trained_as_one(dataset, monkeypatch):
    """Each on its own rows, as it would be alone."""
    packs, real = [], runner.fit_pack

    def noted(models, data, *rest):
        packs.append(len({id(train) for train, _ in data}))
        return real(models, data, *rest)

    monkeypatch.setattr(runner, "fit_pack", noted)
    specs = plan(dataset, ["ues:4"], seeds=[0, 1, 2], settings=QUICK)
    records = list(run_packed(specs, dataset, 8))
    assert packs == [3]
    for record in records:
        assert record.ok, record.error
        alone = run(record.spec, dataset)
        assert record.parameters == alone.parameters
        for split, expected in alone.metrics.items():
            assert record.metrics[split] == pytest.approx(expected, abs=1e-3)
