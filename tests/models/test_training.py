"""Batches, early stopping, and the same bits again."""

import dataclasses
import random
from itertools import chain

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from aesbench import Allocation, Field, Split, TrainConfig, fit
from aesbench.core.metrics import score
from aesbench.errors import DataError
from aesbench.models.backbones import BackboneConfig, DeepFM, WideDeep
from aesbench.models.embedding import MixedEmbedding
from aesbench.models.optimizer import ModelAdam
from aesbench.models.training import cross_entropy_gradient, predict, step

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
    from aesbench.models import training

    model, context, _ = trained(make_context)
    whole = predict(model, context.validation)
    monkeypatch.setattr(training, "EVALUATION_BATCH", 7)
    assert predict(model, context.validation) == pytest.approx(whole, abs=1e-6)


class Scripted(nn.Module):
    """A model whose validation scores follow a script: which epoch is how good.

    Its only weight counts the epochs; `goodness` says how many rows the scores put in order then.
    """

    def __init__(self, goodness, steps_per_epoch):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))
        self.goodness, self.steps_per_epoch = goodness, steps_per_epoch

    def forward(self, ids):
        if self.training:
            self.steps += 1
            return ids[:, 0] * self.weight
        epoch = int(self.steps) // self.steps_per_epoch
        rows = ids[:, 0].float()
        # Ascending ids are positives and negatives in turn: the first ones are put in order.
        return torch.where(rows < self.goodness[epoch - 1], rows % 2, 0.5)


def fit_scripted(goodness, patience):
    """Fit on ten rows, two batches an epoch, as long as the script is."""
    model = Scripted(goodness, steps_per_epoch=2)
    config = TrainConfig(batch_size=5, epochs=len(goodness), patience=patience)
    generator = torch.Generator().manual_seed(0)
    return model, fit(model, ten_rows(), ten_rows(), config, generator)


@pytest.mark.parametrize(
    ("goodness", "patience", "epochs", "best"),
    [
        ([2, 4, 6, 8], 1, 4, 4),  # Better every time.
        ([8, 6, 9, 2], 1, 2, 1),  # Impatient: the better third epoch is never seen.
        ([6, 4, 8, 2, 3, 9], 2, 5, 3),
        ([6, 4, 2, 8, 2, 2, 2, 9], 3, 7, 4),
        ([4, 4, 4, 4], 2, 3, 1),  # As good is not better, and the first one is kept.
        ([8, 2], 5, 2, 1),  # The last epoch comes before patience ends.
    ],
)
def test_patience_and_the_best_epoch_by_script(goodness, patience, epochs, best):
    """Training stops `patience` epochs after the best; its weights and buffers come back."""
    model, result = fit_scripted(goodness, patience)
    assert (result.epochs, result.best_epoch) == (epochs, best)
    assert len(result.history) == epochs
    assert result.history[best - 1] == max(result.history) == result.validation.auc
    assert model.steps == 2 * best
    assert not model.training
    assert score(ten_rows().labels, predict(model, ten_rows())) == result.validation


def test_the_restored_weights_are_those_of_the_best_epoch_bit_for_bit(make_context):
    """Training for just as many epochs as the best one gives the same weights."""
    config = dataclasses.replace(CONFIG, epochs=30, learning_rate=0.02)
    model, _, result = trained(make_context, config)
    assert result.best_epoch < result.epochs
    shorter = dataclasses.replace(config, epochs=result.best_epoch)
    again, _, _ = trained(make_context, shorter)
    for a, b in zip(model.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("backbone", [WideDeep, DeepFM])
@pytest.mark.parametrize("unification", ["plain", "transform"])
def test_every_model_repeats_its_bits(make_context, backbone, unification):
    """Equal seeds, equal bits, for both backbones and both ways of unifying sizes."""

    def logits(order_seed):
        shapes = (("user", 40, 1), ("tags", 9, 3))
        context = make_context(shapes=shapes, unification=unification)
        context = dataclasses.replace(
            context,
            backbone=lambda embedding, generator: backbone(
                context.fields, embedding, BackboneConfig((8,)), generator
            ),
        )
        model = context.build_model(context.build_embedding(Allocation.uniform(context.fields, 4)))
        order = torch.Generator().manual_seed(order_seed)
        config = dataclasses.replace(CONFIG, epochs=2)
        fit(model, context.train, context.validation, config, order)
        return predict(model, context.validation)

    first = logits(0)
    assert np.array_equal(first, logits(0))
    assert not np.array_equal(first, logits(1))


def test_training_draws_from_its_generator_only(make_context):
    """The global generators are as they were, whatever they were."""
    states = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    trained(make_context, dataclasses.replace(CONFIG, epochs=1))
    assert torch.equal(torch.get_rng_state(), states[0])
    assert np.array_equal(np.random.get_state()[1], states[1])
    assert random.getstate() == states[2]


def test_a_model_that_diverges_is_an_error_that_says_so(make_context):
    """Scores that are not finite are never scored."""
    with pytest.raises(DataError, match="diverged: lower its learning rate"):
        trained(make_context, dataclasses.replace(CONFIG, learning_rate=1e30))


def test_training_changes_no_data(make_context):
    """Ids and labels of both splits are what they were."""
    context = make_context()
    before = [a.copy() for s in (context.train, context.validation) for a in (s.ids, s.labels)]
    model = context.build_model(context.build_embedding(Allocation.uniform(context.fields, 4)))
    fit(model, context.train, context.validation, CONFIG, context.generator)
    after = [a for s in (context.train, context.validation) for a in (s.ids, s.labels)]
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


def test_one_step_is_adam_on_the_mean_cross_entropy():
    """By hand: on logits w * id with w = 0 the gradient is the mean of (0.5 - label) * id."""
    model = Scripted([0], 1)
    ids, labels = torch.tensor([[1], [3]], dtype=torch.int32), torch.tensor([1.0, 0.0])
    optimizer = ModelAdam(model, learning_rate=0.1, l2=0.0)
    loss = binary_cross_entropy_with_logits(model(ids), labels)
    assert loss.item() == pytest.approx(np.log(2))
    loss.backward()
    assert model.weight.grad.item() == pytest.approx((-0.5 * 1 + 0.5 * 3) / 2)
    model.weight.grad = None
    step(model, optimizer, ids, labels)
    assert model.weight.item() == pytest.approx(-0.1)  # Adam's first step is the learning rate.
    assert model.weight.grad is None


@pytest.mark.parametrize("rows", [1, 7, 512])
def test_the_gradient_of_the_loss_is_torchs_bit_for_bit(rows):
    """For logits from sure to undecided, right and wrong."""
    draw = torch.Generator().manual_seed(rows)
    logits = (torch.randn(rows, generator=draw) * 10.0 ** (torch.arange(rows) % 4)).requires_grad_()
    labels = torch.randint(2, (rows,), generator=draw).float()
    binary_cross_entropy_with_logits(logits, labels).backward()
    assert torch.equal(cross_entropy_gradient(logits.detach(), labels), logits.grad)


@pytest.mark.parametrize("backbone", [WideDeep, DeepFM])
@pytest.mark.parametrize("hidden", [BackboneConfig((8, 4)), BackboneConfig((8,), 0.5, True)])
def test_steps_descend_torchs_loss_bit_for_bit(backbone, hidden):
    """The loss is never computed and layers write over their inputs: same bits as if not."""
    fields = [Field("user", 40), Field("item", 9), Field("hour", 3)]

    def build():
        generator = torch.Generator().manual_seed(0)
        embedding = MixedEmbedding(
            fields, Allocation.uniform(fields, 4), unification="transform", final_dim=4,
            table_std=0.1, generator=generator,
        )  # fmt: skip
        model = backbone(fields, embedding, hidden, generator)
        return model, ModelAdam(model, learning_rate=0.01, l2=0.1)

    (ours, optimizer), (theirs, reference) = build(), build()
    for layer in theirs.modules():
        if isinstance(layer, nn.ReLU):
            layer.inplace = False
    draw = torch.Generator().manual_seed(1)
    for number in range(20):
        ids = torch.stack([torch.randint(f.cardinality, (32,), generator=draw) for f in fields], 1)
        labels = torch.randint(2, (32,), generator=draw).float()
        torch.manual_seed(number)  # Dropout's draws.
        step(ours, optimizer, ids.int(), labels)
        torch.manual_seed(number)
        binary_cross_entropy_with_logits(theirs(ids.int()), labels).backward()
        reference.step()
        reference.zero_grad()
    for name, mine in ours.state_dict().items():
        assert torch.equal(mine, theirs.state_dict()[name]), name


@given(
    st.integers(1, 60), st.integers(1, 70), st.one_of(st.none(), st.integers(0, 2**32 - 1))
)  # fmt: skip
def test_batches_conserve_rows(n, batch_size, seed):
    """In order all rows; shuffled none twice, as many whole batches as there are, never none."""
    ids = np.arange(n, dtype=np.int32).reshape(n, 1)
    split = Split(ids, (ids[:, 0] % 2).astype(np.uint8))
    shuffle = None if seed is None else torch.Generator().manual_seed(seed)
    batches = list(split.batches(batch_size, shuffle=shuffle))
    rows = [row for own, _ in batches for row in own[:, 0].tolist()]
    assert all(own.dtype == torch.int32 and y.dtype == torch.float32 for own, y in batches)
    if seed is None:
        assert rows == list(range(n))
        return
    assert len(set(rows)) == len(rows) == (n // batch_size * batch_size or n)


def test_over_many_epochs_every_row_is_trained_on_as_often():
    """Leaving out the incomplete batch favours no row: 400 epochs of 8 in 10 rows."""
    generator = torch.Generator().manual_seed(0)
    seen = np.zeros(10)
    for _ in range(400):
        for ids, _ in ten_rows().batches(4, shuffle=generator):
            seen[ids[:, 0].numpy()] += 1
    # Binomial: 320 with a deviation of 8; five deviations never happen by chance.
    assert abs(seen - 320).max() < 40


@pytest.mark.parametrize("backbone", [WideDeep, DeepFM])
@pytest.mark.parametrize("unification", ["plain", "transform"])
def test_no_step_off_the_cpu_waits_for_a_number(backbone, unification):
    """The meta device knows shapes alone, and refuses whatever has to read a value to go on."""
    fields = [Field("user", 40), Field("item", 9), Field("hour", 3)]
    sizes = [2, 4, 4] if backbone is WideDeep or unification == "transform" else [4, 4, 4]
    generator = torch.Generator().manual_seed(0)
    embedding = MixedEmbedding(
        fields, Allocation.field_wise(fields, sizes), unification=unification, final_dim=4,
        table_std=0.01, generator=generator,
    )  # fmt: skip
    model = backbone(fields, embedding, BackboneConfig((8,)), generator).to("meta")
    optimizer = ModelAdam(model, learning_rate=0.01, l2=0.1)
    split = Split(np.zeros((20, 3), dtype=np.int32), np.zeros(20, dtype=np.uint8))
    for _ in range(2):
        batches = list(split.batches(8, device="meta", shuffle=generator))
        assert len(batches) == 2
        for ids, labels in batches:
            step(model, optimizer, ids, labels)


def test_off_the_cpu_a_split_is_copied_once():
    """Every pass finds the same copy; on the CPU it is the arrays themselves."""
    split = ten_rows()
    (first,), (second,) = (split.batches(10, device="meta") for _ in range(2))
    assert first[0].device.type == "meta" and first[0]._base is second[0]._base is not None
    ((here, _),) = split.batches(10)
    assert here.data_ptr() == split.ids.ctypes.data
