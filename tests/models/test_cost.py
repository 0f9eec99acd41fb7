"""Parameters and FLOPs equal what one counts by hand, and torch's own counter."""

import os
import time

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from aesbench import Allocation, Block, Field, MixedEmbedding
from aesbench.models.backbones import BackboneConfig, DeepFM, WideDeep
from aesbench.models.cost import (
    Stopwatch,
    count_flops,
    count_parameters,
    peak_memory_bytes,
    reset_peak_memory,
)

FIELDS = (Field("user", 9), Field("item", 7), Field("kind", 3))
MIXED = Allocation.field_wise(FIELDS, [4, 2, 4])
FIELDS_NAMES = tuple(field.name for field in FIELDS)
IDS = torch.tensor([[0, 1, 2], [5, 1, 0]], dtype=torch.int32)


def build(backbone, unification, allocation=MIXED):
    """A model with hidden layers 6 and 5 and final_dim 8."""
    generator = torch.Generator().manual_seed(0)
    embedding = MixedEmbedding(
        FIELDS, allocation, unification=unification, final_dim=8, table_std=0.01,
        generator=generator,
    )  # fmt: skip
    return backbone(FIELDS, embedding, BackboneConfig((6, 5)), generator)


def test_parameters_by_part_with_plain_vectors():
    """Tables 9*4 + 7*2 + 3*4; first order 19 + 1; MLP 10-6-5-1."""
    counted = count_parameters(build(WideDeep, "plain"))
    dense = (10 * 6 + 6) + (6 * 5 + 5) + (5 + 1)
    assert counted.embedding == MIXED.parameters == 62
    assert (counted.transform, counted.wide, counted.dense) == (0, 20, dense)
    assert counted.total == 62 + 20 + dense


def test_parameters_by_part_with_transformed_vectors():
    """Linear layers 4-8 and 2-8 with bias; an MLP from 3 * 8; DeepFM's pair scale is dense."""
    counted = count_parameters(build(DeepFM, "transform"))
    assert counted.transform == (4 * 8 + 8) + (2 * 8 + 8)
    assert counted.dense == (24 * 6 + 6) + (6 * 5 + 5) + (5 + 1) + 1


def test_flops_of_plain_wide_and_deep_are_those_of_the_mlp():
    """A multiply-add counts once, lookups nothing: 10*6 + 6*5 + 5."""
    assert count_flops(build(WideDeep, "plain"), IDS) == 10 * 6 + 6 * 5 + 5


def test_flops_with_the_transform_by_hand():
    """Two fields of 4 and one of 2 to width 8, one per normalised element, the MLP from 24."""
    transform, normalisation, mlp = 2 * 4 * 8 + 2 * 8, 24, 24 * 6 + 6 * 5 + 5
    assert count_flops(build(WideDeep, "transform"), IDS) == transform + normalisation + mlp


def test_flops_inside_a_field_are_the_mean_over_the_samples():
    """The frequent value of `user` needs no projection, the rare one needs 2 * 4."""
    blocks = Allocation(FIELDS_NAMES, ((Block(3, 4), Block(6, 2)), (Block(7, 2),), (Block(3, 4),)))
    mlp = 10 * 6 + 6 * 5 + 5
    assert count_flops(build(WideDeep, "plain", blocks), IDS) == mlp + (0 + 2 * 4) / 2


@pytest.mark.parametrize("dim", [2, 16])
def test_flops_agree_with_torchs_counter(dim):
    """torch counts a multiply-add twice, and matrix products only."""
    model = build(WideDeep, "plain", Allocation.uniform(FIELDS, dim)).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(IDS[:1])
    assert counter.get_total_flops() == 2 * count_flops(model, IDS)


def test_counting_leaves_the_model_as_it_was():
    """Neither its mode nor its weights change."""
    model = build(DeepFM, "transform").train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    count_flops(model, IDS)
    assert model.training
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_a_phase_is_timed_also_when_it_fails():
    """Seconds spent in vain are spent; phases of one name add up."""
    watch = Stopwatch(torch.device("cpu"))
    with pytest.raises(ValueError), watch.phase("search"):
        raise ValueError
    first = watch.seconds["search"]
    with watch.phase("search"):
        pass
    assert watch.seconds["search"] > first > 0


TAGGED = (*FIELDS, Field("tags", 5, columns=3))
TAGGED_IDS = torch.tensor(
    [[0, 1, 2, 4, 0, 1], [5, 1, 0, 2, -1, -1], [5, 6, 0, -1, -1, -1]], dtype=torch.int32
)


def build_tagged(backbone, unification, *blocks):
    """A model over four fields, the last one multi-valued; hidden layers 6 and 5, final_dim 8."""
    generator = torch.Generator().manual_seed(0)
    names = tuple(field.name for field in TAGGED)
    allocation = Allocation(names, tuple(tuple(Block(*b) for b in own) for own in blocks))
    embedding = MixedEmbedding(
        TAGGED,
        allocation,
        unification=unification,
        final_dim=8,
        table_std=0.01,
        generator=generator,
    )
    return backbone(TAGGED, embedding, BackboneConfig((6, 5)), generator), allocation


PIECES = ([(3, 4), (6, 2)], [(7, 0)], [(3, 4)], [(2, 1), (3, 3)])


def test_parameters_of_sizes_inside_fields_by_hand():
    """Projections 2-4 of `user` and 1-3 of `tags`, without bias; `item` is as wide as nothing."""
    model, allocation = build_tagged(WideDeep, "plain", *PIECES)
    counted = count_parameters(model)
    assert counted.embedding == allocation.parameters == 12 + 12 + 12 + 2 + 9
    assert counted.transform == 2 * 4 + 1 * 3
    assert counted.wide == 9 + 7 + 3 + 5 + 1
    assert counted.dense == (11 * 6 + 6) + (6 * 5 + 5) + (5 + 1)
    assert counted.total == sum(p.numel() for p in model.parameters())


def test_parameters_of_the_transform_by_hand():
    """One layer per distinct size, with bias, whoever uses it; the MLP from three vectors of 8."""
    counted = count_parameters(build_tagged(DeepFM, "transform", *PIECES)[0])
    assert counted.transform == sum(dim * 8 + 8 for dim in (1, 2, 3, 4))
    assert counted.dense == (24 * 6 + 6) + (6 * 5 + 5) + (5 + 1) + 1


def test_frozen_parameters_do_not_count():
    """What no gradient moves is no trainable parameter."""
    model = build(WideDeep, "plain")
    model.wide.requires_grad_(False)
    assert count_parameters(model).wide == 0


def test_flops_of_values_that_pass_a_layer_by_hand():
    """Each value of a multi-valued field passes the layer of its own size; padding passes none.

    Sample 1: user 0 (4), kind (4), tags 4, 0, 1 (3, 1, 1). Sample 2: user 5 (2), kind, tag 2 (3).
    Sample 3: user 5, kind, no tag.
    """
    rest = 24 + 24 * 6 + 6 * 5 + 5
    layers = 8 * ((4 + 4 + 3 + 1 + 1) + (2 + 4 + 3) + (2 + 4))
    model, _ = build_tagged(DeepFM, "transform", *PIECES)
    assert count_flops(model, TAGGED_IDS) == round(rest + layers / 3)


@pytest.mark.parametrize("backbone", [WideDeep, DeepFM])
@pytest.mark.parametrize("unification", ["plain", "transform"])
def test_flops_agree_with_torchs_counter_but_for_the_normalisation(backbone, unification):
    """In every model: half of torch's count, and one for each normalised element."""
    blocks = PIECES if unification == "transform" else [[(f.cardinality, 4)] for f in TAGGED]
    model, _ = build_tagged(backbone, unification, *blocks)
    model.eval()
    for sample in TAGGED_IDS.split(1):
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            model(sample)
        normalised = sum(model.embedding.widths) if unification == "transform" else 0
        assert count_flops(model, sample) == counter.get_total_flops() / 2 + normalised


def test_counting_flops_warns_of_nothing(capfd):
    """Neither a warning nor a line of fvcore's about operations that count nothing."""
    count_flops(build_tagged(DeepFM, "transform", *PIECES)[0], TAGGED_IDS)
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(
    not os.access("/proc/self/clear_refs", os.W_OK), reason="the peak cannot be reset here"
)
def test_the_peak_sees_what_was_allocated_after_the_reset():
    """64 MiB that are touched and dropped again raise the peak by about as much."""
    cpu = torch.device("cpu")
    reset_peak_memory(cpu)
    before = peak_memory_bytes(cpu)
    torch.ones(64 << 18).sum()
    assert peak_memory_bytes(cpu) - before > 48 << 20
    assert before > 1 << 20  # Bytes, not kilobytes: an interpreter with torch takes more.


def test_phases_are_seconds_of_their_own():
    """Two phases of different lengths are told apart."""
    watch = Stopwatch(torch.device("cpu"))
    for name, duration in (("search", 0.03), ("retrain", 0.01), ("search", 0.03)):
        with watch.phase(name):
            time.sleep(duration)
    assert 0.06 <= watch.seconds["search"] < 1
    assert 0.01 <= watch.seconds["retrain"] < watch.seconds["search"]


def test_processor_seconds_leave_waiting_out():
    """A phase that sleeps takes wall time and hardly any processor time; one that works both."""
    watch = Stopwatch(torch.device("cpu"))
    with watch.phase("asleep"):
        time.sleep(0.1)
    with watch.phase("working"):
        until = time.process_time() + 0.1
        while time.process_time() < until:
            pass
    assert watch.cpu_seconds["asleep"] < 0.05 < 0.1 <= watch.seconds["asleep"]
    assert 0.1 <= watch.cpu_seconds["working"] < watch.seconds["working"] + 0.05
