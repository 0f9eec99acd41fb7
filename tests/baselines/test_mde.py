"""MDE: the power rule against hand arithmetic and the published code, and its calibration."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from aesbench import Allocation, Field
from aesbench.core.settings import build_config
from aesbench.errors import ConfigError
from aesbench.testing import tiny_context
from aesbench_baselines.mde import MDE, MDEConfig, nearest_candidate, popularity_blocks

CANDIDATES = (2, 8, 16, 32, 64)


def field_of(name, *counts):
    """A field with the given train counts, the last one out of vocabulary."""
    return Field(name, len(counts), 1, np.array(counts, dtype=np.int64))


def search(fields, budget=None, **settings):
    """The allocation that MDE with these settings finds for these fields."""
    context = tiny_context(fields=tuple(fields), budget=budget)
    return MDE(build_config(MDEConfig, settings, "mde")).search(context, None)


# 16 known occurrences; a share is 4 of them. The first id completes two shares at once, the
# second the third share, so that four shares give three blocks. The last id is out of vocabulary.
SKEWED = field_of("skewed", 8, 4, 2, 1, 1, 0, 0, 5)
CONSTANT = field_of("constant", 16)

random_fields = st.lists(
    st.lists(st.integers(0, 50), min_size=1, max_size=30), min_size=1, max_size=4
).map(
    lambda lists: [
        field_of(f"f{i}", *sorted(counts[1:], reverse=True), counts[0])
        for i, counts in enumerate(lists)
    ]
)
forms = st.sampled_from(["value", "field"])
roundings = st.sampled_from(["integer", "power-of-two"])
shares = st.floats(0, 1)


def budget_between(fields, share, **settings):
    """A budget that lies as far as ``share`` between the rule's smallest and largest counts."""
    least, most = (search(fields, alpha=alpha, **settings).parameters for alpha in (1, 0))
    return round(least + share * (most - least))


def test_blocks_and_probabilities_by_hand():
    """Blocks end where a share of the mass is complete; unseen ids are in the last one."""
    blocks = popularity_blocks([SKEWED], MDEConfig(threshold=0))
    assert [block.rows for block in blocks] == [1, 1, 6]
    assert [block.probability for block in blocks] == [8 / 16, 4 / 16, 4 / 16 / 6]


def test_equally_frequent_values_give_equal_blocks():
    """Eight values in four blocks: two each, and the out-of-vocabulary id in the last."""
    blocks = popularity_blocks([field_of("even", *[3] * 8, 0)], MDEConfig(threshold=0))
    assert [block.rows for block in blocks] == [2, 2, 2, 3]


def test_sizes_by_hand():
    """d0 = 32, alpha = 1/2, the highest probability 1/2: 32, 32 / sqrt 2, 32 / sqrt 12."""
    found = search([SKEWED], alpha=0.5, threshold=0)
    assert found.to_dict() == {"skewed": [[1, 32], [1, 23], [6, 9]]}


def test_the_highest_probability_is_that_of_all_fields():
    """Beside a constant field, of probability 1, the same blocks get 32 times the root of p."""
    found = search([SKEWED, CONSTANT], alpha=0.5, threshold=0)
    assert found.to_dict() == {"skewed": [[1, 23], [1, 16], [6, 7]], "constant": [[1, 32]]}


def test_powers_of_two_are_whole_numbers():
    """23, 16 and 7 become 32, 16 and 8: the nearest exponents, as ints."""
    found = search([SKEWED, CONSTANT], alpha=0.5, threshold=0, rounding="power-of-two")
    assert found.to_dict() == {"skewed": [[1, 32], [1, 16], [6, 8]], "constant": [[1, 32]]}


def test_a_frequent_out_of_vocabulary_id_changes_nothing():
    """However often unseen values occur, the rare ones beside them get no larger."""
    often = field_of("skewed", 8, 4, 2, 1, 1, 0, 0, 10**6)
    assert search([often], threshold=0) == search([SKEWED], threshold=0)


def test_values_never_get_larger_than_more_popular_ones(context):
    """The sign of the exponent: popular values get the long vectors, in fields and among them."""
    item = search(context.fields).blocks[1]
    assert len(item) == 4
    assert all(first.dim > second.dim for first, second in pairwise(item))
    user, item = search([*context.fields[:2]], form="field", threshold=0, snap=False).dims
    assert user > item


@pytest.mark.parametrize("form", ["value", "field"])
def test_small_fields_keep_the_base_size(form):
    """A field of 200 values is left alone, one of 201 is not; both count for the maximum."""
    fields = [field_of(name, *[1] * n) for name, n in (("two", 2), ("small", 200), ("big", 201))]
    found = search(fields, form=form, alpha=1.0, snap=False)
    assert found.dims[:2] == (32, 32)
    assert found.dims[2] == 1  # 32 * 2 / 201, rounded, clamped.


@given(st.lists(st.integers(1, 10**7), min_size=1, max_size=8), st.floats(0, 1))
def test_one_size_per_field_is_the_published_rule(cardinalities, alpha):
    """Form `field` agrees with DLRM's: lambda = d0 * n_min ** alpha, d = lambda * n ** -alpha."""
    smallest = min(cardinalities)
    exact = [32 * smallest**alpha * n**-alpha for n in cardinalities]
    assume(all(abs(d % 1 - 0.5) > 1e-6 for d in exact))  # Halves round as the last bit falls.
    expected = [round(max(1, d)) for d in exact]
    config = MDEConfig(form="field", alpha=alpha, threshold=0, snap=False)
    blocks = popularity_blocks(
        # One count seen as many: ten million ids need no memory here.
        [
            Field(f"f{i}", n, 1, np.broadcast_to(np.int64(1), n))
            for i, n in enumerate(cardinalities)
        ],
        config,
    )
    assert MDE(config).dims(blocks, alpha, CANDIDATES) == expected


@pytest.mark.parametrize(
    ("dim", "nearest"), [(1, 2), (4, 2), (5, 8), (11, 8), (12, 16), (22, 16), (23, 32), (100, 64)]
)
def test_snapping_goes_by_the_logarithm(dim, nearest):
    """4 is as near to 2 as to 8 and takes the smaller; 11 / 8 is less than 16 / 11."""
    assert nearest_candidate(dim, CANDIDATES) == nearest


def test_one_size_per_field_lies_in_the_search_space(context):
    """Form `field` takes candidates only, unless it is told not to."""
    assert nearest_candidate(1, (0, 4, 8)) == 4  # The rule leaves no field out.
    found = search(context.fields, form="field", threshold=0)
    assert found.is_field_wise and set(found.dims) <= set(CANDIDATES)
    raw = search(context.fields, form="field", threshold=0, snap=False)
    assert not set(raw.dims) <= set(CANDIDATES)


@pytest.mark.parametrize("form", ["value", "field"])
def test_alpha_zero_is_uniform(context, form):
    """Without temperature every size is d0, and the blocks of a field are one."""
    found = search(context.fields, form=form, alpha=0)
    assert found == Allocation.uniform(context.fields, 32)


@given(random_fields, shares)
def test_form_value_spends_its_budget_to_the_last_parameter(fields, share):
    """Every budget between the rule's extremes is met exactly, as long as every block is seen."""
    blocks = popularity_blocks(fields, MDEConfig(threshold=0))
    assume(all(block.probability > 0 for block in blocks))
    budget = budget_between(fields, share, threshold=0)
    assert search(fields, budget, threshold=0).parameters == budget


@given(random_fields, forms, roundings, st.lists(shares, min_size=2, max_size=4))
def test_no_budget_is_exceeded_and_more_budget_gives_no_less(fields, form, rounding, several):
    """In both forms the realised count is within the budget and grows with it.

    Each field comes twice, so that blocks of two fields grow at the same alpha.
    """
    twins = [Field(f"twin {f.name}", f.cardinality, 1, f.counts) for f in fields]
    settings = {"form": form, "rounding": rounding, "threshold": 0}
    budgets = sorted(budget_between([*fields, *twins], share, **settings) for share in several)
    counts = [search([*fields, *twins], b, **settings).parameters for b in budgets]
    assert all(count <= budget for count, budget in zip(counts, budgets, strict=True))
    assert counts == sorted(counts)


@given(random_fields, shares)
def test_a_budget_keeps_the_order_of_popularity(fields, share):
    """Inside a field no id gets more dimensions than one before it, split blocks included."""
    found = search(fields, budget_between(fields, share, threshold=0), threshold=0)
    for blocks in found.blocks:
        assert all(first.dim > second.dim for first, second in pairwise(blocks))


@pytest.mark.parametrize(
    ("budget", "blocks"),
    [
        (66, [[1, 32], [1, 16], [6, 3]]),
        (67, [[1, 32], [1, 17], [6, 3]]),
        (70, [[1, 32], [1, 17], [3, 4], [3, 3]]),
        (73, [[1, 32], [1, 17], [6, 4]]),
        (74, [[1, 32], [1, 18], [6, 4]]),
    ],
)
def test_the_next_block_to_grow_is_split_where_the_budget_ends(budget, blocks):
    """At alpha the last two blocks have sizes 32 / 2 ** alpha and 32 / 12 ** alpha.

    Alpha 1 gives 16 and 3, 66 parameters with the first block's 32. As alpha falls, 16 becomes 17
    at log(32 / 16.5) / log 2 = .956, 3 becomes 4 at log(32 / 3.5) / log 12 = .891, and 17 becomes
    18 at log(32 / 17.5) / log 2 = .871. Three of the six rows of the last block cost 3.
    """
    assert search([SKEWED], budget, threshold=0).to_dict() == {"skewed": blocks}


@given(random_fields, shares)
def test_one_size_per_field_takes_the_best_alpha(fields, share):
    """No alpha of a grid fits the budget of form `field` and uses more; the rest is not needed."""
    settings = {"form": "field", "threshold": 0}
    budget = budget_between(fields, share, **settings)
    found = search(fields, budget, **settings)
    for alpha in np.linspace(0, 1, 31).tolist():
        other = search(fields, alpha=alpha, **settings).parameters
        assert other <= found.parameters or other > budget
    assert search(fields, found.parameters, **settings) == found


@pytest.mark.parametrize("form", ["value", "field"])
def test_a_budget_that_cannot_be_met_names_the_least(context, form):
    """One parameter below the smallest allocation is an error that names it; the least is met."""
    least = search(context.fields, form=form, alpha=1.0).parameters
    assert search(context.fields, least, form=form).parameters == least
    with pytest.raises(ConfigError, match=rf"budget of {least - 1}.* {least}; raise --budget"):
        search(context.fields, least - 1, form=form)


@pytest.mark.parametrize("form", ["value", "field"])
def test_a_budget_beyond_the_base_size_gives_the_base_size(context, form):
    """d0 is the largest size of the rule, so a generous budget is UES-32."""
    found = search(context.fields, 10**9, form=form)
    assert found == Allocation.uniform(context.fields, 32)


def test_vectors_of_narrow_blocks_are_projected_to_the_widest():
    """Under `plain` an id has its own row, times its block's bias-free matrix if it is narrow."""
    allocation = search([SKEWED, CONSTANT], alpha=0.5, threshold=0)
    context = tiny_context(fields=(SKEWED, CONSTANT))
    embedding = context.build_embedding(allocation)
    ids = torch.tensor([[0, 0], [1, 0], [2, 0], [7, 0]])
    vectors = embedding(ids)  # (4, 32 + 23); the constant field comes first
    assert vectors.shape == (4, 55)
    skewed = vectors[:, 32:]
    project = {dim: embedding.transforms[f"0-{dim}"].weight for dim in (16, 7)}  # (23, dim)
    rows = {dim: embedding.tables[str(dim)].weight for dim in (23, 16, 7)}
    expected = [
        rows[23][0],
        project[16] @ rows[16][0],
        project[7] @ rows[7][0],
        project[7] @ rows[7][5],
    ]
    torch.testing.assert_close(skewed, torch.stack(expected))


@pytest.mark.parametrize("unification", ["plain", "transform"])
def test_a_model_learns_on_its_blocks(make_context, unification):
    """Gradients reach the table of every size, under both unifications."""
    context = make_context(unification=unification)
    allocation = MDE().search(context, None)
    assert not allocation.is_field_wise
    model = context.build_model(context.build_embedding(allocation))
    model(torch.from_numpy(context.train.ids)).square().sum().backward()
    for table in model.embedding.tables.values():
        assert table.weight.grad.to_dense().abs().sum() > 0


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"alpha": "1.5"}, "mde.alpha = 1.5: expected between 0 and 1"),
        ({"base_dim": "0"}, "mde.base_dim = 0"),
        ({"blocks": "0"}, "mde.blocks = 0"),
        ({"threshold": "-1"}, "mde.threshold = -1"),
        ({"form": "row"}, "mde.form = 'row': expected one of value, field"),
        ({"rounding": "power-of-two", "base_dim": "24"}, "mde.base_dim = 24: expected a power of"),
    ],
)
def test_a_setting_out_of_range_is_refused(settings, words):
    """Errors name the setting, its value and what was expected."""
    with pytest.raises(ConfigError) as caught:
        build_config(MDEConfig, settings, "mde")
    assert words in str(caught.value)


def test_a_field_without_counts_is_refused():
    """Popularity cannot be guessed."""
    with pytest.raises(ConfigError, match="field 'user' has 0 train counts for 5 values"):
        search([Field("user", 5)])


def test_defaults_are_those_of_the_public_code():
    """Temperature 0.3, no powers of two, 200 rows left alone; d0 is the protocol's width."""
    config = MDEConfig()
    assert (config.alpha, config.rounding, config.threshold) == (0.3, "integer", 200)
    assert config.base_dim == tiny_context().final_dim


@pytest.mark.parametrize("seed", range(3))
def test_quarter_saves_a_quarter(seed):
    """What `value` finds at 75 % of UES-32's parameters, to the row; a budget comes before it."""
    context = tiny_context(seed=seed, shapes=(("user", 900, 1), ("item", 3000, 1), ("kind", 5, 1)))
    rows = sum(field.cardinality for field in context.fields)
    quarter = MDE(build_config(MDEConfig, MDE.presets["quarter"], "mde"))
    value = MDE(build_config(MDEConfig, MDE.presets["value"], "mde"))
    found = quarter.search(context, None)
    assert 24 * rows - 32 < found.parameters <= 24 * rows
    assert found == value.search(replace(context, budget=24 * rows), None)
    half = replace(context, budget=16 * rows)
    assert quarter.search(half, None) == value.search(half, None) != found


def test_a_share_that_cannot_be_saved_is_named(context):
    """All fields here keep d0: nothing can be saved, and there is no --budget to raise."""
    with pytest.raises(ConfigError, match="lower mde.saves, or lower mde.threshold"):
        MDE(MDEConfig(saves=0.25, threshold=1000)).search(context, None)
    with pytest.raises(ConfigError, match="mde.saves = 1.0"):
        MDEConfig(saves=1.0)
