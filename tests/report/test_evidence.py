"""The evidence that exhibits are made from: names, an order, looks, and the runs in that order."""

import dataclasses
import itertools
import random

import pytest

from aesbench.core.record import write_record
from aesbench.plugins.paper import Place
from aesbench.report.evidence import evidence_under, gather

PAPERS_OWN = ["ues:32", "mde:value", "autodim", "autoemb", "esapn", "sseds", "adass:r", "adass:e"]


@pytest.fixture
def evidence_of(make_record):
    """Return the function that gives the evidence of one run of each label."""
    return lambda labels, **changes: gather(make_record(label, **changes) for label in labels)


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("adass:r", "AdaS&S-R"),
        ("ues:16", "UES-16"),
        ("ues:32+transform", "UES-32 (transform)"),
        ("mde:value@0.5", "MDE @0.5"),
        ("adass:e[lambda_c=0.1]+search-only", "AdaS&S-E[lambda_c=0.1] (search-only)"),
        ("mine:a_b", "mine:a_b"),
        ("fixed:2-8", "fixed:2-8"),
        ("sseds+tuned", "SSEDS (tuned)"),
    ],
)
def test_methods_have_the_papers_names(evidence_of, label, name):
    """Whatever was changed follows the name; a method that nobody names keeps its label."""
    assert evidence_of([label]).method(label) == name


def test_what_records_call_things_counts_most(make_record):
    """Then papers, then the registries; the record of the last run says it, an old one nothing."""
    named = {"method": "Mine", "dataset": "My data", "backbone": "My net"}
    own = dataclasses.replace(make_record("mine", 1, dataset="d", backbone="b"), titles=named)
    ours = dataclasses.replace(make_record("adass:r", dataset="d", backbone="b"), titles={})
    evidence = gather([own, ours, make_record("mine", 0, dataset="d", backbone="b")])
    assert evidence.method("mine@0.5") == "Mine @0.5"
    assert evidence.place(Place("d", "b")) == "My data, My net"
    assert evidence.method("adass:r") == "AdaS&S-R"
    renamed = dataclasses.replace(ours, titles={"method": "Ours"})
    assert gather([renamed]).method("adass:r") == "Ours"
    assert gather([make_record(dataset="avazu_x1")]).title("avazu_x1") != "avazu_x1"
    assert gather([make_record(dataset="nobodys")]).title("nobodys") == "nobodys"


def test_methods_that_no_record_names_have_the_registrys_title(evidence_of):
    """A method of ours that no paper lists, by its class."""
    assert evidence_of(["tpe"]).method("tpe") != "tpe"


def test_the_order_is_uniform_sizes_papers_line_ups_then_the_rest(evidence_of):
    """Numbers inside a name count by their value; of labels of a method the plain one is first."""
    labels = ["zeta:10", "ues:64", "adass:r@0.5", "mde:field", "zeta:9", "ues:8", "autodim"]
    evidence = evidence_of([*labels, "adass:r", "alpha", "uesx"])
    order = list(evidence.order)
    assert order[:3] == ["ues:8", "ues:16", "ues:64"], "the budget of .5 has a uniform size"
    (paper,) = evidence.papers
    listed = [choice for choice in order if choice in paper.line_up]
    assert listed == list(paper.line_up)
    assert order[-4:] == ["alpha", "uesx", "zeta:9", "zeta:10"]
    assert list(evidence.runs["method"]) == [
        *("ues:8", "ues:64", "mde:field", "autodim", "adass:r", "adass:r@0.5"),
        *("alpha", "uesx", "zeta:9", "zeta:10"),
    ]


def test_the_evidence_does_not_depend_on_how_records_were_collected(make_record, tmp_path):
    """In any order, and from disk: the same frame, names, order and looks."""
    records = [
        make_record(label, seed, search_index=search, dataset=dataset)
        for label in ("ues:32", "mine", "adass:r[steps=9]")
        for seed in range(2)
        for search in range(2)
        for dataset in ("one", "two")
    ]
    shuffled = random.Random(0).sample(records, len(records))
    for record in shuffled:
        write_record(tmp_path, record)
    first, second, third = gather(records), gather(shuffled), evidence_under(tmp_path)
    for other in (second, third):
        assert list(other.runs["run_id"]) == list(first.runs["run_id"])
        assert (other.titles, other.order, other.looks) == (first.titles, first.order, first.looks)
    place = ["dataset", "method", "seed", "search_index"]
    assert first.runs[place].to_numpy().tolist() == [
        [*dataset_and_label, seed, search]
        for dataset_and_label in itertools.product(
            ("one", "two"), ("ues:32", "adass:r[steps=9]", "mine")
        )
        for seed in range(2)
        for search in range(2)
    ]


def test_a_method_looks_the_same_whatever_was_changed(evidence_of):
    """One look per method everywhere; all uniform sizes are one method."""
    evidence = evidence_of(["adass:r", "adass:r[steps=9]@0.5", "ues:2", "ues:32+transform"])
    assert evidence.look("adass:r") == evidence.look("adass:r[steps=9]@0.5")
    assert evidence.look("ues:2") == evidence.look("ues:32+transform")


def test_methods_of_the_paper_are_told_apart(evidence_of):
    """No two have one look, those of the main comparison no one colour and marker."""
    controls = ["adass:greedy", "adass:random", "adass:evolution", "random", "mde:field"]
    evidence = evidence_of([])
    looks = [evidence.look(label) for label in PAPERS_OWN + controls]
    assert len(set(looks)) == len(looks)


def test_no_two_of_forty_methods_look_alike(evidence_of):
    """The paper's and 26 of others: each has its own, which it keeps under a budget."""
    others = [f"method-{number}" for number in range(26)]
    evidence = evidence_of(others)
    methods = [choice for choice in evidence.order if not choice.startswith("ues:")]
    looks = [evidence.look(choice) for choice in methods]
    assert len(methods) >= 38 and len(set(looks)) == len(looks)
    assert evidence.look("method-7@0.5") == evidence.look("method-7")


def test_a_third_partys_method_takes_no_look_of_the_papers(evidence_of):
    """Nor does it change theirs: those have their colours first."""
    alone, beside = evidence_of(["ues:32"]), evidence_of(["a-method", "mine"])
    papers = {alone.look(label) for label in PAPERS_OWN}
    assert not {beside.look("mine"), beside.look("a-method")} & papers
    assert beside.look("mine") != beside.look("a-method")
    assert all(alone.look(label) == beside.look(label) for label in PAPERS_OWN)


def test_no_record_is_evidence_of_nothing(evidence_of):
    """The frame has its columns, the order is the papers'."""
    evidence = evidence_of([])
    assert len(evidence.runs) == 0 and "record" in evidence.runs
    assert evidence.method("adass:r") == "AdaS&S-R"
