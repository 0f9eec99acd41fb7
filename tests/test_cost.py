"""Parameters and FLOPs equal what one counts by hand, and torch's own counter."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from aesbench import Allocation, Block, Field, MixedEmbedding
from aesbench.backbones import BackboneConfig, DeepFM, WideDeep
from aesbench.cost import Stopwatch, count_flops, count_parameters

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
