"""Splits too large for memory: the same rows, nearly as random, and never held at once."""

import dataclasses
from itertools import chain

import numpy as np
import pytest
import torch

from aesbench import Allocation, Field, Split, TrainConfig, fit
from aesbench.datasets import windows
from aesbench.datasets.windows import is_large
from aesbench.models.backbones import BackboneConfig, WideDeep
from aesbench.models.cost import peak_memory_bytes, reset_peak_memory
from aesbench.models.embedding import MixedEmbedding

CPU = torch.device("cpu")


def stored_split(folder, ids, labels=None):
    """A split on disk, mapped as a prepared data set is."""
    labels = (ids[:, 0] % 2).astype(np.uint8) if labels is None else labels
    for part, array in (("ids", ids.astype(np.int32)), ("labels", labels)):
        np.save(folder / f"{part}.npy", array)
    return Split(*(np.load(folder / f"{part}.npy", mmap_mode="c") for part in ("ids", "labels")))


@pytest.fixture
def numbered(tmp_path):
    """A thousand rows on disk whose ids are the row's number and its negative."""
    rows = np.arange(1000)
    return stored_split(tmp_path, np.stack([rows, -rows], 1))


@pytest.fixture
def windowed(monkeypatch):
    """Every split on disk counts as large; runs of 8 rows, windows of 120."""
    monkeypatch.setattr(windows, "LARGE_BYTES", 0)
    monkeypatch.setattr(windows, "RUN_ROWS", 8)
    monkeypatch.setattr(windows, "WINDOW_ROWS", 120)


def seeded(seed=0):
    """A generator."""
    return torch.Generator().manual_seed(seed)


def rows_of(batches):
    """The row numbers of each batch; the labels and both columns belong together."""
    found = []
    for ids, labels in batches:
        assert (ids[:, 0] == -ids[:, 1]).all()
        assert (labels == ids[:, 0] % 2).all()
        assert (ids.dtype, labels.dtype) == (torch.int32, torch.float32)
        found.append(ids[:, 0].tolist())
    return found


def test_small_splits_are_shuffled_as_ever(numbered):
    """Their order is that of one permutation of all rows, bit by bit: records depend on it."""
    order = torch.randperm(1000, generator=seeded(7)).tolist()
    batches = rows_of(numbered.batches(64, shuffle=seeded(7)))
    assert batches == [order[start : start + 64] for start in range(0, 960, 64)]


@pytest.mark.parametrize("batch", [1, 7, 64, 120, 333, 1000])
def test_an_epoch_in_windows_has_every_row_but_an_incomplete_batch(numbered, windowed, batch):
    """Whole batches across the borders of windows; no row comes twice."""
    batches = rows_of(numbered.batches(batch, shuffle=seeded()))
    assert [len(rows) for rows in batches] == [batch] * (1000 // batch)
    assert len(set(chain(*batches))) == 1000 // batch * batch


def test_a_split_smaller_than_a_batch_is_one_batch(numbered, windowed):
    """As without windows."""
    (rows,) = rows_of(numbered.batches(1001, shuffle=seeded()))
    assert sorted(rows) == list(range(1000))


@pytest.mark.parametrize("batch", [7, 120, 333, 2000])
def test_without_a_shuffle_windows_change_nothing(numbered, windowed, batch):
    """All rows in the order of the file."""
    batches = rows_of(numbered.batches(batch))
    assert list(chain(*batches)) == list(range(1000))
    assert [len(rows) for rows in batches[:-1]] == [batch] * (len(batches) - 1)


def test_the_order_is_the_generators_and_fresh_in_each_epoch(numbered, windowed):
    """The same seed gives the same two epochs, which differ."""
    one, two = seeded(3), seeded(3)
    first, second = (rows_of(numbered.batches(64, shuffle=one)) for _ in range(2))
    again = [rows_of(numbered.batches(64, shuffle=two)) for _ in range(2)]
    assert [first, second] == again
    assert first != second


def test_only_whole_mapped_files_are_read_in_windows(numbered, windowed):
    """A part of a split, or rows in memory, lie elsewhere than the file says."""
    assert is_large(numbered.ids)
    assert not is_large(numbered.ids[10:])
    assert not is_large(np.array(numbered.ids))
    part = Split(numbered.ids[10:], numbered.labels[10:])
    assert rows_of(part.batches(64))[0][0] == 10


def spread_of_batch_means(split, batch, epochs):
    """The variance of a batch's mean row number, in units of independent rows' variance."""
    generator, means = seeded(), []
    for _ in range(epochs):
        means += [ids.double().mean() for ids, _ in split.batches(batch, shuffle=generator)]
    rows = len(split)
    expected = (rows**2 - 1) / 12 / batch * (rows - batch) / (rows - 1)
    return float(torch.stack(means).var()) / expected


@pytest.mark.parametrize(
    ("run", "window", "batch"),
    [(64, 1 << 16, 64), (256, 1 << 14, 64), (1024, 1 << 14, 64), (64, 1 << 14, 512)],
)
def test_the_randomness_of_windows_is_what_they_promise(tmp_path, monkeypatch, run, window, batch):
    """A quantity that only depends on the place in the file: 1 + batch * run / window, measured.

    Within a quarter: the least independent case has 64 windows, a standard error of 18 %.
    """
    split = stored_split(tmp_path, np.arange(1 << 18).reshape(-1, 1))
    monkeypatch.setattr(windows, "LARGE_BYTES", 0)
    monkeypatch.setattr(windows, "RUN_ROWS", run)
    monkeypatch.setattr(windows, "WINDOW_ROWS", window)
    promised = 1 + batch * run / window
    assert spread_of_batch_means(split, batch, epochs=4) == pytest.approx(promised, rel=0.25)


def test_the_full_shuffle_measures_as_independent(tmp_path):
    """The yardstick itself: 1, where every row is drawn from all."""
    split = stored_split(tmp_path, np.arange(1 << 18).reshape(-1, 1))
    assert spread_of_batch_means(split, 64, epochs=4) == pytest.approx(1, rel=0.05)


def test_no_shuffle_would_be_seen(tmp_path, monkeypatch):
    """Windows of a single run, and batches are their neighbours: the measure explodes."""
    split = stored_split(tmp_path, np.arange(1 << 16).reshape(-1, 1))
    monkeypatch.setattr(windows, "LARGE_BYTES", 0)
    monkeypatch.setattr(windows, "RUN_ROWS", 64)
    monkeypatch.setattr(windows, "WINDOW_ROWS", 64)
    assert spread_of_batch_means(split, 64, epochs=1) > 50


def test_the_real_windows_keep_their_promise_for_the_papers_batches():
    """Batches of 512 are within 7 % of independent rows."""
    assert 1 + 512 * windows.RUN_ROWS / windows.WINDOW_ROWS < 1.07


def test_place_in_the_file_tells_nothing_of_place_in_the_epoch(tmp_path, monkeypatch):
    """Their correlation over an epoch is within four standard errors of 0."""
    split = stored_split(tmp_path, np.arange(1 << 16).reshape(-1, 1))
    monkeypatch.setattr(windows, "LARGE_BYTES", 0)
    monkeypatch.setattr(windows, "RUN_ROWS", 16)
    monkeypatch.setattr(windows, "WINDOW_ROWS", 1 << 13)
    order = torch.cat([ids[:, 0] for ids, _ in split.batches(64, shuffle=seeded())]).numpy()
    place = np.arange(len(order))
    # Rows of a run share their window, so runs, not rows, are what is independent.
    assert abs(np.corrcoef(order, place)[0, 1]) < 4 / (len(order) / 16) ** 0.5


def risen_bytes(work):
    """How far resident memory rises while something is done."""
    reset_peak_memory(CPU)
    before = peak_memory_bytes(CPU)
    work()
    return peak_memory_bytes(CPU) - before


def test_an_epoch_in_windows_does_not_hold_the_file(tmp_path, monkeypatch):
    """160 MB of ids rise memory by the windows only; mapped, all pages stay."""
    ids = np.lib.format.open_memmap(tmp_path / "ids.npy", "w+", np.int32, (1_000_000, 40))
    ids[:] = np.arange(40)
    size = ids.nbytes
    del ids
    np.save(tmp_path / "labels.npy", np.ones(1_000_000, np.uint8))

    def epoch():
        parts = (np.load(tmp_path / f"{part}.npy", mmap_mode="c") for part in ("ids", "labels"))
        for _ in Split(*parts).batches(512, shuffle=seeded()):
            pass

    whole = risen_bytes(epoch)
    monkeypatch.setattr(windows, "LARGE_BYTES", 0)
    monkeypatch.setattr(windows, "WINDOW_ROWS", 1 << 15)
    assert whole > 0.9 * size
    assert risen_bytes(epoch) < 0.25 * size


@pytest.mark.parametrize("epochs", [1, 4])
def test_training_holds_tables_moments_and_one_copy(epochs):
    """Beside its tables: two moments, a copy of the best epoch's unless there is one, 64 MB."""
    rng = np.random.default_rng(0)
    rows, dim = 1 << 19, 32
    ids = rng.permutation(rows)[: 1 << 16].astype(np.int32).reshape(-1, 1)
    split = Split(ids, (ids[:, 0] > rows / 2).astype(np.uint8))
    fields = (Field("f", rows, 1, np.ones(rows, np.int64)),)
    embedding = MixedEmbedding(
        fields,
        Allocation.uniform(fields, dim),
        unification="plain",
        final_dim=dim,
        table_std=0.01,
        generator=seeded(),
    )
    model = WideDeep(fields, embedding, BackboneConfig((8,)), seeded())
    tables = rows * (dim + 1) * 4
    config = dataclasses.replace(TrainConfig(), epochs=epochs, batch_size=4096)
    validation = Split(ids[:4096], split.labels[:4096])
    risen = risen_bytes(lambda: fit(model, split, validation, config, seeded()))
    assert risen < (2 if epochs == 1 else 3) * tables + (64 << 20)
