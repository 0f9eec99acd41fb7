"""Which runs are retrained as one, and how many."""

import dataclasses
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aesbench import Field
from aesbench.core.allocation import Allocation
from aesbench.core.spec import RunSpec, TrainConfig
from aesbench.errors import ConfigError
from aesbench.harness.packing import (
    auto_pack,
    checked_pack,
    even_parts,
    packed_groups,
    protocol_of,
    similar,
)
from aesbench.plugins.registry import load_plugin

SUPERNET = Path(__file__).parents[1] / "plugin_files" / "supernet.py"
FIELDS = [Field("small", 10), Field("large", 1000)]
MIB = 2**20
BYTES_OF_A_VALUE = 32 * 4 * 4  # UES-32's vector in float32, four times: see ``COPIES``.


@pytest.fixture(scope="module", autouse=True)
def plugins():
    """A method that trains is registered."""
    load_plugin(SUPERNET)


def data_of(*values):
    """A data set of fields with so many values, as far as the rule looks."""
    return SimpleNamespace(fields=[Field(str(n), size) for n, size in enumerate(values)])


def spec(method="ues", label="ues:8", **changes):
    """A run."""
    values = {
        "dataset": "d",
        "data_hash": "ab" * 32,
        "backbone": "widedeep",
        "backbone_config": {"hidden": (8,)},
        "unification": "plain",
        "method_config": {},
    }
    return RunSpec(method=method, label=label, **{**values, **changes})


@pytest.mark.parametrize(
    ("values", "device", "pack"),
    [
        ([9, 1], "cpu", 8),
        ([32 * MIB // BYTES_OF_A_VALUE], "cpu", 8),  # Eight of 32 MiB are 256 MiB.
        ([32 * MIB // BYTES_OF_A_VALUE, 1], "cpu", 4),
        ([128 * MIB // BYTES_OF_A_VALUE], "cpu", 2),
        ([128 * MIB // BYTES_OF_A_VALUE, 1], "cpu", 1),
        ([10**9], "cpu", 1),
        ([9, 1], "cuda", 64),
        ([9, 1], "cuda:1", 64),
        ([128 * MIB // BYTES_OF_A_VALUE, 1], "cuda", 32),
        ([10**9], "cuda", 1),
    ],
)
def test_auto_is_a_rule_over_shapes(values, device, pack):
    """All that counts is how many values there are, and the kind of the device."""
    assert auto_pack(data_of(*values), device) == pack
    assert checked_pack("auto", data_of(*values), device) == pack


@given(st.lists(st.integers(1, 10**7), min_size=2, max_size=5), st.sampled_from(["cpu", "cuda"]))
def test_auto_gives_a_power_of_two_and_less_for_more_values(values, device):
    """And the same for the same number of values, however many fields they are of."""
    pack = auto_pack(data_of(*values), device)
    assert pack.bit_count() == 1
    assert pack <= auto_pack(data_of(*values[1:]), device)
    assert pack == auto_pack(data_of(sum(values)), device)


@pytest.mark.parametrize(("given_", "pack"), [(1, 1), (7, 7), ("1", 1), ("12", 12)])
def test_a_number_is_taken_as_it_is(given_, pack):
    """As a number or as the command line's text."""
    assert checked_pack(given_, data_of(9), "cpu") == pack


@pytest.mark.parametrize("wrong", ["0", "-1", "many", "", "1.5", "²", 0, -3, 2.5, None, True])
def test_anything_else_is_an_error_that_names_it(wrong):
    """And says what is expected."""
    with pytest.raises(ConfigError, match="pack = .*expected at least 1, or auto") as caught:
        checked_pack(wrong, data_of(9), "cpu")
    assert str(wrong) in str(caught.value)


@given(st.integers(1, 50), st.integers(1, 9))
def test_parts_are_even(count, most):
    """As few as can be, none larger than another by more than one, in order."""
    parts = even_parts(range(count), most)
    assert [item for part in parts for item in part] == list(range(count))
    sizes = [len(part) for part in parts]
    assert len(parts) == -(-count // most)
    assert max(sizes) <= most and max(sizes) - min(sizes) <= 1


def test_seeds_of_one_label_are_joined():
    """Five seeds in packs of at most three are three and two, in their order."""
    specs = [spec(seed=seed) for seed in range(5)]
    found = packed_groups([[one] for one in specs], 3, FIELDS)
    assert sorted(map(len, found)) == [2, 3] and sum(found, []) == specs


@pytest.mark.parametrize(
    "other",
    [
        {"label": "ues:16", "method_config": {"dim": 16}},
        {"backbone": "deepfm"},
        {"backbone_config": {"hidden": (16,)}},
        {"unification": "transform", "label": "ues:8+transform"},
        {"train": TrainConfig(learning_rate=0.01)},
        {"train": TrainConfig(batch_size=64)},
    ],
)
def test_labels_and_protocols_are_apart(other):
    """What is not alike is not joined; the runs of either are."""
    specs = [dataclasses.replace(spec(seed=seed), **own) for seed in (0, 1) for own in ({}, other)]
    assert packed_groups([[one] for one in specs], 8, FIELDS) == [specs[::2], specs[1::2]]


@pytest.mark.parametrize(
    "own",
    [
        {"method": "supernet", "label": "supernet"},  # It trains.
        {"retrain": False, "label": "ues:8+search-only"},
        {"inherit": True, "label": "ues:8+inherit"},
    ],
)
def test_what_would_wait_stays_as_it_is(own):
    """No search of hours waits for others, and what is not retrained from scratch joins nobody."""
    groups = [[spec(seed=seed, search_index=i, **own) for i in (0, 1)] for seed in (0, 1, 2)]
    assert packed_groups(groups, 8, FIELDS) == groups


def test_without_packs_groups_stay_as_they_are():
    """`--pack 1` is what was there before it."""
    groups = [[spec(seed=seed)] for seed in range(3)]
    assert packed_groups(groups, 1, FIELDS) == groups


def fixed(*dims, seed=0, **changes):
    """A run with given sizes."""
    label = "fixed:" + "-".join(map(str, dims))
    return spec("fixed", label, method_config={"dims": list(dims)}, seed=seed, **changes)


def test_given_sizes_are_joined_whatever_they_are():
    """In the order of the largest field's size, then of the next; each protocol apart."""
    sizes = [(2, 64), (64, 1), (1, 64), (4, 8), (32, 1)]
    specs = [fixed(*dims) for dims in sizes]
    other = fixed(8, 8, backbone="deepfm")
    found = packed_groups([[one] for one in [*specs, other]], 3, FIELDS)
    dims = [[tuple(one.method_config["dims"]) for one in group] for group in found]
    assert dims == [[(32, 1), (64, 1)], [(4, 8), (1, 64), (2, 64)], [(8, 8)]]


def test_given_sizes_that_do_not_fit_join_nobody_elses():
    """The run itself says what is wrong with them."""
    specs = [fixed(2, 64), fixed(1, 2, 3), fixed(4, 4)]
    found = packed_groups([[one] for one in specs], 8, FIELDS)
    assert sorted(found, key=len) == [[specs[1]], [specs[2], specs[0]]]


def test_given_sizes_are_padded_however_far():
    """What was found is cut where padding exceeds what a pack saves; given sizes were sorted."""
    found = [(n, Allocation.field_wise(FIELDS, dims)) for n, dims in enumerate([(1, 1), (64, 64)])]
    assert [len(part) for part in similar(found, 8)] == [1, 1]
    assert [len(part) for part in similar(found, 8, are_given=True)] == [2]


GROUPS = st.lists(
    st.builds(
        lambda count, seed, rate, own: [
            spec(seed=seed, search_index=i, train=TrainConfig(learning_rate=rate), **own)
            for i in range(count)
        ],
        st.integers(1, 3),
        st.integers(0, 99),
        st.sampled_from([0.001, 0.01]),
        st.sampled_from(
            [
                {},
                {"label": "ues:16", "method_config": {"dim": 16}},
                {"method": "mde", "label": "mde:value"},
                {"method": "supernet", "label": "supernet"},
                {"retrain": False, "label": "ues:8+search-only"},
            ]
        ),
    ),
    max_size=12,
    unique_by=lambda group: group[0].content_id,
)


@given(GROUPS, st.integers(1, 9))
def test_no_run_is_lost_or_doubled(groups, pack):
    """Whatever is planned; what is joined is alike."""
    found = packed_groups(groups, pack, FIELDS)
    assert Counter(one.content_id for group in found for one in group) == Counter(
        one.content_id for group in groups for one in group
    )
    for group in found:
        assert group
        assert len({(one.label, protocol_of(one)) for one in group}) == 1
        assert len(group) <= pack or group in groups
