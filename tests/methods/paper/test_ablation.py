"""The ablation: which runs are a variant of which default, and what it says of them."""

import dataclasses
from math import asin, pi, sqrt

import numpy as np
import pytest
from scipy.stats import kendalltau

from aesbench.core.allocation import random_sizes, sizes_text
from aesbench.core.label import Label
from aesbench.plugins.exhibit import MISSING
from aesbench.report.evidence import gather
from aesbench_methods.adass.config import LITERAL, AdaSSConfig
from aesbench_methods.adass.paper.ablation import ablations, in_words
from aesbench_methods.adass.paper.exhibits import ablation
from aesbench_methods.adass.paper.variants import APART, VARIANTS

CANDIDATES = (2, 8, 16, 32, 64)
DEFAULT = dataclasses.asdict(AdaSSConfig())
DRAWN = random_sizes(range(2), CANDIDATES, 20)
ALONE = np.random.default_rng(0).normal(0.7, 0.01, size=(2, 20)) + np.linspace(0, 0.02, 20)
JITTER = (0.0, 0.002, -0.001, 0.0005)


def ablation_of(records):
    """The ablation at the only place of some records."""
    (found,) = ablations(gather(records))
    return found


@pytest.fixture
def variant(make_record):
    """Return the function that makes the runs of AdaS&S with some settings, a seed each."""

    def make(label, changes=None, *, gain=0.0, slope=0.0, kind=None, seeds=4, **values):
        return [
            make_record(
                label,
                seed,
                auc=0.75 + JITTER[seed] + gain + slope * seed,
                validation_auc=0.76 + JITTER[seed] - gain / 5,
                method="adass",
                method_config={**DEFAULT, **(changes or {})},
                prepare_id=f"{kind or label} {seed}",
                **values,
            )
            for seed in range(seeds)
        ]

    return make


@pytest.fixture
def scores(make_record):
    """Return the function that makes the scores of three supernets: seed 0's own, or opposite."""

    def make(label, changes=None, *, sign=1, kind=None):
        values = {
            sizes_text(dims): {"auc": sign * auc, "logloss": -sign * auc}
            for dims, auc in zip(DRAWN, ALONE[0], strict=True)
        }
        records = [
            make_record(
                f"{label}+20-scores",
                seed,
                method="adass",
                method_config={**DEFAULT, **(changes or {})},
                prepare_id=f"{kind or label} {seed}",
                retrain=False,
                scores=20,
            )
            for seed in range(3)
        ]
        return [dataclasses.replace(r, scores=values, allocation=None) for r in records]

    return make


@pytest.fixture
def alone(make_record):
    """The same 20 allocations trained alone, with two seeds."""
    return [
        make_record(f"fixed:{sizes_text(dims)}", seed, dims=dims, auc=auc, logloss=1 - auc)
        for seed in range(2)
        for dims, auc in zip(DRAWN, ALONE[seed], strict=True)
    ]


@pytest.fixture
def retrained(variant):
    """The default, and three variants: of stage 1, of stage 2, and of two settings at once."""
    return [
        *variant("adass:r"),
        *variant("adass:r[groups=1]", {"groups": 1}, gain=-0.01, slope=1e-4, dims=(16, 16)),
        *variant("adass:r[entropy=0.0]", {"entropy": 0.0}, slope=1e-6, kind="adass:r", seeds=3),
        *variant(
            "adass:r[keep_rate=0.6]", {"keep_rate": 0.6, "keep_floor": 0.0}, gain=0.001, slope=1e-6
        ),
    ]


def test_variants_are_held_against_the_default_seed_by_seed(retrained, the_only, values):
    """One group per step costs .01 less 1e-4 per seed, and saves half of UES-32's parameters."""
    exhibit = the_only(ablation.build, retrained)
    lines = values(exhibit.tables[0])
    default, groups = lines["default: AdaS&S-R"], lines["groups=1"]
    assert default["AUC"] == pytest.approx(0.75 + sum(JITTER) / 4)
    assert default["SD"] == pytest.approx(np.std(JITTER, ddof=1))
    assert (default["seeds"], default["pairs"], default["difference"]) == (4, None, None)
    assert groups["difference"] == pytest.approx(-0.01 + 1.5e-4)
    # Student's quantile for 3 degrees of freedom, of differences 1e-4 apart.
    half = 3.182446 * np.std(1e-4 * np.arange(4), ddof=1) / 2
    assert groups["95 % low"] == pytest.approx(-0.01 + 1.5e-4 - half, abs=1e-9)
    assert (default["P-R"], groups["P-R"]) == (0.0, 0.5)
    entropy = lines["entropy=0"]
    assert (entropy["seeds"], entropy["pairs"]) == (3, 3)
    assert entropy["difference"] == pytest.approx(1e-6)
    assert lines["keep_rate=0.6, keep_floor=0"]["difference"] == pytest.approx(0.001 + 1.5e-6)
    (finding,) = exhibit.findings[:1]
    assert "of 3 variants held against the default" in finding and "n = 3 to 4 pairs" in finding
    assert "clearly better: keep_rate=0.6, keep_floor=0; clearly worse: groups=1." in finding
    details = values(exhibit.tables[1])
    assert "default: AdaS&S-R" not in details
    assert "over the 3 comparisons" in exhibit.tables[1].caption
    validation = values(exhibit.tables[2])
    assert validation["groups=1"]["difference"] == pytest.approx(0.002)
    assert groups["on validation"] == validation["groups=1"]["difference"]
    # The second least of three p-values: two are left to correct for.
    assert details["groups=1"]["Holm p"] == pytest.approx(2 * details["groups=1"]["t-test p"])


def test_supernets_are_those_that_a_variant_searched(retrained, scores, alone, the_only, values):
    """Entropy is the search's: it has the default's tau, as scipy has it; groups' is opposite."""
    records = [
        *retrained,
        *scores("adass", kind="adass:r"),
        *scores("adass[groups=1]", {"groups": 1}, sign=-1, kind="adass:r[groups=1]"),
        *alone,
    ]
    exhibit = the_only(ablation.build, records)
    lines = values(exhibit.tables[0])
    tau = kendalltau(ALONE[0], ALONE.mean(0)).statistic
    default = lines["default: AdaS&S-R"]
    assert default["tau"] == pytest.approx(tau, abs=1e-12)
    assert default["tau: low"] < tau < default["tau: high"]
    good = ALONE.mean(0) > np.median(ALONE.mean(0))
    of_good = kendalltau(ALONE[0][good], ALONE.mean(0)[good]).statistic
    assert default["tau: good half"] == pytest.approx(of_good, abs=1e-12) and of_good != tau
    r = np.corrcoef(ALONE)[0, 1]
    ceiling = 2 / pi * asin(sqrt(2 * r / (1 + r)))
    assert default["ceiling"] == pytest.approx(ceiling, abs=1e-12)
    of_tau = ("tau", "tau: low", "tau: high", "ceiling")
    assert [lines["entropy=0"][n] for n in of_tau] == [default[n] for n in of_tau]
    assert lines["groups=1"]["tau"] == pytest.approx(-tau, abs=1e-12)
    assert [lines["keep_rate=0.6, keep_floor=0"][name] for name in of_tau] == [None] * 4
    assert "n = 20 random allocations, mean over supernets (3)" in exhibit.tables[0].caption
    kinds = values(exhibit.tables[3])
    assert list(kinds) == ["default: AdaS&S-R", "groups=1"]
    assert kinds["groups=1"]["AUC: difference"] == pytest.approx(-2 * tau, abs=1e-12)
    assert kinds["groups=1"]["AUC: 95 % high"] < 0
    assert (kinds["groups=1"]["supernets"], kinds["groups=1"]["AUC: SD"]) == (3, 0.0)
    assert "of 1 other kind of supernets" in exhibit.findings[1]
    assert exhibit.findings[1].endswith("better: none; worse: groups=1.")


def test_scores_without_stand_alone_runs_have_no_tau(retrained, scores, the_only, values):
    """The supernets count, their taus are missing; without scores there is no such table."""
    exhibit = the_only(ablation.build, [*retrained, *scores("adass", kind="adass:r")])
    (line,) = values(exhibit.tables[3]).values()
    assert (line["supernets"], line["allocations"], line["AUC: tau"]) == (3, 0, None)
    assert values(exhibit.tables[0])["default: AdaS&S-R"]["ceiling"] is None
    assert len(the_only(ablation.build, retrained).tables) == 3


def test_the_more_scores_of_a_supernet_count(retrained, scores, alone):
    """The same supernets scored twice, once on five allocations: they are three."""
    few = [
        dataclasses.replace(record, scores=dict(list(record.scores.items())[:5]))
        for record in scores("adass[scheme=shared]", kind="adass:r")
    ]
    found = ablation_of([*few, *scores("adass", kind="adass:r"), *alone, *retrained])
    own = found.rows[found.default].supernets
    assert (own.count, len(own.auc)) == (3, 20)


def test_findings_are_of_what_was_compared_only(variant, scores, alone, the_only):
    """No seed in common, no variant to judge; the default's supernets alone, no other kinds."""
    records = [
        *variant("adass:r", seeds=1),
        *(
            run
            for label, changes in (
                ("a", {"groups": 1}),
                ("b", {"entropy": 0.0}),
                ("c", {"sandwich": True}),
            )
            for run in variant(f"adass:{label}", changes, kind="adass:r", seeds=2)[1:]
        ),
    ]
    assert the_only(ablation.build, records).findings == []
    found = [*records, *scores("adass", kind="adass:r"), *alone]
    (finding,) = the_only(ablation.build, found).findings
    assert "the default's supernets rank with a tau" in finding and "other kind" not in finding


def test_searches_agree_end_to_end(retrained, variant, the_only, values):
    """Four searches: all agree on one field, three on the other, so 3 of 6 pairs do."""
    sizes = [(32, 2), (32, 2), (32, 8), (32, 2)]
    kept = [r for r in retrained if r.spec.method_config["groups"] != 1]
    drawn = [
        variant("adass:r[groups=1]", {"groups": 1}, dims=dims)[seed]
        for seed, dims in enumerate(sizes)
    ]
    line = values(the_only(ablation.build, [*kept, *drawn]).tables[0])["groups=1"]
    assert line["modal share"] == pytest.approx((1 + 3 / 4) / 2)
    assert line["pair agreement"] == pytest.approx((1 + 3 / 6) / 2)


def test_seconds_are_processor_time_or_missing(retrained, the_only, values):
    """Means over seeds of what each run took; a row with one older run has none."""
    timed = [
        dataclasses.replace(r, cpu_seconds={"prepare": 30.0 + r.spec.seed, "search": 5.0})
        for r in retrained[:-1]
    ]
    lines = values(the_only(ablation.build, [*timed, retrained[-1]]).tables[0])
    assert lines["groups=1"]["prepare (s)"] == 31.5 and lines["groups=1"]["search (s)"] == 5.0
    last = lines["keep_rate=0.6, keep_floor=0"]
    assert last["prepare (s)"] is None and last["search (s)"] is None


def test_what_did_not_run_is_missing_and_what_failed_is_counted(retrained, make_record, the_only):
    """Every planned variant has a row, in the order of the plan."""
    broken = make_record(
        "adass:r[sandwich=True]", method="adass", method_config={**DEFAULT, "sandwich": True}
    )
    broken = dataclasses.replace(broken, status="failed", metrics={}, allocation=None)
    table = the_only(ablation.build, [*retrained, broken]).tables[0]
    names = table.column("setting")
    assert names[0] == "default: AdaS&S-R" and names[-1] == "AdaS&S-R (literal)"
    assert names[1:-1] == [in_words(v.changes) for v in VARIANTS if v.changes]
    cells = {name: [text for text, _ in texts] for (name, _), *texts in table.rows()}
    assert cells["sandwich=true"][0] == "0 (+1 failed)"
    seeds, auc, sd, pairs, *others = cells["supernets=3"]
    assert (seeds, pairs) == ("0", "0")
    assert {auc, sd, *others} == {MISSING}


def test_the_default_is_known_by_its_settings(retrained):
    """Whatever the labels say, and also where a changed setting is part of all."""
    for epochs in (DEFAULT["epochs"], 1):
        renamed = []
        for record in retrained:
            config = {**record.spec.method_config, "epochs": epochs}
            label = f"adass:{record.spec.label.translate(str.maketrans(':[', '..'))}"
            spec = dataclasses.replace(record.spec, method_config=config, label=label)
            renamed.append(dataclasses.replace(record, spec=spec))
        found = ablation_of(renamed)
        assert list(found.rows[found.default].runs["record"]) == renamed[:4]
        assert sum(len(row.runs) > 0 for row in found.rows.values()) == 4


def test_a_changed_default_has_no_row_for_its_own_variant(variant):
    """With --set adass.groups=1 throughout, groups=1 changes nothing."""
    own = {"groups": 1}
    records = [
        *variant("adass:r[groups=1]", own),
        *variant("a", {**own, "sandwich": True}),
        *variant("b", {**own, "columns": "own"}),
        *variant("c", {**own, "supernets": 3}),
    ]
    found = ablation_of(records)
    assert found.default == "default: AdaS&S-R[groups=1]"
    assert "groups=1" not in found.rows and len(found.rows) == len(VARIANTS)


def test_other_readings_and_settings_have_rows_too(retrained, variant):
    """The letter, a control and a setting of one's own; not effect-first mode, nor a budget."""
    records = [
        *retrained,
        *variant("adass:literal-r", LITERAL, gain=-0.05),
        *variant("adass:random", {"search": "random"}),
        *variant("adass:r[table_rate_floor=0.5]", {"table_rate_floor": 0.5}),
        *variant("adass:e", {"lambda_r": 0.0025, "lambda_c": 0.08}),
        *variant("adass:r@0.5", {"ramp": False}, budget=1000),
        *variant("adass:r+transform", {"ramp": False}, unification="transform"),
    ]
    found = ablation_of(records)
    names = {name: len(row.runs) for name, row in found.rows.items() if len(row.runs)}
    assert names == {
        "default: AdaS&S-R": 4,
        "keep_rate=0.6, keep_floor=0": 4,
        "groups=1": 4,
        "entropy=0": 3,
        "AdaS&S-R (literal)": 4,
        "search=random": 4,
        "table_rate_floor=0.5": 4,
    }
    assert list(found.rows)[-2:] == ["search=random", "table_rate_floor=0.5"]


def test_many_changed_settings_are_named_by_their_label(retrained, variant):
    """Another preset of five changes, say."""
    many = {"ramp": False, "actions": 4, "steps": 9, "evaluations": 5, "epochs": 1}
    found = ablation_of([*retrained, *variant("adass:quick", many)])
    assert list(found.rows)[-1] == "AdaS&S (quick) (5 settings)"


def test_two_variants_are_no_ablation(retrained):
    """Tables 3 and 4 hold some of these runs by the way."""
    few = [r for r in retrained if r.spec.method_config["keep_rate"] == DEFAULT["keep_rate"]]
    assert ablation.build(gather(few)) == [] and ablation.build(gather([])) == []


def test_labels_of_variants_are_judged_apart_but_presets_are_not():
    """Every setting that a study changes on adass:r, spelled as its runs are."""
    labels = [Label.parse(text) for text in APART]
    assert {label.method for label in labels} == {"adass:r"} and all(x.settings for x in labels)
    assert len(labels) == sum(variant.preset == "r" for variant in VARIANTS)
    assert "adass:r[keep_floor=0.0,keep_rate=0.6]" in APART
