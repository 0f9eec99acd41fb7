"""Settings from text and from JSON, and the ids that hash them."""

import dataclasses
import json
from dataclasses import dataclass

import pytest

from aesbench.config import RunSpec, TrainConfig, build_config, content_hash
from aesbench.errors import ConfigError


@dataclass(frozen=True)
class Example:
    """A setting of every kind."""

    count: int = 1
    rate: float = 0.5
    flag: bool = False
    word: str = "a"
    sizes: tuple[int, ...] = (2, 8)
    limit: int | None = None
    train: TrainConfig = dataclasses.field(default_factory=TrainConfig)


SPEC = RunSpec(
    dataset="planted",
    data_hash="ab" * 32,
    backbone="widedeep",
    backbone_config={"hidden": (128, 64)},
    unification="plain",
    method="ues",
    method_config={"dim": 8},
    label="ues:8",
)


def test_text_is_read_as_the_declared_type():
    """What --set gives as text becomes what the dataclass declares."""
    built = build_config(
        Example,
        {"count": "3", "rate": "1e-3", "flag": "true", "sizes": "4,16", "limit": "7"},
        "example",
    )
    assert built == Example(count=3, rate=0.001, flag=True, sizes=(4, 16), limit=7)
    assert build_config(Example, {"limit": "none"}, "example").limit is None
    assert build_config(Example, {"train": {"epochs": 3}}, "example").train.epochs == 3


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"cuont": 1}, "'example' has no setting 'cuont'; did you mean 'count'?"),
        ({"count": "1.5"}, "example.count = '1.5': expected a whole number"),
        ({"count": 1.5}, "example.count = 1.5: expected a whole number"),
        ({"count": True}, "example.count = True: expected a whole number"),
        ({"rate": "fast"}, "example.rate = 'fast': expected a number"),
        ({"flag": "yes"}, "example.flag = 'yes': expected true or false"),
        ({"count": None}, "example.count = None"),
        ({"sizes": "a,b"}, "example.sizes = 'a': expected a whole number"),
        ({"train": {"epochs": 0}}, "train.epochs = 0: expected an int of at least 1"),
        ({"train": {"epoch": 1}}, "did you mean 'epochs'?"),
    ],
)
def test_a_wrong_setting_is_named(values, words):
    """Unknown names suggest the nearest one; wrong values say what was expected."""
    with pytest.raises(ConfigError) as caught:
        build_config(Example, values, "example")
    assert words in str(caught.value)


def test_a_spec_survives_json_with_its_id():
    """A record's spec gives the id of its file again."""
    again = RunSpec.from_dict(json.loads(json.dumps(SPEC.to_dict())))
    assert again.run_id == SPEC.run_id
    assert again.train == SPEC.train and again.candidates == SPEC.candidates


@pytest.mark.parametrize(
    "change",
    [
        {"dataset": "ml1m"},
        {"data_hash": "cd" * 32},
        {"backbone": "deepfm"},
        {"backbone_config": {"hidden": (256, 128)}},
        {"unification": "transform"},
        {"method": "mde"},
        {"method_config": {"dim": 16}},
        {"final_dim": 16},
        {"candidates": (2, 4)},
        {"budget": 1000},
        {"seed": 1},
        {"search_index": 1},
        {"train": TrainConfig(epochs=1)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_any_change_changes_the_run_id(change):
    """No two different runs share a record."""
    assert dataclasses.replace(SPEC, **change).run_id != SPEC.run_id


def test_a_content_hash_does_not_depend_on_the_order_of_keys():
    """Dictionaries are sets of pairs."""
    assert content_hash({"a": 1, "b": 2}) == content_hash({"b": 2, "a": 1})


@pytest.mark.parametrize(
    "change",
    [{"unification": "concat"}, {"candidates": (8, 2)}, {"candidates": ()}, {"budget": 0}],
    ids=str,
)
def test_an_impossible_spec_is_refused(change):
    """A value out of range is named."""
    with pytest.raises(ConfigError, match=next(iter(change))):
        dataclasses.replace(SPEC, **change)
