"""A step that is recorded and replayed changes a model as the step itself does."""

import warnings

import numpy as np
import pytest
import torch

from aesbench import Allocation, Field, Split, TrainConfig, fit
from aesbench.core.allocation import Block
from aesbench.models.backbones import BackboneConfig, DeepFM, WideDeep
from aesbench.models.capture import WARM_UPS, CapturedStep, CudaGraphs
from aesbench.models.embedding import MixedEmbedding
from aesbench.models.optimizer import ModelAdam
from aesbench.models.training import make_step, predict, step

FIELDS = [Field("user", 40), Field("item", 9), Field("hour", 3)]
BATCHES = WARM_UPS + 4


class Replaying:
    """Stands in for CUDA graphs: to record does nothing, and to replay does the work again."""

    def __init__(self):
        self.warm_ups = self.recorded = self.replayed = 0

    def warm_up(self, work):
        self.warm_ups += 1
        work()

    def record(self, work):
        self.recorded += 1

        def replay():
            self.replayed += 1
            work()

        return replay


class Failing(Replaying):
    """Fails where a capture would: in mid-step, with gradients that nobody computed."""

    def __init__(self, model):
        super().__init__()
        self.parameters = list(model.parameters())

    def record(self, work):
        def fail(_):
            raise RuntimeError("operation not permitted when stream is capturing")

        hooks = [p.register_post_accumulate_grad_hook(fail) for p in self.parameters[-1:]]
        try:
            return work()
        finally:
            for hook in hooks:
                hook.remove()


def build(backbone, unification="plain", allocation=None, fields=FIELDS, device="cpu"):
    """A small model and its optimizer, the same every time."""
    generator = torch.Generator().manual_seed(0)
    embedding = MixedEmbedding(
        fields, allocation or Allocation.uniform(fields, 4), unification=unification, final_dim=4,
        table_std=0.1, generator=generator,
    )  # fmt: skip
    model = backbone(fields, embedding, BackboneConfig((8,)), generator).to(device)
    return model, ModelAdam(model, learning_rate=0.01, l2=0.1)


def rows(count):
    """Random ids and labels."""
    rng = np.random.default_rng(1)
    ids = np.stack([rng.integers(field.cardinality, size=count) for field in FIELDS], 1)
    return Split(ids.astype(np.int32), rng.integers(2, size=count).astype(np.uint8))


def batches():
    """Several batches of one shape, each with other rows."""
    return list(rows(16 * BATCHES).batches(16))


def assert_same(model, other):
    """Bit for bit."""
    for name, value in model.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name


@pytest.mark.parametrize("backbone", [WideDeep, DeepFM])
@pytest.mark.parametrize("unification", ["plain", "transform"])
def test_replayed_steps_change_a_model_as_steps_do(backbone, unification):
    """Every batch counts once, warm-ups and the one that is recorded among them."""
    (model, optimizer), (other, others) = build(backbone, unification), build(backbone, unification)
    recorder = Replaying()
    captured = CapturedStep(lambda *batch: step(other, others, *batch), recorder)
    for batch in batches():
        step(model, optimizer, *batch)
        captured(*batch)
    assert_same(model, other)
    counts = recorder.warm_ups, recorder.recorded, recorder.replayed
    assert counts == (WARM_UPS, 1, BATCHES - WARM_UPS)


def test_a_step_that_cannot_be_recorded_goes_on_as_it_is():
    """It says so once, and what the failure left behind does not enter the next step."""
    (model, optimizer), (other, others) = build(WideDeep), build(WideDeep)
    captured = CapturedStep(lambda *batch: step(other, others, *batch), Failing(other))
    with pytest.warns(RuntimeWarning, match="not captured.*not permitted") as told:
        for batch in batches():
            step(model, optimizer, *batch)
            captured(*batch)
    assert len(told) == 1
    assert_same(model, other)


SEVERAL = [Field("genres", 40, columns=2), *FIELDS[1:]]
BLOCKS = ((Block(10, 4), Block(30, 2)), (Block(9, 4),), (Block(3, 4),))


@pytest.mark.parametrize(
    ("made", "is_fixed"),
    [
        ({}, True),
        ({"allocation": Allocation(("user", "item", "hour"), BLOCKS)}, False),
        ({"fields": SEVERAL}, False),
        ({"fields": SEVERAL, "allocation": Allocation.field_wise(SEVERAL, [0, 4, 4])}, False),
    ],
    ids=["one size", "two blocks", "several values", "several values, first order alone"],
)
def test_only_models_of_fixed_shapes_are_captured(monkeypatch, made, is_fixed):
    """Where ids decide how many rows a table gives, a recording would replay one batch's number.

    The meta device knows no ids, so that nothing there can depend on them.
    """
    monkeypatch.setattr(CudaGraphs, "__init__", lambda graphs, device: None)
    model, optimizer = build(WideDeep, **made)
    assert not isinstance(make_step(model, optimizer, torch.device("cpu")), CapturedStep)
    on_gpu = make_step(model, optimizer, torch.device("cuda"))
    assert isinstance(on_gpu, CapturedStep) is is_fixed
    ids = torch.zeros(16, sum(field.columns for field in made.get("fields", FIELDS)))
    try:
        build(WideDeep, device="meta", **made)[0](ids.int().to("meta"))
    except NotImplementedError:
        assert not is_fixed
    else:
        assert is_fixed


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("backbone", [WideDeep, DeepFM])
@pytest.mark.parametrize("unification", ["plain", "transform"])
def test_a_gpu_replays_what_it_would_do_step_by_step(backbone, unification):
    """Both ways predict the same up to rounding, and capturing gives the same bits again.

    Biases before a normalisation have gradients of rounding alone; they shift all logits alike.
    """
    split, config = rows(16 * 40), TrainConfig(batch_size=16, epochs=2, patience=2)
    found = []
    for hides in (False, False, True):
        model, _ = build(backbone, unification, device="cuda")
        model.has_fixed_shapes = not hides
        with warnings.catch_warnings():
            # Else what is compared would be two trainings without a capture.
            warnings.filterwarnings("error", "the training step was not captured")
            fit(model, split, split, config, torch.Generator().manual_seed(2))
        found.append(model)
    assert_same(*found[:2])
    captured, stepwise = (predict(model, split) for model in found[1:])
    np.testing.assert_allclose(captured - captured.mean(), stepwise - stepwise.mean(), atol=1e-4)
