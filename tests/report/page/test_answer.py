"""The answer in a few sentences."""

import pytest

from aesbench.plugins.paper import Claim, Paper
from aesbench.plugins.registry import PAPERS
from aesbench.report.evidence import gather
from aesbench.report.page.answer import answer


def test_it_has_five_sentences_of_the_numbers(evidence):
    """Who wins, by how much, at what cost, what the paper claims, and what held."""
    who, how_much, cost, paper, held = answer(evidence)
    assert "AdaS&S-E on ML-100K (Wide&Deep)" in who and "over 3 seeds" in who
    assert "in 1 of 1 case." in how_much
    assert "AdaS&S-E leads most often, in 1 of 1 case:" in cost and "searches for 3 s" in cost
    assert paper.startswith("AdaS&S claims: ")
    assert "by about .3 % over UES-32" in paper and "AdaS&S-R saves about 30 %" in paper
    assert held.startswith("Of the 10 claims of AdaS&S that concern these data sets")
    assert "confirmed" in held and held.endswith("not testable at this n.")


def test_the_gain_is_that_from_the_best_uniform_size(evidence):
    """Of seeds 0 to 2: .81 against the .801 of UES-16, a little more in seed 1."""
    _, how_much, cost, *_ = answer(evidence)
    assert "+0.0090 AUC" in how_much, "from the best on validation"
    assert "at a difference of +0.0100 from its AUC" in cost, "from UES-32"


def test_several_places_are_named_together(records, make_record):
    """Who leads on more of them comes first; differences are a range."""
    others = [
        make_record(label, seed, auc=auc + seed % 2 * 1e-4, dataset=dataset)
        for dataset, best in (("one", "adass:e"), ("two", "mde:value"))
        for label, auc in (("ues:32", 0.7), (best, 0.72))
        for seed in range(2)
    ]
    who, how_much, cost, *_ = answer(gather([*records, *others]))
    assert "of AdaS&S-E on ML-100K (Wide&Deep) and one (Wide&Deep); of MDE on two" in who
    assert "over 2 to 3 seeds" in who and "of 3 cases" in how_much
    assert "AdaS&S-E leads most often, in 2 of 3 cases" in cost


def test_there_is_no_answer_without_two_seeds(make_record):
    """A single run wins nothing."""
    assert answer(gather([make_record()])) == [] == answer(gather([]))


def test_an_answer_of_uniform_sizes_only_claims_no_method(make_record):
    """There is nothing to weigh, and on data of one's own no claim to judge."""
    _, _, cost = answer(gather([make_record("ues:32", seed) for seed in range(2)]))
    assert "No method that chooses sizes" in cost


def test_without_a_uniform_size_there_is_no_difference(make_record):
    """Nobody knows by how much the first is ahead."""
    _, how_much, cost = answer(gather([make_record("mine", seed) for seed in range(2)]))
    assert "nobody knows by how much" in how_much and "from its AUC" not in cost


@pytest.mark.parametrize("words", ["Ours wins.", ""])
def test_every_paper_with_a_claim_has_its_sentences(records, monkeypatch, words):
    """Its claim, where it has one in words, and the count of what became of its claims."""
    claims = (Claim("{ours} wins", "adass:e", "ues:32", difference=0.01),)
    paper = Paper("z", "Z", "Z 2026", ("adass:e",), claim=words, claims=claims)
    monkeypatch.setattr(PAPERS, "_from_files", {"z": (paper, "this test")})
    *_, own, held = answer(gather(records))
    assert own == (f"Z claims: {words}" if words else "")
    assert held == (
        "Of the 1 claim of Z that concern these data sets or their relatives: 1 confirmed,"
        " 0 not confirmed, 0 not testable at this n."
    )
