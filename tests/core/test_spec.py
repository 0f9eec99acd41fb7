"""Settings from text and from JSON, and the ids that hash them."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pytest

from aesbench.core.settings import build_config, content_hash, later, plain_settings
from aesbench.core.spec import RunSpec, TrainConfig
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
    share: float | int | None = None
    train: TrainConfig = dataclasses.field(default_factory=TrainConfig)


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
        ({"rate": "fast"}, "example.rate = 'fast': expected a finite number"),
        ({"rate": "nan"}, "example.rate = 'nan': expected a finite number"),
        ({"rate": float("inf")}, "example.rate = inf: expected a finite number"),
        ({"share": float("-inf")}, "example.share = -inf: expected a finite number"),
        ({"train": {"l2": "Infinity"}}, "train.l2 = 'Infinity': expected a finite number"),
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


def test_a_setting_that_no_record_holds_has_no_id(spec):
    """A default of infinity, which nothing converts, is an error with the value in it."""
    with pytest.raises(ConfigError, match="finite number.*'alpha': inf"):
        dataclasses.replace(spec, method_config={"alpha": float("inf")}).run_id  # noqa: B018


def test_a_spec_survives_json_with_its_id(spec):
    """A record's spec gives the id of its file again."""
    again = RunSpec.from_dict(json.loads(json.dumps(spec.to_dict())))
    assert again.run_id == spec.run_id
    assert again.train == spec.train and again.candidates == spec.candidates


@pytest.mark.parametrize(
    "change",
    [
        {"dataset": "ml1m"},
        {"data_hash": "cd" * 32},
        {"backbone": "deepfm"},
        {"backbone_config": {"hidden": (256, 128)}},
        {"unification": "transform"},
        {"method": "ues"},
        {"method_config": {"alpha": 0.2}},
        {"final_dim": 16},
        {"candidates": (2, 4)},
        {"budget": 1000},
        {"seed": 1},
        {"search_index": 1},
        {"train": TrainConfig(epochs=1)},
        {"retrain": False},
        {"inherit": True},
        {"scores": 5, "retrain": False},
        {"tuned": ("train.l2",)},
        {"drawn": True},
    ],
    ids=lambda change: next(iter(change)),
)
def test_any_change_changes_the_run_id(change, spec):
    """No two different runs share a record."""
    assert dataclasses.replace(spec, **change).run_id != spec.run_id


def test_a_content_hash_does_not_depend_on_the_order_of_keys():
    """Dictionaries are sets of pairs."""
    assert content_hash({"a": 1, "b": 2}) == content_hash({"b": 2, "a": 1})


@pytest.mark.parametrize(
    "change",
    [
        {"unification": "concat"},
        {"candidates": (8, 2)},
        {"candidates": ()},
        {"budget": 0},
        {"retrain": 1},
        {"inherit": "yes"},
        {"inherit": True, "retrain": False},
        {"scores": 5},
        {"scores": -1, "retrain": False},
        {"tuned": ("train.l3",)},
        {"tuned": ("train",)},
        {"tuned": ("backbone.",)},
        {"tuned": ("mde.alpha",)},
        {"tuned": ("train.l2", "backbone.dropout")},
        {"tuned": ("train.l2", "train.l2")},
    ],
    ids=str,
)
def test_an_impossible_spec_is_refused(change, spec):
    """A value out of range is named."""
    with pytest.raises(ConfigError, match=next(iter(change))):
        dataclasses.replace(spec, **change)


@dataclass(frozen=True)
class Inner:
    """Settings inside settings."""

    share: float | None = None
    modes: tuple[Literal["a", "b"], ...] = ("a",)


@dataclass(frozen=True)
class Outer:
    """A setting of every other kind."""

    inner: Inner = dataclasses.field(default_factory=Inner)
    level: Literal[1, 2] = 1
    optional: tuple[float, ...] | None = None
    table: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    hidden: int = dataclasses.field(default=0, init=False)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"inner": {"share": "0.5", "modes": "b,a"}}, Outer(inner=Inner(0.5, ("b", "a")))),
        ({"inner": {"share": "None"}}, Outer()),
        ({"level": "2"}, Outer(level=2)),
        ({"level": 2}, Outer(level=2)),
        ({"optional": "1,2.5"}, Outer(optional=(1.0, 2.5))),
        ({"optional": [1, 2]}, Outer(optional=(1.0, 2.0))),
        ({"optional": None}, Outer()),
        ({"table": {"a": [1]}}, Outer(table={"a": [1]})),
        ({}, Outer()),
    ],
    ids=str,
)
def test_nested_optional_and_literal_settings_are_read(values, expected):
    """Types reach down into tuples, optional ones and settings inside settings."""
    built = build_config(Outer, values, "outer")
    assert built == expected
    for size in built.optional or ():
        assert type(size) is float


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"level": "3"}, "outer.level = '3': expected one of 1, 2"),
        ({"inner": {"modes": "a,c"}}, "outer.inner.modes = 'c': expected one of a, b"),
        ({"inner": {"shar": 1}}, "'outer.inner' has no setting 'shar'; did you mean 'share'?"),
        ({"hidden": 1}, "'outer' has no setting 'hidden'. It has: inner, level, optional, table"),
        ({"table": 3}, "outer.table = 3: expected a table of settings"),
        ({"optional": 3}, "outer.optional = 3: expected a list"),
        ([], "outer = []: expected a table of settings"),
    ],
    ids=str,
)
def test_a_wrong_nested_setting_is_named_in_full(values, words):
    """The error gives the whole path of the setting."""
    with pytest.raises(ConfigError) as caught:
        build_config(Outer, values, "outer")
    assert words in str(caught.value)


@pytest.mark.parametrize("value", [float("inf"), float("nan"), "inf", "", "1e3", [], {}], ids=str)
def test_what_is_no_whole_number_is_refused(value):
    """No overflow and no rounding on the way to an int."""
    with pytest.raises(ConfigError, match="expected a whole number"):
        build_config(Example, {"count": value}, "example")


def test_a_whole_float_is_an_int():
    """JSON of other tools writes 3 as 3.0."""
    built = build_config(Example, {"count": 3.0, "rate": 1}, "example")
    assert (type(built.count), type(built.rate)) == (int, float)
    assert built.count == 3


def test_a_config_that_is_no_dataclass_is_refused():
    """A plugin's mistake is named as the plugin's."""
    with pytest.raises(ConfigError, match="the Config of 'mine' is not a dataclass"):
        build_config(dict, {}, "mine")


@pytest.mark.parametrize(
    "change",
    [{f.name: getattr(TrainConfig(), f.name) * 2} for f in dataclasses.fields(TrainConfig)],
    ids=str,
)
def test_any_change_of_the_protocol_changes_the_run_id(change, spec):
    """Every training setting is part of the run."""
    changed = dataclasses.replace(spec, train=TrainConfig(**change))
    assert changed.run_id != spec.run_id


def test_every_field_of_a_spec_is_in_its_id(spec):
    """The changes above name every field but the label, and the label counts too."""
    fields = {f.name for f in dataclasses.fields(RunSpec)}
    later = {"retrain", "inherit", "scores", "drawn", "protocol", "tuned"}
    assert spec.to_dict().keys() == fields - later
    for change in (
        {"retrain": False},
        {"inherit": True},
        {"retrain": False, "scores": 5},
        {"drawn": True},
        {"protocol": 2},
        {"tuned": ("train.l2",)},
    ):
        named = dataclasses.replace(spec, **change).to_dict().keys()
        assert named == fields - later | change.keys()
    assert dataclasses.replace(spec, label="ues").run_id != spec.run_id


def test_a_label_is_no_part_of_what_a_run_is(spec):
    """Spellings of a label share a content; settings, seeds and a tuning do not."""
    spelled = dataclasses.replace(spec, label="ues[dim=32]")
    assert spelled.run_id != spec.run_id and spelled.content_id == spec.content_id
    for change in ({"seed": 9}, {"method_config": {"dim": 9}}, {"protocol": 2}):
        assert dataclasses.replace(spec, **change).content_id != spec.content_id
    tuned = dataclasses.replace(spec, label="ues:32+tuned")
    assert tuned.content_id != spec.content_id


def test_conditions_are_what_every_method_shares(spec):
    """Data, protocol, trainer and backbone; neither method nor seed; a list equals a tuple."""
    same = dataclasses.replace(spec, seed=7, label="mde", method="mde", method_config={})
    assert same.conditions == spec.conditions
    lists, tuples = (
        dataclasses.replace(spec, backbone_config={"hidden": value}) for value in ([4, 2], (4, 2))
    )
    assert lists.conditions == tuples.conditions
    other = dataclasses.replace(spec, train=TrainConfig(l2=0.5), protocol=2)
    differ = {n for n, value in other.conditions.items() if value != spec.conditions[n]}
    assert differ == {"train.l2", "protocol"}


def test_a_later_setting_at_its_default_changes_no_id(spec):
    """Of a method, a backbone or the trainer, also inside a setting that is a dataclass."""

    @dataclass(frozen=True)
    class Inner:
        old: int = 1
        new: int = later(2)

    @dataclass(frozen=True)
    class Outer:
        rate: float = 0.5
        flag: bool = later(False)
        inner: Inner = dataclasses.field(default_factory=Inner)

    assert plain_settings(Outer()) == {"rate": 0.5, "inner": {"old": 1}}
    assert plain_settings(Outer(flag=True, inner=Inner(new=3))) == {
        "rate": 0.5, "flag": True, "inner": {"old": 1, "new": 3},
    }  # fmt: skip


def test_rows_share_the_protocol_but_for_what_was_tuned(spec):
    """A tuned setting stands at its default; what was not tuned is as it is."""
    config = dict(spec.backbone_config)
    tuned = dataclasses.replace(
        spec,
        train=TrainConfig(l2=1e-3, epochs=7),
        backbone_config={**config, "dropout": 0.3},
        tuned=("backbone.dropout", "train.l2"),
    )
    other = dataclasses.replace(spec, train=TrainConfig(epochs=7))
    assert tuned.tuned_settings == {"backbone.dropout": 0.3, "train.l2": 1e-3}
    assert tuned.conditions == other.conditions
    assert other.conditions["train.epochs"] == 7 and other.tuned_settings == {}
    half = dataclasses.replace(tuned, tuned=("train.l2",))
    assert half.conditions == {**other.conditions, f"{spec.backbone}.dropout": 0.3}
    again = RunSpec.from_dict(json.loads(json.dumps(tuned.to_dict())))
    assert again.tuned == tuned.tuned and again.run_id == tuned.run_id


def test_the_run_id_does_not_depend_on_the_order_of_settings(spec):
    """Nor on whether a setting came as a tuple or, from JSON, as a list."""
    ids = {
        dataclasses.replace(spec, method_config=settings).run_id
        for settings in ({"a": 1, "b": (2, 3)}, {"b": [2, 3], "a": 1})
    }
    assert len(ids) == 1


def test_the_run_id_is_the_same_in_every_process(spec):
    """Records are found again by it: sixteen digits, fixed for this very spec and schema."""
    text = json.dumps(spec.to_dict(), sort_keys=True, separators=(",", ":"))
    assert spec.run_id == hashlib.sha256(text.encode()).hexdigest()[:16]


@pytest.mark.parametrize("setting", ["learning_rate", "l2", "table_std"])
def test_an_int_where_a_float_is_meant_keeps_its_run_id_on_disk(setting, spec):
    """1 and 1.0 are one setting; a record of the one must not come back as edited."""
    value = 0 if setting == "l2" else 1
    whole = dataclasses.replace(spec, train=TrainConfig(**{setting: value}))
    same = dataclasses.replace(spec, train=TrainConfig(**{setting: float(value)}))
    again = RunSpec.from_dict(json.loads(json.dumps(whole.to_dict())))
    assert whole.run_id == same.run_id == again.run_id


@pytest.mark.parametrize(
    "change",
    [
        {"seed": np.int64(1)},
        {"seed": 1.0},
        {"budget": 100.0},
        {"budget": True},
        {"final_dim": 32.0},
        {"candidates": (2, 8.0)},
        {"candidates": (0,)},
        {"candidates": (-1, 8)},
        {"candidates": ()},
        {"candidates": (2, 2)},
        {"search_index": -1},
    ],
    ids=str,
)
def test_numbers_that_would_not_survive_a_record_are_refused(change, spec):
    """numpy's integers and whole floats are named before the run, not after it."""
    with pytest.raises(ConfigError, match="expected"):
        dataclasses.replace(spec, **change)


@pytest.mark.parametrize(
    "change",
    [
        {"batch_size": 1},
        {"batch_size": 64.0},
        {"epochs": 2.5},
        {"patience": 0},
        {"learning_rate": 0},
        {"learning_rate": float("nan")},
        {"l2": -1e-9},
        {"table_std": 0.0},
    ],
    ids=str,
)
def test_an_impossible_protocol_is_refused(change):
    """The error names the setting."""
    with pytest.raises(ConfigError, match=f"train.{next(iter(change))} = "):
        TrainConfig(**change)


def test_settings_younger_than_the_first_records_leave_their_ids_as_they_were(spec):
    """A spec that does not use them hashes to what it did before they existed."""
    assert spec.run_id == "473272b02ee6d723"
    for changed in ({"retrain": False}, {"inherit": True}, {"retrain": False, "scores": 5}):
        other = dataclasses.replace(spec, **changed)
        assert RunSpec.from_dict(json.loads(json.dumps(other.to_dict()))) == dataclasses.replace(
            other, backbone_config={"hidden": [128, 64]}
        )


@dataclass(frozen=True)
class Mixed:
    """Settings that may be of several types."""

    size: int | Literal["all"] = 1
    rate: float | str | None = None
    sizes: tuple[int, ...] | int = 2


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"size": "3"}, Mixed(size=3)),
        ({"size": "all"}, Mixed(size="all")),
        ({"rate": "0.5"}, Mixed(rate=0.5)),
        ({"rate": "fast"}, Mixed(rate="fast")),
        ({"rate": "none"}, Mixed()),
        ({"sizes": 3}, Mixed(sizes=3)),
        ({"sizes": [3, 4]}, Mixed(sizes=(3, 4))),
    ],
    ids=str,
)
def test_a_setting_of_several_types_is_read_as_the_first_that_fits(values, expected):
    """A union is tried in its order, and a value that has one of its types is left alone."""
    assert build_config(Mixed, values, "mixed") == expected


def test_a_value_of_none_of_several_types_is_named():
    """The error names the setting, the value and the types."""
    with pytest.raises(ConfigError, match="mixed.size = 'some': expected one of the types int, "):
        build_config(Mixed, {"size": "some"}, "mixed")
    with pytest.raises(ConfigError, match="mixed.sizes = None"):
        build_config(Mixed, {"sizes": None}, "mixed")
