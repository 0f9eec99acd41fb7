"""Models in a pack are the models that each would be alone: to nine digits, in float64.

Fields of few values, seen from a batch of 24 rows, are computed value by value where their vectors
are wide: ``kind`` and ``hour`` at width 24, and none at less.
"""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import binary_cross_entropy_with_logits

from aesbench import Allocation, Field
from aesbench.core.allocation import Block
from aesbench.models.backbones import BackboneConfig, DeepFM, WideDeep
from aesbench.models.embedding import MixedEmbedding
from aesbench.models.optimizer import ModelAdam
from aesbench.models.packed.model import Pack
from aesbench.models.packed.optimizer import PackedAdam
from aesbench.models.randomness import global_generators
from aesbench.models.training import step
from aesbench.models.training import step as packed_step

BATCH = 24
FINAL_DIM = 24
HOW = {"learning_rate": 0.001, "l2": 0.01}
SINGLE = (Field("user", 60), Field("item", 23), Field("kind", 5), Field("hour", 6))
SEVERAL = (Field("tags", 15, columns=3), *SINGLE[:3], Field("genres", 4, columns=2))


def blocks(*fields):
    """Per field, blocks given as (rows, dim)."""
    return tuple(tuple(Block(*block) for block in field) for field in fields)


def by_value(*fields):
    """An allocation of ``SINGLE`` in blocks."""
    return Allocation(tuple(field.name for field in SINGLE), blocks(*fields))


BLOCKS = [
    by_value([(10, 8), (20, 4), (30, 2)], [(23, 4)], [(2, 24), (3, 2)], [(6, 2)]),
    by_value([(60, 4)], [(5, 8), (18, 0)], [(1, 8), (4, 0)], [(3, 2), (3, 24)]),
    by_value([(59, 2), (1, 8)], [(23, 0)], [(5, 2)], [(1, 0), (2, 2), (3, 3)]),
]
RARE = [
    # Of the last values of user and item a batch often has none: their dimension is missed.
    by_value([(55, 4), (5, 3)], [(23, 4)], [(5, 4)], [(6, 2)]),
    by_value([(58, 2), (2, 7)], [(21, 2), (2, 7)], [(5, 0)], [(6, 2)]),
    by_value([(60, 4)], [(20, 4), (3, 1)], [(5, 4)], [(6, 4)]),
]
MIXES = {
    "seeds": (SINGLE, [Allocation.uniform(SINGLE, 4)] * 3),
    "sizes": (SINGLE, [Allocation.uniform(SINGLE, dim) for dim in (2, 24, 3)]),
    "some without vectors": (
        SINGLE,
        [
            Allocation.field_wise(SINGLE, dims)
            for dims in ((8, 0, 24, 2), (0, 3, 0, 24), (0, 5, 2, 0), (1, 1, 1, 1))
        ],
    ),
    "blocks": (SINGLE, BLOCKS),
    "rare blocks": (SINGLE, RARE),
    "several values": (
        SEVERAL,
        [
            Allocation.field_wise(SEVERAL, (4, 4, 2, 24, 8)),
            Allocation.field_wise(SEVERAL, (0, 2, 0, 4, 3)),
            Allocation(
                tuple(field.name for field in SEVERAL),
                blocks([(3, 4), (12, 2)], [(60, 2)], [(20, 4), (3, 1)], [(5, 0)], [(1, 0), (3, 2)]),
            ),
        ],
    ),
    "everything": (
        SINGLE,
        [
            Allocation.uniform(SINGLE, 4),
            Allocation.uniform(SINGLE, 4),
            Allocation.uniform(SINGLE, 8),
            Allocation.field_wise(SINGLE, (8, 0, 24, 2)),
            BLOCKS[0],
            RARE[1],
        ],
    ),
}
KINDS = [
    pytest.param(backbone, unification, id=f"{backbone.name}-{unification}")
    for backbone in (WideDeep, DeepFM)
    for unification in ("plain", "transform")
]
DRAWING = BackboneConfig((8, 5), dropout=0.3, batch_norm=True)


def of_one_width(allocation):
    """The allocation with all fields as wide as the widest, as DeepFM needs plain vectors."""
    widest = max(block.dim for field in allocation.blocks for block in field)

    def widened(field):
        own = max(block.dim for block in field)
        return tuple(Block(b.rows, widest if b.dim == own > 0 else b.dim) for b in field)

    return Allocation(allocation.names, tuple(map(widened, allocation.blocks)))


def build(backbone, unification, fields, allocations, config=None, dtype=torch.float64):
    """A model of each allocation, from a seed of its own."""
    models = []
    for seed, allocation in enumerate(allocations):
        if backbone is DeepFM and unification == "plain":
            allocation = of_one_width(allocation)
        generator = torch.Generator().manual_seed(seed)
        embedding = MixedEmbedding(
            fields, allocation, unification=unification, final_dim=FINAL_DIM, table_std=0.3,
            generator=generator,
        )  # fmt: skip
        model = backbone(fields, embedding, config or BackboneConfig((8, 5)), generator)
        models.append(model.to(dtype))
    return models


def draw_batches(fields, models, steps, *, seed=0, rows=BATCH, most=None):
    """Each step's ids ``(models, rows, columns)`` and labels; some rows are all padding.

    Values have a long tail; none beyond the first ``most`` of a field is drawn.
    """
    draw = np.random.default_rng(seed)
    columns = []
    for field in fields:
        values = min(field.cardinality, most or field.cardinality)
        popularity = 1.0 / np.arange(1, values + 1)
        shape = (steps, models, rows, field.columns)
        own = draw.choice(values, size=shape, p=popularity / popularity.sum())
        if field.columns > 1:
            own[draw.random(shape) < 0.4] = -1
            own[draw.random(shape[:-1]) < 0.2] = -1
        columns.append(own)
    ids = torch.from_numpy(np.concatenate(columns, 3).astype(np.int32))
    labels = torch.from_numpy(draw.integers(2, size=ids.shape[:3]).astype(np.float32))
    return list(zip(ids, labels, strict=True))


def trained_alone(models, batches):
    """Train each by itself and return (steps, models, rows) logits.

    Dropout draws from a global generator of the model's seed.
    """
    logits = []
    for number, model in enumerate(models):
        own = []
        hook = model.register_forward_hook(lambda *told, own=own: own.append(told[2].detach()))
        optimizer = ModelAdam(model, **HOW)
        model.train()
        with global_generators(number):
            for ids, labels in batches:
                step(model, optimizer, ids[number], labels[number])
        hook.remove()
        logits.append(torch.stack(own))
    return torch.stack(logits, 1)


def trained_as_one(models, batches):
    """Train them in a pack; return it, and (steps, models, rows) logits."""
    generators = [torch.Generator().manual_seed(number) for number in range(len(models))]
    pack = Pack(models, batches[0][0].shape[1], generators)
    optimizer = PackedAdam(pack.embedding, pack.backbone, **HOW)
    pack.train()
    return pack, torch.stack([packed_step(pack, optimizer, *batch) for batch in batches])


def assert_same_training(found, expected, batches):
    """Logits and losses of every step, to nine digits."""
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-9)
    labels = torch.stack([own for _, own in batches]).to(found.dtype)
    losses = [
        binary_cross_entropy_with_logits(own, labels, reduction="none").mean(2)
        for own in (found, expected)
    ]
    torch.testing.assert_close(*losses, rtol=0, atol=1e-9)


def assert_same_weights(model, other):
    """To nine digits, but for what a batch normalisation takes out.

    The true gradient of a bias before one is zero; Adam makes steps of its rounding, that are small
    in float64 and not nothing. The running mean follows the bias.
    """
    for name, value in model.state_dict().items():
        is_shifted = name.endswith("running_mean") or (
            name.endswith("bias") and (model.embedding.normalised or len(model.mlp) > 5)
        )
        atol = 1e-6 if is_shifted else 1e-9
        torch.testing.assert_close(value, other.state_dict()[name], rtol=0, atol=atol, msg=name)


def written(pack, models):
    """Twins of the models, that hold what the pack learned and nothing of their own."""
    twins = copy.deepcopy(models)
    for number, twin in enumerate(twins):
        for tensor in twin.state_dict().values():
            tensor.fill_(77)
        pack.write(number, twin)
    return twins


def looked_up(fields, batches, model):
    """Per field, the ids that the batches of one model hold."""
    ids, start, found = torch.stack([own for own, _ in batches])[:, model], 0, []
    for field in fields:
        own = ids[..., start : start + field.columns]
        found.append(set(own[own >= 0].tolist()))
        start += field.columns
    return found


@pytest.mark.parametrize(("backbone", "unification"), KINDS)
@pytest.mark.parametrize("mix", MIXES)
def test_a_pack_trains_each_model_as_it_would_be_trained_alone(mix, backbone, unification):
    """Logits and losses of every step, then the weights, then the logits in eval mode."""
    fields, allocations = MIXES[mix]
    models = build(backbone, unification, fields, allocations)
    batches = draw_batches(fields, len(models), 200 if mix == "everything" else 24)
    pack, found = trained_as_one(models, batches)
    expected = trained_alone(models, batches)
    assert_same_training(found, expected, batches)
    twins = written(pack, models)
    for model, twin in zip(models, twins, strict=True):
        assert_same_weights(model, twin)
    ids = batches[0][0]
    with torch.no_grad():
        logits = pack.eval()(ids)
        for number, (model, twin) in enumerate(zip(models, twins, strict=True)):
            torch.testing.assert_close(logits[number], model.eval()(ids[number]), rtol=0, atol=1e-6)
            assert torch.allclose(logits[number], twin.eval()(ids[number]), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("backbone", "unification"), KINDS)
def test_dropout_and_batch_normalisation_are_each_models_own(backbone, unification):
    """Dropout drops what a global generator of the same seed would let it drop."""
    fields, allocations = MIXES["everything"]
    models = build(backbone, unification, fields, allocations, DRAWING)
    batches = draw_batches(fields, len(models), 24)
    pack, found = trained_as_one(models, batches)
    assert_same_training(found, trained_alone(models, batches), batches)
    for model, twin in zip(models, written(pack, models), strict=True):
        assert_same_weights(model, twin)


@pytest.mark.parametrize(("backbone", "unification"), KINDS)
def test_models_of_other_draws_of_a_split_have_other_values(backbone, unification):
    """Each has the values of its own train split; a field may be of few values in one alone."""
    of_each = [
        SINGLE,
        *(tuple(Field(f.name, f.cardinality + more) for f in SINGLE) for more in (3, 40)),
    ]
    models = [
        build(backbone, unification, fields, [Allocation.uniform(fields, 24)])[0]
        for fields in of_each
    ]
    batches = draw_batches(SINGLE, len(models), 24)
    pack, found = trained_as_one(models, batches)
    assert_same_training(found, trained_alone(models, batches), batches)
    for model, twin in zip(models, written(pack, models), strict=True):
        assert_same_weights(model, twin)


@st.composite
def packs(draw):
    """Fields of any kind, and several allocations of them in which some field has a vector."""
    sizes = draw(st.lists(st.integers(1, 9), min_size=1, max_size=4))
    fields = [
        Field(f"field{number}", size, columns=draw(st.sampled_from([1, 1, 2])))
        for number, size in enumerate(sizes)
    ]
    cuts = [st.sets(st.integers(1, max(1, size - 1)), max_size=min(2, size - 1)) for size in sizes]
    dims, allocations = st.sampled_from([0, 1, 2, 24]), []
    for _ in range(draw(st.integers(1, 3))):
        ends = [sorted({*draw(cut), size}) for cut, size in zip(cuts, sizes, strict=True)]
        own = [
            [(end - start, draw(dims)) for start, end in zip([0, *e[:-1]], e, strict=True)]
            for e in ends
        ]
        if not any(dim for field in own for _, dim in field):
            own[0][0] = (own[0][0][0], 2)
        allocations.append(Allocation(tuple(f.name for f in fields), blocks(*own)))
    return fields, allocations


@settings(max_examples=40)
@given(packs(), st.sampled_from([WideDeep, DeepFM]), st.sampled_from(["plain", "transform"]))
def test_any_pack_trains_as_its_models_do_alone(pack, backbone, unification):
    """Whatever the fields, the blocks and who is in it with whom."""
    fields, allocations = pack
    models = build(backbone, unification, fields, allocations)
    batches = draw_batches(fields, len(models), 5)
    _, found = trained_as_one(models, batches)
    assert_same_training(found, trained_alone(models, batches), batches)


@pytest.mark.parametrize("rows_with", [(0, 0), (0, 3)], ids=["of none", "of one"])
@pytest.mark.parametrize(("backbone", "unification"), KINDS)
def test_a_batch_may_hold_no_value_of_a_field(backbone, unification, rows_with):
    """Of a field with several values a batch may be all padding, of one model or of all."""
    fields = SEVERAL
    models = build(backbone, unification, fields, [MIXES["several values"][1][0]] * 2)
    batches = draw_batches(fields, 2, 8)
    for ids, _ in batches[2:5]:
        for own, rows in zip(ids, rows_with, strict=True):
            own[rows:, : fields[0].columns] = -1
    _, found = trained_as_one(models, batches)
    assert_same_training(found, trained_alone(models, batches), batches)


@pytest.mark.parametrize(("backbone", "unification"), KINDS)
@pytest.mark.parametrize("mix", MIXES)
def test_a_pack_starts_with_its_models_bits(mix, backbone, unification):
    """What goes in comes out, if nothing was trained; the models are left as they were."""
    fields, allocations = MIXES[mix]
    models = build(backbone, unification, fields, allocations, DRAWING, torch.float32)
    before = copy.deepcopy(models)
    pack = Pack(models, BATCH, [torch.Generator()] * len(models))
    for model, own, twin in zip(models, before, written(pack, models), strict=True):
        for name, value in own.state_dict().items():
            assert torch.equal(value, model.state_dict()[name]), name
            assert torch.equal(value, twin.state_dict()[name]), name


@pytest.mark.parametrize(("backbone", "unification"), KINDS)
def test_the_same_pack_gives_the_same_bits(backbone, unification):
    """Same models, same neighbours, same batches: equal in every logit and weight."""
    fields, allocations = MIXES["everything"]
    batches = draw_batches(fields, len(allocations), 10)
    found = []
    for _ in range(2):
        models = build(backbone, unification, fields, allocations, DRAWING, torch.float32)
        pack, logits = trained_as_one(models, batches)
        found.append((logits, [list(own.state_dict().values()) for own in written(pack, models)]))
    (first, weights), (second, others) = found
    assert torch.equal(first, second)
    for own, other in zip(weights, others, strict=True):
        assert all(map(torch.equal, own, other))


@pytest.mark.parametrize(("backbone", "unification"), KINDS)
@pytest.mark.parametrize("mix", MIXES)
def test_what_pads_a_pack_stays_exactly_zero(mix, backbone, unification):
    """A pack has as many weights other than zero as its models have."""
    fields, allocations = MIXES[mix]
    models = build(backbone, unification, fields, allocations, dtype=torch.float32)
    pack, _ = trained_as_one(models, draw_batches(fields, len(models), 12))
    twins = written(pack, models)
    own = [weight for twin in twins for weight in twin.parameters()]
    assert sum(map(torch.count_nonzero, pack.parameters())) == sum(map(torch.count_nonzero, own))
    has_padding = sum(w.numel() for w in pack.parameters()) > sum(w.numel() for w in own)
    assert has_padding or mix == "seeds"


@pytest.mark.parametrize(("backbone", "unification"), KINDS)
@pytest.mark.parametrize("mix", ["blocks", "several values"])
def test_rows_that_nobody_looks_up_do_not_move(mix, backbone, unification):
    """Bit for bit, vectors and first-order weights; weight decay reaches them as little."""
    fields, allocations = MIXES[mix]
    models = build(backbone, unification, fields, allocations, dtype=torch.float32)
    batches = draw_batches(fields, len(models), 20, most=3)
    pack, _ = trained_as_one(models, batches)
    for number, (model, twin) in enumerate(zip(models, written(pack, models), strict=True)):
        before = 0
        for layout, found in zip(
            model.embedding.layout, looked_up(fields, batches, number), strict=True
        ):
            for start, stop, dim, row in layout.blocks:
                for value in range(start, stop):
                    firsts = [m.wide.weights.weight[before + value] for m in (model, twin)]
                    assert torch.equal(*firsts) == (value not in found)
                    if dim:
                        place = row + value - start
                        own = [m.embedding.tables[str(dim)].weight[place] for m in (model, twin)]
                        assert torch.equal(*own) == (value not in found)
            before += layout.blocks[-1][1]


@pytest.mark.parametrize(("backbone", "unification"), KINDS)
def test_who_leaves_a_pack_changes_nothing_for_the_others(backbone, unification):
    """They go on as if alone, in the order in which they were asked to stay."""
    fields, allocations = MIXES["everything"]
    models = build(backbone, unification, fields, allocations, DRAWING)
    batches = draw_batches(fields, len(models), 20)
    expected = trained_alone(copy.deepcopy(models), batches)
    pack = Pack(models, BATCH, [torch.Generator().manual_seed(n) for n in range(len(models))])
    optimizer = PackedAdam(pack.embedding, pack.backbone, **HOW)
    found = [packed_step(pack.train(), optimizer, *batch) for batch in batches[:10]]
    places = [1, 4, 5]
    pack.keep(places)
    optimizer.keep(torch.tensor(places))
    for ids, labels in batches[10:]:
        found.append(packed_step(pack, optimizer, ids[places], labels[places]))
    torch.testing.assert_close(torch.stack(found[:10]), expected[:10], rtol=0, atol=1e-9)
    torch.testing.assert_close(torch.stack(found[10:]), expected[10:, places], rtol=0, atol=1e-9)
