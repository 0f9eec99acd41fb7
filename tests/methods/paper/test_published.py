"""The paper's numbers as data."""

from statistics import mean

from aesbench.plugins.paper import Place
from aesbench_methods.adass.paper import PAPER
from aesbench_methods.adass.paper.published import NOTES, RELATIVES, TABLE1, TABLE2, TABLE3, TABLE4


def test_table_3_has_nine_methods_in_six_places():
    """Three data sets on two backbones; only UES-32 has no reduction."""
    assert len(TABLE3) == 6
    for scores in TABLE3.values():
        assert len(scores) == 9 and set(scores) <= set(PAPER.line_up)
        assert [label for label, score in scores.items() if score.reduction is None] == ["ues:32"]


def test_table_3_says_what_the_papers_text_says():
    """Section 4.3: AdaS&S-E gains about .3 % AUC and saves about 20 %, AdaS&S-R .1 % and 30 %."""

    def gain(label):
        return mean(scores[label].auc - scores["ues:32"].auc for scores in TABLE3.values())

    def saved(label):
        return mean(scores[label].reduction for scores in TABLE3.values())

    assert 0.0025 < gain("adass:e") < 0.0035 and 0.2 < saved("adass:e") < 0.25
    assert 0.0005 < gain("adass:r") < 0.0015 and 0.3 < saved("adass:r") < 0.35
    assert -0.0035 < gain("ues:24") < -0.0025 and 0.24 < saved("ues:24") < 0.28
    assert all(max(s, key=lambda m: s[m].auc) == "adass:e" for s in TABLE3.values())
    assert all(min(s, key=lambda m: s[m].logloss) == "adass:e" for s in TABLE3.values())


def test_a_few_numbers_are_those_of_the_paper():
    """One of each table, read from the paper."""
    cell = TABLE3[Place("ml1m", "deepfm")]["sseds"]
    assert (cell.auc, cell.logloss, cell.reduction) == (0.7899, 0.5532, 0.2283)
    assert TABLE2["criteo"].values == 7_605_436
    assert (TABLE4[-1].logloss, TABLE4[-1].auc) == (0.7904, 0.7970)
    assert [row.name for row in TABLE1 if row.stable] == ["MDE", "AdaS&S"]
    assert [row.name for row in TABLE1 if row.resource] == ["MDE", "SSEDS", "AdaS&S"]


def test_adaptive_sampling_leads_table_4_in_both_schemes():
    """As the paper says, and independent tables lead shared ones."""
    for scheme in ("Shared", "Indep"):
        rows = [row for row in TABLE4 if row.scheme == scheme]
        assert max(rows, key=lambda row: row.auc).sampling == "Adaptive" and len(rows) == 4
    for shared, independent in zip(TABLE4[:4], TABLE4[4:], strict=True):
        assert shared.auc < independent.auc and shared.logloss < independent.logloss


def test_uniform_size_24_saves_more_than_it_can_in_four_cells():
    """The inconsistency that the notes name, found in the numbers."""
    beyond = [s["ues:24"].reduction for s in TABLE3.values() if s["ues:24"].reduction > 0.25]
    assert sorted(beyond) == [0.2619, 0.2731, 0.2853, 0.2907]
    assert any("26.19 to 29.07" in note for note in NOTES)


def test_a_relative_leads_to_the_papers_data_set():
    """ML-1M without timestamps is compared with ML-1M, generated data with nothing."""
    place = Place("ml1m", "deepfm")
    assert PAPER.published_at(Place("ml1m-static", "deepfm")) == TABLE3[place]
    assert PAPER.published_at(place) == TABLE3[place]
    assert PAPER.published_at(Place("planted", "deepfm")) == {}
    assert PAPER.published_at(Place("ml1m", "another")) == {}
    assert all(relative.theirs in TABLE2 for relative in RELATIVES.values())


def test_what_a_variant_changes_is_judged_in_the_ablation_only():
    """Its labels stand in no comparison beyond; presets, which others run too, do."""
    assert "adass:r[groups=1]" in PAPER.apart
    assert not set(PAPER.apart) & set(PAPER.line_up)
    assert not {"adass:greedy", "adass:literal-r"} & set(PAPER.apart)
