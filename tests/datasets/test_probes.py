"""Probes of prepared data say what they say: rates of cells, and rows that stand in train."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest

from aesbench.core.metrics import auc
from aesbench.core.probe import Probe
from aesbench.datasets import probes
from aesbench.datasets.base import PADDING_ID, Field, Split
from aesbench.datasets.probes import chosen_fields, probe, rate_table, rates
from aesbench.datasets.store import open_dataset
from aesbench.datasets.writer import DatasetWriter
from aesbench.errors import ConfigError


@pytest.fixture
def make_data(tmp_path):
    """Return the function that prepares fields and ``{split: rows}``, a row its ids and label."""

    def make(fields, **splits):
        folder = tmp_path / f"data-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        writer = DatasetWriter(folder, "probed", raw={}, settings={})
        for split, rows in splits.items():
            ids, labels, _ = writer.split(split, len(rows), len(rows[0]) - 1)
            ids[:] = [row[:-1] for row in rows]
            labels[:] = [row[-1] for row in rows]
            ids.flush(), labels.flush()
        writer.finish(
            [dataclasses.replace(f, counts=np.zeros(f.cardinality, np.int64)) for f in fields]
        )
        return open_dataset(folder)

    return make


TRAIN = [(0, 0, 1)] * 3 + [(0, 0, 0)] + [(0, 1, 0)] * 4 + [(1, 0, 1)] * 2
VALIDATION = [(0, 0, 1), (0, 1, 0), (1, 0, 1)]
TEST = [(0, 0, 1), (0, 1, 0), (1, 1, 1), (1, 2, 0)]
AB = (Field("a", 3), Field("b", 3))


@pytest.fixture
def data(make_data):
    """Two fields, (a, b), of two and three ids: ten train rows, and others known and unknown."""
    return make_data(AB, train=TRAIN, validation=VALIDATION, test=TEST)


def test_a_table_scores_by_the_smoothed_rate_of_the_cell(data):
    """By hand: half of train is positive, so a cell's rate is (positives + 5) / (rows + 10)."""
    scores = rates(data.train, [0, 1], data.test.ids)
    assert scores.tolist() == pytest.approx([8 / 14, 5 / 14, 0.5, 0.5])
    of_a = rates(data.train, [0], data.test.ids[:, :1])
    assert of_a.tolist() == pytest.approx([8 / 18, 8 / 18, 7 / 12, 7 / 12])


def test_the_aucs_are_those_of_the_scores(data):
    """Of test's four pairs of a positive and a negative, three are in order and one is a tie."""
    table = rate_table(data, ["a", "b"])
    assert (table.fields, table.title) == (("a", "b"), "a × b")
    assert (table.validation_auc, table.test_auc) == (1.0, 0.875)


def test_twins_stand_in_train_with_all_their_ids(data):
    """Two of the four test rows do; (1, 1) has known ids in a new combination.

    (0, 0) was positive three times and negative once, (0, 1) never positive: both have the label
    of the majority.
    """
    twins = probe(data).twins["test"]
    assert (twins.rows, twins.share, twins.other_label, twins.agreement) == (4, 0.5, 0.25, 1.0)
    twins = probe(data).twins["validation"]
    assert (twins.rows, twins.share, twins.other_label) == (3, 1.0, pytest.approx(1 / 3, abs=1e-6))


def test_agreement_weighs_both_labels_the_same(make_data):
    """One of one positive agrees, and of three negatives one, and one that ties: (1 + .5) / 2."""
    train = [(0, 0, 1), (0, 1, 0), (1, 0, 1), (1, 1, 0), (1, 1, 1)]
    test = [(0, 0, 1), (0, 1, 0), (1, 0, 0), (1, 1, 0), (2, 2, 0), (2, 2, 1)]
    twins = probe(make_data(AB, train=train, validation=VALIDATION, test=test)).twins["test"]
    assert twins.share == pytest.approx(4 / 6, abs=1e-6)
    assert twins.agreement == 0.75


def test_no_twin_has_no_agreement(make_data):
    """There is nothing to divide by."""
    twins = probe(
        make_data(AB, train=TRAIN, validation=VALIDATION, test=[(2, 2, 1), (2, 1, 0)])
    ).twins["test"]
    assert (twins.share, twins.other_label, twins.agreement) == (0.0, 0.0, None)
    assert twins.worth(0.5) == 0.0


def test_several_values_are_a_set_in_twins_and_in_no_table(make_data):
    """Order and repetitions do not matter, one more value does; the field is named."""
    fields = (Field("tags", 9, columns=3), *AB)
    none = PADDING_ID
    train = [(1, 2, none, *row) for row in TRAIN]
    test = [
        (2, 1, none, 0, 0, 1),
        (2, 1, 2, 0, 0, 0),
        (none, 1, 2, 0, 1, 0),
        (1, none, none, 0, 0, 1),
        (1, 2, 3, 0, 0, 1),
    ]
    validation = [(1, 2, none, *row) for row in VALIDATION]
    data = make_data(fields, train=train, validation=validation, test=test)
    found = probe(data)
    assert found.twins["test"].share == 0.6
    assert found.left_out == ("tags",)
    assert [table.fields for table in found.tables] == [("a", "b")]
    with pytest.raises(ConfigError, match="'tags' of 'probed' has several values"):
        rate_table(data, ["a", "tags"])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (["A"], "'probed' has no field 'A'.* It has a, b"),
        (["a", "b", "a"], "'a' is named twice"),
        ([], "at least one field"),
    ],
)
def test_a_wrong_field_is_named(data, fields, message):
    """The message says which there are."""
    with pytest.raises(ConfigError, match=message):
        rate_table(data, fields)


def test_one_field_of_one_value_gives_no_table(make_data):
    """Twins are counted all the same."""
    rows = [(0, 1), (1, 0)]
    found = probe(make_data([Field("a", 3)], train=rows, validation=rows, test=rows))
    assert (found.tables, found.best) == ((), None)
    assert found.twins["test"].share == 1.0


def drawn(seed, rows, cardinalities):
    """Rows of random ids, whose label depends on those of the fields 1, 2 and 4."""
    rng = np.random.default_rng(seed)
    ids = np.stack([rng.integers(c, size=rows) for c in cardinalities], axis=1)
    chance = np.where((ids[:, 1] + ids[:, 2] + ids[:, 4]) % 2, 0.85, 0.3)
    return [(*row, int(label)) for row, label in zip(ids, rng.random(rows) < chance, strict=True)]


@pytest.fixture
def five(make_data):
    """Return the function that prepares five fields in which a triple decides."""
    cardinalities = (3, 4, 2, 5, 3)

    def make(test_seed=2, flip=False):
        splits = {
            name: drawn(seed, rows, cardinalities)
            for name, seed, rows in (
                ("train", 0, 4000),
                ("validation", 1, 1000),
                ("test", test_seed, 1000),
            )
        }
        if flip:
            splits["test"] = [(*row[:-1], 1 - row[-1]) for row in splits["test"]]
        return make_data([Field(f"f{n}", c) for n, c in enumerate(cardinalities)], **splits)

    return make


def plain_auc(data, fields, name):
    """The AUC of a table, made cell by cell in a dictionary."""
    cells, rate = {}, data.train.labels.mean()
    for row, label in zip(data.train.ids, data.train.labels, strict=True):
        cells.setdefault(tuple(row[list(fields)]), []).append(int(label))
    split = getattr(data, name)
    own = [cells.get(tuple(row[list(fields)]), []) for row in split.ids]
    return auc(split.labels, [(sum(found) + 10 * rate) / (len(found) + 10) for found in own])


def test_pair_and_triple_are_the_best_on_validation(five):
    """Tried one by one, by a second method; of five fields the best triple extends a best pair."""
    from itertools import combinations

    data = five()
    found = probe(data)
    assert [len(table.fields) for table in found.tables] == [2, 3]
    for table in found.tables:
        scores = {
            fields: plain_auc(data, fields, "validation")
            for fields in combinations(range(5), len(table.fields))
        }
        best = max(scores, key=scores.get)
        assert table.fields == tuple(f"f{n}" for n in best)
        assert table.validation_auc == round(scores[best], 6)
        assert table.test_auc == round(plain_auc(data, best, "test"), 6)
    assert found.best.fields == ("f1", "f2", "f4")


def test_test_labels_change_nothing_but_what_is_reported_of_test(five):
    """With every test label turned round, the AUC is too, and all else is what it was."""
    plain, turned = probe(five()), probe(five(flip=True))
    for one, other in zip(plain.tables, turned.tables, strict=True):
        assert (one.fields, one.validation_auc) == (other.fields, other.validation_auc)
        assert other.test_auc == pytest.approx(1 - one.test_auc, abs=2e-6)
    assert plain.twins["validation"] == turned.twins["validation"]
    assert plain.twins["test"].share == turned.twins["test"].share
    assert plain.chosen_on == turned.chosen_on


def test_the_probe_is_the_same_each_time(five, monkeypatch):
    """Also where samples are drawn, and whatever the size of the windows."""
    first = probe(five())
    monkeypatch.setattr(probes, "_WINDOW_ROWS", 7)
    assert dataclasses.replace(probe(five()), hash="") == dataclasses.replace(first, hash="")
    monkeypatch.setattr(probes, "MOST_CHOICE_ROWS", {"train": 900, "validation": 300})
    monkeypatch.setattr(probes, "MOST_ASKED_ROWS", 200)
    sampled = probe(five())
    assert sampled == probe(five())
    assert sampled.chosen_on == {"train": 900, "validation": 300}
    assert sampled.twins["test"].rows == 200
    assert sampled.best.fields == first.best.fields
    assert sampled.best.test_auc != first.best.test_auc  # Of 200 rows.


def test_the_best_fields_alone_enter_pairs_where_there_are_many(five, monkeypatch):
    """Of five fields three may: those with the best tables of their own."""
    data = five()
    own = {n: plain_auc(data, (n,), "validation") for n in range(5)}
    kept = sorted(sorted(own, key=own.get)[-3:])
    monkeypatch.setattr(probes, "MOST_FIELDS", 3)
    assert chosen_fields(data)[1] == tuple(f"f{n}" for n in kept)


def test_ids_as_large_as_they_can_be_are_told_apart():
    """Four fields of two thousand million ids: their cells would need 124 bits in one number."""
    top = 2**31 - 1
    rows = [(top, top, top, top), (top, top, top, top - 1), (0, top, top, top), (top, 0, 0, 0)]
    train = Split(np.array(rows * 2, np.int32), np.array([1, 0, 0, 1] * 2, np.uint8))
    asked = np.array([*rows, (top, top, top, 0)], np.int32)
    # Half of train is positive: (2 + 5) / 12, 5 / 12, and a half for the unknown.
    expected = [7 / 12, 5 / 12, 5 / 12, 7 / 12, 1 / 2]
    assert rates(train, range(4), asked).tolist() == pytest.approx(expected)


def test_rows_that_repeat_are_warned_of(make_data):
    """Two hundred ids, each its own label, all of test in train: memory is worth half an AUC.

    As many twins whose label is drawn anew are worth nothing.
    """
    rng = np.random.default_rng(0)
    pairs = [(a, b) for a in range(20) for b in range(20)]
    fields = [Field("a", 21), Field("b", 21), Field("c", 21)]
    rows = [
        (a, b, c, int(rng.random() < 0.5))
        for (a, b), c in zip(pairs, rng.integers(20, size=400), strict=True)
    ]
    anew = [(*row[:-1], int(rng.random() < 0.5)) for row in rows]
    repeated = probe(make_data(fields, train=rows, validation=anew, test=rows))
    noisy = probe(make_data(fields, train=rows, validation=anew, test=anew))
    assert repeated.twins["test"].share == noisy.twins["test"].share == 1.0
    assert repeated.twins["test"].agreement == 1.0
    worth = 1 - repeated.best.test_auc
    assert repeated.warns and repeated.twins_worth == pytest.approx(worth)
    assert noisy.twins["test"].agreement == pytest.approx(0.5, abs=0.07)


def test_a_probe_is_read_as_it_was_written(data):
    """Through plain values."""
    found = probe(data)
    assert Probe.from_dict(found.to_dict()) == found


def test_the_module_loads_without_torch():
    """Whoever only reads what it kept, or its constants, need not wait."""
    code = "import sys, aesbench.datasets.probes; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
