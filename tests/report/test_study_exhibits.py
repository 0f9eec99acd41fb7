"""The exhibits of the studies: what they say of records made by hand, and that they draw it."""

import dataclasses
import io
from math import log2

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy.stats import kendalltau, linregress

from aesbench.core.allocation import random_sizes, sizes_text
from aesbench.report.draw.mean_mark import draw_mean
from aesbench.report.exhibits import fig4, fig5, fig6, matched, pareto, ranks, table4
from aesbench.report.exhibits.ranks import complete_blocks
from aesbench.report.page.exhibit import MISSING
from aesbench.report.statistics.agreement import entropies, pairwise_agreement, size_shares
from aesbench.report.statistics.pareto_front import pareto_front
from aesbench.report.statistics.ranks import rank_methods
from aesbench.report.statistics.scores import Place
from aesbench.report.statistics.summary import summarise
from aesbench.report.statistics.supernets import gather

CANDIDATES = (2, 8, 16, 32, 64)


def the_only(exhibits):
    """The single exhibit, after its figures have been drawn and its tables measured."""
    (exhibit,) = exhibits
    for table in exhibit.tables:
        assert len(set(table.header)) == len(table.header), table.name
        assert {len(row) for row in table.rows} == {len(table.header)}, table.name
    for figure in exhibit.figures:
        drawing, svg = Figure(figsize=figure.size, layout="constrained"), io.StringIO()
        figure.draw(drawing)
        drawing.savefig(svg, format="svg")
        assert "<path" in svg.getvalue() and "<image" not in svg.getvalue(), "pixels in an SVG"
        assert "n = " in figure.caption and figure.alternative
    return exhibit


def lines_of(table):
    """[{column: cell's value}] of a table."""
    return [{n: c.value for n, c in zip(table.header, row, strict=True)} for row in table.rows]


# Table 4


@pytest.fixture
def consistency(make_record):
    """Return the function that makes a supernet's scores, and stand-alone runs of the same sizes.

    A supernet's score is the stand-alone one of seed 0, or its opposite.
    """
    drawn = random_sizes(range(2), CANDIDATES, 20)
    alone = np.random.default_rng(0).normal(0.7, 0.01, size=(2, 20))

    def make(allocations=20, seeds=2):
        records = []
        for seed in range(seeds):
            for dims, auc in list(zip(drawn, alone[seed], strict=True))[:allocations]:
                label = f"fixed:{sizes_text(dims)}"
                records.append(make_record(label, seed, dims=dims, auc=auc, logloss=1 - auc))
        for scheme, sign in (("independent", 1), ("shared", -1)):
            scores = {
                sizes_text(dims): {"auc": sign * auc, "logloss": -sign * auc}
                for dims, auc in zip(drawn, alone[0], strict=True)
            }
            for seed in range(3):
                record = make_record(
                    f"adass[sampling=adaptive,scheme={scheme}]+20-scores",
                    seed,
                    method="adass",
                    method_config={"scheme": scheme, "sampling": "adaptive"},
                    retrain=False,
                    scores=20,
                )
                records.append(dataclasses.replace(record, scores=scores, allocation=None))
        return records, drawn, alone

    return make


def test_table4_holds_supernets_against_stand_alone_training(consistency):
    """Tau of seed 0's own scores with the mean of both seeds, as scipy has it; and its negative."""
    records, _, alone = consistency()
    exhibit = the_only(table4.build(records))
    lines = {line["supernet"]: line for line in lines_of(exhibit.tables[0])}
    expected = kendalltau(alone[0], alone.mean(0)).statistic
    ours = lines["Indep, Adaptive"]
    assert ours["AUC: tau"] == pytest.approx(expected, abs=1e-12)
    assert ours["LogLoss: tau"] == pytest.approx(expected, abs=1e-12)
    assert lines["Shared, Adaptive"]["AUC: tau"] == pytest.approx(-expected, abs=1e-12)
    assert (ours["allocations"], ours["supernets"], ours["AUC: SD"]) == (20, 3, 0)
    assert ours["AUC: low"] < expected < ours["AUC: high"]
    assert ours["AUC: paper"] == 0.7970
    halves = lines["two halves of the stand-alone seeds"]
    assert halves["AUC: tau"] == pytest.approx(kendalltau(*alone).statistic, abs=1e-12)
    assert lines["Indep, Random"]["AUC: tau"] is None and lines["Indep, Random"]["AUC: paper"]
    differences = {line["difference of tau"]: line for line in lines_of(exhibit.tables[1])}
    found = differences["Indep, Adaptive minus Shared, Adaptive"]
    assert found["AUC"] == pytest.approx(2 * expected, abs=1e-12) and found["AUC: low"] > 0
    assert differences["Indep, Adaptive minus Indep, Random"]["AUC"] is None


def test_table4_works_with_what_there_is(consistency):
    """No stand-alone run, one, or a single seed: taus are missing, the exhibit is not."""
    for allocations, seeds, has_tau in ((0, 1, False), (1, 2, False), (20, 1, True)):
        records, _, _ = consistency(allocations, seeds)
        exhibit = the_only(table4.build(records))
        line = next(li for li in lines_of(exhibit.tables[0]) if li["supernet"] == "Indep, Adaptive")
        assert (line["AUC: tau"] is not None) == has_tau
        assert lines_of(exhibit.tables[0])[-2]["AUC: tau"] is None


def test_a_stand_alone_seed_under_way_is_left_out(consistency):
    """Seed 1 has 3 of 20 allocations: the means are over seed 0, of all 20."""
    records, _, alone = consistency()
    early = [r for r in records if not (r.spec.method == "fixed" and r.spec.seed == 1)]
    late = [r for r in records if r.spec.method == "fixed" and r.spec.seed == 1][:3]
    (evidence,) = gather([*early, *late])
    assert evidence.alone.seeds == 1 and len(evidence.alone.names) == 20
    np.testing.assert_allclose(evidence.alone.scores["auc"][0], alone[0])


def test_supernets_of_other_settings_have_rows_of_their_own(consistency):
    """Beside the paper's eight rows, named by what was changed, without a published value."""
    records, _, _ = consistency()
    other = next(r for r in records if r.scores)
    label = "adass[groups=1,sampling=adaptive,scheme=independent]+20-scores"
    spec = dataclasses.replace(other.spec, label=label)
    (evidence,) = gather([*records, dataclasses.replace(other, spec=spec)])
    names = [row.name for row in evidence.rows]
    assert len(names) == 9 and names[-1] == "Indep, Adaptive, groups=1"
    assert evidence.rows[-1].published == {} and evidence.rows[-1].supernets == 1


def test_more_scores_of_a_supernet_take_the_place_of_fewer(consistency):
    """Two runs of one supernet count as one supernet."""
    records, _, _ = consistency()
    one = next(r for r in records if r.scores)
    few = dataclasses.replace(
        one,
        spec=dataclasses.replace(one.spec, scores=5, label=one.spec.label.replace("20", "5")),
        scores=dict(list(one.scores.items())[:5]),
    )
    (evidence,) = gather([few, *records])
    row = next(row for row in evidence.rows if row.name == "Indep, Adaptive")
    assert (row.supernets, row.allocations) == (3, 20)


def test_a_supernet_with_fewer_scores_does_not_shrink_the_comparison(consistency):
    """A fourth supernet scored 5 of 20 allocations: taus are over 20, of the other three."""
    records, _, _ = consistency()
    one = next(r for r in records if r.scores)
    label = one.spec.label.replace("20", "5")
    fourth = dataclasses.replace(
        one,
        spec=dataclasses.replace(one.spec, seed=3, scores=5, label=label),
        scores=dict(list(one.scores.items())[:5]),
    )
    (evidence,) = gather([*records, fourth])
    row = next(row for row in evidence.rows if row.name == "Indep, Adaptive")
    assert (row.supernets, row.allocations) == (3, 20)


def test_table4_names_the_sizes_that_a_supernet_misjudges(make_record):
    """It adds .02 to item's size 2, over noise of .001: that size is named, and user's none."""
    drawn = random_sizes(range(2), CANDIDATES, 25)
    noise = np.random.default_rng(0)
    records, scores = [], {}
    for dims in drawn:
        auc = 0.7 + 0.01 * (dims[0] > 2) + 0.01 * (dims[1] > 2) + noise.normal(0, 0.001)
        records.append(make_record(f"fixed:{sizes_text(dims)}", dims=dims, auc=auc))
        inherited = auc + 0.02 * (dims[1] == 2) + noise.normal(0, 0.001)
        scores[sizes_text(dims)] = {"auc": inherited, "logloss": 0.5}
    supernet = make_record(
        "adass[sampling=adaptive,scheme=shared]+25-scores",
        method="adass",
        method_config={"scheme": "shared", "sampling": "adaptive"},
        retrain=False,
        scores=25,
    )
    records.append(dataclasses.replace(supernet, scores=scores, allocation=None))
    exhibit = the_only(table4.build(records))
    (table,) = (table for table in exhibit.tables if "effects" in table.name)
    lines = {(line["field"], line["size"]): line for line in lines_of(table)}
    smallest = lines["item", 2]
    assert smallest["alone"] == pytest.approx(-0.008, abs=0.002)
    assert smallest["Shared, Adaptive: gap"] == pytest.approx(0.016, abs=0.002)
    assert smallest["Shared, Adaptive: Holm p"] < 1e-6
    assert all(lines["user", size]["Shared, Adaptive: Holm p"] > 0.05 for size in CANDIDATES)
    (finding,) = (text for text in exhibit.findings if "misjudges" in text)
    assert "most of all size 2 of item" in finding and "where training alone has −0.00" in finding
    inherited = [scores[sizes_text(dims)]["auc"] for dims in drawn]
    alone = [record.metrics["validation"]["auc"] for record in records[:-1]]
    shrunk = f"that it sees is one of {linregress(inherited, alone).slope / 1000:.5f} ["
    assert shrunk in finding.replace("−", "-")


# Figure 4


def test_agreement_of_searches_by_hand():
    """Three searches of two fields: the first always 8, the second 2, 2, 64."""
    sizes = np.array([[8, 2], [8, 2], [8, 64]])
    shares = size_shares(sizes, CANDIDATES)
    assert shares[0].tolist() == [0, 1, 0, 0, 0]
    assert shares[1] == pytest.approx([2 / 3, 0, 0, 0, 1 / 3])
    assert entropies(shares) == pytest.approx([0, -(2 / 3) * log2(2 / 3) - (1 / 3) * log2(1 / 3)])
    found = pairwise_agreement(sizes)
    assert found.mean == pytest.approx((1 + 1 / 3) / 2)  # Of three pairs, one agrees on the second.
    assert 0 <= found.low < found.mean < found.high <= 1
    assert pairwise_agreement(sizes[:1]).mean is None and pairwise_agreement(sizes[:2]).low is None


def test_the_agreement_of_random_searches_is_covered_by_its_interval():
    """Sizes drawn from five at random agree in a fifth of pairs; 200 samples of 12 searches."""
    draw = np.random.default_rng(0)
    found = [pairwise_agreement(draw.choice(CANDIDATES, size=(12, 8))) for _ in range(200)]
    assert np.mean([one.mean for one in found]) == pytest.approx(0.2, abs=0.01)
    assert 0.88 <= np.mean([one.low <= 0.2 <= one.high for one in found]) <= 1.0


def test_fig4_keeps_searches_of_one_state_and_from_end_to_end_apart(make_record):
    """Searches 0 to 3 of two supernets; end to end only the first of each seed counts."""
    records = [
        make_record(
            "adass:r+search-only",
            seed,
            dims=(8, 2) if search else (16, 2),
            prepare_id=f"supernet {seed}",
            search_index=search,
            retrain=False,
        )
        for seed in (0, 1)
        for search in range(4)
    ]
    records += [make_record("autodim", seed, dims=(2, (2, 64)[seed])) for seed in (0, 1)]
    exhibit = the_only(fig4.build([*records, make_record("ues:32", 0)]))
    assert sorted(exhibit.runs, key=id) == sorted(records, key=id)
    lines = {(li["method"], li["repeated"], i) for i, li in enumerate(lines_of(exhibit.tables[0]))}
    assert {(method, repeated) for method, repeated, _ in lines} == {
        ("adass:r", "one state"),
        ("adass:r", "end to end"),
        ("autodim", "end to end"),
    }
    first, _, whole, autodim = lines_of(exhibit.tables[0])
    assert (first["searches"], first["modal share"], first["least"]) == (4, 0.875, 0.75)
    assert (whole["searches"], whole["modal share"], whole["different"]) == (2, 1.0, 1)
    assert (autodim["searches"], autodim["modal share"]) == (2, 0.75)
    assert [figure.name for figure in exhibit.figures] == [
        "fig4-shared-tiny-widedeep",
        "fig4-end-to-end-tiny-widedeep",
    ]


def test_fig4_takes_sizes_from_retrained_runs_too_and_once_per_seed(make_record):
    """Search-only and retrained runs of a seed found the same: they are one search."""
    records = [make_record("adass:e", seed) for seed in range(3)]
    records += [make_record("adass:e+search-only", 0, retrain=False)]
    (line,) = lines_of(the_only(fig4.build(records)).tables[0])
    assert line["searches"] == 3
    assert fig4.build([make_record("adass:e"), make_record("ues:32", 1)]) == []


# Figure 5


def weighted(make_record, label, seed, r, c, **values):
    """A run of AdaS&S with these weights."""
    config = {"lambda_r": r, "lambda_c": c, "search": "rl"}
    return make_record(label, seed, method="adass", method_config=config, **values)


def test_fig5_finds_the_sweep_and_its_changes(make_record):
    """λ_r from 0 to .02 at λ_c = .08; AUC falls by .03 in both seeds, P-R rises by 50 %."""
    records = [
        weighted(make_record, label, seed, r, 0.08, auc=auc + 0.001 * seed, dims=(dim, dim))
        for label, r, auc, dim in (
            ("adass:e[lambda_r=0.0]", 0.0, 0.80, 32),
            ("adass:e", 0.0025, 0.79, 24),
            ("adass:e[lambda_r=0.02]", 0.02, 0.77, 16),
        )
        for seed in (0, 1)
    ]
    records.append(weighted(make_record, "adass:r", 0, 0.005, 0.04))  # Not part of any sweep.
    exhibit = the_only(fig5.build(records))
    lines = lines_of(exhibit.tables[0])
    assert [line["value"] for line in lines] == [0.0, 0.0025, 0.02]
    assert [line["P-R"] for line in lines] == [0, 0.25, 0.5]
    assert lines[0]["test AUC"] == pytest.approx(0.8005)
    assert lines[0]["test AUC: SE"] == pytest.approx(0.0005)  # .001 / sqrt(2) / sqrt(2).
    (finding,) = exhibit.findings
    assert "from λ_r = 0 to 0.02" in finding and "−0.0300" in finding and "+50.0%" in finding


def test_fig5_compares_values_over_the_same_seeds(make_record):
    """The preset has a third, worse seed from another study; without common seeds all count."""
    three = [
        weighted(make_record, f"{r}", seed, r, 0.08) for r in (0.0, 0.1, 0.2) for seed in (0, 1)
    ]
    extra = weighted(make_record, "0.1", 2, 0.1, 0.08, auc=0.5)
    lines = lines_of(the_only(fig5.build([*three, extra])).tables[0])
    assert [line["seeds"] for line in lines] == [2, 2, 2]
    assert [line["test AUC"] for line in lines] == [0.75] * 3
    apart = [weighted(make_record, f"{r}", seed, r, 0.08) for seed, r in enumerate((0.0, 0.1, 0.2))]
    assert [line["seeds"] for line in lines_of(the_only(fig5.build(apart)).tables[0])] == [1, 1, 1]


def test_fig5_needs_three_values_that_differ_in_nothing_else(make_record):
    """Two values are no sweep, nor are three of different other settings."""
    two = [weighted(make_record, f"{r}", 0, r, 0.08) for r in (0.0, 0.1)]
    assert fig5.build(two) == []
    assert fig5.build([*two, weighted(make_record, "x", 0, 0.2, 0.04)]) == []
    assert fig5.build([*two, weighted(make_record, "x", 0, 0.2, 0.08, budget=99)]) == []


# Figure 6


def test_fig6_stacks_stages_and_takes_processor_time_where_all_runs_have_it(make_record):
    """MDE has wall time in one record, AdaS&S processor time in both; FLOPs are paired by seed."""
    processor = {"prepare": 30.0, "search": 5.0}
    records = [
        *(make_record("ues:32", seed) for seed in range(2)),
        *(make_record("mde:value", seed) for seed in range(2)),
        *(
            dataclasses.replace(make_record("adass:r", seed), cpu_seconds=processor, flops=500)
            for seed in range(2)
        ),
    ]
    records[2] = dataclasses.replace(records[2], cpu_seconds=processor)
    exhibit = the_only(fig6.build(records))
    lines = {line["method"]: line for line in lines_of(exhibit.tables[0])}
    ours, mde = lines["adass:r"], lines["mde:value"]
    assert (ours["clock"], ours["prepare (s)"], ours["search (s)"], ours["both (s)"]) == (
        *("processor", 30.0, 5.0, 35.0),
    )
    assert (mde["clock"], mde["both (s)"]) == ("wall", 3.0)
    assert (ours["FLOPs / UES-32"], mde["FLOPs / UES-32"]) == (0.5, 1.0)
    assert lines["esapn"]["both (s)"] is None and lines["esapn"]["seeds"] == 0
    assert any("AdaS&S-R takes longest to search, 35.0 processor" in f for f in exhibit.findings)


def test_fig6_is_not_drawn_where_nothing_was_trained_before(make_record):
    """UES and MDE alone take no time to search."""
    quick = {"prepare": 0.0, "search": 0.001, "retrain": 4.0}
    records = [dataclasses.replace(make_record("ues:32"), seconds=quick)]
    assert fig6.build(records) == []


# Beyond the paper


def test_matched_compares_within_each_budget(make_record):
    """SSEDS beats random sizes by .02 at 50 %; at 25 % it is missing; UES-16 is its equal.

    A fifth seed of UES-16, which no method under the budget has, does not enter.
    """
    jitter = (0.0, 0.001, -0.001, 0.0005, 0.1)
    records = [
        make_record(
            label, seed, auc=auc + jitter[seed] + extra * seed, budget=budget, dims=(dim,) * 2
        )
        for label, auc, budget, dim, extra in (
            ("sseds@0.5", 0.72, 1920, 16, 1e-5),
            ("random@0.5", 0.70, 1920, 16, 0.0),
            ("random@0.25", 0.69, 960, 8, 0.0),
            ("ues:16", 0.71, None, 16, 0.0),
        )
        for seed in range(5 if label == "ues:16" else 4)
    ]
    exhibit = the_only(matched.build(records))
    scores, versus_random, versus_uniform = map(lines_of, exhibit.tables)
    by = {(line["method"], line["budget"]): line for line in scores}
    assert by["sseds", 0.5]["used"] == 0.5 and by["sseds", 0.25]["AUC"] is None
    assert "Missing: UES-8 at 25%, SSEDS at 25%." in exhibit.figures[0].caption
    assert by["ues:16", 0.5]["seeds"] == 4 and by["ues:8", 0.25]["seeds"] == 0
    found = {(line["method"], line["budget"]): line for line in versus_random}
    assert found["sseds", 0.5]["difference"] == pytest.approx(0.02, abs=1e-4)
    assert found["sseds", 0.25]["pairs"] == 0
    assert found["ues:16", 0.5]["difference"] == pytest.approx(0.01)
    uniform = {(line["method"], line["budget"]): line for line in versus_uniform}
    assert uniform["random", 0.5]["difference"] == pytest.approx(-0.01)
    assert any("50% of UES-32's parameters: SSEDS has" in text for text in exhibit.findings)
    assert any(
        "(Holm-corrected p below .05): SSEDS" in t or "UES-16, SSEDS" in t for t in exhibit.findings
    )


@pytest.mark.parametrize(("values", "half"), [([0.7, 0.8], 0.0), ([0.6, 0.7, 0.8], 0.1 * 2.4841)])
def test_a_mean_has_its_bar_from_three_seeds_on(values, half):
    """Student's half-width at n = 3 is t(.975, 2) / sqrt(3) = 2.4841 deviations, here 0.1."""
    axis = Figure().subplots()
    draw_mean(axis, 1.0, summarise(values), "ues:8", "UES")
    ((low, high),) = (s[:, 1] for c in axis.containers[0][2] for s in c.get_segments())
    assert (high - low) / 2 == pytest.approx(half, abs=1e-5)
    assert (high + low) / 2 == pytest.approx(sum(values) / len(values))


@pytest.mark.parametrize(
    ("costs", "gains", "front"),
    [
        ([1, 2, 3], [0.5, 0.7, 0.6], [0, 1]),
        ([3, 1, 2], [0.9, 0.1, 0.1], [1, 0]),
        ([1, 1, 1], [0.5, 0.7, 0.7], [1]),
        ([2, 1], [0.5, 0.5], [1]),
        ([], [], []),
    ],
)
def test_the_front_holds_what_nothing_beats(costs, gains, front):
    """Cheapest first; of equal points the first."""
    assert pareto_front(costs, gains) == front


def test_pareto_leaves_given_sizes_to_the_ground_and_variants_to_the_ablation(make_record):
    """The best of many given allocations is so by chance: it is drawn and on no front."""
    records = [
        make_record("ues:2", auc=0.70, dims=(2, 2)),
        make_record("ues:8", auc=0.72, dims=(8, 8)),
        make_record("mde:value@0.5", auc=0.71, dims=(16, 16)),
        make_record("fixed:2-8", auc=0.99, dims=(2, 8)),
        make_record("adass:r[groups=1]", auc=0.99, dims=(2, 8)),
    ]
    exhibit = the_only(pareto.build(records))
    assert len(exhibit.runs) == 3
    lines = {line["method"]: line["front"] for line in lines_of(exhibit.tables[0])}
    assert lines == {"ues:2": "yes", "ues:8": "yes", "mde:value@0.5": ""}
    assert "1 allocations that no method chose" in exhibit.figures[0].caption
    assert pareto.build(records[:2]) == []


def test_ranks_and_the_critical_difference_are_demsars():
    """Five methods on 30 sets: CD = 2.728 sqrt(5 x 6 / (6 x 30)) (Demšar 2006, Table 5)."""
    scores = np.tile(np.arange(5.0), (30, 1))
    found = rank_methods(scores)
    assert found.ranks == (5, 4, 3, 2, 1)
    assert found.critical == pytest.approx(2.728 * (30 / 180) ** 0.5, abs=1e-3)
    assert found.p < 1e-20 and found.groups() == [(0, 1), (1, 2), (2, 3), (3, 4)]
    tied = rank_methods(np.ones((4, 3)))
    assert tied.ranks == (2, 2, 2) and tied.p == 1 and tied.groups() == [(0, 2)]


def test_blocks_are_complete():
    """A place with few methods is left out where that keeps more pairs of place and method."""
    many = dict.fromkeys("abcdef", 0.5)
    places = [Place("x", "w"), Place("y", "w"), Place("z", "w")]
    scores = dict(zip(places, (many, many, {"a": 0.5, "b": 0.5, "c": 0.5}), strict=True))
    assert complete_blocks(scores) == (places[:2], list("abcdef"))
    assert complete_blocks({places[0]: many}) == ([], [])


def test_critical_differences_need_methods_that_ran_everywhere(make_record):
    """Three methods on two data sets; UES-16 is not one of them, nor is a control."""
    labels = {
        "ues:32": 0.7,
        "mde:value": 0.71,
        "adass:r": 0.72,
        "ues:16": 0.9,
        "ues:32+transform": 1,
    }
    records = [
        make_record(label, auc=auc, dataset=dataset)
        for dataset in ("one", "two")
        for label, auc in labels.items()
    ]
    exhibit = the_only(ranks.build(records))
    lines = lines_of(exhibit.tables[0])
    assert [(line["method"], line["mean rank"]) for line in lines] == [
        *(("adass:r", 1), ("mde:value", 2), ("ues:32", 3)),
    ]
    assert "clearly behind it (Nemenyi, .05): nobody" in exhibit.findings[0]
    assert ranks.build([r for r in records if r.spec.dataset == "one"]) == []


def test_what_is_missing_is_drawn_as_missing(consistency):
    """A row of Table 4 without supernets says so in the figure."""
    records, _, _ = consistency()
    figure = Figure(figsize=(9, 4))
    the_only(table4.build(records)).figures[0].draw(figure)
    texts = [text.get_text() for axis in figure.axes for text in axis.texts]
    assert texts.count("missing") == 2 * 6
    cells = the_only(table4.build(records)).tables[0].rows[0]
    assert cells[3].text == MISSING


def test_two_seeds_have_no_bar_in_the_pareto_figure(make_record):
    """Their interval, 13 standard errors to each side, would hide the others'."""
    records = [
        make_record(label, seed, auc=0.7 + seed / 1000)
        for label, n in (("ues:8", 3), ("ues:16", 3), ("ues:32", 2))
        for seed in range(n)
    ]
    (figure,) = the_only(pareto.build(records)).figures
    drawn = Figure()
    figure.draw(drawn)
    bars = drawn.axes[0].containers
    heights = [np.ptp(bar.lines[2][0].get_segments()[0][:, 1]) > 0 for bar in bars]
    assert heights == [True, True, False]
