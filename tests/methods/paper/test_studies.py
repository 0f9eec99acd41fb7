"""The paper's studies: which runs stand behind each table and figure, and which they share."""

import dataclasses
import subprocess
import sys

import pytest

from aesbench.core.allocation import random_sizes
from aesbench.core.settings import content_hash
from aesbench.core.spec import RunSpec
from aesbench.errors import AllocationError
from aesbench.harness.grid import by_prepared_state, plan
from aesbench.harness.studies import choose_studies, plan_studies
from aesbench.plugins.study import Options
from aesbench_methods.adass.paper import PAPER
from aesbench_methods.adass.paper.variants import VARIANTS


def specs_of(name, dataset, **options):
    """The runs of one study of the paper."""
    chosen = choose_studies([f"adass/{name}"], dataset)
    (specs,) = plan_studies(chosen, dataset, Options(**options)).values()
    return specs


def labels_of(specs):
    """The labels of some runs, each once."""
    return {spec.label for spec in specs}


def test_table3_has_every_method_of_the_paper_and_the_controls_on_both_backbones(planted_tiny):
    """10 seeds of 17 rows each; UES-32 comes under the other unification too."""
    specs = specs_of("table3", planted_tiny)
    of_widedeep = {s.label for s in specs if s.backbone == "widedeep"}
    of_deepfm = {s.label for s in specs if s.backbone == "deepfm"}
    assert of_widedeep - of_deepfm == {"ues:32+transform"}
    assert of_deepfm - of_widedeep == {"ues:32+plain"}
    assert {"ues:32", "ues:24", "mde:value", "autodim", "autoemb", "esapn", "sseds"} <= of_deepfm
    assert {"adass:r", "adass:e", "adass:greedy", "adass:random"} <= of_deepfm
    assert len(specs) == 2 * 10 * len(of_deepfm)


def test_table4_scores_ten_supernets_on_the_allocations_that_are_trained_alone(planted_tiny):
    """Two schemes times four samplings and the control of the last, three seeds each."""
    specs = specs_of("table4", planted_tiny, allocations=20)
    scores = [spec for spec in specs if spec.scores]
    rows = {(s.method_config["scheme"], s.method_config["sampling"]) for s in scores}
    assert len(rows) == 10 and len(scores) == 30 and {s.scores for s in scores} == {20}
    assert {("shared", "constant"), ("independent", "constant")} < rows
    alone = [spec for spec in specs if not spec.scores]
    drawn = random_sizes(planted_tiny.fields, RunSpec.candidates, 20)
    assert [s.method_config["dims"] for s in alone] == drawn + drawn
    assert [s.seed for s in alone] == [0] * 20 + [1] * 20


def test_more_allocations_keep_the_runs_that_are_there(planted_tiny):
    """Going from 5 to 20 allocations adds 15 stand-alone runs per seed."""
    few, many = (
        {s.run_id for s in specs_of("table4", planted_tiny, allocations=count) if not s.scores}
        for count in (5, 20)
    )
    assert few < many and len(many - few) == 30


def test_fig4_searches_shared_supernets_and_from_end_to_end(planted_tiny):
    """7 searches of each of 2 supernets; one search per seed; nothing is retrained."""
    specs = specs_of("fig4", planted_tiny, seeds=(0, 1, 2, 3), searches=7, supernets=2)
    assert not any(spec.retrain for spec in specs)
    of_adass = [(s.seed, s.search_index) for s in specs if s.label == "adass:r+search-only"]
    shared = [(seed, search) for seed in (0, 1) for search in range(7)]
    assert sorted(of_adass) == sorted(shared + [(2, 0), (3, 0)])
    assert [s.seed for s in specs if s.label == "esapn+search-only"] == [0, 1, 2, 3]


def test_fig5_changes_one_weight_at_a_time(planted_tiny):
    """λ_c is .08 while λ_r changes, λ_r .005 while λ_c does, which the policy's likeliest shows."""
    specs = specs_of("fig5", planted_tiny, seeds=(0,), backbones=("widedeep",))
    points = {
        (s.method_config["lambda_r"], s.method_config["lambda_c"], s.method_config["result"])
        for s in specs
    }
    assert len(points) == len(specs)
    assert {r for r, c, result in points if result == "best"} >= {0.0, 0.0025, 0.005, 0.01}
    assert {c for r, c, result in points if result == "likeliest"} >= {0.0, 0.04, 0.08}
    assert all(c == 0.08 if result == "best" else r == 0.005 for r, c, result in points)
    mode = {s.run_id for s in plan(planted_tiny, ["adass:e"], seeds=[0])}
    assert mode <= {s.run_id for s in specs}
    assert "adass:e[lambda_r=0.01]" in labels_of(specs)
    assert "adass:r[lambda_c=0.08,result=likeliest]" in labels_of(specs)


def test_ablation_changes_one_choice_at_a_time(planted_tiny):
    """Each run's settings are the default's but for its variant's, types included; 5 seeds each."""
    specs = [s for s in specs_of("ablation", planted_tiny, allocations=2) if s.retrain]
    own = [spec for spec in specs if spec.method == "adass"]
    of_label = {spec.label: content_hash(spec.method_config) for spec in own}
    assert len(of_label) == 1 + len(VARIANTS) == len(set(of_label.values()))
    assert {spec.seed for spec in own} == set(range(5)) and len(own) == 5 * len(of_label)
    default = next(spec.method_config for spec in own if spec.label == "adass:r")
    changed = {content_hash({**default, **v.changes}) for v in VARIANTS if v.changes}
    named = {of_label["adass:r"], of_label["adass:literal-r"]}
    assert changed == set(of_label.values()) - named
    assert "adass:r[keep_floor=0.0,keep_rate=0.6]" in of_label and "adass:greedy" in of_label
    assert of_label.keys() == {"adass:r", *(variant.label for variant in VARIANTS)}


def test_ablation_scores_each_kind_of_supernet_that_it_searches(planted_tiny):
    """14 kinds: the default's, 12 variants', the letter's; a seed's scores share its search's."""
    specs = specs_of("ablation", planted_tiny, allocations=2, supernets=3)
    groups = [g for g in by_prepared_state(specs) if g[0].method == "adass"]
    assert len(groups) == 14 * 5
    assert all(any(spec.retrain for spec in group) for group in groups)
    scored = [[spec.seed for spec in group if spec.scores] for group in groups]
    assert sorted(scored) == [[]] * 14 * 2 + [[0]] * 14 + [[1]] * 14 + [[2]] * 14
    searches = {len([s for s in group if s.retrain]) for group in groups}
    assert searches == {1, 7}, "six variants search the default's supernets"


def test_ablation_shares_the_runs_of_tables_3_and_4(planted_tiny):
    """AdaS&S-R, greedy, the stand-alone runs, and the scores of the default and of other tables."""
    table3, table4, ours = (
        {spec.run_id: spec.label for spec in specs_of(name, planted_tiny, **options)}
        for name, options in (
            ("table3", {"backbones": ("widedeep",)}),
            ("table4", {"allocations": 20}),
            ("ablation", {"allocations": 20, "seeds": (0, 1, 2, 3, 4, 5)}),
        )
    )
    assert {ours[key] for key in ours.keys() & table3.keys()} == {"adass:r", "adass:greedy"}
    shared = [ours[key] for key in ours.keys() & table4.keys()]
    assert sum(label.startswith("fixed:") for label in shared) == 40
    assert sorted({label for label in shared if not label.startswith("fixed:")}) == [
        "adass+20-scores",
        "adass[sampling=constant]+20-scores",
        "adass[scheme=independent]+20-scores",
    ]


def test_changed_settings_move_the_ablations_default(planted_tiny):
    """With the tables of their own by --set, that variant is the default, scores included."""
    settings = {"adass": {"scheme": "independent", "epochs": "1"}}
    specs = specs_of("ablation", planted_tiny, allocations=2, settings=settings, seeds=(0,))
    own = [spec for spec in specs if spec.method == "adass"]
    assert {s.method_config["scheme"] for s in own} == {"independent"}
    assert {s.method_config["epochs"] for s in own} == {1}
    groups = by_prepared_state([spec for spec in own if spec.seed == 0])
    assert len(groups) == 13, "one of the 14 kinds is the default now"
    assert all({bool(spec.scores) for spec in group} == {True, False} for group in groups)


def test_fig6_needs_no_runs_beyond_table3(planted_tiny):
    """Costs are measured in the runs that are compared anyway."""
    table3, fig6 = (
        {spec.run_id for spec in specs_of(name, planted_tiny)} for name in ("table3", "fig6")
    )
    assert fig6 < table3


def test_studies_given_together_share_supernets_and_may_leave_methods_out(planted_tiny):
    """Table 3, the budgets and the searches of Figure 4 search one supernet of each seed."""
    chosen = choose_studies(["table3", "matched", "fig4", "table3"], planted_tiny)
    assert [study.name for study in chosen] == ["adass/table3", "aesbench/matched", "adass/fig4"]
    options = Options(backbones=("widedeep",), seeds=(0, 1), methods=("adass",), supernets=2)
    plans = plan_studies(chosen, planted_tiny, options)
    specs = [spec for plan in plans.values() for spec in plan]
    assert {spec.method for spec in specs} == {"adass"}
    assert all(plans.values())
    assert len(by_prepared_state(specs)) == 2


def test_changed_settings_reach_the_runs_they_concern(planted_tiny):
    """A setting of AdaS&S changes its runs, one of `train` all; the study's own stay."""
    settings = {"adass": {"epochs": "1"}, "train": {"epochs": "2"}}
    specs = specs_of("table4", planted_tiny, allocations=2, settings=settings)
    assert {spec.train.epochs for spec in specs} == {2}
    scores = [spec for spec in specs if spec.scores]
    assert {spec.method_config["epochs"] for spec in scores} == {1}
    assert len({spec.run_id for spec in scores}) == 30


def test_there_may_be_fewer_allocations_than_asked_for(planted_tiny):
    """One field has five sizes."""
    one = dataclasses.replace(planted_tiny, fields=planted_tiny.fields[:1])
    with pytest.raises(AllocationError, match="have 5 allocations, 200 were asked for"):
        specs_of("table4", one)


def test_the_paper_has_its_studies_in_its_order():
    """Tables and figures first; no study of ours is among them."""
    names = [study.name for study in PAPER.studies]
    assert names == ["table3", "table4", "fig4", "fig5", "fig6", "ablation"]


def test_a_preset_of_a_search_may_be_asked_for(planted_tiny):
    """Searches without retraining are found by the method's name, too."""
    searches = specs_of("fig4", planted_tiny, seeds=(0,), methods=("adass:r",), searches=2)
    assert {spec.called.method for spec in searches} == {"adass:r"}


def test_importing_the_paper_loads_no_torch():
    """A report, which wants its numbers and exhibits, needs none."""
    code = "import sys, aesbench_methods.adass.paper; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-I", "-c", code]).returncode == 0
