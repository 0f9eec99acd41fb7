"""Batches, early stopping, and the same bits again."""

import dataclasses
from itertools import chain

import numpy as np
import pytest
import torch

from aesbench import Allocation, Split, TrainConfig, fit
from aesbench.metrics import score
from aesbench.training import predict

CONFIG = TrainConfig(batch_size=64, epochs=6, patience=2)


def ten_rows():
    """Ten rows whose only id is the row's number; odd rows are positive."""
    ids = np.arange(10, dtype=np.int32).reshape(10, 1)
    return Split(ids, (ids[:, 0] % 2).astype(np.uint8))


def rows_of(batches):
    """The ids of each batch."""
    return [ids[:, 0].tolist() for ids, _ in batches]


def test_unshuffled_batches_hold_all_rows_in_order():
    """Evaluation sees every row once."""
    assert rows_of(ten_rows().batches(4)) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_shuffled_batches_hold_each_row_at_most_once_in_a_fresh_order():
    """An epoch is a permutation less its incomplete last batch; the next one is another."""
    generator = torch.Generator().manual_seed(0)
    first, second = (rows_of(ten_rows().batches(4, shuffle=generator)) for _ in range(2))
    assert [len(batch) for batch in first] == [4, 4]
    assert len(set(chain(*first))) == 8
    assert first != second


def test_a_split_smaller_than_a_batch_is_one_batch():
    """Leaving out an incomplete batch must not leave nothing."""
    batches = rows_of(ten_rows().batches(64, shuffle=torch.Generator().manual_seed(0)))
    assert [sorted(batch) for batch in batches] == [list(range(10))]


def test_labels_stay_with_their_rows():
    """Shuffling moves ids and labels together."""
    for ids, labels in ten_rows().batches(3, shuffle=torch.Generator().manual_seed(0)):
        assert labels.tolist() == (ids[:, 0] % 2).tolist()


def trained(make_context, config=CONFIG):
    """A model trained on the example data, with its context and result."""
    context = make_context()
    model = context.build_model(context.build_embedding(Allocation.uniform(context.fields, 8)))
    result = fit(model, context.train, context.validation, config, context.generator)
    return model, context, result


def test_the_same_seed_gives_the_same_bits(make_context):
    """Two trainings agree in every weight and in their history."""
    (one, _, first), (two, _, second) = trained(make_context), trained(make_context)
    assert first == second
    for a, b in zip(one.state_dict().values(), two.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_the_best_weights_are_restored(make_context):
    """The model that is left scores on validation what its best epoch scored."""
    model, context, result = trained(make_context)
    again = score(context.validation.labels, predict(model, context.validation))
    assert again == result.validation
    assert again.auc == max(result.history) == result.history[result.best_epoch - 1]


def test_training_stops_when_patience_is_spent(make_context):
    """It goes on for `patience` epochs after the best one, and no further."""
    config = dataclasses.replace(CONFIG, epochs=200, learning_rate=0.02)
    _, _, result = trained(make_context, config)
    assert result.epochs == result.best_epoch + 2 < 200


def test_training_stops_at_the_last_epoch(make_context):
    """`epochs` bounds it."""
    _, _, result = trained(make_context, dataclasses.replace(CONFIG, epochs=1))
    assert (result.epochs, result.best_epoch) == (1, 1)


def test_progress_is_told_after_every_epoch(make_context):
    """The listener hears what is done, how far, and of how many."""
    heard = []
    context = make_context()
    model = context.build_model(context.build_embedding(Allocation.uniform(context.fields, 2)))
    fit(
        model, context.train, context.validation, dataclasses.replace(CONFIG, epochs=2),
        context.generator, lambda *said: heard.append(said),
    )  # fmt: skip
    assert heard == [("epoch", 1, 2), ("epoch", 2, 2)]


def test_predictions_do_not_depend_on_the_batch(make_context, monkeypatch):
    """Evaluation in other batches gives the same logits."""
    from aesbench import training

    model, context, _ = trained(make_context)
    whole = predict(model, context.validation)
    monkeypatch.setattr(training, "EVALUATION_BATCH", 7)
    assert predict(model, context.validation) == pytest.approx(whole, abs=1e-6)
