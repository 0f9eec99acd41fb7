"""Studies of ours, which compare every method, and how studies are named and planned."""

from dataclasses import make_dataclass

import pytest

from aesbench.core.allocation import Allocation
from aesbench.errors import ConfigError
from aesbench.harness.load_data import load_dataset
from aesbench.harness.studies import choose_studies, every_method, known_studies, plan_studies
from aesbench.plugins.method import Method
from aesbench.plugins.paper import Paper
from aesbench.plugins.registry import METHODS, PAPERS, REGISTRIES
from aesbench.plugins.study import Options, Part, Study


@pytest.fixture(autouse=True)
def only_what_is_installed(monkeypatch):
    """What other tests registered is forgotten, and what a test registers is gone after it."""
    for registry in REGISTRIES:
        monkeypatch.setattr(registry, "_from_files", {})


@pytest.fixture
def theirs():
    """A paper of somebody else's: a line-up with a method that nobody has, and a ``table3``."""
    study = Study(
        *("table3", "one size", "their table", ("deepfm",), 2),
        lambda dataset, options: [Part(("ues:8",))],
    )
    paper = Paper("theirs", "Theirs", "Them, 2026", ("tpe", "nowhere"), studies=(study,))
    PAPERS.add("theirs", paper, "theirs.py")


def add_method(called, kind):
    """Register a method with two default presets."""

    class Mine(Method):
        name, title, family = called, called, kind
        Config = make_dataclass("Config", [("dim", int, 8)], frozen=True)
        presets = {"a": {"dim": 2}, "b": {"dim": 8}, "c": {"dim": 16}}
        default_presets = ("a", "b")
        honours_budget = kind == "search"

        def search(self, context, prepared):
            return Allocation.uniform(context.fields, self.config.dim)

    METHODS.add(called, Mine, "mine.py")


def specs_of(name, dataset, **options):
    """The runs of one study."""
    (specs,) = plan_studies(choose_studies([name], dataset), dataset, Options(**options)).values()
    return specs


def labels_of(specs):
    """The labels of some runs, each once."""
    return {spec.label for spec in specs}


UNIFORM = {"ues:2", "ues:8", "ues:16", "ues:24", "ues:32", "ues:64"}
BUDGETED = {
    *("mde:value", "mde:field", "sseds", "random", "rule:fourth-root", "rule:fastai"),
    *("hashing-trick", "amtl", "nis:se", "nis:me", "optembed", "autosrh", "autosrh:dnis", "pep"),
    *(f"adass:{preset}" for preset in ("r", "e", "greedy", "random", "evolution")),
}


def test_matched_gives_every_budget_to_all_that_take_one_and_to_random_sizes(planted_tiny):
    """Each budgeted method has three labels; UES has its own sizes.

    `mde:quarter` would be `mde:value` once more.
    """
    specs = specs_of("matched", planted_tiny)
    shares = ("0.25", "0.5", "0.75")
    assert labels_of(specs) == UNIFORM | {f"{m}@{share}" for m in BUDGETED for share in shares}
    rows = sum(field.cardinality for field in planted_tiny.fields)
    assert {s.budget for s in specs} == {None, rows * 8, rows * 16, rows * 24}
    assert {s.seed for s in specs} == set(range(10)) and {s.backbone for s in specs} == {"widedeep"}


def test_planted_has_every_method_and_uniform_sizes_under_both_unifications(planted_tiny):
    """Line-ups, random sizes and the sizes that a grid of uniform ones has."""
    others = {"ues:32+transform", "mde:quarter", "autodim", "autoemb", "esapn"}
    assert labels_of(specs_of("planted", planted_tiny)) == UNIFORM | BUDGETED | others


def test_every_method_is_whatever_is_registered_and_no_control(theirs, planted_tiny):
    """A line-up brings in even a control, but nothing that is not there; others come as they do."""
    add_method("newest", "search")
    add_method("chance", "control")
    assert every_method()[0] == "random"
    others = every_method()[every_method().index("tpe") + 1 :]
    assert others == sorted(others) and {"newest", "rule"} <= {*others}
    assert not {"chance", "nowhere", "fixed", "ues"} & set(every_method())
    assert {"newest:a", "newest:b"} <= labels_of(specs_of("planted", planted_tiny))
    matched = labels_of(specs_of("matched", planted_tiny))
    assert {"newest:a@0.25", "newest:b@0.75", "tpe@0.5"} <= matched


def test_all_means_what_the_data_set_can_serve(planted_tiny, tiny_dataset):
    """Generated data know the truth; on other data the study that needs it is left out, alone.

    Those with a folder of their own are left out everywhere.
    """
    together = [name for name, study in known_studies().items() if not study.folder]
    assert "aesbench/tabular" not in together
    assert [study.name for study in choose_studies(["all"], planted_tiny)] == together
    others = [study.name for study in choose_studies(["all"], tiny_dataset)]
    assert others == [name for name in together if name != "aesbench/planted"]
    with pytest.raises(ConfigError, match="nobody knows of 'tiny'; run it with --dataset planted"):
        specs_of("planted", tiny_dataset)


def test_a_study_with_a_folder_of_its_own_is_alone(planted_tiny):
    """Its records lie elsewhere than those of the others."""
    assert [study.name for study in choose_studies(["tabular"], planted_tiny)] == [
        "aesbench/tabular"
    ]
    with pytest.raises(ConfigError, match="'aesbench/tabular' lie in a folder of their own; give"):
        choose_studies(["tabular", "matched"], planted_tiny)


def test_a_study_is_called_by_its_own_name_while_no_other_is(theirs, planted_tiny):
    """Two papers have a ``table3``; an owner tells them apart, and ``all`` of one is its own."""
    called = {
        name: [study.name for study in choose_studies([name], planted_tiny)]
        for name in ("theirs/table3", "theirs/all", "matched", "aesbench/all", "fig4")
    }
    assert called["theirs/table3"] == called["theirs/all"] == ["theirs/table3"]
    assert called["matched"] == ["aesbench/matched"] and called["fig4"] == ["adass/fig4"]
    assert called["aesbench/all"] == ["aesbench/matched", "aesbench/planted"]
    with pytest.raises(ConfigError, match="of several studies: adass/table3, theirs/table3"):
        choose_studies(["table3"], planted_tiny)
    both = choose_studies(["theirs/table3", "adass/table3", "theirs/all"], planted_tiny)
    plans = plan_studies(both, planted_tiny, Options(seeds=(0,)))
    assert list(plans) == ["theirs/table3", "adass/table3"]
    assert [(s.label, s.backbone) for s in plans["theirs/table3"]] == [("ues:8", "deepfm")]


def test_methods_may_be_named_with_a_preset(planted_tiny):
    """A preset takes its runs under any budget, and none of a preset that begins alike."""
    specs = specs_of("matched", planted_tiny, seeds=(0,), methods=("mde:value", "ues:3"))
    assert labels_of(specs) == {"mde:value@0.25", "mde:value@0.5", "mde:value@0.75"}
    specs = specs_of("matched", planted_tiny, seeds=(0,), methods=("mde",))
    assert {spec.called.method for spec in specs} == {"mde:value", "mde:field"}


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("matchd", {}, "unknown study 'matchd'; did you mean 'matched'?"),
        ("tabel3", {}, "did you mean 'table3'? It is one of: adass/table3, adass/table4, "),
        ("adas/table3", {}, "unknown study 'adas/table3'; did you mean 'adass/table3'?"),
        ("adas/all", {}, "unknown study 'adas/all'"),
        ("matched", {"settings": {"fixed": {"dims": "2"}}}, "--set names 'fixed'"),
        ("matched", {"backbones": ("deepfn",)}, "did you mean 'deepfm'?"),
        ("matched", {"methods": ("adas",)}, "did you mean 'adass'?"),
        ("matched", {"methods": ("adass:q",)}, "'q'"),
        ("matched", {"searches": 0}, "searches = 0"),
        ("matched", {"supernets": 0}, "supernets = 0"),
        ("matched", {"allocations": 1}, "allocations = 1"),
    ],
)
def test_a_wrong_wish_is_an_error_that_helps(planted_tiny, name, options, words):
    """Names suggest the nearest one, values are named."""
    with pytest.raises(ConfigError) as caught:
        specs_of(name, planted_tiny, **options)
    assert words in str(caught.value)


def test_a_part_may_keep_one_draw_of_the_split(cache_dir):
    """The tabular benchmark's trainings differ by their sizes, not by their rows."""
    flights = load_dataset("flights", cache_dir=cache_dir)
    assert flights.draw is not None
    assert all(spec.drawn for spec in specs_of("matched", flights, seeds=(0,)))
    assert not any(spec.drawn for spec in specs_of("tabular", flights, allocations=3))
