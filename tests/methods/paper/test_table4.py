"""Table 4: supernets out of runs, held against stand-alone training."""

import dataclasses

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy.stats import kendalltau, linregress

from aesbench.core.allocation import random_sizes, sizes_text
from aesbench.plugins.exhibit import MISSING
from aesbench.report.evidence import gather
from aesbench_methods.adass.paper.exhibits import table4
from aesbench_methods.adass.paper.supernets import consistencies

CANDIDATES = (2, 8, 16, 32, 64)


def found_of(records):
    """What there is at the only place of some records."""
    (found,) = consistencies(gather(records))
    return found


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


def test_table4_holds_supernets_against_stand_alone_training(consistency, the_only, values):
    """Tau of seed 0's own scores with the mean of both seeds, as scipy has it; and its negative."""
    records, _, alone = consistency()
    exhibit = the_only(table4.build, records)
    lines = values(exhibit.tables[0])
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
    differences = values(exhibit.tables[1])
    found = differences["Indep, Adaptive minus Shared, Adaptive"]
    assert found["AUC"] == pytest.approx(2 * expected, abs=1e-12) and found["AUC: low"] > 0
    assert differences["Indep, Adaptive minus Indep, Random"]["AUC"] is None


def test_the_good_half_is_that_of_the_stand_alone_scores(consistency, the_only, values):
    """Above the median of the AUC, the mean over seeds; its tau as scipy has it."""
    records, drawn, alone = consistency()
    means = alone.mean(0)
    good = means > np.median(means)
    assert good.sum() == 10
    found = found_of(records)
    assert set(found.alone.good) == {
        sizes_text(d) for d, is_in in zip(drawn, good, strict=True) if is_in
    }
    expected = kendalltau(alone[0][good], means[good]).statistic
    whole = kendalltau(alone[0], means).statistic
    assert abs(expected - whole) > 0.05, "or the test could not tell them apart"
    exhibit = the_only(table4.build, records)
    line = values(exhibit.tables[0])["Indep, Adaptive"]
    assert line["AUC, good half: tau"] == pytest.approx(expected, abs=1e-12)
    # LogLoss is 1 - AUC here, so the same allocations are ranked alike.
    assert line["LogLoss, good half: tau"] == pytest.approx(expected, abs=1e-12)
    assert line["AUC: tau"] == pytest.approx(whole, abs=1e-12)
    gaps = values(exhibit.tables[1])["Indep, Adaptive minus Shared, Adaptive"]
    assert gaps["AUC, good half"] == pytest.approx(2 * expected, abs=1e-12)
    assert "over the good half, 10 allocations, it has" in exhibit.findings[0]
    halves = values(exhibit.tables[0])["two halves of the stand-alone seeds"]
    assert np.isnan(halves["AUC, good half: tau"])  # The half is chosen by these scores.


def test_adaptation_is_held_against_its_control(consistency, the_only, values):
    """The same scores under ``constant`` as under ``adaptive``: adapting the rates is worth 0."""
    records, _, _ = consistency()
    for one in [r for r in records if r.scores and r.spec.method_config["scheme"] == "shared"]:
        label = one.spec.label.replace("adaptive", "constant")
        config = {**one.spec.method_config, "sampling": "constant"}
        spec = dataclasses.replace(one.spec, label=label, method_config=config)
        records.append(dataclasses.replace(one, spec=spec))
    exhibit = the_only(table4.build, records)
    assert "Shared, Constant" in exhibit.tables[0].column("supernet")
    gaps = values(exhibit.tables[1])["Shared, Adaptive minus Shared, Constant"]
    assert gaps["AUC"] == 0 and gaps["AUC: low"] == 0 and gaps["paper: AUC"] is None
    (finding,) = (text for text in exhibit.findings if "adapting the rates" in text)
    assert finding.startswith("tiny, Wide&Deep, by AUC: Shared, Adaptive minus Shared, Constant is")


def test_table4_works_with_what_there_is(consistency, the_only, values):
    """No stand-alone run, one, or a single seed: taus are missing, the exhibit is not."""
    for allocations, seeds, has_tau in ((0, 1, False), (1, 2, False), (20, 1, True)):
        records, _, _ = consistency(allocations, seeds)
        exhibit = the_only(table4.build, records)
        lines = values(exhibit.tables[0])
        assert (lines["Indep, Adaptive"]["AUC: tau"] is not None) == has_tau
        assert lines["two halves of the stand-alone seeds"]["AUC: tau"] is None


def test_a_stand_alone_seed_under_way_is_left_out(consistency):
    """Seed 1 has 3 of 20 allocations: the means are over seed 0, of all 20."""
    records, drawn, alone = consistency()
    early = [r for r in records if not (r.spec.method == "fixed" and r.spec.seed == 1)]
    late = [r for r in records if r.spec.method == "fixed" and r.spec.seed == 1][:3]
    found = found_of([*early, *late])
    names = [sizes_text(dims) for dims in drawn]
    assert found.alone.seeds == 1 and sorted(found.alone.sizes.index) == sorted(names)
    np.testing.assert_allclose(found.alone.scores["auc"].loc[0, names], alone[0])


def test_supernets_of_other_settings_have_rows_of_their_own(consistency, the_only, values):
    """Beside the paper's eight rows, named by what was changed, without a published value."""
    records, _, _ = consistency()
    other = next(r for r in records if r.scores)
    label = "adass[groups=1,sampling=adaptive,scheme=independent]+20-scores"
    config = {**other.spec.method_config, "groups": 1}
    spec = dataclasses.replace(other.spec, label=label, method_config=config)
    records.append(dataclasses.replace(other, spec=spec))
    table = the_only(table4.build, records).tables[0]
    names = table.column("supernet")[:-2]
    assert len(names) == 9 and names[-1] == "Indep, Adaptive, groups=1"
    line = values(table)[names[-1]]
    assert line["supernets"] == 1 and line["AUC: paper"] is line["LogLoss: paper"] is None


def test_more_scores_of_a_supernet_take_the_place_of_fewer(consistency):
    """Two runs of one supernet count as one supernet."""
    records, _, _ = consistency()
    one = next(r for r in records if r.scores)
    few = dataclasses.replace(
        one,
        spec=dataclasses.replace(one.spec, scores=5, label=one.spec.label.replace("20", "5")),
        scores=dict(list(one.scores.items())[:5]),
    )
    own = found_of([few, *records]).kinds["Indep, Adaptive"]
    assert (own.count, len(own.auc)) == (3, 20)


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
    own = found_of([*records, fourth]).kinds["Indep, Adaptive"]
    assert (own.count, len(own.auc)) == (3, 20)


def test_table4_names_the_sizes_that_a_supernet_misjudges(make_record, the_only, lines_of):
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
    exhibit = the_only(table4.build, records)
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


def test_what_is_missing_is_drawn_as_missing(consistency, the_only):
    """A row of Table 4 without supernets says so in the figure."""
    records, _, _ = consistency()
    exhibit, figure = the_only(table4.build, records), Figure(figsize=(9, 4))
    exhibit.figures[0].draw(figure)
    texts = [text.get_text() for axis in figure.axes for text in axis.texts]
    assert texts.count("missing") == 2 * 6
    assert exhibit.tables[0].column("AUC: tau")[0] == MISSING


def test_a_supernet_that_is_searched_under_both_unifications_has_two_tables(consistency, the_only):
    """Each is held against stand-alone runs of its own unification; file names tell them apart."""
    records, _, _ = consistency()
    other = [
        dataclasses.replace(r, spec=dataclasses.replace(r.spec, unification="transform"))
        for r in records
        if r.scores or r.spec.seed == 0
    ]
    exhibit = the_only(table4.build, [*records, *other])
    assert [table.name for table in exhibit.tables] == [
        f"table4{part}-tiny-widedeep-{unification}"
        for part in ("", "-differences", "-effects")
        for unification in ("plain", "transform")
    ]
    plain, transform = (table.column("AUC: tau") for table in exhibit.tables[:2])
    assert plain[-2] != MISSING and transform[-2] == MISSING and transform[3] != MISSING


def test_one_kind_of_supernet_ranks_best_of_nobody(consistency, the_only):
    """A tau below 0 is said as it is, and neither is in bold."""
    records, _, _ = consistency()
    own = [r for r in records if not r.scores or r.spec.method_config["scheme"] == "shared"]
    exhibit = the_only(table4.build, own)
    assert exhibit.findings[0].startswith(
        "tiny, Wide&Deep: 'Shared, Adaptive' has a tau by AUC of -"
    )
    assert not any(exhibit.tables[0].bold["AUC: tau"])


def test_the_highest_tau_is_said_with_what_is_beyond_chance(consistency, the_only):
    """Independent tables rank like seed 0, shared ones the other way round; the paper is named."""
    records, _, _ = consistency()
    first, second, *_ = the_only(table4.build, records).findings
    assert "'Indep, Adaptive' has the highest tau by AUC of 2 kinds of supernets, 0." in first
    assert "with a 95 % interval of the difference above 0 for 1 of the 1 other;" in first
    assert second.endswith("the AdaS&S paper has +0.016.")


def test_equal_taus_and_fewer_allocations_do_not_lead(consistency, the_only):
    """The same scores under both schemes share it; five allocations are not held against 20."""
    records, _, _ = consistency()
    scores = next(r.scores for r in records if r.scores)
    same = [dataclasses.replace(r, scores=scores) if r.scores else r for r in records]
    exhibit = the_only(table4.build, same)
    assert exhibit.findings[0].startswith(
        "tiny, Wide&Deep: 'Shared, Adaptive' and 'Indep, Adaptive' have a tau by AUC of 0."
    )
    assert sum(exhibit.tables[0].bold["AUC: tau"]) == 2
    few = dict(list(scores.items())[:5])
    fewer = [
        dataclasses.replace(r, scores=few)
        if r.scores and r.spec.method_config["scheme"] == "shared"
        else r
        for r in records
    ]
    exhibit = the_only(table4.build, fewer)
    assert exhibit.findings[0].startswith("tiny, Wide&Deep: 'Indep, Adaptive' has a tau by AUC of")
    assert not any(exhibit.tables[0].bold["AUC: tau"])
