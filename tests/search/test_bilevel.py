"""Bi-level stepping: which batches come when, from which split, and when to stop."""

from itertools import chain

import numpy as np
import pytest
import torch

from aesbench import Split
from aesbench.search.bilevel import BilevelBatches, Patience, running_statistics_kept


def split_of(first, rows):
    """Rows whose only id is a number of their own, from ``first`` on."""
    return Split(
        np.arange(first, first + rows, dtype=np.int32).reshape(-1, 1), np.zeros(rows, np.uint8)
    )


def batches_of(epochs=2, every=3, train=40, validation=12, heard=None):
    """Batches of 4 from a train split (ids below 1000) and a validation split (from 1000 on)."""
    return BilevelBatches(
        split_of(0, train),
        None if validation is None else split_of(1000, validation),
        4,
        epochs=epochs,
        every=every,
        device=torch.device("cpu"),
        generator=torch.Generator().manual_seed(0),
        progress=lambda *said: None if heard is None else heard.append(said),
    )


def test_a_validation_batch_is_due_at_every_kth_train_batch():
    """The count goes on from one epoch to the next: 10 batches each, due at 3, 6, 9, 12, 15, 18."""
    batches = batches_of(every=3)
    due = [batches.step for _ in range(2) for _, other in batches.epoch() if other is not None]
    assert due == [3, 6, 9, 12, 15, 18]
    assert (batches.steps_per_epoch, batches.steps) == (10, 20)


def test_each_level_sees_rows_of_its_split_only():
    """Train batches hold train rows and validation batches validation rows."""
    for (ids, _), (others, _) in batches_of(every=1).epoch():
        assert (ids < 1000).all()
        assert (others >= 1000).all()


def test_the_train_batch_before_stands_in_for_validation():
    """Where nothing is held out, also from one epoch to the next; the first has none before it."""
    batches = batches_of(validation=None, every=1)
    pairs = [pair for _ in range(2) for pair in batches.epoch()]
    assert pairs[0][1] is None
    for (before, _), (_, upper) in zip(pairs, pairs[1:], strict=False):
        assert torch.equal(before[0], upper[0])
    assert len(pairs) == 20


def test_validation_rows_come_again_once_all_were_seen():
    """Three batches use 12 rows up; the next three hold them all again, in another order."""
    seen = [other[0][:, 0].tolist() for _, other in batches_of(every=1).epoch()]
    passes = [list(chain(*seen[first : first + 3])) for first in (0, 3, 6)]
    assert {tuple(sorted(one)) for one in passes} == {tuple(range(1000, 1012))}
    assert passes[0] != passes[1]


def test_progress_is_told_ten_times_per_epoch():
    """Of all the steps that are planned."""
    heard = []
    batches = batches_of(train=80, heard=heard)
    for _ in range(2):
        list(batches.epoch())
    assert heard == [("search step", step, 40) for step in range(2, 41, 2)]


@pytest.mark.parametrize(("train", "traced"), [(40, 20), (4 * 1000, 200)])
def test_a_trace_has_a_few_hundred_points(train, traced):
    """All steps of a short search, 200 of a long one."""
    batches = batches_of(train=train)
    points = [batches.is_traced() for _ in range(2) for _ in batches.epoch()]
    assert sum(points) == traced


def test_running_statistics_see_nothing_of_the_upper_level():
    """A batch is normalised by its own mean and variance, which are then forgotten."""
    model = torch.nn.Sequential(torch.nn.BatchNorm1d(2, affine=False))
    norm, batch = model[0], torch.tensor([[1.0, 5.0], [3.0, 9.0]])
    with running_statistics_kept(model):
        normed = model(batch)
    torch.testing.assert_close(normed, torch.tensor([[-1.0, -1.0], [1.0, 1.0]]))
    assert not norm.running_mean.any() and (norm.running_var == 1).all()
    model(batch)  # A tenth of the way from mean 0 to 2 and 7, from variance 1 to 2 and 8.
    torch.testing.assert_close(norm.running_mean, torch.tensor([0.2, 0.7]))
    torch.testing.assert_close(norm.running_var, torch.tensor([1.1, 1.7]))


@pytest.mark.parametrize(
    ("scores", "patience", "stopped", "best"),
    [
        ([0.5, 0.6, 0.7], 1, 3, 3),
        ([0.5, 0.6, 0.6, 0.9], 1, 3, 2),  # As good is not better.
        ([0.7, 0.6, 0.8, 0.6, 0.6, 0.9], 2, 5, 3),
    ],
)
def test_patience_ends_epochs_after_the_best(scores, patience, stopped, best):
    """It ends `patience` epochs after the best one, or never."""
    watch = Patience(patience)
    assert not any(watch.is_over(score) for score in scores[: stopped - 1])
    assert watch.is_over(scores[stopped - 1]) == (stopped - best == patience)
    assert watch.best_epoch == best
    assert watch.history == scores[:stopped]
