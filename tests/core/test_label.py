"""Labels: what tables call a run, read and printed."""

import dataclasses
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aesbench.core.label import GRAMMAR, UNIFICATIONS, Label, read_method
from aesbench.core.spec import RunSpec
from aesbench.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]

WORDS = st.text(st.characters(codec="utf-8", exclude_characters="[+@:"), min_size=1, max_size=8)
PRESETS = st.text(st.characters(codec="utf-8", exclude_characters="[+@"), max_size=8)
VALUES = st.text(st.characters(codec="utf-8", exclude_characters=","), max_size=8) | st.lists(
    st.integers(0, 99), max_size=3
).map(lambda sizes: ",".join(map(str, sizes)))
LABELS = st.builds(
    Label,
    name=WORDS,
    preset=PRESETS,
    settings=st.lists(
        st.tuples(st.from_regex(r"[a-z_][a-z_0-9]{0,6}", fullmatch=True), VALUES),
        max_size=3,
        unique_by=lambda pair: pair[0],
    ).map(lambda pairs: tuple(sorted(pairs))),
    tuned=st.booleans(),
    unification=st.sampled_from((None, *UNIFICATIONS)),
    share=st.none() | st.floats(1e-9, 1e9),
    inherit=st.booleans(),
).flatmap(
    lambda label: (
        st.integers(0, 300).map(lambda n: dataclasses.replace(label, scores=n))
        | st.booleans().map(lambda only: dataclasses.replace(label, search_only=only))
    )
)
"""Labels of every part; what is scored is not searched, so those two never meet."""

TEXTS = st.lists(
    st.sampled_from(
        (
            *("mde", ":value", ":", "[alpha=0.3]", "[dims=2,8,16,a=]", "[]", "[a]", "+tuned"),
            *("+plain", "+transform", "@0.5", "@0.50", "@1e+06", "@x", "@", "+inherit"),
            *("+200-scores", "+0-scores", "+search-only", "+", ",", "]", "="),
        )
    ),
    max_size=6,
).map("".join)
"""Pieces of labels in any order: some are labels, most are not."""


@given(LABELS)
def test_a_printed_label_parses_to_itself(label):
    """No part is lost, and none is taken for another."""
    assert Label.parse(str(label)) == label


@given(LABELS.map(str) | TEXTS)
def test_a_text_that_parses_prints_to_itself(text):
    """A label has one spelling, since it is part of a run's id; all else is an error."""
    try:
        label = Label.parse(text)
    except ConfigError as error:
        assert f"'{text}' is no label" in str(error)
    else:
        assert str(label) == text


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("autodim", Label("autodim")),
        ("ues:32", Label("ues", "32")),
        ("fixed:2-8-16", Label("fixed", "2-8-16")),
        ("fixed[dims=2,8,16]", Label("fixed", settings=(("dims", "2,8,16"),))),
        (
            "mde:value[alpha=0.3]+transform@0.5",
            Label("mde", "value", (("alpha", "0.3"),), unification="transform", share=0.5),
        ),
        ("adass:r@0.5+search-only", Label("adass", "r", share=0.5, search_only=True)),
        (
            "ues:32+tuned+plain@0.25+inherit",
            Label("ues", "32", tuned=True, unification="plain", share=0.25, inherit=True),
        ),
        (
            "adass[sampling=uniform,scheme=shared]+200-scores",
            Label("adass", settings=(("sampling", "uniform"), ("scheme", "shared")), scores=200),
        ),
        ("mde[a=2,8,b=,c=x=y]", Label("mde", settings=(("a", "2,8"), ("b", ""), ("c", "x=y")))),
        ("mde[a=[1]+plain@2]@1e-05", Label("mde", settings=(("a", "[1]+plain@2"),), share=1e-5)),
        ("mde+plain@1e+06", Label("mde", unification="plain", share=1e6)),
        ("random-as-mde:value@0.5", Label("random-as-mde", "value", share=0.5)),
    ],
)
def test_labels_are_read_as_they_were_meant(text, label):
    """Commas in a value are the value's, and brackets end at the last one."""
    assert Label.parse(text) == label and str(label) == text


@pytest.mark.parametrize(
    "text",
    [
        *("", ":r", "adass:", "adass[]", "adass[r]", "adass[a=1", "adass+", "adass+concat"),
        *("adass+plain+tuned", "adass@0.5+plain", "adass@", "adass@half", "adass@-1", "adass@0.50"),
        *("adass@.5", "adass+0-scores", "adass+05-scores", "adass+search-only+inherit"),
        *("adass+5-scores+search-only", "adass+plain+transform", "adass[a=1][b=2]+"),
    ],
)
def test_what_is_no_label_is_an_error_that_shows_the_grammar(text):
    """Parts out of order, empty or spelt otherwise are named with what was expected."""
    with pytest.raises(ConfigError) as caught:
        Label.parse(text)
    assert f"'{text}' is no label of a run: expected {GRAMMAR}, as in " in str(caught.value)


def test_a_budget_is_kept_in_the_digits_that_are_printed():
    """Two shares that print alike are one label."""
    third = Label("mde", share=1 / 3)
    assert str(third) == "mde@0.333333"
    assert third == Label("mde", share=0.333333) and third.share == 0.333333


def test_a_label_can_be_taken_apart():
    """The method is what is left without the changes, and a part goes without the others."""
    label = Label.parse("adass:r[steps=9]+plain@0.5+search-only")
    assert (label.method, label.changes) == ("adass:r", "[steps=9]+plain@0.5+search-only")
    assert str(label.without("search_only", "share")) == "adass:r[steps=9]+plain"
    assert str(label.without("preset", "unification")) == "adass[steps=9]@0.5+search-only"
    assert not label.is_plain and label.plain.is_plain
    assert label.plain == Label("adass", "r") == Label.parse("adass:r")


@pytest.mark.parametrize(
    ("text", "label", "has_preset"),
    [
        ("adass", Label("adass"), False),
        ("adass:", Label("adass"), True),
        ("adass:r", Label("adass", "r"), True),
        ("ues+plain", Label("ues", unification="plain"), False),
        ("ues:32+transform", Label("ues", "32", unification="transform"), True),
    ],
)
def test_a_user_names_a_method_or_one_of_its_presets(text, label, has_preset):
    """A colon with nothing behind it names the empty preset; without one the method chooses."""
    assert read_method(text) == (label, has_preset)


def test_an_unknown_unification_is_named():
    """The nearest known one is proposed."""
    with pytest.raises(ConfigError, match="unknown unification 'plan' in 'ues.plan'; did you mean"):
        read_method("ues+plan")


def test_a_spec_knows_its_label_in_parts(spec):
    """The text is what a record holds; the parts are read from it."""
    assert spec.called == Label.parse(spec.label) and spec.called.name == spec.method
    assert "called" not in spec.to_dict()
    assert RunSpec.from_dict(spec.to_dict()).called == spec.called


@pytest.mark.parametrize("folder", ["results/records", "results/controls/records"])
def test_the_labels_of_all_committed_records_are_what_they_were(folder):
    """Their ids depend on them, so each must parse and print to itself."""
    paths = sorted((ROOT / folder).rglob("*.json"))
    labels = {json.loads(path.read_text())["spec"]["label"] for path in paths}
    assert labels
    for text in labels:
        assert str(Label.parse(text)) == text
