"""Claims of papers held against records."""

import dataclasses

import pandas as pd
import pytest

from aesbench.plugins.paper import Claim, Paper, Place, Relative, Score
from aesbench.report.evidence import gather
from aesbench.report.statistics.contenders import contenders_of
from aesbench.report.statistics.paired import compare, corrected
from aesbench.report.statistics.verdicts import (
    CONFIRMED,
    NOT_CONFIRMED,
    NOT_TESTABLE,
    tally,
    verdict_of,
    verdicts,
)
from aesbench_methods.adass.paper import PAPER


def verdict(ours, published):
    """The verdict about differences between seeds, judged as a family of one."""
    one = pd.Series(ours, dtype=float)
    return verdict_of(published, corrected({"": compare(one, one * 0)}).iloc[0])


@pytest.fixture
def judged():
    """Return the function that judges a paper's claims about a data set on Wide&Deep."""

    def found(paper, dataset, records):
        evidence = gather(records)
        rows = contenders_of(evidence, evidence.runs, paper)
        return verdicts(evidence, paper, Place(dataset, "widedeep"), rows)

    return found


def test_a_clear_difference_confirms_or_refutes_a_claim():
    """The published sign decides."""
    assert verdict([0.0030, 0.0031, 0.0029, 0.0032], 0.003) == CONFIRMED
    assert verdict([-0.0030, -0.0031, -0.0029, -0.0032], 0.003) == NOT_CONFIRMED


def test_no_difference_refutes_only_what_would_have_been_seen():
    """With a deviation of .0001 four seeds would show .003, and not .0001."""
    flat = [0.0001, -0.0001, 0.00005, -0.00005]
    assert verdict(flat, 0.003) == NOT_CONFIRMED
    assert verdict(flat, 0.0001) == NOT_TESTABLE
    assert verdict([0.003], 0.003) == NOT_TESTABLE
    assert verdict([], 0.003) == NOT_TESTABLE
    assert verdict([0.0030, 0.0031, 0.0029, 0.0032], None) == NOT_TESTABLE


@pytest.fixture
def records(seeds):
    """On ML-1M static AdaS&S-E gains as the paper says, and AdaS&S-R saves less than MDE."""
    place = {"dataset": "ml1m-static"}
    return [
        *seeds("ues:32", 0.80, noise=0, **place),
        *seeds("mde:quarter", 0.795, dims=(2, 2), validation_auc=0.9, **place),
        *seeds("autodim", 0.801, validation_auc=0.8, **place),
        *seeds("adass:e", 0.81, **place),
        *seeds("adass:r", 0.80, dims=(16, 16), **place),
    ]


def test_claims_about_a_relative_are_judged_by_our_runs(judged, records):
    """The rival is the best on validation, though AutoDim is better on test."""
    claims = judged(PAPER, "ml1m-static", records).set_index("claim")
    gain = claims.loc["AdaS&S-E beats UES-32 by AUC"]
    assert gain["verdict"] == CONFIRMED and gain["difference"] == pytest.approx(0.01, abs=1e-4)
    assert claims.loc["MDE (25 % saved) is below UES-32 by AUC", "verdict"] == CONFIRMED
    assert claims.loc["ESAPN is below UES-32 by AUC", "verdict"] == NOT_TESTABLE
    rival = claims.loc["AdaS&S-E beats the best past AES method (MDE (25 % saved)) by AUC"]
    assert rival["difference"] == pytest.approx(0.015)
    assert rival["paper"] == pytest.approx(0.7905 - 0.7881)  # AutoDim's, the best of theirs.
    assert claims.loc["AdaS&S-R beats UES-32 by AUC", "paper"] == pytest.approx(0.7882 - 0.7873)
    assert len(judged(PAPER, "planted", records)) == 0


def test_the_rival_is_chosen_over_common_seeds(judged, records, make_record):
    """AutoDim is better on validation in seeds that MDE does not have: these choose nothing."""
    more = [
        make_record("autodim", seed, auc=0.801, validation_auc=1.0, dataset="ml1m-static")
        for seed in range(4, 20)
    ]
    claims = judged(PAPER, "ml1m-static", [*records, *more]).set_index("claim")
    assert "AdaS&S-E beats the best past AES method (MDE (25 % saved)) by AUC" in claims.index


def test_what_has_no_variance_is_not_tested(judged, records):
    """Every seed saves the same: the difference is there, p is not, and neither is a verdict."""
    claims = judged(PAPER, "ml1m-static", records).set_index("claim")
    saving = claims.loc[
        "AdaS&S-R saves more of the embedding than any past AES method (MDE (25 % saved))"
    ]
    assert saving["difference"] == pytest.approx(0.5 - 0.9375)
    assert saving["Holm p"] is None and saving["verdict"] == NOT_TESTABLE


def test_a_saving_that_varies_is_judged(judged, records, make_record):
    """One of four searches of AdaS&S-R saves a little more: MDE saves clearly more, still."""
    other = make_record("adass:r", 0, dims=(8, 16), dataset="ml1m-static")
    others = [r for r in records if (r.spec.label, r.spec.seed) != ("adass:r", 0)]
    claims = judged(PAPER, "ml1m-static", [*others, other]).set_index("claim")
    saving = claims.loc[
        "AdaS&S-R saves more of the embedding than any past AES method (MDE (25 % saved))"
    ]
    assert saving["difference"] < -0.3 and saving["verdict"] == NOT_CONFIRMED


def test_a_difference_that_a_claim_states_needs_no_published_scores(judged, records):
    """It is judged everywhere; one that is read off scores only where they are."""
    stated = Claim("{ours} {verb} UES-32", "adass:e", "ues:32", difference=0.01)
    read = Claim("{ours} {verb} UES-32 in print", "adass:e", "ues:32")
    paper = Paper("one", "One", "", ("ues:32", "adass:e"), claims=(stated, read))
    assert list(judged(paper, "ml1m-static", records)["claim"]) == ["AdaS&S-E beats UES-32"]
    scores = {"ues:32": Score(auc=0.8), "adass:e": Score(auc=0.79)}
    published = dataclasses.replace(
        paper,
        published={Place("ml1m", "widedeep"): scores},
        relatives={"ml1m-static": Relative("ml1m", "the same")},
    )
    found = judged(published, "ml1m-static", records).set_index("claim")
    assert found.loc["AdaS&S-E is below UES-32 in print", "verdict"] == NOT_CONFIRMED
    assert found.loc["AdaS&S-E is below UES-32 in print", "paper"] == pytest.approx(-0.01)


def test_a_method_that_the_paper_does_not_print_leaves_its_claim_open(judged, records):
    """Nothing was published to be confirmed."""
    paper = dataclasses.replace(PAPER, claims=(Claim("{ours} wins", "random", "ues:32"),))
    (row,) = judged(paper, "ml1m-static", records).to_dict("records")
    assert row["verdict"] == NOT_TESTABLE and row["paper"] is None


def test_verdicts_are_counted_in_words():
    """All three are named, in their order."""
    words = tally([NOT_CONFIRMED, CONFIRMED, CONFIRMED])
    assert words == "2 confirmed, 1 not confirmed, 0 not testable at this n"
