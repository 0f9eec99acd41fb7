"""The first table: what each method gains at equal memory, and at what cost."""

import dataclasses

import pytest

from aesbench.plugins.exhibit import MISSING
from aesbench.plugins.paper import Place
from aesbench.report.evidence import View, gather
from aesbench.report.exhibits import overview
from aesbench.report.exhibits.overview import MOST_ROWS, place_of_most_seeds

WIDE = "tiny, Wide&Deep"


@pytest.fixture
def records(seeds):
    """UES-8 and UES-32, a method that gains, one that loses, one smaller than either size."""
    return [
        *seeds("ues:8", 0.70, dims=(8, 8)),
        *seeds("ues:32", 0.80, noise=0),
        *seeds("mde:field+tuned", 0.75, dims=(16, 16), noise=0.3),
        *seeds("adass:r", 0.79, dims=(32, 32), noise=0.3),
        *seeds("mine", 0.60, dims=(2, 2)),
    ]


def test_each_is_held_against_the_best_uniform_size_of_no_more_parameters(records, the_only, cells):
    """The difference with its interval, what was saved and the search's seconds, in one cell."""
    exhibit = the_only(overview.build, records)
    rows = cells(exhibit.tables[0])
    assert list(rows) == ["MDE (field-wise) (tuned)", "AdaS&S-R", "mine"]
    tuned = rows["MDE (field-wise) (tuned)"][WIDE]
    assert tuned.startswith("+.0500; [+.0") and tuned.endswith("; 50% saved, 3 s")
    assert rows["AdaS&S-R"][WIDE].startswith("−.0100; [")
    assert rows["mine"][WIDE].endswith("; against UES-8, larger; 94% saved, 3 s")
    assert exhibit.tables[0].tints[WIDE] == ["above", "below", ""], (
        "below what is larger tells nothing"
    )


def test_the_tests_are_those_of_the_paired_comparison(records, the_only, values):
    """With the rival named, in full."""
    found = values(the_only(overview.build, records).tables[1])
    rivals = {name: row["rival"] for name, row in found.items()}
    assert rivals["MDE (field-wise) (tuned)"] == "ues:8" and rivals["AdaS&S-R"] == "ues:32"
    assert found["AdaS&S-R"]["difference"] == pytest.approx(-0.01, abs=1e-3)
    assert found["AdaS&S-R"]["Holm p"] < 0.05 and found["mine"]["larger"]


def test_at_most_three_sentences_say_who_gains_and_who_loses(records, the_only):
    """Beyond chance only."""
    above, below = the_only(overview.build, records).findings
    assert above.startswith("Clearly above the best uniform size of at most as many parameters: ")
    assert f"MDE (field-wise) (tuned) on {WIDE} (paired" in above
    assert below == f"Clearly below it: AdaS&S-R on {WIDE}."


def test_what_became_of_claims_is_said_of_the_papers_that_were_asked_for(seeds):
    """By their names."""
    records = [*seeds("ues:32", 0.8, dataset="ml100k"), *seeds("adass:e", 0.8, dataset="ml100k")]
    (plain,) = overview.build(gather(records))
    (viewed,) = overview.build(gather(records, View(papers=("adass",))))
    assert not any("claims" in text for text in plain.findings)
    assert viewed.findings[-1].startswith("Of the 10 claims of AdaS&S that concern these data sets")


def test_a_baseline_takes_the_place_of_uniform_sizes(records, cells):
    """It has no row of its own."""
    (exhibit,) = overview.build(gather(records, View(baseline="mine")))
    rows = cells(exhibit.tables[0])
    assert "mine" not in rows and rows["AdaS&S-R"][WIDE].startswith("+.1")
    assert exhibit.findings[0].startswith("Clearly above mine: ")


def test_one_seed_has_no_interval_and_no_sentence(make_record, the_only, cells):
    """It says so; nothing is clear."""
    records = [make_record("ues:8", dims=(8, 8)), make_record("mine", dims=(8, 8), auc=0.8)]
    exhibit = the_only(overview.build, records)
    assert cells(exhibit.tables[0])["mine"][WIDE] == "+.0500; one seed; 75% saved, 3 s"
    assert exhibit.findings == []


def test_uniform_sizes_alone_have_nothing_to_gain(seeds):
    """They are what others are held against."""
    assert overview.build(gather(seeds("ues:8", 0.7))) == [] == overview.build(gather([]))


def test_failed_runs_are_counted_in_their_cell(make_record, failed, the_only, cells):
    """A method that only failed has a cell, too."""
    records = [make_record("ues:8", dims=(8, 8)), failed("mine"), failed("mine", 1)]
    assert (
        cells(the_only(overview.build, records).tables[0])["mine"][WIDE] == f"{MISSING}; 2 failed"
    )


def test_a_long_table_leaves_out_what_was_changed_by_hand(seeds, the_only, cells):
    """Tuned methods stay; the caption counts the rest, which the tested table has."""
    changed = [f"mine[alpha={number}]" for number in range(MOST_ROWS)]
    records = [r for label in (*changed, "mine", "mine+tuned") for r in seeds(label, 0.8, n=2)]
    exhibit = the_only(overview.build, records)
    assert list(cells(exhibit.tables[0])) == ["mine", "mine (tuned)"]
    assert f"{MOST_ROWS} rows of changed settings and budgets" in exhibit.tables[0].caption
    assert len(exhibit.tables[1].frame) == MOST_ROWS + 2


def test_the_place_of_most_seeds_is_shown_beside(seeds):
    """And of these the one of most methods."""
    records = [
        *seeds("ues:8", 0.7),
        *seeds("mine", 0.7),
        *seeds("ues:8", 0.7, backbone="deepfm"),
        *seeds("ues:8", 0.7, n=2, dataset="others"),
    ]
    assert place_of_most_seeds(gather(records)) == Place("tiny", "widedeep")
    assert place_of_most_seeds(gather([])) is None


def with_family(records, family):
    """Records of a method that say what kind it is."""
    return [dataclasses.replace(one, titles={"family": family}) for one in records]


@pytest.fixture
def rule(seeds):
    """A rule between both sizes, better than they are."""
    return with_family(seeds("simple", 0.81, n=6, dims=(16, 16), noise=0.2), "heuristic")


@pytest.fixture
def sizes(seeds):
    """Two uniform sizes, over six seeds."""
    return [*seeds("ues:8", 0.70, n=6, dims=(8, 8)), *seeds("ues:32", 0.80, n=6, noise=0)]


def test_it_is_said_where_the_search_is_not_worth_it(seeds, sizes, rule, the_only):
    """It beats UES-32 clearly, and not the rule that costs nothing."""
    searched = seeds("mine", 0.8095, n=6, noise=0.9)
    first, *others = the_only(overview.build, [*sizes, *rule, *searched]).findings
    assert first.startswith(f"The search is not worth it on {WIDE} (of 1 at best mine, ")
    assert "] against simple, n = 6): none is above the best uniform size or rule" in first
    assert others[0].startswith("Clearly above the best uniform size") and "all on" in others[0]


def test_it_is_not_said_where_one_search_is(seeds, sizes, rule, the_only):
    """Nor where the only rival that beats it is larger, or there is no search at all."""
    losing = seeds("mine", 0.80, n=6, noise=0.9)
    for more in (seeds("best", 0.83, n=6, noise=0.5), rule):
        records = [*sizes, *rule, *(more if more is rule else [*losing, *more])]
        records = list({one.spec.run_id: one for one in records}.values())
        assert not any("not worth" in text for text in the_only(overview.build, records).findings)


def test_few_seeds_do_not_tell(seeds, sizes, rule, the_only):
    """Four seeds of one search among others leave it open, whatever their mean."""
    full = seeds("mine", 0.79, n=6, noise=0.5)
    few = seeds("hasty", 0.70, n=4, noise=0.5)
    without, with_few = (
        the_only(overview.build, [*sizes, *rule, *full, *more]).findings for more in ([], few)
    )
    assert "not worth it" in without[0] and "not worth it" not in with_few[0]


def test_a_smaller_search_is_not_in_vain(seeds, sizes, rule, the_only):
    """Where nothing so small needs no search: only if it is clearly below what is larger."""
    for auc, is_said in ((0.70, False), (0.60, True)):
        tiny = seeds("tiny", auc, n=6, dims=(2, 2), noise=0.9)
        findings = the_only(overview.build, [*sizes, *rule, *tiny]).findings
        assert any("not worth it" in text for text in findings) == is_said


def test_nothing_is_said_of_searching_against_a_baseline(seeds, sizes, rule):
    """Whoever asks for one asks another question."""
    records = [*sizes, *rule, *seeds("mine", 0.79, n=6, noise=0.5)]
    (exhibit,) = overview.build(gather(records, View(baseline="ues:32")))
    assert not any("not worth it" in text for text in exhibit.findings)


def test_what_masks_keep_and_cost_stands_in_the_cell(records, masked, make_record, the_only, cells):
    """Under what was saved, which counts the index; the details have columns of it."""
    own = [masked(make_record("pruned", seed, auc=0.8)) for seed in (0, 1)]
    exhibit = the_only(overview.build, [*records, *own])
    table, details = exhibit.tables
    assert cells(table)["pruned"][WIDE].endswith("; 39% saved, 3 s; 2,240 kept, index 0.4 kB")
    assert "kept" not in cells(table)["mine"][WIDE]
    assert "index that finds them" in table.caption
    assert cells(details)["pruned"]["index bytes"] == "400"
    plain = the_only(overview.build, records)
    assert "index" not in plain.tables[0].caption
    assert "kept values" not in plain.tables[1].frame
